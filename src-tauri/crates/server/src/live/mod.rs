//! Live changes over the WebSocket `/api/v1/events`.
//!
//! The bus tells only that something changed; what is sent is read after each
//! subscription's cursor. So nothing is queued for a slow client but marks, frames
//! coalesce by themselves, and a lost notice costs time and never data.

mod protocol;
mod session;
mod subscription;

use crate::auth::{Presented, identify, missing};
use crate::error::ApiError;
use crate::state::AppState;
use axum::Router;
use axum::extract::State;
use axum::extract::ws::{CloseFrame, Message, WebSocket, WebSocketUpgrade};
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use branchline_core::{Actor, Result};
use protocol::{Close, Request};
use std::time::Duration;

/// How long a client may take to send its credential as first message.
pub(crate) const AUTH_TIMEOUT: Duration = Duration::from_secs(5);
/// Longest message of a client.
const MOST_BYTES: usize = 64 * 1024;

pub(crate) fn routes() -> Router<AppState> {
    Router::new().route("/api/v1/events", get(events))
}

/// Who listens, and with what, so that a session that ends closes its sockets.
struct Listener {
    actor: Actor,
    presented: Option<Presented>,
}

async fn events(
    State(state): State<AppState>,
    headers: HeaderMap,
    upgrade: WebSocketUpgrade,
) -> Response {
    let listener = match identify(&state, &headers).await {
        Ok(Some(actor)) => {
            let presented = Presented::read(&headers, &state.cookie).ok().flatten();
            Some(Listener { actor, presented: presented.filter(|_| !state.options.no_auth) })
        }
        Ok(None) => None,
        Err(error) => return ApiError(error).into_response(),
    };
    let tracker = state.sockets.clone();
    upgrade
        .max_message_size(MOST_BYTES)
        .max_frame_size(MOST_BYTES)
        // A client that reads nothing fails its sends instead of filling memory.
        .max_write_buffer_size(4 * 1024 * 1024)
        .on_upgrade(move |socket| tracker.track_future(listen(state, socket, listener)))
}

async fn listen(state: AppState, mut socket: WebSocket, listener: Option<Listener>) {
    let listener = match listener {
        Some(listener) => Ok(listener),
        None => tokio::select! {
            first = first_message(&state, &mut socket) => first,
            () = state.closing.cancelled() => return close(&mut socket, Close::Stopping).await,
        },
    };
    let ended = match listener {
        Ok(listener) => session::Session::new(state, socket, listener).run().await,
        Err(error) => {
            tracing::debug!("A WebSocket was refused: {error}");
            return close(&mut socket, Close::Unauthenticated).await;
        }
    };
    if let Some((mut socket, reason)) = ended {
        close(&mut socket, reason).await;
    }
}

/// Waits for `{op: "auth", token}`.
async fn first_message(state: &AppState, socket: &mut WebSocket) -> Result<Listener> {
    let received = tokio::time::timeout(AUTH_TIMEOUT, socket.recv()).await;
    let Ok(Some(Ok(Message::Text(text)))) = received else { return Err(missing()) };
    let Ok(Request::Auth { token }) = serde_json::from_str(&text) else { return Err(missing()) };
    let presented = Presented::Bearer(token);
    let actor = presented.actor(state).await?;
    Ok(Listener { actor, presented: Some(presented) })
}

/// How `/api/live` ends its sockets.
pub(crate) mod close {
    use super::{Close, WebSocket};

    /// The credential does not hold (any more).
    pub(crate) async fn unauthenticated(socket: &mut WebSocket) {
        super::close(socket, Close::Unauthenticated).await;
    }

    /// The server stops.
    pub(crate) async fn stopping(socket: &mut WebSocket) {
        super::close(socket, Close::Stopping).await;
    }
}

/// How `/api/live` reads a credential.
pub(crate) mod events_request {
    use super::Request;

    /// The token of a first message `{op: "auth", token}`.
    pub(crate) fn token(text: &str) -> Option<String> {
        match serde_json::from_str(text) {
            Ok(Request::Auth { token }) => Some(token),
            _ => None,
        }
    }
}

async fn close(socket: &mut WebSocket, reason: Close) {
    let (code, words) = reason.code();
    let frame = CloseFrame { code, reason: words.into() };
    // The other side may be gone already.
    let _ = tokio::time::timeout(Duration::from_secs(1), socket.send(Message::Close(Some(frame))))
        .await;
}
