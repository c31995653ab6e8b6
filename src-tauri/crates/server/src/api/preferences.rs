//! What the UI remembers for a person.

use super::extract::Json;
use crate::api::routing::{Routes, routes};
use crate::auth::Caller;
use crate::error::{ApiResult, Failure};
use crate::state::AppState;
use axum::extract::State;
use serde_json::{Map, Value};

pub(super) fn routes() -> Routes {
    Routes::new().routes(routes!(get_preferences, update_preferences))
}

/// Shows what the UI remembers.
#[utoipa::path(
    get,
    path = "/api/v1/preferences",
    tag = "account",
    responses((status = 200, description = "Any keys.", body = Object), Failure)
)]
async fn get_preferences(
    State(state): State<AppState>,
    Caller(actor): Caller,
) -> ApiResult<Json<Map<String, Value>>> {
    Ok(Json(state.engine.preferences(&actor).await?))
}

/// Merges into what the UI remembers; `null` removes a key.
#[utoipa::path(
    patch,
    path = "/api/v1/preferences",
    tag = "account",
    request_body(content = Object, example = json!({"theme": "dark"})),
    responses((status = 200, description = "All of it, as it is now.", body = Object), Failure)
)]
async fn update_preferences(
    State(state): State<AppState>,
    Caller(actor): Caller,
    Json(body): Json<Map<String, Value>>,
) -> ApiResult<Json<Map<String, Value>>> {
    Ok(Json(state.engine.set_preferences(&actor, body).await?))
}
