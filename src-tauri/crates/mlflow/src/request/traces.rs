//! Requests about traces.

use super::{AssessmentMessage, KeyValue};
use crate::explain::{missing, required, required_text};
use crate::scalar::{Flag, Int64, List, Named, Texts};
use crate::time::{Duration, Timestamp};
use branchline_core::{Assessment, Error, ExperimentId, Result, TraceId, TraceState};
use serde::Deserialize;

/// `POST 3.0 traces`.
#[derive(Debug, Deserialize)]
pub struct StartTrace {
    /// Required.
    pub trace: Option<TraceMessage>,
}

/// A trace without its spans.
#[derive(Debug, Deserialize)]
pub struct TraceMessage {
    /// Required.
    #[serde(alias = "traceInfo")]
    pub trace_info: Option<TraceInfoMessage>,
}

/// What is known of a trace without its spans.
#[derive(Debug, Deserialize)]
pub struct TraceInfoMessage {
    /// Required: clients name their traces.
    #[serde(alias = "traceId")]
    pub trace_id: Option<String>,
    /// The application's own id.
    #[serde(alias = "clientRequestId")]
    pub client_request_id: Option<String>,
    /// Required: an experiment.
    #[serde(alias = "traceLocation")]
    pub trace_location: Option<TraceLocation>,
    /// The beginning of what was asked.
    #[serde(alias = "requestPreview")]
    pub request_preview: Option<String>,
    /// The beginning of what was answered.
    #[serde(alias = "responsePreview")]
    pub response_preview: Option<String>,
    /// The beginning of 1970 when absent.
    #[serde(alias = "requestTime")]
    pub request_time: Option<Timestamp>,
    /// Absent while it is open.
    #[serde(alias = "executionDuration")]
    pub execution_duration: Option<Duration>,
    /// How it stands.
    pub state: Option<Named<TraceState>>,
    /// Written once.
    #[serde(default, alias = "traceMetadata")]
    pub trace_metadata: Texts,
    /// What was thought of it already.
    #[serde(default)]
    pub assessments: List<AssessmentMessage>,
    /// Can change.
    #[serde(default)]
    pub tags: Texts,
}

/// Where a trace is kept.
#[derive(Debug, Deserialize)]
pub struct TraceLocation {
    /// `MLFLOW_EXPERIMENT`.
    #[serde(rename = "type")]
    pub kind: Option<String>,
    /// Which.
    #[serde(alias = "mlflowExperiment")]
    pub mlflow_experiment: Option<ExperimentLocation>,
}

/// An experiment as a place for traces.
#[derive(Debug, Deserialize)]
pub struct ExperimentLocation {
    /// Its number.
    #[serde(alias = "experimentId")]
    pub experiment_id: Option<String>,
}

impl TraceLocation {
    /// The experiment.
    ///
    /// # Errors
    /// It is another kind of place.
    pub fn experiment(self) -> Result<ExperimentId> {
        let kind = self.kind.unwrap_or_default();
        let experiment = self.mlflow_experiment.and_then(|place| place.experiment_id);
        match (kind.as_str(), experiment) {
            ("MLFLOW_EXPERIMENT" | "1", Some(id)) => id.parse(),
            ("MLFLOW_EXPERIMENT" | "1", None) => {
                Err(missing("trace.trace_info.trace_location.mlflow_experiment.experiment_id"))
            }
            (kind, _) => Err(Error::invalid(format!(
                "Traces are kept in experiments; the location type '{kind}' is not one."
            ))
            .hint("Send trace_location with type MLFLOW_EXPERIMENT and an experiment_id.")),
        }
    }
}

impl StartTrace {
    /// The info that is required.
    ///
    /// # Errors
    /// There is none.
    pub fn info(self) -> Result<TraceInfoMessage> {
        required("trace.trace_info", required("trace", self.trace)?.trace_info)
    }
}

impl TraceInfoMessage {
    /// The assessments as the domain has them, of this trace.
    ///
    /// # Errors
    /// One is not whole.
    pub fn assessments(messages: List<AssessmentMessage>, id: &TraceId) -> Result<Vec<Assessment>> {
        messages.0.into_iter().map(|message| message.into_domain(id)).collect()
    }
}

/// `POST 2.0 traces`: a trace begins, as clients of MLflow 2 say it.
#[derive(Debug, Deserialize)]
pub struct OpenTrace {
    /// Required.
    #[serde(alias = "experimentId")]
    pub experiment_id: Option<String>,
    /// Milliseconds UTC.
    #[serde(alias = "timestampMs")]
    pub timestamp_ms: Option<Int64>,
    /// Written once.
    #[serde(default, alias = "requestMetadata")]
    pub request_metadata: List<KeyValue>,
    /// Can change.
    #[serde(default)]
    pub tags: List<KeyValue>,
}

/// `PATCH 2.0 traces/{request_id}`: it ends.
#[derive(Debug, Deserialize)]
pub struct EndTrace {
    /// Milliseconds UTC.
    #[serde(alias = "timestampMs")]
    pub timestamp_ms: Option<Int64>,
    /// How.
    pub status: Option<Named<TraceState>>,
    /// Merged.
    #[serde(default, alias = "requestMetadata")]
    pub request_metadata: List<KeyValue>,
    /// Merged.
    #[serde(default)]
    pub tags: List<KeyValue>,
}

/// `GET traces/get`.
#[derive(Debug, Deserialize)]
pub struct GetTrace {
    /// Required.
    #[serde(alias = "traceId")]
    pub trace_id: Option<String>,
    /// Whether some of the spans are enough.
    #[serde(alias = "allowPartial")]
    pub allow_partial: Option<Flag>,
}

/// `traces/batchGet` and `traces/batchGetInfos`.
#[derive(Debug, Deserialize)]
pub struct BatchGetTraces {
    /// Required; may be empty.
    #[serde(alias = "traceIds")]
    pub trace_ids: Option<List<String>>,
    /// Only those in one of these.
    #[serde(alias = "experimentIds")]
    pub experiment_ids: Option<List<String>>,
}

/// A tag of a trace.
#[derive(Debug, Deserialize)]
pub struct TraceTag {
    /// Required.
    pub key: Option<String>,
    /// Empty when absent.
    pub value: Option<String>,
}

/// `POST traces/delete-traces`.
#[derive(Debug, Deserialize)]
pub struct DeleteTraces {
    /// Required.
    #[serde(alias = "experimentId")]
    pub experiment_id: Option<String>,
    /// Milliseconds UTC.
    #[serde(alias = "maxTimestampMillis")]
    pub max_timestamp_millis: Option<Int64>,
    /// The oldest first.
    #[serde(alias = "maxTraces")]
    pub max_traces: Option<Int64>,
    /// By id.
    #[serde(default, alias = "requestIds")]
    pub request_ids: List<String>,
}

/// `POST traces/link-to-run`.
#[derive(Debug, Deserialize)]
pub struct LinkTracesToRun {
    /// Required.
    #[serde(default, alias = "traceIds")]
    pub trace_ids: List<String>,
    /// Required.
    #[serde(alias = "runId")]
    pub run_id: Option<String>,
}

/// `POST traces/link-prompts`.
#[derive(Debug, Deserialize)]
pub struct LinkPrompts {
    /// Required.
    #[serde(alias = "traceId")]
    pub trace_id: Option<String>,
    /// Required.
    #[serde(default, alias = "promptVersions")]
    pub prompt_versions: List<PromptVersion>,
}

/// A version of a prompt.
#[derive(Debug, Deserialize)]
pub struct PromptVersion {
    /// The prompt's name.
    pub name: Option<String>,
    /// A whole number in a text.
    pub version: Option<String>,
}

impl PromptVersion {
    /// Name and number.
    ///
    /// # Errors
    /// One is missing, or the version is no whole number.
    pub fn into_domain(self) -> Result<(String, i64)> {
        let name = required_text("prompt_versions.name", self.name)?;
        let version = required_text("prompt_versions.version", self.version)?;
        let number = version.parse().map_err(|_| {
            Error::invalid(format!("Prompt version must be an integer, got '{version}'."))
        })?;
        Ok((name, number))
    }
}

/// `GET get-trace-artifact`.
#[derive(Debug, Deserialize)]
pub struct TraceFile {
    /// Required: the trace.
    pub request_id: Option<String>,
    /// An attachment; without it, the spans.
    pub path: Option<String>,
}

/// Traces by their ids.
pub fn trace_ids(ids: List<String>) -> Vec<TraceId> {
    ids.0.into_iter().map(TraceId::new).collect()
}
