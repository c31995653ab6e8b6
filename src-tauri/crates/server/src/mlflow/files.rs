//! The files of one run, model version or logged model.

use super::Table;
use super::answer::{Answer, JSON, json};
use super::artifacts::require;
use super::call::{Call, PathOf, whole};
use super::model_versions::version_of;
use super::transfer;
use crate::auth::Caller;
use crate::state::AppState;
use axum::body::Body;
use axum::extract::{RawQuery, State};
use axum::http::HeaderMap;
use axum::response::IntoResponse;
use axum::routing::{get, post};
use branchline_core::artifact_path;
use branchline_core::event::EventKind;
use branchline_core::{
    Actor, Error, ErrorCode, ModelId, Permission, Resource, Result, RunId, RunInfo, Scope,
};
use branchline_engine::Engine;
use branchline_mlflow::explain::missing;
use branchline_mlflow::from_query;
use branchline_mlflow::request::{
    ListArtifacts, ListLoggedModelArtifacts, LoggedModelFile, RunFile, VersionFile, run_id,
};
use branchline_mlflow::response::LoggedArtifacts;

/// What MLflow's UI may upload at once.
const MAX_UPLOAD: usize = 10 * 1024 * 1024;

pub(super) fn table() -> Table {
    vec![
        ("/mlflow/artifacts/list", get(list_of_run)),
        ("/mlflow/upload-artifact", post(upload)),
        ("/mlflow/logged-models/{model_id}/artifacts/directories", get(list_of_model)),
        ("/mlflow/logged-models/{model_id}/artifacts/files", get(file_of_model)),
    ]
}

/// Routes outside of `/api`.
pub(super) fn table_outside() -> Table {
    vec![
        ("/get-artifact", get(file_of_run)),
        ("/model-versions/get-artifact", get(file_of_version)),
    ]
}

pub(super) async fn run_info(engine: &Engine, actor: &Actor, id: RunId) -> Result<RunInfo> {
    let mut found = engine.run_infos(actor, vec![id.clone()]).await?;
    found.pop().ok_or_else(|| Error::not_found(format!("Run with id={id} not found")))
}

/// A path is looked at before what it is in, as MLflow does.
pub(super) fn check_path(path: Option<&str>) -> Result<()> {
    path.map_or(Ok(()), |path| artifact_path::check(path).map(drop))
}

/// The path that is asked for, which has to be there; empty, it is that of a folder.
fn path_of(path: Option<String>) -> Result<String> {
    let path = path.ok_or_else(|| missing("path"))?;
    check_path(Some(&path))?;
    Ok(path)
}

async fn list_of_run(Call { engine, actor, message }: Call<ListArtifacts>) -> Answer {
    check_path(message.path.as_deref())?;
    let id = run_id(message.run_id, message.run_uuid)?;
    let root_uri = run_info(&engine, &actor, id).await?.artifact_uri;
    list(&engine, &root_uri, message.path).await
}

async fn list_of_model(
    PathOf(model_id): PathOf,
    Call { engine, actor, message }: Call<ListLoggedModelArtifacts>,
) -> Answer {
    check_path(message.artifact_directory_path.as_deref())?;
    let model = engine.logged_model(&actor, &ModelId::new(model_id)).await?;
    list(&engine, &model.artifact_uri, message.artifact_directory_path).await
}

async fn list(engine: &Engine, root_uri: &str, path: Option<String>) -> Answer {
    let path = path.as_deref().filter(|path| !path.is_empty());
    let files = engine.artifacts().list(root_uri, path).await?;
    json(&LoggedArtifacts { root_uri, files: &files })
}

async fn file_of_run(headers: HeaderMap, Call { engine, actor, message }: Call<RunFile>) -> Answer {
    let path = path_of(message.path)?;
    let id = run_id(message.run_id, message.run_uuid)?;
    let root_uri = run_info(&engine, &actor, id).await?.artifact_uri;
    send(&engine, &root_uri, &path, &headers).await
}

async fn file_of_version(
    headers: HeaderMap,
    Call { engine, actor, message }: Call<VersionFile>,
) -> Answer {
    let path = path_of(message.path)?;
    let (name, version) = version_of(message.name, message.version)?;
    let root_uri = engine.version_files(&actor, &name, version).await?;
    send(&engine, &root_uri, &path, &headers).await
}

async fn file_of_model(
    headers: HeaderMap,
    PathOf(model_id): PathOf,
    Call { engine, actor, message }: Call<LoggedModelFile>,
) -> Answer {
    let Some(path) = message.artifact_file_path.filter(|path| !path.is_empty()) else {
        let what = "Request must include the \"artifact_file_path\" query parameter.";
        return Err(Error::new(ErrorCode::BadRequest, what).into());
    };
    check_path(Some(&path))?;
    let model = engine.logged_model(&actor, &ModelId::new(model_id)).await?;
    send(&engine, &model.artifact_uri, &path, &headers).await
}

async fn send(engine: &Engine, root_uri: &str, path: &str, asked: &HeaderMap) -> Answer {
    let file = transfer::open(engine.artifacts(), root_uri, path).await?;
    Ok(transfer::send(file, asked).await?)
}

async fn upload(
    State(state): State<AppState>,
    Caller(actor): Caller,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    body: Body,
) -> Answer {
    require(&actor, Scope::Log)?;
    let says = |what: &str| Error::invalid(format!("Request must specify {what}."));
    let place: RunFile = from_query(&query.unwrap_or_default())?;
    let id = run_id(place.run_id, place.run_uuid).map_err(|_| says("run_uuid"))?;
    let path = place.path.filter(|path| !path.is_empty()).ok_or_else(|| says("path"))?;
    check_path(Some(&path))?;
    let body = whole(&headers, body, MAX_UPLOAD).await.map_err(|error| match error.code {
        ErrorCode::PayloadTooLarge => {
            Error::invalid("Artifact size is too large. Max size is 10MB.")
        }
        _ => error,
    })?;
    if body.is_empty() {
        return Err(says("data").into());
    }
    let run = run_info(&state.engine, &actor, id).await?;
    let experiment = run.experiment_id.to_string();
    let need = Permission::Edit;
    state.engine.require_permission(&actor, Resource::Experiment, &experiment, need).await?;
    transfer::receive(&state.engine, &actor, &run.artifact_uri, &path, Body::from(body)).await?;
    state.engine.notify_artifacts(EventKind::Artifacts(run.run_id, run.experiment_id));
    Ok(([JSON], "").into_response())
}
