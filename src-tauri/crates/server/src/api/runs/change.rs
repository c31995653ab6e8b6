//! Changes of runs.

use super::body::RunBody;
use crate::api::experiments::present_keys;
use crate::api::extract::{Json, Path};
use crate::api::wire::{RunStatusBody, split_patch};
use crate::auth::Caller;
use crate::error::{ApiResult, Failure};
use crate::state::AppState;
use axum::extract::State;
use axum::http::StatusCode;
use branchline_core::{Clock, RunId, RunStatus, SystemClock};
use branchline_engine::{LogBatch, RunUpdate};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use utoipa::ToSchema;

/// What to change; absent fields stay.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(example = json!({"name": "slow-otter", "note": "The best so far.", "tags": {"kept": "yes"}}))]
pub(super) struct PatchRun {
    name: Option<String>,
    /// Markdown; empty removes it.
    note: Option<String>,
    /// Ending a run sets its end to now.
    status: Option<RunStatusBody>,
    /// A value sets, `null` removes.
    #[serde(default)]
    tags: BTreeMap<String, Option<String>>,
}

/// Renames a run, changes its status, note and tags.
#[utoipa::path(
    patch,
    path = "/api/v1/runs/{id}",
    tag = "runs",
    params(("id" = String, Path, description = "The run's id.")),
    request_body = PatchRun,
    responses((status = 200, description = "As it is now.", body = RunBody), Failure)
)]
pub(super) async fn update_run(
    State(state): State<AppState>,
    Caller(actor): Caller,
    Path(id): Path<String>,
    Json(body): Json<PatchRun>,
) -> ApiResult<Json<RunBody>> {
    let id = RunId::new(id);
    let engine = &state.engine;
    let status = body.status.map(RunStatus::from);
    if status.is_some() || body.name.is_some() {
        let end_time = status.filter(|s| s.is_terminal()).map(|_| SystemClock.now_ms());
        let update = RunUpdate { status, end_time, name: body.name };
        engine.update_run(&actor, &id, update).await?;
    }
    let (tags, remove) = split_patch(body.tags, body.note);
    if !tags.is_empty() {
        let batch = LogBatch { tags, ..LogBatch::default() };
        engine.log_batch(&actor, &id, batch).await?;
    }
    if !remove.is_empty() {
        let present = engine.run(&actor, &id).await?.tags;
        for key in present_keys(&present, &remove) {
            engine.delete_run_tag(&actor, &id, key).await?;
        }
    }
    Ok(Json(engine.run(&actor, &id).await?.into()))
}

/// Puts a run into the trash.
#[utoipa::path(
    delete,
    path = "/api/v1/runs/{id}",
    tag = "runs",
    params(("id" = String, Path, description = "The run's id.")),
    responses((status = 204, description = "Done."), Failure)
)]
pub(super) async fn delete_run(
    State(state): State<AppState>,
    Caller(actor): Caller,
    Path(id): Path<String>,
) -> ApiResult<StatusCode> {
    state.engine.delete_run(&actor, &RunId::new(id)).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Takes a run out of the trash.
#[utoipa::path(
    post,
    path = "/api/v1/runs/{id}/restore",
    tag = "runs",
    params(("id" = String, Path, description = "The run's id.")),
    responses((status = 200, description = "As it is now.", body = RunBody), Failure)
)]
pub(super) async fn restore_run(
    State(state): State<AppState>,
    Caller(actor): Caller,
    Path(id): Path<String>,
) -> ApiResult<Json<RunBody>> {
    let id = RunId::new(id);
    state.engine.restore_run(&actor, &id).await?;
    Ok(Json(state.engine.run(&actor, &id).await?.into()))
}

/// What to do with many runs.
#[derive(Debug, Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum BulkAction {
    /// Put into the trash.
    Delete,
    /// Take out of the trash.
    Restore,
}

/// Many runs and what to do with them.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(example = json!({"run_ids": ["5d41402abc4b2a76b9719d911017c592"], "action": "delete"}))]
pub(super) struct BulkRuns {
    run_ids: Vec<String>,
    #[schema(inline)]
    action: BulkAction,
}

/// How far it went.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct BulkDone {
    /// Runs that were changed.
    done: usize,
}

/// Deletes or restores many runs. Stops at the first that fails; those before it are
/// done, and doing it again is safe.
#[utoipa::path(
    post,
    path = "/api/v1/runs/bulk",
    tag = "runs",
    request_body = BulkRuns,
    responses((status = 200, description = "All done.", body = BulkDone), Failure)
)]
pub(super) async fn bulk_runs(
    State(state): State<AppState>,
    Caller(actor): Caller,
    Json(body): Json<BulkRuns>,
) -> ApiResult<Json<BulkDone>> {
    let mut done = 0;
    for id in body.run_ids.into_iter().map(RunId::new) {
        match body.action {
            BulkAction::Delete => state.engine.delete_run(&actor, &id).await?,
            BulkAction::Restore => state.engine.restore_run(&actor, &id).await?,
        }
        done += 1;
    }
    Ok(Json(BulkDone { done }))
}
