//! Connecting a Python client to this server.

use super::extract::Json;
use super::wire::{Time, given};
use crate::api::routing::{Routes, routes};
use crate::auth::{Caller, OnThisMachine, over_tls};
use crate::connect::{
    Connected as Made, Ends, credentials_path, has_foreign_credentials, kept_token,
    write_credentials,
};
use crate::error::{ApiResult, Failure};
use crate::hosts::is_loopback_name;
use crate::state::AppState;
use axum::extract::State;
use axum::http::{HeaderMap, header};
use branchline_core::{Error, ErrorCode, Result, Scope};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};
use utoipa::ToSchema;

pub(super) fn routes() -> Routes {
    Routes::new().routes(routes!(connect))
}

/// Whether to write the credentials file, too, and which token to use.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(example = json!({"write": false}))]
struct Connect {
    /// Put the token into `~/.mlflow/credentials` on the server's machine. MLflow's
    /// client uses that file for every server.
    #[serde(default)]
    write: bool,
    /// Replace an entry that somebody else wrote.
    #[serde(default)]
    force: bool,
    /// Tokens that the caller has from here before: one that still serves is used again.
    #[serde(default)]
    known: Vec<String>,
    /// When a new token ends: in 90 days when absent, never when null. A moment that is named
    /// gets a token of its own.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<Time>)]
    expires_at: Option<Option<Time>>,
}

/// What a client needs.
#[derive(Debug, Serialize, ToSchema)]
struct Connected {
    tracking_uri: String,
    username: String,
    token: String,
    /// The token's number in the list of tokens.
    token_id: i64,
    /// When it ends. Never, when absent.
    expires_at: Option<Time>,
    /// It is one that was made before.
    reused: bool,
    /// Another token of before that goes on to hold, until it ends or is revoked.
    older_token_id: Option<i64>,
    environment: Environment,
    /// Python to paste.
    snippet: String,
    /// The file that was written; MLflow's client uses it for every server.
    #[serde(skip_serializing_if = "Option::is_none")]
    credentials_path: Option<String>,
    written: bool,
}

/// Environment variables that MLflow's client reads.
#[derive(Debug, Serialize, ToSchema)]
struct Environment {
    #[serde(rename = "MLFLOW_TRACKING_URI")]
    tracking_uri: String,
    #[serde(rename = "MLFLOW_TRACKING_TOKEN")]
    token: String,
}

/// Gives a token that can log, and says how to use it.
#[utoipa::path(
    post,
    path = "/api/v1/connect",
    tag = "account",
    request_body = Connect,
    responses((status = 200, description = "What a client needs.", body = Connected), Failure)
)]
async fn connect(
    State(state): State<AppState>,
    Caller(actor): Caller,
    OnThisMachine(local): OnThisMachine,
    headers: HeaderMap,
    Json(body): Json<Connect>,
) -> ApiResult<Json<Connected>> {
    let path = if body.write { Some(writable_path(local, actor.scope)?) } else { None };
    if let Some(path) = &path
        && !body.force
        && has_foreign_credentials(path)
    {
        return Err(foreign(path).into());
    }
    let url = address(&state, &headers);
    let ends = match body.expires_at {
        None => Ends::Usual,
        Some(None) => Ends::Never,
        Some(Some(end)) => Ends::At(end.0),
    };
    let known = known_here(local && actor.scope == Scope::Admin, body.known);
    let Made { connection, token, reused, older } =
        crate::connect::connect(&state.engine, &actor, &url, &known, ends).await?;
    if let Some(path) = path.clone() {
        let connection = connection.clone();
        tokio::task::spawn_blocking(move || write_credentials(&path, &connection, body.force))
            .await
            .map_err(|e| Error::internal("The credentials file was not written.").source(e))??;
    }
    Ok(Json(Connected {
        environment: Environment {
            tracking_uri: connection.tracking_uri.clone(),
            token: connection.token.clone(),
        },
        snippet: connection.snippet(),
        tracking_uri: connection.tracking_uri,
        username: connection.username,
        token: connection.token,
        token_id: token.id,
        expires_at: token.expires_at.map(Time),
        reused,
        older_token_id: older,
        written: path.is_some(),
        credentials_path: path.map(|path| path.display().to_string()),
    }))
}

fn writable_path(local: bool, scope: Scope) -> Result<PathBuf> {
    if !local || scope != Scope::Admin {
        return Err(Error::denied(
            "The credentials file is on the server's machine; only its owner may have it written, \
             from there.",
        )
        .hint("Use the environment variables, or run `branchline connect --write`."));
    }
    credentials_path()
}

/// What the caller has, and what their credentials file holds: that one first, as it would be
/// replaced.
fn known_here(at_home: bool, known: Vec<String>) -> Vec<String> {
    let kept = at_home.then(credentials_path).and_then(Result::ok);
    kept.and_then(|path| kept_token(&path)).into_iter().chain(known).collect()
}

/// Said before a token is minted that nobody would know.
fn foreign(path: &Path) -> Error {
    Error::new(
        ErrorCode::ResourceConflict,
        format!("'{}' holds the user name or password of another server.", path.display()),
    )
    .hint("Use the environment variables instead, or replace the entry.")
}

/// The address by which the caller reaches this server.
fn address(state: &AppState, headers: &HeaderMap) -> String {
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    if host.is_empty() || is_loopback_name(host) {
        return state.options.url.clone();
    }
    let scheme = if over_tls(headers) { "https" } else { "http" };
    format!("{scheme}://{host}")
}
