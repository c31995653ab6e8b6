//! The caller's own account.

use super::extract::Json;
use crate::api::routing::{Routes, routes};
use crate::auth::{Caller, session_cookie};
use crate::error::{ApiResult, Failure};
use crate::state::AppState;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use branchline_core::User;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

pub(super) fn routes() -> Routes {
    Routes::new().routes(routes!(get_me, update_me)).routes(routes!(set_password))
}

/// A person with an account.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = User)]
pub(super) struct UserBody {
    id: i64,
    email: String,
    full_name: String,
    is_superuser: bool,
    /// Without one only tokens and sign-in links work.
    has_password: bool,
}

impl From<User> for UserBody {
    fn from(user: User) -> Self {
        Self {
            id: user.id,
            email: user.email,
            full_name: user.full_name,
            is_superuser: user.is_superuser,
            has_password: user.has_password,
        }
    }
}

/// Shows the caller's account.
#[utoipa::path(
    get,
    path = "/api/v1/me",
    tag = "account",
    responses((status = 200, description = "The account.", body = UserBody), Failure)
)]
async fn get_me(State(state): State<AppState>, Caller(actor): Caller) -> ApiResult<Json<UserBody>> {
    Ok(Json(state.engine.user(&actor).await?.into()))
}

/// What to change; absent fields stay.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(example = json!({"full_name": "Ada Lovelace"}))]
struct PatchMe {
    email: Option<String>,
    full_name: Option<String>,
}

/// Changes the caller's e-mail or name.
#[utoipa::path(
    patch,
    path = "/api/v1/me",
    tag = "account",
    request_body = PatchMe,
    responses((status = 200, description = "As it is now.", body = UserBody), Failure)
)]
async fn update_me(
    State(state): State<AppState>,
    Caller(actor): Caller,
    Json(body): Json<PatchMe>,
) -> ApiResult<Json<UserBody>> {
    let user = state.engine.update_profile(&actor, body.email, body.full_name).await?;
    state.forget_owner();
    Ok(Json(user.into()))
}

/// A new password.
#[derive(Deserialize, ToSchema)]
#[schema(example = json!({"current": "difference-engine", "new": "analytical-engine"}))]
struct SetPassword {
    /// Needed when there is one.
    current: Option<String>,
    new: String,
}

/// Sets the caller's password.
#[utoipa::path(
    post,
    path = "/api/v1/me/password",
    tag = "account",
    request_body = SetPassword,
    responses((status = 204, description = "Set."), Failure)
)]
async fn set_password(
    State(state): State<AppState>,
    Caller(actor): Caller,
    headers: HeaderMap,
    Json(body): Json<SetPassword>,
) -> ApiResult<StatusCode> {
    // Other sessions end; the one that asks goes on.
    let keep = session_cookie(&headers, &state.cookie);
    state.engine.set_password(&actor, body.current.as_deref(), &body.new, keep).await?;
    Ok(StatusCode::NO_CONTENT)
}
