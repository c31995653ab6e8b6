//! Experiments.

use super::extract::{Json, Path, Query};
use super::wire::{LifecycleBody, NOTE, Time, page_size, split_patch, tag_list, tag_map};
use crate::api::routing::{Routes, routes};
use crate::auth::Caller;
use crate::error::{ApiResult, Failure};
use crate::state::AppState;
use axum::extract::State;
use axum::http::StatusCode;
use branchline_core::{Actor, Error, ExperimentId, Result, Tag, ViewType};
use branchline_engine::{ExperimentOverview, ExperimentSearch, NewExperiment};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use utoipa::{IntoParams, ToSchema};

pub(super) fn routes() -> Routes {
    Routes::new()
        .routes(routes!(list_experiments, create_experiment))
        .routes(routes!(get_experiment, update_experiment, delete_experiment))
        .routes(routes!(restore_experiment))
        .routes(routes!(list_experiment_keys))
}

/// Which lifecycles to look at.
#[derive(Debug, Clone, Copy, Default, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum View {
    /// In use.
    #[default]
    Active,
    /// In the trash.
    Deleted,
    /// Both.
    All,
}

impl From<View> for ViewType {
    fn from(view: View) -> Self {
        match view {
            View::Active => Self::ActiveOnly,
            View::Deleted => Self::DeletedOnly,
            View::All => Self::All,
        }
    }
}

/// A group of runs.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Experiment)]
struct ExperimentBody {
    /// MLflow's number as text.
    experiment_id: String,
    name: String,
    /// Root under which runs keep artifacts, a URI.
    artifact_location: String,
    #[schema(inline)]
    lifecycle: LifecycleBody,
    created_at: Time,
    updated_at: Time,
    /// Grows with every change.
    rev: i64,
    tags: BTreeMap<String, String>,
    /// Markdown, from the tag `mlflow.note.content`.
    note: Option<String>,
    /// Runs in use.
    run_count: i64,
    /// Runs that are going on.
    running_count: i64,
    /// When a run last began, ended or logged.
    last_activity_at: Option<Time>,
}

impl From<ExperimentOverview> for ExperimentBody {
    fn from(overview: ExperimentOverview) -> Self {
        let experiment = overview.experiment;
        let tags = tag_map(experiment.tags);
        Self {
            experiment_id: experiment.id.to_string(),
            name: experiment.name,
            artifact_location: experiment.artifact_location,
            lifecycle: experiment.lifecycle.into(),
            created_at: Time(experiment.created_at),
            updated_at: Time(experiment.updated_at),
            rev: experiment.rev,
            note: tags.get(NOTE).cloned(),
            tags,
            run_count: overview.run_count,
            running_count: overview.running_count,
            last_activity_at: overview.last_activity.map(Time),
        }
    }
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct ListExperiments {
    /// MLflow's search language, such as `name ILIKE '%net%'`.
    #[serde(default)]
    filter: String,
    /// Such as `last_update_time DESC`; may be repeated.
    #[serde(default)]
    order_by: Vec<String>,
    /// 100 when not said, at most 1000.
    max_results: Option<usize>,
    page_token: Option<String>,
    #[serde(default)]
    #[param(inline)]
    view: View,
}

/// A page of experiments.
#[derive(Debug, Serialize, ToSchema)]
struct ExperimentList {
    experiments: Vec<ExperimentBody>,
    next_page_token: Option<String>,
}

/// Lists experiments with what goes on in them.
#[utoipa::path(
    get,
    path = "/api/v1/experiments",
    tag = "experiments",
    params(ListExperiments),
    responses((status = 200, description = "A page.", body = ExperimentList), Failure)
)]
async fn list_experiments(
    State(state): State<AppState>,
    Caller(actor): Caller,
    Query(query): Query<ListExperiments>,
) -> ApiResult<Json<ExperimentList>> {
    let search = ExperimentSearch {
        filter: query.filter,
        order_by: query.order_by,
        max_results: page_size(query.max_results, 100, 1000)?,
        page_token: query.page_token,
        view: query.view.into(),
    };
    let page = state.engine.experiment_overview(&actor, search).await?;
    Ok(Json(ExperimentList {
        experiments: page.items.into_iter().map(Into::into).collect(),
        next_page_token: page.next_page_token,
    }))
}

/// A new experiment.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(example = json!({"name": "diabetes", "tags": {"team": "research"}}))]
struct CreateExperiment {
    name: String,
    #[serde(default)]
    tags: BTreeMap<String, String>,
}

/// Makes an experiment.
#[utoipa::path(
    post,
    path = "/api/v1/experiments",
    tag = "experiments",
    request_body = CreateExperiment,
    responses((status = 201, description = "Made.", body = ExperimentBody), Failure)
)]
async fn create_experiment(
    State(state): State<AppState>,
    Caller(actor): Caller,
    Json(body): Json<CreateExperiment>,
) -> ApiResult<(StatusCode, Json<ExperimentBody>)> {
    let new = NewExperiment { name: body.name, artifact_location: None, tags: tag_list(body.tags) };
    let id = state.engine.create_experiment(&actor, new).await?;
    Ok((StatusCode::CREATED, Json(overview(&state, &actor, id).await?)))
}

async fn overview(state: &AppState, actor: &Actor, id: ExperimentId) -> Result<ExperimentBody> {
    let search = ExperimentSearch {
        filter: format!("experiment_id = '{id}'"),
        order_by: Vec::new(),
        max_results: 1,
        page_token: None,
        view: ViewType::All,
    };
    let page = state.engine.experiment_overview(actor, search).await?;
    page.items
        .into_iter()
        .next()
        .map(Into::into)
        .ok_or_else(|| Error::not_found(format!("No experiment with id {id} exists.")))
}

/// Shows an experiment.
#[utoipa::path(
    get,
    path = "/api/v1/experiments/{id}",
    tag = "experiments",
    params(("id" = String, Path, description = "The experiment's id.")),
    responses((status = 200, description = "The experiment.", body = ExperimentBody), Failure)
)]
async fn get_experiment(
    State(state): State<AppState>,
    Caller(actor): Caller,
    Path(id): Path<String>,
) -> ApiResult<Json<ExperimentBody>> {
    Ok(Json(overview(&state, &actor, id.parse()?).await?))
}

/// What to change; absent fields stay.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(example = json!({"note": "Elastic nets of all sizes.", "tags": {"team": null}}))]
struct PatchExperiment {
    name: Option<String>,
    /// Markdown; empty removes it.
    note: Option<String>,
    /// A value sets, `null` removes.
    #[serde(default)]
    tags: BTreeMap<String, Option<String>>,
}

/// Renames an experiment, changes its note and tags.
#[utoipa::path(
    patch,
    path = "/api/v1/experiments/{id}",
    tag = "experiments",
    params(("id" = String, Path, description = "The experiment's id.")),
    request_body = PatchExperiment,
    responses((status = 200, description = "As it is now.", body = ExperimentBody), Failure)
)]
async fn update_experiment(
    State(state): State<AppState>,
    Caller(actor): Caller,
    Path(id): Path<String>,
    Json(body): Json<PatchExperiment>,
) -> ApiResult<Json<ExperimentBody>> {
    let id: ExperimentId = id.parse()?;
    let engine = &state.engine;
    if let Some(name) = &body.name {
        engine.rename_experiment(&actor, id, name).await?;
    }
    let (set, remove) = split_patch(body.tags, body.note);
    for tag in set {
        engine.set_experiment_tag(&actor, id, tag).await?;
    }
    if !remove.is_empty() {
        let present = engine.experiment(&actor, id).await?.tags;
        for key in present_keys(&present, &remove) {
            engine.delete_experiment_tag(&actor, id, key).await?;
        }
    }
    Ok(Json(overview(&state, &actor, id).await?))
}

/// Those of `keys` that are among the tags: removing an absent one is no failure.
pub(super) fn present_keys<'k>(tags: &[Tag], keys: &'k [String]) -> impl Iterator<Item = &'k str> {
    let present: std::collections::HashSet<String> =
        tags.iter().map(|tag| tag.key.clone()).collect();
    keys.iter().map(String::as_str).filter(move |key| present.contains(*key))
}

/// Puts an experiment and its runs into the trash.
#[utoipa::path(
    delete,
    path = "/api/v1/experiments/{id}",
    tag = "experiments",
    params(("id" = String, Path, description = "The experiment's id.")),
    responses((status = 204, description = "Done."), Failure)
)]
async fn delete_experiment(
    State(state): State<AppState>,
    Caller(actor): Caller,
    Path(id): Path<String>,
) -> ApiResult<StatusCode> {
    state.engine.delete_experiment(&actor, id.parse()?).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Takes an experiment and its runs out of the trash.
#[utoipa::path(
    post,
    path = "/api/v1/experiments/{id}/restore",
    tag = "experiments",
    params(("id" = String, Path, description = "The experiment's id.")),
    responses((status = 200, description = "As it is now.", body = ExperimentBody), Failure)
)]
async fn restore_experiment(
    State(state): State<AppState>,
    Caller(actor): Caller,
    Path(id): Path<String>,
) -> ApiResult<Json<ExperimentBody>> {
    let id = id.parse()?;
    state.engine.restore_experiment(&actor, id).await?;
    Ok(Json(overview(&state, &actor, id).await?))
}

/// The names that runs of an experiment use.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ExperimentKeys {
    metrics: Vec<String>,
    params: Vec<String>,
    tags: Vec<String>,
}

impl From<branchline_engine::ExperimentKeys> for ExperimentKeys {
    fn from(keys: branchline_engine::ExperimentKeys) -> Self {
        Self { metrics: keys.metrics, params: keys.params, tags: keys.tags }
    }
}

/// Lists the metric, param and tag names in an experiment, for columns and completion.
#[utoipa::path(
    get,
    path = "/api/v1/experiments/{id}/keys",
    tag = "experiments",
    params(("id" = String, Path, description = "The experiment's id.")),
    responses((status = 200, description = "Sorted names.", body = ExperimentKeys), Failure)
)]
async fn list_experiment_keys(
    State(state): State<AppState>,
    Caller(actor): Caller,
    Path(id): Path<String>,
) -> ApiResult<Json<ExperimentKeys>> {
    let keys = state.engine.experiment_keys(&actor, id.parse()?).await?;
    Ok(Json(keys.into()))
}
