//! Checking a filter while it is typed.

use super::extract::Json;
use crate::api::routing::{Routes, routes};
use crate::auth::Caller;
use crate::error::Failure;
use branchline_core::{Error, search};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

pub(super) fn routes() -> Routes {
    Routes::new().routes(routes!(check_filter))
}

/// What a filter is for.
#[derive(Debug, Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum Entity {
    /// Runs.
    Runs,
    /// Experiments.
    Experiments,
    /// Registered models.
    Models,
    /// Versions of registered models.
    ModelVersions,
    /// Logged models.
    LoggedModels,
}

/// A filter to check.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(example = json!({"entity": "runs", "filter": "metrics.rmse < 0.8"}))]
struct CheckFilter {
    #[schema(inline)]
    entity: Entity,
    filter: String,
}

/// Whether the filter is understood.
#[derive(Debug, Serialize, ToSchema)]
struct FilterVerdict {
    ok: bool,
    /// What is wrong with it.
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<String>,
    /// What to write instead.
    #[serde(skip_serializing_if = "Option::is_none")]
    hint: Option<String>,
    /// The character (0-based) where reading stopped.
    #[serde(skip_serializing_if = "Option::is_none")]
    position: Option<usize>,
}

/// Says whether a filter is understood, and where it stops being.
#[utoipa::path(
    post,
    path = "/api/v1/filter/check",
    tag = "search",
    request_body = CheckFilter,
    responses((status = 200, description = "The verdict.", body = FilterVerdict), Failure)
)]
async fn check_filter(_: Caller, Json(body): Json<CheckFilter>) -> Json<FilterVerdict> {
    let filter = body.filter.as_str();
    let read = match body.entity {
        Entity::Runs => search::parse_run_filter(filter).map(drop),
        Entity::Experiments => search::parse_experiment_filter(filter).map(drop),
        Entity::Models => search::parse_registered_model_filter(filter).map(drop),
        Entity::ModelVersions => search::parse_model_version_filter(filter).map(drop),
        Entity::LoggedModels => search::parse_logged_model_filter(filter).map(drop),
    };
    Json(verdict(read.err()))
}

fn verdict(error: Option<Error>) -> FilterVerdict {
    let Some(error) = error else {
        return FilterVerdict { ok: true, detail: None, hint: None, position: None };
    };
    FilterVerdict {
        ok: false,
        detail: Some(error.message),
        hint: error.hint,
        position: error.position,
    }
}
