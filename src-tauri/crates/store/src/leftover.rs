//! What is left of things that are gone for good: points of metrics, and files. It is
//! noted in the transaction that deletes, and taken away piece by piece afterwards, so
//! that neither a long deletion nor a crash loses sight of it.

use crate::error::StoreResult;
use crate::tx::{View, WriteTx};
use rusqlite::{OptionalExtension, params};

/// Files that nothing points to any more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Leftover {
    /// Its number, to say that it is done.
    pub id: i64,
    /// The folder, a URI.
    pub artifact_uri: String,
}

impl View<'_> {
    /// Folders that are still to be removed, oldest first.
    ///
    /// # Errors
    /// The database's.
    pub fn leftover_files(&self, limit: usize) -> StoreResult<Vec<Leftover>> {
        let mut statement = self.connection.prepare_cached(
            "SELECT id, artifact_uri FROM leftover WHERE artifact_uri IS NOT NULL
             ORDER BY id LIMIT ?1",
        )?;
        let rows = statement.query_map([i64::try_from(limit).unwrap_or(i64::MAX)], |row| {
            Ok(Leftover { id: row.get(0)?, artifact_uri: row.get(1)? })
        })?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    }

    /// Whether a run, model or experiment has its files at `uri`.
    ///
    /// # Errors
    /// The database's.
    pub fn is_location_used(&self, uri: &str) -> StoreResult<bool> {
        let mut statement = self.connection.prepare_cached(
            "SELECT 1 FROM experiment WHERE artifact_location = ?1
             UNION ALL SELECT 1 FROM run WHERE artifact_uri = ?1
             UNION ALL SELECT 1 FROM logged_model WHERE artifact_uri = ?1",
        )?;
        Ok(statement.exists([uri])?)
    }
}

impl WriteTx<'_> {
    pub(crate) fn leave_points(&self, run: i64) -> StoreResult<()> {
        self.connection
            .prepare_cached("INSERT INTO leftover (run_row, since) VALUES (?1, ?2)")?
            .execute(params![run, self.now()])?;
        Ok(())
    }

    pub(crate) fn leave_files(&self, uri: &str) -> StoreResult<()> {
        self.connection
            .prepare_cached("INSERT INTO leftover (artifact_uri, since) VALUES (?1, ?2)")?
            .execute(params![uri, self.now()])?;
        Ok(())
    }

    /// What a note spoke of is gone, or is not ours to remove.
    ///
    /// # Errors
    /// The database's.
    pub fn leftover_done(&mut self, id: i64) -> StoreResult<()> {
        self.connection.prepare_cached("DELETE FROM leftover WHERE id = ?1")?.execute([id])?;
        Ok(())
    }

    /// Removes up to about `limit` points that no run has any more; answers whether more
    /// are left.
    ///
    /// # Errors
    /// The database's.
    pub fn remove_points(&mut self, limit: i64) -> StoreResult<bool> {
        let next: Option<(i64, i64)> = self
            .connection
            .prepare_cached(
                "SELECT id, run_row FROM leftover WHERE run_row IS NOT NULL ORDER BY id LIMIT 1",
            )?
            .query_row([], |row| Ok((row.get(0)?, row.get(1)?)))
            .optional()?;
        let Some((id, run)) = next else { return Ok(false) };
        // Up to and with the step at which the limit is reached, key by key.
        let bound: Option<(i64, i64)> = self
            .connection
            .prepare_cached(
                "SELECT key, step FROM metric WHERE run_id = ?1 ORDER BY key, step
                 LIMIT 1 OFFSET ?2",
            )?
            .query_row([run, limit], |row| Ok((row.get(0)?, row.get(1)?)))
            .optional()?;
        match bound {
            Some((key, step)) => {
                self.connection
                    .prepare_cached(
                        "DELETE FROM metric WHERE run_id = ?1 AND (key, step) <= (?2, ?3)",
                    )?
                    .execute([run, key, step])?;
            }
            None => {
                self.connection
                    .prepare_cached("DELETE FROM metric WHERE run_id = ?1")?
                    .execute([run])?;
                self.leftover_done(id)?;
            }
        }
        Ok(true)
    }
}
