//! Sweeps: jobs of one task over a space of arguments. The jobs carry the sweep's id as
//! their root.

use crate::change::{Kind, Op};
use crate::error::StoreResult;
use crate::experiment::owner;
use crate::job::{COLUMNS, JobRow, SOURCE, read as read_job};
use crate::tx::{View, WriteTx};
use branchline_core::job::JOB_TAG;
use branchline_core::{Actor, Error, Job};
use rusqlite::{OptionalExtension, Row, params};
use std::collections::BTreeMap;

/// A sweep.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sweep {
    /// All of its jobs carry it.
    pub id: String,
    /// Its project's row, while there is one.
    pub project: Option<i64>,
    /// The task's name.
    pub task: String,
    /// Every combination, or some by chance.
    pub random: bool,
    /// What is varied, JSON as it was asked for.
    pub space: String,
    /// What its jobs are compared by.
    pub metric: Option<String>,
    /// Less is better.
    pub minimize: bool,
    /// Milliseconds UTC.
    pub created_at: i64,
    /// Jobs by state.
    pub states: BTreeMap<String, i64>,
}

const SWEEP: &str =
    "SELECT root_id, project_id, task, method, space, metric, goal, created_at FROM sweep";

fn read(row: &Row<'_>) -> rusqlite::Result<Sweep> {
    Ok(Sweep {
        id: row.get(0)?,
        project: row.get(1)?,
        task: row.get(2)?,
        random: row.get::<_, String>(3)? == "random",
        space: row.get(4)?,
        metric: row.get(5)?,
        minimize: row.get::<_, String>(6)? == "min",
        created_at: row.get(7)?,
        states: BTreeMap::new(),
    })
}

impl View<'_> {
    /// A sweep.
    ///
    /// # Errors
    /// There is none.
    pub fn sweep(&self, id: &str) -> StoreResult<Sweep> {
        let found = self
            .connection
            .prepare_cached(&format!("{SWEEP} WHERE root_id = ?1"))?
            .query_row([id], read)
            .optional()?;
        let sweep = found.ok_or_else(|| Error::not_found(format!("There is no sweep '{id}'.")))?;
        self.with_states(sweep)
    }

    fn with_states(&self, mut sweep: Sweep) -> StoreResult<Sweep> {
        let mut statement = self
            .connection
            .prepare_cached("SELECT state, count(*) FROM job WHERE root_id = ?1 GROUP BY state")?;
        let rows = statement.query_map([&sweep.id], |row| Ok((row.get(0)?, row.get(1)?)))?;
        sweep.states = rows.collect::<rusqlite::Result<_>>()?;
        Ok(sweep)
    }

    /// Sweeps, newest first; of one project, or all.
    ///
    /// # Errors
    /// The database's.
    pub fn sweeps(&self, project: Option<i64>, limit: i64) -> StoreResult<Vec<Sweep>> {
        let mut statement = self.connection.prepare_cached(&format!(
            "{SWEEP} WHERE (?1 IS NULL OR project_id = ?1) ORDER BY id DESC LIMIT ?2"
        ))?;
        let rows = statement.query_map(params![project, limit], read)?;
        let sweeps = rows.collect::<rusqlite::Result<Vec<_>>>()?;
        sweeps.into_iter().map(|sweep| self.with_states(sweep)).collect()
    }

    /// The jobs of a sweep in the order of their making.
    ///
    /// # Errors
    /// The database's.
    pub fn sweep_jobs(&self, id: &str) -> StoreResult<Vec<Job>> {
        let mut statement = self.connection.prepare_cached(&format!(
            "SELECT {COLUMNS} FROM {SOURCE} WHERE j.root_id = ?1 ORDER BY j.id"
        ))?;
        let rows = statement.query_map([id], read_job)?;
        let jobs = rows.collect::<rusqlite::Result<Vec<JobRow>>>()?;
        Ok(jobs.into_iter().map(|found| found.job).collect())
    }

    /// The last value of a metric in the newest run of each job that started runs since
    /// `since`: task ids and values.
    ///
    /// # Errors
    /// The database's.
    pub fn metric_of_jobs(&self, metric: &str, since: i64) -> StoreResult<BTreeMap<String, f64>> {
        let mut statement = self.connection.prepare_cached(
            "SELECT t.value, m.value FROM run r INDEXED BY run_recent
             JOIN name k ON k.text = ?1 JOIN tag t ON t.run_id = r.id AND t.key = k.id
             JOIN name n ON n.text = ?2 JOIN latest_metric m ON m.run_id = r.id AND m.key = n.id
             WHERE r.deleted = 0 AND r.start_time >= ?3 AND m.is_nan = 0
             ORDER BY r.start_time, r.run_id",
        )?;
        let rows = statement
            .query_map(params![JOB_TAG, metric, since], |row| Ok((row.get(0)?, row.get(1)?)))?;
        // The newest comes last and stays.
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    }

    /// Jobs of a sweep that have not ended, with their rows.
    ///
    /// # Errors
    /// The database's.
    pub fn open_jobs_of(&self, root: &str) -> StoreResult<Vec<JobRow>> {
        let mut statement = self.connection.prepare_cached(&format!(
            "SELECT {COLUMNS} FROM {SOURCE} WHERE j.root_id = ?1 AND j.lane <> 0 ORDER BY j.id"
        ))?;
        let rows = statement.query_map([root], read_job)?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    }
}

impl WriteTx<'_> {
    /// Makes a sweep; its jobs are queued beside.
    ///
    /// # Errors
    /// The database's.
    pub fn insert_sweep(&mut self, actor: &Actor, sweep: &Sweep) -> StoreResult<()> {
        self.connection
            .prepare_cached(
                "INSERT INTO sweep (root_id, project_id, task, method, space, metric, goal,
                     created_at, created_by) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
            )?
            .execute(params![
                sweep.id,
                sweep.project,
                sweep.task,
                if sweep.random { "random" } else { "grid" },
                sweep.space,
                sweep.metric,
                if sweep.minimize { "min" } else { "max" },
                self.now(),
                owner(actor),
            ])?;
        let row = self.connection.last_insert_rowid();
        self.record(actor, Kind::Sweep, row, Some(&sweep.id), Op::Create)?;
        Ok(())
    }
}
