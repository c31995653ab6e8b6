//! The background sync: within 100 ms of a commit the write-ahead log is forced to disk,
//! and now and then moved into the database file, so that no caller waits for either.

use crate::Durability;
use crate::connection;
use crate::wal::Wal;
use branchline_core::{Error, Result};
use rusqlite::Connection;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

/// Commits are gathered this long; with the sync itself the promise of 100 ms holds.
const GATHER: Duration = Duration::from_millis(60);
/// The log is moved into the database once so many of its pages are not there.
const CHECKPOINT_PAGES: u64 = 1024;
/// A log of fewer bytes holds fewer pages: it need not be asked.
const CHECKPOINT_BYTES: u64 = CHECKPOINT_PAGES * 4096;

#[derive(Default)]
struct State {
    /// Something was committed.
    dirty: bool,
    /// Some of that is not on the disk.
    unsynced: bool,
    stop: bool,
}

type Shared = Arc<(Mutex<State>, Condvar)>;

/// Tells the syncer that something was committed.
#[derive(Clone)]
pub(crate) struct Dirty(Shared);

impl Dirty {
    /// `unsynced` unless whoever committed waits for the disk.
    pub(crate) fn mark(&self, unsynced: bool) {
        let (state, wake) = &*self.0;
        let mut state = state.lock().unwrap_or_else(PoisonError::into_inner);
        state.unsynced |= unsynced;
        if !state.dirty {
            state.dirty = true;
            wake.notify_one();
        }
    }
}

pub(crate) struct Syncer {
    shared: Shared,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Syncer {
    pub(crate) fn start(path: &Path, wal: Arc<Wal>, durability: Durability) -> Result<Self> {
        let shared = Shared::default();
        let work = Work { path: path.to_owned(), durability, shared: Arc::clone(&shared), wal };
        let thread = std::thread::Builder::new()
            .name("store-sync".into())
            .spawn(move || work.run())
            .map_err(|e| Error::internal("The sync thread cannot be started.").source(e))?;
        Ok(Self { shared, thread: Mutex::new(Some(thread)) })
    }

    pub(crate) fn handle(&self) -> Dirty {
        Dirty(Arc::clone(&self.shared))
    }

    /// Syncs what is left, checkpoints and ends.
    pub(crate) fn stop(&self) {
        let (state, wake) = &*self.shared;
        state.lock().unwrap_or_else(PoisonError::into_inner).stop = true;
        wake.notify_one();
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(thread) = thread
            && thread.join().is_err()
        {
            tracing::error!("the sync thread ended with a panic");
        }
    }
}

impl Drop for Syncer {
    fn drop(&mut self) {
        self.stop();
    }
}

struct Work {
    path: PathBuf,
    durability: Durability,
    shared: Shared,
    wal: Arc<Wal>,
}

impl Work {
    fn run(self) {
        let mut connection: Option<Connection> = None;
        while !self.wait() {
            // Gather a few commits; an end cuts this short.
            let unsynced = self.pause();
            if unsynced
                && self.durability == Durability::Balanced
                && let Err(error) = self.wal.sync()
            {
                tracing::error!(%error, "the write-ahead log could not be synced to disk");
            }
            // A checkpoint syncs two files, which callers that wait for the disk feel.
            if self.wal.bytes() > CHECKPOINT_BYTES
                && self.checkpoint(&mut connection, "NOOP") > CHECKPOINT_PAGES
            {
                self.checkpoint(&mut connection, "PASSIVE");
            }
        }
        self.checkpoint(&mut connection, "TRUNCATE");
    }

    /// Waits for work; answers whether to end.
    fn wait(&self) -> bool {
        let (state, wake) = &*self.shared;
        let mut state = state.lock().unwrap_or_else(PoisonError::into_inner);
        while !state.dirty && !state.stop {
            state = wake.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        state.stop
    }

    /// Answers whether something is not on the disk.
    fn pause(&self) -> bool {
        let (state, wake) = &*self.shared;
        let state = state.lock().unwrap_or_else(PoisonError::into_inner);
        let (mut state, _) = wake
            .wait_timeout_while(state, GATHER, |state| !state.stop)
            .unwrap_or_else(PoisonError::into_inner);
        // Marked again by commits that come while this sync runs.
        state.dirty = false;
        std::mem::take(&mut state.unsynced)
    }

    /// Answers how many pages of the log are not in the database.
    fn checkpoint(&self, connection: &mut Option<Connection>, mode: &str) -> u64 {
        if connection.is_none() {
            *connection = connection::open_reader(&self.path)
                .and_then(|c| c.pragma_update(None, "query_only", false).map(|()| c))
                .map_err(|error| tracing::warn!(%error, "no connection to checkpoint with"))
                .ok();
        }
        let Some(connection) = connection else { return 0 };
        let sql = format!("PRAGMA wal_checkpoint({mode})");
        let pages = connection.query_row(&sql, [], |row| {
            Ok((row.get::<_, i64>("log")?, row.get::<_, i64>("checkpointed")?))
        });
        match pages {
            Ok((log, moved)) => u64::try_from(log - moved).unwrap_or_default(),
            Err(error) => {
                tracing::warn!(%error, "the write-ahead log could not be checkpointed");
                0
            }
        }
    }
}
