//! Which addresses may be told. A name is resolved once for each attempt, and the
//! connection goes to what it was resolved to: there is no second answer that could
//! point elsewhere.

use super::WebhookRules;
use super::public::is_public;
use branchline_core::{Error, Result, limits, name};
use http::Uri;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

/// How long a name may take to resolve.
const RESOLVE: Duration = Duration::from_secs(5);

/// Where to tell a webhook.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Target {
    /// Whether over TLS.
    pub(super) secure: bool,
    /// The name or address, without brackets.
    pub(super) host: String,
    /// The port.
    pub(super) port: u16,
    /// `host` or `host:port`, as the header wants it.
    pub(super) authority: String,
    /// The path with the query.
    pub(super) path: String,
}

impl Target {
    /// Reads an address that the rules allow.
    pub(super) fn read(url: &str, rules: &WebhookRules) -> Result<Self> {
        if url.trim().is_empty() {
            return Err(Error::invalid(format!(
                "Webhook URL cannot be empty or just whitespace: '{url}'"
            )));
        }
        name::check_length("Webhook URL", url, limits::WEBHOOK_URL)?;
        let uri: Uri = url
            .parse()
            .map_err(|error| Error::invalid(format!("Invalid webhook URL '{url}': {error}")))?;
        let scheme = uri.scheme_str().unwrap_or_default();
        if !matches!(scheme, "http" | "https")
            || !rules.allowed_schemes.iter().any(|allowed| allowed.eq_ignore_ascii_case(scheme))
        {
            return Err(Error::invalid(format!(
                "Invalid webhook URL scheme: '{scheme}'. Allowed schemes are: {}.",
                rules.allowed_schemes.join(", ")
            ))
            .hint("Setting webhooks.allowed_schemes names them."));
        }
        let host = uri.host().unwrap_or_default();
        if host.is_empty() {
            return Err(Error::invalid(format!("Webhook URL must include a hostname: '{url}'")));
        }
        let authority = uri.authority().map(http::uri::Authority::as_str).unwrap_or_default();
        if authority.contains('@') {
            return Err(Error::invalid("Webhook URL must not hold a user name or password.")
                .hint("Set the webhook's secret, which signs what is sent."));
        }
        let secure = scheme == "https";
        Ok(Self {
            secure,
            host: host.trim_start_matches('[').trim_end_matches(']').to_owned(),
            port: uri.port_u16().unwrap_or(if secure { 443 } else { 80 }),
            authority: authority.to_owned(),
            path: uri.path_and_query().map_or("/", |path| path.as_str()).to_owned(),
        })
    }

    /// The addresses to try, all of which the rules allow.
    pub(super) async fn resolve(&self, rules: &WebhookRules) -> Result<Vec<SocketAddr>> {
        let found = match self.literal()? {
            Some(address) => vec![SocketAddr::new(address, self.port)],
            None => self.look_up().await?,
        };
        if !rules.allow_private_ips
            && let Some(near) = found.iter().find(|address| !is_public(address.ip()))
        {
            return Err(Error::invalid(format!(
                "Webhook URL must not resolve to a non-public IP address. '{}' resolves to {}.",
                self.host,
                near.ip()
            ))
            .hint("Setting webhooks.allow_private_ips allows it."));
        }
        Ok(found)
    }

    /// The host as an address. Old spellings of one (`127.1`, `0177.0.0.1`) mean different
    /// things to different programs and are refused.
    fn literal(&self) -> Result<Option<IpAddr>> {
        if let Ok(address) = self.host.parse() {
            return Ok(Some(address));
        }
        let last = self.host.trim_end_matches('.').rsplit('.').next().unwrap_or_default();
        let numeric = last.bytes().all(|b| b.is_ascii_digit())
            || last
                .strip_prefix("0x")
                .is_some_and(|hex| hex.bytes().all(|b| b.is_ascii_hexdigit()));
        if numeric || self.host.contains(':') {
            return Err(Error::invalid(format!(
                "Webhook URL host '{}' is not a canonical IP address literal.",
                self.host
            )));
        }
        Ok(None)
    }

    async fn look_up(&self) -> Result<Vec<SocketAddr>> {
        let unknown = |why: String| {
            Error::invalid(format!("Cannot resolve Webhook URL hostname '{}': {why}", self.host))
        };
        let looked_up = tokio::net::lookup_host((self.host.as_str(), self.port));
        let found: Vec<_> = tokio::time::timeout(RESOLVE, looked_up)
            .await
            .map_err(|_| unknown("it took too long".to_owned()))?
            .map_err(|error| unknown(error.to_string()))?
            .collect();
        if found.is_empty() {
            return Err(unknown("there is no address".to_owned()));
        }
        Ok(found)
    }
}

/// Checks an address that a webhook is to have.
///
/// # Errors
/// It is none, or the rules do not allow it.
pub(crate) async fn check_url(url: &str, rules: &WebhookRules) -> Result<()> {
    Target::read(url, rules)?.resolve(rules).await.map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn open() -> WebhookRules {
        WebhookRules {
            allowed_schemes: vec!["https".into(), "http".into()],
            allow_private_ips: true,
            ..WebhookRules::default()
        }
    }

    #[tokio::test]
    async fn only_https_and_the_open_internet_unless_allowed() {
        let strict = WebhookRules::default();
        for (url, words) in [
            ("", "cannot be empty"),
            ("http://8.8.8.8/", "Invalid webhook URL scheme: 'http'"),
            ("ftp://8.8.8.8/", "Invalid webhook URL scheme: 'ftp'"),
            ("no url", "Invalid webhook URL"),
            ("/path", "Invalid webhook URL scheme: ''"),
            ("https://me:pw@8.8.8.8/", "user name or password"),
            ("https://127.0.0.1/", "non-public IP address"),
            ("https://[::1]/", "non-public IP address"),
            ("https://169.254.169.254/latest", "non-public IP address"),
            ("https://127.1/", "canonical"),
            ("https://0177.0.0.1/", "canonical"),
            ("https://2130706433/", "canonical"),
            ("https://0x7f000001/", "canonical"),
        ] {
            let error = check_url(url, &strict).await.unwrap_err();
            assert!(error.message.contains(words), "{url}: {}", error.message);
        }
        check_url("https://8.8.8.8/hook", &strict).await.unwrap();
        check_url("http://127.0.0.1:1/", &open()).await.unwrap();
        assert!(check_url("gopher://127.0.0.1/", &open()).await.is_err());
    }

    #[test]
    fn an_address_is_taken_apart() {
        let target = Target::read("http://[::1]:8080/a?b=c#d", &open()).unwrap();
        assert_eq!(target.host, "::1");
        assert_eq!((target.port, target.authority.as_str()), (8080, "[::1]:8080"));
        assert_eq!(target.path, "/a?b=c");
        let target = Target::read("https://example.org", &open()).unwrap();
        assert_eq!((target.port, target.path.as_str(), target.secure), (443, "/", true));
    }
}
