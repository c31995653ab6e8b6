//! From bytes to a typed request. A well-formed body is read once, straight into
//! its type; everything else takes the slow path, which finds out what to say.

use crate::explain::{spelled_twice, wrong_type};
use crate::nonfinite;
use branchline_core::{Error, Result};
use serde::de::DeserializeOwned;
use serde_json::Value;
use serde_path_to_error::{Path, Segment};

/// Reads a JSON body. An empty one stands for a message without fields.
pub fn from_body<T: DeserializeOwned>(body: &[u8]) -> Result<T> {
    match serde_json::from_slice(body) {
        Ok(request) => Ok(request),
        Err(_) if body.trim_ascii().is_empty() => from_value(Value::Object(Default::default())),
        Err(_) => match nonfinite::quote(body) {
            Some(quoted) => serde_json::from_slice(&quoted).or_else(|_| slowly(&quoted)),
            None => slowly(body),
        },
    }
}

/// Reads the query of a GET, in which a list is a repeated key.
pub fn from_query<T: DeserializeOwned>(query: &str) -> Result<T> {
    let reader = serde_html_form::Deserializer::from_bytes(query.as_bytes());
    serde_path_to_error::deserialize(reader).map_err(|error| {
        let field = name(error.path());
        let top = field.split(['[', '.']).next().unwrap_or_default();
        let pairs: Vec<(String, String)> = serde_html_form::from_str(query).unwrap_or_default();
        match pairs.into_iter().find(|(key, _)| key == top) {
            Some((_, value)) => wrong_type(&field, &Value::String(value)),
            None => Error::invalid(format!("The query is not understood: {}", error.inner())),
        }
    })
}

fn slowly<T: DeserializeOwned>(body: &[u8]) -> Result<T> {
    let value: Value = serde_json::from_slice(body).map_err(|error| {
        Error::invalid(format!("Bad Request. The body is not valid JSON: {error}.")).source(error)
    })?;
    match value {
        // Old clients encode their JSON twice.
        Value::String(text) if text.starts_with('{') => slowly(text.as_bytes()),
        Value::Null => from_value(Value::Object(Default::default())),
        Value::Object(_) => from_value(value),
        _ => Err(Error::invalid("Bad Request. The body must be a JSON object.")),
    }
}

fn from_value<T: DeserializeOwned>(value: Value) -> Result<T> {
    reject_double_spelling(&value)?;
    serde_path_to_error::deserialize(&value).map_err(|error| {
        let culprit = find(&value, error.path()).unwrap_or(&Value::Null);
        wrong_type(&name(error.path()), culprit)
    })
}

/// A body that spells one field in two ways means two things; guessing which one
/// is meant would be wrong half of the time.
fn reject_double_spelling(value: &Value) -> Result<()> {
    match value {
        Value::Object(fields) => {
            for (key, inner) in fields {
                let camel = camel_case(key);
                if camel != *key && fields.contains_key(&camel) {
                    return Err(spelled_twice(key, &camel));
                }
                reject_double_spelling(inner)?;
            }
            Ok(())
        }
        Value::Array(items) => items.iter().try_for_each(reject_double_spelling),
        _ => Ok(()),
    }
}

fn camel_case(snake: &str) -> String {
    let mut camel = String::with_capacity(snake.len());
    let mut raise = false;
    for letter in snake.chars() {
        if letter == '_' {
            raise = true;
        } else if raise {
            camel.extend(letter.to_uppercase());
            raise = false;
        } else {
            camel.push(letter);
        }
    }
    camel
}

fn find<'v>(value: &'v Value, path: &Path) -> Option<&'v Value> {
    path.iter().try_fold(value, |value, segment| match segment {
        Segment::Seq { index } => value.get(index),
        Segment::Map { key } => value.get(key),
        _ => Some(value),
    })
}

/// The path as MLflow writes it: `metrics[3].value`.
fn name(path: &Path) -> String {
    path.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scalar::{Double, Int64, List};
    use serde::Deserialize;

    #[derive(Debug, Deserialize, PartialEq)]
    struct Inner {
        value: Option<Double>,
    }

    #[derive(Debug, Deserialize, PartialEq)]
    struct Request {
        name: Option<String>,
        #[serde(alias = "maxResults")]
        max_results: Option<Int64>,
        #[serde(default, alias = "orderBy")]
        order_by: List<String>,
        #[serde(default)]
        metrics: List<Inner>,
        flag: Option<bool>,
    }

    fn body(json: &str) -> Result<Request> {
        from_body(json.as_bytes())
    }

    #[track_caller]
    fn refused(json: &str) -> String {
        body(json).unwrap_err().message
    }

    #[test]
    fn both_spellings_are_understood_and_others_ignored() {
        let request = body(r#"{"maxResults":"5","order_by":["a"],"unknown":{"x":[1]}}"#).unwrap();
        assert_eq!(request.max_results, Some(Int64(5)));
        assert_eq!(request.order_by.0, ["a"]);
        let request = body(r#"{"max_results":5,"orderBy":null,"name":null}"#).unwrap();
        assert_eq!((request.max_results, request.name), (Some(Int64(5)), None));
    }

    #[test]
    fn one_spelling_at_a_time() {
        assert_eq!(
            refused(r#"{"max_results":5,"maxResults":5}"#),
            "Request specifies both 'max_results' and 'maxResults'; provide only one of them."
        );
    }

    #[test]
    fn of_a_key_given_twice_the_last_counts() {
        assert_eq!(body(r#"{"name":"a","name":"b"}"#).unwrap().name.as_deref(), Some("b"));
    }

    #[test]
    fn a_wrong_type_is_named_with_its_value() {
        assert_eq!(
            refused(r#"{"name":123}"#),
            "Invalid value 123 for parameter 'name' supplied:  Hint: Value was of type 'int'. \
             See the API docs for more information about request parameters."
        );
        assert!(refused(r#"{"max_results":"abc"}"#).starts_with(
            "Invalid value \"abc\" for parameter 'max_results' supplied:  Hint: Value was of type 'str'."
        ));
        assert!(
            refused(r#"{"metrics":[{"value":1},{"value":"x"}]}"#)
                .starts_with("Invalid value \"x\" for parameter 'metrics[1].value' supplied:")
        );
        assert!(
            refused(r#"{"metrics":"x"}"#)
                .starts_with("Invalid value \"x\" for parameter 'metrics' supplied:")
        );
    }

    #[test]
    fn long_values_are_not_echoed_whole() {
        let text = "v".repeat(10_000);
        assert!(refused(&format!(r#"{{"flag":"{text}"}}"#)).len() < 800);
    }

    #[test]
    fn bare_words_of_python_are_numbers() {
        let request = body(r#"{"metrics":[{"value":NaN},{"value":-Infinity}]}"#).unwrap();
        assert!(request.metrics.0[0].value.is_some_and(|v| v.0.is_nan()));
        assert_eq!(request.metrics.0[1].value, Some(Double(f64::NEG_INFINITY)));
        assert!(refused(r#"{"name":5,"metrics":[{"value":NaN}]}"#).contains("'name'"));
    }

    #[test]
    fn no_body_is_an_empty_message() {
        for empty in ["", " \n", "null", "{}"] {
            assert_eq!(body(empty).unwrap().name, None, "{empty:?}");
        }
    }

    #[test]
    fn json_encoded_twice_is_read() {
        assert_eq!(body(r#""{\"name\":\"twice\"}""#).unwrap().name.as_deref(), Some("twice"));
    }

    #[test]
    fn what_is_no_object_is_refused() {
        assert!(refused("{not json").contains("not valid JSON"));
        assert!(refused("[]").contains("JSON object"));
        assert!(refused("5").contains("JSON object"));
        assert!(refused("\"x\"").contains("JSON object"));
    }

    #[test]
    fn depth_is_limited() {
        let deep = format!(r#"{{"metrics":{}1{}}}"#, "[".repeat(100_000), "]".repeat(100_000));
        assert!(body(&deep).is_err());
        let deep = "{\"a\":".repeat(100_000);
        assert!(refused(&deep).contains("not valid JSON"));
    }

    #[test]
    fn a_query_repeats_keys_for_lists() {
        let request: Request =
            from_query("name=a%20b%2Bc+d&order_by=x&order_by=y&max_results=7&flag=true").unwrap();
        assert_eq!(request.name.as_deref(), Some("a b+c d"));
        assert_eq!(request.order_by.0, ["x", "y"]);
        assert_eq!((request.max_results, request.flag), (Some(Int64(7)), Some(true)));
        let request: Request = from_query("order_by=x").unwrap();
        assert_eq!(request.order_by.0, ["x"]);
        assert_eq!(from_query::<Request>("").unwrap().name, None);
    }

    #[test]
    fn a_query_with_a_wrong_type_is_explained() {
        let error = from_query::<Request>("name=a&max_results=abc").unwrap_err();
        assert!(
            error
                .message
                .starts_with("Invalid value \"abc\" for parameter 'max_results' supplied:"),
            "{error}"
        );
        let error = from_query::<Request>("flag=maybe").unwrap_err();
        assert!(error.message.contains("'flag'"), "{error}");
    }
}
