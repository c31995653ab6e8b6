//! Runs and registered models, as the stack's clients know them.

use super::error::{StackError, StackResult};
use super::extract::{Json, Path, Superuser};
use super::utils::TaskQueued;
use crate::api::jobs::check_command;
use crate::api::routing::{Routes, routes};
use crate::error::{ErrorBody, Failure};
use crate::state::AppState;
use axum::extract::State;
use axum::http::StatusCode;
use branchline_core::{
    Actor, ErrorCode, ExperimentId, ModelVersion, RegisteredModel, Result, RunId, RunInfo, Tag,
    ViewType,
};
use branchline_engine::{Engine, NewModelVersion, NewRegisteredModel, RegistrySearch, RunSearch};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use utoipa::{IntoResponses, ToSchema};

pub(super) fn routes() -> Routes {
    Routes::new()
        .routes(routes!(train_model))
        .routes(routes!(list_stack_runs))
        .routes(routes!(read_stack_run))
        .routes(routes!(register_model_of_run))
        .routes(routes!(list_stack_models))
        .routes(routes!(archive_model, archive_model_by_get))
        .routes(routes!(unarchive_model, unarchive_model_by_get))
        .routes(routes!(predict))
}

/// Identity and state of a run.
#[derive(Serialize, ToSchema)]
struct StackRunInfo {
    artifact_uri: String,
    /// Milliseconds UTC.
    start_time: i64,
    /// Milliseconds UTC.
    end_time: Option<i64>,
    run_id: String,
    #[schema(example = "FINISHED")]
    status: &'static str,
    user_id: String,
}

impl From<RunInfo> for StackRunInfo {
    fn from(info: RunInfo) -> Self {
        Self {
            artifact_uri: info.artifact_uri,
            start_time: info.start_time,
            end_time: info.end_time,
            run_id: info.run_id.as_str().to_owned(),
            status: info.status.as_str(),
            user_id: info.user_id,
        }
    }
}

/// What a run measured and was given.
#[derive(Serialize, ToSchema)]
struct StackRunData {
    /// A number that JSON has no word for is null.
    metrics: BTreeMap<String, f64>,
    params: BTreeMap<String, String>,
    tags: BTreeMap<String, String>,
}

/// A run.
#[derive(Serialize, ToSchema)]
struct StackRun {
    data: StackRunData,
    info: StackRunInfo,
}

/// A version of a registered model.
#[derive(Serialize, ToSchema)]
struct StackModelVersion {
    creation_timestamp: i64,
    last_updated_timestamp: i64,
    name: String,
    #[schema(example = "None")]
    current_stage: String,
    description: String,
    run_id: String,
    run_link: String,
    source: String,
    status: String,
    status_message: String,
    tags: BTreeMap<String, String>,
    user_id: String,
    #[schema(example = "1")]
    version: String,
}

fn tags(tags: Vec<Tag>) -> BTreeMap<String, String> {
    tags.into_iter().map(|tag| (tag.key, tag.value)).collect()
}

impl From<ModelVersion> for StackModelVersion {
    fn from(version: ModelVersion) -> Self {
        Self {
            creation_timestamp: version.created_at,
            last_updated_timestamp: version.updated_at,
            name: version.name,
            current_stage: version.stage,
            description: version.description.unwrap_or_default(),
            run_id: version.run_id.unwrap_or_default(),
            run_link: version.run_link.unwrap_or_default(),
            source: version.source,
            status: version.status,
            status_message: version.status_message.unwrap_or_default(),
            tags: tags(version.tags),
            user_id: version.user_id.unwrap_or_default(),
            version: version.version.to_string(),
        }
    }
}

/// A registered model.
#[derive(Serialize, ToSchema)]
struct StackModel {
    name: String,
    /// The newest of each stage.
    latest_versions: Vec<StackModelVersion>,
    tags: BTreeMap<String, String>,
    creation_timestamp: i64,
    last_updated_timestamp: i64,
    description: String,
}

impl From<RegisteredModel> for StackModel {
    fn from(model: RegisteredModel) -> Self {
        Self {
            name: model.name,
            latest_versions: model.latest_versions.into_iter().map(Into::into).collect(),
            tags: tags(model.tags),
            creation_timestamp: model.created_at,
            last_updated_timestamp: model.updated_at,
            description: model.description.unwrap_or_default(),
        }
    }
}

/// What to train with.
#[derive(Deserialize, ToSchema)]
#[schema(example = json!({"alpha": 0.05, "l1_ratio": 0.05}))]
struct TrainModel {
    #[schema(example = 0.05)]
    alpha: f64,
    #[schema(example = 0.05)]
    l1_ratio: f64,
}

/// Trains an elastic net on the diabetes data, as a job whose result is the run's id. The
/// settings `ml.project` and `ml.python` say with which code and which Python.
#[utoipa::path(
    post,
    path = "/api/v1/ml/train-model",
    tag = "ml",
    request_body = TrainModel,
    responses(
        (status = 201, description = "Queued, and on the disk.", body = TaskQueued),
        Failure
    )
)]
async fn train_model(
    State(state): State<AppState>,
    Superuser(actor): Superuser,
    Json(body): Json<TrainModel>,
) -> StackResult<(StatusCode, Json<TaskQueued>)> {
    check_command(&state, true)?;
    let TrainModel { alpha, l1_ratio } = body;
    let queued = state.engine.submit_training(&actor, alpha, l1_ratio).await?;
    let body = TaskQueued { msg: "Training started.", task_id: queued.job.task_id };
    Ok((StatusCode::CREATED, Json(body)))
}

/// The runs of the first experiment, deleted ones included.
#[utoipa::path(
    get,
    path = "/api/v1/ml/runs",
    tag = "ml",
    responses((status = 200, description = "Newest first.", body = [StackRunInfo]), Failure)
)]
async fn list_stack_runs(
    State(state): State<AppState>,
    Superuser(actor): Superuser,
) -> StackResult<Json<Vec<StackRunInfo>>> {
    let mut runs = Vec::new();
    let mut page_token = None;
    loop {
        let search = RunSearch {
            experiment_ids: vec![ExperimentId(0)],
            view: ViewType::All,
            max_results: 1000,
            page_token,
            ..RunSearch::default()
        };
        let page = state.engine.search_runs(&actor, search).await?;
        runs.extend(page.items.into_iter().map(|run| run.info.into()));
        page_token = page.next_page_token;
        if page_token.is_none() {
            return Ok(Json(runs));
        }
    }
}

fn no_run(error: branchline_core::Error) -> StackError {
    match error.code {
        ErrorCode::ResourceDoesNotExist => StackError::missing("Run does not exist."),
        _ => error.into(),
    }
}

/// A run.
#[utoipa::path(
    get,
    path = "/api/v1/ml/runs/{run_id}",
    tag = "ml",
    params(("run_id" = String, Path, description = "The run's id.")),
    responses((status = 200, description = "The run.", body = StackRun), Failure)
)]
async fn read_stack_run(
    State(state): State<AppState>,
    Superuser(actor): Superuser,
    Path(id): Path<String>,
) -> StackResult<Json<StackRun>> {
    let run = state.engine.run(&actor, &RunId::new(id)).await.map_err(no_run)?;
    let data = StackRunData {
        metrics: run.metrics.into_iter().map(|metric| (metric.key, metric.value)).collect(),
        params: run.params.into_iter().map(|param| (param.key, param.value)).collect(),
        tags: tags(run.tags),
    };
    Ok(Json(StackRun { data, info: run.info.into() }))
}

/// Under which name.
#[derive(Deserialize, ToSchema)]
#[schema(example = json!({"name": "my enet model"}))]
struct RegisterModel {
    /// Spaces become `-`.
    #[schema(example = "my enet model")]
    name: String,
}

/// Registers the model that a run logged as `model`: a new version each time.
#[utoipa::path(
    post,
    path = "/api/v1/ml/run/{run_id}/register-model",
    tag = "ml",
    params(("run_id" = String, Path, description = "The run's id.")),
    request_body = RegisterModel,
    responses(
        (status = 200, description = "The version.", body = StackModelVersion),
        Failure
    )
)]
async fn register_model_of_run(
    State(state): State<AppState>,
    Superuser(actor): Superuser,
    Path(id): Path<String>,
    Json(body): Json<RegisterModel>,
) -> StackResult<Json<StackModelVersion>> {
    let engine = &state.engine;
    let run = engine.run(&actor, &RunId::new(id)).await.map_err(no_run)?;
    let name = body.name.replace(' ', "-");
    let new = NewRegisteredModel { name: name.clone(), ..NewRegisteredModel::default() };
    match engine.create_registered_model(&actor, new).await {
        Err(error) if error.code == ErrorCode::ResourceAlreadyExists => {}
        made => drop(made?),
    }
    // Clients of MLflow 3 log a model beside the run, and the run names it.
    let models = engine.models_of_run(&actor, &run.info.run_id).await?;
    let (source, model_id) = match models.into_iter().find(|model| model.name == "model") {
        Some(model) => (model.artifact_uri, Some(model.model_id.as_str().to_owned())),
        None => (format!("{}/model", run.info.artifact_uri.trim_end_matches('/')), None),
    };
    let new = NewModelVersion {
        name,
        source,
        run_id: Some(run.info.run_id.as_str().to_owned()),
        model_id,
        ..NewModelVersion::default()
    };
    Ok(Json(engine.create_model_version(&actor, new).await?.into()))
}

/// Registered models.
#[utoipa::path(
    get,
    path = "/api/v1/ml/registered-models",
    tag = "ml",
    responses((status = 200, description = "By name.", body = [StackModel]), Failure)
)]
async fn list_stack_models(
    State(state): State<AppState>,
    Superuser(actor): Superuser,
) -> StackResult<Json<Vec<StackModel>>> {
    let mut models = Vec::new();
    let mut page_token = None;
    loop {
        let search = RegistrySearch { max_results: 1000, page_token, ..RegistrySearch::default() };
        let page = state.engine.search_registered_models(&actor, search).await?;
        models.extend(page.items.into_iter().map(Into::into));
        page_token = page.next_page_token;
        if page_token.is_none() {
            return Ok(Json(models));
        }
    }
}

/// Moves the newest version at a stage to another.
async fn shift(
    engine: &Engine,
    actor: &Actor,
    name: &str,
    (from, to): (&str, &str),
    nothing: &str,
) -> StackResult<StatusCode> {
    let versions: Result<_> = engine.model_versions(actor, name).await;
    let versions = versions.map_err(|error| match error.code {
        ErrorCode::ResourceDoesNotExist => {
            StackError::missing(format!("Model with name {name} does not exist."))
        }
        _ => error.into(),
    })?;
    let newest = versions.iter().filter(|version| version.stage == from).max_by_key(|v| v.version);
    let Some(newest) = newest else {
        return Err(StackError::Said(StatusCode::UNPROCESSABLE_ENTITY, nothing.to_owned()));
    };
    engine.transition_stage(actor, name, newest.version, to, false).await?;
    Ok(StatusCode::NO_CONTENT)
}

const ARCHIVE: (&str, &str) = ("None", "Archived");
const UNARCHIVE: (&str, &str) = ("Archived", "None");
const NONE_LIVE: &str = "Model does not have an unarchived version.";
const NONE_ARCHIVED: &str = "Model does not have an archived version.";

/// The answer where there is nothing to archive, for the document.
#[derive(IntoResponses)]
#[response(
    status = 422,
    description = "The model has no version to archive.",
    example = json!({"detail": NONE_LIVE, "code": "INVALID_PARAMETER_VALUE"})
)]
#[expect(dead_code, reason = "answered as `StackError`")]
struct NoneLive(ErrorBody);

/// The same where nothing is archived.
#[derive(IntoResponses)]
#[response(
    status = 422,
    description = "The model has no archived version.",
    example = json!({"detail": NONE_ARCHIVED, "code": "INVALID_PARAMETER_VALUE"})
)]
#[expect(dead_code, reason = "answered as `StackError`")]
struct NoneArchived(ErrorBody);

/// Archives the model's newest live version.
#[utoipa::path(
    post,
    path = "/api/v1/ml/model/{name}/archive",
    tag = "ml",
    params(("name" = String, Path, description = "The model's name.")),
    responses((status = 204, description = "Archived."), NoneLive, Failure)
)]
async fn archive_model(
    State(state): State<AppState>,
    Superuser(actor): Superuser,
    Path(name): Path<String>,
) -> StackResult<StatusCode> {
    shift(&state.engine, &actor, &name, ARCHIVE, NONE_LIVE).await
}

/// The same, as the stack's clients ask. Only with a token in the header: a link must not
/// change anything.
#[utoipa::path(
    get,
    path = "/api/v1/ml/model/{name}/archive",
    tag = "ml",
    params(("name" = String, Path, description = "The model's name.")),
    responses((status = 204, description = "Archived."), NoneLive, Failure)
)]
async fn archive_model_by_get(
    State(state): State<AppState>,
    Superuser(actor): Superuser,
    WithHeader: WithHeader,
    Path(name): Path<String>,
) -> StackResult<StatusCode> {
    shift(&state.engine, &actor, &name, ARCHIVE, NONE_LIVE).await
}

/// Brings the model's newest archived version back.
#[utoipa::path(
    post,
    path = "/api/v1/ml/model/{name}/unarchive",
    tag = "ml",
    params(("name" = String, Path, description = "The model's name.")),
    responses((status = 204, description = "Live again."), NoneArchived, Failure)
)]
async fn unarchive_model(
    State(state): State<AppState>,
    Superuser(actor): Superuser,
    Path(name): Path<String>,
) -> StackResult<StatusCode> {
    shift(&state.engine, &actor, &name, UNARCHIVE, NONE_ARCHIVED).await
}

/// The same, as the stack's clients ask. Only with a token in the header.
#[utoipa::path(
    get,
    path = "/api/v1/ml/model/{name}/unarchive",
    tag = "ml",
    params(("name" = String, Path, description = "The model's name.")),
    responses((status = 204, description = "Live again."), NoneArchived, Failure)
)]
async fn unarchive_model_by_get(
    State(state): State<AppState>,
    Superuser(actor): Superuser,
    WithHeader: WithHeader,
    Path(name): Path<String>,
) -> StackResult<StatusCode> {
    shift(&state.engine, &actor, &name, UNARCHIVE, NONE_ARCHIVED).await
}

/// A GET that changes something has its credential in the header, which no link and no
/// picture of another page can bring along.
struct WithHeader;

impl axum::extract::FromRequestParts<AppState> for WithHeader {
    type Rejection = StackError;
    async fn from_request_parts(
        parts: &mut axum::http::request::Parts,
        state: &AppState,
    ) -> Result<Self, StackError> {
        if state.options.no_auth || parts.headers.contains_key(axum::http::header::AUTHORIZATION) {
            return Ok(Self);
        }
        Err(StackError::Said(
            StatusCode::FORBIDDEN,
            "This changes something: send the token in the Authorization header, or use POST."
                .to_owned(),
        ))
    }
}

/// Predictions wait for models that are kept in memory.
#[utoipa::path(
    post,
    path = "/api/v1/ml/model/{name}/predict",
    tag = "ml",
    params(("name" = String, Path, description = "The model's name.")),
    request_body(
        content = Vec<BTreeMap<String, f64>>,
        example = json!([{"age": 0.03, "sex": 0.05, "bmi": 0.06, "bp": 0.02}])
    ),
    responses((status = 501, description = "Not offered yet.", body = ErrorBody), Failure)
)]
async fn predict(_superuser: Superuser, _name: Path<String>) -> StackError {
    StackError::Said(
        StatusCode::NOT_IMPLEMENTED,
        "Predicting is not offered yet: this server keeps models, and does not load them."
            .to_owned(),
    )
}
