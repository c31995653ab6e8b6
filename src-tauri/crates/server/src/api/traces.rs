//! Traces of GenAI apps: find them, look into one, delete them.

mod span;

use super::extract::{Json, Path};
use super::wire::{Time, page_size, tag_map};
use crate::api::routing::{Routes, routes};
use crate::auth::Caller;
use crate::error::{ApiResult, Failure};
use crate::state::AppState;
use axum::extract::State;
use branchline_core::trace::metadata::{COST, SESSION, SIZE_STATS, TOKEN_USAGE, USER};
use branchline_core::trace::tag::NAME;
use branchline_core::{
    Assessment, ErrorCode, ExperimentId, Result, TraceId, TraceInfo, TraceState, limits,
};
use branchline_engine::{TraceSearch, TraceSelection};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use span::SpanBody;
use std::collections::BTreeMap;
use utoipa::ToSchema;

/// The metadata that names the run during which a trace was made.
const SOURCE_RUN: &str = "mlflow.sourceRun";

pub(super) fn routes() -> Routes {
    Routes::new()
        .routes(routes!(search_traces))
        .routes(routes!(get_trace))
        .routes(routes!(delete_traces))
}

/// How a trace stands.
#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
#[schema(as = TraceState)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
enum StateBody {
    /// Not known.
    Unspecified,
    /// Ended well.
    Ok,
    /// Ended with an error.
    Error,
    /// Still going.
    InProgress,
}

impl From<TraceState> for StateBody {
    fn from(state: TraceState) -> Self {
        match state {
            TraceState::Unspecified => Self::Unspecified,
            TraceState::Ok => Self::Ok,
            TraceState::Error => Self::Error,
            TraceState::InProgress => Self::InProgress,
        }
    }
}

/// Tokens that models took and gave.
#[derive(Debug, Serialize, ToSchema)]
struct TokenCount {
    input: Option<i64>,
    output: Option<i64>,
    total: Option<i64>,
}

/// A judgement of a trace or of one of its spans.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Assessment)]
struct AssessmentBody {
    assessment_id: String,
    /// What was judged.
    name: String,
    /// `feedback`, `expectation` or `issue`.
    kind: &'static str,
    /// What it says, any JSON.
    value: Value,
    /// Why there is no feedback.
    error: Option<String>,
    /// `HUMAN`, `LLM_JUDGE` or `CODE`.
    source_type: String,
    /// Who or what judged.
    source_id: Option<String>,
    /// Why.
    rationale: Option<String>,
    created_at: Time,
}

impl From<Assessment> for AssessmentBody {
    fn from(assessment: Assessment) -> Self {
        let error = assessment.error.map(|error| {
            [error.code, error.message].into_iter().flatten().collect::<Vec<_>>().join(": ")
        });
        Self {
            assessment_id: assessment.assessment_id.to_string(),
            name: assessment.name,
            kind: assessment.kind.as_str(),
            value: serde_json::from_str(&assessment.value).unwrap_or(Value::Null),
            error,
            source_type: assessment.source_type,
            source_id: assessment.source_id,
            rationale: assessment.rationale,
            created_at: Time(assessment.created_at),
        }
    }
}

/// A trace without its spans.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Trace)]
struct TraceBody {
    trace_id: String,
    experiment_id: String,
    name: Option<String>,
    state: StateBody,
    started_at: Time,
    /// Milliseconds; absent while it is open.
    duration_ms: Option<i64>,
    /// The beginning of what was asked.
    request_preview: Option<String>,
    /// The beginning of what was answered.
    response_preview: Option<String>,
    /// The conversation that it is part of.
    session: Option<String>,
    /// The end user.
    user: Option<String>,
    /// The run during which it was made.
    source_run_id: Option<String>,
    tokens: Option<TokenCount>,
    /// US dollars.
    cost: Option<f64>,
    span_count: Option<i64>,
    tags: BTreeMap<String, String>,
    metadata: BTreeMap<String, String>,
    /// Those that none stands in for, oldest first.
    assessments: Vec<AssessmentBody>,
}

impl From<TraceInfo> for TraceBody {
    fn from(info: TraceInfo) -> Self {
        let read = |key: &str| -> Option<Value> { serde_json::from_str(info.metadata(key)?).ok() };
        let text = |key: &str| info.metadata(key).map(str::to_owned);
        let tokens = read(TOKEN_USAGE).map(|usage| TokenCount {
            input: usage["input_tokens"].as_i64(),
            output: usage["output_tokens"].as_i64(),
            total: usage["total_tokens"].as_i64(),
        });
        Self {
            name: info.tag(NAME).map(str::to_owned),
            session: text(SESSION),
            user: text(USER),
            source_run_id: text(SOURCE_RUN),
            cost: read(COST).and_then(|cost| cost["total_cost"].as_f64()),
            span_count: read(SIZE_STATS).and_then(|stats| stats["num_spans"].as_i64()),
            tokens,
            trace_id: info.trace_id.to_string(),
            experiment_id: info.experiment_id.to_string(),
            state: info.state.into(),
            started_at: Time(info.request_time),
            duration_ms: info.execution_duration,
            request_preview: info.request_preview,
            response_preview: info.response_preview,
            tags: tag_map(info.tags),
            metadata: tag_map(info.metadata),
            assessments: info
                .assessments
                .into_iter()
                .filter(|assessment| assessment.valid)
                .map(Into::into)
                .collect(),
        }
    }
}

/// A search over traces.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(
    as = TraceSearch,
    example = json!({"experiment_ids": ["1"], "filter": "trace.status = 'ERROR'", "max_results": 50})
)]
struct SearchBody {
    /// Where to look; none finds nothing.
    experiment_ids: Vec<ExperimentIdText>,
    /// MLflow's search language of traces, such as `status = 'ERROR'`.
    #[serde(default)]
    filter: String,
    /// Such as `timestamp_ms DESC`.
    #[serde(default)]
    order_by: Vec<String>,
    /// 100 when not said, at most 500.
    max_results: Option<usize>,
    page_token: Option<String>,
}

/// An experiment's id, a number as text.
type ExperimentIdText = String;

/// A page of traces.
#[derive(Debug, Serialize, ToSchema)]
struct TraceList {
    traces: Vec<TraceBody>,
    next_page_token: Option<String>,
}

/// Searches traces; newest first when no order is said.
#[utoipa::path(
    post,
    path = "/api/v1/traces/search",
    tag = "traces",
    request_body = SearchBody,
    responses((status = 200, description = "A page.", body = TraceList), Failure)
)]
async fn search_traces(
    State(state): State<AppState>,
    Caller(actor): Caller,
    Json(body): Json<SearchBody>,
) -> ApiResult<Json<TraceList>> {
    let experiments: Result<Vec<ExperimentId>> =
        body.experiment_ids.iter().map(|id| id.parse()).collect();
    let search = TraceSearch {
        experiment_ids: experiments?,
        filter: body.filter,
        order_by: body.order_by,
        max_results: page_size(body.max_results, 100, limits::MAX_TRACE_RESULTS)?,
        page_token: body.page_token.filter(|token| !token.is_empty()),
    };
    let page = state.engine.search_traces(&actor, search).await?;
    let traces = page.items.into_iter().map(TraceBody::from).collect();
    Ok(Json(TraceList { traces, next_page_token: page.next_page_token }))
}

/// A trace with its spans.
#[derive(Debug, Serialize, ToSchema)]
struct TraceDetail {
    trace: TraceBody,
    /// Those that have arrived, the root first, then by start. Absent where the client keeps
    /// them in a file of the trace, as clients of MLflow 2 do.
    spans: Option<Vec<SpanBody>>,
}

/// A trace with the spans that have arrived so far.
#[utoipa::path(
    get,
    path = "/api/v1/traces/{id}",
    tag = "traces",
    params(("id" = String, Path, description = "The trace's id.")),
    responses((status = 200, description = "The trace.", body = TraceDetail), Failure)
)]
async fn get_trace(
    State(state): State<AppState>,
    Caller(actor): Caller,
    Path(id): Path<String>,
) -> ApiResult<Json<TraceDetail>> {
    let id = TraceId::new(id);
    let found = match state.engine.trace(&actor, &id, true).await {
        Ok(trace) => {
            TraceDetail { spans: Some(span::bodies(&trace.spans)), trace: trace.info.into() }
        }
        Err(error) if error.code == ErrorCode::SpansElsewhere => {
            let trace = state.engine.trace_info(&actor, &id).await?.into();
            TraceDetail { trace, spans: None }
        }
        Err(error) => return Err(error.into()),
    };
    Ok(Json(found))
}

/// Which traces are to go.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(
    as = TraceDeletion,
    example = json!({"experiment_id": "1", "trace_ids": ["tr-5d41402abc4b2a76b9719d911017c592"]})
)]
struct DeleteBody {
    experiment_id: ExperimentIdText,
    trace_ids: Vec<String>,
}

/// How many went.
#[derive(Debug, Serialize, ToSchema)]
struct DeletedTraces {
    deleted: usize,
}

/// Deletes traces of an experiment for good, with their spans, files and assessments.
#[utoipa::path(
    post,
    path = "/api/v1/traces/delete",
    tag = "traces",
    request_body = DeleteBody,
    responses((status = 200, description = "Gone.", body = DeletedTraces), Failure)
)]
async fn delete_traces(
    State(state): State<AppState>,
    Caller(actor): Caller,
    Json(body): Json<DeleteBody>,
) -> ApiResult<Json<DeletedTraces>> {
    let ids = body.trace_ids.into_iter().map(TraceId::new).collect();
    let experiment = body.experiment_id.parse()?;
    let deleted = state.engine.delete_traces(&actor, experiment, TraceSelection::Ids(ids)).await?;
    Ok(Json(DeletedTraces { deleted }))
}
