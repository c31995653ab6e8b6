//! The file `MLproject`: entry points with typed parameters, by MLflow's rules.

use super::platform::{SHELL, quoted};
use super::task::{EntryPoint, Parameter, ParameterKind};
use super::yaml;
use serde_json::{Map, Value};
use yaml_rust2::Yaml;

/// What is wrong with a file, and where.
pub(super) type Problem = (String, Option<usize>);

/// The entry points that an `MLproject` names.
pub(super) fn entry_points(source: &str) -> Result<Vec<EntryPoint>, Problem> {
    let document = yaml::parse(source).map_err(|(what, line)| (what, Some(line)))?;
    let Some(named) = document["entry_points"].as_hash() else {
        return Ok(Vec::new());
    };
    named.iter().map(|(name, body)| entry_point(name, body)).collect()
}

fn entry_point(name: &Yaml, body: &Yaml) -> Result<EntryPoint, Problem> {
    let name = yaml::text(name).ok_or(("An entry point has a name.".to_owned(), None))?;
    let command = body["command"]
        .as_str()
        .ok_or_else(|| (format!("Entry point '{name}' has no command."), None))?;
    let parameters = body["parameters"].as_hash().into_iter().flatten();
    let parameters = parameters.filter_map(|(name, body)| parameter(&yaml::text(name)?, body));
    Ok(EntryPoint { command: command.to_owned(), parameters: parameters.collect(), name })
}

/// `name: type`, or `name: {type, default}`; a type that MLflow does not know is a text.
fn parameter(name: &str, body: &Yaml) -> Option<Parameter> {
    let (kind, default) = match body {
        Yaml::Hash(_) => (body["type"].as_str().unwrap_or("string"), yaml::text(&body["default"])),
        other => (other.as_str()?, None),
    };
    let parsed = match kind {
        "float" => ParameterKind::Float,
        "int" | "integer" => ParameterKind::Int,
        _ => ParameterKind::Str,
    };
    let number = |text: &str| serde_json::from_str(text).ok().filter(Value::is_number);
    let value = default.as_ref().map(|text| match parsed {
        ParameterKind::Str => Value::String(text.clone()),
        _ => number(text).unwrap_or_else(|| Value::String(text.clone())),
    });
    Some(Parameter {
        name: name.to_owned(),
        kind: parsed,
        optional: false,
        required: value.is_none(),
        default: value,
        default_text: None,
        annotation: kind.to_owned(),
    })
}

fn written(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// The program and its arguments that run an entry point: its command belongs to a shell,
/// and each value is one word of it. In one pass, so that what a value says is never read
/// as a name.
pub(super) fn command(entry: &EntryPoint, given: &Map<String, Value>) -> Vec<String> {
    let mut line = String::new();
    let mut rest = entry.command.as_str();
    while let Some(open) = rest.find('{') {
        let (before, after) = rest.split_at(open);
        line.push_str(before);
        let named = entry.parameters.iter().find(|parameter| {
            let name = parameter.name.as_str();
            after[1..].strip_prefix(name).is_some_and(|end| end.starts_with('}'))
        });
        let Some(parameter) = named else {
            line.push('{');
            rest = &after[1..];
            continue;
        };
        let value = given.get(&parameter.name).or(parameter.default.as_ref());
        line.push_str(&value.map(|value| quoted(&written(value))).unwrap_or_default());
        rest = &after[parameter.name.len() + 2..];
    }
    line.push_str(rest);
    SHELL.map(str::to_owned).into_iter().chain([line]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const SOURCE: &str = "name: x
entry_points:
  main:
    parameters:
      alpha: {type: float, default: 0.05}
      data: path
    command: \"python train.py --alpha {alpha} {data}\"
";

    #[test]
    fn parameters_have_types_and_defaults() {
        let entries = entry_points(SOURCE).unwrap();
        let [alpha, data] = &entries[0].parameters[..] else { panic!("two parameters") };
        assert_eq!((&alpha.kind, &alpha.default), (&ParameterKind::Float, &Some(json!(0.05))));
        assert!(data.required && data.kind == ParameterKind::Str);
    }

    #[test]
    fn a_value_is_one_word_of_the_shells() {
        let entry = entry_points(SOURCE).unwrap().swap_remove(0);
        let given = Map::from_iter([("data".to_owned(), json!("a; rm -rf 'b'"))]);
        let line = command(&entry, &given).pop().unwrap();
        #[cfg(unix)]
        assert_eq!(line, r#"python train.py --alpha 0.05 'a; rm -rf '"'"'b'"'"''"#);
        assert!(line.contains("rm -rf"));
    }

    #[test]
    fn a_value_that_looks_like_a_name_stays_a_value() {
        let source =
            "entry_points: {m: {parameters: {a: string, b: string}, command: '{a} {b} {c}'}}";
        let entry = entry_points(source).unwrap().swap_remove(0);
        let given = Map::from_iter([("a".into(), json!("{b}")), ("b".into(), json!("x"))]);
        let line = command(&entry, &given).pop().unwrap();
        #[cfg(unix)]
        assert_eq!(line, "'{b}' x {c}");
        assert!(line.ends_with("{c}"), "what is no parameter stays");
    }

    #[test]
    fn what_is_no_yaml_says_where() {
        let (what, line) = entry_points("a: [1\nb: }").unwrap_err();
        assert!(!what.is_empty() && line.is_some());
    }
}
