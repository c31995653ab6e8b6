//! What can be done with a place in a bucket.

use super::failure::Asked;
use super::location::{Location, join};
use super::read::Object;
use branchline_core::artifact_path::RelativePath;
use branchline_core::{Error, FileInfo, Result};
use futures_util::{StreamExt, TryStreamExt};
use object_store::aws::AmazonS3;
use object_store::path::Path;
use object_store::{ObjectMeta, ObjectStore, ObjectStoreExt};

/// What a URI and a path name.
#[derive(Debug, Clone)]
pub(in crate::artifacts) struct BucketTarget {
    pub(super) store: AmazonS3,
    /// The service's name in messages.
    pub(super) endpoint: String,
    /// What the URI names.
    pub(super) base: Location,
    /// From there on.
    pub(in crate::artifacts) path: RelativePath,
}

impl BucketTarget {
    /// Whether deleting it would delete a whole root.
    pub(in crate::artifacts) fn holds(&self, root: &Location) -> bool {
        root.is_within(&self.base.join(&self.path))
    }

    /// Where it is in the bucket.
    pub(super) fn key(&self) -> Result<Path> {
        let key = join(&self.base.prefix, &self.path);
        Path::parse(&key).map_err(|error| {
            Error::invalid(format!("Invalid path: '{}' can be no key of a bucket.", self.path))
                .source(error)
        })
    }

    /// The key of a file, which has a name.
    pub(super) fn file_key(&self) -> Result<Path> {
        if self.path.is_root() {
            return Err(Error::invalid("Invalid path: an artifact needs a name."));
        }
        self.key()
    }

    pub(super) fn failed(&self, error: object_store::Error) -> Error {
        let path = self.path.to_string();
        let asked = Asked { endpoint: &self.endpoint, bucket: &self.base.bucket, path: &path };
        asked.failed(error)
    }

    /// What a folder holds, sorted by path.
    pub(in crate::artifacts) async fn list(&self) -> Result<Vec<FileInfo>> {
        let key = self.key()?;
        let found = self
            .store
            .list_with_delimiter(prefix(&key))
            .await
            .map_err(|error| self.failed(error))?;
        let above = if self.path.is_root() { String::new() } else { format!("{}/", self.path) };
        // A key that is the folder itself, as consoles make them, has no name here.
        let name = |found: &Path| below(&key, found).map(|name| format!("{above}{name}"));
        let file = |meta: &ObjectMeta| {
            Some(FileInfo { path: name(&meta.location)?, is_dir: false, size: Some(meta.size) })
        };
        let folder = |path: &Path| Some(FileInfo { path: name(path)?, is_dir: true, size: None });
        let mut files: Vec<FileInfo> = found.objects.iter().filter_map(file).collect();
        files.extend(found.common_prefixes.iter().filter_map(folder));
        files.sort_by(|one, other| one.path.cmp(&other.path));
        Ok(files)
    }

    /// Whether anything is below it.
    pub(in crate::artifacts) async fn is_folder(&self) -> Result<bool> {
        let key = self.key()?;
        let first = self.store.list(prefix(&key)).next().await;
        Ok(first.transpose().map_err(|error| self.failed(error))?.is_some())
    }

    /// Finds a file; its bytes come when they are read.
    pub(in crate::artifacts) async fn open(&self) -> Result<Object> {
        if self.path.is_root() {
            return Err(Error::not_found(format!("No such artifact: '{}'", self.path)));
        }
        let key = self.key()?;
        let meta = self.store.head(&key).await.map_err(|error| self.failed(error))?;
        Ok(Object { target: self.clone(), meta })
    }

    /// The bytes of all files below.
    pub(in crate::artifacts) async fn size(&self) -> Result<u64> {
        let key = self.key()?;
        self.store
            .list(prefix(&key))
            .try_fold(0_u64, |sum, meta| std::future::ready(Ok(sum + meta.size)))
            .await
            .map_err(|error| self.failed(error))
    }

    /// Removes a file or all that is below a folder.
    pub(in crate::artifacts) async fn delete(&self) -> Result<()> {
        let key = self.key()?;
        if key.is_root() {
            return Err(Error::invalid("Invalid path: a whole bucket is not emptied."));
        }
        // Deleting what is not there is no failure.
        self.store.delete(&key).await.map_err(|error| self.failed(error))?;
        let below = self.store.list(Some(&key)).map_ok(|meta| meta.location).boxed();
        self.store
            .delete_stream(below)
            .try_for_each(|_| std::future::ready(Ok(())))
            .await
            .map_err(|error| self.failed(error))
    }
}

fn prefix(key: &Path) -> Option<&Path> {
    (!key.is_root()).then_some(key)
}

/// What `found` is called below `key`.
fn below<'a>(key: &Path, found: &'a Path) -> Option<&'a str> {
    let name = match key.as_ref() {
        "" => found.as_ref(),
        key => found.as_ref().strip_prefix(key)?.strip_prefix('/')?,
    };
    (!name.is_empty()).then_some(name)
}
