//! From a span as it arrived to the domain's, with its content as MLflow writes it.
//!
//! MLflow keeps every attribute as JSON text. A text that already is JSON of an object,
//! an array or a text stays as it is: it was made JSON before it was sent.

use super::convention;
use super::preview::{self, Role};
use super::{Malformed, convention::TRACE_ID};
use crate::json::Json;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use branchline_core::name::truncate_chars;
use branchline_core::{Cost, Span, SpanStatus, Tag, TokenUsage, TraceId, limits};
use serde::de::IgnoredAny;
use std::fmt::Write as _;

/// A span as it arrived.
#[derive(Debug, Default)]
pub(super) struct Arrived {
    pub(super) trace_id: Vec<u8>,
    pub(super) span_id: Vec<u8>,
    pub(super) parent_id: Vec<u8>,
    pub(super) name: String,
    pub(super) start_ns: u64,
    pub(super) end_ns: u64,
    pub(super) attributes: Vec<(String, Json)>,
    pub(super) events: Vec<ArrivedEvent>,
    pub(super) links: Vec<ArrivedLink>,
    pub(super) status_code: u64,
    pub(super) status_message: String,
}

#[derive(Debug, Default)]
pub(super) struct ArrivedEvent {
    pub(super) name: String,
    pub(super) time_ns: u64,
    pub(super) attributes: Vec<(String, Json)>,
}

#[derive(Debug, Default)]
pub(super) struct ArrivedLink {
    pub(super) trace_id: Vec<u8>,
    pub(super) span_id: Vec<u8>,
    pub(super) attributes: Vec<(String, Json)>,
}

/// An attribute of a resource, as a tag of the trace.
pub(super) fn resource_tag(key: String, value: &Json) -> Tag {
    let value = value.text().map_or_else(|| value.dump(), str::to_owned);
    Tag { key, value }
}

/// A span's attributes as MLflow keeps them: JSON texts, each key once.
#[derive(Debug)]
pub(super) struct Attributes(Vec<(String, String)>);

impl Attributes {
    fn new(arrived: Vec<(String, Json)>) -> Self {
        let mut attributes = Self(Vec::with_capacity(arrived.len()));
        let mut places = std::collections::HashMap::new();
        for (key, value) in arrived {
            let text = json_text(value);
            let place = *places.entry(key.clone()).or_insert(attributes.0.len());
            match attributes.0.get_mut(place) {
                Some(old) => old.1 = text,
                None => attributes.0.push((key, text)),
            }
        }
        attributes
    }

    /// The JSON text of an attribute.
    pub(super) fn raw(&self, key: &str) -> Option<&str> {
        self.0.iter().find(|(k, _)| k == key).map(|(_, text)| text.as_str())
    }

    /// The value of an attribute.
    pub(super) fn json(&self, key: &str) -> Option<Json> {
        self.raw(key).and_then(Json::parse)
    }

    /// The value of an attribute that is a text.
    pub(super) fn text(&self, key: &str) -> Option<String> {
        match self.json(key)? {
            Json::Text(text) => Some(text),
            _ => None,
        }
    }

    pub(super) fn has(&self, key: &str) -> bool {
        self.raw(key).is_some()
    }

    /// Sets an attribute to a JSON text.
    pub(super) fn set(&mut self, key: &str, text: String) {
        match self.0.iter_mut().find(|(k, _)| k == key) {
            Some((_, old)) => *old = text,
            None => self.0.push((key.to_owned(), text)),
        }
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(key, text)| (key.as_str(), text.as_str()))
    }
}

fn json_text(value: Json) -> String {
    match value {
        Json::Text(text) if is_json_itself(&text) => text,
        value => value.dump(),
    }
}

fn is_json_itself(text: &str) -> bool {
    text.trim_start().starts_with(['{', '[', '"'])
        && serde_json::from_str::<IgnoredAny>(text).is_ok()
}

/// An id of `size` bytes; shorter ones are filled up from the left.
fn sized(id: &[u8], size: usize) -> Result<Vec<u8>, Malformed> {
    let missing = size.checked_sub(id.len()).filter(|_| !id.is_empty()).ok_or(Malformed::Span)?;
    let mut whole = vec![0; missing];
    whole.extend_from_slice(id);
    Ok(whole)
}

pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

fn nanoseconds(time: u64) -> Result<i64, Malformed> {
    i64::try_from(time).map_err(|_| Malformed::Span)
}

fn base64(bytes: &[u8]) -> Json {
    Json::Text(STANDARD.encode(bytes))
}

impl Arrived {
    /// MLflow's name of the trace that it belongs to.
    pub(super) fn trace_id(&self) -> Result<TraceId, Malformed> {
        Ok(TraceId::new(format!("tr-{}", hex(&sized(&self.trace_id, 16)?))))
    }

    /// The domain's span.
    pub(super) fn into_span(self) -> Result<Span, Malformed> {
        let trace_id = self.trace_id()?;
        let ids = Ids::new(&self)?;
        let start_ns = nanoseconds(self.start_ns)?;
        let end_ns = Some(nanoseconds(self.end_ns)?).filter(|end| *end != 0);
        let status = match self.status_code {
            1 => SpanStatus::Ok,
            2 => SpanStatus::Error,
            _ => SpanStatus::Unset,
        };
        let mut attributes = Attributes::new(self.attributes);
        attributes.set(TRACE_ID, Json::from(trace_id.as_str()).dump());
        let events = self.events.into_iter().map(ArrivedEvent::into_json);
        let events: Vec<Json> = events.collect::<Result<_, _>>()?;
        convention::translate(&mut attributes, &events);
        let links = self.links.into_iter().filter_map(ArrivedLink::into_json).collect();
        let facts = facts(&attributes, ids.parent.is_none());
        let content = Json::Map(vec![
            ("trace_id".into(), base64(&ids.trace)),
            ("span_id".into(), base64(&ids.span)),
            ("parent_span_id".into(), ids.parent.as_deref().map_or(Json::Null, base64)),
            ("name".into(), Json::Text(self.name.clone())),
            ("start_time_unix_nano".into(), Json::Int(start_ns)),
            ("end_time_unix_nano".into(), end_ns.map_or(Json::Null, Json::Int)),
            ("events".into(), Json::List(events)),
            ("status".into(), status_json(status, self.status_message)),
            ("attributes".into(), attributes_json(attributes)),
            ("links".into(), Json::List(links)),
        ]);
        Ok(Span {
            span_id: hex(&ids.span),
            parent_id: ids.parent.as_deref().map(hex),
            name: self.name,
            status,
            start_ns,
            end_ns,
            content: content.dump(),
            ..facts
        })
    }
}

struct Ids {
    trace: Vec<u8>,
    span: Vec<u8>,
    parent: Option<Vec<u8>>,
}

impl Ids {
    fn new(span: &Arrived) -> Result<Self, Malformed> {
        // A parent of zeroes is none.
        let has_parent = span.parent_id.iter().any(|byte| *byte != 0);
        Ok(Self {
            trace: sized(&span.trace_id, 16)?,
            span: sized(&span.span_id, 8)?,
            parent: if has_parent { Some(sized(&span.parent_id, 8)?) } else { None },
        })
    }
}

fn attributes_json(attributes: Attributes) -> Json {
    let fields = attributes.0.into_iter().map(|(key, text)| (key, Json::Text(text)));
    Json::Map(fields.collect())
}

fn status_json(status: SpanStatus, message: String) -> Json {
    let code = match status {
        SpanStatus::Unset => "STATUS_CODE_UNSET",
        SpanStatus::Ok => "STATUS_CODE_OK",
        SpanStatus::Error => "STATUS_CODE_ERROR",
    };
    Json::Map(vec![("code".into(), code.into()), ("message".into(), Json::Text(message))])
}

impl ArrivedEvent {
    fn into_json(self) -> Result<Json, Malformed> {
        Ok(Json::Map(vec![
            ("name".into(), Json::Text(self.name)),
            ("time_unix_nano".into(), Json::Int(nanoseconds(self.time_ns)?)),
            ("attributes".into(), Json::Map(self.attributes)),
        ]))
    }
}

impl ArrivedLink {
    /// Nothing for a link whose ids are wider than OpenTelemetry allows, as some make.
    fn into_json(self) -> Option<Json> {
        let trace = hex(&sized(&self.trace_id, 16).ok()?);
        let span = hex(&sized(&self.span_id, 8).ok()?);
        let attributes =
            if self.attributes.is_empty() { Json::Null } else { Json::Map(self.attributes) };
        Some(Json::Map(vec![
            ("trace_id".into(), Json::Text(format!("tr-{trace}"))),
            ("span_id".into(), Json::Text(span)),
            ("attributes".into(), attributes),
        ]))
    }
}

/// What the server needs to know of a span's attributes.
fn facts(attributes: &Attributes, is_root: bool) -> Span {
    let dimension = |key: &str| {
        let text = attributes.text(key)?;
        Some(truncate_chars(&text, limits::MODEL_DIMENSION).into_owned())
    };
    let of_root = |key: &str, role| {
        let text = attributes.raw(key).filter(|_| is_root)?;
        Some(preview::of(text, role))
    };
    Span {
        span_type: dimension(convention::TYPE).unwrap_or_else(|| convention::UNKNOWN.to_owned()),
        model: dimension(convention::MODEL),
        model_provider: dimension(convention::PROVIDER),
        usage: attributes.json(convention::USAGE).and_then(|usage| usage_of(&usage)),
        cost: attributes.json(convention::COST).and_then(|cost| cost_of(&cost)),
        session_id: given(attributes, "session.id")
            .or_else(|| given(attributes, "gen_ai.conversation.id")),
        user_id: given(attributes, "user.id"),
        request_preview: of_root(convention::INPUTS, Role::User),
        response_preview: of_root(convention::OUTPUTS, Role::Assistant),
        trace_tags: if is_root { trace_tags(attributes) } else { Vec::new() },
        ..Span::default()
    }
}

/// A text that is not empty, or the JSON of what else it is.
fn given(attributes: &Attributes, key: &str) -> Option<String> {
    let raw = attributes.raw(key)?;
    let text = match Json::parse(raw) {
        Some(Json::Text(text)) => text,
        Some(Json::Null) => String::new(),
        _ => raw.to_owned(),
    };
    Some(text).filter(|text| !text.is_empty())
}

/// Tags that a client hands on through the root's attributes.
fn trace_tags(attributes: &Attributes) -> Vec<Tag> {
    let tags = attributes.iter().filter_map(|(key, _)| {
        let name = key.strip_prefix("mlflow.traceTag.")?;
        Some(Tag { key: name.to_owned(), value: given(attributes, key).unwrap_or_default() })
    });
    tags.collect()
}

fn usage_of(usage: &Json) -> Option<TokenUsage> {
    let count = |key: &str| usage.get(key).and_then(Json::whole);
    let usage = TokenUsage {
        input: count("input_tokens"),
        output: count("output_tokens"),
        total: count("total_tokens"),
        cache_read: count("cache_read_input_tokens"),
        cache_write: count("cache_creation_input_tokens"),
        cache_write_1h: count("cache_creation_input_tokens_above_1hr"),
    };
    Some(usage).filter(|usage| *usage != TokenUsage::default())
}

fn cost_of(cost: &Json) -> Option<Cost> {
    let sum = |key: &str| cost.get(key).and_then(Json::number);
    let cost =
        Cost { input: sum("input_cost"), output: sum("output_cost"), total: sum("total_cost") };
    Some(cost).filter(|cost| *cost != Cost::default())
}
