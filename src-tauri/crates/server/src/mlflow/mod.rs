//! MLflow's own surface: what a tracking, logging, registering and loading client of
//! mlflow 3.x calls. One file per resource; each says its routes in a table, and
//! every route stands under `/api` (the Python client) and `/ajax-api` (MLflow's UI).

mod accounts;
mod answer;
mod artifacts;
mod assessments;
mod call;
pub mod error;
mod evaluation;
mod experiments;
mod files;
mod inputs;
pub(crate) mod lineage;
mod logged_models;
mod metrics;
mod misc;
mod model_versions;
mod otlp;
mod parts;
mod registered_models;
mod roles;
mod runs;
mod scorers;
mod trace_search;
mod traces;
mod transfer;
mod unsupported;
mod webhooks;

pub use error::MlflowError;

use crate::state::AppState;
use axum::Router;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, any};

/// Paths, relative to `/api/<version>`, and what answers them.
type Table = Vec<(&'static str, MethodRouter<AppState>)>;

const SURFACES: [&str; 2] = ["/api", "/ajax-api"];

/// MLflow's routes.
pub fn routes() -> Router<AppState> {
    let mut router = unsupported::routes();
    for (path, methods) in tables_outside().into_iter().flatten() {
        router = router.route(path, methods);
    }
    for surface in SURFACES {
        for (path, methods) in tables().into_iter().flatten() {
            router = router.route(&format!("{surface}/2.0{path}"), methods);
        }
        for (path, methods) in tables_preview().into_iter().flatten() {
            router = router.route(&format!("{surface}/2.0/preview{path}"), methods);
        }
        for (path, methods) in tables_v3().into_iter().flatten() {
            router = router.route(&format!("{surface}/3.0{path}"), methods);
        }
        for version in ["2.0", "3.0"] {
            router = router.route(&format!("{surface}/{version}/{{*rest}}"), any(not_found));
        }
    }
    router
}

/// What stands outside of `/api`, by its whole path.
fn tables_outside() -> [Table; 3] {
    [misc::table_outside(), files::table_outside(), otlp::table_outside()]
}

/// What stands under version 2.0.
fn tables() -> [Table; 14] {
    [
        accounts::table(),
        experiments::table(),
        runs::table(),
        metrics::table(),
        inputs::table(),
        artifacts::table(),
        parts::table(),
        files::table(),
        logged_models::table(),
        registered_models::table(),
        model_versions::table(),
        traces::table(),
        trace_search::table(),
        webhooks::table(),
    ]
}

/// What stands under `2.0/preview` too: where every 1.x client looks for the registry.
fn tables_preview() -> [Table; 2] {
    [registered_models::table(), model_versions::table()]
}

/// What stands under version 3.0.
fn tables_v3() -> [Table; 8] {
    [
        accounts::table_v3(),
        roles::table_v3(),
        misc::table_v3(),
        traces::table_v3(),
        trace_search::table_v3(),
        assessments::table_v3(),
        evaluation::table_v3(),
        scorers::table_v3(),
    ]
}

/// Clients take a 404 in JSON for a missing thing, and any other for a missing route.
async fn not_found() -> Response {
    let html = "<!doctype html>\n<html lang=en>\n<title>404 Not Found</title>\n\
                <h1>Not Found</h1>\n<p>The requested URL was not found on the server.</p>\n";
    let kind = [(header::CONTENT_TYPE, "text/html; charset=utf-8")];
    (StatusCode::NOT_FOUND, kind, html).into_response()
}

#[cfg(test)]
mod tests;
