//! Addresses that let a client move bytes to and from the bucket itself, for a while and
//! for one purpose each.

use super::target::BucketTarget;
use branchline_core::{Error, Result};
use object_store::multipart::{MultipartStore, PartId};
use object_store::signer::{Method, SignedUrlOptions, Signer};
use std::time::Duration;

/// How long the addresses of parts hold: as long as MLflow's.
const PARTS_HOLD: Duration = Duration::from_secs(3600);
/// Most parts of one file (Amazon's limit).
const MOST_PARTS: usize = 10_000;

/// An address with all that is needed to use it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Presigned {
    /// The address.
    pub url: String,
    /// Bytes of the file, for downloads.
    pub size: Option<u64>,
}

/// A file that a client stores part by part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StartedParts {
    /// Names it when it is completed or aborted.
    pub upload_id: String,
    /// Where to put part 1, 2, ….
    pub urls: Vec<String>,
}

impl BucketTarget {
    pub(in crate::artifacts) async fn presigned_download(
        &self,
        holds: Duration,
    ) -> Result<Presigned> {
        let size = self.open().await?.size();
        let url = self.presigned(Method::GET, holds, &SignedUrlOptions::new()).await?;
        Ok(Presigned { url, size: Some(size) })
    }

    pub(in crate::artifacts) async fn presigned_upload(
        &self,
        holds: Duration,
    ) -> Result<Presigned> {
        let url = self.presigned(Method::PUT, holds, &SignedUrlOptions::new()).await?;
        Ok(Presigned { url, size: None })
    }

    pub(in crate::artifacts) async fn start_parts(&self, count: usize) -> Result<StartedParts> {
        if !(1..=MOST_PARTS).contains(&count) {
            return Err(Error::invalid(format!(
                "Invalid value {count} for parameter 'num_parts': a file has 1 to {MOST_PARTS} parts."
            ))
            .hint("Make the client's MLFLOW_MULTIPART_UPLOAD_CHUNK_SIZE larger."));
        }
        let key = self.file_key()?;
        let upload_id =
            self.store.create_multipart(&key).await.map_err(|error| self.failed(error))?;
        let mut urls = Vec::with_capacity(count);
        for number in 1..=count {
            let part = [("partNumber", number.to_string()), ("uploadId", upload_id.clone())];
            let options = SignedUrlOptions::new().with_query(part);
            urls.push(self.presigned(Method::PUT, PARTS_HOLD, &options).await?);
        }
        Ok(StartedParts { upload_id, urls })
    }

    /// `etags` are the answers to the parts, in order.
    pub(in crate::artifacts) async fn complete_parts(
        &self,
        upload_id: String,
        etags: Vec<String>,
    ) -> Result<()> {
        let key = self.file_key()?;
        let parts = etags.into_iter().map(|content_id| PartId { content_id }).collect();
        let done = self.store.complete_multipart(&key, &upload_id, parts).await;
        done.map(drop).map_err(|error| self.failed(error))
    }

    pub(in crate::artifacts) async fn abort_parts(&self, upload_id: String) -> Result<()> {
        let key = self.file_key()?;
        self.store.abort_multipart(&key, &upload_id).await.map_err(|error| self.failed(error))
    }

    async fn presigned(
        &self,
        method: Method,
        holds: Duration,
        options: &SignedUrlOptions,
    ) -> Result<String> {
        let key = self.file_key()?;
        let url = self.store.signed_url_opts(method, &key, holds, options).await;
        url.map(String::from).map_err(|error| self.failed(error))
    }
}
