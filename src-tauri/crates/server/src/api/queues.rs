//! Queues of jobs, and the rates of tasks.

use super::extract::{Json, Path};
use crate::auth::Caller;
use crate::error::{ApiResult, Failure};
use crate::state::AppState;
use axum::extract::State;
use axum::http::StatusCode;
use branchline_core::{Error, Queue, Result};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub(super) fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(list_queues))
        .routes(routes!(set_queue))
        .routes(routes!(waiting_jobs))
        .routes(routes!(purge_queue))
        .routes(routes!(list_rates))
        .routes(routes!(set_rate))
}

/// A queue and what is in it.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Queue)]
struct QueueBody {
    name: String,
    /// Jobs that run at a time.
    concurrency: u32,
    /// Nothing is taken from it.
    paused: bool,
    /// Why, where nobody asked for it.
    reason: Option<String>,
    /// Jobs that could start.
    ready: i64,
    /// Jobs that wait for their time.
    held: i64,
    running: i64,
    /// Jobs that wait for others.
    waiting: i64,
}

impl From<Queue> for QueueBody {
    fn from(queue: Queue) -> Self {
        Self {
            name: queue.name,
            concurrency: queue.concurrency,
            paused: queue.paused,
            reason: queue.reason,
            ready: queue.ready,
            held: queue.held,
            running: queue.running,
            waiting: queue.waiting,
        }
    }
}

/// The queues.
#[derive(Debug, Serialize, ToSchema)]
struct QueueList {
    queues: Vec<QueueBody>,
}

/// Lists the queues, by name.
#[utoipa::path(
    get,
    path = "/api/v1/queues",
    tag = "jobs",
    responses((status = 200, description = "With what is in them.", body = QueueList), Failure)
)]
async fn list_queues(
    State(state): State<AppState>,
    Caller(actor): Caller,
) -> ApiResult<Json<QueueList>> {
    let queues = state.engine.queues(&actor).await?;
    Ok(Json(QueueList { queues: queues.into_iter().map(Into::into).collect() }))
}

/// What becomes of a queue; what is absent stays.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"concurrency": 2, "paused": false}))]
struct SetQueue {
    /// 1 to 256 jobs run at a time.
    concurrency: Option<u32>,
    paused: Option<bool>,
}

/// Pauses a queue, resumes it, or changes how many of its jobs run at a time; one that is
/// not there is made. What runs goes on.
#[utoipa::path(
    patch,
    path = "/api/v1/queues/{name}",
    tag = "jobs",
    params(("name" = String, Path, description = "The queue's name.")),
    request_body = SetQueue,
    responses((status = 200, description = "As it is now.", body = QueueBody), Failure)
)]
async fn set_queue(
    State(state): State<AppState>,
    Caller(actor): Caller,
    Path(name): Path<String>,
    Json(body): Json<SetQueue>,
) -> ApiResult<Json<QueueBody>> {
    let queue = state.engine.set_queue(&actor, &name, body.concurrency, body.paused).await?;
    Ok(Json(queue.into()))
}

/// Ids of jobs.
#[derive(Debug, Serialize, ToSchema)]
struct WaitingJobs {
    task_ids: Vec<String>,
}

/// Lists the jobs of a queue that have not started, in the order in which they would, a
/// thousand at most.
#[utoipa::path(
    get,
    path = "/api/v1/queues/{name}/jobs",
    tag = "jobs",
    params(("name" = String, Path, description = "The queue's name.")),
    responses((status = 200, description = "Their ids.", body = WaitingJobs), Failure)
)]
async fn waiting_jobs(
    State(state): State<AppState>,
    Caller(actor): Caller,
    Path(name): Path<String>,
) -> ApiResult<Json<WaitingJobs>> {
    Ok(Json(WaitingJobs { task_ids: state.engine.waiting_jobs(&actor, &name).await? }))
}

/// How many jobs were revoked.
#[derive(Debug, Serialize, ToSchema)]
struct Purged {
    purged: usize,
}

/// Revokes every job of a queue that has not started. What runs goes on.
#[utoipa::path(
    post,
    path = "/api/v1/queues/{name}/purge",
    tag = "jobs",
    params(("name" = String, Path, description = "The queue's name.")),
    responses((status = 200, description = "How many.", body = Purged), Failure)
)]
async fn purge_queue(
    State(state): State<AppState>,
    Caller(actor): Caller,
    Path(name): Path<String>,
) -> ApiResult<Json<Purged>> {
    Ok(Json(Purged { purged: state.engine.purge_queue(&actor, &name).await? }))
}

/// Rates by task, such as `10/m`.
#[derive(Debug, Serialize, ToSchema)]
struct RateList {
    rates: BTreeMap<String, String>,
}

/// Lists how often tasks may start.
#[utoipa::path(
    get,
    path = "/api/v1/job-rates",
    tag = "jobs",
    responses((status = 200, description = "Those that are limited.", body = RateList), Failure)
)]
async fn list_rates(
    State(state): State<AppState>,
    Caller(actor): Caller,
) -> ApiResult<Json<RateList>> {
    let rates = state.engine.job_rates(&actor).await?;
    let rates = rates.into_iter().map(|(task, interval)| (task, written(interval)));
    Ok(Json(RateList { rates: rates.collect() }))
}

/// A rate to set.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(example = json!({"rate": "10/m"}))]
struct SetRate {
    /// `10/s`, `10/m` or `10/h`; no limit when absent.
    rate: Option<String>,
}

const UNITS: [(&str, i64); 3] = [("s", 1000), ("m", 60_000), ("h", 3_600_000)];

/// The milliseconds between two starts.
fn read(rate: &str) -> Result<i64> {
    let bad = || Error::invalid(format!("'{rate}' is no rate such as 10/s, 10/m or 10/h."));
    let (number, unit) = rate.split_once('/').unwrap_or((rate, "s"));
    let number: i64 = number.trim().parse().map_err(|_| bad())?;
    let (_, ms) = UNITS.iter().find(|(name, _)| *name == unit.trim()).ok_or_else(bad)?;
    if number < 1 {
        return Err(bad());
    }
    Ok(ms / number)
}

/// A rate in the largest unit that has a whole number.
fn written(interval_ms: i64) -> String {
    let (unit, ms) = UNITS.iter().find(|(_, ms)| ms % interval_ms == 0).unwrap_or(&UNITS[2]);
    format!("{}/{unit}", ms / interval_ms)
}

/// Limits how often a task starts, or lifts the limit.
#[utoipa::path(
    put,
    path = "/api/v1/job-rates/{task}",
    tag = "jobs",
    params(("task" = String, Path, description = "The task's name.")),
    request_body = SetRate,
    responses((status = 204, description = "From now on."), Failure)
)]
async fn set_rate(
    State(state): State<AppState>,
    Caller(actor): Caller,
    Path(task): Path<String>,
    Json(body): Json<SetRate>,
) -> ApiResult<StatusCode> {
    let interval = body.rate.as_deref().map(read).transpose()?;
    state.engine.set_job_rate(&actor, &task, interval).await?;
    Ok(StatusCode::NO_CONTENT)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_is_read_and_written() {
        for (text, interval) in [("10/s", 100), ("10/m", 6000), ("2/h", 1_800_000)] {
            assert_eq!(read(text).unwrap(), interval);
            assert_eq!(written(interval), text);
        }
        assert_eq!(read("5").unwrap(), 200, "without a unit, a second");
        for odd in ["", "x/s", "10/d", "0/s", "-1/s"] {
            assert!(read(odd).is_err(), "{odd}");
        }
    }
}
