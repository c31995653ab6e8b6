//! How buckets are reached.

use super::Location;
use branchline_core::{Error, Result};
use std::fmt;

/// Settings of S3-compatible storage.
#[derive(Debug, Clone, Default)]
pub struct BucketOptions {
    /// Base URL of the service; Amazon's own when `None`.
    pub endpoint: Option<String>,
    /// The region that requests are signed for.
    pub region: String,
    /// Who asks.
    pub access_key_id: Option<String>,
    /// Proves it.
    pub secret_access_key: Hidden,
    /// Belongs to credentials that expire.
    pub session_token: Hidden,
    /// Whether an endpoint on another machine may be spoken to without TLS.
    pub allow_http: bool,
    /// Where the bucket's name stands in a URL.
    pub addressing: Addressing,
    /// Whether no addresses are signed for clients that would move bytes themselves.
    pub no_presigned: bool,
    /// Buckets, perhaps with a prefix, that experiments may name; all when empty.
    pub allowed: Vec<Location>,
}

/// Where the bucket's name stands in a URL.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Addressing {
    /// In the host for Amazon, in the path for other endpoints.
    #[default]
    Auto,
    /// `https://endpoint/bucket/key`.
    Path,
    /// `https://bucket.endpoint/key`.
    Virtual,
}

impl Addressing {
    /// Reads the name.
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "auto" => Some(Self::Auto),
            "path" => Some(Self::Path),
            "virtual" => Some(Self::Virtual),
            _ => None,
        }
    }
}

/// A secret that no debug output shows.
#[derive(Clone, Default)]
pub struct Hidden(String);

impl Hidden {
    /// Hides `secret`.
    pub fn new(secret: impl Into<String>) -> Self {
        Self(secret.into())
    }

    /// Whether nothing was given.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Hidden {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Hidden(…)")
    }
}

impl BucketOptions {
    pub(super) fn is_virtual_hosted(&self) -> bool {
        match self.addressing {
            Addressing::Auto => self.endpoint.is_none(),
            Addressing::Path => false,
            Addressing::Virtual => true,
        }
    }

    pub(super) fn is_secure(&self) -> bool {
        self.endpoint.as_deref().is_none_or(|endpoint| scheme(endpoint) == "https")
    }

    /// The service's name in messages.
    pub(super) fn endpoint_shown(&self) -> String {
        match &self.endpoint {
            Some(endpoint) if endpoint.contains('@') => "the endpoint of s3.endpoint".to_owned(),
            Some(endpoint) => endpoint.clone(),
            None => format!("Amazon S3 ({})", self.region),
        }
    }

    /// The URL under which a bucket of the endpoint is asked; `None` for Amazon's.
    pub(super) fn endpoint_of(&self, bucket: &str) -> Result<Option<String>> {
        let Some(endpoint) = self.endpoint.as_deref().map(|url| url.trim_end_matches('/')) else {
            return Ok(None);
        };
        let refuse = || {
            Error::invalid("Setting s3.endpoint: its value is not an http or https URL of a host.")
                .hint("Give it as `https://host` or `http://host:port`.")
        };
        let (scheme, host) = endpoint.split_once("://").ok_or_else(refuse)?;
        let authority: http::uri::Authority =
            host.split('/').next().unwrap_or_default().parse().map_err(|_| refuse())?;
        // Credentials have settings of their own, which are shown nowhere.
        if !matches!(scheme, "http" | "https") || host.contains('@') {
            return Err(refuse());
        }
        if scheme == "http" && !self.allow_http && !is_this_machine(authority.host()) {
            return Err(Error::invalid(format!(
                "'{endpoint}' is not encrypted, and it is on another machine."
            ))
            .hint("Use https, or set `s3.allow_http` to true if you trust the network between."));
        }
        Ok(Some(match self.is_virtual_hosted() {
            true => format!("{scheme}://{bucket}.{host}"),
            false => endpoint.to_owned(),
        }))
    }
}

fn scheme(endpoint: &str) -> &str {
    endpoint.split_once("://").map_or("", |(scheme, _)| scheme)
}

fn is_this_machine(host: &str) -> bool {
    host == "localhost"
        || host
            .trim_matches(['[', ']'])
            .parse::<std::net::IpAddr>()
            .is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bucket_stands_where_the_service_looks_for_it() {
        let at = |endpoint: &str, addressing| {
            let endpoint = Some(endpoint.to_owned());
            let options = BucketOptions { endpoint, addressing, ..BucketOptions::default() };
            (options.is_virtual_hosted(), options.endpoint_of("b").unwrap().unwrap())
        };
        let host = "https://s3.example";
        assert_eq!(at("https://s3.example/", Addressing::Auto), (false, host.to_owned()));
        assert_eq!(at(host, Addressing::Path), (false, host.to_owned()));
        assert_eq!(at(host, Addressing::Virtual), (true, "https://b.s3.example".to_owned()));
        let amazon = BucketOptions::default();
        assert!(amazon.is_virtual_hosted() && amazon.is_secure());
        assert_eq!(amazon.endpoint_of("b").unwrap(), None);
    }

    #[test]
    fn a_secret_is_not_shown() {
        let options = BucketOptions {
            secret_access_key: Hidden::new("hunter2"),
            session_token: Hidden::new("hunter3"),
            ..BucketOptions::default()
        };
        assert!(!format!("{options:?}").contains("hunter"));
    }
}
