//! MLflow's words for requests that break the rules of the wire. Its users and
//! tests know these sentences.

use branchline_core::Error;
use serde_json::Value;

const SEE_DOCS: &str = "See the API docs for more information about request parameters.";
const LONGEST_SHOWN: usize = 500;

/// A required field that is absent or empty.
pub fn missing(field: &str) -> Error {
    Error::invalid(format!("Missing value for required parameter '{field}'. {SEE_DOCS}"))
}

/// A field of the wrong type.
pub(crate) fn wrong_type(field: &str, value: &Value) -> Error {
    Error::invalid(format!(
        "Invalid value {} for parameter '{field}' supplied:  Hint: Value was of type '{}'. {SEE_DOCS}",
        shown(value),
        python_type(value),
    ))
}

/// A field whose value is out of its range; `rule` says what is right.
pub fn out_of_range(field: &str, value: i64, rule: &str) -> Error {
    Error::invalid(format!("Invalid value {value} for parameter '{field}' supplied. {rule}"))
}

/// A field that is spelled in two ways at once.
pub(crate) fn spelled_twice(snake: &str, camel: &str) -> Error {
    Error::invalid(format!(
        "Request specifies both '{snake}' and '{camel}'; provide only one of them."
    ))
}

/// The field's value if it has one.
pub fn required<T>(field: &str, value: Option<T>) -> Result<T, Error> {
    value.ok_or_else(|| missing(field))
}

/// The field's text if it has one; empty is none.
pub fn required_text(field: &str, value: Option<String>) -> Result<String, Error> {
    value.filter(|text| !text.is_empty()).ok_or_else(|| missing(field))
}

fn shown(value: &Value) -> String {
    let mut text = value.to_string();
    if let Some((end, _)) = text.char_indices().nth(LONGEST_SHOWN) {
        text.truncate(end);
        text.push('…');
    }
    text
}

fn python_type(value: &Value) -> &'static str {
    match value {
        Value::Null => "NoneType",
        Value::Bool(_) => "bool",
        Value::Number(number) if number.is_f64() => "float",
        Value::Number(_) => "int",
        Value::String(_) => "str",
        Value::Array(_) => "list",
        Value::Object(_) => "dict",
    }
}
