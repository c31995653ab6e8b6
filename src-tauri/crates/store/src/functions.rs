//! What SQLite is taught: regular expressions, attributes of spans, quantiles, locations.

use branchline_core::location::one_writing;
use branchline_core::{Error, Result};
use regex::{Regex, RegexBuilder};
use rusqlite::functions::{Aggregate, Context, FunctionFlags};
use rusqlite::types::ValueRef;
use rusqlite::{Connection, Error as SqlError};
use serde_json::value::RawValue;
use std::collections::HashMap;

/// What a compiled expression may take, in bytes; matching needs time in proportion to
/// the text whatever the expression.
const MAX_PATTERN_BYTES: usize = 1 << 20;

/// How many numbers a quantile is taken of; they are kept in memory, 8 bytes each.
const MAX_QUANTILE_VALUES: usize = 10_000_000;

pub(crate) fn register(connection: &Connection) -> rusqlite::Result<()> {
    let flags = FunctionFlags::SQLITE_UTF8 | FunctionFlags::SQLITE_DETERMINISTIC;
    connection.create_scalar_function("regexp", 2, flags, regexp)?;
    connection.create_scalar_function("span_attribute", 2, flags, |call| {
        let (Some(content), Some(key)) = (text(call, 0)?, text(call, 1)?) else { return Ok(None) };
        Ok(attribute(content, key))
    })?;
    connection.create_scalar_function("one_writing", 1, flags, |call| {
        Ok(text(call, 0)?.map(one_writing))
    })?;
    connection.create_aggregate_function("quantile", 2, flags, Quantile)
}

/// Compiles a regular expression.
pub(crate) fn pattern(text: &str) -> Result<Regex> {
    RegexBuilder::new(text).size_limit(MAX_PATTERN_BYTES).build().map_err(|error| {
        let reason = error.to_string();
        let reason = reason.lines().last().unwrap_or_default();
        let reason = reason.trim_start_matches("error: ").trim_end_matches('.');
        Error::invalid(format!("Invalid regular expression in the filter: {reason}."))
            .hint("Look-around and back-references are not supported.")
    })
}

/// `text REGEXP pattern`; the pattern is compiled once a statement.
fn regexp(call: &Context<'_>) -> rusqlite::Result<bool> {
    let compile = |value: ValueRef<'_>| -> std::result::Result<Regex, Error> {
        pattern(value.as_str().unwrap_or_default())
    };
    let pattern = call.get_or_create_aux(0, compile)?;
    Ok(text(call, 1)?.is_some_and(|text| pattern.is_match(text)))
}

fn text<'c>(call: &'c Context<'_>, index: usize) -> rusqlite::Result<Option<&'c str>> {
    match call.get_raw(index) {
        ValueRef::Null => Ok(None),
        value => value.as_str().map(Some).map_err(|e| SqlError::UserFunctionError(Box::new(e))),
    }
}

/// The value of an attribute in a span's content: a text as it is, anything else as JSON.
/// Clients write each value as JSON inside of a JSON string.
fn attribute(content: &str, key: &str) -> Option<String> {
    let span: HashMap<String, &RawValue> = serde_json::from_str(content).ok()?;
    let attributes: HashMap<String, &RawValue> =
        serde_json::from_str(span.get("attributes")?.get()).ok()?;
    let written = attributes.get(key)?.get();
    let unquote = |json: &str| serde_json::from_str::<String>(json).ok();
    match unquote(written) {
        Some(json) => Some(unquote(&json).unwrap_or(json)),
        None => Some(written.to_owned()),
    }
}

/// `quantile(value, percent)`: between two values the line that joins them.
struct Quantile;

#[derive(Default)]
struct Sample {
    values: Vec<f64>,
    percent: f64,
}

impl Aggregate<Sample, Option<f64>> for Quantile {
    fn init(&self, _: &mut Context<'_>) -> rusqlite::Result<Sample> {
        Ok(Sample::default())
    }

    fn step(&self, call: &mut Context<'_>, sample: &mut Sample) -> rusqlite::Result<()> {
        sample.percent = call.get(1)?;
        let Some(value) = call.get::<Option<f64>>(0)? else { return Ok(()) };
        if sample.values.len() == MAX_QUANTILE_VALUES {
            let words =
                format!("A percentile of more than {MAX_QUANTILE_VALUES} values was asked for.");
            let error = Error::invalid(words).hint("Narrow the time range or add a filter.");
            return Err(SqlError::UserFunctionError(Box::new(error)));
        }
        sample.values.push(value);
        Ok(())
    }

    fn finalize(
        &self,
        _: &mut Context<'_>,
        sample: Option<Sample>,
    ) -> rusqlite::Result<Option<f64>> {
        Ok(sample.and_then(|sample| quantile(sample.values, sample.percent)))
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "a place among values that are counted, between 0 and their number"
)]
fn quantile(mut values: Vec<f64>, percent: f64) -> Option<f64> {
    let last = values.len().checked_sub(1)?;
    let place = (percent / 100.0).clamp(0.0, 1.0) * last as f64;
    let below = place.floor() as usize;
    let (_, low, above) = values.select_nth_unstable_by(below, f64::total_cmp);
    let low = *low;
    let high = above.iter().copied().min_by(f64::total_cmp).unwrap_or(low);
    Some(low + (place - below as f64) * (high - low))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_lie_on_the_line_between_values() {
        let of = |values: &[f64], percent| quantile(values.to_vec(), percent);
        assert_eq!(of(&[], 50.0), None);
        assert_eq!(of(&[3.0], 99.0), Some(3.0));
        assert_eq!(of(&[4.0, 1.0, 3.0, 2.0], 50.0), Some(2.5));
        assert_eq!(of(&[4.0, 1.0, 3.0, 2.0], 0.0), Some(1.0));
        assert_eq!(of(&[4.0, 1.0, 3.0, 2.0], 100.0), Some(4.0));
        assert_eq!(of(&[10.0, 20.0, 30.0], 75.0), Some(25.0));
    }

    #[test]
    fn attributes_are_read_through_both_layers_of_json() {
        let content = r#"{"name": "a", "attributes": {"model": "\"gpt\\n\"", "n": "5",
            "a\"b": "{\"x\": 1}", "plain": 7, "text": "no json"}, "events": []}"#;
        let value = |key: &str| attribute(content, key);
        assert_eq!(value("model").as_deref(), Some("gpt\n"));
        assert_eq!(value("n").as_deref(), Some("5"));
        assert_eq!(value("a\"b").as_deref(), Some("{\"x\": 1}"));
        assert_eq!(value("plain").as_deref(), Some("7"));
        assert_eq!(value("text").as_deref(), Some("no json"));
        assert_eq!(value("missing"), None);
        assert_eq!(attribute("not json", "a"), None);
        assert_eq!(attribute("{}", "a"), None);
    }

    #[test]
    fn a_pattern_that_is_wrong_or_too_large_says_so() {
        for (wrong, words) in [
            ("a(", "unclosed group"),
            ("(?=a)", "look-around"),
            (r"(a)\1", "backreferences"),
            ("(a{1000}){1000}", "exceeds size limit"),
        ] {
            let error = pattern(wrong).unwrap_err();
            assert!(error.message.contains(words), "{wrong}: {}", error.message);
        }
        assert!(pattern("^a|b$").is_ok());
    }
}
