//! Notebooks of projects: JupyterLab started and stopped, a notebook read, a notebook queued.

use super::extract::{Json, Path, Query};
use super::jobs::{JobBody, check_command};
use super::projects::{RunOfProject, run};
use super::wire::Time;
use crate::api::routing::{Routes, routes};
use crate::auth::Caller;
use crate::error::{ApiResult, Failure};
use crate::state::AppState;
use axum::extract::State;
use axum::http::StatusCode;
use branchline_engine::{NotebookServer, ProjectWork};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::time::Duration;
use utoipa::{IntoParams, ToSchema};

pub(super) fn routes() -> Routes {
    Routes::new()
        .routes(routes!(read_notebook))
        .routes(routes!(run_notebook))
        .routes(routes!(start_notebooks))
        .routes(routes!(list_notebook_servers))
        .routes(routes!(get_notebook_server, stop_notebook_server))
}

/// The longest that a request waits.
const LONGEST_WAIT: f64 = 300.0;

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct WhichNotebook {
    /// From the project's folder.
    path: String,
}

/// A notebook as its file says it.
#[utoipa::path(
    get,
    path = "/api/v1/projects/{id}/notebook",
    tag = "projects",
    params(
        ("id" = String, Path, description = "The project's number, name, or folder."),
        WhichNotebook,
    ),
    responses((status = 200, description = "Jupyter's JSON.", body = Object), Failure)
)]
async fn read_notebook(
    State(state): State<AppState>,
    Caller(actor): Caller,
    Path(id): Path<String>,
    Query(query): Query<WhichNotebook>,
) -> ApiResult<Json<Value>> {
    let text = state.engine.notebook(&actor, &id, &query.path).await?;
    let parsed = serde_json::from_str(&text).map_err(|cause| {
        branchline_core::Error::invalid(format!("'{}' is no notebook: {cause}.", query.path))
    })?;
    Ok(Json(parsed))
}

/// Queues a notebook, with its parameters as `arguments`. Its executed copy becomes an
/// artifact of the run that the job's result names.
#[utoipa::path(
    post,
    path = "/api/v1/projects/{id}/notebook/run",
    tag = "projects",
    params(
        ("id" = String, Path, description = "The project's number, name, or folder."),
        WhichNotebook,
    ),
    request_body(
        content = RunOfProject,
        example = json!({"arguments": {"alpha": 0.1}, "queue": "main-queue"})
    ),
    responses(
        (status = 201, description = "Queued, and on the disk.", body = JobBody),
        (status = 200, description = "It was there already.", body = JobBody),
        Failure,
    )
)]
async fn run_notebook(
    State(state): State<AppState>,
    Caller(actor): Caller,
    Path(id): Path<String>,
    Query(query): Query<WhichNotebook>,
    Json(body): Json<RunOfProject>,
) -> ApiResult<(StatusCode, Json<JobBody>)> {
    run(&state, &actor, &id, ProjectWork::Notebook(query.path), body).await
}

/// A JupyterLab that runs, or is about to.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = NotebookServer)]
struct ServerBody {
    /// Its job; its log is the job's.
    task_id: String,
    project_id: Option<i64>,
    status: &'static str,
    /// Where it answers, with its token; absent before it does.
    url: Option<String>,
    /// In one line, what went wrong.
    message: Option<String>,
    started_at: Option<Time>,
}

impl From<NotebookServer> for ServerBody {
    fn from(server: NotebookServer) -> Self {
        let job = server.job;
        Self {
            task_id: job.task_id,
            project_id: job.work.project,
            status: job.state.as_str(),
            url: server.url,
            message: job.message,
            started_at: job.started_at.map(Time),
        }
    }
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct WaitForServer {
    /// Seconds to wait until it answers.
    wait: Option<f64>,
}

async fn waited(
    state: &AppState,
    actor: &branchline_core::Actor,
    task_id: &str,
    wait: Option<f64>,
) -> ApiResult<ServerBody> {
    let wait = wait.filter(|wait| wait.is_finite()).unwrap_or(0.0).clamp(0.0, LONGEST_WAIT);
    let wait = Duration::from_secs_f64(wait);
    let found = tokio::select! {
        found = state.engine.wait_for_notebooks(actor, task_id, wait) => found?,
        // A server that stops keeps nobody waiting.
        () = state.closing.cancelled() => {
            state.engine.wait_for_notebooks(actor, task_id, Duration::ZERO).await?
        }
    };
    Ok(found.into())
}

/// Starts JupyterLab in a project's environment with tracking set up, or answers the one
/// that runs there. It listens on this machine only.
#[utoipa::path(
    post,
    path = "/api/v1/projects/{id}/notebook-server",
    tag = "projects",
    params(
        ("id" = String, Path, description = "The project's number, name, or folder."),
        WaitForServer,
    ),
    responses((status = 200, description = "As it stands.", body = ServerBody), Failure)
)]
async fn start_notebooks(
    State(state): State<AppState>,
    Caller(actor): Caller,
    Path(id): Path<String>,
    Query(query): Query<WaitForServer>,
) -> ApiResult<Json<ServerBody>> {
    check_command(&state, true)?;
    let started = state.engine.start_notebooks(&actor, &id).await?;
    Ok(Json(waited(&state, &actor, &started.job.task_id, query.wait).await?))
}

/// Notebook servers.
#[derive(Debug, Serialize, ToSchema)]
struct NotebookServerList {
    servers: Vec<ServerBody>,
}

/// Lists the notebook servers that run or are about to.
#[utoipa::path(
    get,
    path = "/api/v1/notebook-servers",
    tag = "projects",
    responses((status = 200, description = "Newest first.", body = NotebookServerList), Failure)
)]
async fn list_notebook_servers(
    State(state): State<AppState>,
    Caller(actor): Caller,
) -> ApiResult<Json<NotebookServerList>> {
    let servers = state.engine.notebook_servers(&actor).await?;
    Ok(Json(NotebookServerList { servers: servers.into_iter().map(Into::into).collect() }))
}

/// A notebook server; with `wait` once it answers, or after that many seconds.
#[utoipa::path(
    get,
    path = "/api/v1/notebook-servers/{id}",
    tag = "projects",
    params(("id" = String, Path, description = "Its job's id."), WaitForServer),
    responses((status = 200, description = "As it stands.", body = ServerBody), Failure)
)]
async fn get_notebook_server(
    State(state): State<AppState>,
    Caller(actor): Caller,
    Path(id): Path<String>,
    Query(query): Query<WaitForServer>,
) -> ApiResult<Json<ServerBody>> {
    if !actor.is_superuser {
        let words = "The user doesn't have enough privileges.";
        return Err(branchline_core::Error::denied(words).into());
    }
    Ok(Json(waited(&state, &actor, &id, query.wait).await?))
}

/// Stops a notebook server with all its kernels.
#[utoipa::path(
    delete,
    path = "/api/v1/notebook-servers/{id}",
    tag = "projects",
    params(("id" = String, Path, description = "Its job's id.")),
    responses((status = 204, description = "It is told to end."), Failure)
)]
async fn stop_notebook_server(
    State(state): State<AppState>,
    Caller(actor): Caller,
    Path(id): Path<String>,
) -> ApiResult<StatusCode> {
    // Whether it is one.
    state.engine.wait_for_notebooks(&actor, &id, Duration::ZERO).await?;
    state.engine.cancel_job(&actor, &id).await?;
    Ok(StatusCode::NO_CONTENT)
}
