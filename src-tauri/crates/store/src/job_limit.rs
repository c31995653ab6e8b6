//! What limits jobs as a whole: queues, and how often and how long tasks run.

use crate::error::StoreResult;
use crate::tx::{View, WriteTx};
use rusqlite::params;

/// How long jobs of a task may take that do not say so themselves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TaskLimit {
    /// The task's name.
    pub name: String,
    /// After this one is asked to end, milliseconds.
    pub soft_ms: Option<i64>,
    /// After this it is killed, milliseconds.
    pub hard_ms: Option<i64>,
}

/// What to change of a queue; what is absent stays.
#[derive(Debug, Clone, Default)]
pub struct QueueChange {
    /// The most jobs that run at a time; and the least, where it follows the machine.
    pub at_a_time: Option<(u32, Option<u32>)>,
    /// Nothing is taken from it.
    pub paused: Option<bool>,
}

impl View<'_> {
    /// Rates of tasks: name and milliseconds between two starts.
    ///
    /// # Errors
    /// The database's.
    pub fn job_rates(&self) -> StoreResult<Vec<(String, i64)>> {
        let mut statement = self
            .connection
            .prepare_cached("SELECT name, interval_ms FROM job_rate ORDER BY name")?;
        let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    }

    /// Limits of the time that tasks take, by name.
    ///
    /// # Errors
    /// The database's.
    pub fn job_limits(&self) -> StoreResult<Vec<TaskLimit>> {
        let mut statement = self
            .connection
            .prepare_cached("SELECT name, soft_limit, hard_limit FROM job_limit ORDER BY name")?;
        let rows = statement.query_map([], |row| {
            Ok(TaskLimit { name: row.get(0)?, soft_ms: row.get(1)?, hard_ms: row.get(2)? })
        })?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    }
}

impl WriteTx<'_> {
    /// Changes a queue, or makes it.
    ///
    /// # Errors
    /// The database's.
    pub fn set_queue(&mut self, name: &str, change: &QueueChange) -> StoreResult<()> {
        let row = self.queue_row(name)?;
        if let Some((most, least)) = change.at_a_time {
            self.connection
                .prepare_cached("UPDATE queue SET concurrency = ?2, least = ?3 WHERE id = ?1")?
                .execute(params![row, most, least])?;
        }
        if let Some(paused) = change.paused {
            self.connection
                .prepare_cached("UPDATE queue SET paused = ?2, reason = NULL WHERE id = ?1")?
                .execute(params![row, paused])?;
        }
        Ok(())
    }

    /// Sets how often tasks of a name start, or lifts the limit. Those that were given a
    /// later time under the old rate are looked at again.
    ///
    /// # Errors
    /// The database's.
    pub fn set_job_rate(&mut self, name: &str, interval_ms: Option<i64>) -> StoreResult<()> {
        match interval_ms {
            Some(interval) => self
                .connection
                .prepare_cached(
                    "INSERT INTO job_rate (name, interval_ms) VALUES (?1, ?2)
                     ON CONFLICT (name) DO UPDATE SET interval_ms = ?2, next_at = 0",
                )?
                .execute(params![name, interval])?,
            None => self
                .connection
                .prepare_cached("DELETE FROM job_rate WHERE name = ?1")?
                .execute([name])?,
        };
        self.connection
            .prepare_cached(
                "UPDATE job SET has_slot = 0, due_at = ?2 WHERE lane = 1 AND has_slot = 1
                 AND name = ?1",
            )?
            .execute(params![name, self.now()])?;
        Ok(())
    }

    /// Sets how long jobs of a task may take that start from now on, or lifts the limits.
    ///
    /// # Errors
    /// The database's.
    pub fn set_job_limit(&mut self, limit: &TaskLimit) -> StoreResult<()> {
        self.connection
            .prepare_cached("DELETE FROM job_limit WHERE name = ?1")?
            .execute([&limit.name])?;
        if limit.soft_ms.or(limit.hard_ms).is_some() {
            self.connection
                .prepare_cached(
                    "INSERT INTO job_limit (name, soft_limit, hard_limit) VALUES (?1, ?2, ?3)",
                )?
                .execute(params![limit.name, limit.soft_ms, limit.hard_ms])?;
        }
        Ok(())
    }
}
