//! Trying things out, and asking after queued work.

use super::error::StackResult;
use super::extract::{Json, Path, Query, Superuser};
use super::login::{CREATED, Message};
use crate::api::routing::{Routes, routes};
use crate::error::Failure;
use crate::mail;
use crate::state::AppState;
use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::post;
use branchline_core::{Actor, ErrorCode, JobOptions, JobState, NewJob, Work};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::{IntoParams, ToSchema};

pub(super) fn routes() -> Routes {
    Routes::new()
        .routes(routes!(test_email))
        .routes(routes!(health_check))
        .routes(routes!(queue_celery_task))
        .routes(routes!(test_celery))
        .routes(routes!(task_status))
}

/// The same without the slash, which clients forget.
pub(super) fn plain_routes() -> Router<AppState> {
    Router::new()
        .route("/api/v1/utils/queue-celery-task", post(queue_celery_task))
        .route("/api/v1/utils/test-celery", post(test_celery))
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct Recipient {
    /// To whom.
    email_to: String,
}

/// Sends a mail to see whether it arrives. When the mail server does not take it, its words
/// are the answer.
#[utoipa::path(
    post,
    path = "/api/v1/utils/test-email/",
    tag = "utils",
    params(Recipient),
    responses(
        (status = 201, description = "The mail server took it.", body = Message),
        Failure
    )
)]
async fn test_email(
    State(state): State<AppState>,
    _superuser: Superuser,
    Query(to): Query<Recipient>,
) -> StackResult<(StatusCode, Json<Message>)> {
    mail::test(&state, &to.email_to).await?;
    Ok((CREATED, Message::new("Test email sent")))
}

/// Tells that the server answers.
#[utoipa::path(
    get,
    path = "/api/v1/utils/health-check/",
    tag = "utils",
    security(()),
    responses(
        (status = 200, description = "`true`.", body = bool, content_type = "application/json"),
        Failure
    )
)]
async fn health_check() -> Json<bool> {
    Json(true)
}

/// A word for a task.
#[derive(Deserialize, ToSchema)]
#[schema(example = json!({"msg": "hello"}))]
struct Word {
    #[schema(example = "hello")]
    msg: String,
}

/// Work that was queued.
#[derive(Serialize, ToSchema)]
pub(super) struct TaskQueued {
    pub(super) msg: &'static str,
    pub(super) task_id: String,
}

/// How queued work stands.
#[derive(Serialize, ToSchema)]
struct TaskStatus {
    task_id: String,
    /// Celery's word; PENDING also for what is unknown.
    #[schema(example = "SUCCESS")]
    task_status: &'static str,
    /// What it answered, or what went wrong; null before that.
    #[schema(value_type = Option<Value>)]
    task_result: Value,
}

const RECEIVED: &str = "Word received";

async fn queue_word(
    state: &AppState,
    actor: &Actor,
    task: &str,
    word: &str,
) -> StackResult<String> {
    let work = Work {
        name: task.to_owned(),
        args: json!([word]).to_string(),
        kwargs: "{}".to_owned(),
        ..Work::default()
    };
    // As the stack's worker declares them.
    let options = JobOptions { acks_late: true, ..JobOptions::default() };
    let queued = state.engine.submit_job(actor, NewJob { task_id: None, work, options }).await?;
    Ok(queued.job.task_id)
}

/// Queues a task that answers with a word.
#[utoipa::path(
    post,
    path = "/api/v1/utils/queue-celery-task/",
    tag = "utils",
    request_body = Word,
    responses(
        (status = 201, description = "Queued, and on the disk.", body = TaskQueued),
        Failure
    )
)]
async fn queue_celery_task(
    State(state): State<AppState>,
    Superuser(actor): Superuser,
    Json(word): Json<Word>,
) -> StackResult<(StatusCode, Json<TaskQueued>)> {
    let task_id = queue_word(&state, &actor, "app.worker.run_task", &word.msg).await?;
    Ok((CREATED, Json(TaskQueued { msg: RECEIVED, task_id })))
}

/// The same as the stack before this one asked for it: without the id in the answer.
#[utoipa::path(
    post,
    path = "/api/v1/utils/test-celery/",
    tag = "utils",
    request_body = Word,
    responses(
        (status = 201, description = "Queued, and on the disk.", body = Message),
        Failure
    )
)]
async fn test_celery(
    State(state): State<AppState>,
    Superuser(actor): Superuser,
    Json(word): Json<Word>,
) -> StackResult<(StatusCode, Json<Message>)> {
    queue_word(&state, &actor, "app.worker.test_celery", &word.msg).await?;
    Ok((CREATED, Message::new(RECEIVED)))
}

/// How queued work stands. What is unknown is PENDING, as with Celery, where nobody can tell
/// it from what is not there yet.
#[utoipa::path(
    get,
    path = "/api/v1/utils/task-status/{task_id}",
    tag = "utils",
    params(("task_id" = String, Path, description = "The task's id.")),
    responses((status = 200, description = "As it stands.", body = TaskStatus), Failure)
)]
async fn task_status(
    State(state): State<AppState>,
    Superuser(actor): Superuser,
    Path(task_id): Path<String>,
) -> StackResult<Json<TaskStatus>> {
    let (task_status, task_result) = match state.engine.job(&actor, &task_id).await {
        Ok(found) => {
            let job = found.job;
            let result = match job.state {
                JobState::Success => {
                    job.result.and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default()
                }
                _ => job.message.map_or(Value::Null, Value::String),
            };
            (job.state.as_str(), result)
        }
        Err(error) if error.code == ErrorCode::ResourceDoesNotExist => {
            (JobState::Pending.as_str(), Value::Null)
        }
        Err(error) => return Err(error.into()),
    };
    Ok(Json(TaskStatus { task_id, task_status, task_result }))
}
