//! What programs that read Flower's API call, under `/flower`: workers, tasks, results and
//! events, with the keys of Flower 0.9.7. Nothing here changes anything, and it is for
//! superusers only.

mod events;
mod task;
mod text;

use crate::api::extract::{Json, Path, Query};
use crate::api::monitor::WORKER;
use crate::auth::Caller;
use crate::error::ApiResult;
use crate::state::AppState;
use axum::Router;
use axum::extract::State;
use axum::routing::get;
use branchline_core::{Clock, Error, ErrorCode, JobState, SystemClock};
use branchline_engine::{JobSearch, Topic};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use std::time::Duration;
use task::TaskRecord;

pub(crate) fn routes() -> Router<AppState> {
    Router::new()
        .route("/flower/api/workers", get(workers))
        .route("/flower/api/tasks", get(tasks))
        .route("/flower/api/task/info/{id}", get(task_info))
        .route("/flower/api/task/result/{id}", get(task_result))
        .merge(events::routes())
}

/// Tasks that Flower keeps, and so those that are sorted.
const MOST: usize = 10_000;
/// The longest that a result is waited for.
const LONGEST_WAIT: f64 = 300.0;

#[derive(Debug, Deserialize)]
struct WhichWorkers {
    status: Option<String>,
    workername: Option<String>,
}

/// Flower takes anything but these for true.
fn is_true(text: Option<&str>) -> bool {
    !matches!(text, None | Some("" | "0" | "false" | "False"))
}

async fn workers(
    State(state): State<AppState>,
    Caller(actor): Caller,
    Query(query): Query<WhichWorkers>,
) -> ApiResult<Json<Value>> {
    let queues = state.engine.queues(&actor).await?;
    if query.workername.is_some_and(|name| name != WORKER) {
        return Err(Error::not_found("Unknown worker").into());
    }
    if is_true(query.status.as_deref()) {
        return Ok(Json(json!({ WORKER: true })));
    }
    let running = JobSearch {
        states: vec![JobState::Received, JobState::Started],
        max_results: 1000,
        ..JobSearch::default()
    };
    let active = state.engine.jobs_with_events(&actor, running, 1000).await?;
    let active: Vec<Value> =
        active.iter().map(|(job, events)| TaskRecord::new(job, events).active()).collect();
    let processes: Vec<&Value> =
        active.iter().map(|task| &task["worker_pid"]).filter(|pid| !pid.is_null()).collect();
    let concurrency: u32 = queues.iter().map(|queue| queue.concurrency).sum();
    let worker = json!({
        "active": active,
        "active_queues": queues.iter().filter(|queue| !queue.paused).map(queue).collect::<Vec<_>>(),
        "conf": {},
        "registered": state.engine.builtin_tasks(),
        "stats": {
            "clock": state.engine.cursor().seq.to_string(),
            "pid": std::process::id(),
            "pool": { "max-concurrency": concurrency, "processes": processes },
            "prefetch_count": 0,
        },
        "timestamp": text::seconds(SystemClock.now_ms()),
    });
    Ok(Json(json!({ WORKER: worker })))
}

/// As Celery describes one that is consumed.
fn queue(queue: &branchline_core::Queue) -> Value {
    json!({
        "alias": null,
        "auto_delete": false,
        "binding_arguments": null,
        "bindings": [],
        "durable": true,
        "exchange": {
            "arguments": null,
            "auto_delete": false,
            "delivery_mode": 2,
            "durable": true,
            "name": queue.name,
            "passive": false,
            "type": "direct",
        },
        "exclusive": false,
        "name": queue.name,
        "no_ack": false,
        "queue_arguments": null,
        "routing_key": queue.name,
    })
}

#[derive(Debug, Deserialize)]
struct WhichTasks {
    limit: Option<usize>,
    offset: Option<usize>,
    sort_by: Option<String>,
    workername: Option<String>,
    taskname: Option<String>,
    state: Option<String>,
    received_start: Option<String>,
    received_end: Option<String>,
}

/// `All` stands for any.
fn chosen(text: Option<String>) -> Option<String> {
    text.filter(|text| !text.is_empty() && text != "All")
}

impl WhichTasks {
    fn search(&self) -> branchline_core::Result<JobSearch> {
        let states = match chosen(self.state.clone()) {
            Some(text) => vec![
                JobState::parse(&text)
                    .ok_or_else(|| Error::invalid(format!("'{text}' is no state of a task.")))?,
            ],
            None => Vec::new(),
        };
        let name = chosen(self.taskname.clone());
        Ok(JobSearch { states, name, max_results: MOST, ..JobSearch::default() })
    }
}

async fn tasks(
    State(state): State<AppState>,
    Caller(actor): Caller,
    Query(query): Query<WhichTasks>,
) -> ApiResult<Json<Value>> {
    let (from, to) = (text::minute(&query.received_start)?, text::minute(&query.received_end)?);
    let found = state.engine.jobs_with_events(&actor, query.search()?, MOST).await?;
    let of_us = chosen(query.workername).is_none_or(|name| name == WORKER);
    let mut found: Vec<TaskRecord<'_>> = found
        .iter()
        .map(|(job, events)| TaskRecord::new(job, events))
        .filter(|task| of_us && task.was_received(from, to))
        .collect();
    if let Some(by) = query.sort_by {
        let (key, descending) =
            by.strip_prefix('-').map_or((by.as_str(), false), |key| (key, true));
        task::sort(&mut found, key, descending)?;
    }
    let page = found.iter().skip(query.offset.unwrap_or(0)).take(query.limit.unwrap_or(MOST));
    let tasks: Map<String, Value> =
        page.map(|task| (task.id().to_owned(), task.as_dict())).collect();
    Ok(Json(Value::Object(tasks)))
}

async fn task_info(
    State(state): State<AppState>,
    Caller(actor): Caller,
    Path(id): Path<String>,
) -> ApiResult<Json<Value>> {
    // Only a superuser may list; a task's own maker could see it elsewhere.
    state.engine.may_watch(&actor, &Topic::Jobs).await?;
    let detail = state.engine.job(&actor, &id).await.map_err(|error| unknown(error, &id))?;
    let mut task = TaskRecord::new(&detail.job, &detail.events);
    task.parent = detail.parents.first().map(String::as_str);
    task.children = detail.children.iter().map(String::as_str).collect();
    Ok(Json(task.as_dict()))
}

fn unknown(error: Error, id: &str) -> Error {
    match error.code {
        ErrorCode::ResourceDoesNotExist => Error::not_found(format!("Unknown task '{id}'")),
        _ => error,
    }
}

#[derive(Debug, Deserialize)]
struct ResultOf {
    timeout: Option<f64>,
}

async fn task_result(
    State(state): State<AppState>,
    Caller(actor): Caller,
    Path(id): Path<String>,
    Query(query): Query<ResultOf>,
) -> ApiResult<Json<Value>> {
    state.engine.may_watch(&actor, &Topic::Jobs).await?;
    let seconds = query.timeout.unwrap_or(0.0);
    let seconds = if seconds.is_finite() { seconds.clamp(0.0, LONGEST_WAIT) } else { 0.0 };
    let found = tokio::select! {
        found = state.engine.wait_for_job(&actor, &id, Duration::from_secs_f64(seconds)) => found,
        () = state.closing.cancelled() => state.engine.job(&actor, &id).await,
    };
    match found {
        Ok(detail) => Ok(Json(TaskRecord::new(&detail.job, &detail.events).result())),
        // Celery knows of nothing what it is not.
        Err(error) if error.code == ErrorCode::ResourceDoesNotExist => {
            Ok(Json(json!({ "task-id": id, "state": "PENDING" })))
        }
        Err(error) => Err(error.into()),
    }
}
