//! Signing in as the stack's clients do: a form for a bearer token and a cookie.

use super::error::{StackError, StackResult};
use super::extract::{Form, Json, Path};
use super::users::StackUser;
use crate::api::routing::{Routes, routes};
use crate::auth::{Presented, agent, over_tls};
use crate::error::Failure;
use crate::mail;
use crate::state::AppState;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{AppendHeaders, IntoResponse};
use branchline_core::{Error, ErrorCode};
use branchline_engine::{INACTIVE_USER, SIGNED_MS};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

pub(super) fn routes() -> Routes {
    Routes::new()
        .routes(routes!(access_token))
        .routes(routes!(test_token))
        .routes(routes!(recover_password))
        .routes(routes!(reset_password))
}

/// An OAuth2 password form.
#[derive(Deserialize, ToSchema)]
#[schema(example = json!({"username": "ada@example.org", "password": "difference-engine"}))]
struct LoginForm {
    /// The e-mail.
    #[schema(example = "ada@example.org")]
    username: String,
    /// Their password.
    password: String,
}

/// A bearer token.
#[derive(Serialize, ToSchema)]
struct AccessToken {
    /// A signed token, good for eight days.
    access_token: String,
    /// `bearer`.
    #[schema(example = "bearer")]
    token_type: &'static str,
}

/// What happened.
#[derive(Serialize, ToSchema)]
pub(super) struct Message {
    /// In words.
    pub(super) msg: String,
}

impl Message {
    pub(super) fn new(words: impl Into<String>) -> super::extract::Json<Self> {
        Json(Self { msg: words.into() })
    }
}

impl<T: Serialize> IntoResponse for Json<T> {
    fn into_response(self) -> axum::response::Response {
        axum::Json(self.0).into_response()
    }
}

/// Signs in with an e-mail and a password.
#[utoipa::path(
    post,
    path = "/api/v1/login/access-token",
    tag = "login",
    security(()),
    request_body(content = LoginForm, content_type = "application/x-www-form-urlencoded"),
    responses(
        (status = 200, description = "A token; also set as cookie `token`.", body = AccessToken),
        Failure
    )
)]
async fn access_token(
    State(state): State<AppState>,
    headers: HeaderMap,
    Form(form): Form<LoginForm>,
) -> StackResult<impl IntoResponse> {
    let signed = state.engine.sign_in_signed(&form.username, &form.password, agent(&headers));
    let access_token = signed.await.map_err(|error| match error.code {
        ErrorCode::Unauthenticated if error.message == INACTIVE_USER => {
            StackError::bad(INACTIVE_USER)
        }
        ErrorCode::Unauthenticated => StackError::bad("Incorrect email or password"),
        _ => error.into(),
    })?;
    let secure = if over_tls(&headers) { "; Secure" } else { "" };
    let cookie = HeaderValue::try_from(format!(
        "token={access_token}; Path=/; HttpOnly; SameSite=Strict; Max-Age={}{secure}",
        SIGNED_MS / 1000
    ))
    .map_err(|e| Error::internal("The cookie could not be written.").source(e))?;
    let body = AccessToken { access_token, token_type: "bearer" };
    Ok((AppendHeaders([(header::SET_COOKIE, cookie)]), Json(body)))
}

/// Tells whose a token is; also that of a user who was switched off.
#[utoipa::path(
    post,
    path = "/api/v1/login/test-token",
    tag = "login",
    responses((status = 200, description = "The user.", body = StackUser), Failure)
)]
async fn test_token(
    State(state): State<AppState>,
    headers: HeaderMap,
) -> Result<Json<StackUser>, axum::response::Response> {
    let refuse = |error, shown| super::refusal(error, shown);
    let shown = Presented::read_stack(&headers, &state.cookie).map_err(|e| refuse(e, true))?;
    let user = match &shown {
        Some(Presented::Bearer(token)) if !crate::auth::is_instance_secret(&state, token) => {
            state.engine.user_of_token(token).await
        }
        Some(presented) => match presented.actor(&state).await {
            Ok(actor) => state.engine.user(&actor).await,
            Err(error) => Err(error),
        },
        None => Err(crate::auth::missing()),
    };
    user.map(|user| Json(user.into())).map_err(|error| refuse(error, shown.is_some()))
}

/// Writes a mail with a link that sets another password. What is answered does not tell
/// whether there is such a user, unless the server was set up to.
#[utoipa::path(
    post,
    path = "/api/v1/password-recovery/{email}",
    tag = "login",
    security(()),
    params(("email" = String, Path, description = "The user's e-mail.")),
    responses((status = 200, description = "What was done.", body = Message), Failure)
)]
async fn recover_password(
    State(state): State<AppState>,
    Path(email): Path<String>,
) -> StackResult<Json<Message>> {
    if state.options.reveal_unknown_users && !state.engine.is_user(&email).await? {
        return Err(StackError::missing(
            "The user with this username does not exist in the system.",
        ));
    }
    state.engine.allow_recovery(&email).await?;
    let words = match state.options.mail.is_on() {
        true => "Password recovery email sent",
        false => {
            "No mail server is set up: if there is such a user, the recovery link is in the \
             outbox, where the owner of this server finds it"
        }
    };
    // Not waited for: how long it takes would tell whether there is such a user.
    tokio::spawn(mail::recovery(state, email));
    Ok(Message::new(words))
}

/// Another password.
#[derive(Deserialize, ToSchema)]
#[schema(example = json!({"token": "eyJhbGciOiJIUzI1NiJ9.…", "new_password": "analytical-engine"}))]
struct NewPassword {
    /// From the recovery link.
    token: String,
    /// 8 to 128 characters.
    new_password: String,
}

/// Sets another password with a recovery link's token. Sessions and tokens end.
#[utoipa::path(
    post,
    path = "/api/v1/reset-password/",
    tag = "login",
    security(()),
    request_body = NewPassword,
    responses(
        (status = 200, description = "Set.", body = Message),
        Failure
    )
)]
async fn reset_password(
    State(state): State<AppState>,
    Json(body): Json<NewPassword>,
) -> StackResult<Json<Message>> {
    state.engine.reset_password(&body.token, &body.new_password).await?;
    state.forget_owner();
    Ok(Message::new("Password updated successfully"))
}

/// A status with its words, for handlers that answer nothing else.
pub(super) const CREATED: StatusCode = StatusCode::CREATED;
