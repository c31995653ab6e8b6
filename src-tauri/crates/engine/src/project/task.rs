//! What a project offers to run: functions and entry points, with what they take.

use serde_json::{Map, Number, Value};

/// What a parameter holds.
#[derive(Debug, Clone, PartialEq)]
pub enum ParameterKind {
    /// A whole number.
    Int,
    /// A number.
    Float,
    /// A text.
    Str,
    /// True or false.
    Bool,
    /// A JSON array.
    List,
    /// A JSON object.
    Dict,
    /// One of these values.
    Choice(Vec<Value>),
    /// Any JSON.
    Json,
}

impl ParameterKind {
    /// Its name.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Int => "int",
            Self::Float => "float",
            Self::Str => "str",
            Self::Bool => "bool",
            Self::List => "list",
            Self::Dict => "dict",
            Self::Choice(_) => "choice",
            Self::Json => "json",
        }
    }

    /// The value as the kind has it, or what it should have been.
    fn read(&self, value: &Value) -> Result<Value, String> {
        let fine = |is: bool, what: &str| if is { Ok(value.clone()) } else { Err(what.to_owned()) };
        match self {
            Self::Int => whole(value).ok_or_else(|| "a whole number".to_owned()),
            Self::Float => fine(value.is_number(), "a number"),
            Self::Str => fine(value.is_string(), "a text"),
            Self::Bool => fine(value.is_boolean(), "true or false"),
            Self::List => fine(value.is_array(), "a JSON array"),
            Self::Dict => fine(value.is_object(), "a JSON object"),
            Self::Choice(choices) => {
                let names: Vec<String> = choices.iter().map(Value::to_string).collect();
                fine(choices.contains(value), &format!("one of {}", names.join(", ")))
            }
            Self::Json => Ok(value.clone()),
        }
    }
}

/// A whole number, also where it was written as `3.0`.
fn whole(value: &Value) -> Option<Value> {
    if value.is_i64() || value.is_u64() {
        return Some(value.clone());
    }
    let number =
        value.as_f64().filter(|number| number.fract() == 0.0 && number.abs() < 2f64.powi(53))?;
    #[expect(clippy::cast_possible_truncation, reason = "it is whole and below 2^53")]
    Some(Value::Number(Number::from(number as i64)))
}

/// What a task takes.
#[derive(Debug, Clone, PartialEq)]
pub struct Parameter {
    /// Its name.
    pub name: String,
    /// What it holds.
    pub kind: ParameterKind,
    /// It may be null.
    pub optional: bool,
    /// It has to be given.
    pub required: bool,
    /// What it is when not given, where that is known.
    pub default: Option<Value>,
    /// What it is when not given, as the code says it.
    pub default_text: Option<String>,
    /// Its type, as the code says it.
    pub annotation: String,
}

/// A function of a project.
#[derive(Debug, Clone, PartialEq)]
pub struct TaskFunction {
    /// `file.function`.
    pub name: String,
    /// Its file, from the project's folder.
    pub file: String,
    /// Its own name.
    pub function: String,
    /// Its line.
    pub line: u32,
    /// Its docstring.
    pub doc: String,
    /// What it takes.
    pub parameters: Vec<Parameter>,
}

/// An entry point of `MLproject`.
#[derive(Debug, Clone, PartialEq)]
pub struct EntryPoint {
    /// Its name.
    pub name: String,
    /// What a shell runs, with `{names}` of parameters.
    pub command: String,
    /// What it takes.
    pub parameters: Vec<Parameter>,
}

/// What is given, checked: each parameter by its type, and no others. What is wrong is told
/// field by field.
pub(super) fn check(
    parameters: &[Parameter],
    mut given: Map<String, Value>,
) -> Result<Map<String, Value>, Vec<(String, String)>> {
    let mut wrong = Vec::new();
    let mut checked = Map::new();
    for parameter in parameters {
        match given.remove(&parameter.name) {
            None if parameter.required => {
                wrong.push((parameter.name.clone(), "It has to be given.".to_owned()));
            }
            None => {}
            Some(Value::Null) if parameter.optional => {
                checked.insert(parameter.name.clone(), Value::Null);
            }
            Some(value) => match parameter.kind.read(&value) {
                Ok(value) => drop(checked.insert(parameter.name.clone(), value)),
                Err(what) => wrong.push((parameter.name.clone(), format!("It is {what}."))),
            },
        }
    }
    let known: Vec<&str> = parameters.iter().map(|parameter| parameter.name.as_str()).collect();
    for name in given.keys() {
        let there = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
        wrong.push((name.clone(), format!("There is no such parameter; there are: {there}.")));
    }
    if wrong.is_empty() { Ok(checked) } else { Err(wrong) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn parameter(name: &str, kind: ParameterKind) -> Parameter {
        Parameter {
            name: name.into(),
            kind,
            optional: false,
            required: true,
            default: None,
            default_text: None,
            annotation: String::new(),
        }
    }

    fn checked(kind: ParameterKind, value: Value) -> Result<Value, String> {
        let given = Map::from_iter([("p".to_owned(), value)]);
        match check(&[parameter("p", kind)], given) {
            Ok(mut checked) => Ok(checked.remove("p").unwrap()),
            Err(wrong) => Err(wrong[0].1.clone()),
        }
    }

    #[test]
    fn each_value_is_checked_by_its_type() {
        assert_eq!(checked(ParameterKind::Int, json!(3.0)), Ok(json!(3)));
        assert_eq!(checked(ParameterKind::Int, json!(3.5)), Err("It is a whole number.".into()));
        assert_eq!(checked(ParameterKind::Float, json!(1)), Ok(json!(1)));
        assert!(checked(ParameterKind::Float, json!("1")).is_err());
        assert!(checked(ParameterKind::Bool, json!(1)).is_err());
        let choice = || ParameterKind::Choice(vec![json!("a"), json!(2)]);
        assert_eq!(checked(choice(), json!(2)), Ok(json!(2)));
        assert_eq!(checked(choice(), json!("b")), Err("It is one of \"a\", 2.".into()));
        assert!(checked(ParameterKind::Str, Value::Null).is_err(), "null is not for everybody");
    }

    #[test]
    fn what_is_missing_and_what_is_unknown_is_told_field_by_field() {
        let parameters = [parameter("alpha", ParameterKind::Float)];
        let wrong = check(&parameters, Map::from_iter([("alhpa".to_owned(), json!(1))]));
        let wrong = wrong.unwrap_err();
        assert_eq!(wrong[0], ("alpha".to_owned(), "It has to be given.".to_owned()));
        assert_eq!(wrong[1].0, "alhpa");
        assert!(wrong[1].1.contains("there are: alpha"), "{}", wrong[1].1);
    }
}
