//! The background sync: within 100 ms of a commit the write-ahead log is forced to disk,
//! and now and then moved into the database file, so that no caller waits for either.

use crate::Durability;
use crate::connection;
use branchline_core::{Error, Result};
use rusqlite::Connection;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

/// Commits are gathered this long; with the sync itself the promise of 100 ms holds.
const GATHER: Duration = Duration::from_millis(60);
/// The log is moved into the database once it is this long.
const CHECKPOINT_BYTES: u64 = 4 << 20;

#[derive(Default)]
struct State {
    dirty: bool,
    stop: bool,
}

type Shared = Arc<(Mutex<State>, Condvar)>;

/// Tells the syncer that something was committed.
#[derive(Clone)]
pub(crate) struct Dirty(Shared);

impl Dirty {
    pub(crate) fn mark(&self) {
        let (state, wake) = &*self.0;
        let mut state = state.lock().unwrap_or_else(PoisonError::into_inner);
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
    pub(crate) fn start(path: &Path, durability: Durability) -> Result<Self> {
        let shared = Shared::default();
        let work =
            Work { path: path.to_owned(), durability, shared: Arc::clone(&shared), wal: None };
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
    /// Stays open: closing a file of SQLite's drops the process's POSIX locks on it.
    wal: Option<File>,
}

impl Work {
    fn run(mut self) {
        let mut connection: Option<Connection> = None;
        while !self.wait() {
            // Gather a few commits; an end cuts this short.
            self.pause();
            if self.durability == Durability::Balanced
                && let Err(error) = self.sync()
            {
                tracing::error!(%error, "the write-ahead log could not be synced to disk");
            }
            if self.wal_bytes() > CHECKPOINT_BYTES {
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

    fn pause(&self) {
        let (state, wake) = &*self.shared;
        let state = state.lock().unwrap_or_else(PoisonError::into_inner);
        let (mut state, _) = wake
            .wait_timeout_while(state, GATHER, |state| !state.stop)
            .unwrap_or_else(PoisonError::into_inner);
        // Marked again by commits that come while this sync runs.
        state.dirty = false;
    }

    fn wal_path(&self) -> PathBuf {
        let mut name = self.path.clone().into_os_string();
        name.push("-wal");
        name.into()
    }

    fn wal_bytes(&self) -> u64 {
        std::fs::metadata(self.wal_path()).map_or(0, |m| m.len())
    }

    fn sync(&mut self) -> std::io::Result<()> {
        if self.wal.is_none() {
            self.wal = Some(File::options().read(true).write(true).open(self.wal_path())?);
        }
        self.wal.as_ref().map_or(Ok(()), File::sync_data)
    }

    fn checkpoint(&self, connection: &mut Option<Connection>, mode: &str) {
        if connection.is_none() {
            *connection = connection::open_reader(&self.path)
                .and_then(|c| c.pragma_update(None, "query_only", false).map(|()| c))
                .map_err(|error| tracing::warn!(%error, "no connection to checkpoint with"))
                .ok();
        }
        if let Some(connection) = connection {
            let sql = format!("PRAGMA wal_checkpoint({mode})");
            if let Err(error) = connection.query_row(&sql, [], |_| Ok(())) {
                tracing::warn!(%error, "the write-ahead log could not be checkpointed");
            }
        }
    }
}
