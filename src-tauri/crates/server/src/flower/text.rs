//! How Celery and Flower write things.

use branchline_core::{Error, Result};
use chrono::{DateTime, NaiveDateTime};
use serde_json::Value;

/// Seconds since 1970.
#[expect(clippy::cast_precision_loss, reason = "times are below 2^53 ms")]
pub(super) fn seconds(ms: i64) -> f64 {
    ms as f64 / 1000.0
}

/// A moment as Celery's events write it.
pub(super) fn iso(ms: i64) -> Option<String> {
    Some(DateTime::from_timestamp_millis(ms)?.format("%Y-%m-%dT%H:%M:%S%.6f+00:00").to_string())
}

/// Reads Flower's `2026-01-31 12:00`, in UTC.
pub(super) fn minute(text: &Option<String>) -> Result<Option<i64>> {
    let Some(text) = text.as_deref().filter(|text| !text.is_empty()) else { return Ok(None) };
    NaiveDateTime::parse_from_str(text, "%Y-%m-%d %H:%M")
        .map(|time| Some(time.and_utc().timestamp_millis()))
        .map_err(|_odd| Error::invalid(format!("'{text}' is no time such as 2026-01-31 12:00.")))
}

fn quoted(text: &str) -> String {
    let quote = if text.contains('\'') && !text.contains('"') { '"' } else { '\'' };
    let mut written = String::from(quote);
    for letter in text.chars() {
        match letter {
            '\\' => written.push_str("\\\\"),
            '\n' => written.push_str("\\n"),
            '\r' => written.push_str("\\r"),
            '\t' => written.push_str("\\t"),
            letter if letter == quote => {
                written.push('\\');
                written.push(letter);
            }
            letter => written.push(letter),
        }
    }
    written.push(quote);
    written
}

/// A value as Python shows it.
pub(super) fn repr(value: &Value) -> String {
    match value {
        Value::Null => "None".to_owned(),
        Value::Bool(true) => "True".to_owned(),
        Value::Bool(false) => "False".to_owned(),
        Value::Number(number) => number.to_string(),
        Value::String(text) => quoted(text),
        Value::Array(items) => {
            let items: Vec<String> = items.iter().map(repr).collect();
            format!("[{}]", items.join(", "))
        }
        Value::Object(fields) => {
            let fields: Vec<String> = fields
                .iter()
                .map(|(key, value)| format!("{}: {}", quoted(key), repr(value)))
                .collect();
            format!("{{{}}}", fields.join(", "))
        }
    }
}

/// JSON text as Python shows it.
pub(super) fn repr_json(text: &str) -> String {
    serde_json::from_str(text).map_or_else(|_odd| text.to_owned(), |value| repr(&value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_shown_as_python_shows_them() {
        let shown = repr_json(r#"["it's", "a\"b'\n", 1.5, true, null, {"a": [2]}]"#);
        assert_eq!(shown, r#"["it's", 'a"b\'\n', 1.5, True, None, {'a': [2]}]"#);
    }

    #[test]
    fn times_are_read_and_written() {
        assert_eq!(minute(&Some("1970-01-01 00:01".into())).unwrap(), Some(60_000));
        assert_eq!(minute(&None).unwrap(), None);
        assert!(minute(&Some("soon".into())).is_err());
        assert_eq!(iso(1).unwrap(), "1970-01-01T00:00:00.001000+00:00");
    }
}
