//! OTLP in protobuf: fields by their numbers in OpenTelemetry's messages.

use super::Malformed;
use super::span::{Arrived, ArrivedEvent, ArrivedLink, resource_tag};
use super::wire::{Budget, DEEPEST, Fields};
use crate::json::Json;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use branchline_core::Tag;

type Read<T> = Result<T, Malformed>;

/// The spans of each resource of an `ExportTraceServiceRequest`.
pub(super) fn request(body: &[u8]) -> Read<Vec<(Vec<Tag>, Vec<Arrived>)>> {
    let mut budget = Budget::new();
    let mut resources = Vec::new();
    for field in Fields(body) {
        if let (1, value) = field? {
            budget.pay()?;
            resources.push(resource_spans(value.bytes()?, &mut budget)?);
        }
    }
    Ok(resources)
}

fn resource_spans(message: &[u8], budget: &mut Budget) -> Read<(Vec<Tag>, Vec<Arrived>)> {
    let (mut tags, mut spans) = (Vec::new(), Vec::new());
    for field in Fields(message) {
        match field? {
            (1, value) => {
                for (key, value) in pairs(value.bytes()?, 1, budget)? {
                    tags.push(resource_tag(key, &value));
                }
            }
            (2, value) => scope_spans(value.bytes()?, &mut spans, budget)?,
            _ => {}
        }
    }
    Ok((tags, spans))
}

fn scope_spans(message: &[u8], spans: &mut Vec<Arrived>, budget: &mut Budget) -> Read<()> {
    for field in Fields(message) {
        if let (2, value) = field? {
            spans.push(span(value.bytes()?, budget)?);
        }
    }
    Ok(())
}

fn span(message: &[u8], budget: &mut Budget) -> Read<Arrived> {
    budget.pay()?;
    let mut span = Arrived::default();
    for field in Fields(message) {
        match field? {
            (1, value) => span.trace_id = value.bytes()?.to_vec(),
            (2, value) => span.span_id = value.bytes()?.to_vec(),
            (4, value) => span.parent_id = value.bytes()?.to_vec(),
            (5, value) => span.name = value.text()?,
            (7, value) => span.start_ns = value.number()?,
            (8, value) => span.end_ns = value.number()?,
            (9, value) => span.attributes.push(pair(value.bytes()?, budget, 0)?),
            (11, value) => span.events.push(event(value.bytes()?, budget)?),
            (13, value) => span.links.push(link(value.bytes()?, budget)?),
            (15, value) => status(value.bytes()?, &mut span)?,
            _ => {}
        }
    }
    Ok(span)
}

fn status(message: &[u8], span: &mut Arrived) -> Read<()> {
    for field in Fields(message) {
        match field? {
            (2, value) => span.status_message = value.text()?,
            (3, value) => span.status_code = value.number()?,
            _ => {}
        }
    }
    Ok(())
}

fn event(message: &[u8], budget: &mut Budget) -> Read<ArrivedEvent> {
    budget.pay()?;
    let mut event = ArrivedEvent::default();
    for field in Fields(message) {
        match field? {
            (1, value) => event.time_ns = value.number()?,
            (2, value) => event.name = value.text()?,
            (3, value) => event.attributes.push(pair(value.bytes()?, budget, 0)?),
            _ => {}
        }
    }
    Ok(event)
}

fn link(message: &[u8], budget: &mut Budget) -> Read<ArrivedLink> {
    budget.pay()?;
    let mut link = ArrivedLink::default();
    for field in Fields(message) {
        match field? {
            (1, value) => link.trace_id = value.bytes()?.to_vec(),
            (2, value) => link.span_id = value.bytes()?.to_vec(),
            (4, value) => link.attributes.push(pair(value.bytes()?, budget, 0)?),
            _ => {}
        }
    }
    Ok(link)
}

/// The `KeyValue`s that a message holds in its field `number`.
fn pairs(message: &[u8], number: u64, budget: &mut Budget) -> Read<Vec<(String, Json)>> {
    let mut pairs = Vec::new();
    for field in Fields(message) {
        match field? {
            (found, value) if found == number => pairs.push(pair(value.bytes()?, budget, 0)?),
            _ => {}
        }
    }
    Ok(pairs)
}

fn pair(message: &[u8], budget: &mut Budget, depth: usize) -> Read<(String, Json)> {
    let (mut key, mut json) = (String::new(), Json::Null);
    budget.pay()?;
    for field in Fields(message) {
        match field? {
            (1, value) => key = value.text()?,
            (2, value) => json = any_value(value.bytes()?, budget, depth)?,
            _ => {}
        }
    }
    Ok((key, json))
}

/// An `AnyValue`. Bytes become base64, as in protobuf's JSON.
fn any_value(message: &[u8], budget: &mut Budget, depth: usize) -> Read<Json> {
    if depth > DEEPEST {
        return Err(Malformed::TooMuch);
    }
    budget.pay()?;
    let mut json = Json::Null;
    for field in Fields(message) {
        json = match field? {
            (1, value) => Json::Text(value.text()?),
            (2, value) => Json::Bool(value.number()? != 0),
            (3, value) => Json::Int(value.number()?.cast_signed()),
            (4, value) => Json::Float(f64::from_bits(value.number()?)),
            (5, value) => {
                let mut items = Vec::new();
                for field in Fields(value.bytes()?) {
                    if let (1, item) = field? {
                        items.push(any_value(item.bytes()?, budget, depth + 1)?);
                    }
                }
                Json::List(items)
            }
            (6, value) => {
                let mut fields = Vec::new();
                for field in Fields(value.bytes()?) {
                    if let (1, item) = field? {
                        fields.push(pair(item.bytes()?, budget, depth + 1)?);
                    }
                }
                Json::Map(fields)
            }
            (7, value) => Json::Text(STANDARD.encode(value.bytes()?)),
            _ => continue,
        };
    }
    Ok(json)
}
