//! Queues of jobs.

use super::extract::{Json, Path};
use crate::api::routing::{Routes, routes};
use crate::auth::Caller;
use crate::error::{ApiResult, Failure};
use crate::state::AppState;
use axum::extract::State;
use branchline_core::Queue;
use branchline_engine::{Engine, QueueUpdate};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

pub(super) fn routes() -> Routes {
    Routes::new()
        .routes(routes!(list_queues))
        .routes(routes!(set_queue))
        .routes(routes!(waiting_jobs))
        .routes(routes!(purge_queue))
}

/// A queue and what is in it.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Queue)]
struct QueueBody {
    name: String,
    /// Jobs that run at a time now.
    concurrency: u32,
    /// Its bounds, where it follows the machine.
    autoscale: Option<Autoscale>,
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

/// Bounds of a queue that runs as many jobs at a time as the machine has processors, and on
/// battery no more than it must.
#[derive(Debug, Clone, Copy, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Autoscale {
    /// 1 to 256.
    min: u32,
    /// 1 to 256, not less than `min`.
    max: u32,
}

impl QueueBody {
    fn new(engine: &Engine, queue: Queue) -> Self {
        Self {
            concurrency: engine.jobs_at_a_time(&queue),
            autoscale: queue.least.map(|min| Autoscale { min, max: queue.concurrency }),
            name: queue.name,
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
    let queues = queues.into_iter().map(|queue| QueueBody::new(&state.engine, queue));
    Ok(Json(QueueList { queues: queues.collect() }))
}

/// What becomes of a queue; what is absent stays.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"concurrency": 2, "paused": false}))]
struct SetQueue {
    /// 1 to 256 jobs run at a time, whatever the machine is like.
    concurrency: Option<u32>,
    /// Instead of `concurrency`: follow the machine within these bounds.
    autoscale: Option<Autoscale>,
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
    let update = QueueUpdate {
        concurrency: body.concurrency,
        autoscale: body.autoscale.map(|bounds| (bounds.min, bounds.max)),
        paused: body.paused,
    };
    let queue = state.engine.set_queue(&actor, &name, update).await?;
    Ok(Json(QueueBody::new(&state.engine, queue)))
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
