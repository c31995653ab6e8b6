//! A file in a bucket, read part by part.

use super::target::BucketTarget;
use branchline_core::Result;
use bytes::Bytes;
use futures_util::stream::{BoxStream, StreamExt};
use object_store::{GetOptions, GetRange, ObjectMeta, ObjectStore};
use std::io;
use std::ops::Range;

/// A file in a bucket that was found.
#[derive(Debug)]
pub struct Object {
    pub(super) target: BucketTarget,
    pub(super) meta: ObjectMeta,
}

impl Object {
    pub(in crate::artifacts) fn size(&self) -> u64 {
        self.meta.size
    }

    pub(in crate::artifacts) fn modified(&self) -> std::time::SystemTime {
        self.meta.last_modified.into()
    }

    /// Its bytes in `part`, as they come. They are of the file that was found, or none.
    ///
    /// # Errors
    /// The file was replaced meanwhile; the service's.
    pub async fn read(self, part: Range<u64>) -> Result<BoxStream<'static, io::Result<Bytes>>> {
        if part.is_empty() {
            return Ok(futures_util::stream::empty().boxed());
        }
        let options = GetOptions {
            range: Some(GetRange::Bounded(part)),
            if_match: self.meta.e_tag.clone(),
            ..GetOptions::default()
        };
        let found = self
            .target
            .store
            .get_opts(&self.meta.location, options)
            .await
            .map_err(|error| self.target.failed(error))?;
        Ok(found.into_stream().map(|piece| piece.map_err(io::Error::other)).boxed())
    }
}
