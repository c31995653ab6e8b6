//! `s3://bucket/prefix`.

use branchline_core::artifact_path::RelativePath;
use branchline_core::location::strip_scheme;
use branchline_core::{Error, Result};
use object_store::path::Path;
use std::fmt;

/// A place in a bucket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Location {
    pub(super) bucket: String,
    /// What keys begin with, without slashes at its ends; empty for the whole bucket.
    pub(super) prefix: String,
}

impl Location {
    /// Whether a URI names a place in a bucket.
    pub fn is_meant(uri: &str) -> bool {
        Self::below_scheme(uri).is_some()
    }

    /// Reads `s3://bucket/prefix`.
    ///
    /// # Errors
    /// It has no bucket, or names that no bucket and no key can have.
    pub fn parse(uri: &str) -> Result<Self> {
        let refuse = || {
            Error::invalid(format!("Invalid path: '{uri}' names no place in a bucket."))
                .hint("Give it as `s3://bucket/prefix`.")
        };
        let rest = Self::below_scheme(uri).ok_or_else(refuse)?;
        let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
        let prefix = prefix.trim_matches('/');
        let is_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
        if bucket.is_empty() || bucket.len() > 255 || !bucket.chars().all(is_name) {
            return Err(refuse());
        }
        // Refuses `..`, doubled slashes and control characters.
        Path::parse(prefix).map_err(|_| refuse())?;
        Ok(Self { bucket: bucket.to_owned(), prefix: prefix.to_owned() })
    }

    fn below_scheme(uri: &str) -> Option<&str> {
        strip_scheme(uri, "s3")?.strip_prefix("//")
    }

    /// The place at `path` below this one.
    pub(in crate::artifacts) fn join(&self, path: &RelativePath) -> Self {
        Self { bucket: self.bucket.clone(), prefix: join(&self.prefix, path) }
    }

    pub(super) fn is_within(&self, other: &Self) -> bool {
        self.bucket == other.bucket
            && self.prefix.strip_prefix(&other.prefix).is_some_and(|rest| {
                other.prefix.is_empty() || rest.is_empty() || rest.starts_with('/')
            })
    }
}

/// A prefix and what is below it.
pub(super) fn join(prefix: &str, path: &RelativePath) -> String {
    match (prefix, path.is_root()) {
        (prefix, true) => prefix.to_owned(),
        ("", false) => path.to_string(),
        (prefix, false) => format!("{prefix}/{path}"),
    }
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "s3://{}/{}", self.bucket, self.prefix)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use branchline_core::artifact_path::check;

    #[test]
    fn buckets_and_prefixes_are_read() {
        for (uri, bucket, prefix) in [
            ("s3://b", "b", ""),
            ("s3://b/", "b", ""),
            ("S3://b.c-d_e/x/y/", "b.c-d_e", "x/y"),
            ("s3://b/with space/50%", "b", "with space/50%"),
        ] {
            let location = Location::parse(uri).unwrap();
            assert_eq!((&*location.bucket, &*location.prefix), (bucket, prefix), "{uri}");
        }
        for uri in
            ["s3://", "s3:///x", "s3://b@c/x", "s3://b:1/x", "s3://b/../x", "s3://b/a//b", "gs://b"]
        {
            assert!(Location::parse(uri).is_err(), "{uri}");
        }
    }

    #[test]
    fn paths_are_put_below() {
        let at = |uri: &str, path: &str| {
            Location::parse(uri).unwrap().join(&check(path).unwrap()).to_string()
        };
        assert_eq!(at("s3://b/x", "a/b c"), "s3://b/x/a/b c");
        assert_eq!(at("s3://b", "a"), "s3://b/a");
        assert_eq!(at("s3://b/x", ""), "s3://b/x");
    }
}
