//! `/v1/traces`: spans as OpenTelemetry's exporters send them (OTLP over HTTP).

use super::Table;
use super::answer::body_of;
use super::call::whole;
use super::error::MlflowError;
use crate::MAX_BODY_BYTES;
use crate::auth::Caller;
use crate::state::AppState;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use branchline_core::{Error, ErrorCode, ExperimentId, RunId};
use branchline_engine::SpanBatch;
use branchline_mlflow::otlp::{self, Malformed, TraceSpans};
use bytes::Bytes;
use flate2::read::{DeflateDecoder, MultiGzDecoder, ZlibDecoder};
use serde_json::json;
use std::io::Read;

const EXPERIMENT: &str = "x-mlflow-experiment-id";
const RUN: &str = "x-mlflow-run-id";
/// Largest body in protobuf, packed or not: spans hold whole documents.
const MAX_PROTOBUF_BYTES: usize = 64 * 1024 * 1024;
const PROTOBUF: &str = "application/x-protobuf";

pub(super) fn table_outside() -> Table {
    vec![("/v1/traces", post(export))]
}

/// What the body is written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    Protobuf,
    Json,
}

impl Form {
    /// Bytes that a body may have, packed and unpacked. JSON takes more memory than its
    /// text while it is read.
    fn limit(self) -> usize {
        match self {
            Self::Protobuf => MAX_PROTOBUF_BYTES,
            Self::Json => MAX_BODY_BYTES,
        }
    }
}

/// How the body is packed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Packing {
    None,
    Gzip,
    Deflate,
}

/// A refusal in the words and the shape that exporters of MLflow's server know.
struct Refused(Box<Response>);

impl Refused {
    fn new(status: StatusCode, detail: &str) -> Self {
        Self::from((status, body_of(&json!({ "detail": detail }))).into_response())
    }
    fn bad(detail: &str) -> Self {
        Self::new(StatusCode::BAD_REQUEST, detail)
    }
}

impl From<Response> for Refused {
    fn from(response: Response) -> Self {
        Self(Box::new(response))
    }
}

impl From<Error> for Refused {
    fn from(error: Error) -> Self {
        Self::from(MlflowError(error).into_response())
    }
}

impl From<Malformed> for Refused {
    fn from(reason: Malformed) -> Self {
        let status = match reason {
            Malformed::Span => StatusCode::UNPROCESSABLE_ENTITY,
            Malformed::Shape | Malformed::Empty | Malformed::TooMuch => StatusCode::BAD_REQUEST,
        };
        let error = Error::from(reason);
        match &error.hint {
            Some(hint) => Self::new(status, &format!("{} {hint}", error.message)),
            None => Self::new(status, &error.message),
        }
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        *self.0
    }
}

async fn export(
    State(state): State<AppState>,
    Caller(actor): Caller,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Refused> {
    let experiment = required(&headers, EXPERIMENT)?;
    let form = form(&headers)?;
    let packing = packing(&headers)?;
    let run = text(&headers, RUN).filter(|id| !id.is_empty()).map(RunId::new);
    let body = whole(&headers, body, form.limit()).await?;
    // Unpacking and reading take their time; other requests go on meanwhile.
    let traces = tokio::task::spawn_blocking(move || read(&body, form, packing))
        .await
        .map_err(|error| Error::internal("Reading spans was stopped.").source(error))??;
    let experiment: ExperimentId = experiment.parse()?;
    let batches = traces.into_iter().map(|TraceSpans { trace_id, spans, resource }| SpanBatch {
        trace_id,
        spans,
        resource,
    });
    state.engine.log_spans(&actor, experiment, batches.collect(), run).await?;
    // An `ExportTraceServiceResponse` without fields.
    let kind = [(header::CONTENT_TYPE, HeaderValue::from_static(PROTOBUF))];
    Ok((kind, Bytes::new()).into_response())
}

fn text<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    headers.get(name).map(|value| value.to_str().unwrap_or_default().trim())
}

fn required<'h>(headers: &'h HeaderMap, name: &str) -> Result<&'h str, Refused> {
    text(headers, name).ok_or_else(|| {
        let missing = json!({
            "detail": [{
                "type": "missing",
                "loc": ["header", name],
                "msg": "Field required",
                "input": null,
            }]
        });
        (StatusCode::UNPROCESSABLE_ENTITY, body_of(&missing)).into_response().into()
    })
}

fn form(headers: &HeaderMap) -> Result<Form, Refused> {
    let kind = text(headers, header::CONTENT_TYPE.as_str()).unwrap_or("None");
    match kind.split(';').next().unwrap_or_default().trim() {
        PROTOBUF => Ok(Form::Protobuf),
        "application/json" => Ok(Form::Json),
        _ => Err(Refused::bad(&format!(
            "Invalid Content-Type: {kind}. Expected: application/x-protobuf or application/json"
        ))),
    }
}

fn packing(headers: &HeaderMap) -> Result<Packing, Refused> {
    let name = text(headers, header::CONTENT_ENCODING.as_str()).unwrap_or_default();
    match name.to_ascii_lowercase().as_str() {
        "" | "identity" => Ok(Packing::None),
        "gzip" => Ok(Packing::Gzip),
        "deflate" => Ok(Packing::Deflate),
        other => Err(Refused::bad(&format!("Unsupported Content-Encoding: {other}"))),
    }
}

/// Why a body cannot be unpacked.
enum Stuck {
    /// It is not packed so.
    Packing,
    /// It becomes too large.
    Limit,
}

fn read(body: &[u8], form: Form, packing: Packing) -> Result<Vec<TraceSpans>, Refused> {
    let limit = form.limit();
    let unpacked = match packing {
        Packing::None => None,
        Packing::Gzip => Some(unpack(MultiGzDecoder::new(body), limit)),
        // Some send the bare stream and call it the same.
        Packing::Deflate => Some(match unpack(ZlibDecoder::new(body), limit) {
            Err(Stuck::Packing) => unpack(DeflateDecoder::new(body), limit),
            done => done,
        }),
    };
    let unpacked = unpacked.transpose().map_err(|stuck| match stuck {
        Stuck::Packing if packing == Packing::Gzip => {
            Refused::bad("Failed to decompress gzip payload")
        }
        Stuck::Packing => Refused::bad("Failed to decompress deflate payload"),
        Stuck::Limit => {
            let words = format!("The request's body is larger than {limit} bytes when unpacked.");
            let error = Error::new(ErrorCode::PayloadTooLarge, words);
            error.hint("Send it in smaller pieces.").into()
        }
    })?;
    let body = unpacked.as_deref().unwrap_or(body);
    Ok(match form {
        Form::Protobuf => otlp::from_protobuf(body)?,
        Form::Json => otlp::from_json(body)?,
    })
}

/// Unpacks up to `limit` bytes; more are refused before they take memory.
fn unpack(packed: impl Read, limit: usize) -> Result<Vec<u8>, Stuck> {
    let mut unpacked = Vec::new();
    let one_more = u64::try_from(limit).unwrap_or(u64::MAX).saturating_add(1);
    packed.take(one_more).read_to_end(&mut unpacked).map_err(|_| Stuck::Packing)?;
    if unpacked.len() > limit { Err(Stuck::Limit) } else { Ok(unpacked) }
}
