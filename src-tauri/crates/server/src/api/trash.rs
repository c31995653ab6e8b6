//! The trash: what can be restored, and deleting it for good.

use super::extract::{Json, Query};
use super::wire::{Time, page_size};
use crate::api::routing::{Routes, routes};
use crate::auth::{Administrator, Caller};
use crate::error::{ApiResult, Failure};
use crate::state::AppState;
use axum::extract::State;
use branchline_core::Error;
use branchline_engine::{Emptied, InTrash, TrashChoice, TrashKind};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

pub(super) fn routes() -> Routes {
    Routes::new()
        .routes(routes!(list_trash))
        .routes(routes!(restore_trash))
        .routes(routes!(empty_trash))
}

/// What lies in the trash.
#[derive(Debug, Clone, Copy, Serialize, Deserialize, ToSchema)]
#[schema(as = TrashKind)]
#[serde(rename_all = "snake_case")]
enum Kind {
    /// With its runs and logged models.
    Experiment,
    /// Of an experiment that is not in the trash.
    Run,
    /// Of an experiment that is not in the trash.
    LoggedModel,
}

impl From<Kind> for TrashKind {
    fn from(kind: Kind) -> Self {
        match kind {
            Kind::Experiment => Self::Experiment,
            Kind::Run => Self::Run,
            Kind::LoggedModel => Self::Model,
        }
    }
}

impl From<TrashKind> for Kind {
    fn from(kind: TrashKind) -> Self {
        match kind {
            TrashKind::Experiment => Self::Experiment,
            TrashKind::Run => Self::Run,
            TrashKind::Model => Self::LoggedModel,
        }
    }
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct TrashQuery {
    /// Which kind of things.
    kind: Kind,
    /// 100 when not said, at most 1000.
    max_results: Option<usize>,
    page_token: Option<String>,
}

/// A thing in the trash.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = TrashItem)]
struct ItemBody {
    kind: Kind,
    id: String,
    name: String,
    experiment_id: String,
    experiment_name: String,
    deleted_at: Time,
    /// Runs that go with an experiment.
    runs: i64,
    /// Registered model versions that were made from it.
    versions: i64,
    /// An estimate.
    database_bytes: u64,
    /// Absent where the client keeps its files elsewhere.
    artifact_bytes: Option<u64>,
}

impl From<InTrash> for ItemBody {
    fn from(thing: InTrash) -> Self {
        let InTrash { item, database_bytes, artifact_bytes } = thing;
        Self {
            kind: item.kind.into(),
            id: item.id,
            name: item.name,
            experiment_id: item.experiment.to_string(),
            experiment_name: item.experiment_name,
            deleted_at: Time(item.deleted_at),
            runs: item.runs,
            versions: item.versions,
            database_bytes,
            artifact_bytes,
        }
    }
}

/// How much lies in the trash.
#[derive(Debug, Serialize, ToSchema)]
struct TrashCounts {
    experiments: i64,
    runs: i64,
    logged_models: i64,
}

/// A page of the trash.
#[derive(Debug, Serialize, ToSchema)]
struct TrashList {
    /// Longest there last.
    items: Vec<ItemBody>,
    next_page_token: Option<String>,
    counts: TrashCounts,
    /// What lies there longer goes for good; absent when nothing goes by itself.
    retention_days: Option<u32>,
}

/// Lists what lies in the trash.
#[utoipa::path(
    get,
    path = "/api/v1/trash",
    tag = "trash",
    params(TrashQuery),
    responses((status = 200, description = "A page.", body = TrashList), Failure)
)]
async fn list_trash(
    State(state): State<AppState>,
    Caller(actor): Caller,
    Query(query): Query<TrashQuery>,
) -> ApiResult<Json<TrashList>> {
    let size = page_size(query.max_results, 100, 1000)?;
    let token = query.page_token.filter(|token| !token.is_empty());
    let found = state.engine.trash(&actor, query.kind.into(), size, token).await?;
    let [experiments, runs, logged_models] = found.counts;
    Ok(Json(TrashList {
        items: found.page.items.into_iter().map(Into::into).collect(),
        next_page_token: found.page.next_page_token,
        counts: TrashCounts { experiments, runs, logged_models },
        retention_days: state.options.trash_days,
    }))
}

/// A thing, named.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(as = TrashRef)]
struct ItemRef {
    kind: Kind,
    id: String,
}

fn refs(items: Vec<ItemRef>) -> Vec<(TrashKind, String)> {
    items.into_iter().map(|item| (item.kind.into(), item.id)).collect()
}

/// What to bring back.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(example = json!({"items": [{"kind": "run", "id": "5d41402abc4b2a76b9719d911017c592"}]}))]
struct RestoreTrash {
    /// At most 1000.
    items: Vec<ItemRef>,
}

/// What came back.
#[derive(Debug, Serialize, ToSchema)]
struct RestoredTrash {
    /// What was not in the trash any more is not counted.
    restored: usize,
}

/// Brings things back from the trash; an experiment with all its runs.
#[utoipa::path(
    post,
    path = "/api/v1/trash/restore",
    tag = "trash",
    request_body = RestoreTrash,
    responses((status = 200, description = "Done.", body = RestoredTrash), Failure)
)]
async fn restore_trash(
    State(state): State<AppState>,
    Caller(actor): Caller,
    Json(body): Json<RestoreTrash>,
) -> ApiResult<Json<RestoredTrash>> {
    let restored = state.engine.restore_from_trash(&actor, refs(body.items)).await?;
    Ok(Json(RestoredTrash { restored }))
}

/// What is to go: `items`, or `all`.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(example = json!({"before": "2026-11-01T00:00:00Z", "dry_run": true}))]
struct EmptyTrash {
    /// These; at most 1000.
    items: Option<Vec<ItemRef>>,
    /// Everything in the trash, but for what registered model versions were made from.
    #[serde(default)]
    all: bool,
    /// With `all`: only what was deleted before.
    #[schema(value_type = Option<String>, format = DateTime)]
    before: Option<Time>,
    /// Only tell what would go.
    #[serde(default)]
    dry_run: bool,
}

/// What went, or would go.
#[derive(Debug, Serialize, ToSchema)]
struct EmptiedTrash {
    dry_run: bool,
    experiments: i64,
    /// Those of the experiments among them.
    runs: i64,
    /// Without those of the experiments.
    logged_models: i64,
    /// Bytes of the database, estimated. The file keeps its size and uses them again.
    database_bytes: u64,
    /// Bytes of files.
    artifact_bytes: u64,
    /// Registered model versions whose files go.
    versions: i64,
    /// Things that stay because registered model versions were made from them.
    kept: i64,
    /// Things whose files a client keeps elsewhere: those stay where they are.
    elsewhere: i64,
}

/// Deletes for good what lies in the trash. For administrators.
#[utoipa::path(
    post,
    path = "/api/v1/trash/delete",
    tag = "trash",
    request_body = EmptyTrash,
    responses((status = 200, description = "Done.", body = EmptiedTrash), Failure)
)]
async fn empty_trash(
    State(state): State<AppState>,
    Administrator(actor): Administrator,
    Json(body): Json<EmptyTrash>,
) -> ApiResult<Json<EmptiedTrash>> {
    let choice = match (body.items, body.all) {
        (Some(items), false) if body.before.is_none() => TrashChoice::Items(refs(items)),
        (None, true) => TrashChoice::All { before: body.before.map(|time| time.0) },
        _ => {
            return Err(Error::invalid(
                "Say what is to go: either 'items', or 'all' with an optional 'before'.",
            )
            .hint("Add \"dry_run\": true to see first what would go.")
            .into());
        }
    };
    let engine = &state.engine;
    let gone = match body.dry_run {
        true => engine.plan_trash(&actor, &choice).await?,
        false => engine.empty_trash(&actor, &choice).await?,
    };
    Ok(Json(emptied(body.dry_run, &gone)))
}

fn emptied(dry_run: bool, gone: &Emptied) -> EmptiedTrash {
    EmptiedTrash {
        dry_run,
        experiments: gone.experiments,
        runs: gone.runs,
        logged_models: gone.models,
        database_bytes: gone.database_bytes,
        artifact_bytes: gone.artifact_bytes,
        versions: gone.versions,
        kept: gone.kept,
        elsewhere: gone.elsewhere,
    }
}
