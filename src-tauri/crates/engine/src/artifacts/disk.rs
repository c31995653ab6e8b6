//! Names in folders, and what the disk answers.

use branchline_core::artifact_path::{RESERVED_PREFIX, check, escape, escape_case, unescape};
use branchline_core::{Error, ErrorCode, Result};
use std::fs;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

/// Where a name is in a folder, or would be put.
pub(super) struct Entry {
    pub(super) path: PathBuf,
    /// Whether something is there already.
    pub(super) exists: bool,
}

/// Finds `name` in `folder`: as it is written on disk, as it is written beside a name
/// that differs only in case, or as some other program wrote it.
pub(super) fn find(folder: &Path, name: &str) -> Entry {
    let plain = escape(name);
    let cased = escape_case(name);
    for on_disk in [plain.as_ref(), &cased] {
        let path = folder.join(on_disk);
        if path.symlink_metadata().is_ok() && is_spelt_so(folder, on_disk) {
            return Entry { path, exists: true };
        }
    }
    let lower = plain.to_lowercase();
    let mut clash = false;
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let found = entry.file_name();
        let found = found.to_string_lossy();
        if found.starts_with(RESERVED_PREFIX) {
            continue;
        }
        let read = check(&unescape(&found));
        if read.is_ok_and(|read| read.segments() == [name]) {
            return Entry { path: entry.path(), exists: true };
        }
        clash |= found.to_lowercase() == lower;
    }
    let on_disk = if clash { cased.as_str() } else { plain.as_ref() };
    Entry { path: folder.join(on_disk), exists: false }
}

/// Where case does not count, a file answers to names that are not its own.
fn is_spelt_so(folder: &Path, on_disk: &str) -> bool {
    !crate::platform::IGNORES_CASE
        || fs::read_dir(folder)
            .into_iter()
            .flatten()
            .flatten()
            .any(|entry| entry.file_name() == on_disk)
}

/// The real path of what exists of `path`, symbolic links followed.
pub(super) fn existing_part(path: &Path) -> io::Result<PathBuf> {
    let mut part = path;
    loop {
        match part.canonicalize() {
            Err(error) if is_missing(&error) => match part.parent() {
                Some(parent) if !parent.as_os_str().is_empty() => part = parent,
                _ => return Err(error),
            },
            answer => return answer,
        }
    }
}

/// Whether there is no such file, also because what should be a folder is none.
pub(super) fn is_missing(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory)
}

/// The bytes of all files below a folder; links are not followed.
pub(super) fn total_size(root: &Path) -> Result<u64> {
    let mut bytes = 0;
    let mut folders = vec![root.to_path_buf()];
    while let Some(folder) = folders.pop() {
        let entries = match fs::read_dir(&folder) {
            Err(error) if is_missing(&error) => continue,
            entries => entries.map_err(|error| failure(error, "artifacts"))?,
        };
        for entry in entries {
            let entry = entry.map_err(|error| failure(error, "artifacts"))?;
            // What vanishes meanwhile has no size.
            let Ok(about) = entry.metadata() else { continue };
            if about.is_dir() {
                folders.push(entry.path());
            } else {
                bytes += about.len();
            }
        }
    }
    Ok(bytes)
}

/// What a failure of the disk means to who asked for `what`.
pub(super) fn failure(error: io::Error, what: &str) -> Error {
    let answer = match error.kind() {
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded | ErrorKind::FileTooLarge => Error::new(
            ErrorCode::StorageFull,
            "There is no space left on the disk that holds the artifacts.",
        )
        .hint("Free some space, or delete runs that are no longer needed."),
        ErrorKind::NotFound => missing(what),
        ErrorKind::NotADirectory | ErrorKind::IsADirectory | ErrorKind::AlreadyExists => {
            Error::invalid(format!("'{what}' is a folder where a file is meant, or the reverse."))
        }
        ErrorKind::InvalidFilename | ErrorKind::InvalidInput => {
            Error::invalid(format!("Invalid path: '{what}' is longer than the disk allows."))
        }
        _ => Error::internal(format!("The artifact '{what}' could not be read or written.")),
    };
    answer.source(error)
}

pub(super) fn missing(what: &str) -> Error {
    Error::not_found(format!("No such artifact: '{what}'"))
}
