//! The one connection that writes, and the thread that has it by day. The thread takes
//! whatever is queued, commits it at once, and answers the callers: requests that arrive
//! together share one commit, and those that are to be on the disk one sync after it. While the
//! connection is free, a caller with a brief request borrows it and commits for itself: waking
//! the thread and being woken by it would cost more than the write.

use crate::error::{StoreError, StoreResult};
use crate::names::Names;
use crate::rule_watch::Rules;
use crate::syncer::Dirty;
use crate::tx::{Coalesce, Pending, WriteTx};
use crate::wal::Wal;
use crate::{Class, Durability};
use branchline_core::event::Event;
use branchline_core::{Clock, Error, ErrorCode, Result, failpoint};
use rusqlite::Connection;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use tokio::sync::{Notify, broadcast, mpsc, oneshot};

/// Requests that may wait; past this, callers wait to queue.
const QUEUE: usize = 1024;
/// Most requests in one commit.
const BATCH: usize = 256;
/// Past this many pages in the log the writer checkpoints between two batches, because a
/// background checkpoint never catches up with a writer that does not pause.
const LOG_PAGES: i32 = 16_384;
/// Batches between two looks at the log's length.
const LOOK_EVERY: u32 = 64;

pub(crate) struct Context {
    pub(crate) disk: Disk,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) events: broadcast::Sender<Event>,
    /// Rung when something may be owed to somebody.
    pub(crate) owed: Arc<Notify>,
    pub(crate) last_seq: Arc<AtomicI64>,
}

/// How what is committed reaches the disk.
#[derive(Clone)]
pub(crate) struct Disk {
    pub(crate) durability: Durability,
    pub(crate) wal: Arc<Wal>,
    pub(crate) dirty: Dirty,
}

impl Disk {
    /// Whether a request of that class is answered only when it is there.
    fn is_waited_for(&self, class: Class) -> bool {
        match self.durability {
            Durability::PowerSafe => true,
            Durability::Balanced => class == Class::Durable,
            Durability::Fast => false,
        }
    }

    /// Waits until what was committed is there.
    fn sync(&self) -> StoreResult<()> {
        let synced = failpoint!("store::sync").map_err(std::io::Error::other);
        synced.and_then(|()| self.wal.sync()).map_err(|cause| {
            tracing::error!(%cause, "a commit could not be synced to disk");
            self.dirty.mark(true);
            let refused = Error::internal("The disk did not confirm a change that was made.")
                .hint("It is there now, and a power cut may undo it: check the disk's health.");
            refused.source(cause).into()
        })
    }
}

pub(crate) struct Writer {
    queue: Mutex<Option<mpsc::Sender<Request>>>,
    desk: Arc<Desk>,
    disk: Disk,
    thread: Mutex<Option<JoinHandle<()>>>,
}

/// Where the connection is; empty once the thread has ended.
type Desk = Mutex<Option<Connected>>;

struct Request {
    class: Class,
    work: Box<dyn Work>,
    /// It did something that lasts.
    kept: bool,
}

impl Request {
    /// Whether its caller is answered only when it is on the disk.
    fn waits_for(&self, disk: &Disk) -> bool {
        self.kept && disk.is_waited_for(self.class)
    }
}

/// A request's closure with its result and where to send it.
trait Work: Send {
    /// Runs once; `false` means that nothing of it may be kept.
    fn run(&mut self, tx: &mut WriteTx<'_>) -> bool;
    /// Answers the caller; `failed` when the commit itself failed.
    fn answer(self: Box<Self>, failed: Option<&StoreError>);
}

struct Closure<T, F> {
    work: Option<F>,
    result: Option<StoreResult<T>>,
    reply: oneshot::Sender<Result<T>>,
}

impl<T, F> Work for Closure<T, F>
where
    T: Send,
    F: FnOnce(&mut WriteTx<'_>) -> StoreResult<T> + Send,
{
    fn run(&mut self, tx: &mut WriteTx<'_>) -> bool {
        let Some(work) = self.work.take() else { return false };
        let result = catch_unwind(AssertUnwindSafe(|| work(tx))).unwrap_or_else(|_| {
            Err(Error::internal("A write stopped unexpectedly; nothing of it was kept.").into())
        });
        let keep = result.is_ok();
        self.result = Some(result);
        keep
    }

    fn answer(self: Box<Self>, failed: Option<&StoreError>) {
        let result = match (self.result, failed) {
            (Some(Err(error)), _) => Err(error.into()),
            (_, Some(error)) => Err(commit_failed(error)),
            (Some(Ok(value)), None) => Ok(value),
            (None, None) => Err(Error::internal("A write did not run.")),
        };
        // The caller may have gone away; its write stands all the same.
        let _ = self.reply.send(result);
    }
}

fn commit_failed(error: &StoreError) -> Error {
    match error {
        StoreError::Domain(error) => Error::new(error.code, error.message.clone())
            .hint(error.hint.clone().unwrap_or_default()),
        StoreError::Sqlite(error) => {
            let copy = rusqlite::Error::SqliteFailure(
                error.sqlite_error().copied().unwrap_or(rusqlite::ffi::Error::new(1)),
                Some(error.to_string()),
            );
            StoreError::Sqlite(copy).into()
        }
    }
}

fn closing() -> Error {
    Error::new(ErrorCode::TemporarilyUnavailable, "Branchline is shutting down.")
}

impl Writer {
    pub(crate) fn start(connection: Connection, context: Context) -> Result<Self> {
        let (queue, requests) = mpsc::channel(QUEUE);
        let disk = context.disk.clone();
        let desk = Arc::new(Desk::new(Some(Connected::new(connection, context))));
        let (its_desk, its_disk) = (Arc::clone(&desk), disk.clone());
        let thread = std::thread::Builder::new()
            .name("store-write".into())
            .spawn(move || serve(&its_desk, &its_disk, requests))
            .map_err(|e| Error::internal("The writer thread cannot be started.").source(e))?;
        Ok(Self { queue: Mutex::new(Some(queue)), desk, disk, thread: Mutex::new(Some(thread)) })
    }

    pub(crate) async fn submit<T, F>(&self, class: Class, work: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&mut WriteTx<'_>) -> StoreResult<T> + Send + 'static,
    {
        let (reply, answer) = oneshot::channel();
        let work = Box::new(Closure { work: Some(work), result: None, reply });
        let queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let queue = queue.ok_or_else(closing)?;
        if let Err(request) = self.by_the_caller(&queue, Request { class, work, kept: false }) {
            queue.send(request).await.map_err(|_| closing())?;
        }
        drop(queue);
        answer.await.map_err(|_| closing())?
    }

    /// Commits a brief request here and now, when nobody else writes or waits; else gives it
    /// back.
    fn by_the_caller(
        &self,
        queue: &mpsc::Sender<Request>,
        request: Request,
    ) -> std::result::Result<(), Request> {
        let is_brief = request.class == Class::Brief && !self.disk.is_waited_for(request.class);
        if !is_brief || queue.capacity() < QUEUE {
            return Err(request);
        }
        let Ok(mut desk) = self.desk.try_lock() else { return Err(request) };
        match desk.as_mut() {
            Some(connected) if !connected.log_is_due() => {
                connected.commit(vec![request]).answer(&self.disk);
                Ok(())
            }
            _ => Err(request),
        }
    }

    pub(crate) async fn close(&self) {
        drop(self.queue.lock().unwrap_or_else(PoisonError::into_inner).take());
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(thread) = thread {
            let joined = tokio::task::spawn_blocking(move || thread.join()).await;
            if !matches!(joined, Ok(Ok(()))) {
                tracing::error!("the writer thread ended with a panic");
            }
        }
    }
}

/// Runs `work` on the connection before the thread starts.
pub(crate) fn seed(
    connection: &Connection,
    now: i64,
    work: impl FnOnce(&mut WriteTx<'_>) -> StoreResult<()>,
) -> Result<()> {
    let run = || -> StoreResult<()> {
        let transaction = connection.unchecked_transaction()?;
        let (names, rules, coalesce) = (Names::default(), Rules::default(), Coalesce::default());
        let mut pending = Pending::default();
        work(&mut WriteTx::new(&transaction, &names, &rules, &coalesce, &mut pending, now))?;
        transaction.commit()?;
        Ok(())
    };
    run().map_err(Error::from)
}

/// The thread: batches, until nobody can queue any more.
fn serve(desk: &Desk, disk: &Disk, mut requests: mpsc::Receiver<Request>) {
    while let Some(first) = requests.blocking_recv() {
        let mut batch = vec![first];
        let committed = {
            let mut desk = desk.lock().unwrap_or_else(PoisonError::into_inner);
            let Some(connected) = desk.as_mut() else { return };
            while batch.len() < BATCH
                && let Ok(next) = requests.try_recv()
            {
                batch.push(next);
            }
            if connected.log_is_due() {
                connected.checkpoint_if_long();
            }
            connected.commit(batch)
        };
        // Others have the connection while these wait for the disk.
        committed.answer(disk);
    }
    if let Some(connected) = desk.lock().unwrap_or_else(PoisonError::into_inner).take() {
        connected.end();
    }
}

/// A batch that was committed, or refused as a whole.
struct Committed {
    batch: Vec<Request>,
    outcome: StoreResult<()>,
}

impl Committed {
    /// Answers its callers, those last who wait for the disk.
    fn answer(self, disk: &Disk) {
        let Self { batch, outcome } = self;
        let (waiting, done): (Vec<_>, Vec<_>) =
            batch.into_iter().partition(|one| one.waits_for(disk));
        for request in done {
            request.work.answer(outcome.as_ref().err());
        }
        if waiting.is_empty() {
            return;
        }
        let outcome = outcome.and_then(|()| disk.sync());
        for request in waiting {
            request.work.answer(outcome.as_ref().err());
        }
    }
}

struct Connected {
    connection: Connection,
    context: Context,
    names: Names,
    rules: Rules,
    coalesce: Coalesce,
    /// Batches since the last look at the log's length.
    unlooked: u32,
}

impl Connected {
    fn new(connection: Connection, context: Context) -> Self {
        Self {
            connection,
            context,
            names: Names::default(),
            rules: Rules::default(),
            coalesce: Coalesce::default(),
            unlooked: 0,
        }
    }

    /// Whether it is time to look at the log's length, which no caller does for itself.
    fn log_is_due(&self) -> bool {
        self.unlooked >= LOOK_EVERY
    }

    fn end(self) {
        // Statistics that the query planner asks for; cheap when nothing changed.
        if let Err(error) = self.connection.execute_batch("PRAGMA optimize") {
            tracing::debug!(%error, "statistics were not refreshed");
        }
    }

    fn commit(&mut self, mut batch: Vec<Request>) -> Committed {
        self.unlooked += 1;
        let mut pending = Pending::default();
        let outcome = self.transact(&mut batch, &mut pending);
        match &outcome {
            Ok(()) => {
                let disk = &self.context.disk;
                let is_synced = batch.iter().any(|one| one.waits_for(disk));
                disk.dirty.mark(!is_synced);
                self.publish(pending);
            }
            Err(error) => {
                tracing::error!(?error, "a commit failed; its requests were refused");
                self.forget();
                if !self.connection.is_autocommit()
                    && let Err(error) = self.connection.execute_batch("ROLLBACK")
                {
                    tracing::error!(%error, "a rollback failed");
                }
            }
        }
        Committed { batch, outcome }
    }

    fn transact(&mut self, batch: &mut [Request], pending: &mut Pending) -> StoreResult<()> {
        self.connection.prepare_cached("BEGIN IMMEDIATE")?.execute([])?;
        let now = self.context.clock.now_ms();
        if let [request] = batch {
            // Alone, a request is the whole transaction, and needs no savepoint in it.
            if !self.attempt(request, pending, now) {
                self.connection.prepare_cached("ROLLBACK")?.execute([])?;
                return Ok(());
            }
        } else {
            for request in batch.iter_mut() {
                self.connection.prepare_cached("SAVEPOINT request")?.execute([])?;
                if !self.attempt(request, pending, now) {
                    self.connection.prepare_cached("ROLLBACK TO request")?.execute([])?;
                }
                self.connection.prepare_cached("RELEASE request")?.execute([])?;
            }
        }
        failpoint!("store::commit")?;
        self.connection.prepare_cached("COMMIT")?.execute([])?;
        Ok(())
    }

    /// Runs one request; when nothing of it may be kept, nothing of it is remembered either.
    fn attempt(&self, request: &mut Request, pending: &mut Pending, now: i64) -> bool {
        let mark = pending.mark();
        let (names, rules, coalesce) = (&self.names, &self.rules, &self.coalesce);
        let mut tx = WriteTx::new(&self.connection, names, rules, coalesce, pending, now);
        request.kept = request.work.run(&mut tx);
        if !request.kept {
            pending.reset(mark);
            self.names.clear();
            self.rules.forget();
        }
        request.kept
    }

    fn publish(&mut self, mut pending: Pending) {
        if let Some(seq) = pending.last_seq() {
            self.context.last_seq.store(seq, Ordering::Release);
        }
        if pending.owes() {
            self.context.owed.notify_one();
        }
        pending.follow();
        let (events, metrics) = pending.finish();
        self.coalesce.apply(metrics);
        for event in events {
            // Nobody listening is fine.
            let _ = self.context.events.send(event);
        }
    }

    fn forget(&mut self) {
        self.names.clear();
        self.rules.forget();
        self.coalesce = Coalesce::default();
    }

    fn checkpoint_if_long(&mut self) {
        self.unlooked = 0;
        let pages: rusqlite::Result<i32> =
            self.connection.query_row("PRAGMA wal_checkpoint(NOOP)", [], |row| row.get(1));
        if pages.is_ok_and(|pages| pages > LOG_PAGES)
            && let Err(error) =
                self.connection.query_row("PRAGMA wal_checkpoint(RESTART)", [], |_| Ok(()))
        {
            tracing::warn!(%error, "the write-ahead log could not be checkpointed");
        }
    }
}
