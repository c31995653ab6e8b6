//! The database file: backup, check, reading with SQL. For administrators.

use super::extract::Json;
use crate::api::routing::{Routes, routes};
use crate::auth::Administrator;
use crate::error::{ApiResult, Failure};
use crate::state::AppState;
use axum::extract::State;
use axum::http::StatusCode;
use branchline_core::Error;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;
use utoipa::ToSchema;

pub(super) fn routes() -> Routes {
    Routes::new()
        .routes(routes!(backup_database))
        .routes(routes!(check_database))
        .routes(routes!(query_database))
        .routes(routes!(database_status))
        .routes(routes!(rebuild_index))
}

/// Where to write.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(example = json!({"path": "/home/ada/branchline-2026-11-28.db"}))]
struct Backup {
    /// Absolute path on the server's machine.
    path: String,
}

/// What was written.
#[derive(Debug, Serialize, ToSchema)]
struct BackupDone {
    path: String,
    size_bytes: u64,
}

/// Writes a consistent copy of the database while it is in use.
#[utoipa::path(
    post,
    path = "/api/v1/db/backup",
    tag = "database",
    request_body = Backup,
    responses((status = 200, description = "Written.", body = BackupDone), Failure)
)]
async fn backup_database(
    State(state): State<AppState>,
    Administrator(actor): Administrator,
    Json(body): Json<Backup>,
) -> ApiResult<Json<BackupDone>> {
    let path = PathBuf::from(&body.path);
    if !path.is_absolute() {
        return Err(Error::invalid(format!("'{}' is not an absolute path.", body.path)).into());
    }
    state.engine.backup(&actor, &path).await?;
    let size_bytes = tokio::fs::metadata(&path).await.map_or(0, |meta| meta.len());
    Ok(Json(BackupDone { path: body.path, size_bytes }))
}

/// The outcome of a check.
#[derive(Debug, Serialize, ToSchema)]
struct CheckDone {
    ok: bool,
    problems: Vec<String>,
}

/// Checks the database's integrity.
#[utoipa::path(
    get,
    path = "/api/v1/db/check",
    tag = "database",
    responses((status = 200, description = "What was found.", body = CheckDone), Failure)
)]
async fn check_database(
    State(state): State<AppState>,
    Administrator(actor): Administrator,
) -> ApiResult<Json<CheckDone>> {
    let problems = state.engine.check(&actor).await?;
    Ok(Json(CheckDone { ok: problems.is_empty(), problems }))
}

/// A query; it can only read.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(example = json!({"sql": "SELECT name FROM experiment", "limit": 100}))]
struct SqlQuery {
    sql: String,
    /// Most rows; 1000 when not said, at most 10,000.
    limit: Option<usize>,
}

/// Rows of a query.
#[derive(Debug, Serialize, ToSchema)]
struct SqlRows {
    columns: Vec<String>,
    /// Of each row its cells: text, a number or null.
    #[schema(value_type = Vec<Vec<Value>>)]
    rows: Vec<Vec<serde_json::Value>>,
    /// There are more rows.
    truncated: bool,
}

/// Reads with SQL.
#[utoipa::path(
    post,
    path = "/api/v1/db/query",
    tag = "database",
    request_body = SqlQuery,
    responses((status = 200, description = "Rows.", body = SqlRows), Failure)
)]
async fn query_database(
    State(state): State<AppState>,
    Administrator(actor): Administrator,
    Json(body): Json<SqlQuery>,
) -> ApiResult<Json<SqlRows>> {
    let limit = body.limit.unwrap_or(1000).clamp(1, 10_000);
    let result = state.engine.query(&actor, &body.sql, limit).await?;
    Ok(Json(SqlRows { columns: result.columns, rows: result.rows, truncated: result.truncated }))
}

/// One migration.
#[derive(Debug, Serialize, ToSchema)]
struct Migration {
    version: i64,
    name: String,
    applied: bool,
}

/// The state of the database file.
#[derive(Debug, Serialize, ToSchema)]
struct DatabaseStatus {
    migrations: Vec<Migration>,
    db_bytes: u64,
    wal_bytes: u64,
    store_uuid: String,
    cursor: String,
}

/// Shows the database's migrations and size.
#[utoipa::path(
    get,
    path = "/api/v1/db/status",
    tag = "database",
    responses((status = 200, description = "The state.", body = DatabaseStatus), Failure)
)]
async fn database_status(
    State(state): State<AppState>,
    Administrator(actor): Administrator,
) -> ApiResult<Json<DatabaseStatus>> {
    let stats = state.engine.stats(&actor).await?;
    let migrations = state
        .engine
        .migration_status()
        .await?
        .into_iter()
        .map(|one| Migration { version: one.version, name: one.name, applied: one.applied })
        .collect();
    Ok(Json(DatabaseStatus {
        migrations,
        db_bytes: stats.db_bytes,
        wal_bytes: stats.wal_bytes,
        store_uuid: state.engine.store_uuid().to_owned(),
        cursor: state.engine.cursor().to_string(),
    }))
}

/// Makes the index of words anew.
#[utoipa::path(
    post,
    path = "/api/v1/db/reindex",
    tag = "database",
    responses((status = 204, description = "Made."), Failure)
)]
async fn rebuild_index(
    State(state): State<AppState>,
    Administrator(actor): Administrator,
) -> ApiResult<StatusCode> {
    state.engine.rebuild_index(&actor).await?;
    Ok(StatusCode::NO_CONTENT)
}
