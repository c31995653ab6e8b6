//! Files of runs and models: plain files that a person can open, reached by URI.
//!
//! `mlflow-artifacts:/<path>` names what lies under one root. `file:` URIs and plain
//! absolute paths are served only below the allowed roots. Every path is checked in
//! one place ([`branchline_core::artifact_path`]), and what it resolves to must stay
//! below the folder that the URI names, symbolic links included.

mod disk;
mod locate;
mod upload;

#[cfg(test)]
mod tests;
#[cfg(test)]
mod upload_tests;

pub use upload::{Stored, Upload};

use branchline_core::{Error, FileInfo, Result};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::SystemTime;

/// The artifact store. A cheap clone.
#[derive(Debug, Clone)]
pub struct Artifacts {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    /// What `mlflow-artifacts:/` means.
    root: PathBuf,
    /// Below these, `file:` URIs and absolute paths are served; holds `root` too.
    allowed_roots: Vec<PathBuf>,
    /// Whether a stored file is on the disk when its upload is answered.
    sync_files: bool,
    /// Held while names are chosen, so that two uploads cannot take names that differ
    /// only in case.
    naming: Mutex<()>,
}

/// A file that is open for reading.
#[derive(Debug)]
pub struct OpenFile {
    /// At its start.
    pub file: tokio::fs::File,
    /// Bytes.
    pub size: u64,
    /// When it was last written.
    pub modified: SystemTime,
    /// Its name, without folders.
    pub name: String,
}

impl Artifacts {
    /// Serves `root` as `mlflow-artifacts:/`, and `file:` locations below
    /// `allowed_roots`. Removes what uploads left behind that a crash cut off.
    pub fn new(root: PathBuf, mut allowed_roots: Vec<PathBuf>, sync_files: bool) -> Self {
        upload::sweep(&root);
        allowed_roots.push(root.clone());
        Self { inner: Arc::new(Inner { root, allowed_roots, sync_files, naming: Mutex::new(()) }) }
    }

    /// What `mlflow-artifacts:/` means on this machine.
    pub fn root(&self) -> &std::path::Path {
        &self.inner.root
    }

    /// Where the thing that `uri` and `path` name is on this machine, or would be. It
    /// looks at the disk, briefly.
    ///
    /// # Errors
    /// `InvalidParameterValue` for paths that are not safe or leave the allowed roots,
    /// `NotImplemented` for URIs of other stores.
    pub fn resolve_uri(&self, uri: &str, path: Option<&str>) -> Result<PathBuf> {
        self.inner.target(uri, path)?.locate()
    }

    /// What a folder holds, sorted by path; nothing for a file or what is not there.
    ///
    /// # Errors
    /// As [`Self::resolve_uri`], and when the disk fails.
    pub async fn list(&self, uri: &str, path: Option<&str>) -> Result<Vec<FileInfo>> {
        let target = self.inner.target(uri, path)?;
        blocking(move || target.list()).await
    }

    /// Opens a file for reading.
    ///
    /// # Errors
    /// `ResourceDoesNotExist` when there is no such file, and as [`Self::resolve_uri`].
    pub async fn open(&self, uri: &str, path: &str) -> Result<OpenFile> {
        let target = self.inner.target(uri, Some(path))?;
        blocking(move || target.open()).await
    }

    /// Starts to store a file. Nobody sees it before [`Upload::finish`].
    ///
    /// # Errors
    /// As [`Self::resolve_uri`], and `StorageFull`.
    pub async fn create(&self, uri: &str, path: &str) -> Result<Upload> {
        let target = self.inner.target(uri, Some(path))?;
        let inner = Arc::clone(&self.inner);
        blocking(move || Upload::start(inner, target)).await
    }

    /// Removes a file, or a folder with all that is in it. What is not there is fine.
    /// An empty path means the folder that `uri` names.
    ///
    /// # Errors
    /// As [`Self::resolve_uri`]; a whole root is refused.
    pub async fn delete(&self, uri: &str, path: &str) -> Result<()> {
        let target = self.inner.target(uri, Some(path))?;
        blocking(move || target.delete()).await
    }

    /// The bytes of all files in the folder that `uri` names; nothing when it is not there.
    ///
    /// # Errors
    /// As [`Self::resolve_uri`], and when the disk fails.
    pub async fn size(&self, uri: &str) -> Result<u64> {
        let target = self.inner.target(uri, None)?;
        blocking(move || {
            let folder = target.locate()?;
            if folder.exists() { disk::total_size(&folder) } else { Ok(0) }
        })
        .await
    }

    /// Removes the folder that `uri` names with all that is in it, and the folders above
    /// that are empty then. What is not there is fine.
    ///
    /// # Errors
    /// As [`Self::delete`].
    pub async fn remove_location(&self, uri: &str) -> Result<()> {
        let target = self.inner.target(uri, None)?;
        blocking(move || target.delete_with_empty_parents()).await
    }

    /// The bytes of all files under `mlflow-artifacts:/`.
    ///
    /// # Errors
    /// When the disk fails.
    pub async fn total_size(&self) -> Result<u64> {
        let root = self.inner.root.clone();
        blocking(move || disk::total_size(&root)).await
    }
}

/// Runs disk work where it may block.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T> + Send + 'static,
) -> Result<T> {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        Err(stopped) => Err(Error::internal("The disk task was stopped.").source(stopped)),
    }
}
