//! A whole server in this process: it owns the data folder, listens, serves, and
//! closes in order. The command line and the desktop shell both start here.

mod error;
mod listen;
mod options;

pub use crate::platform::PortHolder;
pub use error::HostError;
pub use options::HostOptions;

use crate::tls::TlsFiles;
use crate::{ServerOptions, serve};
use branchline_core::{Clock, Error, Result, SystemClock};
use branchline_engine::home::DataDir;
use branchline_engine::instance::{InstanceInfo, LockError, OwnerLock};
use branchline_engine::{Engine, EngineOptions, Housekeeping, JobRules, JobsHost};
use listen::Place;
use std::time::{Duration, Instant};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// How long a command that owns the folder for a moment is waited for.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long the server may take to drain; it ends what is open by itself before.
const LONGEST_DRAIN: Duration = Duration::from_secs(15);

/// A server that answers.
pub struct Host {
    url: String,
    secret: String,
    engine: Engine,
    data_dir: DataDir,
    stop: CancellationToken,
    ended: CancellationToken,
    server: JoinHandle<std::io::Result<()>>,
    keeper: JoinHandle<()>,
    jobs: Option<JoinHandle<()>>,
    // Last, so that the folder is free only after everything else is gone.
    lock: OwnerLock,
}

impl Host {
    /// Takes the data folder, opens it, listens and serves.
    ///
    /// # Errors
    /// The folder has an owner; the port is taken; the database cannot be opened.
    pub async fn start(options: HostOptions) -> Result<Self, HostError> {
        let started_at = SystemClock.now_ms();
        let place = Place::find(&options.host).await?;
        if options.no_auth && !place.is_loopback() {
            return Err(Error::invalid(format!(
                "Listening on {} without credentials would let everybody on the network act as the owner.",
                options.host
            ))
            .hint("Listen on 127.0.0.1, or leave out --no-auth.")
            .into());
        }
        let tls = options.tls.as_ref().map(TlsFiles::load).transpose()?;
        let mut lock = own(&options.data_dir).await?;
        options.data_dir.create()?;
        let (listeners, port) = place.listen(options.port, options.port_fallback).await?;
        let url = place.url(port);
        let engine = open(options.engine_options()).await?;
        if let Some((email, password)) = &options.first_superuser
            && engine.claim_owner(email, password).await?
        {
            tracing::info!(user.email = %email, "the owner was made from FIRST_SUPERUSER");
        }
        engine.set_default_permission(options.default_permission).await?;
        // Where nobody runs jobs, nobody can wait for their end.
        let inline = options.job_rules.inline && options.run_jobs;
        engine.set_job_rules(JobRules { inline, ..options.job_rules.clone() });
        let secret = hex(&rand::random::<[u8; 32]>());
        let info = InstanceInfo {
            url: url.clone(),
            pid: std::process::id(),
            started_at,
            version: options.version.clone(),
            secret: secret.clone(),
        };
        // Connections are accepted by the system from now on and wait for the server.
        lock.publish(&info).map_err(|cause| {
            Error::internal(format!("Cannot write instance.json: {cause}.")).source(cause)
        })?;
        let server_options =
            options.server_options(&secret, &url, started_at, place.is_loopback(), tls);
        let (stop, ended) = (CancellationToken::new(), CancellationToken::new());
        let server = spawn(listeners, engine.clone(), server_options, stop.clone(), ended.clone());
        let house = Housekeeping { trash_days: options.trash_days };
        let keeper = keep_house(engine.clone(), house, stop.clone());
        let jobs = match options.run_jobs {
            true => Some(run_jobs(engine.clone(), options.jobs_host(&url)?, stop.clone())),
            false => None,
        };
        tracing::info!(
            server.url = %url,
            data.dir = %options.data_dir.root().display(),
            durability = options.durability.as_str(),
            "listening"
        );
        Ok(Self {
            url,
            secret,
            engine,
            data_dir: options.data_dir,
            stop,
            ended,
            server,
            keeper,
            jobs,
            lock,
        })
    }

    /// Where it answers, without a slash at the end.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The bearer secret of `instance.json`.
    pub fn secret(&self) -> &str {
        &self.secret
    }

    /// The engine behind it.
    pub fn engine(&self) -> &Engine {
        &self.engine
    }

    /// The data folder.
    pub fn data_dir(&self) -> &DataDir {
        &self.data_dir
    }

    /// A link that signs a browser in as the owner, once, within `lives`.
    pub fn sign_in_url(&self, lives: Duration) -> String {
        format!("{}/#/signin?secret={}", self.url, self.engine.issue_sign_in_secret_for(lives))
    }

    /// Waits until the server ended by itself, asked to over HTTP.
    pub async fn stopped(&self) {
        self.ended.cancelled().await;
    }

    /// Stops accepting, lets open requests end, writes the log back into the
    /// database, closes it and frees the folder.
    ///
    /// # Errors
    /// When the server had failed.
    pub async fn shutdown(self) -> Result<()> {
        self.stop.cancel();
        let server = self.server;
        let abort = server.abort_handle();
        let outcome = tokio::time::timeout(LONGEST_DRAIN, server).await;
        abort.abort();
        self.keeper.abort();
        if let Some(jobs) = self.jobs
            && tokio::time::timeout(LONGEST_DRAIN, jobs).await.is_err()
        {
            tracing::warn!("jobs that did not end in time were cut off");
        }
        self.engine.close().await;
        drop(self.lock);
        tracing::info!("closed");
        match outcome {
            Ok(Ok(Ok(()))) => Ok(()),
            Ok(Ok(Err(cause))) => {
                Err(Error::internal(format!("The server failed: {cause}.")).source(cause))
            }
            Ok(Err(cause)) => Err(Error::internal("The server failed.").source(cause)),
            Err(_elapsed) => {
                tracing::warn!("open requests were cut off");
                Ok(())
            }
        }
    }
}

impl std::fmt::Debug for Host {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Host").field("url", &self.url).finish_non_exhaustive()
    }
}

/// Takes the folder's lock. A command that has it for a moment is waited for; a
/// server is not.
async fn own(data_dir: &DataDir) -> Result<OwnerLock, LockError> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        match OwnerLock::acquire(data_dir) {
            Err(LockError::InUse { info: None, .. }) if Instant::now() < deadline => {
                tokio::time::sleep(Duration::from_millis(25)).await;
            }
            outcome => return outcome,
        }
    }
}

/// Opens the engine where it may take its time: a migration can be long.
async fn open(options: EngineOptions) -> Result<Engine> {
    tokio::task::spawn_blocking(|| Engine::open(options))
        .await
        .map_err(|cause| Error::internal("The database could not be opened.").source(cause))?
}

fn spawn(
    listeners: Vec<TcpListener>,
    engine: Engine,
    options: ServerOptions,
    stop: CancellationToken,
    ended: CancellationToken,
) -> JoinHandle<std::io::Result<()>> {
    tokio::spawn(async move {
        let _ended = ended.drop_guard();
        serve(listeners, engine, options, stop.cancelled_owned()).await
    })
}

fn keep_house(engine: Engine, how: Housekeeping, stop: CancellationToken) -> JoinHandle<()> {
    tokio::spawn(async move { engine.keep_house(how, stop.cancelled_owned()).await })
}

fn run_jobs(engine: Engine, how: JobsHost, stop: CancellationToken) -> JoinHandle<()> {
    tokio::spawn(async move {
        if let Err(error) = engine.run_jobs(how, stop.cancelled_owned()).await {
            tracing::error!("Jobs are not run: {error}");
        }
    })
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
