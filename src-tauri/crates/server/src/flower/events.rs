//! Events of tasks as they happen: one socket for each kind of event, of all tasks or of one.

use super::task::TaskRecord;
use crate::api::monitor::event_name;
use crate::auth::{Caller, Presented};
use crate::error::{ApiError, ApiResult};
use crate::live::close;
use crate::state::AppState;
use axum::Router;
use axum::extract::ws::{Message, WebSocket, WebSocketUpgrade};
use axum::extract::{Path, State};
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use branchline_core::event::{Cursor, EventKind};
use branchline_core::{Actor, Error, ErrorCode, JobState, Result};
use branchline_engine::Topic;
use serde_json::Value;
use std::time::Duration;
use tokio::sync::broadcast::error::RecvError;

/// How long a client may take to read an event.
const SEND_TIMEOUT: Duration = Duration::from_secs(10);
/// How often the other side and its credential are looked at, if nothing is told of either.
const CHECK_EVERY: Duration = Duration::from_secs(20);
/// Longest message of a client, who has nothing to say.
const MOST_BYTES: usize = 1024;

pub(super) fn routes() -> Router<AppState> {
    Router::new()
        .route("/flower/api/task/events/{kind}/", get(all))
        .route("/flower/api/task/events/{kind}/{id}", get(one))
}

async fn all(
    state: State<AppState>,
    caller: Caller,
    Path(kind): Path<String>,
    headers: HeaderMap,
    upgrade: WebSocketUpgrade,
) -> Response {
    join(state.0, caller.0, kind, None, &headers, upgrade)
        .await
        .unwrap_or_else(IntoResponse::into_response)
}

async fn one(
    state: State<AppState>,
    caller: Caller,
    Path((kind, id)): Path<(String, String)>,
    headers: HeaderMap,
    upgrade: WebSocketUpgrade,
) -> Response {
    join(state.0, caller.0, kind, Some(id), &headers, upgrade)
        .await
        .unwrap_or_else(IntoResponse::into_response)
}

/// Who listens to what.
struct Listener {
    state: AppState,
    actor: Actor,
    presented: Option<Presented>,
    wanted: JobState,
    of: Option<String>,
    cursor: Cursor,
}

async fn join(
    state: AppState,
    actor: Actor,
    kind: String,
    of: Option<String>,
    headers: &HeaderMap,
    upgrade: WebSocketUpgrade,
) -> ApiResult<Response> {
    // Nobody else may hear of every task.
    state.engine.may_watch(&actor, &Topic::Jobs).await?;
    let wanted = JobState::ALL.into_iter().find(|state| event_name(state.as_str()) == Some(&kind));
    let wanted = wanted.ok_or_else(|| {
        ApiError(Error::not_found(format!("There are no events of the kind '{kind}'.")))
    })?;
    let presented = Presented::read(headers, &state.cookie).ok().flatten();
    let presented = presented.filter(|_| !state.options.no_auth);
    let cursor = state.engine.cursor();
    let tracker = state.sockets.clone();
    let listener = Listener { state, actor, presented, wanted, of, cursor };
    Ok(upgrade
        .max_message_size(MOST_BYTES)
        .max_frame_size(MOST_BYTES)
        .max_write_buffer_size(1024 * 1024)
        .on_upgrade(move |socket| tracker.track_future(listener.listen(socket))))
}

impl Listener {
    async fn listen(mut self, mut socket: WebSocket) {
        let mut bus = self.state.engine.subscribe();
        let mut accounts = self.state.engine.accounts_watch();
        let mut check = tokio::time::interval(CHECK_EVERY);
        check.reset();
        let closing = self.state.closing.clone();
        let mut alive = true;
        // What came between the answer and the subscription.
        let mut news = true;
        let mut doubted = false;
        loop {
            // Before anything is told: whoever lost their rights meanwhile hears nothing of it.
            let changed = accounts.has_changed().unwrap_or(false);
            if (std::mem::take(&mut doubted) || changed) && !self.still_may().await {
                return close::unauthenticated(&mut socket).await;
            }
            if std::mem::replace(&mut news, false) {
                let Ok(events) = self.read().await else { return };
                for event in events {
                    if send(&mut socket, Message::text(event.to_string())).await.is_err() {
                        return;
                    }
                }
            }
            tokio::select! {
                () = closing.cancelled() => return close::stopping(&mut socket).await,
                received = socket.recv() => match received {
                    Some(Ok(Message::Close(_)) | Err(_)) | None => return,
                    Some(Ok(_)) => alive = true,
                },
                event = bus.recv() => match event {
                    Ok(event) => news = matches!(event.kind, EventKind::Job(_)),
                    // What was missed is in the change log.
                    Err(RecvError::Lagged(_)) => news = true,
                    Err(RecvError::Closed) => return,
                },
                Ok(()) = accounts.changed() => doubted = true,
                _ = check.tick() => {
                    if !std::mem::replace(&mut alive, false) {
                        return;
                    }
                    doubted = true;
                    if send(&mut socket, Message::Ping(Default::default())).await.is_err() {
                        return;
                    }
                }
            }
        }
    }

    /// Whether the credential still stands for somebody who may hear of every task.
    async fn still_may(&mut self) -> bool {
        if let Some(presented) = &self.presented {
            match presented.actor(&self.state).await {
                Ok(actor) => self.actor = actor,
                Err(_) => return false,
            }
        }
        self.state.engine.may_watch(&self.actor, &Topic::Jobs).await.is_ok()
    }

    /// What is new since the last look.
    async fn read(&mut self) -> Result<Vec<Value>> {
        let engine = &self.state.engine;
        let happened = engine.tally_jobs(&self.actor, self.cursor).await?;
        self.cursor = happened.cursor;
        let mut events = Vec::new();
        for event in happened.events {
            let asked = self.of.as_ref().is_none_or(|of| *of == event.task_id);
            if !asked || event.state != self.wanted.as_str() {
                continue;
            }
            match engine.job(&self.actor, &event.task_id).await {
                Ok(detail) => {
                    let mut task = TaskRecord::new(&detail.job, &detail.events);
                    task.parent = detail.parents.first().map(String::as_str);
                    events.extend(task.event(self.wanted));
                }
                // It was deleted meanwhile.
                Err(error) if error.code == ErrorCode::ResourceDoesNotExist => {}
                Err(error) => return Err(error),
            }
        }
        Ok(events)
    }
}

/// A client that does not read is left.
async fn send(socket: &mut WebSocket, message: Message) -> std::result::Result<(), ()> {
    match tokio::time::timeout(SEND_TIMEOUT, socket.send(message)).await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(_)) | Err(_) => Err(()),
    }
}
