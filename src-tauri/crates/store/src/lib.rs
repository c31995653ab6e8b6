//! SQLite: one writer, many readers, one module per entity. The only crate that names
//! rusqlite and refinery.
//!
//! A write is a closure over [`WriteTx`]; requests that arrive together commit together,
//! each in its savepoint, all or nothing per request, and the caller is answered only
//! after the commit. A read is a closure over [`View`] on a read-only connection.

mod access;
mod account;
mod admin;
mod artifact_file;
mod assessment;
mod change;
mod connection;
mod credential;
mod dataset;
mod delivery;
mod erase;
mod error;
mod evaluation;
mod evaluation_record;
mod experiment;
mod functions;
mod grant;
mod item;
mod job;
mod job_claim;
mod job_end;
mod job_limit;
mod job_list;
mod job_monitor;
mod job_tally;
mod job_write;
mod leftover;
mod logged_model;
mod logged_model_search;
mod metric;
mod migrate;
mod model_version;
mod names;
mod notification;
mod outbox;
mod platform;
mod project;
mod query;
mod readers;
mod registered_model;
mod registry_search;
mod role;
mod rule;
mod rule_watch;
mod run;
mod run_load;
mod run_search;
mod run_walk;
mod run_write;
mod schedule;
mod scorer;
mod series;
mod sweep;
mod syncer;
mod text_index;
mod text_search;
mod trace;
mod trace_filter;
mod trace_link;
mod trace_metrics;
mod trace_search;
mod trace_write;
mod trash;
mod tx;
mod wal;
mod webhook;
mod writer;

pub use access::Access;
pub use account::AccountRow;
pub use admin::{MigrationStatus, QueryResult, StoreStats};
pub use artifact_file::ArtifactFileRow;
pub use change::{Change, Changes, Topic};
pub use credential::{SessionInfo, SessionRow, TokenRow};
pub use dataset::DatasetUse;
pub use delivery::{Channel, DeliveryRow, ToldRow};
pub use error::{StoreError, StoreResult};
pub use evaluation::{EvaluationDatasetRow, NewEvaluationDatasetRow, RecordsChanged};
pub use evaluation_record::EvaluationRecordRow;
pub use experiment::{ExperimentKeys, ExperimentOverview, ExperimentRow, NewExperimentRow};
pub use item::{Item, ItemLink, LinkKind};
pub use job::{JobRow, JobStats};
pub use job_claim::Claims;
pub use job_limit::{QueueChange, TaskLimit};
pub use job_list::JobQuery;
pub use job_monitor::JobPeriod;
pub use job_tally::{Tallied, TalliedEvent};
pub use job_write::{Enqueued, Place};
pub use leftover::Leftover;
pub use logged_model::{ModelRow, NewModelRow};
pub use logged_model_search::{LoggedModelOrder, LoggedModelQuery};
pub use metric::{HistoryCursor, MetricPoint, MetricSummary};
pub use model_version::{NewVersionRow, VersionRow};
pub use outbox::{Mail, MailKind, MailState, NewMail};
pub use project::Project;
pub use query::SearchPage;
pub use registered_model::{PROMPT_TAG, RegisteredModelRow};
pub use rule::RuleRow;
pub use run::RunRow;
pub use run_search::RunQuery;
pub use run_write::NewRunRow;
pub use schedule::ScheduleRow;
pub use scorer::ScorerRow;
pub use series::{Keep, Series};
pub use sweep::Sweep;
pub use text_search::{TextHit, TextKind};
pub use trace::{DoomedTrace, TraceRow};
pub use trace_metrics::TraceMetricQuery;
pub use trace_search::{TraceCounts, TraceQuery};
pub use trace_write::{TraceChange, TraceFields, TraceProgress};
pub use trash::{TrashItem, TrashKind};
pub use tx::{View, WriteTx};
pub use webhook::{WebhookFields, WebhookRow};

use branchline_core::event::{Cursor, Event};
use branchline_core::{Clock, Error, Result};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio::sync::{Notify, broadcast};

/// How far a write has gone when its caller is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Durability {
    /// Tracking writes survive the death of the process, and reach the disk within
    /// 100 ms; everything else waits for the disk.
    #[default]
    Balanced,
    /// Everything waits for the disk; group commit shares the wait.
    PowerSafe,
    /// No forced sync outside checkpoints: for throw-away work.
    Fast,
}

impl Durability {
    /// The name in settings and on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Balanced => "balanced",
            Self::PowerSafe => "power-safe",
            Self::Fast => "fast",
        }
    }
    /// Reads the name.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Balanced, Self::PowerSafe, Self::Fast].into_iter().find(|d| d.as_str() == text)
    }
}

/// What a write needs before its caller is answered, at [`Durability::Balanced`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// Runs, metrics, params, tags, inputs: after the commit.
    Tracking,
    /// The same, and over in well under a millisecond: the caller's own thread may run it.
    Brief,
    /// Registry, accounts: after the disk sync.
    Durable,
}

/// The database. A clone is another handle on the same one.
#[derive(Clone)]
pub struct Store {
    inner: Arc<Inner>,
}

struct Inner {
    path: PathBuf,
    identity: Identity,
    writer: writer::Writer,
    readers: Arc<readers::Readers>,
    syncer: syncer::Syncer,
    events: broadcast::Sender<Event>,
    owed: Arc<Notify>,
    last_seq: Arc<std::sync::atomic::AtomicI64>,
}

/// What this database is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// Made at first start; renewed when a copied folder is opened.
    pub store_uuid: String,
    /// Which life of the database; a restore starts a new one.
    pub epoch: i64,
}

impl Store {
    /// Opens the database at `path`, making and migrating it as needed.
    ///
    /// `seed` runs first, in a transaction of its own: it makes what must always be there.
    ///
    /// # Errors
    /// A database that a newer Branchline wrote, a file that is no database, a full disk.
    pub fn open(
        path: &Path,
        durability: Durability,
        clock: Arc<dyn Clock>,
        seed: impl FnOnce(&mut WriteTx<'_>) -> StoreResult<()>,
    ) -> Result<Self> {
        let mut connection = connection::open_writer(path)?;
        migrate::run(&mut connection, path)?;
        let identity = admin::identity(&connection, path, clock.now_ms())?;
        writer::seed(&connection, clock.now_ms(), seed)?;
        let last_seq = Arc::new(change::last_seq(&connection)?.into());
        let (events, _) = broadcast::channel(4096);
        let owed = Arc::new(Notify::new());
        let wal = Arc::new(wal::Wal::of(path));
        let syncer = syncer::Syncer::start(path, Arc::clone(&wal), durability)?;
        let writer = writer::Writer::start(
            connection,
            writer::Context {
                disk: writer::Disk { durability, wal, dirty: syncer.handle() },
                clock,
                events: events.clone(),
                owed: Arc::clone(&owed),
                last_seq: Arc::clone(&last_seq),
            },
        )?;
        let readers = Arc::new(readers::Readers::new(path));
        let path = path.to_owned();
        Ok(Self {
            inner: Arc::new(Inner {
                path,
                identity,
                writer,
                readers,
                syncer,
                events,
                owed,
                last_seq,
            }),
        })
    }

    /// What this database is.
    pub fn identity(&self) -> &Identity {
        &self.inner.identity
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.inner.path
    }

    /// Every committed change from now on; a slow listener is told how many it missed.
    pub fn subscribe(&self) -> broadcast::Receiver<Event> {
        self.inner.events.subscribe()
    }

    /// Waits until something may be owed to a webhook or by a rule that was not at the last
    /// call; for one listener. One that took every event instead would be woken for each metric.
    pub async fn something_owed(&self) {
        self.inner.owed.notified().await;
    }

    /// Tells listeners of a change that is not in the database (an artifact).
    pub fn publish(&self, kind: branchline_core::event::EventKind) {
        // Nobody listening is fine.
        let _ = self.inner.events.send(Event { seq: self.cursor().seq, kind });
    }

    /// The change log's end.
    pub fn cursor(&self) -> Cursor {
        Cursor {
            epoch: self.inner.identity.epoch,
            seq: self.inner.last_seq.load(std::sync::atomic::Ordering::Acquire),
        }
    }

    /// Runs `work` in its own savepoint of the next group commit.
    ///
    /// # Errors
    /// What `work` answers, in which case nothing of it is kept; a full disk; shutting down.
    pub async fn write<T, F>(&self, class: Class, work: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&mut WriteTx<'_>) -> StoreResult<T> + Send + 'static,
    {
        self.inner.writer.submit(class, work).await
    }

    /// Runs `work` on a read-only connection, off the async threads.
    ///
    /// # Errors
    /// What `work` answers.
    pub async fn read<T, F>(&self, work: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&View<'_>) -> StoreResult<T> + Send + 'static,
    {
        let readers = Arc::clone(&self.inner.readers);
        tokio::task::spawn_blocking(move || readers.with(work))
            .await
            .map_err(|e| Error::internal("A read did not finish.").source(e))?
    }

    /// A read of a few rows: on the caller's own thread where a connection is at hand, because
    /// the way to another and back would cost more.
    ///
    /// # Errors
    /// What `work` answers.
    pub async fn glance<T, F>(&self, work: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&View<'_>) -> StoreResult<T> + Send + 'static,
    {
        match self.inner.readers.is_at_hand() {
            true => self.inner.readers.with(work),
            false => self.read(work).await,
        }
    }

    /// [`Self::read`] as a user sees the database: what they have no permission to read is not in
    /// it, whatever `work` asks.
    ///
    /// # Errors
    /// What `work` answers.
    pub async fn read_as<T, F>(&self, user: i64, work: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&View<'_>) -> StoreResult<T> + Send + 'static,
    {
        let readers = Arc::clone(&self.inner.readers);
        tokio::task::spawn_blocking(move || readers.with_veil(user, work))
            .await
            .map_err(|e| Error::internal("A read did not finish.").source(e))?
    }

    /// Drains the writer, syncs and checkpoints. Later writes are refused.
    pub async fn close(&self) {
        self.inner.writer.close().await;
        self.inner.syncer.stop();
        self.inner.readers.close();
    }
}
