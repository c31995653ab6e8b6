//! The own API under `/api/v1`: one file per resource, each with its bodies, its
//! handlers and their documentation side by side.

mod accounts;
mod artifacts;
mod connect;
mod database;
mod document;
mod experiments;
pub(crate) mod extract;
mod filter;
mod job_limits;
mod job_monitor;
pub(crate) mod jobs;
mod logged_models;
mod logs;
mod me;
mod metrics;
mod models;
pub(crate) mod monitor;
mod network;
mod notebooks;
mod preferences;
mod projects;
mod prometheus;
mod queues;
pub(crate) mod routing;
mod rules;
mod runs;
mod schedules;
mod search;
pub(crate) mod server;
mod session;
mod sweeps;
mod tokens;
mod traces;
mod trash;
mod versions;
pub(crate) mod wire;

use crate::api::routing::{Routes, routes};
use crate::error::Failure;
use crate::state::AppState;
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use std::sync::OnceLock;

/// Routes, and what they say of themselves.
pub(crate) fn routes() -> Routes {
    Routes::new()
        .merge(server::routes())
        .merge(session::routes())
        .merge(me::routes())
        .merge(preferences::routes())
        .merge(connect::routes())
        .merge(tokens::routes())
        .merge(accounts::routes())
        .merge(crate::stack::routes())
        .merge(experiments::routes())
        .merge(runs::routes())
        .merge(metrics::routes())
        .merge(logged_models::routes())
        .merge(artifacts::routes())
        .merge(models::routes())
        .merge(versions::routes())
        .merge(search::routes())
        .merge(traces::routes())
        .merge(trash::routes())
        .merge(jobs::routes())
        .merge(job_monitor::routes())
        .merge(queues::routes())
        .merge(job_limits::routes())
        .merge(projects::routes())
        .merge(sweeps::routes())
        .merge(notebooks::routes())
        .merge(schedules::routes())
        .merge(rules::routes())
        .merge(filter::routes())
        .merge(database::routes())
        .merge(logs::routes())
        .merge(monitor::routes())
        .merge(network::routes())
        .routes(routes!(openapi))
}

/// The OpenAPI 3.1 document of the own API.
pub fn openapi_json() -> String {
    let document = document::complete(routes().describe(document::begun()));
    let mut text = document.to_pretty_json().unwrap_or_default();
    text.push('\n');
    text
}

/// This document.
#[utoipa::path(
    get,
    path = "/api/v1/openapi.json",
    tag = "server",
    security(()),
    responses((status = 200, description = "OpenAPI 3.1.", body = Object), Failure)
)]
async fn openapi(State(state): State<AppState>) -> Response {
    static TEXT: OnceLock<String> = OnceLock::new();
    let text = TEXT.get_or_init(openapi_json).replace(document::ANY_COOKIE, &state.cookie);
    ([(header::CONTENT_TYPE, "application/json")], text).into_response()
}
