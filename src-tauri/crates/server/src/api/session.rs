//! Signing in and out, for the UI.

use super::extract::Json;
use super::me::UserBody;
use crate::api::routing::{Routes, routes};
use crate::auth::{Caller, agent, has_instance_secret, over_tls, session_cookie, set_cookie};
use crate::error::{ApiResult, ErrorBody, Failure};
use crate::state::AppState;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{AppendHeaders, IntoResponse};
use branchline_core::Error;
use branchline_engine::Credential;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

pub(super) fn routes() -> Routes {
    Routes::new().routes(routes!(sign_in, get_session, sign_out)).routes(routes!(issue_secret))
}

/// How to sign in: a single-use secret, or an e-mail and a password.
#[derive(Deserialize, ToSchema)]
#[serde(untagged)]
#[schema(example = json!({"email": "ada@example.org", "password": "difference-engine"}))]
enum SignIn {
    /// From a sign-in link or the window.
    Secret { secret: String },
    /// An account with a password.
    Password { email: String, password: String },
}

/// Who is signed in.
#[derive(Debug, Serialize, ToSchema)]
struct Session {
    user: UserBody,
}

/// Signs in and sets the session's cookie.
#[utoipa::path(
    post,
    path = "/api/v1/session",
    tag = "session",
    security(()),
    request_body = SignIn,
    responses(
        (status = 200, description = "Signed in; sets a cookie.", body = Session),
        (status = 401, description = "That is not how to sign in.", body = ErrorBody),
        Failure
    )
)]
async fn sign_in(
    State(state): State<AppState>,
    headers: HeaderMap,
    Json(body): Json<SignIn>,
) -> ApiResult<impl IntoResponse> {
    let session = match body {
        SignIn::Secret { secret } => {
            state.engine.redeem_sign_in_secret(&secret, agent(&headers)).await?
        }
        SignIn::Password { email, password } => {
            state.engine.sign_in(&email, &password, agent(&headers)).await?
        }
    };
    let actor = state.engine.authenticate(Credential::Session(&session)).await?;
    let user = state.engine.user(&actor).await?.into();
    let cookie = set_cookie(&state.cookie, Some(&session), over_tls(&headers))?;
    Ok((AppendHeaders([(header::SET_COOKIE, cookie)]), Json(Session { user })))
}

/// Shows who is signed in.
#[utoipa::path(
    get,
    path = "/api/v1/session",
    tag = "session",
    responses((status = 200, description = "Signed in.", body = Session), Failure)
)]
async fn get_session(
    State(state): State<AppState>,
    Caller(actor): Caller,
) -> ApiResult<Json<Session>> {
    let user = state.engine.user(&actor).await?.into();
    Ok(Json(Session { user }))
}

/// Signs out and takes the cookie away.
#[utoipa::path(
    delete,
    path = "/api/v1/session",
    tag = "session",
    responses((status = 204, description = "Signed out."), Failure)
)]
async fn sign_out(
    State(state): State<AppState>,
    headers: HeaderMap,
) -> ApiResult<impl IntoResponse> {
    if let Some(session) = session_cookie(&headers, &state.cookie) {
        state.engine.end_session(session).await?;
    }
    let cookie = set_cookie(&state.cookie, None, over_tls(&headers))?;
    Ok((StatusCode::NO_CONTENT, AppendHeaders([(header::SET_COOKIE, cookie)])))
}

/// A secret to sign in with, once and soon.
#[derive(Serialize, ToSchema)]
struct SignInSecret {
    secret: String,
}

/// Issues a sign-in secret for a window beside this server. Only for who can read
/// `instance.json`.
#[utoipa::path(
    post,
    path = "/api/v1/session/secret",
    tag = "session",
    responses((status = 200, description = "Good for 30 seconds.", body = SignInSecret), Failure)
)]
async fn issue_secret(
    State(state): State<AppState>,
    headers: HeaderMap,
) -> ApiResult<Json<SignInSecret>> {
    if !has_instance_secret(&state, &headers) {
        return Err(Error::denied(
            "Only the secret of instance.json may ask for a sign-in secret.",
        )
        .into());
    }
    Ok(Json(SignInSecret { secret: state.engine.issue_sign_in_secret() }))
}
