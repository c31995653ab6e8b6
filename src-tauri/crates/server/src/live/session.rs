//! One socket, from its first subscription to its end. One task does it all: while it
//! sends, it listens to nothing, and the bounded bus says when it missed something.

use super::Listener;
use super::protocol::{self, Close, Request};
use super::subscription::{Subscription, Update, parse_topic};
use crate::state::AppState;
use axum::extract::ws::{Message, WebSocket};
use branchline_core::event::{Cursor, Event};
use branchline_core::{Error, ErrorCode, Result};
use std::collections::HashMap;
use std::convert::Infallible;
use std::time::Duration;
use tokio::sync::broadcast::{self, error::RecvError};
use tokio::sync::watch;
use tokio::time::{Instant, MissedTickBehavior};

/// Most subscriptions of one socket.
const MOST_SUBSCRIPTIONS: usize = 256;
/// Longest id that a client may choose.
const LONGEST_ID: usize = 200;
/// How long a client may take to read a message.
const SEND_TIMEOUT: Duration = Duration::from_secs(10);
/// How often the other side and its credential are looked at.
const CHECK_EVERY: Duration = Duration::from_secs(20);

/// Why a session is over.
enum End {
    /// The other side is gone.
    Gone,
    /// The server closes it.
    Close(Close),
}

/// One socket with its subscriptions.
pub(super) struct Session {
    state: AppState,
    socket: WebSocket,
    listener: Listener,
    bus: broadcast::Receiver<Event>,
    /// Tells when the listener's credential has to be looked at.
    accounts: watch::Receiver<()>,
    subscriptions: HashMap<String, Subscription>,
    /// Something came from the other side since the last look.
    alive: bool,
}

impl Session {
    /// Listens to the bus from now on, before anything is read.
    pub(super) fn new(state: AppState, socket: WebSocket, listener: Listener) -> Self {
        let bus = state.engine.subscribe();
        let accounts = state.engine.accounts_watch();
        Self { state, socket, listener, bus, accounts, subscriptions: HashMap::new(), alive: true }
    }

    /// Serves until the end; gives the socket back when it should be closed with words.
    pub(super) async fn run(mut self) -> Option<(WebSocket, Close)> {
        match self.serve().await {
            Err(End::Close(reason)) => Some((self.socket, reason)),
            Err(End::Gone) => None,
        }
    }

    async fn serve(&mut self) -> Result<Infallible, End> {
        let mut check = tokio::time::interval_at(Instant::now() + CHECK_EVERY, CHECK_EVERY);
        check.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let closing = self.state.closing.clone();
        loop {
            let due = self.subscriptions.values().filter_map(Subscription::due).min();
            tokio::select! {
                () = closing.cancelled() => return Err(End::Close(Close::Stopping)),
                received = self.socket.recv() => self.receive(received).await?,
                event = self.bus.recv() => self.notice(event)?,
                Ok(()) = self.accounts.changed() => self.identify_again().await?,
                () = tokio::time::sleep_until(due.unwrap_or_else(Instant::now)), if due.is_some() => {
                    self.flush().await?;
                }
                _ = check.tick() => self.check().await?,
            }
        }
    }

    async fn receive(&mut self, received: Option<Result<Message, axum::Error>>) -> Result<(), End> {
        let Some(Ok(message)) = received else { return Err(End::Gone) };
        self.alive = true;
        match message {
            Message::Text(text) => self.obey(&text).await,
            Message::Close(_) => Err(End::Gone),
            // Pings are answered by the library.
            Message::Binary(_) | Message::Ping(_) | Message::Pong(_) => Ok(()),
        }
    }

    async fn obey(&mut self, text: &str) -> Result<(), End> {
        match serde_json::from_str(text) {
            Ok(Request::Subscribe { id, topic, after }) => {
                match self.subscribe(&id, &topic, after.as_deref()).await {
                    Ok(None) => Ok(()),
                    Ok(Some(answer)) => self.send(answer).await,
                    Err(error) => self.send(protocol::refused(Some(&id), &error)).await,
                }
            }
            Ok(Request::Unsubscribe { id }) => {
                self.subscriptions.remove(&id);
                Ok(())
            }
            // Signed in already.
            Ok(Request::Auth { .. }) => Ok(()),
            Err(error) => {
                let error = Error::new(
                    ErrorCode::BadRequest,
                    format!("The message is not understood: {error}"),
                );
                self.send(protocol::refused(None, &error)).await
            }
        }
    }

    /// Takes up a topic; answers what to say at once.
    async fn subscribe(
        &mut self,
        id: &str,
        topic: &str,
        after: Option<&str>,
    ) -> Result<Option<String>> {
        let topic = parse_topic(topic, self.listener.actor.user_id)?;
        if id.len() > LONGEST_ID {
            return Err(Error::invalid(format!("An id has at most {LONGEST_ID} characters.")));
        }
        if self.subscriptions.len() >= MOST_SUBSCRIPTIONS && !self.subscriptions.contains_key(id) {
            return Err(Error::new(
                ErrorCode::RequestLimitExceeded,
                format!("A socket has at most {MOST_SUBSCRIPTIONS} subscriptions."),
            ));
        }
        // At once: a refusal with the first change would tell of that change.
        self.state.engine.may_watch(&self.listener.actor, &topic).await?;
        let (subscription, answer) = match after {
            Some(after) => {
                let after: Cursor = after.parse().map_err(|()| {
                    Error::invalid(format!("'{after}' is not a cursor such as '1:42'."))
                })?;
                (Subscription::resumed(topic, after), None)
            }
            None => {
                let cursor = self.state.engine.cursor();
                let answer = protocol::subscribed(id, cursor);
                (Subscription::fresh(topic, cursor), Some(answer))
            }
        };
        self.subscriptions.insert(id.to_owned(), subscription);
        Ok(answer)
    }

    fn notice(&mut self, event: Result<Event, RecvError>) -> Result<(), End> {
        match event {
            Ok(event) => {
                for subscription in self.subscriptions.values_mut() {
                    subscription.notice(&event);
                }
            }
            Err(RecvError::Lagged(_)) => {
                self.subscriptions.values_mut().for_each(Subscription::lagged);
            }
            Err(RecvError::Closed) => return Err(End::Close(Close::Stopping)),
        }
        Ok(())
    }

    /// Sends what is due.
    async fn flush(&mut self) -> Result<(), End> {
        // Whoever lost their rights before this was due hears nothing of it.
        if self.accounts.has_changed().unwrap_or(false) {
            self.accounts.mark_unchanged();
            self.identify_again().await?;
        }
        let now = Instant::now();
        let due: Vec<String> = self
            .subscriptions
            .iter()
            .filter(|(_, subscription)| subscription.due().is_some_and(|due| due <= now))
            .map(|(id, _)| id.clone())
            .collect();
        for id in due {
            let Some(subscription) = self.subscriptions.get_mut(&id) else { continue };
            match subscription.update(&self.state.engine, &self.listener.actor).await {
                Ok(None) => {}
                Ok(Some(Update::Resync(cursor))) => {
                    self.send(protocol::resync(&id, cursor)).await?;
                }
                Ok(Some(Update::Tell(cursor, news))) => {
                    for told in &news {
                        self.send(protocol::told(&id, cursor, told)).await?;
                    }
                }
                Err(error) => {
                    // The thing may be gone, or may no longer be seen.
                    self.subscriptions.remove(&id);
                    let error = crate::error::report(error);
                    self.send(protocol::refused(Some(&id), &error)).await?;
                }
            }
        }
        Ok(())
    }

    async fn check(&mut self) -> Result<(), End> {
        if !std::mem::replace(&mut self.alive, false) {
            return Err(End::Gone);
        }
        self.identify_again().await?;
        self.deliver(Message::Ping(Default::default())).await
    }

    /// Asks once more whom the credential stands for, and what they may still listen to.
    async fn identify_again(&mut self) -> Result<(), End> {
        let Some(presented) = &self.listener.presented else { return Ok(()) };
        let Ok(actor) = presented.actor(&self.state).await else {
            return Err(End::Close(Close::Unauthenticated));
        };
        let same = actor == self.listener.actor;
        self.listener.actor = actor;
        if same {
            return Ok(());
        }
        let topics: Vec<_> = self
            .subscriptions
            .iter()
            .map(|(id, subscription)| (id.clone(), subscription.topic().clone()))
            .collect();
        for (id, topic) in topics {
            if let Err(error) = self.state.engine.may_watch(&self.listener.actor, &topic).await {
                self.subscriptions.remove(&id);
                let error = crate::error::report(error);
                self.send(protocol::refused(Some(&id), &error)).await?;
            }
        }
        Ok(())
    }

    async fn send(&mut self, text: String) -> Result<(), End> {
        self.deliver(Message::text(text)).await
    }

    async fn deliver(&mut self, message: Message) -> Result<(), End> {
        match tokio::time::timeout(SEND_TIMEOUT, self.socket.send(message)).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) => Err(End::Gone),
            Err(_) => Err(End::Close(Close::TooSlow)),
        }
    }
}
