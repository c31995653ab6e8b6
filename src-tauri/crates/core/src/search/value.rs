//! Reads what a field is compared with.

use super::field::Type;
use super::lexer::{Kind, excerpt};
use super::tree::{Literal, Op};
use crate::entity::ModelStatus;
use crate::error::{Error, Result};

/// Reads a single value. `text` is the token as written.
pub(super) fn scalar(kind: Type, token: &Kind, text: &str, op: Op, bare: bool) -> Result<Literal> {
    match kind {
        Type::Metric => match token {
            Kind::Number => number(text).map(Literal::Number),
            _ => Err(not_numeric("metric", text)),
        },
        Type::Time => match token {
            Kind::Number => whole_or_number(text),
            _ => Err(not_numeric("numeric attribute", text)),
        },
        Type::Whole => whole(token, text),
        Type::ExperimentId => match token {
            Kind::Str(quoted) => experiment_id(&quoted.text(false)).map(Literal::Integer),
            Kind::Number => experiment_id(text).map(Literal::Integer),
            _ => Err(not_quoted("attributes", text)),
        },
        Type::Text(what) | Type::TraceText(what) => {
            written(what, token, text, bare).map(Literal::Text)
        }
        Type::TraceTime => match token {
            Kind::Number => whole_or_number(text),
            Kind::Str(quoted) => whole_or_number(quoted.text(false).trim()),
            _ => Err(not_numeric("numeric attribute", text)),
        },
        Type::Assessment => assessment(token, text, op),
        Type::Prompt => prompt(written("prompt", token, text, bare)?).map(Literal::Text),
        Type::Issue => written("issue", token, text, bare).map(Literal::Text),
        Type::ModelStatus => {
            let status = written("attributes", token, text, bare)?;
            let exact = matches!(op, Op::Eq | Op::Ne);
            Ok(Literal::Text(if exact { model_status(status) } else { status }))
        }
    }
}

/// Reads one item of a list, before what follows it without a comma.
pub(super) fn item(kind: Type, token: &Kind, text: &str) -> Result<String> {
    match token {
        Kind::Str(quoted) => Ok(quoted.text(true)),
        Kind::Number if kind == Type::ExperimentId => Ok(text.to_owned()),
        Kind::Comma | Kind::Close => Err(Error::invalid(
            "While parsing a list in the query, expected a non-empty list of string values, but got ill-formed list.",
        )),
        _ => Err(Error::invalid(format!(
            "While parsing a list in the query, expected string value, punctuation, or whitespace, but got different type in list: {}",
            excerpt(text)
        ))),
    }
}

/// Checks a whole item of a list.
pub(super) fn checked_item(kind: Type, item: String) -> Result<String> {
    match kind {
        Type::ExperimentId => experiment_id(&item).map(|id| id.to_string()),
        Type::ModelStatus => Ok(model_status(item)),
        Type::Prompt => prompt(item),
        _ => Ok(item),
    }
}

/// Greater and less compare numbers; the rest compares the text of the JSON, and `=` and
/// `!=` also a number that stands without quotes (not MLflow's).
fn assessment(token: &Kind, text: &str, op: Op) -> Result<Literal> {
    match (op, token) {
        (Op::Gt | Op::Ge | Op::Lt | Op::Le | Op::Eq | Op::Ne, Kind::Number) => {
            number(text).map(Literal::Number)
        }
        (Op::Gt | Op::Ge | Op::Lt | Op::Le, _) => Err(Error::invalid(format!(
            "Expected a numeric value for an assessment when using comparator '{}'. Got value {}",
            op.as_str(),
            excerpt(text)
        ))),
        _ => written("assessments", token, text, false).map(Literal::Text),
    }
}

fn prompt(text: String) -> Result<String> {
    if text.matches('/').count() == 1 {
        return Ok(text);
    }
    Err(Error::invalid(format!(
        "Invalid prompts filter value '{}'. Expected format: prompt = \"name/version\"",
        excerpt(&text)
    )))
}

fn written(what: &str, token: &Kind, text: &str, bare: bool) -> Result<String> {
    match token {
        Kind::Str(quoted) => Ok(quoted.text(false)),
        Kind::Number if bare => Ok(text.to_owned()),
        Kind::Word(word) if bare && !word.quoted => Ok(text.to_owned()),
        Kind::Word(_) => Err(Error::invalid(format!(
            "Parameter value is either not quoted or unidentified quote types used for string \
             value {}. Use either single or double quotes.",
            excerpt(text)
        ))),
        _ => Err(not_quoted(what, text)),
    }
}

fn not_quoted(what: &str, text: &str) -> Error {
    let example = if matches!(what, "parameter" | "tag") { " (e.g. 'my-value')" } else { "" };
    Error::invalid(format!(
        "Expected a quoted string value for {what}{example}. Got value {}",
        excerpt(text)
    ))
}

fn not_numeric(what: &str, text: &str) -> Error {
    Error::invalid(format!("Expected numeric value type for {what}. Found {}", excerpt(text)))
}

fn number(text: &str) -> Result<f64> {
    text.parse().map_err(|_| not_numeric("metric", text))
}

fn whole_or_number(text: &str) -> Result<Literal> {
    match text.parse() {
        Ok(whole) => Ok(Literal::Integer(whole)),
        Err(_) => number(text).map(Literal::Number),
    }
}

/// A whole number. MLflow refuses fractions here and reads digits in quotes.
fn whole(token: &Kind, text: &str) -> Result<Literal> {
    let digits = match token {
        Kind::Number => text.to_owned(),
        Kind::Str(quoted) => quoted.text(false).trim().to_owned(),
        _ => return Err(not_numeric("numeric attribute", text)),
    };
    if let Ok(whole) = digits.parse() {
        return Ok(Literal::Integer(whole));
    }
    let unsigned = digits.trim_start_matches(['-', '+']);
    if !unsigned.is_empty() && unsigned.bytes().all(|byte| byte.is_ascii_digit()) {
        // Larger than any stored value, and still comparable with it.
        return number(&digits).map(Literal::Number);
    }
    Err(Error::invalid(format!(
        "Invalid value for numeric attribute: {}. A whole number is expected.",
        excerpt(text)
    )))
}

fn experiment_id(text: &str) -> Result<i64> {
    text.trim().parse().map_err(|_| {
        Error::invalid(format!(
            "Invalid experiment ID '{}'. Experiment ID must be a valid integer.",
            excerpt(text)
        ))
    })
}

/// MLflow's own name of a status that is written short (`READY`), in any case or as a number.
fn model_status(text: String) -> String {
    let upper = text.to_ascii_uppercase();
    let named = ModelStatus::parse(&upper)
        .or_else(|| ModelStatus::parse(&format!("LOGGED_MODEL_{upper}")))
        .or_else(|| text.parse().ok().and_then(ModelStatus::from_number));
    named.map_or(text, |status| status.as_str().to_owned())
}
