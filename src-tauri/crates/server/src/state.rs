//! What every handler can reach.

use crate::hosts::Hosts;
use crate::mail::MailRules;
use crate::tls::Tls;
use crate::webhooks::{Sender, WebhookRules};
use branchline_core::{Actor, Clock, Result, SystemClock};
use branchline_engine::Engine;
use std::net::SocketAddr;
use std::ops::Deref;
use std::path::PathBuf;
use std::sync::{Arc, PoisonError, RwLock};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// How to serve. Start from `ServerOptions::default()`.
#[derive(Debug, Clone, Default)]
pub struct ServerOptions {
    /// Nobody signs in; whoever connects is the owner.
    pub no_auth: bool,
    /// Do not serve the UI.
    pub api_only: bool,
    /// The window runs in this process.
    pub desktop: bool,
    /// Hosts beside the loopback names, as `name`, `name:port` or with `*`.
    pub allowed_hosts: Vec<String>,
    /// Origins whose pages may call this server from another site.
    pub cors_origins: Vec<String>,
    /// The certificate to show, with its key; without one, no TLS.
    pub tls: Option<Tls>,
    /// The secret of `instance.json`; as a bearer token it stands for the owner.
    pub instance_secret: Option<String>,
    /// Branchline's version; the crate's own when empty.
    pub version: String,
    /// The address that people and clients are told; the first listener's when empty.
    pub url: String,
    /// The data folder, shown to the owner and the place of the logs.
    pub data_dir: PathBuf,
    /// The durability level's name, shown to people.
    pub durability: String,
    /// When the program started, milliseconds UTC; the server's start when 0.
    pub started_at: i64,
    /// Where artifacts go when an experiment does not say, as `mlflow server` was told.
    pub default_artifact_root: Option<String>,
    /// Which webhooks are told, and how.
    pub webhooks: WebhookRules,
    /// What lies longer in the trash goes for good; never when `None`.
    pub trash_days: Option<u32>,
    /// How mail leaves.
    pub mail: MailRules,
    /// Let people make accounts for themselves.
    pub open_registration: bool,
    /// Tell whoever asks for recovery that there is no such user, as the stack does.
    pub reveal_unknown_users: bool,
    /// Jobs may not run commands: the network could ask for them.
    pub refuse_commands: bool,
}

impl ServerOptions {
    /// What links that are sent begin with.
    pub(crate) fn public_url(&self) -> &str {
        self.mail.public_url.as_ref().unwrap_or(&self.url).trim_end_matches('/')
    }
}

/// What every handler can reach; cheap to clone.
#[derive(Clone)]
pub struct AppState {
    /// The use cases.
    pub engine: Engine,
    /// How to serve.
    pub options: Arc<ServerOptions>,
    shared: Arc<Shared>,
}

/// What lives as long as the server.
pub struct Shared {
    /// Which `Host` and `Origin` are ours.
    pub(crate) hosts: Hosts,
    /// Name of the session cookie.
    pub(crate) cookie: String,
    /// Cancelled when the server should stop.
    pub(crate) closing: CancellationToken,
    /// WebSocket sessions, which outlive their connection's HTTP part.
    pub(crate) sockets: TaskTracker,
    /// Answers by class of status, for `/metrics`.
    pub(crate) answers: crate::api::monitor::Answers,
    /// What happened to jobs since the start, for `/metrics`.
    pub(crate) job_events: crate::api::monitor::JobEvents,
    /// The size of all artifacts.
    pub(crate) artifact_size: crate::api::server::ArtifactSize,
    /// Everybody at `/api/live`.
    pub(crate) room: crate::stack::Room,
    /// Tells webhooks.
    pub(crate) webhooks: Arc<Sender>,
    owner: RwLock<Option<Arc<Actor>>>,
}

impl Deref for AppState {
    type Target = Shared;
    fn deref(&self) -> &Shared {
        &self.shared
    }
}

impl AppState {
    /// A state without sockets: any port of a loopback name counts as ours.
    pub fn new(engine: Engine, options: ServerOptions) -> Self {
        Self::listening(engine, options, &[])
    }

    /// A state for a server that listens at `addresses`.
    pub(crate) fn listening(
        engine: Engine,
        mut options: ServerOptions,
        addresses: &[SocketAddr],
    ) -> Self {
        if options.version.is_empty() {
            env!("CARGO_PKG_VERSION").clone_into(&mut options.version);
        }
        if options.url.is_empty() {
            let port = addresses.first().map_or(5005, SocketAddr::port);
            options.url = format!("http://127.0.0.1:{port}");
        }
        if options.started_at == 0 {
            options.started_at = SystemClock.now_ms();
        }
        let store = engine.store_uuid();
        let shared = Shared {
            hosts: Hosts::new(addresses, &options.allowed_hosts, &options.cors_origins)
                .with_tls(options.tls.is_some()),
            cookie: format!("bl_{}", store.get(..8).unwrap_or(store)),
            closing: CancellationToken::new(),
            sockets: TaskTracker::new(),
            answers: crate::api::monitor::Answers::default(),
            job_events: crate::api::monitor::JobEvents::since(engine.cursor()),
            artifact_size: crate::api::server::ArtifactSize::default(),
            room: crate::stack::Room::default(),
            webhooks: Arc::new(Sender::new(
                options.webhooks.clone(),
                options.public_url().to_owned(),
            )),
            owner: RwLock::new(None),
        };
        Self { engine, options: Arc::new(options), shared: Arc::new(shared) }
    }

    /// The owner as an actor, remembered until [`Self::forget_owner`].
    pub(crate) async fn owner(&self) -> Result<Actor> {
        if let Some(owner) = &*self.owner.read().unwrap_or_else(PoisonError::into_inner) {
            return Ok(Actor::clone(owner));
        }
        let actor = self.engine.owner_actor().await?;
        *self.owner.write().unwrap_or_else(PoisonError::into_inner) = Some(Arc::new(actor.clone()));
        Ok(actor)
    }

    /// Reads the owner anew on next use; for changes of the account.
    pub(crate) fn forget_owner(&self) {
        *self.owner.write().unwrap_or_else(PoisonError::into_inner) = None;
    }
}
