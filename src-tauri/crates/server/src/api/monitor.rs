//! Figures for Prometheus: the server's own, and of jobs those that Flower shows.

use super::prometheus::{Histogram, Page};
use crate::api::routing::{Routes, routes};
use crate::auth::Caller;
use crate::error::{ApiResult, Failure};
use crate::state::AppState;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use branchline_core::event::Cursor;
use branchline_core::{Actor, Clock, Result, SystemClock};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use tokio::sync::Mutex;

pub(super) fn routes() -> Routes {
    Routes::new().routes(routes!(get_metrics)).routes(routes!(healthcheck))
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

/// The name of this program among workers.
pub(crate) const WORKER: &str = "branchline";

/// What happened to jobs since the start. It is counted when somebody asks.
#[derive(Debug)]
pub(crate) struct JobEvents(Mutex<Counted>);

#[derive(Debug)]
struct Counted {
    upto: Cursor,
    /// By event and task.
    events: BTreeMap<(&'static str, String), u64>,
    /// By task.
    runtimes: BTreeMap<String, Histogram>,
}

impl JobEvents {
    pub(crate) fn since(upto: Cursor) -> Self {
        Self(Mutex::new(Counted { upto, events: BTreeMap::new(), runtimes: BTreeMap::new() }))
    }
}

/// Celery's name of the event that brings a job to a state.
pub(crate) fn event_name(state: &str) -> Option<&'static str> {
    Some(match state {
        "PENDING" => "task-sent",
        "RECEIVED" => "task-received",
        "STARTED" => "task-started",
        "SUCCESS" => "task-succeeded",
        "FAILURE" => "task-failed",
        "REVOKED" => "task-revoked",
        "RETRY" => "task-retried",
        _ => return None,
    })
}

impl Counted {
    async fn go_on(&mut self, state: &AppState, actor: &Actor) -> Result<()> {
        let new = state.engine.tally_jobs(actor, self.upto).await?;
        self.upto = new.cursor;
        for event in new.events {
            let Some(name) = event_name(&event.state) else { continue };
            if let Some(ms) = event.runtime_ms {
                #[expect(clippy::cast_precision_loss, reason = "durations are below 2^53 ms")]
                let seconds = ms as f64 / 1000.0;
                self.runtimes.entry(event.task.clone()).or_default().observe(seconds);
            }
            *self.events.entry((name, event.task)).or_default() += 1;
        }
        Ok(())
    }

    fn write(&self, page: &mut Page) {
        let name = "flower_events_total";
        page.family(name, "counter", "Number of events");
        for ((event, task), count) in &self.events {
            let labels = [("worker", WORKER), ("type", event), ("task", task.as_str())];
            page.figure(name, &labels, count);
        }
        let name = "flower_task_runtime_seconds";
        page.family(name, "histogram", "Task runtime");
        for (task, took) in &self.runtimes {
            page.histogram(name, &[("worker", WORKER), ("task", task)], took);
        }
    }
}

/// Memory of this process that is in use.
pub(super) fn memory_bytes() -> Option<u64> {
    memory_stats::memory_stats().map(|stats| stats.physical_mem as u64)
}

/// Answers OK, as Flower does.
#[utoipa::path(
    get,
    path = "/healthcheck",
    tag = "server",
    security(()),
    responses((status = 200, description = "It answers.", body = String, content_type = "text/plain"), Failure)
)]
async fn healthcheck() -> &'static str {
    "OK"
}

/// Shows figures in Prometheus' text form; those of jobs only to a superuser.
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
    let mut page = Page::default();
    own_figures(&state, &actor, &mut page).await?;
    if actor.is_superuser {
        job_figures(&state, &actor, &mut page).await?;
    }
    let kind = "text/plain; version=0.0.4; charset=utf-8";
    Ok(([(header::CONTENT_TYPE, kind)], page.into_text()))
}

async fn own_figures(state: &AppState, actor: &Actor, page: &mut Page) -> Result<()> {
    let stats = state.engine.stats(actor).await?;
    let uptime_ms = SystemClock.now_ms().saturating_sub(state.options.started_at);
    page.gauge("uptime_seconds", "Time since the start.", uptime_ms / 1000);
    page.gauge("experiments", "Experiments in use.", stats.experiments);
    page.gauge("runs", "Runs in use.", stats.runs);
    page.gauge("registered_models", "Registered models.", stats.registered_models);
    page.gauge("database_bytes", "Size of the database.", stats.db_bytes);
    page.gauge("wal_bytes", "Size of the write-ahead log.", stats.wal_bytes);
    page.gauge("change_seq", "Last change.", state.engine.cursor().seq);
    page.gauge("live_sockets", "Open WebSockets.", state.sockets.len());
    if let Some(bytes) = memory_bytes() {
        page.gauge("memory_bytes", "Memory in use.", bytes);
    }
    let name = "branchline_http_responses_total";
    page.family(name, "counter", "Answers by class of status.");
    for (class, counter) in (1..).zip(&state.answers.0) {
        let class = format!("{class}xx");
        page.figure(name, &[("class", class.as_str())], counter.load(Ordering::Relaxed));
    }
    Ok(())
}

async fn job_figures(state: &AppState, actor: &Actor, page: &mut Page) -> Result<()> {
    let (stats, queues) = (state.engine.job_stats(actor).await?, state.engine.queues(actor).await?);
    let name = "branchline_jobs";
    page.family(name, "gauge", "Jobs that are remembered, by state.");
    for (status, count) in &stats.states {
        page.figure(name, &[("state", status.as_str())], count);
    }
    let name = "branchline_queue_jobs";
    page.family(name, "gauge", "Jobs that have not ended, by queue and place in it.");
    for queue in &queues {
        let places = [
            ("ready", queue.ready),
            ("held", queue.held),
            ("running", queue.running),
            ("waiting", queue.waiting),
        ];
        for (place, count) in places {
            page.figure(name, &[("queue", queue.name.as_str()), ("place", place)], count);
        }
    }
    let name = "branchline_queue_paused";
    page.family(name, "gauge", "Whether nothing is taken from a queue.");
    for queue in &queues {
        page.figure(name, &[("queue", queue.name.as_str())], u8::from(queue.paused));
    }
    let mut counted = state.job_events.0.lock().await;
    counted.go_on(state, actor).await?;
    counted.write(page);
    Ok(())
}
