//! Users, the outbox and the signing key.

use crate::Client;
use crate::error::Result;
use reqwest::Method;
use serde::{Deserialize, Serialize};
use serde_json::json;

/// A user as an administrator sees them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Account {
    /// Its number.
    pub id: i64,
    /// Also MLflow's user name.
    pub email: String,
    /// May be empty.
    pub full_name: String,
    /// May sign in.
    pub is_active: bool,
    /// May do everything.
    pub is_superuser: bool,
}

/// A user to be made.
#[derive(Debug, Clone, Default, Serialize)]
pub struct NewAccount {
    /// Unique.
    pub email: String,
    /// 8 to 128 characters.
    pub password: String,
    /// May be empty.
    pub full_name: String,
    /// May do everything.
    pub is_superuser: bool,
}

/// What to change of a user; absent fields stay.
#[derive(Debug, Clone, Default, Serialize)]
pub struct AccountUpdate {
    /// Unique.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    /// May be empty.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub full_name: Option<String>,
    /// May sign in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub is_active: Option<bool>,
    /// May do everything.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub is_superuser: Option<bool>,
    /// 8 to 128 characters.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub password: Option<String>,
}

/// A mail in the outbox.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OutboxMail {
    /// Its number.
    pub id: i64,
    /// `new_account`, `recovery` or `test`.
    pub kind: String,
    /// To whom.
    pub to: String,
    /// What it is about.
    pub subject: String,
    /// `kept`, `sending`, `sent` or `failed`.
    pub state: String,
    /// The mail server's words when it failed.
    pub error: Option<String>,
    /// RFC 3339.
    pub created_at: String,
    /// RFC 3339.
    pub sent_at: Option<String>,
    /// Its words.
    pub text: String,
    /// The same in HTML.
    pub html: String,
}

/// Mail that was written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OutboxList {
    /// Newest first.
    pub mail: Vec<OutboxMail>,
}

impl Client {
    /// All users.
    ///
    /// # Errors
    /// See [`crate::ClientError`].
    pub async fn users(&self) -> Result<Vec<Account>> {
        self.get_with(&["users", ""], &[("limit", "10000")]).await
    }

    /// Makes a user.
    ///
    /// # Errors
    /// See [`crate::ClientError`].
    pub async fn create_user(&self, new: &NewAccount) -> Result<Account> {
        self.post(&["users", ""], new).await
    }

    /// Changes a user.
    ///
    /// # Errors
    /// See [`crate::ClientError`].
    pub async fn update_user(&self, id: i64, update: &AccountUpdate) -> Result<Account> {
        let request = self.request(Method::PUT, &["users", &id.to_string()]).json(update);
        self.send(request).await
    }

    /// Removes a user.
    ///
    /// # Errors
    /// See [`crate::ClientError`].
    pub async fn delete_user(&self, id: i64) -> Result<()> {
        self.delete(&["users", &id.to_string()]).await
    }

    /// The outbox, newest first.
    ///
    /// # Errors
    /// See [`crate::ClientError`].
    pub async fn outbox(&self, limit: i64) -> Result<OutboxList> {
        self.get_with(&["outbox"], &json!({ "limit": limit })).await
    }

    /// One mail.
    ///
    /// # Errors
    /// See [`crate::ClientError`].
    pub async fn mail(&self, id: i64) -> Result<OutboxMail> {
        self.get(&["outbox", &id.to_string()]).await
    }

    /// Ends every session and signed token of everybody.
    ///
    /// # Errors
    /// See [`crate::ClientError`].
    pub async fn rotate_signing_key(&self) -> Result<()> {
        self.post_no_content(&["signing-key", "rotate"]).await
    }
}
