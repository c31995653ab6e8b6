//! The write-ahead log as a file: how long it is, and forcing it to the disk.

use std::ffi::OsString;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

/// The log beside a database. SQLite itself never waits for the disk at a commit, because the
/// connection would be of no use to others meanwhile (decision 64).
pub(crate) struct Wal {
    path: PathBuf,
    file: OnceLock<File>,
}

impl Wal {
    /// The log of the database at `path`.
    pub(crate) fn of(path: &Path) -> Self {
        let mut name = OsString::from(path);
        name.push("-wal");
        Self { path: name.into(), file: OnceLock::new() }
    }

    pub(crate) fn bytes(&self) -> u64 {
        std::fs::metadata(&self.path).map_or(0, |found| found.len())
    }

    /// Forces everything that was committed before to the disk.
    pub(crate) fn sync(&self) -> io::Result<()> {
        let file = match self.file.get() {
            Some(file) => file,
            None => {
                let opened = File::options().read(true).write(true).open(&self.path)?;
                self.file.get_or_init(|| opened)
            }
        };
        file.sync_data()
    }
}
