//! The window's credential: how the page that the shell opened signs in.
//!
//! The page asks the shell for a secret that works once and for thirty seconds,
//! and posts it to the server, which answers with the session cookie. The secret
//! is never part of a URL, and a reload or a restarted server asks for a new one.

use branchline_engine::Engine;
use reqwest::{Client, Url};
use serde::Deserialize;

/// The running server as the shell sees it.
#[derive(Debug)]
pub(crate) struct Session {
    url: Url,
    secret: String,
    issuer: Issuer,
    client: Client,
}

/// Who makes the sign-in secrets.
enum Issuer {
    /// The server of this process.
    Own(Engine),
    /// The server that owns the data folder; the shell asks it.
    Owner,
}

impl std::fmt::Debug for Issuer {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(match self {
            Self::Own(_) => "Own",
            Self::Owner => "Owner",
        })
    }
}

/// Why the shell could not do what was asked; shown to a person as it stands.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SessionError {
    #[error("the server's address `{0}` is not a URL")]
    Address(String),
    #[error("the server at {url} did not answer: {source}")]
    Unreachable { url: Url, source: reqwest::Error },
    #[error("the server at {url} refused: {status}")]
    Refused { url: Url, status: reqwest::StatusCode },
}

#[derive(Deserialize)]
struct Issued {
    secret: String,
}

impl Session {
    /// A session with the server of this process.
    pub(crate) fn own(url: &str, secret: &str, engine: Engine) -> Result<Self, SessionError> {
        Self::new(url, secret, Issuer::Own(engine))
    }

    /// A session with another process's server, found through its `instance.json`.
    pub(crate) fn guest(url: &str, secret: &str) -> Result<Self, SessionError> {
        Self::new(url, secret, Issuer::Owner)
    }

    fn new(url: &str, secret: &str, issuer: Issuer) -> Result<Self, SessionError> {
        let url: Url = url.parse().map_err(|_| SessionError::Address(url.to_owned()))?;
        // The server is on this machine: a proxy meant for the internet must not see the secret.
        let client = Client::builder()
            .no_proxy()
            .build()
            .map_err(|source| SessionError::Unreachable { url: url.clone(), source })?;
        Ok(Self { url, secret: secret.to_owned(), issuer, client })
    }

    /// The server's address.
    pub(crate) fn url(&self) -> &Url {
        &self.url
    }

    /// Whether a URL lies on this server.
    pub(crate) fn serves(&self, url: &Url) -> bool {
        url.origin() == self.url.origin()
    }

    /// A secret that signs a page in once, within thirty seconds.
    pub(crate) async fn sign_in_secret(&self) -> Result<String, SessionError> {
        match &self.issuer {
            Issuer::Own(engine) => Ok(engine.issue_sign_in_secret()),
            Issuer::Owner => self.ask_for_secret().await,
        }
    }

    async fn ask_for_secret(&self) -> Result<String, SessionError> {
        let mut url = self.url.clone();
        url.set_path("/api/v1/session/secret");
        let answer = self.send(self.client.post(url)).await?;
        let issued: Issued = answer.json().await.map_err(|source| self.unreachable(source))?;
        Ok(issued.secret)
    }

    /// Gets a URL of this server with the shell's own credential.
    pub(crate) async fn get(&self, url: Url) -> Result<reqwest::Response, SessionError> {
        self.send(self.client.get(url)).await
    }

    async fn send(
        &self,
        request: reqwest::RequestBuilder,
    ) -> Result<reqwest::Response, SessionError> {
        let answer = request
            .bearer_auth(&self.secret)
            .send()
            .await
            .map_err(|source| self.unreachable(source))?;
        if answer.status().is_success() {
            return Ok(answer);
        }
        Err(SessionError::Refused { url: self.url.clone(), status: answer.status() })
    }

    fn unreachable(&self, source: reqwest::Error) -> SessionError {
        SessionError::Unreachable { url: self.url.clone(), source: source.without_url() }
    }
}

/// The script that runs in the window before the page's own: it signs in, and
/// tells the page when that is done.
pub(crate) fn script(origin: &str) -> String {
    let origin = serde_json::Value::String(origin.to_owned());
    include_str!("page.js").replace("\"@origin@\"", &origin.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn guest(url: &str) -> Session {
        Session::guest(url, "secret").unwrap()
    }

    #[test]
    fn only_the_servers_own_origin_is_served() {
        let session = guest("http://127.0.0.1:5005");
        let serves = |url: &str| session.serves(&url.parse().unwrap());
        assert!(serves("http://127.0.0.1:5005/api/v1/runs/1/artifacts/content?path=a"));
        assert!(!serves("http://127.0.0.1:5006/"), "another port is another server");
        assert!(!serves("http://localhost:5005/"), "another name is another origin");
        assert!(!serves("https://127.0.0.1:5005/"));
        assert!(!serves("file:///etc/passwd"));
    }

    #[test]
    fn the_script_runs_for_the_exact_origin() {
        let script = script("http://127.0.0.1:5005");
        assert!(script.contains("\"http://127.0.0.1:5005\""));
        assert!(!script.contains("@origin@"));
    }

    #[test]
    fn an_address_that_is_no_url_is_named() {
        let error = Session::guest("nonsense", "secret").unwrap_err();
        assert!(error.to_string().contains("nonsense"));
    }
}
