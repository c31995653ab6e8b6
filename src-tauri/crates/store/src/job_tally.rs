//! What happened to jobs, counted from the change log by whoever asks: nothing is counted
//! while nobody does.

use crate::change::{Kind, last_seq};
use crate::error::StoreResult;
use crate::tx::View;
use branchline_core::event::Cursor;
use rusqlite::params;

/// One thing that happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TalliedEvent {
    /// The job; empty for those that are gone.
    pub task_id: String,
    /// The state that it came to.
    pub state: String,
    /// The task's name; empty for those that are gone.
    pub task: String,
    /// How long the job ran, milliseconds, where it succeeded.
    pub runtime_ms: Option<i64>,
}

/// What happened between two places in the change log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tallied {
    /// Go on from here.
    pub cursor: Cursor,
    /// In order.
    pub events: Vec<TalliedEvent>,
}

impl View<'_> {
    /// What happened to jobs after `after`; nothing when that is a place of another life.
    ///
    /// # Errors
    /// The database's.
    pub fn tally_jobs(&self, after: Cursor, epoch: i64) -> StoreResult<Tallied> {
        let cursor = Cursor { epoch, seq: last_seq(self.connection)? };
        if after.epoch != epoch {
            return Ok(Tallied { cursor, events: Vec::new() });
        }
        // A job's report of itself has no state.
        let mut statement = self.connection.prepare_cached(
            "SELECT coalesce(j.task_id, ''), c.field, coalesce(j.name, ''),
                 CASE WHEN c.field = 'SUCCESS' AND j.state = 'SUCCESS'
                      THEN j.ended_at - j.started_at END
             FROM change c LEFT JOIN job j ON j.id = c.entity
             WHERE c.kind = ?1 AND c.seq > ?2 AND c.op IN (1, 2) AND c.field IS NOT NULL
             ORDER BY c.seq",
        )?;
        let rows = statement.query_map(params![Kind::Job as i64, after.seq], |row| {
            Ok(TalliedEvent {
                task_id: row.get(0)?,
                state: row.get(1)?,
                task: row.get(2)?,
                runtime_ms: row.get(3)?,
            })
        })?;
        Ok(Tallied { cursor, events: rows.collect::<rusqlite::Result<_>>()? })
    }
}
