//! What jobs came to over time, from the index of those that ended.

use crate::error::StoreResult;
use crate::job::RETRIED;
use crate::tx::View;
use rusqlite::params;

/// What ended in one stretch of time.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct JobPeriod {
    /// Its start, milliseconds UTC.
    pub at: i64,
    /// Jobs that ended well.
    pub succeeded: i64,
    /// Jobs that failed for good.
    pub failed: i64,
    /// Jobs that were cancelled or expired.
    pub revoked: i64,
    /// Attempts of these jobs that were tried again.
    pub retried: i64,
    /// How long they waited from when they were due until they started, milliseconds: the mean.
    pub wait_ms: Option<f64>,
    /// And the longest.
    pub longest_wait_ms: Option<i64>,
    /// How long they ran, milliseconds: the mean.
    pub run_ms: Option<f64>,
}

const PERIODS: &str =
    "SELECT ended_at / ?2 * ?2 AS at, sum(state = 'SUCCESS'), sum(state = 'FAILURE'),
        sum(state = 'REVOKED'), sum(retries), avg(max(started_at - due_at, 0)),
        max(max(started_at - due_at, 0)), avg(ended_at - started_at)
    FROM job WHERE lane = 0 AND ended_at >= ?1 GROUP BY 1 ORDER BY 1";
const OLDEST: &str = "SELECT id FROM job WHERE lane = 0 AND ended_at < ?1
    AND (root_id IS NULL OR NOT EXISTS
        (SELECT 1 FROM job other WHERE other.root_id = job.root_id AND other.lane <> 0))
    ORDER BY ended_at LIMIT ?2";
const ENDED: &str = "SELECT count(*) FROM job INDEXED BY job_ended WHERE lane = 0";
const ENDED_OF_THE_LIVING: &str = "SELECT count(*) FROM job INDEXED BY job_by_root
    WHERE lane = 0 AND root_id IS NOT NULL AND root_id IN (SELECT root_id FROM job
        INDEXED BY job_graph_alive WHERE lane <> 0 AND root_id IS NOT NULL)";

impl View<'_> {
    /// What ended since `from`, by stretches of `period_ms`; those in which nothing did are
    /// left out.
    ///
    /// # Errors
    /// The database's.
    pub fn job_periods(&self, from: i64, period_ms: i64) -> StoreResult<Vec<JobPeriod>> {
        let mut statement = self.connection.prepare_cached(PERIODS)?;
        let rows = statement.query_map(params![from, period_ms], |row| {
            Ok(JobPeriod {
                at: row.get(0)?,
                succeeded: row.get(1)?,
                failed: row.get(2)?,
                revoked: row.get(3)?,
                retried: row.get(4)?,
                wait_ms: row.get(5)?,
                longest_wait_ms: row.get(6)?,
                run_ms: row.get(7)?,
            })
        })?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    }

    /// Ids of ended jobs that are too many beside the newest `keep`, or ended before
    /// `before`; at most `limit`, oldest first. Those whose graph goes on stay, and count for
    /// nothing: others are not forgotten in their place.
    ///
    /// # Errors
    /// The database's.
    pub fn oldest_jobs(&self, keep: i64, before: i64, limit: i64) -> StoreResult<Vec<String>> {
        let count = |sql: &str| -> StoreResult<i64> {
            Ok(self.connection.prepare_cached(sql)?.query_row([], |row| row.get(0))?)
        };
        let ended = count(ENDED)? - count(ENDED_OF_THE_LIVING)?;
        let too_many = self.oldest(i64::MAX, (ended - keep).clamp(0, limit))?;
        let too_old = self.oldest(before, limit)?;
        // Both are the beginning of the same list.
        Ok(if too_many.len() > too_old.len() { too_many } else { too_old })
    }

    fn oldest(&self, before: i64, limit: i64) -> StoreResult<Vec<String>> {
        let sql = format!(
            "SELECT j.task_id FROM ({OLDEST}) old JOIN job j ON j.id = old.id ORDER BY j.ended_at"
        );
        let mut statement = self.connection.prepare_cached(&sql)?;
        let rows = statement.query_map(params![before, limit], |row| row.get(0))?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    }

    /// How SQLite answers the questions of the monitor.
    ///
    /// # Errors
    /// The database's.
    pub fn explain_monitor(&self) -> StoreResult<Vec<String>> {
        self.explain(&[PERIODS, OLDEST, ENDED, ENDED_OF_THE_LIVING, RETRIED])
    }
}
