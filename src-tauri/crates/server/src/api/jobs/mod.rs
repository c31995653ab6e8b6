//! Jobs: queue, look, cancel, try again.

mod body;

use super::extract::{Json, Path, Query};
use super::wire::page_size;
use crate::api::routing::{Routes, routes};
use crate::auth::Caller;
use crate::error::{ApiResult, Failure};
use crate::state::AppState;
use axum::extract::State;
use axum::http::StatusCode;
use body::{DetailBody, GraphBody, StatsBody};
pub(in crate::api) use body::{JobBody, OptionsBody, SubmitJob, optional_ms, seconds};
use branchline_core::job_order::JobOrder;
use branchline_core::{Clock, Error, JobState, NewJob, Result, SystemClock, job_filter};
use branchline_engine::JobSearch;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::time::Duration;
use utoipa::{IntoParams, ToSchema};

pub(super) fn routes() -> Routes {
    Routes::new()
        .routes(routes!(list_jobs, submit_job))
        .routes(routes!(submit_graph))
        .routes(routes!(job_stats))
        .routes(routes!(list_tasks))
        .routes(routes!(get_job, forget_job))
        .routes(routes!(job_log))
        .routes(routes!(cancel_job))
        .routes(routes!(retry_job))
        .routes(routes!(report_job))
}

/// The longest that a request waits.
const LONGEST_WAIT: f64 = 300.0;
const PAGE: usize = 100;
const MOST_ON_PAGE: usize = 1000;

/// A command may be asked for only where the network cannot.
pub(crate) fn check_command(state: &AppState, is_command: bool) -> Result<()> {
    if is_command && state.options.refuse_commands {
        return Err(Error::denied(
            "Jobs may not run commands while the server listens beyond this machine.",
        )
        .hint("Set jobs.allow_remote_submit if that is what you want."));
    }
    Ok(())
}

/// Reads a job that was kept as it was asked for.
pub(crate) fn read_job(text: &str, now: i64) -> Result<NewJob> {
    let body: SubmitJob = serde_json::from_str(text)
        .map_err(|cause| Error::invalid(format!("The job is not one: {cause}.")))?;
    body.read(now)
}

fn wait(seconds: Option<f64>) -> Result<Duration> {
    let seconds = seconds.unwrap_or(0.0);
    if seconds.is_nan() || seconds < 0.0 {
        return Err(Error::invalid("'wait' is a number of seconds, not negative."));
    }
    Ok(Duration::from_secs_f64(seconds.min(LONGEST_WAIT)))
}

/// Queues a job. Running a command needs a superuser.
#[utoipa::path(
    post,
    path = "/api/v1/jobs",
    tag = "jobs",
    request_body(
        content = SubmitJob,
        example = json!({"task": "app.worker.run_task", "args": ["hello"], "priority": 5})
    ),
    responses(
        (status = 201, description = "Queued, and on the disk.", body = JobBody),
        (status = 200, description = "It was there already.", body = JobBody),
        Failure,
    )
)]
async fn submit_job(
    State(state): State<AppState>,
    Caller(actor): Caller,
    Json(body): Json<SubmitJob>,
) -> ApiResult<(StatusCode, Json<JobBody>)> {
    check_command(&state, body.is_command())?;
    let queued = state.engine.submit_job(&actor, body.read(SystemClock.now_ms())?).await?;
    let status = if queued.existed { StatusCode::OK } else { StatusCode::CREATED };
    Ok((status, Json(queued.job.into())))
}

/// A graph that was queued.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = QueuedGraph)]
struct QueuedBody {
    /// All of its jobs carry it: the first job's id.
    root_id: String,
    /// In the order in which they were given.
    task_ids: Vec<String>,
    /// Those that end it.
    last: Vec<String>,
}

/// Queues jobs that run after each other, all or none.
///
/// A job gets the results of those before it in `BRANCHLINE_PARENT_RESULTS`. When one fails,
/// those after it fail too, and those of its `link_error` run.
#[utoipa::path(
    post,
    path = "/api/v1/jobs/graph",
    tag = "jobs",
    request_body = GraphBody,
    responses((status = 201, description = "Queued, and on the disk.", body = QueuedBody), Failure)
)]
async fn submit_graph(
    State(state): State<AppState>,
    Caller(actor): Caller,
    Json(body): Json<GraphBody>,
) -> ApiResult<(StatusCode, Json<QueuedBody>)> {
    check_command(&state, body.has_command())?;
    let queued = state.engine.submit_graph(&actor, body.read(SystemClock.now_ms())?).await?;
    let body = QueuedBody { root_id: queued.root_id, task_ids: queued.task_ids, last: queued.last };
    Ok((StatusCode::CREATED, Json(body)))
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct ListJobs {
    /// Only jobs in this state; may be repeated.
    #[serde(default)]
    state: Vec<String>,
    /// Only jobs of this queue.
    queue: Option<String>,
    /// Only jobs of this task.
    task: Option<String>,
    /// Only jobs of this graph.
    root: Option<String>,
    /// Only jobs of this project, by its number.
    project: Option<i64>,
    /// Only jobs with these words in name, command or id; `state:`, `name:`, `args:`, `kwargs:`,
    /// `result:`, `queue:` and `id:` say where a word has to be.
    filter: Option<String>,
    /// `status`, `title`, `name`, `queue`, `priority`, `retries`, `queued_at`, `started_at`,
    /// `ended_at` or `runtime`, with ` ASC` or ` DESC` behind it; the newest first when absent.
    order_by: Option<String>,
    /// Jobs on a page, 100 when absent.
    max_results: Option<usize>,
    /// Where the page starts.
    page_token: Option<String>,
}

/// A page of jobs.
#[derive(Debug, Serialize, ToSchema)]
struct JobPage {
    jobs: Vec<JobBody>,
    /// Absent on the last page.
    next_page_token: Option<String>,
}

/// Lists jobs.
#[utoipa::path(
    get,
    path = "/api/v1/jobs",
    tag = "jobs",
    params(ListJobs),
    responses((status = 200, description = "One page.", body = JobPage), Failure)
)]
async fn list_jobs(
    State(state): State<AppState>,
    Caller(actor): Caller,
    Query(query): Query<ListJobs>,
) -> ApiResult<Json<JobPage>> {
    let states = query.state.iter().map(|text| {
        JobState::parse(text).ok_or_else(|| {
            let names = JobState::ALL.map(JobState::as_str).join(", ");
            Error::invalid(format!("'{text}' is no state of a job: {names}."))
        })
    });
    let search = JobSearch {
        states: states.collect::<Result<_>>()?,
        queue: query.queue,
        name: query.task,
        root: query.root,
        project: query.project,
        terms: job_filter::parse(query.filter.as_deref().unwrap_or_default())?,
        order: query.order_by.as_deref().map(JobOrder::parse).transpose()?,
        max_results: page_size(query.max_results, PAGE, MOST_ON_PAGE)?,
        page_token: query.page_token,
    };
    let page = state.engine.jobs(&actor, search).await?;
    Ok(Json(JobPage {
        jobs: page.items.into_iter().map(Into::into).collect(),
        next_page_token: page.next_page_token,
    }))
}

/// Counts jobs by state.
#[utoipa::path(
    get,
    path = "/api/v1/jobs/stats",
    tag = "jobs",
    responses((status = 200, description = "Numbers.", body = StatsBody), Failure)
)]
async fn job_stats(
    State(state): State<AppState>,
    Caller(actor): Caller,
) -> ApiResult<Json<StatsBody>> {
    Ok(Json(state.engine.job_stats(&actor).await?.into()))
}

/// Tasks that can be queued by name.
#[derive(Debug, Serialize, ToSchema)]
struct TaskList {
    tasks: Vec<&'static str>,
}

/// Lists the tasks that can be queued by name.
#[utoipa::path(
    get,
    path = "/api/v1/jobs/tasks",
    tag = "jobs",
    responses((status = 200, description = "Their names.", body = TaskList), Failure)
)]
async fn list_tasks(State(state): State<AppState>, Caller(_actor): Caller) -> Json<TaskList> {
    Json(TaskList { tasks: state.engine.builtin_tasks().to_vec() })
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct GetJob {
    /// Seconds to wait for its end.
    wait: Option<f64>,
}

/// A job's record; with `wait` once it has ended, or after that many seconds.
#[utoipa::path(
    get,
    path = "/api/v1/jobs/{id}",
    tag = "jobs",
    params(("id" = String, Path, description = "The job's id."), GetJob),
    responses((status = 200, description = "As it stands.", body = DetailBody), Failure)
)]
async fn get_job(
    State(state): State<AppState>,
    Caller(actor): Caller,
    Path(id): Path<String>,
    Query(query): Query<GetJob>,
) -> ApiResult<Json<DetailBody>> {
    let found = tokio::select! {
        found = state.engine.wait_for_job(&actor, &id, wait(query.wait)?) => found?,
        // A server that stops keeps nobody waiting.
        () = state.closing.cancelled() => state.engine.job(&actor, &id).await?,
    };
    Ok(Json(found.into()))
}

/// Forgets an ended job with its log.
#[utoipa::path(
    delete,
    path = "/api/v1/jobs/{id}",
    tag = "jobs",
    params(("id" = String, Path, description = "The job's id.")),
    responses((status = 204, description = "Forgotten."), Failure)
)]
async fn forget_job(
    State(state): State<AppState>,
    Caller(actor): Caller,
    Path(id): Path<String>,
) -> ApiResult<StatusCode> {
    state.engine.forget_job(&actor, &id).await?;
    Ok(StatusCode::NO_CONTENT)
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct GetLog {
    /// Bytes to pass over; negative for the end of the log.
    #[serde(default)]
    after: i64,
    /// Seconds to wait for more.
    wait: Option<f64>,
}

/// A part of a job's log.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = JobLog)]
struct LogBody {
    /// What is no text is replaced.
    text: String,
    /// Where the next part starts.
    next: u64,
    /// Bytes that there are.
    size: u64,
    /// There will be no more.
    ended: bool,
}

/// What a job wrote, a megabyte at a time.
#[utoipa::path(
    get,
    path = "/api/v1/jobs/{id}/log",
    tag = "jobs",
    params(("id" = String, Path, description = "The job's id."), GetLog),
    responses((status = 200, description = "From `after` on.", body = LogBody), Failure)
)]
async fn job_log(
    State(state): State<AppState>,
    Caller(actor): Caller,
    Path(id): Path<String>,
    Query(query): Query<GetLog>,
) -> ApiResult<Json<LogBody>> {
    let part = tokio::select! {
        part = state.engine.wait_for_log(&actor, &id, query.after, wait(query.wait)?) => part?,
        () = state.closing.cancelled() => state.engine.job_log(&actor, &id, query.after).await?,
    };
    Ok(Json(LogBody {
        text: String::from_utf8_lossy(&part.bytes).into_owned(),
        next: part.next,
        size: part.size,
        ended: part.ended,
    }))
}

/// Cancels a job: one that waits never starts, one that runs is ended.
#[utoipa::path(
    post,
    path = "/api/v1/jobs/{id}/cancel",
    tag = "jobs",
    params(("id" = String, Path, description = "The job's id.")),
    responses((status = 200, description = "As it stands.", body = JobBody), Failure)
)]
async fn cancel_job(
    State(state): State<AppState>,
    Caller(actor): Caller,
    Path(id): Path<String>,
) -> ApiResult<Json<JobBody>> {
    Ok(Json(state.engine.cancel_job(&actor, &id).await?.into()))
}

/// Queues an ended job again.
#[utoipa::path(
    post,
    path = "/api/v1/jobs/{id}/retry",
    tag = "jobs",
    params(("id" = String, Path, description = "The job's id.")),
    responses((status = 200, description = "As it stands.", body = JobBody), Failure)
)]
async fn retry_job(
    State(state): State<AppState>,
    Caller(actor): Caller,
    Path(id): Path<String>,
) -> ApiResult<Json<JobBody>> {
    Ok(Json(state.engine.retry_job(&actor, &id).await?.into()))
}

/// What a running job says of itself, with its own credential: `progress` from 0 to 1,
/// `text`, and whatever it adds.
#[utoipa::path(
    post,
    path = "/api/v1/jobs/{id}/report",
    tag = "jobs",
    params(("id" = String, Path, description = "The job's id.")),
    request_body(content = Object, example = json!({"progress": 0.4, "text": "epoch 4 of 10"})),
    responses((status = 204, description = "Kept."), Failure)
)]
async fn report_job(
    State(state): State<AppState>,
    Caller(actor): Caller,
    Path(id): Path<String>,
    Json(body): Json<Map<String, Value>>,
) -> ApiResult<StatusCode> {
    state.engine.report_job(&actor, &id, Value::Object(body).to_string()).await?;
    Ok(StatusCode::NO_CONTENT)
}
