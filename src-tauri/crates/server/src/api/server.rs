//! The server itself: what it is, and stopping it.

use super::extract::{Json, Query};
use super::wire::Time;
use crate::api::routing::{Routes, routes};
use crate::auth::{Caller, OnThisMachine, has_instance_secret};
use crate::error::{ApiResult, Failure};
use crate::state::AppState;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use branchline_core::Error;
use branchline_engine::Artifacts;
use serde::{Deserialize, Serialize};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use utoipa::{IntoParams, ToSchema};

pub(super) fn routes() -> Routes {
    Routes::new().routes(routes!(get_server)).routes(routes!(shut_down))
}

/// What this server is and holds.
#[derive(Debug, Serialize, ToSchema)]
struct ServerInfo {
    version: String,
    /// The MLflow release whose semantics are followed.
    mlflow_version: &'static str,
    /// The address to give to clients.
    url: String,
    /// Identity of the data folder.
    store_uuid: String,
    /// The place in the change log, `<epoch>:<seq>`.
    cursor: String,
    no_auth: bool,
    /// Only told to an administrator on the server's machine.
    data_dir: Option<String>,
    db_bytes: u64,
    /// Measured about once a minute; absent until the first time.
    artifact_bytes: Option<u64>,
    /// Memory of the process that is in use.
    memory_bytes: Option<u64>,
    runs: i64,
    experiments: i64,
    registered_models: i64,
    /// `balanced`, `power-safe` or `fast`.
    durability: String,
    started_at: Time,
    /// The window runs in the same process.
    desktop: bool,
}

/// The size of all artifacts, which takes a walk over all files: the last known is
/// told, and it is measured anew in the background when that is a minute old.
#[derive(Debug, Default)]
pub(crate) struct ArtifactSize(Arc<Mutex<(Option<u64>, Option<Instant>)>>);

impl ArtifactSize {
    fn get(&self, artifacts: &Artifacts) -> Option<u64> {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known.1.is_none_or(|at| at.elapsed() > Duration::from_secs(60)) {
            known.1 = Some(Instant::now());
            let (place, artifacts) = (Arc::clone(&self.0), artifacts.clone());
            tokio::spawn(async move {
                match artifacts.total_size().await {
                    Ok(bytes) => {
                        place.lock().unwrap_or_else(PoisonError::into_inner).0 = Some(bytes);
                    }
                    Err(error) => tracing::debug!("Artifacts were not measured: {error}"),
                }
            });
        }
        known.0
    }
}

/// Shows what the server is and how much it holds.
#[utoipa::path(
    get,
    path = "/api/v1/server",
    tag = "server",
    responses((status = 200, description = "The server.", body = ServerInfo), Failure)
)]
async fn get_server(
    State(state): State<AppState>,
    Caller(actor): Caller,
    OnThisMachine(local): OnThisMachine,
) -> ApiResult<Json<ServerInfo>> {
    let stats = state.engine.stats(&actor).await?;
    let options = &state.options;
    let data_dir = Some(&options.data_dir).filter(|dir| local && !dir.as_os_str().is_empty());
    Ok(Json(ServerInfo {
        version: options.version.clone(),
        mlflow_version: crate::MLFLOW_VERSION,
        url: options.url.clone(),
        store_uuid: state.engine.store_uuid().to_owned(),
        cursor: state.engine.cursor().to_string(),
        no_auth: options.no_auth,
        data_dir: data_dir.map(|dir| dir.display().to_string()),
        db_bytes: stats.db_bytes.saturating_add(stats.wal_bytes),
        artifact_bytes: state.artifact_size.get(state.engine.artifacts()),
        memory_bytes: super::monitor::memory_bytes(),
        runs: stats.runs,
        experiments: stats.experiments,
        registered_models: stats.registered_models,
        durability: options.durability.clone(),
        started_at: Time(options.started_at),
        desktop: options.desktop,
    }))
}

/// What becomes of the jobs that run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum RunningJobs {
    /// They are ended: those with `acks_late` run again, the others have failed.
    #[default]
    Stop,
    /// They are ended, and run again after the next start.
    Later,
    /// No other is started, and the server stops when they have ended.
    Finish,
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct Stopping {
    /// What becomes of the jobs that run: `stop` when absent; `later`: they run again after the
    /// next start; `finish`: the server waits for their end, and starts no other.
    #[serde(default)]
    #[param(inline)]
    jobs: RunningJobs,
}

/// Stops the server. Only for who can read `instance.json`.
#[utoipa::path(
    post,
    path = "/api/v1/shutdown",
    tag = "server",
    params(Stopping),
    responses((status = 202, description = "It is stopping."), Failure)
)]
async fn shut_down(
    State(state): State<AppState>,
    Query(query): Query<Stopping>,
    headers: HeaderMap,
) -> ApiResult<StatusCode> {
    if !has_instance_secret(&state, &headers) {
        return Err(Error::denied("Only the secret of instance.json may stop the server.").into());
    }
    tracing::info!(jobs = ?query.jobs, "stopping, as asked over HTTP");
    match query.jobs {
        RunningJobs::Stop => {}
        RunningJobs::Later => state.engine.put_jobs_back(),
        RunningJobs::Finish => {
            let owner = state.owner().await?;
            tokio::spawn(async move {
                tokio::select! {
                    finished = state.engine.finish_jobs(&owner) => match finished {
                        Ok(()) => state.closing.cancel(),
                        Err(error) => tracing::error!("Jobs cannot be waited for: {error}"),
                    },
                    () = state.closing.cancelled() => {}
                }
            });
            return Ok(StatusCode::ACCEPTED);
        }
    }
    state.closing.cancel();
    Ok(StatusCode::ACCEPTED)
}
