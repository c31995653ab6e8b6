//! The database file.

use crate::Client;
use crate::error::Result;
use serde::{Deserialize, Serialize};
use serde_json::json;

/// What a backup wrote.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BackupDone {
    /// On the server's machine.
    pub path: String,
    /// Its size.
    pub size_bytes: u64,
}

/// The outcome of a check.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CheckDone {
    /// Nothing was found.
    pub ok: bool,
    /// What was found.
    pub problems: Vec<String>,
}

/// What went for good, or would go.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct EmptiedTrash {
    /// Nothing went: this is what would.
    pub dry_run: bool,
    /// Experiments.
    pub experiments: i64,
    /// Runs, those of the experiments among them.
    pub runs: i64,
    /// Logged models, without those of the experiments.
    pub logged_models: i64,
    /// Bytes of the database, estimated; the file keeps its size and uses them again.
    pub database_bytes: u64,
    /// Bytes of files.
    pub artifact_bytes: u64,
    /// Registered model versions whose files go.
    pub versions: i64,
    /// Things that stay because registered model versions were made from them.
    pub kept: i64,
    /// Things whose files a client keeps elsewhere: those stay where they are.
    pub elsewhere: i64,
}

/// Rows of a query.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct QueryRows {
    /// Names of the columns.
    pub columns: Vec<String>,
    /// One list per row.
    pub rows: Vec<Vec<serde_json::Value>>,
    /// There are more rows.
    pub truncated: bool,
}

/// One migration.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Migration {
    /// Counts up from 1.
    pub version: i64,
    /// What it does.
    pub name: String,
    /// The database has it.
    pub applied: bool,
}

/// The state of the database.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DatabaseStatus {
    /// Those that the program knows.
    pub migrations: Vec<Migration>,
    /// Bytes of the file.
    pub db_bytes: u64,
    /// Bytes of its write-ahead log.
    pub wal_bytes: u64,
    /// Identity of the data folder.
    pub store_uuid: String,
    /// The place in the change log, `<epoch>:<seq>`.
    pub cursor: String,
}

impl Client {
    /// Writes a consistent copy to an absolute path on the server's machine.
    ///
    /// # Errors
    /// See [`crate::ClientError`].
    pub async fn backup(&self, path: &str) -> Result<BackupDone> {
        self.post(&["db", "backup"], &json!({ "path": path })).await
    }

    /// Checks the database's integrity.
    ///
    /// # Errors
    /// See [`crate::ClientError`].
    pub async fn check_database(&self) -> Result<CheckDone> {
        self.get(&["db", "check"]).await
    }

    /// Makes the index of words anew.
    ///
    /// # Errors
    /// See [`crate::ClientError`].
    pub async fn rebuild_index(&self) -> Result<()> {
        self.post_no_content(&["db", "reindex"]).await
    }

    /// Deletes for good what lies in the trash since before `before` (RFC 3339), or all of
    /// it; with `dry_run` it only tells what would go.
    ///
    /// # Errors
    /// See [`crate::ClientError`].
    pub async fn empty_trash(&self, before: Option<&str>, dry_run: bool) -> Result<EmptiedTrash> {
        let body = json!({ "all": true, "before": before, "dry_run": dry_run });
        self.post(&["trash", "delete"], &body).await
    }

    /// Reads with SQL.
    ///
    /// # Errors
    /// See [`crate::ClientError`].
    pub async fn query(&self, sql: &str, limit: usize) -> Result<QueryRows> {
        self.post(&["db", "query"], &json!({ "sql": sql, "limit": limit })).await
    }

    /// The database's migrations and size.
    ///
    /// # Errors
    /// See [`crate::ClientError`].
    pub async fn database_status(&self) -> Result<DatabaseStatus> {
        self.get(&["db", "status"]).await
    }
}
