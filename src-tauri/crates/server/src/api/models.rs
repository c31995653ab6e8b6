//! Registered models.

use super::experiments::present_keys;
use super::extract::{Json, Path, Query};
use super::versions::VersionBody;
use super::wire::{Time, page_size, split_patch, tag_list, tag_map};
use crate::api::routing::{Routes, routes};
use crate::auth::Caller;
use crate::error::{ApiResult, Failure};
use crate::mlflow::lineage;
use crate::state::AppState;
use axum::extract::State;
use axum::http::StatusCode;
use branchline_core::{Actor, ModelVersion, RegisteredModel, Result};
use branchline_engine::{NewRegisteredModel, RegistrySearch};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use utoipa::{IntoParams, ToSchema};

pub(super) fn routes() -> Routes {
    Routes::new().routes(routes!(list_models, create_model)).routes(routes!(
        get_model,
        update_model,
        delete_model
    ))
}

/// A name in the registry.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = RegisteredModel)]
struct ModelBody {
    name: String,
    /// Markdown.
    description: Option<String>,
    created_at: Time,
    updated_at: Time,
    /// Grows with every change.
    rev: i64,
    tags: BTreeMap<String, String>,
    aliases: Vec<Alias>,
    /// The greatest version's number.
    latest_version: Option<i64>,
    version_count: i64,
    /// Of a prompt, in a list.
    #[serde(skip_serializing_if = "Option::is_none")]
    prompt: Option<PromptWords>,
}

/// What the newest version of a prompt says, and what was said of it.
#[derive(Debug, Serialize, ToSchema)]
struct PromptWords {
    /// The beginning of its template; the messages of a chat are JSON.
    text: String,
    commit_message: Option<String>,
}

/// Characters of a template in a list.
const PROMPT_CHARS: usize = 300;

impl PromptWords {
    fn of(version: ModelVersion) -> Self {
        let text = version.tags.into_iter().find(|tag| tag.key == "mlflow.prompt.text");
        let text = text.map_or_else(String::new, |tag| tag.value);
        Self {
            text: text.chars().take(PROMPT_CHARS).collect(),
            commit_message: version.description,
        }
    }
}

/// A name for a version.
#[derive(Debug, Serialize, ToSchema)]
struct Alias {
    alias: String,
    version: i64,
}

fn body(model: RegisteredModel, (version_count, latest_version): (i64, Option<i64>)) -> ModelBody {
    let aliases =
        model.aliases.into_iter().map(|(alias, version)| Alias { alias, version }).collect();
    ModelBody {
        name: model.name,
        description: model.description,
        created_at: Time(model.created_at),
        updated_at: Time(model.updated_at),
        rev: model.rev,
        tags: tag_map(model.tags),
        aliases,
        latest_version,
        version_count,
        prompt: None,
    }
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct ListModels {
    /// MLflow's search language, such as `name LIKE 'net%'`. Prompts are left out, unless it
    /// asks for them with ``tags.`mlflow.prompt.is_prompt` = 'true'``.
    #[serde(default)]
    filter: String,
    /// Such as `last_updated_timestamp DESC`; may be repeated.
    #[serde(default)]
    order_by: Vec<String>,
    /// 100 when not said, at most 1000.
    max_results: Option<usize>,
    page_token: Option<String>,
}

/// A page of registered models.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = RegisteredModelList)]
struct ModelList {
    models: Vec<ModelBody>,
    next_page_token: Option<String>,
}

/// Lists registered models.
#[utoipa::path(
    get,
    path = "/api/v1/models",
    tag = "models",
    params(ListModels),
    responses((status = 200, description = "A page.", body = ModelList), Failure)
)]
async fn list_models(
    State(state): State<AppState>,
    Caller(actor): Caller,
    Query(query): Query<ListModels>,
) -> ApiResult<Json<ModelList>> {
    let search = RegistrySearch {
        filter: query.filter,
        order_by: query.order_by,
        max_results: page_size(query.max_results, 100, 1000)?,
        page_token: query.page_token,
    };
    let page = state.engine.search_registered_models(&actor, search).await?;
    let mut models = Vec::with_capacity(page.items.len());
    for model in page.items {
        let count = state.engine.version_count(&actor, &model.name).await?;
        let prompt = match count {
            (_, Some(latest)) if lineage::is_prompt(&model.tags) => {
                Some(state.engine.model_version(&actor, &model.name, latest).await?)
            }
            _ => None,
        };
        models.push(ModelBody { prompt: prompt.map(PromptWords::of), ..body(model, count) });
    }
    Ok(Json(ModelList { models, next_page_token: page.next_page_token }))
}

/// A new name.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(example = json!({"name": "diabetes", "description": "Predicts how the disease goes on."}))]
struct CreateModel {
    name: String,
    /// Markdown.
    description: Option<String>,
    #[serde(default)]
    tags: BTreeMap<String, String>,
}

/// Makes a registered model.
#[utoipa::path(
    post,
    path = "/api/v1/models",
    tag = "models",
    request_body = CreateModel,
    responses((status = 201, description = "Made.", body = ModelBody), Failure)
)]
async fn create_model(
    State(state): State<AppState>,
    Caller(actor): Caller,
    Json(request): Json<CreateModel>,
) -> ApiResult<(StatusCode, Json<ModelBody>)> {
    let new = NewRegisteredModel {
        name: request.name,
        description: request.description,
        tags: tag_list(request.tags),
    };
    let model = state.engine.create_registered_model(&actor, new).await?;
    Ok((StatusCode::CREATED, Json(body(model, (0, None)))))
}

/// A registered model with all its versions.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = RegisteredModelWithVersions)]
struct ModelWithVersions {
    #[serde(flatten)]
    model: ModelBody,
    /// Newest first.
    versions: Vec<VersionBody>,
}

async fn whole(state: &AppState, actor: &Actor, name: &str) -> Result<ModelWithVersions> {
    let model = state.engine.registered_model(actor, name).await?;
    let versions = super::versions::all(state, actor, name).await?;
    let count = i64::try_from(versions.len()).unwrap_or(i64::MAX);
    let latest = versions.iter().map(VersionBody::number).max();
    Ok(ModelWithVersions { model: body(model, (count, latest)), versions })
}

/// Shows a registered model with its versions.
#[utoipa::path(
    get,
    path = "/api/v1/models/{name}",
    tag = "models",
    params(("name" = String, Path, description = "The model's name.")),
    responses((status = 200, description = "The model.", body = ModelWithVersions), Failure)
)]
async fn get_model(
    State(state): State<AppState>,
    Caller(actor): Caller,
    Path(name): Path<String>,
) -> ApiResult<Json<ModelWithVersions>> {
    Ok(Json(whole(&state, &actor, &name).await?))
}

/// What to change; absent fields stay.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(example = json!({"description": "Trained on the whole set.", "tags": {"checked": "yes"}}))]
struct PatchModel {
    name: Option<String>,
    /// Markdown.
    description: Option<String>,
    /// A value sets, `null` removes.
    #[serde(default)]
    tags: BTreeMap<String, Option<String>>,
}

/// Renames a registered model, changes its description and tags.
#[utoipa::path(
    patch,
    path = "/api/v1/models/{name}",
    tag = "models",
    params(("name" = String, Path, description = "The model's name.")),
    request_body = PatchModel,
    responses((status = 200, description = "As it is now.", body = ModelWithVersions), Failure)
)]
async fn update_model(
    State(state): State<AppState>,
    Caller(actor): Caller,
    Path(mut name): Path<String>,
    Json(patch): Json<PatchModel>,
) -> ApiResult<Json<ModelWithVersions>> {
    let engine = &state.engine;
    if let Some(new) = patch.name.filter(|new| *new != name) {
        name = engine.rename_registered_model(&actor, &name, &new).await?.name;
    }
    if patch.description.is_some() {
        engine.update_registered_model(&actor, &name, patch.description).await?;
    }
    let (set, remove) = split_patch(patch.tags, None);
    for tag in set {
        engine.set_registered_model_tag(&actor, &name, tag).await?;
    }
    if !remove.is_empty() {
        let present = engine.registered_model(&actor, &name).await?.tags;
        for key in present_keys(&present, &remove) {
            engine.delete_registered_model_tag(&actor, &name, key).await?;
        }
    }
    Ok(Json(whole(&state, &actor, &name).await?))
}

/// Deletes a registered model and its versions for good; runs and files stay.
#[utoipa::path(
    delete,
    path = "/api/v1/models/{name}",
    tag = "models",
    params(("name" = String, Path, description = "The model's name.")),
    responses((status = 204, description = "Gone."), Failure)
)]
async fn delete_model(
    State(state): State<AppState>,
    Caller(actor): Caller,
    Path(name): Path<String>,
) -> ApiResult<StatusCode> {
    state.engine.delete_registered_model(&actor, &name).await?;
    Ok(StatusCode::NO_CONTENT)
}
