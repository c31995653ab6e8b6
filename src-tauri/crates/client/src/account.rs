//! The caller's account: connecting, and personal access tokens.

use crate::Client;
use crate::error::Result;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// What an MLflow client needs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Connected {
    /// MLflow's tracking URI.
    pub tracking_uri: String,
    /// The user name where a client insists on one.
    pub username: String,
    /// The token's secret.
    pub token: String,
    /// Its number.
    pub token_id: i64,
    /// RFC 3339; never, when absent.
    pub expires_at: Option<String>,
    /// It is one that was made before.
    pub reused: bool,
    /// Another of before that goes on to hold.
    pub older_token_id: Option<i64>,
    /// Environment variables by name.
    pub environment: BTreeMap<String, String>,
    /// Python to paste.
    pub snippet: String,
    /// The file that was written.
    pub credentials_path: Option<String>,
    /// Whether it was.
    pub written: bool,
}

/// An account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct User {
    /// Its number.
    pub id: i64,
    /// Also MLflow's user name.
    pub email: String,
    /// May be empty.
    pub full_name: String,
    /// May do everything.
    pub is_superuser: bool,
    /// Can sign in with one.
    pub has_password: bool,
}

/// A personal access token, without its secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Token {
    /// Its number.
    pub id: i64,
    /// Given by the user.
    pub name: String,
    /// `read`, `log` or `admin`.
    pub scope: String,
    /// RFC 3339.
    pub created_at: String,
    /// RFC 3339; never, when absent.
    pub expires_at: Option<String>,
    /// RFC 3339, to the minute.
    pub last_used_at: Option<String>,
}

/// The caller's tokens.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TokenList {
    /// Without secrets.
    pub tokens: Vec<Token>,
}

/// A token and its secret, which is told this once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewToken {
    /// The token.
    pub token: Token,
    /// Its secret.
    pub secret: String,
}

impl Client {
    /// The caller's account.
    ///
    /// # Errors
    /// See [`crate::ClientError`].
    pub async fn me(&self) -> Result<User> {
        self.get(&["me"]).await
    }

    /// Gives a token for an MLflow client: one of the `known` that still serves, or a new one,
    /// which ends as `expires_at` says (RFC 3339; `Null` is never; the usual when `None`).
    ///
    /// # Errors
    /// See [`crate::ClientError`].
    pub async fn connect(&self, known: &[String], expires_at: Option<Value>) -> Result<Connected> {
        let mut body = json!({ "known": known });
        if let Some(expires_at) = expires_at {
            body["expires_at"] = expires_at;
        }
        self.post(&["connect"], &body).await
    }

    /// The caller's tokens.
    ///
    /// # Errors
    /// See [`crate::ClientError`].
    pub async fn tokens(&self) -> Result<TokenList> {
        self.get(&["tokens"]).await
    }

    /// Makes a token; `expires_at` is RFC 3339.
    ///
    /// # Errors
    /// See [`crate::ClientError`].
    pub async fn create_token(
        &self,
        name: &str,
        scope: &str,
        expires_at: Option<&str>,
    ) -> Result<NewToken> {
        let body = json!({ "name": name, "scope": scope, "expires_at": expires_at });
        self.post(&["tokens"], &body).await
    }

    /// Revokes a token at once.
    ///
    /// # Errors
    /// See [`crate::ClientError`].
    pub async fn revoke_token(&self, id: i64) -> Result<()> {
        self.delete(&["tokens", &id.to_string()]).await
    }
}
