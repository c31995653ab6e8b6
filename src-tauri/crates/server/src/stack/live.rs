//! `/api/live`: who is connected, and messages between them. Nothing is kept.
//!
//! A page signs in by its cookie. Another program shows its token in the `Authorization`
//! header, as the second subprotocol after `bearer`, or, when it asks with `?auth=message`,
//! in a first message `{"op": "auth", "token": …}`. Whoever shows nothing is refused before
//! the handshake, as by the stack.

use crate::auth::{Presented, missing};
use crate::error::ApiError;
use crate::live::{AUTH_TIMEOUT, close, events_request};
use crate::state::AppState;
use axum::Router;
use axum::extract::ws::{Message, WebSocket, WebSocketUpgrade};
use axum::extract::{RawQuery, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use branchline_core::{Actor, Result};
use serde::Serialize;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::broadcast::{self, error::RecvError};

/// Messages that wait for one client; who is further behind misses some.
const WAITING: usize = 256;
/// Longest message of a client.
const MOST_BYTES: usize = 64 * 1024;
/// How long a client may take to read one.
const SEND_TIMEOUT: Duration = Duration::from_secs(10);
/// How often the other side and its credential are looked at.
const CHECK_EVERY: Duration = Duration::from_secs(20);

pub(super) fn routes() -> Router<AppState> {
    Router::new().route("/api/live", get(live))
}

/// Everybody who is connected.
pub(crate) struct Room {
    messages: broadcast::Sender<Arc<str>>,
    people: Mutex<BTreeMap<u64, String>>,
    next: AtomicU64,
}

impl Default for Room {
    fn default() -> Self {
        let (messages, _) = broadcast::channel(WAITING);
        Self { messages, people: Mutex::default(), next: AtomicU64::new(0) }
    }
}

#[derive(Serialize)]
struct Said<'a> {
    scope: &'static str,
    intent: &'static str,
    by: &'a str,
    message: &'a str,
}

impl Room {
    fn say(&self, intent: &'static str, by: &str, message: &str) {
        let said = Said { scope: "chat", intent, by, message };
        // Nothing of it can fail to be written; nobody listening is fine.
        let text: Arc<str> = serde_json::to_string(&said).unwrap_or_default().into();
        let _ = self.messages.send(text);
    }

    fn join(&self, who: &str) -> (u64, broadcast::Receiver<Arc<str>>) {
        let id = self.next.fetch_add(1, Ordering::Relaxed);
        // Before it is told, so that who joins hears of it, too.
        let messages = self.messages.subscribe();
        self.people.lock().unwrap_or_else(PoisonError::into_inner).insert(id, who.to_owned());
        self.say("connection_status", who, &format!("User #{who} has entered the chat."));
        (id, messages)
    }

    fn leave(&self, id: u64, who: &str) {
        self.people.lock().unwrap_or_else(PoisonError::into_inner).remove(&id);
        self.say("connection_status", who, &format!("User #{who} has left the chat."));
    }

    /// Who is connected, each once, by e-mail.
    pub(crate) fn people(&self) -> Vec<String> {
        let people = self.people.lock().unwrap_or_else(PoisonError::into_inner);
        let mut names: Vec<String> = people.values().cloned().collect();
        names.sort();
        names.dedup();
        names
    }
}

fn refused() -> Response {
    (StatusCode::FORBIDDEN, "Could not validate credentials").into_response()
}

/// The token that stands after `bearer` among the subprotocols.
fn subprotocol(headers: &HeaderMap) -> Option<String> {
    let text = headers.get(header::SEC_WEBSOCKET_PROTOCOL)?.to_str().ok()?;
    let mut offered = text.split(',').map(str::trim);
    offered.find(|name| name.eq_ignore_ascii_case("bearer"))?;
    offered.next().map(str::to_owned)
}

async fn live(
    State(state): State<AppState>,
    headers: HeaderMap,
    RawQuery(query): RawQuery,
    upgrade: WebSocketUpgrade,
) -> Response {
    let presented = match subprotocol(&headers) {
        Some(token) => Some(Presented::Bearer(token)),
        None => match Presented::read_stack(&headers, &state.cookie) {
            Ok(presented) => presented,
            Err(_) => return refused(),
        },
    };
    let listener = match &presented {
        _ if state.options.no_auth => match state.owner().await {
            Ok(actor) => Some((actor, None)),
            Err(error) => return ApiError(error).into_response(),
        },
        Some(shown) => match shown.actor(&state).await {
            Ok(actor) => Some((actor, presented)),
            Err(_) => return refused(),
        },
        None if query.as_deref() == Some("auth=message") => None,
        None => return refused(),
    };
    let tracker = state.sockets.clone();
    upgrade
        .protocols(["bearer"])
        .max_message_size(MOST_BYTES)
        .max_frame_size(MOST_BYTES)
        .max_write_buffer_size(1024 * 1024)
        .on_upgrade(move |socket| tracker.track_future(attend(state, socket, listener)))
}

type Listener = (Actor, Option<Presented>);

async fn attend(state: AppState, mut socket: WebSocket, listener: Option<Listener>) {
    let (actor, presented) = match listener {
        Some(listener) => listener,
        None => match first_message(&state, &mut socket).await {
            Ok(listener) => listener,
            Err(_) => return close::unauthenticated(&mut socket).await,
        },
    };
    let (id, messages) = state.room.join(&actor.email);
    chat(&state, &mut socket, &actor, presented.as_ref(), messages).await;
    state.room.leave(id, &actor.email);
}

async fn first_message(state: &AppState, socket: &mut WebSocket) -> Result<Listener> {
    let received = tokio::time::timeout(AUTH_TIMEOUT, socket.recv()).await;
    let Ok(Some(Ok(Message::Text(text)))) = received else { return Err(missing()) };
    let presented = Presented::Bearer(events_request::token(&text).ok_or_else(missing)?);
    let actor = presented.actor(state).await?;
    Ok((actor, Some(presented)))
}

/// Until either side ends it. Each socket has its own queue: one that is dead or slow keeps
/// nothing from the others.
async fn chat(
    state: &AppState,
    socket: &mut WebSocket,
    actor: &Actor,
    presented: Option<&Presented>,
    mut messages: broadcast::Receiver<Arc<str>>,
) {
    let mut check = tokio::time::interval(CHECK_EVERY);
    check.reset();
    let mut accounts = state.engine.accounts_watch();
    let mut alive = true;
    loop {
        let message = tokio::select! {
            () = state.closing.cancelled() => return close::stopping(socket).await,
            received = socket.recv() => {
                alive = true;
                match received {
                    Some(Ok(Message::Text(text))) => {
                        state.room.say("user_message", &actor.email, &text);
                        continue;
                    }
                    Some(Ok(Message::Close(_)) | Err(_)) | None => return,
                    Some(Ok(_)) => continue,
                }
            }
            said = messages.recv() => match said {
                Ok(text) => Message::text(&*text),
                Err(RecvError::Lagged(_)) => continue,
                Err(RecvError::Closed) => return,
            },
            Ok(()) = accounts.changed() => {
                if !still_holds(state, presented).await {
                    return close::unauthenticated(socket).await;
                }
                continue;
            }
            _ = check.tick() => {
                if !std::mem::replace(&mut alive, false) {
                    return;
                }
                if !still_holds(state, presented).await {
                    return close::unauthenticated(socket).await;
                }
                Message::Ping(Default::default())
            }
        };
        match tokio::time::timeout(SEND_TIMEOUT, socket.send(message)).await {
            Ok(Ok(())) => {}
            Ok(Err(_)) | Err(_) => return,
        }
    }
}

/// Whether the credential that a socket was opened with still holds.
async fn still_holds(state: &AppState, presented: Option<&Presented>) -> bool {
    match presented {
        Some(presented) => presented.actor(state).await.is_ok(),
        None => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn everybody_hears_and_the_dead_keep_nobody_from_hearing() {
        let room = Room::default();
        let (_, mut ada) = room.join("ada@example.org");
        assert_eq!(
            &*ada.recv().await.unwrap(),
            r#"{"scope":"chat","intent":"connection_status","by":"ada@example.org","message":"User #ada@example.org has entered the chat."}"#
        );
        let (bob, dead) = room.join("bob@example.org");
        drop(dead);
        assert_eq!(room.people(), ["ada@example.org", "bob@example.org"]);
        room.say("user_message", "ada@example.org", "hello \"you\"");
        room.leave(bob, "bob@example.org");
        assert!(ada.recv().await.unwrap().contains("bob@example.org has entered"));
        assert_eq!(
            &*ada.recv().await.unwrap(),
            r#"{"scope":"chat","intent":"user_message","by":"ada@example.org","message":"hello \"you\""}"#
        );
        assert!(ada.recv().await.unwrap().contains("has left the chat."));
        assert_eq!(room.people(), ["ada@example.org"]);
    }
}
