//! Models that runs logged.

use super::extract::{Json, Path};
use super::wire::{Number, Time, tag_map};
use crate::api::routing::{Routes, routes};
use crate::auth::Caller;
use crate::error::{ApiResult, Failure};
use crate::state::AppState;
use axum::extract::State;
use branchline_core::{LoggedModel, Metric, RunId};
use branchline_engine::RegistrySearch;
use serde::Serialize;
use std::collections::{BTreeMap, HashMap};
use utoipa::ToSchema;

pub(super) fn routes() -> Routes {
    Routes::new().routes(routes!(list_run_models))
}

/// A model that a run logged.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = LoggedModel)]
struct LoggedModelBody {
    model_id: String,
    name: String,
    experiment_id: String,
    /// The run that made it.
    source_run_id: Option<String>,
    /// MLflow's name, such as `LOGGED_MODEL_READY`.
    status: &'static str,
    model_type: Option<String>,
    created_at: Time,
    updated_at: Time,
    /// Root of its files, a URI.
    artifact_uri: String,
    params: BTreeMap<String, String>,
    tags: BTreeMap<String, String>,
    /// Latest per key and dataset.
    metrics: Vec<ModelMetric>,
    /// Where it stands in the registry.
    registrations: Vec<Registration>,
}

/// A measurement of a logged model.
#[derive(Debug, Serialize, ToSchema)]
struct ModelMetric {
    key: String,
    value: Number,
    step: i64,
    /// Milliseconds UTC.
    timestamp: i64,
    dataset_name: Option<String>,
    dataset_digest: Option<String>,
    /// The run that logged it.
    run_id: Option<String>,
}

/// A version of a registered model that was made from a logged one.
#[derive(Debug, Clone, Serialize, ToSchema)]
struct Registration {
    name: String,
    version: i64,
}

/// Logged models.
#[derive(Debug, Serialize, ToSchema)]
struct LoggedModelList {
    models: Vec<LoggedModelBody>,
}

fn metric(metric: Metric) -> ModelMetric {
    ModelMetric {
        key: metric.key,
        value: Number(metric.value),
        step: metric.step,
        timestamp: metric.timestamp,
        dataset_name: metric.dataset_name,
        dataset_digest: metric.dataset_digest,
        run_id: metric.run_id,
    }
}

fn body(model: LoggedModel, registrations: Vec<Registration>) -> LoggedModelBody {
    LoggedModelBody {
        model_id: model.model_id.to_string(),
        name: model.name,
        experiment_id: model.experiment_id.to_string(),
        source_run_id: model.source_run_id.map(|id| id.to_string()),
        status: model.status.as_str(),
        model_type: model.model_type,
        created_at: Time(model.created_at),
        updated_at: Time(model.updated_at),
        artifact_uri: model.artifact_uri,
        params: model.params.into_iter().map(|param| (param.key, param.value)).collect(),
        tags: tag_map(model.tags),
        metrics: model.metrics.into_iter().map(metric).collect(),
        registrations,
    }
}

/// Lists the models that a run logged, and where they stand in the registry.
#[utoipa::path(
    get,
    path = "/api/v1/runs/{id}/models",
    tag = "runs",
    params(("id" = String, Path, description = "The run's id.")),
    responses((status = 200, description = "Its models.", body = LoggedModelList), Failure)
)]
async fn list_run_models(
    State(state): State<AppState>,
    Caller(actor): Caller,
    Path(id): Path<String>,
) -> ApiResult<Json<LoggedModelList>> {
    let id = RunId::new(id);
    let models = state.engine.models_of_run(&actor, &id).await?;
    let mut registered: HashMap<String, Vec<Registration>> = HashMap::new();
    if !models.is_empty() {
        let search = RegistrySearch {
            filter: format!("run_id = '{id}'"),
            order_by: Vec::new(),
            max_results: 1000,
            page_token: None,
        };
        for version in state.engine.search_model_versions(&actor, search).await?.items {
            let Some(model_id) = version.model_id else { continue };
            let place = Registration { name: version.name, version: version.version };
            registered.entry(model_id).or_default().push(place);
        }
    }
    let models = models
        .into_iter()
        .map(|model| {
            let places = registered.remove(model.model_id.as_str()).unwrap_or_default();
            body(model, places)
        })
        .collect();
    Ok(Json(LoggedModelList { models }))
}
