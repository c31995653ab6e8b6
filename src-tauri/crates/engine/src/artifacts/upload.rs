//! Storing a file, wherever it goes.

use super::Inner;
use super::bucket::{BucketTarget, BucketUpload};
use super::disk_upload::DiskUpload;
use super::locate::Target;
use branchline_core::Result;
use bytes::Bytes;
use std::sync::Arc;

/// A file that is being stored. Dropped before [`Self::finish`], it never was.
#[derive(Debug)]
pub struct Upload {
    way: Way,
}

#[derive(Debug)]
enum Way {
    Disk(DiskUpload),
    Bucket(Box<BucketUpload>),
}

/// What was stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stored {
    /// Bytes.
    pub size: u64,
    /// SHA-256 of the content; of a large file on disk it is yet to be found out.
    pub sha256: Option<[u8; 32]>,
    /// Larger for what took a name later.
    pub stamp: i64,
}

impl Upload {
    pub(super) fn on_disk(inner: Arc<Inner>, target: Target) -> Result<Self> {
        Ok(Self { way: Way::Disk(DiskUpload::new(inner, target)?) })
    }

    pub(super) fn in_bucket(target: BucketTarget) -> Result<Self> {
        Ok(Self { way: Way::Bucket(Box::new(BucketUpload::start(target)?)) })
    }

    /// Says how many bytes will come, if that is known. More or fewer may come.
    pub fn announce(&mut self, size: u64) {
        if let Way::Bucket(upload) = &mut self.way {
            upload.announce(size);
        }
    }

    /// Adds to the file's end.
    ///
    /// # Errors
    /// `StorageFull` when the disk is full; what the disk or the bucket has against the
    /// file. The upload is then lost.
    pub async fn write(&mut self, data: &[u8]) -> Result<()> {
        match &mut self.way {
            Way::Disk(upload) => upload.write(data).await,
            Way::Bucket(upload) => upload.push(Bytes::copy_from_slice(data)).await,
        }
    }

    /// Adds to the file's end; for a bucket without copying.
    ///
    /// # Errors
    /// As [`Self::write`].
    pub async fn push(&mut self, piece: Bytes) -> Result<()> {
        match &mut self.way {
            Way::Disk(upload) => upload.write(&piece).await,
            Way::Bucket(upload) => upload.push(piece).await,
        }
    }

    /// Puts the file in its place, over one that had its name.
    ///
    /// # Errors
    /// As [`Self::write`], and `InvalidParameterValue` when a folder has the name.
    pub async fn finish(self) -> Result<Stored> {
        match self.way {
            Way::Disk(upload) => upload.finish().await,
            Way::Bucket(upload) => upload.finish().await,
        }
    }

    /// Lets a test stand another file under the upload.
    #[cfg(test)]
    pub(super) fn write_to(&mut self, file: std::fs::File) {
        if let Way::Disk(upload) = &mut self.way {
            upload.write_to(file);
        }
    }
}
