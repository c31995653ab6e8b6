//! Storing a file on disk: under a temporary name first, then renamed, so that nobody
//! ever sees a part of it, and a cut upload leaves nothing behind.
//!
//! Receiving and writing overlap: while the disk works on what was collected, the next is
//! collected into the other of two buffers. That costs a copy, and saves more: whoever received
//! a piece has its memory back at once, and no memory is asked of the system for each of them.
//! A small file is opened, written and renamed in one go.

use super::background::Unsynced;
use super::disk::{existing_part, failure};
use super::locate::{Target, descend};
use super::upload::Stored;
use super::{Inner, blocking, stopped_early};
use crate::platform::sync_dir;
use branchline_core::artifact_path::RESERVED_PREFIX;
use branchline_core::{Error, Result, failpoint};
use branchline_store::Durability;
use sha2::{Digest, Sha256};
use std::fs::{self, File};
use std::io::{self, ErrorKind, Write as _};
use std::mem::{replace, take};
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError};
use std::time::{Duration, SystemTime};
use tokio::runtime::Handle;
use tokio::task::JoinHandle;

/// How much is collected before it is handed to the disk.
const CHUNK: usize = 1 << 20;

/// How much is written before the disk is made to begin with it: at the end of a large file
/// only the rest is waited for, and meanwhile the disk is never idle for long.
const STRETCH: u64 = 8 << 20;

/// Larger files are on the disk when they are answered: their bytes take longer than the
/// background has. They are hashed after that: it would nearly double the work before it.
const LARGE: u64 = 4 << 20;

/// How long nothing may have been written to a temporary file for it to be taken for
/// one that a crash left behind.
const ABANDONED: Duration = Duration::from_secs(60 * 60);

/// A file that is being stored on disk.
#[derive(Debug)]
pub(super) struct DiskUpload {
    inner: Arc<Inner>,
    target: Arc<Target>,
    /// What was received and not handed to the disk.
    collected: Vec<u8>,
    work: Work,
}

/// What the disk is doing.
#[derive(Debug)]
enum Work {
    /// Nothing was handed to it yet.
    None,
    /// It writes.
    Busy(JoinHandle<Result<Unfinished>>),
    /// It failed, which was told.
    Failed,
}

/// A file under its temporary name, which goes when it is dropped.
#[derive(Debug)]
struct Unfinished {
    /// Absent once it was closed.
    file: Option<File>,
    /// Absent once it was renamed.
    temporary: Option<PathBuf>,
    /// Absent once it is large.
    digest: Option<Sha256>,
    size: u64,
    /// Bytes since the disk was last made to begin.
    stretch: u64,
    beginning: Option<JoinHandle<()>>,
    /// Emptied, to be collected into again.
    spare: Vec<u8>,
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        // Windows does not remove an open file.
        self.file = None;
        if let Some(path) = self.temporary.take()
            && let Err(error) = fs::remove_file(&path)
            && error.kind() != ErrorKind::NotFound
        {
            tracing::warn!(%error, path = %path.display(), "an unfinished upload was not removed");
        }
    }
}

/// Where uploads to the artifact root wait: one folder, so that what a crash left
/// behind is found again without walking through all artifacts.
fn waiting_room(root: &Path) -> PathBuf {
    root.join(format!("{RESERVED_PREFIX}s"))
}

/// Removes what uploads left behind that a crash cut off.
pub(super) fn sweep(root: &Path) {
    let now = SystemTime::now();
    for entry in fs::read_dir(waiting_room(root)).into_iter().flatten().flatten() {
        let written = entry.metadata().and_then(|about| about.modified());
        let idle = written.ok().and_then(|written| now.duration_since(written).ok());
        if idle.is_some_and(|idle| idle > ABANDONED)
            && let Err(error) = fs::remove_file(entry.path())
        {
            tracing::warn!(%error, "an abandoned upload was not removed");
        }
    }
}

impl DiskUpload {
    pub(super) fn new(inner: Arc<Inner>, target: Target) -> Result<Self> {
        if target.path.is_root() {
            return Err(Error::invalid("Invalid path: an artifact needs a name."));
        }
        Ok(Self { inner, target: Arc::new(target), collected: Vec::new(), work: Work::None })
    }

    pub(super) async fn write(&mut self, piece: &[u8]) -> Result<()> {
        self.collected.extend_from_slice(piece);
        if self.collected.len() < CHUNK {
            return Ok(());
        }
        let mut begun = self.settled().await?;
        let spare = begun.as_mut().map(|file| take(&mut file.spare)).unwrap_or_default();
        let mut collected = replace(&mut self.collected, spare);
        let (inner, target) = (Arc::clone(&self.inner), Arc::clone(&self.target));
        self.work = Work::Busy(tokio::task::spawn_blocking(move || {
            let mut file = begun.map_or_else(|| Unfinished::begin(&inner, &target), Ok)?;
            file.write(&collected, &target)?;
            file.begin_sync(&inner);
            collected.clear();
            file.spare = collected;
            Ok(file)
        }));
        Ok(())
    }

    pub(super) async fn finish(mut self) -> Result<Stored> {
        let begun = self.settled().await?;
        let Self { inner, target, collected, .. } = self;
        blocking(move || {
            let mut file = begun.map_or_else(|| Unfinished::open(&inner, &target), Ok)?;
            file.write(&collected, &target)?;
            publish(&inner, &target, file)
        })
        .await
    }

    /// Waits for the disk. A caller that goes away meanwhile loses nothing: the task stays.
    async fn settled(&mut self) -> Result<Option<Unfinished>> {
        let outcome = match &mut self.work {
            Work::None => return Ok(None),
            Work::Failed => return Err(lost()),
            Work::Busy(task) => task.await,
        };
        self.work = Work::Failed;
        let file = outcome.unwrap_or_else(|stopped| Err(stopped_early(stopped)))?;
        self.work = Work::None;
        Ok(Some(file))
    }

    /// Lets a test stand another file under the upload.
    #[cfg(test)]
    pub(super) fn write_to(&mut self, file: File) {
        let mut unfinished = Unfinished::open(&self.inner, &self.target).unwrap();
        unfinished.file = Some(file);
        self.work = Work::Busy(tokio::task::spawn_blocking(|| Ok(unfinished)));
    }
}

fn lost() -> Error {
    Error::internal("The upload has failed already.")
}

impl Unfinished {
    /// Opens the temporary file of a large upload, having looked whether its place can be
    /// taken: that is told before everything has come.
    fn begin(inner: &Inner, target: &Target) -> Result<Self> {
        if target.locate()?.is_dir() {
            return Err(failure(ErrorKind::IsADirectory.into(), &target.name()));
        }
        Self::open(inner, target)
    }

    /// Opens the temporary file.
    fn open(inner: &Inner, target: &Target) -> Result<Self> {
        let fail = |error| failure(error, &target.name());
        let folder = if target.root == inner.root {
            waiting_room(&inner.root)
        } else {
            // The same disk, and no folder is made that a cut upload would leave.
            let base = target.base();
            target.confine(&base, &base)?;
            existing_part(&base).map_err(fail)?
        };
        let path = folder.join(format!("{RESERVED_PREFIX}-{}", uuid::Uuid::new_v4().simple()));
        let file = match File::create_new(&path) {
            Err(error) if error.kind() == ErrorKind::NotFound => {
                fs::create_dir_all(&folder).and_then(|()| File::create_new(&path))
            }
            opened => opened,
        };
        Ok(Self {
            file: Some(file.map_err(fail)?),
            temporary: Some(path),
            digest: Some(Sha256::new()),
            size: 0,
            stretch: 0,
            beginning: None,
            spare: Vec::new(),
        })
    }

    fn write(&mut self, data: &[u8], target: &Target) -> Result<()> {
        failpoint!("artifacts::write")?;
        let Some(file) = &mut self.file else { return Err(lost()) };
        file.write_all(data).map_err(|error| failure(error, &target.name()))?;
        self.size += data.len() as u64;
        self.stretch += data.len() as u64;
        match &mut self.digest {
            Some(digest) if self.size <= LARGE => digest.update(data),
            digest => *digest = None,
        }
        Ok(())
    }

    /// Makes the disk begin with what was written so far, while more is received.
    fn begin_sync(&mut self, inner: &Inner) {
        let is_busy = self.beginning.as_ref().is_some_and(|task| !task.is_finished());
        if inner.durability == Durability::Fast || self.stretch < STRETCH || is_busy {
            return;
        }
        if let (Some(Ok(file)), Ok(runtime)) =
            (self.file.as_ref().map(File::try_clone), Handle::try_current())
        {
            self.stretch = 0;
            // What fails here fails at the end, where it is told.
            self.beginning = Some(runtime.spawn_blocking(move || drop(file.sync_data())));
        }
    }
}

/// Puts the file where it belongs.
fn publish(inner: &Inner, target: &Target, mut from: Unfinished) -> Result<Stored> {
    let fail = |error| failure(error, &target.name());
    let (Some(file), Some(temporary)) = (from.file.take(), from.temporary.clone()) else {
        return Err(lost());
    };
    // At `balanced` a small file is put on the disk in the background, unless that has
    // fallen behind.
    let later = inner.durability == Durability::Balanced
        && from.size <= LARGE
        && inner.background.has_room();
    if inner.durability != Durability::Fast && !later {
        file.sync_all().map_err(fail)?;
    }
    // Windows does not rename an open file.
    let kept = if later && !cfg!(windows) { Some(file) } else { None };
    failpoint!("artifacts::rename")?;
    let mut folders = Folders::default();
    let (place, stamp) = put(inner, target, &temporary, &mut folders)?;
    from.temporary = None;
    match inner.durability {
        Durability::PowerSafe => folders.sync().map_err(fail)?,
        Durability::Balanced => inner.background.add(Unsynced {
            file: kept,
            path: later.then_some(place),
            folders: folders.0,
            bytes: from.size,
        }),
        Durability::Fast => {}
    }
    let sha256 = from.digest.take().map(|digest| digest.finalize().into());
    Ok(Stored { size: from.size, sha256, stamp })
}

/// Folders whose names are new or have changed.
#[derive(Debug, Default)]
struct Folders(Vec<PathBuf>);

impl Folders {
    fn sync(&self) -> io::Result<()> {
        self.0.iter().try_for_each(|folder| sync_dir(folder))
    }

    /// Makes a folder and those above it.
    fn make(&mut self, folder: &Path) -> io::Result<()> {
        if folder.is_dir() {
            return Ok(());
        }
        let Some(parent) = folder.parent() else { return fs::create_dir_all(folder) };
        self.make(parent)?;
        match fs::create_dir(folder) {
            Err(error) if error.kind() == ErrorKind::AlreadyExists && folder.is_dir() => {}
            made => made?,
        }
        self.0.push(parent.to_path_buf());
        Ok(())
    }
}

/// Makes the folders, chooses the name and takes it. Returns the file's place and when it
/// was taken, compared with others.
fn put(inner: &Inner, target: &Target, from: &Path, made: &mut Folders) -> Result<(PathBuf, i64)> {
    let fail = |error| failure(error, &target.name());
    let mut naming = inner.naming.lock().unwrap_or_else(PoisonError::into_inner);
    made.make(&target.root).map_err(fail)?;
    let base = target.base();
    let (last, folders) = target.path.segments().split_last().ok_or_else(lost)?;
    let folder = descend(&base, folders);
    let place = naming.known.find(&folder, last).path;
    target.confine(&base, &place)?;
    made.make(&folder).map_err(fail)?;
    rename(from, &place).map_err(fail)?;
    naming.known.took(&place);
    naming.stamp = stamp_after(naming.stamp);
    made.0.push(folder);
    Ok((place, naming.stamp))
}

/// Nanoseconds, and always more than before.
fn stamp_after(last: i64) -> i64 {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    i64::try_from(now.as_nanos()).unwrap_or(i64::MAX).max(last.saturating_add(1))
}

/// Renames, also where another disk is mounted inside the artifact root.
fn rename(from: &Path, to: &Path) -> io::Result<()> {
    match fs::rename(from, to) {
        Err(error) if error.kind() == ErrorKind::CrossesDevices => {}
        done => return done,
    }
    let name = from.file_name().unwrap_or_default();
    let near = to.with_file_name(name);
    let moved = fs::copy(from, &near)
        .and_then(|_| File::open(&near)?.sync_all())
        .and_then(|()| fs::rename(&near, to));
    let left = if moved.is_ok() { from } else { &near };
    fs::remove_file(left)?;
    moved
}
