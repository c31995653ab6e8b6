//! A file that is open for reading, wherever it lies.

use super::bucket::{BucketTarget, Object};
use super::disk::{self, failure};
use bytes::Bytes;
use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::time::SystemTime;

/// Up to this size a file is read when it is opened: going back for it would cost more.
const SMALL: u64 = 128 * 1024;

/// A file that is open for reading.
#[derive(Debug)]
pub struct OpenFile {
    /// What it holds, or where to read it.
    pub content: Content,
    /// Bytes.
    pub size: u64,
    /// When it was last written.
    pub modified: SystemTime,
    /// Its name, without folders.
    pub name: String,
}

/// What a file holds, or where to read it.
#[derive(Debug)]
pub enum Content {
    /// All of it.
    Whole(Bytes),
    /// A file of this machine, at its start.
    File(File),
    /// A file in a bucket.
    Object(Object),
}

impl OpenFile {
    /// Opens `found`, which is the artifact `path`.
    pub(super) fn on_disk(found: &Path, path: &str, name: String) -> branchline_core::Result<Self> {
        let fail = |error| match disk::is_missing(&error) {
            true => disk::missing(path),
            false => failure(error, path),
        };
        // Not even opened: a pipe would wait for its writer.
        if !std::fs::metadata(found).map_err(fail)?.is_file() {
            return Err(disk::missing(path));
        }
        let mut file = File::open(found).map_err(fail)?;
        let about = file.metadata().map_err(fail)?;
        let modified = about.modified().map_err(fail)?;
        let size = about.len();
        if size > SMALL {
            return Ok(Self { content: Content::File(file), size, modified, name });
        }
        let mut bytes = Vec::with_capacity(usize::try_from(size).unwrap_or_default() + 1);
        // Of what another program appends meanwhile, no more than fits.
        file.by_ref().take(SMALL).read_to_end(&mut bytes).map_err(fail)?;
        let size = bytes.len() as u64;
        Ok(Self { content: Content::Whole(bytes.into()), size, modified, name })
    }

    pub(super) fn in_bucket(object: Object, target: &BucketTarget) -> Self {
        Self {
            size: object.size(),
            modified: object.modified(),
            name: target.path.file_name().unwrap_or_default().to_owned(),
            content: Content::Object(object),
        }
    }
}
