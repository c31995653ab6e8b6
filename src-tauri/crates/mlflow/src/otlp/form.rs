//! A stored span's content as OTLP's JSON, with the names that MLflow's clients read.

use crate::json::Json;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::ser::{Serialize, SerializeMap, SerializeSeq, Serializer};

/// A span's content ([`branchline_core::Span::content`]) on its way out.
#[derive(Debug)]
pub(crate) struct OtlpSpan<'a>(pub(crate) &'a str);

impl Serialize for OtlpSpan<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let span = Json::parse(self.0).unwrap_or_default();
        let mut map = serializer.serialize_map(None)?;
        for key in [
            "trace_id",
            "span_id",
            "parent_span_id",
            "name",
            "start_time_unix_nano",
            "end_time_unix_nano",
        ] {
            if let Some(value) = span.get(key).filter(|value| **value != Json::Null) {
                map.serialize_entry(key, value)?;
            }
        }
        if let Some(Json::Map(attributes)) = span.get("attributes") {
            let decoded: Vec<(&str, Json)> = attributes.iter().map(decoded).collect();
            if !decoded.is_empty() {
                let pairs = Pairs(decoded.iter().map(|(key, value)| (*key, value)).collect());
                map.serialize_entry("attributes", &pairs)?;
            }
        }
        if let Some(events) = items(&span, "events") {
            map.serialize_entry("events", &Each(events, Event))?;
        }
        if let Some(links) = items(&span, "links") {
            map.serialize_entry("links", &Each(links, Link))?;
        }
        if let Some(status) = span.get("status") {
            map.serialize_entry("status", &Status(status))?;
        }
        map.end()
    }
}

fn items<'j>(span: &'j Json, key: &str) -> Option<&'j [Json]> {
    span.get(key).and_then(Json::items).filter(|items| !items.is_empty())
}

/// An attribute's value, of which the JSON text is kept.
fn decoded((key, text): &(String, Json)) -> (&str, Json) {
    let value = match text {
        Json::Text(text) => Json::parse(text).unwrap_or_else(|| Json::Text(text.clone())),
        other => other.clone(),
    };
    (key, value)
}

struct Each<'a, F>(&'a [Json], F);

impl<'a, T: Serialize, F: Fn(&'a Json) -> T> Serialize for Each<'a, F> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.iter().map(&self.1))
    }
}

/// `KeyValue`s.
struct Pairs<'a>(Vec<(&'a str, &'a Json)>);

impl<'a> Pairs<'a> {
    fn of(message: &'a Json) -> Option<Self> {
        match message.get("attributes") {
            Some(Json::Map(fields)) if !fields.is_empty() => {
                Some(Self(fields.iter().map(|(key, value)| (key.as_str(), value)).collect()))
            }
            _ => None,
        }
    }
}

impl Serialize for Pairs<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut list = serializer.serialize_seq(Some(self.0.len()))?;
        for pair in &self.0 {
            list.serialize_element(&Pair(pair.0, pair.1))?;
        }
        list.end()
    }
}

struct Pair<'a>(&'a str, &'a Json);

impl Serialize for Pair<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("key", self.0)?;
        if *self.1 != Json::Null {
            map.serialize_entry("value", &Any(self.1))?;
        }
        map.end()
    }
}

/// An `AnyValue`.
struct Any<'a>(&'a Json);

impl Serialize for Any<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        match self.0 {
            Json::Null => {}
            Json::Bool(yes) => map.serialize_entry("bool_value", yes)?,
            Json::Int(n) => map.serialize_entry("int_value", n)?,
            Json::Float(_) => map.serialize_entry("double_value", self.0)?,
            Json::Text(text) => map.serialize_entry("string_value", text)?,
            Json::List(items) => map.serialize_entry("array_value", &Values(Each(items, Any)))?,
            Json::Map(fields) => {
                let pairs = fields.iter().map(|(key, value)| (key.as_str(), value)).collect();
                map.serialize_entry("kvlist_value", &Values(Pairs(pairs)))?;
            }
        }
        map.end()
    }
}

/// `{"values": […]}`.
struct Values<T>(T);

impl<T: Serialize> Serialize for Values<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("values", &self.0)?;
        map.end()
    }
}

struct Event<'a>(&'a Json);

impl Serialize for Event<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        for key in ["time_unix_nano", "name"] {
            if let Some(value) = self.0.get(key) {
                map.serialize_entry(key, value)?;
            }
        }
        if let Some(attributes) = Pairs::of(self.0) {
            map.serialize_entry("attributes", &attributes)?;
        }
        map.end()
    }
}

struct Link<'a>(&'a Json);

impl Serialize for Link<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        for key in ["trace_id", "span_id"] {
            let digits = self.0.get(key).and_then(Json::text).unwrap_or_default();
            map.serialize_entry(key, &from_hex(digits.trim_start_matches("tr-")))?;
        }
        if let Some(attributes) = Pairs::of(self.0) {
            map.serialize_entry("attributes", &attributes)?;
        }
        map.end()
    }
}

/// Hexadecimal digits as base64.
fn from_hex(digits: &str) -> String {
    let byte = |at: usize| u8::from_str_radix(digits.get(at..at + 2)?, 16).ok();
    let bytes: Vec<u8> = (0..digits.len()).step_by(2).map_while(byte).collect();
    STANDARD.encode(bytes)
}

struct Status<'a>(&'a Json);

impl Serialize for Status<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        for key in ["message", "code"] {
            if let Some(value) = self.0.get(key).filter(|value| !value.is_empty()) {
                map.serialize_entry(key, value)?;
            }
        }
        map.end()
    }
}
