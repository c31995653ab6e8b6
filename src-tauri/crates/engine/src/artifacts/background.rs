//! Puts small files on the disk after their uploads were answered, many together, so that
//! nobody waits for it and a power cut costs little: what `balanced` promises for files.

use crate::platform::{sync_dir, sync_disk};
use std::collections::BTreeSet;
use std::fs::File;
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

/// Files are gathered this long; with the sync itself the promise of 100 ms holds.
const GATHER: Duration = Duration::from_millis(50);
/// Bytes and files that may wait. Past this, an upload waits for the disk itself.
const MOST_BYTES: u64 = 32 << 20;
const MOST_FILES: usize = 1024;
/// From this many files on, the whole disk is synced in one go where that is possible.
const TOGETHER: usize = 8;

/// A file that was answered and is not on the disk for certain.
#[derive(Debug)]
pub(super) struct Unsynced {
    /// Still open from writing, where that does not hinder anybody.
    pub(super) file: Option<File>,
    /// Where it is; absent when only folders are left to do.
    pub(super) path: Option<PathBuf>,
    /// Folders whose names changed with it.
    pub(super) folders: Vec<PathBuf>,
    pub(super) bytes: u64,
}

/// The thread that does it, started by the first file.
#[derive(Debug, Default)]
pub(super) struct Background {
    shared: Shared,
    thread: Mutex<Option<JoinHandle<()>>>,
}

type Shared = Arc<(Mutex<State>, Condvar)>;

#[derive(Debug, Default)]
struct State {
    waiting: Vec<Unsynced>,
    bytes: u64,
    stop: bool,
}

fn lock(shared: &Shared) -> MutexGuard<'_, State> {
    shared.0.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Background {
    /// Whether one more file may wait.
    pub(super) fn has_room(&self) -> bool {
        let state = lock(&self.shared);
        state.bytes < MOST_BYTES && state.waiting.len() < MOST_FILES
    }

    pub(super) fn add(&self, unsynced: Unsynced) {
        let mut state = lock(&self.shared);
        if state.stop {
            drop(state);
            return sync(vec![unsynced]);
        }
        state.bytes += unsynced.bytes;
        state.waiting.push(unsynced);
        let is_first = state.waiting.len() == 1;
        drop(state);
        if is_first {
            self.wake();
        }
    }

    fn wake(&self) {
        let mut thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner);
        if thread.is_some() {
            self.shared.1.notify_one();
            return;
        }
        let shared = Arc::clone(&self.shared);
        match std::thread::Builder::new().name("files-sync".into()).spawn(move || run(&shared)) {
            Ok(started) => *thread = Some(started),
            Err(error) => {
                tracing::error!(%error, "files cannot be put on the disk in the background");
                sync(take(&mut lock(&self.shared)));
            }
        }
    }

    /// Puts on the disk what is left, and ends.
    pub(super) fn stop(&self) {
        lock(&self.shared).stop = true;
        self.shared.1.notify_one();
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        if thread.is_some_and(|thread| thread.join().is_err()) {
            tracing::error!("the thread that syncs files ended with a panic");
        }
        sync(take(&mut lock(&self.shared)));
    }
}

impl Drop for Background {
    fn drop(&mut self) {
        self.stop();
    }
}

fn take(state: &mut State) -> Vec<Unsynced> {
    state.bytes = 0;
    std::mem::take(&mut state.waiting)
}

fn run(shared: &Shared) {
    loop {
        let idle = |state: &mut State| state.waiting.is_empty() && !state.stop;
        let state = shared.1.wait_while(lock(shared), idle).unwrap_or_else(PoisonError::into_inner);
        if state.stop {
            return;
        }
        // An end cuts the gathering short.
        let (mut state, _) = shared
            .1
            .wait_timeout_while(state, GATHER, |state| !state.stop)
            .unwrap_or_else(PoisonError::into_inner);
        let waiting = take(&mut state);
        drop(state);
        sync(waiting);
    }
}

fn sync(waiting: Vec<Unsynced>) {
    if let Err(error) = try_sync(waiting) {
        tracing::error!(%error, "stored files could not be put on the disk");
    }
}

/// One that fails does not keep the others from the disk; the first failure is told.
fn try_sync(waiting: Vec<Unsynced>) -> io::Result<()> {
    if waiting.len() >= TOGETHER
        && let Some(file) = waiting.iter().find_map(|unsynced| unsynced.file.as_ref())
        // Of a disk that fails as a whole, each file is asked.
        && matches!(sync_disk(file), Ok(true))
    {
        return Ok(());
    }
    // `and` keeps the first failure, after its argument was tried.
    let mut told = Ok(());
    let mut folders = BTreeSet::new();
    for Unsynced { file, path, folders: changed, .. } in waiting {
        folders.extend(changed);
        let opened = match (file, path) {
            (Some(file), _) => Ok(file),
            (None, Some(path)) => File::options().write(true).open(path),
            (None, None) => continue,
        };
        told = told.and(unless_gone(opened.and_then(|file| file.sync_all())));
    }
    for folder in folders {
        told = told.and(unless_gone(sync_dir(&folder)));
    }
    told
}

/// What was removed or replaced meanwhile needs no disk.
fn unless_gone(done: io::Result<()>) -> io::Result<()> {
    match done {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        done => done,
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;
    use rustix::fs::{CWD, FileType, Mode, mknodat};
    use std::path::Path;

    fn unsynced(path: &Path) -> Unsynced {
        Unsynced { file: None, path: Some(path.to_owned()), folders: Vec::new(), bytes: 0 }
    }

    #[test]
    fn a_file_that_fails_keeps_no_other_from_the_disk() {
        let folder = tempfile::tempdir().unwrap();
        let gone = folder.path().join("gone");
        let pipe = folder.path().join("pipe");
        mknodat(CWD, &pipe, FileType::Fifo, Mode::RWXU, 0).unwrap();
        let waiting = vec![unsynced(&gone), unsynced(folder.path()), unsynced(&pipe)];
        let syncing = std::thread::spawn(move || try_sync(waiting));

        // Opens as soon as the other side does: the pipe was reached past the folder.
        File::open(&pipe).unwrap();
        let failure = syncing.join().unwrap().unwrap_err();
        assert_eq!(failure.kind(), io::ErrorKind::IsADirectory, "the first: {failure}");
        try_sync(vec![unsynced(&gone)]).expect("what was removed meanwhile is no failure");
    }
}
