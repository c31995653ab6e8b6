//! Storing a file: under a temporary name first, then renamed, so that nobody ever
//! sees a part of it, and a cut upload leaves nothing behind.

use super::disk::{existing_part, failure, find};
use super::locate::Target;
use super::{Inner, blocking};
use crate::platform::sync_dir;
use branchline_core::artifact_path::RESERVED_PREFIX;
use branchline_core::{Error, Result, failpoint};
use sha2::{Digest, Sha256};
use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::{self, ErrorKind, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError};
use std::time::{Duration, SystemTime};

/// How much is collected before it is handed to the disk.
const CHUNK: usize = 512 * 1024;

/// How long nothing may have been written to a temporary file for it to be taken for
/// one that a crash left behind.
const ABANDONED: Duration = Duration::from_secs(60 * 60);

/// A file that is being stored. Dropped before [`Self::finish`], it never was.
#[derive(Debug)]
pub struct Upload {
    inner: Arc<Inner>,
    target: Arc<Target>,
    /// Away while the disk works. Dropped before the file is removed, for Windows.
    writer: Option<Writer>,
    temporary: Temporary,
    buffer: Vec<u8>,
}

/// What was stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stored {
    /// Bytes.
    pub size: u64,
    /// Of the content, in hexadecimal digits.
    pub sha256: String,
}

#[derive(Debug)]
struct Writer {
    file: File,
    digest: Sha256,
    size: u64,
}

/// A file that is removed unless it was renamed.
#[derive(Debug)]
struct Temporary(Option<PathBuf>);

impl Drop for Temporary {
    fn drop(&mut self) {
        if let Some(path) = self.0.take()
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

impl Upload {
    /// Opens the temporary file.
    pub(super) fn start(inner: Arc<Inner>, target: Target) -> Result<Self> {
        if target.path.is_root() {
            return Err(Error::invalid("Invalid path: an artifact needs a name."));
        }
        let found = target.locate()?;
        if found.is_dir() {
            return Err(failure(ErrorKind::IsADirectory.into(), &target.name()));
        }
        let fail = |error| failure(error, &target.name());
        let folder = if target.root == inner.root {
            let room = waiting_room(&inner.root);
            fs::create_dir_all(&room).map_err(fail)?;
            room
        } else {
            // The same disk, and no folder is made that a cut upload would leave.
            let parent = found.parent().unwrap_or(&target.root);
            existing_part(parent).map_err(fail)?
        };
        let path = folder.join(format!("{RESERVED_PREFIX}-{}", uuid::Uuid::new_v4().simple()));
        let file = File::create_new(&path).map_err(fail)?;
        Ok(Self {
            inner,
            target: Arc::new(target),
            temporary: Temporary(Some(path)),
            writer: Some(Writer { file, digest: Sha256::new(), size: 0 }),
            buffer: Vec::new(),
        })
    }

    /// Adds to the file's end.
    ///
    /// # Errors
    /// `StorageFull` when the disk is full; the upload is then lost.
    pub async fn write(&mut self, data: &[u8]) -> Result<()> {
        self.buffer.extend_from_slice(data);
        if self.buffer.len() < CHUNK { Ok(()) } else { self.drain().await }
    }

    /// Puts the file in its place, over one that had its name.
    ///
    /// # Errors
    /// `StorageFull`, and `InvalidParameterValue` when a folder has the name.
    pub async fn finish(mut self) -> Result<Stored> {
        self.drain().await?;
        let (Some(writer), Some(path)) = (self.writer.take(), self.temporary.0.clone()) else {
            return Err(lost());
        };
        let (inner, target) = (Arc::clone(&self.inner), Arc::clone(&self.target));
        let stored = blocking(move || publish(&inner, &target, writer, &path)).await?;
        self.temporary.0 = None;
        Ok(stored)
    }

    /// Lets a test stand another file under the upload.
    #[cfg(test)]
    pub(super) fn write_to(&mut self, file: File) {
        if let Some(writer) = &mut self.writer {
            writer.file = file;
        }
    }

    /// Hands what was collected to the disk.
    async fn drain(&mut self) -> Result<()> {
        let Some(mut writer) = self.writer.take() else { return Err(lost()) };
        let buffer = std::mem::take(&mut self.buffer);
        let target = Arc::clone(&self.target);
        let (writer, buffer) = blocking(move || {
            failpoint!("artifacts::write")?;
            writer.file.write_all(&buffer).map_err(|error| failure(error, &target.name()))?;
            writer.digest.update(&buffer);
            writer.size += buffer.len() as u64;
            Ok((writer, buffer))
        })
        .await?;
        self.writer = Some(writer);
        self.buffer = buffer;
        self.buffer.clear();
        Ok(())
    }
}

fn lost() -> Error {
    Error::internal("The upload has failed already.")
}

/// Puts the file where it belongs.
fn publish(inner: &Inner, target: &Target, writer: Writer, from: &Path) -> Result<Stored> {
    let fail = |error| failure(error, &target.name());
    if inner.sync_files {
        writer.file.sync_all().map_err(fail)?;
    }
    // Windows does not rename an open file.
    drop(writer.file);
    failpoint!("artifacts::rename")?;
    let folder = put(inner, target, from)?;
    if inner.sync_files {
        sync_dir(&folder).map_err(fail)?;
    }
    let mut sha256 = String::with_capacity(64);
    for byte in writer.digest.finalize() {
        // Writing to a String cannot fail.
        let _ = write!(sha256, "{byte:02x}");
    }
    Ok(Stored { size: writer.size, sha256 })
}

/// Makes the folders, chooses the name and takes it. Returns the folder.
fn put(inner: &Inner, target: &Target, from: &Path) -> Result<PathBuf> {
    let fail = |error| failure(error, &target.name());
    let _naming = inner.naming.lock().unwrap_or_else(PoisonError::into_inner);
    make_folders(inner, &target.root).map_err(fail)?;
    let base = target.base();
    target.confine(&base, &target.locate()?)?;
    make_folders(inner, &base).map_err(fail)?;
    let mut folder = base;
    let (last, folders) = target.path.segments().split_last().ok_or_else(lost)?;
    for name in folders {
        folder = find(&folder, name).path;
        make_folders(inner, &folder).map_err(fail)?;
    }
    rename(from, &find(&folder, last).path).map_err(fail)?;
    Ok(folder)
}

/// Makes a folder and those above it, so that they outlive a power cut if that is wanted.
fn make_folders(inner: &Inner, folder: &Path) -> io::Result<()> {
    if folder.is_dir() {
        return Ok(());
    }
    let Some(parent) = folder.parent() else { return fs::create_dir_all(folder) };
    make_folders(inner, parent)?;
    match fs::create_dir(folder) {
        Err(error) if error.kind() == ErrorKind::AlreadyExists && folder.is_dir() => {}
        made => made?,
    }
    if inner.sync_files { sync_dir(parent) } else { Ok(()) }
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
