//! Projects: folders whose functions, entry points and notebooks run as jobs.

mod body;

use super::extract::{Json, Path};
use super::jobs::{JobBody, check_command};
use crate::api::routing::{Routes, routes};
use crate::auth::Caller;
use crate::error::{ApiResult, Failure};
use crate::state::AppState;
use axum::extract::State;
use axum::http::StatusCode;
pub(super) use body::RunOfProject;
use body::{AddProject, DetailBody, PatchProject, ProjectList};
use branchline_core::{Actor, Clock, SystemClock};
use branchline_engine::{Project, ProjectUpdate, ProjectWork};

pub(super) fn routes() -> Routes {
    Routes::new()
        .routes(routes!(list_projects, add_project))
        .routes(routes!(get_project, patch_project, remove_project))
        .routes(routes!(scan_project))
        .routes(routes!(run_project_task))
        .routes(routes!(run_entry_point))
}

/// Reading a folder runs the Python in it: as much as a command.
async fn detail(state: &AppState, project: Project, anew: bool) -> ApiResult<Json<DetailBody>> {
    check_command(state, true)?;
    let scan = state.engine.scan_project(&project, anew).await?;
    Ok(Json(DetailBody::new(project, &scan)))
}

/// Lists the projects.
#[utoipa::path(
    get,
    path = "/api/v1/projects",
    tag = "projects",
    responses((status = 200, description = "By name.", body = ProjectList), Failure)
)]
async fn list_projects(
    State(state): State<AppState>,
    Caller(actor): Caller,
) -> ApiResult<Json<ProjectList>> {
    let projects = state.engine.projects(&actor).await?;
    Ok(Json(ProjectList { projects: projects.into_iter().map(Into::into).collect() }))
}

/// Opens a folder as a project.
#[utoipa::path(
    post,
    path = "/api/v1/projects",
    tag = "projects",
    request_body = AddProject,
    responses((status = 201, description = "The project and what it offers.", body = DetailBody), Failure)
)]
async fn add_project(
    State(state): State<AppState>,
    Caller(actor): Caller,
    Json(body): Json<AddProject>,
) -> ApiResult<(StatusCode, Json<DetailBody>)> {
    check_command(&state, true)?;
    let AddProject { path, name, interpreter } = body;
    let project = state.engine.add_project(&actor, &path, name, interpreter).await?;
    Ok((StatusCode::CREATED, detail(&state, project, true).await?))
}

/// A project with what it offers, as its files are now.
#[utoipa::path(
    get,
    path = "/api/v1/projects/{id}",
    tag = "projects",
    params(("id" = String, Path, description = "Its number, its name, or its folder.")),
    responses((status = 200, description = "The project.", body = DetailBody), Failure)
)]
async fn get_project(
    State(state): State<AppState>,
    Caller(actor): Caller,
    Path(id): Path<String>,
) -> ApiResult<Json<DetailBody>> {
    let project = state.engine.project(&actor, &id).await?;
    detail(&state, project, false).await
}

/// Changes a project's name or Python.
#[utoipa::path(
    patch,
    path = "/api/v1/projects/{id}",
    tag = "projects",
    params(("id" = String, Path, description = "Its number, its name, or its folder.")),
    request_body = PatchProject,
    responses((status = 200, description = "The project.", body = DetailBody), Failure)
)]
async fn patch_project(
    State(state): State<AppState>,
    Caller(actor): Caller,
    Path(id): Path<String>,
    Json(body): Json<PatchProject>,
) -> ApiResult<Json<DetailBody>> {
    check_command(&state, true)?;
    let update = ProjectUpdate { name: body.name, interpreter: body.interpreter };
    let project = state.engine.update_project(&actor, &id, update).await?;
    detail(&state, project, false).await
}

/// Forgets a project. Its folder and its jobs stay.
#[utoipa::path(
    delete,
    path = "/api/v1/projects/{id}",
    tag = "projects",
    params(("id" = String, Path, description = "Its number, its name, or its folder.")),
    responses((status = 204, description = "Forgotten."), Failure)
)]
async fn remove_project(
    State(state): State<AppState>,
    Caller(actor): Caller,
    Path(id): Path<String>,
) -> ApiResult<StatusCode> {
    state.engine.remove_project(&actor, &id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Reads a project's folder again, also where nothing seems to have changed.
#[utoipa::path(
    post,
    path = "/api/v1/projects/{id}/scan",
    tag = "projects",
    params(("id" = String, Path, description = "Its number, its name, or its folder.")),
    responses((status = 200, description = "The project.", body = DetailBody), Failure)
)]
async fn scan_project(
    State(state): State<AppState>,
    Caller(actor): Caller,
    Path(id): Path<String>,
) -> ApiResult<Json<DetailBody>> {
    let project = state.engine.project(&actor, &id).await?;
    detail(&state, project, true).await
}

pub(super) async fn run(
    state: &AppState,
    actor: &Actor,
    project: &str,
    work: ProjectWork,
    body: RunOfProject,
) -> ApiResult<(StatusCode, Json<JobBody>)> {
    check_command(state, true)?;
    let options = body.options.read(SystemClock.now_ms())?;
    let queued =
        state.engine.run_of_project(actor, project, &work, body.arguments, options).await?;
    let status = if queued.existed { StatusCode::OK } else { StatusCode::CREATED };
    Ok((status, Json(queued.job.into())))
}

/// Queues a function of a project. Its arguments are checked by their types; what is wrong
/// is told in `fields`.
#[utoipa::path(
    post,
    path = "/api/v1/projects/{id}/tasks/{name}",
    tag = "projects",
    params(
        ("id" = String, Path, description = "The project's number, name, or folder."),
        ("name" = String, Path, description = "`file.function`."),
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
async fn run_project_task(
    State(state): State<AppState>,
    Caller(actor): Caller,
    Path((id, name)): Path<(String, String)>,
    Json(body): Json<RunOfProject>,
) -> ApiResult<(StatusCode, Json<JobBody>)> {
    run(&state, &actor, &id, ProjectWork::Task(name), body).await
}

/// Queues an entry point of a project's `MLproject`.
#[utoipa::path(
    post,
    path = "/api/v1/projects/{id}/entry-points/{name}",
    tag = "projects",
    params(
        ("id" = String, Path, description = "The project's number, name, or folder."),
        ("name" = String, Path, description = "The entry point's name."),
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
async fn run_entry_point(
    State(state): State<AppState>,
    Caller(actor): Caller,
    Path((id, name)): Path<(String, String)>,
    Json(body): Json<RunOfProject>,
) -> ApiResult<(StatusCode, Json<JobBody>)> {
    run(&state, &actor, &id, ProjectWork::EntryPoint(name), body).await
}
