//! Files of runs and logged models.

use super::extract::{Json, Path, Query};
use crate::api::routing::{Routes, routes};
use crate::auth::{Caller, OnThisMachine};
use crate::error::{ApiResult, Failure};
use crate::files;
use crate::state::AppState;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use branchline_core::{FileInfo, ModelId, Result, RunId};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

pub(super) fn routes() -> Routes {
    Routes::new()
        .routes(routes!(list_run_artifacts))
        .routes(routes!(get_run_artifact))
        .routes(routes!(list_model_artifacts))
        .routes(routes!(get_model_artifact))
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct Folder {
    /// A folder below the root; the root itself when absent.
    path: Option<String>,
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct File {
    /// The file, relative to the root.
    path: String,
    /// 1 to save it under its name instead of showing it.
    #[serde(default)]
    download: u8,
}

/// What is in a folder.
#[derive(Debug, Serialize, ToSchema)]
struct ArtifactList {
    /// Root of the run's or model's artifacts, a URI.
    root_uri: String,
    /// Where the folder is on disk; only told to an administrator on the server's machine.
    #[serde(skip_serializing_if = "Option::is_none")]
    local_path: Option<String>,
    /// Sorted.
    files: Vec<ArtifactFile>,
}

/// A file or folder.
#[derive(Debug, Serialize, ToSchema)]
struct ArtifactFile {
    /// Relative to the root, with `/`.
    path: String,
    /// Its last part.
    name: String,
    is_dir: bool,
    /// Bytes; absent for folders.
    size: Option<u64>,
}

impl From<FileInfo> for ArtifactFile {
    fn from(file: FileInfo) -> Self {
        Self {
            name: file.path.rsplit('/').next().unwrap_or_default().to_owned(),
            path: file.path,
            is_dir: file.is_dir,
            size: file.size,
        }
    }
}

async fn list(
    state: &AppState,
    root_uri: String,
    folder: Folder,
    local: bool,
) -> Result<ArtifactList> {
    let path = folder.path.as_deref().filter(|path| !path.is_empty());
    let artifacts = state.engine.artifacts();
    let files = artifacts.list(&root_uri, path).await?.into_iter().map(Into::into).collect();
    let local_path = local
        .then(|| artifacts.resolve_uri(&root_uri, path).ok())
        .flatten()
        .map(|path| path.display().to_string());
    Ok(ArtifactList { root_uri, local_path, files })
}

async fn content(
    state: &AppState,
    root_uri: &str,
    file: &File,
    headers: &HeaderMap,
) -> Result<Response> {
    let open = state.engine.artifacts().open(root_uri, &file.path).await?;
    files::answer(open, headers, file.download == 1).await
}

/// Lists a folder of a run's artifacts.
#[utoipa::path(
    get,
    path = "/api/v1/runs/{id}/artifacts",
    tag = "artifacts",
    params(("id" = String, Path, description = "The run's id."), Folder),
    responses((status = 200, description = "One folder.", body = ArtifactList), Failure)
)]
async fn list_run_artifacts(
    State(state): State<AppState>,
    Caller(actor): Caller,
    OnThisMachine(local): OnThisMachine,
    Path(id): Path<String>,
    Query(folder): Query<Folder>,
) -> ApiResult<Json<ArtifactList>> {
    let run = state.engine.run(&actor, &RunId::new(id)).await?;
    Ok(Json(list(&state, run.info.artifact_uri, folder, local).await?))
}

/// Reads a file of a run; byte ranges are understood. What could run in a browser is
/// answered for a sandbox.
#[utoipa::path(
    get,
    path = "/api/v1/runs/{id}/artifacts/content",
    tag = "artifacts",
    params(("id" = String, Path, description = "The run's id."), File),
    responses(
        (status = 200, description = "The bytes, as their name says.", body = Vec<u8>, content_type = "*/*"),
        (status = 206, description = "The range that was asked for.", body = Vec<u8>, content_type = "*/*"),
        (status = 304, description = "As the caller has it."),
        (status = 416, description = "The range begins after the end."),
        Failure
    )
)]
async fn get_run_artifact(
    State(state): State<AppState>,
    Caller(actor): Caller,
    Path(id): Path<String>,
    Query(file): Query<File>,
    headers: HeaderMap,
) -> ApiResult<Response> {
    let run = state.engine.run(&actor, &RunId::new(id)).await?;
    Ok(content(&state, &run.info.artifact_uri, &file, &headers).await?)
}

/// Lists a folder of a logged model's files.
#[utoipa::path(
    get,
    path = "/api/v1/logged-models/{id}/artifacts",
    tag = "artifacts",
    params(("id" = String, Path, description = "The logged model's id."), Folder),
    responses((status = 200, description = "One folder.", body = ArtifactList), Failure)
)]
async fn list_model_artifacts(
    State(state): State<AppState>,
    Caller(actor): Caller,
    OnThisMachine(local): OnThisMachine,
    Path(id): Path<String>,
    Query(folder): Query<Folder>,
) -> ApiResult<Json<ArtifactList>> {
    let model = state.engine.logged_model(&actor, &ModelId::new(id)).await?;
    Ok(Json(list(&state, model.artifact_uri, folder, local).await?))
}

/// Reads a file of a logged model; byte ranges are understood. What could run in a
/// browser is answered for a sandbox.
#[utoipa::path(
    get,
    path = "/api/v1/logged-models/{id}/artifacts/content",
    tag = "artifacts",
    params(("id" = String, Path, description = "The logged model's id."), File),
    responses(
        (status = 200, description = "The bytes, as their name says.", body = Vec<u8>, content_type = "*/*"),
        (status = 206, description = "The range that was asked for.", body = Vec<u8>, content_type = "*/*"),
        (status = 304, description = "As the caller has it."),
        (status = 416, description = "The range begins after the end."),
        Failure
    )
)]
async fn get_model_artifact(
    State(state): State<AppState>,
    Caller(actor): Caller,
    Path(id): Path<String>,
    Query(file): Query<File>,
    headers: HeaderMap,
) -> ApiResult<Response> {
    let model = state.engine.logged_model(&actor, &ModelId::new(id)).await?;
    Ok(content(&state, &model.artifact_uri, &file, &headers).await?)
}
