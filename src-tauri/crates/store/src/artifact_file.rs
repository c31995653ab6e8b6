//! What was stored through the server: how large each file is, and what it is.

use crate::error::StoreResult;
use crate::tx::{View, WriteTx};
use rusqlite::params;

/// A file below `mlflow-artifacts:/` as it was stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ArtifactFileRow {
    /// Where it is.
    pub path: String,
    /// Bytes.
    pub size: u64,
    /// Of the content, once that was hashed.
    pub sha256: Option<[u8; 32]>,
    /// Larger for what was stored later.
    pub stamp: i64,
}

/// What stands for a hash that is not known yet: the column holds 32 bytes always.
const UNKNOWN: [u8; 32] = [0; 32];

impl View<'_> {
    /// Up to `limit` files in the order of their paths, after `after`.
    ///
    /// # Errors
    /// The database's.
    pub fn artifact_files(&self, after: &str, limit: usize) -> StoreResult<Vec<ArtifactFileRow>> {
        let mut statement = self.connection.prepare_cached(
            "SELECT path, size, sha256, stamp FROM artifact_file WHERE path > ?1
             ORDER BY path LIMIT ?2",
        )?;
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let rows = statement.query_map(params![after, limit], |row| {
            Ok(ArtifactFileRow {
                path: row.get(0)?,
                size: u64::try_from(row.get::<_, i64>(1)?).unwrap_or_default(),
                sha256: Some(row.get(2)?).filter(|sha256| *sha256 != UNKNOWN),
                stamp: row.get(3)?,
            })
        })?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    }
}

impl WriteTx<'_> {
    /// Notes a file that was stored, unless a later one is noted already.
    ///
    /// # Errors
    /// The database's.
    pub fn put_artifact_file(&mut self, file: &ArtifactFileRow) -> StoreResult<()> {
        self.connection
            .prepare_cached(
                "INSERT INTO artifact_file (path, size, sha256, stamp) VALUES (?1, ?2, ?3, ?4)
                 ON CONFLICT (path) DO UPDATE SET size = excluded.size,
                     sha256 = excluded.sha256, stamp = excluded.stamp
                 WHERE excluded.stamp > stamp",
            )?
            .execute(params![
                file.path,
                i64::try_from(file.size).unwrap_or(i64::MAX),
                file.sha256.unwrap_or(UNKNOWN),
                file.stamp
            ])?;
        Ok(())
    }

    /// Notes the hash of a file, unless it was replaced or removed since.
    ///
    /// # Errors
    /// The database's.
    pub fn put_artifact_hash(
        &mut self,
        path: &str,
        stamp: i64,
        sha256: [u8; 32],
    ) -> StoreResult<()> {
        self.connection
            .prepare_cached("UPDATE artifact_file SET sha256 = ?3 WHERE path = ?1 AND stamp = ?2")?
            .execute(params![path, stamp, sha256])?;
        Ok(())
    }

    /// Forgets a file, or all that is in a folder.
    ///
    /// # Errors
    /// The database's.
    pub fn forget_artifact_files(&mut self, path: &str) -> StoreResult<()> {
        // The first text that does not begin with `path/`: `0` follows `/`.
        self.connection
            .prepare_cached(
                "DELETE FROM artifact_file WHERE path = ?1 OR (path > ?1 || '/' AND path < ?1 || '0')",
            )?
            .execute([path])?;
        Ok(())
    }
}
