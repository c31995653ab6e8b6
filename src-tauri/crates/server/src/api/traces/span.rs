//! Spans as people look at them: times from the trace's start on, attributes as what they mean.

use serde::Serialize;
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use utoipa::ToSchema;

/// Attributes that have a place of their own in [`SpanBody`].
const INPUTS: &str = "mlflow.spanInputs";
const OUTPUTS: &str = "mlflow.spanOutputs";
const SPAN_TYPE: &str = "mlflow.spanType";
/// Every span repeats the trace's id.
const TRACE_ID: &str = "mlflow.traceRequestId";

/// How a span ended.
#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
#[schema(as = SpanStatus)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(super) enum StatusBody {
    /// It does not say.
    Unset,
    /// Well.
    Ok,
    /// With an error.
    Error,
}

/// Something that happened during a span, such as an exception.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct SpanEvent {
    name: String,
    /// Milliseconds from the trace's start on.
    at_ms: f64,
    attributes: BTreeMap<String, Value>,
}

/// One step of a trace.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Span)]
pub(super) struct SpanBody {
    span_id: String,
    /// The step that it is part of.
    parent_id: Option<String>,
    name: String,
    /// Such as `LLM`, `TOOL` or `CHAIN`.
    span_type: Option<String>,
    status: StatusBody,
    /// What went wrong.
    status_message: Option<String>,
    /// Milliseconds from the trace's start on.
    start_ms: f64,
    /// Milliseconds; absent while it is open.
    duration_ms: Option<f64>,
    /// What went in, any JSON.
    inputs: Option<Value>,
    /// What came out, any JSON.
    outputs: Option<Value>,
    /// All else that it says of itself.
    attributes: BTreeMap<String, Value>,
    events: Vec<SpanEvent>,
}

/// Reads the contents of spans; the first start is the trace's.
pub(super) fn bodies(contents: &[String]) -> Vec<SpanBody> {
    let spans: Vec<Map<String, Value>> =
        contents.iter().filter_map(|content| serde_json::from_str(content).ok()).collect();
    let first = spans.iter().filter_map(|span| nanoseconds(span, "start_time_unix_nano")).min();
    let first = first.unwrap_or(0);
    spans.into_iter().map(|span| body(span, first)).collect()
}

fn nanoseconds(object: &Map<String, Value>, key: &str) -> Option<i64> {
    object.get(key)?.as_i64()
}

fn text(object: &Map<String, Value>, key: &str) -> Option<String> {
    Some(object.get(key)?.as_str()?.to_owned()).filter(|text| !text.is_empty())
}

fn milliseconds(from: i64, to: i64) -> f64 {
    to.saturating_sub(from) as f64 / 1e6
}

fn body(mut span: Map<String, Value>, first: i64) -> SpanBody {
    let start = nanoseconds(&span, "start_time_unix_nano").unwrap_or(first);
    let mut attributes = match span.remove("attributes") {
        Some(Value::Object(attributes)) => decoded(attributes),
        _ => BTreeMap::new(),
    };
    attributes.remove(TRACE_ID);
    let status = span.get("status").and_then(Value::as_object);
    let span_type = attributes.remove(SPAN_TYPE).and_then(|kind| kind.as_str().map(str::to_owned));
    SpanBody {
        span_id: text(&span, "span_id").unwrap_or_default(),
        parent_id: text(&span, "parent_span_id"),
        name: text(&span, "name").unwrap_or_default(),
        span_type: span_type.filter(|kind| kind != "UNKNOWN"),
        status: match status.and_then(|status| status.get("code")).and_then(Value::as_str) {
            Some("STATUS_CODE_OK") => StatusBody::Ok,
            Some("STATUS_CODE_ERROR") => StatusBody::Error,
            _ => StatusBody::Unset,
        },
        status_message: status.and_then(|status| text(status, "message")),
        start_ms: milliseconds(first, start),
        duration_ms: nanoseconds(&span, "end_time_unix_nano").map(|end| milliseconds(start, end)),
        inputs: attributes.remove(INPUTS),
        outputs: attributes.remove(OUTPUTS),
        attributes,
        events: events(span.remove("events"), first),
    }
}

fn events(events: Option<Value>, first: i64) -> Vec<SpanEvent> {
    let Some(Value::Array(events)) = events else { return Vec::new() };
    let read = |event: Value| {
        let Value::Object(mut event) = event else { return None };
        let at = nanoseconds(&event, "time_unix_nano").unwrap_or(first);
        Some(SpanEvent {
            name: text(&event, "name").unwrap_or_default(),
            at_ms: milliseconds(first, at),
            attributes: match event.remove("attributes") {
                Some(Value::Object(attributes)) => attributes.into_iter().collect(),
                _ => BTreeMap::new(),
            },
        })
    };
    events.into_iter().filter_map(read).collect()
}

/// MLflow writes each attribute as JSON in a text.
fn decoded(attributes: Map<String, Value>) -> BTreeMap<String, Value> {
    let decode = |value: Value| match value {
        Value::String(text) => serde_json::from_str(&text).unwrap_or(Value::String(text)),
        other => other,
    };
    attributes.into_iter().map(|(key, value)| (key, decode(value))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_span_is_read_as_mlflow_writes_it() {
        let span = json!({
            "trace_id": "AA==", "span_id": "c3Bhbg==", "parent_span_id": null, "name": "ask",
            "start_time_unix_nano": 1_700_000_000_000_000_000_i64,
            "end_time_unix_nano": 1_700_000_000_250_500_000_i64,
            "events": [{"name": "exception", "time_unix_nano": 1_700_000_000_250_000_000_i64,
                        "attributes": {"exception.type": "ValueError"}}],
            "status": {"code": "STATUS_CODE_ERROR", "message": "no"},
            "attributes": {"mlflow.spanType": "\"LLM\"", "mlflow.spanInputs": "{\"q\": 1}",
                           "mlflow.traceRequestId": "\"tr-1\"", "plain": "not json"},
        });
        let read = bodies(&[span.to_string(), "no span".to_owned()]);
        let [span] = read.as_slice() else { panic!("one span, not {read:?}") };
        let said = serde_json::to_value(span).unwrap();
        assert_eq!(said["span_type"], "LLM");
        assert_eq!(said["status"], "ERROR");
        assert_eq!(said["inputs"], json!({"q": 1}));
        assert_eq!(said["attributes"], json!({"plain": "not json"}));
        assert_eq!((&said["start_ms"], &said["duration_ms"]), (&json!(0.0), &json!(250.5)));
        assert_eq!(said["events"][0]["at_ms"], 250.0);
    }

    #[test]
    fn an_open_span_has_no_duration() {
        let span = json!({"span_id": "a", "name": "open", "start_time_unix_nano": 5, "end_time_unix_nano": null});
        assert!(bodies(&[span.to_string()])[0].duration_ms.is_none());
    }
}
