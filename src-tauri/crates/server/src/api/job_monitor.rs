//! What jobs came to over time, and what a running one uses.

use super::extract::{Json, Path, Query};
use super::wire::Time;
use crate::api::routing::{Routes, routes};
use crate::auth::Caller;
use crate::error::{ApiResult, Failure};
use crate::state::AppState;
use axum::extract::State;
use branchline_core::{Clock, SystemClock};
use branchline_engine::{GpuUsage, JobHistory, JobUsage};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

pub(super) fn routes() -> Routes {
    Routes::new().routes(routes!(job_history)).routes(routes!(job_usage))
}

/// Minutes that are looked back over.
const USUAL: u32 = 60;

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct Span {
    /// Minutes to look back over, 1 to 43200; 60 when absent.
    minutes: Option<u32>,
}

/// What jobs came to, in sixty stretches of time; one number of each list for each.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = JobHistory)]
struct HistoryBody {
    /// Milliseconds of a stretch.
    period_ms: i64,
    /// Their starts, milliseconds UTC.
    times: Vec<i64>,
    /// Jobs that ended well.
    succeeded: Vec<i64>,
    /// Jobs that failed for good.
    failed: Vec<i64>,
    /// Jobs that were cancelled or expired.
    revoked: Vec<i64>,
    /// Attempts of these jobs that were tried again.
    retried: Vec<i64>,
    /// How long they waited from when they were due, milliseconds: the mean.
    wait_ms: Vec<Option<f64>>,
    /// And the longest.
    longest_wait_ms: Vec<Option<i64>>,
    /// How long they ran, milliseconds: the mean.
    run_ms: Vec<Option<f64>>,
}

impl From<JobHistory> for HistoryBody {
    fn from(history: JobHistory) -> Self {
        let periods = &history.periods;
        let counts =
            |of: fn(&branchline_engine::JobPeriod) -> i64| periods.iter().map(of).collect();
        Self {
            period_ms: history.period_ms,
            times: counts(|period| period.at),
            succeeded: counts(|period| period.succeeded),
            failed: counts(|period| period.failed),
            revoked: counts(|period| period.revoked),
            retried: counts(|period| period.retried),
            wait_ms: periods.iter().map(|period| period.wait_ms).collect(),
            longest_wait_ms: periods.iter().map(|period| period.longest_wait_ms).collect(),
            run_ms: periods.iter().map(|period| period.run_ms).collect(),
        }
    }
}

/// What jobs that ended lately came to, over time.
#[utoipa::path(
    get,
    path = "/api/v1/jobs/history",
    tag = "jobs",
    params(Span),
    responses((status = 200, description = "Up to now.", body = HistoryBody), Failure)
)]
async fn job_history(
    State(state): State<AppState>,
    Caller(actor): Caller,
    Query(query): Query<Span>,
) -> ApiResult<Json<HistoryBody>> {
    let span = i64::from(query.minutes.unwrap_or(USUAL)) * 60_000;
    Ok(Json(state.engine.job_history(&actor, span).await?.into()))
}

/// What a running job uses now.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = JobUsage)]
struct UsageBody {
    at: Time,
    /// Processor time since the start, milliseconds; nothing when it does not run.
    cpu_ms: Option<i64>,
    /// Memory that they hold.
    memory_bytes: Option<i64>,
    processes: Option<usize>,
    /// The graphics processors whose slots it holds, where their driver tells.
    gpus: Vec<GpuBody>,
}

/// What the graphics processor of a slot does, whoever uses it.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = GpuUsage)]
struct GpuBody {
    slot: u32,
    /// How busy it is, 0 to 1.
    utilization: Option<f64>,
    /// Memory that is used on it.
    memory_bytes: Option<i64>,
    /// Memory that it has.
    memory_total: Option<i64>,
}

impl From<GpuUsage> for GpuBody {
    fn from(gpu: GpuUsage) -> Self {
        Self {
            slot: gpu.slot,
            utilization: gpu.utilization,
            memory_bytes: gpu.memory_bytes,
            memory_total: gpu.memory_total,
        }
    }
}

/// What a running job uses at this moment; nothing is kept of it.
#[utoipa::path(
    get,
    path = "/api/v1/jobs/{id}/usage",
    tag = "jobs",
    params(("id" = String, Path, description = "The job's id.")),
    responses((status = 200, description = "Now.", body = UsageBody), Failure)
)]
async fn job_usage(
    State(state): State<AppState>,
    Caller(actor): Caller,
    Path(id): Path<String>,
) -> ApiResult<Json<UsageBody>> {
    let JobUsage { processes: usage, gpus } = state.engine.job_usage(&actor, &id).await?;
    Ok(Json(UsageBody {
        gpus: gpus.into_iter().map(Into::into).collect(),
        at: Time(SystemClock.now_ms()),
        cpu_ms: usage.map(|usage| usage.cpu_ms),
        memory_bytes: usage.map(|usage| usage.memory_bytes),
        processes: usage.map(|usage| usage.processes),
    }))
}
