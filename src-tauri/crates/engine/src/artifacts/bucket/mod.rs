//! Files in S3-compatible storage, named `s3://bucket/prefix`.
//!
//! Keys are what a client that talks to the bucket itself writes: the prefix, a slash, the
//! path as it is. Nothing is escaped and nothing else is kept, so both ways see the same.

mod connect;
mod failure;
mod location;
mod options;
mod parts;
mod read;
mod target;
mod upload;

pub use location::Location;
pub use options::{Addressing, BucketOptions, Hidden};
pub use parts::{Presigned, StartedParts};
pub use read::Object;

pub(super) use target::BucketTarget;
pub(super) use upload::BucketUpload;

use branchline_core::artifact_path::RelativePath;
use branchline_core::{Error, ErrorCode, Result};
use connect::Connector;
use object_store::aws::{AmazonS3, AmazonS3Builder};
use object_store::{BackoffConfig, ClientOptions, RetryConfig};
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// All buckets that are reached with one set of settings.
#[derive(Debug)]
pub(super) struct Buckets {
    options: BucketOptions,
    connector: Connector,
    known: Mutex<HashMap<String, AmazonS3>>,
}

impl Buckets {
    pub(super) fn new(options: BucketOptions) -> Self {
        Self { options, connector: Connector::default(), known: Mutex::default() }
    }

    /// What is at `path` below `base`.
    ///
    /// # Errors
    /// There are no credentials, or the endpoint may not be spoken to.
    pub(super) fn target(&self, base: Location, path: RelativePath) -> Result<BucketTarget> {
        let store = self.store(&base.bucket)?;
        Ok(BucketTarget { store, endpoint: self.options.endpoint_shown(), base, path })
    }

    /// Whether clients get addresses to move bytes themselves.
    pub(super) fn presigns(&self) -> bool {
        !self.options.no_presigned
    }

    /// Whether a location that an experiment was given may be served.
    ///
    /// # Errors
    /// It lies in none of the buckets that the settings list.
    pub(super) fn allow(&self, location: &Location) -> Result<()> {
        let listed = &self.options.allowed;
        if listed.is_empty() || listed.iter().any(|allowed| location.is_within(allowed)) {
            return Ok(());
        }
        Err(Error::invalid(format!(
            "Invalid path: '{location}' is outside of the buckets that artifacts may be served from."
        ))
        .hint("Add the bucket to `s3.buckets`."))
    }

    fn store(&self, bucket: &str) -> Result<AmazonS3> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(store) = known.get(bucket) {
            return Ok(store.clone());
        }
        let store = self.connect(bucket)?;
        known.insert(bucket.to_owned(), store.clone());
        Ok(store)
    }

    fn connect(&self, bucket: &str) -> Result<AmazonS3> {
        let options = &self.options;
        let (Some(id), false) = (&options.access_key_id, options.secret_access_key.is_empty())
        else {
            return Err(no_credentials(bucket));
        };
        let mut builder = AmazonS3Builder::new()
            .with_bucket_name(bucket)
            .with_region(&options.region)
            .with_access_key_id(id)
            .with_secret_access_key(options.secret_access_key.expose())
            .with_http_connector(self.connector.clone())
            .with_client_options(ClientOptions::new().with_allow_http(true))
            .with_retry(retries())
            .with_virtual_hosted_style_request(options.is_virtual_hosted());
        if !options.session_token.is_empty() {
            builder = builder.with_token(options.session_token.expose());
        }
        if let Some(endpoint) = options.endpoint_of(bucket)? {
            builder = builder.with_endpoint(endpoint);
        }
        // TLS keeps what is sent whole; without it the signature has to.
        builder = builder.with_unsigned_payload(options.is_secure());
        builder.build().map_err(|error| {
            Error::invalid(format!("The bucket '{bucket}' cannot be reached with these settings."))
                .hint("Look at the settings that begin with `s3.`.")
                .source(error)
        })
    }
}

/// Somebody waits for the answer: a hiccup is bridged, an outage is told.
fn retries() -> RetryConfig {
    RetryConfig {
        backoff: BackoffConfig {
            init_backoff: Duration::from_millis(100),
            max_backoff: Duration::from_secs(1),
            base: 2.0,
        },
        max_retries: 2,
        retry_timeout: Duration::from_secs(15),
    }
}

fn no_credentials(bucket: &str) -> Error {
    Error::new(
        ErrorCode::NotImplemented,
        format!(
            "This server has no credentials for S3, so it cannot reach the bucket '{bucket}': \
             `s3.access_key_id` and `s3.secret_access_key` are not set."
        ),
    )
    .hint(
        "Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY (or BRANCHLINE_S3_ACCESS_KEY_ID and \
         BRANCHLINE_S3_SECRET_ACCESS_KEY) in the server's environment or its .env file, and \
         start it again. A client with credentials of its own reads and writes there all the same.",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with_keys(endpoint: &str) -> BucketOptions {
        BucketOptions {
            endpoint: Some(endpoint.into()),
            access_key_id: Some("id".into()),
            secret_access_key: Hidden::new("secret"),
            ..BucketOptions::default()
        }
    }

    fn target(options: BucketOptions, uri: &str) -> Result<BucketTarget> {
        Buckets::new(options).target(Location::parse(uri)?, RelativePath::default())
    }

    #[test]
    fn without_credentials_the_remedy_is_named() {
        let error = target(BucketOptions::default(), "s3://b/x").unwrap_err();
        assert_eq!(error.code, ErrorCode::NotImplemented);
        assert!(error.message.contains("s3.access_key_id"), "{}", error.message);
        assert!(error.hint.unwrap().contains("AWS_ACCESS_KEY_ID"));
    }

    #[test]
    fn plain_http_to_another_machine_has_to_be_allowed() {
        let error = target(with_keys("http://minio.example:9000"), "s3://b/x").unwrap_err();
        assert!(error.hint.unwrap().contains("s3.allow_http"));
        let allowed = BucketOptions { allow_http: true, ..with_keys("http://minio.example:9000") };
        target(allowed, "s3://b/x").unwrap();
        target(with_keys("http://127.0.0.1:9000"), "s3://b/x").unwrap();
        target(with_keys("https://minio.example"), "s3://b/x").unwrap();
        for nonsense in ["minio:9000", "ftp://x", "http://"] {
            assert!(target(with_keys(nonsense), "s3://b/x").is_err(), "{nonsense}");
        }
    }

    #[test]
    fn only_listed_buckets_are_served_when_there_is_a_list() {
        let location = |uri| Location::parse(uri).unwrap();
        let any = Buckets::new(BucketOptions::default());
        any.allow(&location("s3://whatever/x")).unwrap();
        let allowed = vec![location("s3://one"), location("s3://two/in")];
        let some = Buckets::new(BucketOptions { allowed, ..BucketOptions::default() });
        for uri in ["s3://one", "s3://one/a/b", "s3://two/in", "s3://two/in/x"] {
            some.allow(&location(uri)).unwrap();
        }
        for uri in ["s3://two", "s3://two/inside", "s3://three/one", "s3://on"] {
            assert!(some.allow(&location(uri)).is_err(), "{uri}");
        }
    }

    #[tokio::test]
    async fn nobody_there_is_told_apart_from_nothing_there() {
        // A port that was free a moment ago: nobody listens.
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let endpoint = format!("http://127.0.0.1:{port}");
        let target = target(with_keys(&endpoint), "s3://b/x").unwrap();
        let error = target.list().await.unwrap_err();
        assert_eq!(error.code, ErrorCode::TemporarilyUnavailable, "{error}");
        assert!(error.message.contains(&endpoint), "{}", error.message);
        assert!(error.hint.unwrap().contains("s3.endpoint"));
    }
}
