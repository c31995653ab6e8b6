//! Use cases. Every surface (MLflow's API, our own, the command line, the window) goes
//! through an [`Engine`]: it checks the rules, opens the transaction, writes, and lets the
//! change be told after the commit. Every call takes the [`Actor`] who makes it.

mod account;
#[cfg(test)]
mod account_tests;
pub mod artifacts;
mod assessment;
mod credential;
mod database;
mod dataset;
mod delivery;
mod evaluation;
mod experiment;
mod find;
pub mod home;
mod housekeeping;
pub mod instance;
mod item;
mod job;
mod live;
mod logged_model;
mod mail;
mod metric;
mod model_version;
mod os_secrets;
mod permission;
mod permit;
mod platform;
mod project;
mod registry;
mod role;
mod rule;
mod run;
mod run_log;
mod schedule;
mod scorer;
mod sign_in;
mod signed;
mod span;
mod stored_file;
mod throttle;
pub mod tls;
mod trace;
mod trace_search;
mod trace_start;
mod trash;
mod users;
mod vault;
mod version_origin;
mod webhook;

pub use artifacts::{
    Addressing, ArtifactOptions, Artifacts, BucketOptions, Content, Hidden, Location, OpenFile,
    Presigned, StartedParts, Stored, Upload,
};
pub use assessment::{AssessmentUpdate, AssessmentValue};
pub use branchline_store::{
    Change, Changes, Channel, DatasetUse, Durability, ExperimentKeys, ExperimentOverview, Item,
    ItemLink, JobPeriod, JobStats, Keep, LinkKind, Mail, MailKind, MailState, MetricPoint,
    MetricSummary, MigrationStatus, NewMail, Project, QueryResult, Series, SessionInfo, Sweep,
    Tallied, TalliedEvent, TaskLimit, TextHit, TextKind, ToldRow, Topic, TrashItem, TrashKind,
};
pub use credential::random_secret;
pub use database::EngineStats;
pub use delivery::{Delivery, OwedDeliveries};
pub use evaluation::{EvaluationDatasetSearch, NewEvaluationDataset, UpsertCounts};
pub use experiment::{ExperimentSearch, NewExperiment};
pub use find::{Found, TextSearch};
pub use housekeeping::Housekeeping;
pub use item::{ItemSearch, ItemUpdate};
pub use job::{
    GpuUsage, GraphNode, JobDetail, JobHistory, JobRetention, JobRules, JobSearch, JobUsage,
    JobsHost, LogPart, QueueUpdate, Queued, QueuedGraph, TrainRules, runs_a_program,
    supervise_if_asked,
};
pub use logged_model::{LoggedModelSearch, LoggedModelSort, NewLoggedModel};
pub use metric::HistoryPart;
pub use model_version::NewModelVersion;
pub use os_secrets::{KeptIn, OsSecrets};
pub use project::{
    Axis, EntryPoint, MOST_JOBS, Method, NewSweep, NotebookServer, Parameter, ParameterKind,
    Problem, ProjectUpdate, ProjectWork, Python, PythonKind, Scan, SweepDetail, SweepRow,
    TaskFunction, sweep_method,
};
pub use registry::{NewRegisteredModel, RegistrySearch};
pub use run::{NewRun, RunSearch, RunUpdate};
pub use run_log::LogBatch;
pub use schedule::{Preview, ReadJob, ScheduleUpdate};
pub use scorer::NewOnlineScoring;
pub use sign_in::{Credential, INACTIVE_USER, SIGNED_MS, UNKNOWN_USER};
pub use span::SpanBatch;
pub use trace::TraceSelection;
pub use trace_search::{TraceMetricSearch, TraceSearch};
pub use trace_start::{NewTrace, TraceEnd};
pub use trash::{Emptied, InTrash, TrashChoice, TrashPage};
pub use users::{NewUser, RECOVERY_HOURS, UserUpdate};
pub use webhook::{NewWebhook, WebhookUpdate};

use branchline_core::event::{Cursor, Event, EventKind};
use branchline_core::location::PROXIED_ROOT;
use branchline_core::{Actor, Clock, Result, Scope, SystemClock, User};
use branchline_store::{Class, NewExperimentRow, Store, StoreResult, View, WriteTx};
use std::path::PathBuf;
use std::sync::atomic::AtomicI64;
use std::sync::{Arc, RwLock};
use tokio::sync::broadcast;

/// How an engine is opened.
pub struct EngineOptions {
    /// Holds the database, artifacts, logs and secrets.
    pub data_dir: PathBuf,
    /// How far a write has gone when its caller is answered.
    pub durability: Durability,
    /// Where "now" comes from.
    pub clock: Arc<dyn Clock>,
    /// Where new experiments keep artifacts; `mlflow-artifacts:/` when `None`.
    pub default_artifact_root: Option<String>,
    /// What is behind `mlflow-artifacts:/`; `<data_dir>/artifacts` when `None`.
    pub artifacts_destination: Option<Destination>,
    /// Folders under which `file:` locations are served, beside the artifact folder.
    pub allowed_roots: Vec<PathBuf>,
    /// How S3-compatible storage is reached.
    pub buckets: BucketOptions,
    /// Graphics processors that jobs share out among themselves.
    pub gpu_slots: u32,
    /// Whether secrets may be in the keyring of the operating system.
    pub keyring: bool,
}

impl EngineOptions {
    /// Everything in one folder, by the machine's clock, with secrets in files.
    pub fn new(data_dir: impl Into<PathBuf>) -> Self {
        Self {
            data_dir: data_dir.into(),
            durability: Durability::Balanced,
            clock: Arc::new(SystemClock),
            default_artifact_root: None,
            artifacts_destination: None,
            allowed_roots: Vec::new(),
            buckets: BucketOptions::default(),
            gpu_slots: 0,
            keyring: false,
        }
    }
}

/// Where the server keeps the artifacts that pass through it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Destination {
    /// In a folder of this machine.
    Folder(PathBuf),
    /// In a bucket.
    Bucket(Location),
}

/// The whole of Branchline behind its surfaces. A clone is another handle on the same one.
#[derive(Clone)]
pub struct Engine {
    inner: Arc<Inner>,
}

struct Inner {
    store: Store,
    artifacts: Artifacts,
    artifact_root: String,
    clock: Arc<dyn Clock>,
    durability: Durability,
    data_dir: PathBuf,
    credentials: credential::Credentials,
    vault: vault::Vault,
    os_secrets: OsSecrets,
    signer: signed::Signer,
    jobs: branchline_jobs::Controls,
    gpu_slots: u32,
    power: job::Power,
    projects: project::Scans,
    job_rules: RwLock<Arc<JobRules>>,
    /// The owner's row; 0 while it has to be looked up.
    owner: AtomicI64,
}

/// The owner's e-mail until they set their own.
const OWNER_EMAIL: &str = "owner@localhost";

impl Engine {
    /// Opens the data folder: migrates, and makes the owner and the first experiment.
    ///
    /// # Errors
    /// A database that cannot be opened; the error says why and what to do.
    pub fn open(options: EngineOptions) -> Result<Self> {
        let EngineOptions { data_dir, durability, clock, .. } = options;
        let artifact_root =
            options.default_artifact_root.unwrap_or_else(|| PROXIED_ROOT.to_owned());
        let store =
            Store::open(&data_dir.join("branchline.db"), durability, Arc::clone(&clock), |tx| {
                seed(tx, &artifact_root)
            })?;
        let (root, destination) = match options.artifacts_destination {
            None => (data_dir.join("artifacts"), None),
            Some(Destination::Folder(folder)) => (folder, None),
            Some(Destination::Bucket(bucket)) => (data_dir.join("artifacts"), Some(bucket)),
        };
        let vault = vault::Vault::new(data_dir.join("secrets"));
        let uuid = &store.identity().store_uuid;
        let os_secrets = OsSecrets::new(&data_dir, uuid, options.keyring);
        let signer = signed::Signer::new(os_secrets.clone(), uuid);
        let artifacts = Artifacts::new(ArtifactOptions {
            root,
            destination,
            allowed_roots: options.allowed_roots,
            durability,
            buckets: options.buckets,
        });
        Ok(Self {
            inner: Arc::new(Inner {
                store,
                artifacts,
                artifact_root,
                clock,
                durability,
                data_dir,
                credentials: credential::Credentials::default(),
                vault,
                os_secrets,
                signer,
                jobs: branchline_jobs::Controls::default(),
                gpu_slots: options.gpu_slots,
                power: job::Power::default(),
                projects: project::Scans::default(),
                job_rules: RwLock::default(),
                owner: AtomicI64::new(0),
            }),
        })
    }

    /// Drains writes, syncs and checkpoints. Later calls are refused.
    pub async fn close(&self) {
        self.inner.artifacts.close().await;
        self.inner.store.close().await;
    }

    /// The change log's end.
    pub fn cursor(&self) -> Cursor {
        self.inner.store.cursor()
    }

    /// Every committed change from now on.
    pub fn subscribe(&self) -> broadcast::Receiver<Event> {
        self.inner.store.subscribe()
    }

    /// Waits until something may be owed that was not at the last call; for one listener.
    pub async fn something_owed(&self) {
        self.inner.store.something_owed().await;
    }

    /// Tells listeners that files of a run came or went.
    pub fn notify_artifacts(&self, kind: EventKind) {
        self.inner.store.publish(kind);
    }

    /// Which database this is.
    pub fn store_uuid(&self) -> &str {
        &self.inner.store.identity().store_uuid
    }

    /// How far a write has gone when its caller is answered.
    pub fn durability(&self) -> Durability {
        self.inner.durability
    }

    /// The folder that holds everything.
    pub fn data_dir(&self) -> &std::path::Path {
        &self.inner.data_dir
    }

    /// The files of runs and models.
    pub fn artifacts(&self) -> &Artifacts {
        &self.inner.artifacts
    }

    fn now(&self) -> i64 {
        self.inner.clock.now_ms()
    }

    async fn read<T, F>(&self, actor: &Actor, work: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&View<'_>) -> StoreResult<T> + Send + 'static,
    {
        permit::require(actor, Scope::Read)?;
        if actor.is_superuser {
            return self.inner.store.read(work).await;
        }
        self.inner.store.read_as(actor.user_id, work).await
    }

    /// A read of a few rows, which may run on the caller's thread.
    async fn glance<T, F>(&self, actor: &Actor, work: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&View<'_>) -> StoreResult<T> + Send + 'static,
    {
        if !actor.is_superuser {
            return self.read(actor, work).await;
        }
        permit::require(actor, Scope::Read)?;
        self.inner.store.glance(work).await
    }

    /// A tracking write: answered after the commit.
    async fn track<T, F>(&self, actor: &Actor, work: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&mut WriteTx<'_>, &Actor) -> StoreResult<T> + Send + 'static,
    {
        self.write(actor, Class::Tracking, work).await
    }

    /// A tracking write of a few rows, which may run on the caller's thread.
    async fn jot<T, F>(&self, actor: &Actor, work: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&mut WriteTx<'_>, &Actor) -> StoreResult<T> + Send + 'static,
    {
        self.write(actor, Class::Brief, work).await
    }

    /// A write that is answered after the disk sync.
    async fn durably<T, F>(&self, actor: &Actor, work: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&mut WriteTx<'_>, &Actor) -> StoreResult<T> + Send + 'static,
    {
        self.write(actor, Class::Durable, work).await
    }

    async fn write<T, F>(&self, actor: &Actor, class: Class, work: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&mut WriteTx<'_>, &Actor) -> StoreResult<T> + Send + 'static,
    {
        permit::require(actor, Scope::Log)?;
        let actor = actor.clone();
        let write = self.inner.store.write(class, move |tx| {
            tx.act_for(&actor)?;
            work(tx, &actor)
        });
        write.await
    }
}

/// Makes what must always be there: the owner, and experiment 0 where there is none.
fn seed(tx: &mut WriteTx<'_>, artifact_root: &str) -> StoreResult<()> {
    let owner = match tx.owner()? {
        Some(owner) => owner,
        None => {
            let id = tx.insert_user(OWNER_EMAIL, None, true)?;
            tx.user(id)?
        }
    };
    if tx.experiment_count()? == 0 {
        let first = NewExperimentRow {
            id: Some(0),
            name: "Default",
            artifact_location: None,
            artifact_root,
            tags: &[],
        };
        tx.insert_experiment(&actor(&owner, Scope::Admin), &first)?;
    }
    Ok(())
}

/// A user as the one who acts.
fn actor(user: &User, scope: Scope) -> Actor {
    Actor { user_id: user.id, email: user.email.clone(), is_superuser: user.is_superuser, scope }
}
