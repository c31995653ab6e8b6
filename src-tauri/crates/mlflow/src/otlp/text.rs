//! OTLP in JSON: camelCase (snake_case is understood), ids in hexadecimal digits, 64-bit
//! numbers as strings or numbers.

use super::Malformed;
use super::span::{Arrived, ArrivedEvent, ArrivedLink, resource_tag};
use super::wire::{Budget, DEEPEST};
use crate::json::Json;
use branchline_core::Tag;

type Read<T> = Result<T, Malformed>;

/// The spans of each resource of an `ExportTraceServiceRequest`.
pub(super) fn request(body: &[u8]) -> Read<Vec<(Vec<Tag>, Vec<Arrived>)>> {
    let request: Json = serde_json::from_slice(body).map_err(|_| Malformed::Shape)?;
    if !matches!(request, Json::Map(_)) {
        return Err(Malformed::Shape);
    }
    let mut budget = Budget::new();
    list(&request, "resourceSpans", "resource_spans")?
        .iter()
        .map(|resource| {
            budget.pay()?;
            resource_spans(resource, &mut budget)
        })
        .collect()
}

fn resource_spans(message: &Json, budget: &mut Budget) -> Read<(Vec<Tag>, Vec<Arrived>)> {
    let resource = message.get("resource").unwrap_or(&Json::Null);
    let tags = pairs(resource, budget, 0)?;
    let tags = tags.into_iter().map(|(key, value)| resource_tag(key, &value)).collect();
    let mut spans = Vec::new();
    for scope in list(message, "scopeSpans", "scope_spans")? {
        for one in list(scope, "spans", "spans")? {
            spans.push(span(one, budget)?);
        }
    }
    Ok((tags, spans))
}

fn span(message: &Json, budget: &mut Budget) -> Read<Arrived> {
    budget.pay()?;
    let mut span = Arrived {
        trace_id: id(either(message, "traceId", "trace_id"))?,
        span_id: id(either(message, "spanId", "span_id"))?,
        parent_id: id(either(message, "parentSpanId", "parent_span_id"))?,
        name: text(message.get("name"))?,
        start_ns: number(either(message, "startTimeUnixNano", "start_time_unix_nano"))?,
        end_ns: number(either(message, "endTimeUnixNano", "end_time_unix_nano"))?,
        attributes: pairs(message, budget, 0)?,
        ..Arrived::default()
    };
    for event in list(message, "events", "events")? {
        budget.pay()?;
        span.events.push(ArrivedEvent {
            name: text(event.get("name"))?,
            time_ns: number(either(event, "timeUnixNano", "time_unix_nano"))?,
            attributes: pairs(event, budget, 0)?,
        });
    }
    for link in list(message, "links", "links")? {
        budget.pay()?;
        span.links.push(ArrivedLink {
            trace_id: id(either(link, "traceId", "trace_id"))?,
            span_id: id(either(link, "spanId", "span_id"))?,
            attributes: pairs(link, budget, 0)?,
        });
    }
    if let Some(status) = message.get("status") {
        span.status_code = match status.get("code") {
            Some(Json::Text(name)) if name == "STATUS_CODE_OK" => 1,
            Some(Json::Text(name)) if name == "STATUS_CODE_ERROR" => 2,
            Some(Json::Text(name)) if name == "STATUS_CODE_UNSET" => 0,
            code => number(code)?,
        };
        span.status_message = text(status.get("message"))?;
    }
    Ok(span)
}

fn either<'j>(message: &'j Json, camel: &str, snake: &str) -> Option<&'j Json> {
    message.get(camel).or_else(|| message.get(snake)).filter(|value| **value != Json::Null)
}

fn list<'j>(message: &'j Json, camel: &str, snake: &str) -> Read<&'j [Json]> {
    match either(message, camel, snake) {
        None => Ok(&[]),
        Some(value) => value.items().ok_or(Malformed::Shape),
    }
}

fn text(value: Option<&Json>) -> Read<String> {
    match value {
        None | Some(Json::Null) => Ok(String::new()),
        Some(Json::Text(text)) => Ok(text.clone()),
        Some(_) => Err(Malformed::Shape),
    }
}

fn number(value: Option<&Json>) -> Read<u64> {
    match value {
        None | Some(Json::Null) => Ok(0),
        Some(Json::Text(text)) => text.parse().map_err(|_| Malformed::Shape),
        Some(value) => value.whole().and_then(|n| u64::try_from(n).ok()).ok_or(Malformed::Shape),
    }
}

/// Bytes in hexadecimal digits.
fn id(value: Option<&Json>) -> Read<Vec<u8>> {
    let digits = text(value)?;
    let digits = digits.as_bytes();
    if digits.len() % 2 == 1 {
        return Err(Malformed::Shape);
    }
    let digit = |d: u8| char::from(d).to_digit(16).and_then(|d| u8::try_from(d).ok());
    let byte = |pair: &[u8]| Some(digit(pair[0])? * 16 + digit(pair[1])?);
    digits.chunks_exact(2).map(byte).collect::<Option<_>>().ok_or(Malformed::Shape)
}

fn pairs(message: &Json, budget: &mut Budget, depth: usize) -> Read<Vec<(String, Json)>> {
    keyed(list(message, "attributes", "attributes")?, budget, depth)
}

fn keyed(items: &[Json], budget: &mut Budget, depth: usize) -> Read<Vec<(String, Json)>> {
    let pair = |item: &Json| {
        budget.pay()?;
        let value = item.get("value").unwrap_or(&Json::Null);
        Ok((text(item.get("key"))?, any_value(value, budget, depth)?))
    };
    items.iter().map(pair).collect()
}

fn any_value(message: &Json, budget: &mut Budget, depth: usize) -> Read<Json> {
    if depth > DEEPEST {
        return Err(Malformed::TooMuch);
    }
    budget.pay()?;
    let Json::Map(fields) = message else {
        return if *message == Json::Null { Ok(Json::Null) } else { Err(Malformed::Shape) };
    };
    let Some((kind, value)) = fields.last() else { return Ok(Json::Null) };
    match (kind.as_str(), value) {
        ("stringValue" | "string_value" | "bytesValue" | "bytes_value", Json::Text(_))
        | ("boolValue" | "bool_value", Json::Bool(_)) => Ok(value.clone()),
        ("intValue" | "int_value", value) => value.whole().map(Json::Int).ok_or(Malformed::Shape),
        ("doubleValue" | "double_value", Json::Text(word)) => {
            word.parse().map(Json::Float).map_err(|_| Malformed::Shape)
        }
        ("doubleValue" | "double_value", value) => {
            value.number().map(Json::Float).ok_or(Malformed::Shape)
        }
        ("arrayValue" | "array_value", value) => {
            let items = list(value, "values", "values")?;
            let items = items.iter().map(|item| any_value(item, budget, depth + 1));
            Ok(Json::List(items.collect::<Read<_>>()?))
        }
        ("kvlistValue" | "kvlist_value", value) => {
            Ok(Json::Map(keyed(list(value, "values", "values")?, budget, depth + 1)?))
        }
        _ => Err(Malformed::Shape),
    }
}
