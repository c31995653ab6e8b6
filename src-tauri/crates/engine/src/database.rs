//! The database as a person looks after it: figures, backup, restore, check, SQL.

use crate::home::DataDir;
use crate::instance::OwnerLock;
use crate::{Engine, permit};
use branchline_core::{Actor, Error, Result};
use branchline_store::{MigrationStatus, QueryResult, Store};
use std::path::{Path, PathBuf};

/// Sizes and counts.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EngineStats {
    /// Bytes of the database file.
    pub db_bytes: u64,
    /// Bytes of its write-ahead log.
    pub wal_bytes: u64,
    /// Active experiments.
    pub experiments: i64,
    /// Active runs.
    pub runs: i64,
    /// Registered models.
    pub registered_models: i64,
}

impl Engine {
    /// Sizes, and counts of what the actor may see.
    ///
    /// # Errors
    /// The database's.
    pub async fn stats(&self, actor: &Actor) -> Result<EngineStats> {
        let counts = self.read(actor, |view| view.counts()).await?;
        let (db_bytes, wal_bytes) = self.inner.store.file_sizes();
        Ok(EngineStats {
            db_bytes,
            wal_bytes,
            experiments: counts.experiments,
            runs: counts.runs,
            registered_models: counts.registered_models,
        })
    }

    /// Writes a consistent copy of the database to `target` while everything goes on.
    ///
    /// # Errors
    /// The actor may not; the target exists; its folder cannot be written; a full disk.
    pub async fn backup(&self, actor: &Actor, target: &Path) -> Result<()> {
        permit::require_superuser(actor)?;
        self.inner.store.backup(target).await
    }

    /// What is wrong with the database and the files; empty when sound.
    ///
    /// # Errors
    /// The actor may not; the database cannot be read at all.
    pub async fn check(&self, actor: &Actor) -> Result<Vec<String>> {
        permit::require_superuser(actor)?;
        let mut problems = self.inner.store.read(|view| view.check()).await?;
        problems.extend(self.damaged_files().await?);
        Ok(problems)
    }

    /// Runs one statement that only reads, and answers up to `limit` rows.
    ///
    /// # Errors
    /// The actor may not; the statement is wrong, or would write.
    pub async fn query(&self, actor: &Actor, sql: &str, limit: usize) -> Result<QueryResult> {
        permit::require_superuser(actor)?;
        let sql = sql.to_owned();
        self.inner.store.read(move |view| view.query(&sql, limit)).await
    }

    /// Every migration this program knows, and whether the database has seen it.
    ///
    /// # Errors
    /// The database's.
    pub async fn migration_status(&self) -> Result<Vec<MigrationStatus>> {
        self.inner.store.read(|view| view.migration_status()).await
    }

    /// Puts `backup` in the place of the data folder's database and answers where the old
    /// one was kept. A new epoch starts, so that nobody continues from a cursor of before.
    ///
    /// # Errors
    /// An owner runs; the backup is damaged, newer than this program, or not ours.
    pub fn restore(data_dir: &Path, backup: &Path) -> Result<Option<PathBuf>> {
        let data = DataDir::at(data_dir)?;
        data.create()?;
        let _lock = OwnerLock::acquire(&data).map_err(Error::from)?;
        Store::verify_backup(backup)?;
        let database = data.database();
        let fresh = database.with_extension("db.restoring");
        let io = |what: &str| {
            let what = what.to_owned();
            move |e: std::io::Error| {
                Error::internal(format!("{what}; nothing was changed."))
                    .hint("Check space and permissions of the data folder.")
                    .source(e)
            }
        };
        std::fs::copy(backup, &fresh).map_err(io("The backup could not be copied"))?;
        Store::start_epoch(&fresh)?;
        let kept = keep_old(&data, &database)?;
        for side in ["-wal", "-shm"] {
            remove_beside(&database, side);
            remove_beside(&fresh, side);
        }
        std::fs::rename(&fresh, &database).map_err(io("The backup could not be put in place"))?;
        Ok(kept)
    }
}

/// Copies the present database aside, its write-ahead log included.
fn keep_old(data: &DataDir, database: &Path) -> Result<Option<PathBuf>> {
    if !database.exists() {
        return Ok(None);
    }
    let now = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .map_or(0, |d| d.as_millis());
    let kept = data.backups().join(format!("before-restore-{now}.db"));
    let failed = |e: std::io::Error| {
        Error::internal("The present database could not be kept aside; nothing was changed.")
            .hint("Free some space in the data folder.")
            .source(e)
    };
    std::fs::copy(database, &kept).map_err(failed)?;
    let wal = beside(database, "-wal");
    if wal.exists() {
        std::fs::copy(&wal, beside(&kept, "-wal")).map_err(failed)?;
    }
    Ok(Some(kept))
}

fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

fn remove_beside(path: &Path, suffix: &str) {
    let path = beside(path, suffix);
    if let Err(error) = std::fs::remove_file(&path)
        && error.kind() != std::io::ErrorKind::NotFound
    {
        tracing::warn!(path = %path.display(), %error, "a leftover file could not be removed");
    }
}
