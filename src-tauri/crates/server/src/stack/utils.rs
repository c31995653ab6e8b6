//! Trying things out.

use super::error::StackResult;
use super::extract::{Query, Superuser};
use super::login::{CREATED, Message};
use crate::error::Failure;
use crate::mail;
use crate::state::AppState;
use axum::extract::State;
use axum::http::StatusCode;
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub(super) fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(test_email)).routes(routes!(health_check))
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct Recipient {
    /// To whom.
    email_to: String,
}

/// Sends a mail to see whether it arrives. When the mail server does not take it, its words
/// are the answer.
#[utoipa::path(
    post,
    path = "/api/v1/utils/test-email/",
    tag = "utils",
    params(Recipient),
    responses(
        (status = 201, description = "The mail server took it.", body = Message),
        Failure
    )
)]
async fn test_email(
    State(state): State<AppState>,
    _superuser: Superuser,
    Query(to): Query<Recipient>,
) -> StackResult<(StatusCode, super::extract::Json<Message>)> {
    mail::test(&state, &to.email_to).await?;
    Ok((CREATED, Message::new("Test email sent")))
}

/// Tells that the server answers.
#[utoipa::path(
    get,
    path = "/api/v1/utils/health-check/",
    tag = "utils",
    security(()),
    responses(
        (status = 200, description = "`true`.", body = bool, content_type = "application/json"),
        Failure
    )
)]
async fn health_check() -> super::extract::Json<bool> {
    super::extract::Json(true)
}
