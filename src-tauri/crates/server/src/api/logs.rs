//! The server's own log.

use super::extract::{Json, Query};
use crate::api::routing::{Routes, routes};
use crate::auth::Administrator;
use crate::error::{ApiResult, Failure};
use crate::state::AppState;
use axum::extract::State;
use branchline_core::{Error, Result};
use serde::{Deserialize, Serialize};
use tracing::Level;
use utoipa::{IntoParams, ToSchema};

pub(super) fn routes() -> Routes {
    Routes::new().routes(routes!(read_logs))
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct ReadLogs {
    /// How many lines; 500 when not said, at most 10,000.
    lines: Option<usize>,
    /// Only this level and worse: `error`, `warn`, `info`, `debug` or `trace`.
    level: Option<String>,
}

/// Lines of the log.
#[derive(Debug, Serialize, ToSchema)]
struct LogLines {
    lines: Vec<String>,
}

/// Reads the end of the server's log, oldest line first.
#[utoipa::path(
    get,
    path = "/api/v1/logs",
    tag = "server",
    params(ReadLogs),
    responses((status = 200, description = "Lines.", body = LogLines), Failure)
)]
async fn read_logs(
    State(state): State<AppState>,
    _: Administrator,
    Query(query): Query<ReadLogs>,
) -> ApiResult<Json<LogLines>> {
    let most = query.lines.unwrap_or(500).clamp(1, 10_000);
    let level = query.level.as_deref().map(parse_level).transpose()?;
    let folder = state.options.data_dir.join("logs");
    let unreadable = |e: Box<dyn std::error::Error + Send + Sync>| {
        Error::internal("The log could not be read.").source(e)
    };
    let lines = tokio::task::spawn_blocking(move || crate::logs::tail(&folder, most, level))
        .await
        .map_err(|e| unreadable(e.into()))?
        .map_err(|e| unreadable(e.into()))?;
    Ok(Json(LogLines { lines }))
}

fn parse_level(text: &str) -> Result<Level> {
    text.parse().map_err(|_| {
        Error::invalid(format!("'{text}' is not a log level."))
            .hint("Use error, warn, info, debug or trace.")
    })
}
