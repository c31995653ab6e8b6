//! Storing a file in a bucket: small ones at once, larger ones part by part, so that
//! memory stays bounded. Nobody sees a file before its last part is confirmed.

use super::target::BucketTarget;
use crate::artifacts::upload::Stored;
use branchline_core::{Error, Result};
use bytes::Bytes;
use object_store::path::Path;
use object_store::{MultipartUpload, ObjectStoreExt, PutPayload};
use sha2::{Digest, Sha256};
use tokio::runtime::Handle;
use tokio::task::JoinSet;

/// Size of a part, unless the file is so large that there would be too many.
const PART: u64 = 8 << 20;
/// Most parts of one file (Amazon's limit).
const MOST_PARTS: u64 = 10_000;
/// Parts under way while the next is collected.
const AHEAD: usize = 2;

/// A file that is being stored. Dropped before [`Self::finish`], it never was.
#[derive(Debug)]
pub(in crate::artifacts) struct BucketUpload {
    target: BucketTarget,
    key: Path,
    part: u64,
    pieces: Vec<Bytes>,
    collected: u64,
    digest: Sha256,
    size: u64,
    /// Set once the first part is full.
    begun: Option<Box<dyn MultipartUpload>>,
    under_way: JoinSet<object_store::Result<()>>,
}

impl BucketUpload {
    pub(in crate::artifacts) fn start(target: BucketTarget) -> Result<Self> {
        Ok(Self {
            key: target.file_key()?,
            target,
            part: PART,
            pieces: Vec::new(),
            collected: 0,
            digest: Sha256::new(),
            size: 0,
            begun: None,
            under_way: JoinSet::new(),
        })
    }

    /// Chooses parts so that a file of `size` bytes has not too many.
    pub(in crate::artifacts) fn announce(&mut self, size: u64) {
        self.part = PART.max(size.div_ceil(MOST_PARTS));
    }

    pub(in crate::artifacts) async fn push(&mut self, mut piece: Bytes) -> Result<()> {
        self.digest.update(&piece);
        self.size += piece.len() as u64;
        while self.collected + piece.len() as u64 >= self.part {
            let missing = usize::try_from(self.part - self.collected).unwrap_or(piece.len());
            self.pieces.push(piece.split_to(missing));
            self.send_part().await?;
        }
        if !piece.is_empty() {
            self.collected += piece.len() as u64;
            self.pieces.push(piece);
        }
        Ok(())
    }

    pub(in crate::artifacts) async fn finish(mut self) -> Result<Stored> {
        if self.begun.is_none() {
            let whole: PutPayload = std::mem::take(&mut self.pieces).into_iter().collect();
            self.target
                .store
                .put(&self.key, whole)
                .await
                .map_err(|error| self.target.failed(error))?;
        } else {
            if self.collected > 0 {
                self.send_part().await?;
            }
            while !self.under_way.is_empty() {
                self.settle_one().await?;
            }
            if let Some(upload) = &mut self.begun {
                upload.complete().await.map_err(|error| self.target.failed(error))?;
            }
            // Nothing is left to abort.
            self.begun = None;
        }
        let sha256 = std::mem::take(&mut self.digest).finalize().into();
        Ok(Stored { size: self.size, sha256: Some(sha256), stamp: 0 })
    }

    async fn send_part(&mut self) -> Result<()> {
        if self.begun.is_none() {
            let begun = self.target.store.put_multipart(&self.key).await;
            self.begun = Some(begun.map_err(|error| self.target.failed(error))?);
        }
        while self.under_way.len() >= AHEAD {
            self.settle_one().await?;
        }
        let payload: PutPayload = std::mem::take(&mut self.pieces).into_iter().collect();
        self.collected = 0;
        if let Some(upload) = &mut self.begun {
            self.under_way.spawn(upload.put_part(payload));
        }
        Ok(())
    }

    async fn settle_one(&mut self) -> Result<()> {
        match self.under_way.join_next().await {
            None | Some(Ok(Ok(()))) => Ok(()),
            Some(Ok(Err(error))) => Err(self.target.failed(error)),
            Some(Err(stopped)) => {
                Err(Error::internal("A part of the upload was stopped.").source(stopped))
            }
        }
    }
}

impl Drop for BucketUpload {
    /// What was sent so far would be kept, and paid for, until somebody removes it.
    fn drop(&mut self) {
        let (Some(mut upload), Ok(runtime)) = (self.begun.take(), Handle::try_current()) else {
            return;
        };
        let mut under_way = std::mem::take(&mut self.under_way);
        runtime.spawn(async move {
            under_way.shutdown().await;
            if let Err(error) = upload.abort().await {
                tracing::warn!(%error, "the parts of an unfinished upload stay in the bucket");
            }
        });
    }
}
