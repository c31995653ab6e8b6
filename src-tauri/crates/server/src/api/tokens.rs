//! Personal access tokens.

use super::extract::{Json, Path};
use super::wire::Time;
use crate::api::routing::{Routes, routes};
use crate::auth::Caller;
use crate::error::{ApiResult, Failure};
use crate::state::AppState;
use axum::extract::State;
use axum::http::StatusCode;
use branchline_core::{Scope, Token};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

pub(super) fn routes() -> Routes {
    Routes::new().routes(routes!(list_tokens, create_token)).routes(routes!(revoke_token))
}

/// What a token allows; each includes those before it.
#[derive(Debug, Clone, Copy, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
#[schema(as = Scope)]
enum ScopeBody {
    /// Read everything that the user may read.
    Read,
    /// And log runs, models and artifacts.
    Log,
    /// And administer.
    Admin,
}

impl From<ScopeBody> for Scope {
    fn from(scope: ScopeBody) -> Self {
        match scope {
            ScopeBody::Read => Self::Read,
            ScopeBody::Log => Self::Log,
            ScopeBody::Admin => Self::Admin,
        }
    }
}

impl From<Scope> for ScopeBody {
    fn from(scope: Scope) -> Self {
        match scope {
            Scope::Read => Self::Read,
            Scope::Log => Self::Log,
            Scope::Admin => Self::Admin,
        }
    }
}

/// A personal access token, without its secret.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Token)]
struct TokenBody {
    id: i64,
    name: String,
    scope: ScopeBody,
    created_at: Time,
    /// Never, when absent.
    expires_at: Option<Time>,
    /// To the minute.
    last_used_at: Option<Time>,
}

impl From<Token> for TokenBody {
    fn from(token: Token) -> Self {
        Self {
            id: token.id,
            name: token.name,
            scope: token.scope.into(),
            created_at: Time(token.created_at),
            expires_at: token.expires_at.map(Time),
            last_used_at: token.last_used_at.map(Time),
        }
    }
}

/// The caller's tokens.
#[derive(Debug, Serialize, ToSchema)]
struct TokenList {
    tokens: Vec<TokenBody>,
}

/// Lists the caller's tokens.
#[utoipa::path(
    get,
    path = "/api/v1/tokens",
    tag = "account",
    responses((status = 200, description = "Without secrets.", body = TokenList), Failure)
)]
async fn list_tokens(
    State(state): State<AppState>,
    Caller(actor): Caller,
) -> ApiResult<Json<TokenList>> {
    let tokens = state.engine.tokens(&actor).await?.into_iter().map(Into::into).collect();
    Ok(Json(TokenList { tokens }))
}

/// A token to make.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(example = json!({"name": "training on the cluster", "scope": "log", "expires_at": "2027-01-01T00:00:00Z"}))]
struct CreateToken {
    name: String,
    scope: ScopeBody,
    /// Never, when absent.
    expires_at: Option<Time>,
}

/// A token and its secret, which is shown this once.
#[derive(Debug, Serialize, ToSchema)]
struct NewToken {
    token: TokenBody,
    secret: String,
}

/// Makes a token.
#[utoipa::path(
    post,
    path = "/api/v1/tokens",
    tag = "account",
    request_body = CreateToken,
    responses((status = 201, description = "With its secret.", body = NewToken), Failure)
)]
async fn create_token(
    State(state): State<AppState>,
    Caller(actor): Caller,
    Json(body): Json<CreateToken>,
) -> ApiResult<(StatusCode, Json<NewToken>)> {
    let expires_at = body.expires_at.map(|time| time.0);
    let (token, secret) =
        state.engine.create_token(&actor, &body.name, body.scope.into(), expires_at).await?;
    Ok((StatusCode::CREATED, Json(NewToken { token: token.into(), secret })))
}

/// Revokes a token at once.
#[utoipa::path(
    delete,
    path = "/api/v1/tokens/{id}",
    tag = "account",
    params(("id" = i64, Path, description = "The token's id.")),
    responses((status = 204, description = "Revoked."), Failure)
)]
async fn revoke_token(
    State(state): State<AppState>,
    Caller(actor): Caller,
    Path(id): Path<i64>,
) -> ApiResult<StatusCode> {
    state.engine.revoke_token(&actor, id).await?;
    Ok(StatusCode::NO_CONTENT)
}
