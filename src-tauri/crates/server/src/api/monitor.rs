//! Figures for Prometheus.

use crate::auth::Caller;
use crate::error::{ApiResult, Failure};
use crate::state::AppState;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use branchline_core::{Clock, SystemClock};
use std::fmt::{Display, Write};
use std::sync::atomic::{AtomicU64, Ordering};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub(super) fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(get_metrics))
}

/// Answers since the start, by class of status.
#[derive(Debug, Default)]
pub(crate) struct Answers([AtomicU64; 5]);

impl Answers {
    pub(crate) fn count(&self, status: StatusCode) {
        let class = usize::from(status.as_u16() / 100);
        if let Some(counter) = class.checked_sub(1).and_then(|class| self.0.get(class)) {
            counter.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// Memory of this process that is in use.
pub(super) fn memory_bytes() -> Option<u64> {
    memory_stats::memory_stats().map(|stats| stats.physical_mem as u64)
}

/// Shows figures in Prometheus' text form.
#[utoipa::path(
    get,
    path = "/metrics",
    tag = "server",
    responses((status = 200, description = "Figures.", body = String, content_type = "text/plain"), Failure)
)]
async fn get_metrics(
    State(state): State<AppState>,
    Caller(actor): Caller,
) -> ApiResult<impl IntoResponse> {
    let stats = state.engine.stats(&actor).await?;
    let mut text = String::new();
    let uptime_ms = SystemClock.now_ms().saturating_sub(state.options.started_at);
    gauge(&mut text, "uptime_seconds", "Time since the start.", uptime_ms / 1000);
    gauge(&mut text, "experiments", "Experiments in use.", stats.experiments);
    gauge(&mut text, "runs", "Runs in use.", stats.runs);
    gauge(&mut text, "registered_models", "Registered models.", stats.registered_models);
    gauge(&mut text, "database_bytes", "Size of the database.", stats.db_bytes);
    gauge(&mut text, "wal_bytes", "Size of the write-ahead log.", stats.wal_bytes);
    gauge(&mut text, "change_seq", "Last change.", state.engine.cursor().seq);
    gauge(&mut text, "live_sockets", "Open WebSockets.", state.sockets.len());
    if let Some(bytes) = memory_bytes() {
        gauge(&mut text, "memory_bytes", "Memory in use.", bytes);
    }
    let name = "branchline_http_responses_total";
    let _ = writeln!(text, "# HELP {name} Answers by class of status.\n# TYPE {name} counter");
    for (class, counter) in (1..).zip(&state.answers.0) {
        let count = counter.load(Ordering::Relaxed);
        let _ = writeln!(text, "{name}{{class=\"{class}xx\"}} {count}");
    }
    Ok(([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], text))
}

fn gauge(text: &mut String, name: &str, help: &str, value: impl Display) {
    let name = format!("branchline_{name}");
    // Writing to a String cannot fail.
    let _ = writeln!(text, "# HELP {name} {help}\n# TYPE {name} gauge\n{name} {value}");
}
