//! OpenTelemetry's spans (OTLP, in protobuf or JSON), read into the domain's.

mod convention;
mod form;
mod preview;
mod protobuf;
mod span;
mod text;
mod wire;

use crate::json::Json;
use branchline_core::{Error, Span, Tag, TraceId};
use span::Arrived;

/// Spans of one trace that came together.
#[derive(Debug, Clone, PartialEq)]
pub struct TraceSpans {
    /// Their trace: `tr-` and OpenTelemetry's id.
    pub trace_id: TraceId,
    /// In the order sent.
    pub spans: Vec<Span>,
    /// What sent them, such as `service.name`.
    pub resource: Vec<Tag>,
}

/// Why a body is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Malformed {
    /// It is not what it says it is.
    Shape,
    /// There is not one resource in it.
    Empty,
    /// A span cannot be one.
    Span,
    /// It holds more than is taken at once.
    TooMuch,
}

impl From<Malformed> for Error {
    fn from(reason: Malformed) -> Self {
        match reason {
            Malformed::Shape => Self::invalid("Invalid OpenTelemetry format"),
            Malformed::Empty => Self::invalid("Invalid OpenTelemetry format - no spans found"),
            Malformed::Span => Self::invalid("Cannot convert OpenTelemetry span to MLflow span"),
            Malformed::TooMuch => {
                Self::invalid("The request holds more spans and attributes than are taken at once.")
                    .hint("Send them in smaller pieces.")
            }
        }
    }
}

/// Reads an `ExportTraceServiceRequest` in protobuf.
///
/// # Errors
/// It is not one, or holds too much.
pub fn from_protobuf(body: &[u8]) -> Result<Vec<TraceSpans>, Malformed> {
    grouped(protobuf::request(body)?)
}

/// Reads an `ExportTraceServiceRequest` in JSON.
///
/// # Errors
/// It is not one, or holds too much.
pub fn from_json(body: &[u8]) -> Result<Vec<TraceSpans>, Malformed> {
    grouped(text::request(body)?)
}

/// The attribute of a resource that names the program.
const SERVICE_NAME: &str = "service.name";
/// Programs whose root spans are told apart by it, as by `_KNOWN_SERVICE_NAMES` of MLflow.
const CLIENTS: [&str; 5] =
    ["claude-code", "codex_cli_rs", "codex_vscode", "gemini-cli", "qwen-code"];

fn known_client(resource: &[Tag]) -> Option<&str> {
    let name = resource.iter().find(|tag| tag.key == SERVICE_NAME)?.value.as_str();
    CLIENTS.contains(&name).then_some(name)
}

/// Spans by trace, in the order of their first span.
fn grouped(arrived: Vec<(Vec<Tag>, Vec<Arrived>)>) -> Result<Vec<TraceSpans>, Malformed> {
    if arrived.is_empty() {
        return Err(Malformed::Empty);
    }
    let mut traces: Vec<TraceSpans> = Vec::new();
    let mut places = std::collections::HashMap::new();
    for (resource, spans) in arrived {
        let client = known_client(&resource);
        for mut span in spans {
            if let Some(client) = client
                && span.parent_id.is_empty()
            {
                let name = Json::Text(client.to_owned());
                span.attributes.push((SERVICE_NAME.to_owned(), name));
            }
            let trace_id = span.trace_id()?;
            let place = *places.entry(trace_id.clone()).or_insert_with(|| {
                traces.push(TraceSpans { trace_id, spans: Vec::new(), resource: Vec::new() });
                traces.len() - 1
            });
            if traces[place].resource.is_empty() {
                traces[place].resource.clone_from(&resource);
            }
            traces[place].spans.push(span.into_span()?);
        }
    }
    Ok(traces)
}

pub(crate) use form::OtlpSpan;

#[cfg(test)]
mod tests;
