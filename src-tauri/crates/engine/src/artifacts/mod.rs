//! Files of runs and models, reached by URI: plain files that a person can open, or
//! objects in S3-compatible storage.
//!
//! `mlflow-artifacts:/<path>` names what lies under one root, a folder or a place in a
//! bucket. `file:` URIs and plain absolute paths are served only below the allowed roots,
//! `s3:` URIs only in the allowed buckets. Every path is checked in one place
//! ([`branchline_core::artifact_path`]), and what it resolves to on disk must stay below
//! the folder that the URI names, symbolic links included.

mod background;
mod bucket;
mod disk;
mod disk_upload;
mod hash;
mod locate;
mod names;
mod open;
mod upload;

#[cfg(test)]
mod tests;
#[cfg(test)]
mod upload_tests;

pub use bucket::{Addressing, BucketOptions, Hidden, Location, Object, Presigned, StartedParts};
pub use open::{Content, OpenFile};
pub use upload::{Stored, Upload};

use background::Background;
use branchline_core::{Error, ErrorCode, FileInfo, Result, artifact_path, location};
use branchline_store::{ArtifactFileRow, Durability};
use bucket::{BucketTarget, Buckets};
use locate::Target;
use names::KnownNames;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// How artifacts are kept.
#[derive(Debug)]
pub struct ArtifactOptions {
    /// The folder behind `mlflow-artifacts:/`.
    pub root: PathBuf,
    /// What is behind `mlflow-artifacts:/` instead of the folder.
    pub destination: Option<Location>,
    /// Folders beside the root below which `file:` locations are served.
    pub allowed_roots: Vec<PathBuf>,
    /// How far a file has gone when its upload is answered.
    pub durability: Durability,
    /// How buckets are reached.
    pub buckets: BucketOptions,
}

impl ArtifactOptions {
    /// Files in a folder and nowhere else.
    pub fn in_folder(root: PathBuf, durability: Durability) -> Self {
        let (allowed_roots, buckets) = (Vec::new(), BucketOptions::default());
        Self { root, destination: None, allowed_roots, durability, buckets }
    }
}

/// The artifact store. A cheap clone.
#[derive(Debug, Clone)]
pub struct Artifacts {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    /// What `mlflow-artifacts:/` means, unless that is in a bucket.
    root: PathBuf,
    destination: Option<Location>,
    /// Below these, `file:` URIs and absolute paths are served; holds `root` too.
    allowed_roots: Vec<PathBuf>,
    durability: Durability,
    buckets: Buckets,
    /// Held while names are chosen, so that two uploads cannot take names that differ
    /// only in case.
    naming: Mutex<Naming>,
    /// Puts on the disk what was answered before it was there.
    background: Background,
    /// Held while a file is hashed.
    hashing: tokio::sync::Mutex<()>,
}

/// What is needed to choose a name.
#[derive(Debug, Default)]
struct Naming {
    /// When the last was taken.
    stamp: i64,
    known: KnownNames,
}

/// What a URI and a path name.
#[derive(Debug)]
enum Place {
    Disk(Target),
    Bucket(BucketTarget),
}

impl Inner {
    /// Checks what `uri` and `path` name.
    fn place(&self, uri: &str, path: Option<&str>) -> Result<Place> {
        if Location::is_meant(uri) {
            let location = Location::parse(uri)?;
            self.buckets.allow(&location)?;
            let path = artifact_path::check(path.unwrap_or_default())?;
            return Ok(Place::Bucket(self.buckets.target(location, path)?));
        }
        if let (Some(destination), Some(rest)) = (&self.destination, location::proxied(uri)) {
            let location = destination.join(&artifact_path::check(rest)?);
            let path = artifact_path::check(path.unwrap_or_default())?;
            return Ok(Place::Bucket(self.buckets.target(location, path)?));
        }
        Ok(Place::Disk(self.target(uri, path)?))
    }
}

impl Artifacts {
    /// Opens the store. Removes what uploads left behind that a crash cut off.
    pub fn new(options: ArtifactOptions) -> Self {
        let ArtifactOptions { root, destination, mut allowed_roots, durability, buckets } = options;
        disk_upload::sweep(&root);
        allowed_roots.push(root.clone());
        let inner = Inner {
            root,
            destination,
            allowed_roots,
            durability,
            buckets: Buckets::new(buckets),
            naming: Mutex::default(),
            background: Background::default(),
            hashing: tokio::sync::Mutex::default(),
        };
        Self { inner: Arc::new(inner) }
    }

    /// Puts everything on the disk that is not there yet.
    pub async fn close(&self) {
        let inner = Arc::clone(&self.inner);
        let flushed = tokio::task::spawn_blocking(move || inner.background.stop()).await;
        if let Err(error) = flushed {
            tracing::error!(%error, "files could not be put on the disk at the end");
        }
    }

    /// The folder behind `mlflow-artifacts:/`, unless that is in a bucket.
    pub fn root(&self) -> &std::path::Path {
        &self.inner.root
    }

    /// Whether clients may move the bytes of `mlflow-artifacts:/` themselves.
    pub fn is_direct(&self) -> bool {
        self.inner.destination.is_some() && self.inner.buckets.presigns()
    }

    /// Where the thing that `uri` and `path` name is on this machine, or would be. It
    /// looks at the disk, briefly.
    ///
    /// # Errors
    /// `InvalidParameterValue` for paths that are not safe or leave the allowed roots,
    /// `NotImplemented` for URIs of other stores.
    pub fn resolve_uri(&self, uri: &str, path: Option<&str>) -> Result<PathBuf> {
        match self.inner.place(uri, path)? {
            Place::Disk(target) => target.locate(),
            Place::Bucket(_) => Err(Error::new(
                ErrorCode::NotImplemented,
                "What is in a bucket has no place on this machine.",
            )),
        }
    }

    /// What a folder holds, sorted by path; nothing for a file or what is not there.
    ///
    /// # Errors
    /// As [`Self::resolve_uri`], and when the disk or the bucket fails.
    pub async fn list(&self, uri: &str, path: Option<&str>) -> Result<Vec<FileInfo>> {
        match self.inner.place(uri, path)? {
            Place::Disk(target) => blocking(move || target.list()).await,
            Place::Bucket(target) => target.list().await,
        }
    }

    /// Opens a file for reading.
    ///
    /// # Errors
    /// `ResourceDoesNotExist` when there is no such file, and as [`Self::list`].
    pub async fn open(&self, uri: &str, path: &str) -> Result<OpenFile> {
        match self.inner.place(uri, Some(path))? {
            Place::Disk(target) => blocking(move || target.open()).await,
            Place::Bucket(target) => Ok(OpenFile::in_bucket(target.open().await?, &target)),
        }
    }

    /// Whether there is a folder.
    ///
    /// # Errors
    /// As [`Self::list`].
    pub async fn is_folder(&self, uri: &str, path: &str) -> Result<bool> {
        match self.inner.place(uri, Some(path))? {
            Place::Disk(target) => blocking(move || Ok(target.locate()?.is_dir())).await,
            Place::Bucket(target) => target.is_folder().await,
        }
    }

    /// Where below `mlflow-artifacts:/` a file is that only this server writes; `None` for
    /// all others.
    ///
    /// # Errors
    /// `InvalidParameterValue` for paths that are not safe.
    pub fn proxied_path(&self, uri: &str, path: &str) -> Result<Option<String>> {
        let (Some(rest), None) = (location::proxied(uri), &self.inner.destination) else {
            return Ok(None);
        };
        let place = artifact_path::check(rest)?.join(&artifact_path::check(path)?);
        Ok(Some(place.to_string()))
    }

    /// Which of the files below `mlflow-artifacts:/` are missing or not as large as noted.
    ///
    /// # Errors
    /// When the disk fails.
    pub(crate) async fn damaged(&self, files: Vec<ArtifactFileRow>) -> Result<Vec<String>> {
        if self.inner.destination.is_some() {
            return Ok(Vec::new());
        }
        let inner = Arc::clone(&self.inner);
        blocking(move || {
            let look = |file: &ArtifactFileRow| {
                let found = inner.target("mlflow-artifacts:/", Some(&file.path))?.locate()?;
                Ok(match std::fs::metadata(found) {
                    Ok(about) if about.len() == file.size => None,
                    Ok(about) => Some(format!(
                        "the artifact '{}' has {} bytes and was stored with {}",
                        file.path,
                        about.len(),
                        file.size
                    )),
                    Err(error) if disk::is_missing(&error) => {
                        Some(format!("the artifact '{}' is missing", file.path))
                    }
                    Err(error) => return Err(disk::failure(error, &file.path)),
                })
            };
            files.iter().filter_map(|file| look(file).transpose()).collect()
        })
        .await
    }

    /// Starts to store a file. Nobody sees it before [`Upload::finish`].
    ///
    /// # Errors
    /// As [`Self::resolve_uri`]. What the disk has against it is told later.
    pub fn create(&self, uri: &str, path: &str) -> Result<Upload> {
        match self.inner.place(uri, Some(path))? {
            Place::Disk(target) => Upload::on_disk(Arc::clone(&self.inner), target),
            Place::Bucket(target) => Upload::in_bucket(target),
        }
    }

    /// Removes a file, or a folder with all that is in it. What is not there is fine.
    /// An empty path means the folder that `uri` names.
    ///
    /// # Errors
    /// As [`Self::list`]; a whole root is refused.
    pub async fn delete(&self, uri: &str, path: &str) -> Result<()> {
        match self.inner.place(uri, Some(path))? {
            Place::Disk(target) => blocking(move || target.delete()).await,
            Place::Bucket(target) if self.is_whole(&target) => Err(locate::whole_root()),
            Place::Bucket(target) => target.delete().await,
        }
    }

    fn is_whole(&self, target: &BucketTarget) -> bool {
        self.inner.destination.as_ref().is_some_and(|root| target.holds(root))
    }

    /// The bytes of all files in the folder that `uri` names; nothing when it is not there.
    ///
    /// # Errors
    /// As [`Self::list`].
    pub async fn size(&self, uri: &str) -> Result<u64> {
        match self.inner.place(uri, None)? {
            Place::Disk(target) => {
                blocking(move || {
                    let folder = target.locate()?;
                    if folder.exists() { disk::total_size(&folder) } else { Ok(0) }
                })
                .await
            }
            Place::Bucket(target) => target.size().await,
        }
    }

    /// Removes the folder that `uri` names with all that is in it, and the folders above
    /// that are empty then. What is not there is fine.
    ///
    /// # Errors
    /// As [`Self::delete`].
    pub async fn remove_location(&self, uri: &str) -> Result<()> {
        match self.inner.place(uri, None)? {
            Place::Disk(target) => blocking(move || target.delete_with_empty_parents()).await,
            // A bucket has no folders: what holds nothing is not there.
            Place::Bucket(_) => self.delete(uri, "").await,
        }
    }

    /// The bytes of all files that the server keeps on this machine.
    ///
    /// # Errors
    /// When the disk fails.
    pub async fn total_size(&self) -> Result<u64> {
        let root = self.inner.root.clone();
        blocking(move || disk::total_size(&root)).await
    }

    /// An address from which a client can read the file itself, for as long as `holds`.
    ///
    /// # Errors
    /// `NotImplemented` where clients do not move bytes themselves; no such file; the bucket's.
    pub async fn presigned_download(
        &self,
        uri: &str,
        path: &str,
        holds: Duration,
    ) -> Result<Presigned> {
        self.direct(uri, path, "Presigned download")?.presigned_download(holds).await
    }

    /// An address to which a client can write the file itself, for as long as `holds`.
    ///
    /// # Errors
    /// `NotImplemented` where clients do not move bytes themselves; the bucket's.
    pub async fn presigned_upload(
        &self,
        uri: &str,
        path: &str,
        holds: Duration,
    ) -> Result<Presigned> {
        self.direct(uri, path, "Presigned upload")?.presigned_upload(holds).await
    }

    /// Begins a file that a client stores itself in `count` parts.
    ///
    /// # Errors
    /// `NotImplemented` where clients do not move bytes themselves; too many parts; the bucket's.
    pub async fn start_parts(&self, uri: &str, path: &str, count: usize) -> Result<StartedParts> {
        self.direct(uri, path, PARTS)?.start_parts(count).await
    }

    /// Makes the file of its parts; `etags` are the bucket's answers to them, in order.
    ///
    /// # Errors
    /// As [`Self::start_parts`]; a part that is missing.
    pub async fn complete_parts(
        &self,
        uri: &str,
        path: &str,
        upload_id: String,
        etags: Vec<String>,
    ) -> Result<()> {
        self.direct(uri, path, PARTS)?.complete_parts(upload_id, etags).await
    }

    /// Forgets a file and the parts that are there.
    ///
    /// # Errors
    /// As [`Self::start_parts`].
    pub async fn abort_parts(&self, uri: &str, path: &str, upload_id: String) -> Result<()> {
        self.direct(uri, path, PARTS)?.abort_parts(upload_id).await
    }

    fn direct(&self, uri: &str, path: &str, what: &str) -> Result<BucketTarget> {
        match self.inner.place(uri, Some(path))? {
            Place::Bucket(target) if self.inner.buckets.presigns() => Ok(target),
            Place::Bucket(_) | Place::Disk(_) => Err(Error::new(
                ErrorCode::NotImplemented,
                format!("{what} is not supported for the current artifact repository"),
            )),
        }
    }
}

const PARTS: &str = "Multipart upload";

/// Runs disk work where it may block.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T> + Send + 'static,
) -> Result<T> {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        Err(stopped) => Err(stopped_early(stopped)),
    }
}

fn stopped_early(stopped: tokio::task::JoinError) -> Error {
    Error::internal("The disk task was stopped.").source(stopped)
}
