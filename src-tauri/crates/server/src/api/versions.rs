//! Versions and aliases of registered models.

use super::experiments::present_keys;
use super::extract::{Json, Path};
use super::wire::{Time, split_patch, tag_map};
use crate::api::routing::{Routes, routes};
use crate::auth::Caller;
use crate::error::{ApiResult, Failure};
use crate::mlflow::lineage;
use crate::state::AppState;
use axum::extract::State;
use axum::http::StatusCode;
use branchline_core::{Actor, Error, ModelId, ModelVersion, Result, RunId};
use branchline_engine::{Engine, NewModelVersion};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, HashMap};
use utoipa::ToSchema;

pub(super) fn routes() -> Routes {
    Routes::new()
        .routes(routes!(create_version))
        .routes(routes!(update_version, delete_version))
        .routes(routes!(set_alias, delete_alias))
}

/// One version of a registered model.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ModelVersion)]
pub(super) struct VersionBody {
    name: String,
    version: i64,
    created_at: Time,
    updated_at: Time,
    /// `None`, `Staging`, `Production` or `Archived`.
    stage: String,
    /// Markdown.
    description: Option<String>,
    /// URI that it was made from.
    source: String,
    run_id: Option<String>,
    /// The logged model behind it.
    model_id: Option<String>,
    /// `READY`, `PENDING_REGISTRATION` or `FAILED_REGISTRATION`.
    status: String,
    aliases: Vec<String>,
    tags: BTreeMap<String, String>,
    /// Of the run that made it, when it is here.
    #[serde(skip_serializing_if = "Option::is_none")]
    experiment_id: Option<String>,
    /// Of the run that made it, when it is here.
    #[serde(skip_serializing_if = "Option::is_none")]
    run_name: Option<String>,
}

impl VersionBody {
    /// The version's number.
    pub(super) fn number(&self) -> i64 {
        self.version
    }
}

/// What is told about the run behind a version.
type Origin = Option<(String, String)>;

fn body(version: ModelVersion, origin: Origin) -> VersionBody {
    let (experiment_id, run_name) = origin.unzip();
    VersionBody {
        name: version.name,
        version: version.version,
        created_at: Time(version.created_at),
        updated_at: Time(version.updated_at),
        stage: version.stage,
        description: version.description,
        source: version.source,
        run_id: version.run_id,
        model_id: version.model_id,
        status: version.status,
        aliases: version.aliases,
        tags: tag_map(version.tags),
        experiment_id,
        run_name,
    }
}

/// What is known of runs; those on another server, or gone, are left out.
async fn origins(
    engine: &Engine,
    actor: &Actor,
    run_ids: impl Iterator<Item = &str>,
) -> Result<HashMap<String, (String, String)>> {
    let mut ids: Vec<RunId> = run_ids.filter(|id| !id.is_empty()).map(RunId::new).collect();
    ids.sort();
    ids.dedup();
    let infos = engine.run_infos(actor, ids).await?;
    let known = infos
        .into_iter()
        .map(|info| (info.run_id.to_string(), (info.experiment_id.to_string(), info.name)));
    Ok(known.collect())
}

async fn shown(engine: &Engine, actor: &Actor, version: ModelVersion) -> Result<VersionBody> {
    let mut known = origins(engine, actor, version.run_id.as_deref().into_iter()).await?;
    let origin = version.run_id.as_ref().and_then(|id| known.remove(id));
    Ok(body(version, origin))
}

/// All versions of a model, newest first, with what is known of their runs.
pub(super) async fn all(state: &AppState, actor: &Actor, name: &str) -> Result<Vec<VersionBody>> {
    let versions = state.engine.model_versions(actor, name).await?;
    let run_ids = versions.iter().filter_map(|version| version.run_id.as_deref());
    let known = origins(&state.engine, actor, run_ids).await?;
    let bodies = versions.into_iter().map(|version| {
        let origin = version.run_id.as_ref().and_then(|id| known.get(id).cloned());
        body(version, origin)
    });
    Ok(bodies.collect())
}

/// What a version is made from: a logged model, a run's files, or any source.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(example = json!({"run_id": "5d41402abc4b2a76b9719d911017c592", "source": "runs:/5d41402abc4b2a76b9719d911017c592/model"}))]
struct CreateVersion {
    run_id: Option<String>,
    model_id: Option<String>,
    /// A URI; that of the logged model or the run's artifacts when absent.
    source: Option<String>,
    /// Markdown.
    description: Option<String>,
}

/// Makes a version of a registered model.
#[utoipa::path(
    post,
    path = "/api/v1/models/{name}/versions",
    tag = "models",
    params(("name" = String, Path, description = "The model's name.")),
    request_body = CreateVersion,
    responses((status = 201, description = "Made.", body = VersionBody), Failure)
)]
async fn create_version(
    State(state): State<AppState>,
    Caller(actor): Caller,
    Path(name): Path<String>,
    Json(request): Json<CreateVersion>,
) -> ApiResult<(StatusCode, Json<VersionBody>)> {
    let engine = &state.engine;
    let mut new = NewModelVersion {
        name,
        source: request.source.unwrap_or_default(),
        run_id: request.run_id,
        run_link: None,
        description: request.description,
        model_id: request.model_id,
        tags: Vec::new(),
    };
    complete(engine, &actor, &mut new).await?;
    let claim = lineage::Claim { source: new.source, run_id: new.run_id, model_id: new.model_id };
    let origin = lineage::check(engine, &actor, claim, &new.tags).await?;
    let new = NewModelVersion {
        source: origin.source,
        run_id: origin.run_id,
        model_id: origin.model_id,
        ..new
    };
    let version = engine.create_model_version(&actor, new).await?;
    Ok((StatusCode::CREATED, Json(shown(engine, &actor, version).await?)))
}

/// Fills in what follows from the logged model or the run.
async fn complete(engine: &Engine, actor: &Actor, new: &mut NewModelVersion) -> Result<()> {
    if let Some(id) = &new.model_id {
        let model = engine.logged_model(actor, &ModelId::new(id)).await?;
        if new.source.is_empty() {
            new.source = model.artifact_uri;
        }
        if new.run_id.is_none() {
            new.run_id = model.source_run_id.map(|id| id.to_string());
        }
    }
    if new.source.is_empty()
        && let Some(id) = &new.run_id
    {
        new.source = engine.run(actor, &RunId::new(id)).await?.info.artifact_uri;
    }
    if new.source.is_empty() {
        return Err(Error::invalid("A version needs a source.")
            .hint("Name a logged model (model_id), a run (run_id) or a source."));
    }
    Ok(())
}

/// What to change; absent fields stay.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(example = json!({"description": "The one that is live.", "stage": "Production"}))]
struct PatchVersion {
    /// Markdown.
    description: Option<String>,
    /// A value sets, `null` removes.
    #[serde(default)]
    tags: BTreeMap<String, Option<String>>,
    /// `None`, `Staging`, `Production` or `Archived`.
    stage: Option<String>,
}

/// Changes a version's description, tags and stage.
#[utoipa::path(
    patch,
    path = "/api/v1/models/{name}/versions/{version}",
    tag = "models",
    params(
        ("name" = String, Path, description = "The model's name."),
        ("version" = i64, Path, description = "The version's number.")
    ),
    request_body = PatchVersion,
    responses((status = 200, description = "As it is now.", body = VersionBody), Failure)
)]
async fn update_version(
    State(state): State<AppState>,
    Caller(actor): Caller,
    Path((name, version)): Path<(String, i64)>,
    Json(patch): Json<PatchVersion>,
) -> ApiResult<Json<VersionBody>> {
    let engine = &state.engine;
    if patch.description.is_some() {
        engine.update_model_version(&actor, &name, version, patch.description).await?;
    }
    if let Some(stage) = &patch.stage {
        engine.transition_stage(&actor, &name, version, stage, false).await?;
    }
    let (set, remove) = split_patch(patch.tags, None);
    for tag in set {
        engine.set_model_version_tag(&actor, &name, version, tag).await?;
    }
    if !remove.is_empty() {
        let present = engine.model_version(&actor, &name, version).await?.tags;
        for key in present_keys(&present, &remove) {
            engine.delete_model_version_tag(&actor, &name, version, key).await?;
        }
    }
    let version = engine.model_version(&actor, &name, version).await?;
    Ok(Json(shown(engine, &actor, version).await?))
}

/// Deletes a version for good; its run and files stay.
#[utoipa::path(
    delete,
    path = "/api/v1/models/{name}/versions/{version}",
    tag = "models",
    params(
        ("name" = String, Path, description = "The model's name."),
        ("version" = i64, Path, description = "The version's number.")
    ),
    responses((status = 204, description = "Gone."), Failure)
)]
async fn delete_version(
    State(state): State<AppState>,
    Caller(actor): Caller,
    Path((name, version)): Path<(String, i64)>,
) -> ApiResult<StatusCode> {
    state.engine.delete_model_version(&actor, &name, version).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Where an alias points.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(example = json!({"version": 1}))]
struct SetAlias {
    version: i64,
}

/// Points an alias at a version.
#[utoipa::path(
    put,
    path = "/api/v1/models/{name}/aliases/{alias}",
    tag = "models",
    params(
        ("name" = String, Path, description = "The model's name."),
        ("alias" = String, Path, description = "The alias.")
    ),
    request_body = SetAlias,
    responses((status = 204, description = "Done."), Failure)
)]
async fn set_alias(
    State(state): State<AppState>,
    Caller(actor): Caller,
    Path((name, alias)): Path<(String, String)>,
    Json(request): Json<SetAlias>,
) -> ApiResult<StatusCode> {
    state.engine.set_alias(&actor, &name, &alias, request.version).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Removes an alias.
#[utoipa::path(
    delete,
    path = "/api/v1/models/{name}/aliases/{alias}",
    tag = "models",
    params(
        ("name" = String, Path, description = "The model's name."),
        ("alias" = String, Path, description = "The alias.")
    ),
    responses((status = 204, description = "Done."), Failure)
)]
async fn delete_alias(
    State(state): State<AppState>,
    Caller(actor): Caller,
    Path((name, alias)): Path<(String, String)>,
) -> ApiResult<StatusCode> {
    state.engine.delete_alias(&actor, &name, &alias).await?;
    Ok(StatusCode::NO_CONTENT)
}
