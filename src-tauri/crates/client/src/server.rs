//! The server itself.

use crate::Client;
use crate::error::{ClientError, Result, check, unreachable};
use reqwest::Method;
use serde::{Deserialize, Serialize};

/// What a server is and holds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ServerInfo {
    /// Its release.
    pub version: String,
    /// The MLflow release whose semantics it follows.
    pub mlflow_version: String,
    /// The address that clients are given.
    pub url: String,
    /// Identity of the data folder.
    pub store_uuid: String,
    /// The place in the change log, `<epoch>:<seq>`.
    pub cursor: String,
    /// Nobody signs in.
    pub no_auth: bool,
    /// Only told on the server's own machine.
    pub data_dir: Option<String>,
    /// Bytes of the database.
    pub db_bytes: u64,
    /// Bytes of artifacts, where they are known.
    pub artifact_bytes: Option<u64>,
    /// Bytes of memory in use, where they are known.
    pub memory_bytes: Option<u64>,
    /// Active runs.
    pub runs: i64,
    /// Active experiments.
    pub experiments: i64,
    /// Registered models.
    pub registered_models: i64,
    /// `balanced`, `power-safe` or `fast`.
    pub durability: Option<String>,
    /// RFC 3339.
    pub started_at: String,
    /// The window runs in the same process.
    pub desktop: bool,
}

/// Lines of the server's log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogLines {
    /// Oldest first.
    pub lines: Vec<String>,
}

impl Client {
    /// Whether the server answers; asks for no credential.
    ///
    /// # Errors
    /// When nobody answers, or not with success.
    pub async fn health(&self) -> Result<()> {
        let mut url = self.base.clone();
        url.set_path("/health");
        let response =
            self.http.get(url).send().await.map_err(|cause| unreachable(self.url(), cause))?;
        if response.status().is_success() {
            return Ok(());
        }
        let status = response.status().as_u16();
        Err(ClientError::NotUnderstood { url: self.url().to_owned(), status, source: None })
    }

    /// What the server is and holds.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn server(&self) -> Result<ServerInfo> {
        self.get(&["server"]).await
    }

    /// The last `lines` of the server's log, as severe as `level` or more.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn logs(&self, lines: usize, level: Option<&str>) -> Result<LogLines> {
        let mut query = vec![("lines", lines.to_string())];
        query.extend(level.map(|level| ("level", level.to_owned())));
        self.get_with(&["logs"], &query).await
    }

    /// Asks the server to end; only the secret of `instance.json` may.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn shut_down(&self) -> Result<()> {
        let request = self.request(Method::POST, &["shutdown"]);
        let response = request.send().await.map_err(|cause| unreachable(self.url(), cause))?;
        check(self.url(), response).await.map(drop)
    }
}
