//! Jobs, queues and attempts, read.

use crate::error::StoreResult;
use crate::tx::View;
use branchline_core::{
    Attempt, Error, Job, JobEvent, JobOptions, JobState, Queue, RetryPolicy, Work,
};
use rusqlite::{OptionalExtension, Row};
use std::collections::BTreeMap;

/// A job with its row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JobRow {
    /// The row.
    pub row: i64,
    /// As everybody may know it.
    pub job: Job,
}

/// Numbers of jobs.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct JobStats {
    /// By state.
    pub states: BTreeMap<String, i64>,
    /// Attempts that were tried again.
    pub retried: i64,
}

pub(crate) const COLUMNS: &str =
    "j.id, j.task_id, j.name, j.command, j.cwd, j.env, j.args, j.kwargs,
    q.name, j.priority, j.due_at, j.expires_at, j.max_retries, j.retry_delay, j.retry_backoff,
    j.retry_cap, j.retry_jitter, j.acks_late, j.soft_limit, j.hard_limit, j.unique_key, j.state,
    j.retries, j.attempt, j.waits_for, j.cancelled, j.worker, j.result, j.exception, j.message,
    j.traceback, j.meta, j.root_id, j.queued_at, j.started_at, j.ended_at, j.created_by,
    j.project_id, j.gpus, j.memory_limit";
pub(crate) const SOURCE: &str = "job j JOIN queue q ON q.id = j.queue_id";

/// What this crate wrote as JSON is read back; what somebody else did to it is nothing.
fn strings(text: &str) -> Vec<String> {
    serde_json::from_str(text).unwrap_or_default()
}

/// Slots of graphics processors, as an attempt keeps them.
pub(crate) fn slots(text: Option<String>) -> Vec<u32> {
    text.and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default()
}

pub(crate) fn read(row: &Row<'_>) -> rusqlite::Result<JobRow> {
    let (command, env): (Option<String>, String) = (row.get(3)?, row.get(5)?);
    let state: String = row.get(21)?;
    let env: BTreeMap<String, String> = serde_json::from_str(&env).unwrap_or_default();
    let work = Work {
        name: row.get(2)?,
        command: command.as_deref().map(strings).unwrap_or_default(),
        cwd: row.get(4)?,
        env: env.into_iter().collect(),
        args: row.get(6)?,
        kwargs: row.get(7)?,
        project: row.get(37)?,
    };
    let options = JobOptions {
        queue: row.get(8)?,
        priority: row.get(9)?,
        eta: Some(row.get(10)?),
        expires_at: row.get(11)?,
        retry: RetryPolicy {
            max_retries: row.get(12)?,
            delay_ms: row.get(13)?,
            backoff: row.get(14)?,
            longest_ms: row.get(15)?,
            jitter: row.get(16)?,
        },
        acks_late: row.get(17)?,
        soft_limit_ms: row.get(18)?,
        hard_limit_ms: row.get(19)?,
        unique_key: row.get(20)?,
        gpus: row.get(38)?,
        memory_limit: row.get(39)?,
    };
    let job = Job {
        task_id: row.get(1)?,
        work,
        options,
        state: JobState::parse(&state).unwrap_or(JobState::Failure),
        retries: row.get(22)?,
        attempt: row.get(23)?,
        waits_for: row.get(24)?,
        cancelled: row.get(25)?,
        worker: row.get(26)?,
        result: row.get(27)?,
        exception: row.get(28)?,
        message: row.get(29)?,
        traceback: row.get(30)?,
        meta: row.get(31)?,
        root_id: row.get(32)?,
        queued_at: row.get(33)?,
        started_at: row.get(34)?,
        ended_at: row.get(35)?,
        created_by: row.get(36)?,
    };
    Ok(JobRow { row: row.get(0)?, job })
}

fn unknown(task_id: &str) -> Error {
    Error::not_found(format!("There is no job '{task_id}'."))
}

impl View<'_> {
    /// A job, if there is one.
    ///
    /// # Errors
    /// The database's.
    pub fn find_job(&self, task_id: &str) -> StoreResult<Option<JobRow>> {
        let sql = format!("SELECT {COLUMNS} FROM {SOURCE} WHERE j.task_id = ?1");
        Ok(self.connection.prepare_cached(&sql)?.query_row([task_id], read).optional()?)
    }

    /// A job.
    ///
    /// # Errors
    /// There is none.
    pub fn job(&self, task_id: &str) -> StoreResult<JobRow> {
        self.find_job(task_id)?.ok_or_else(|| unknown(task_id).into())
    }

    /// How a job stands, if there is one.
    ///
    /// # Errors
    /// The database's.
    pub fn job_state(&self, task_id: &str) -> StoreResult<Option<JobState>> {
        let state: Option<String> = self
            .connection
            .prepare_cached("SELECT state FROM job WHERE task_id = ?1")?
            .query_row([task_id], |row| row.get(0))
            .optional()?;
        Ok(state.and_then(|state| JobState::parse(&state)))
    }

    pub(crate) fn job_by_row(&self, row: i64) -> StoreResult<JobRow> {
        let sql = format!("SELECT {COLUMNS} FROM {SOURCE} WHERE j.id = ?1");
        Ok(self.connection.prepare_cached(&sql)?.query_row([row], read)?)
    }

    /// The attempts at a job, in order.
    ///
    /// # Errors
    /// The database's.
    pub fn attempts(&self, job: i64) -> StoreResult<Vec<Attempt>> {
        let mut statement = self.connection.prepare_cached(
            "SELECT number, worker, pid, received_at, ended_at, reason, exit_code, signal, cpu_ms,
                    peak_bytes, gpu_slots FROM attempt WHERE job_id = ?1 ORDER BY number",
        )?;
        let rows = statement.query_map([job], |row| {
            Ok(Attempt {
                number: row.get(0)?,
                worker: row.get(1)?,
                pid: row.get(2)?,
                received_at: row.get(3)?,
                ended_at: row.get(4)?,
                reason: row.get(5)?,
                exit_code: row.get(6)?,
                signal: row.get(7)?,
                cpu_ms: row.get(8)?,
                peak_bytes: row.get(9)?,
                gpu_slots: slots(row.get(10)?),
            })
        })?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    }

    /// The transitions of a job, in order.
    ///
    /// # Errors
    /// The database's.
    pub fn job_events(&self, job: i64) -> StoreResult<Vec<JobEvent>> {
        let mut statement = self
            .connection
            .prepare_cached("SELECT state, at FROM job_event WHERE job_id = ?1 ORDER BY number")?;
        let rows = statement.query_map([job], |row| {
            let state: String = row.get(0)?;
            Ok(JobEvent {
                state: JobState::parse(&state).unwrap_or(JobState::Failure),
                at: row.get(1)?,
            })
        })?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    }

    /// Jobs before and after this one in its graph: ids, in order.
    ///
    /// # Errors
    /// The database's.
    pub fn job_relations(&self, job: i64) -> StoreResult<(Vec<String>, Vec<String>)> {
        let ids = |sql: &str| -> StoreResult<Vec<String>> {
            let mut statement = self.connection.prepare_cached(sql)?;
            let rows = statement.query_map([job], |row| row.get(0))?;
            Ok(rows.collect::<rusqlite::Result<_>>()?)
        };
        Ok((
            ids("SELECT j.task_id FROM job_edge e JOIN job j ON j.id = e.parent_id
                 WHERE e.child_id = ?1 ORDER BY e.parent_id")?,
            ids("SELECT j.task_id FROM job_edge e JOIN job j ON j.id = e.child_id
                 WHERE e.parent_id = ?1 ORDER BY e.child_id")?,
        ))
    }

    /// The results of the jobs that had to succeed before this one, JSON, in order.
    ///
    /// # Errors
    /// The database's.
    pub fn results_before(&self, job: i64) -> StoreResult<Vec<String>> {
        let mut statement = self.connection.prepare_cached(
            "SELECT coalesce(j.result, 'null') FROM job_edge e JOIN job j ON j.id = e.parent_id
             WHERE e.child_id = ?1 AND e.on_failure = 0 ORDER BY e.parent_id",
        )?;
        let rows = statement.query_map([job], |row| row.get(0))?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    }

    /// Runs that a job made, by the tag that they carry: those that started since it did.
    ///
    /// # Errors
    /// The database's.
    pub fn runs_of_job(&self, job: &Job) -> StoreResult<Vec<String>> {
        let Some(first) = job.started_at else { return Ok(Vec::new()) };
        // A retry starts later than the first attempt's runs.
        let since = first.min(job.queued_at) - MINUTE_MS;
        let mut statement = self.connection.prepare_cached(
            "SELECT r.run_id FROM run r INDEXED BY run_recent
             JOIN name n ON n.text = ?1 JOIN tag t ON t.run_id = r.id AND t.key = n.id
             WHERE r.deleted = 0 AND r.start_time >= ?2 AND t.value = ?3
             ORDER BY r.start_time DESC, r.run_id LIMIT 1000",
        )?;
        let rows = statement.query_map(
            rusqlite::params![branchline_core::job::JOB_TAG, since, job.task_id],
            |row| row.get(0),
        )?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    }

    /// Runs of a job that nobody has ended.
    ///
    /// # Errors
    /// The database's.
    pub fn open_runs_of_job(&self, task_id: &str) -> StoreResult<Vec<String>> {
        let mut statement = self.connection.prepare_cached(
            "SELECT r.run_id FROM run r JOIN name n ON n.text = ?1
             JOIN tag t ON t.run_id = r.id AND t.key = n.id
             WHERE r.status = 1 AND r.deleted = 0 AND t.value = ?2",
        )?;
        let rows =
            statement.query_map([branchline_core::job::JOB_TAG, task_id], |row| row.get(0))?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    }

    /// The queues, by name, with what is in them.
    ///
    /// # Errors
    /// The database's.
    pub fn queues(&self) -> StoreResult<Vec<Queue>> {
        let mut statement = self.connection.prepare_cached(
            "SELECT q.name, q.concurrency, q.least, q.paused, q.reason,
                 (SELECT count(*) FROM job WHERE queue_id = q.id AND lane = 2),
                 (SELECT count(*) FROM job WHERE queue_id = q.id AND lane = 1),
                 (SELECT count(*) FROM job WHERE queue_id = q.id AND lane = 3),
                 (SELECT count(*) FROM job WHERE queue_id = q.id AND lane = 4)
             FROM queue q ORDER BY q.name",
        )?;
        let rows = statement.query_map([], |row| {
            Ok(Queue {
                name: row.get(0)?,
                concurrency: row.get(1)?,
                least: row.get(2)?,
                paused: row.get(3)?,
                reason: row.get(4)?,
                ready: row.get(5)?,
                held: row.get(6)?,
                running: row.get(7)?,
                waiting: row.get(8)?,
            })
        })?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    }

    /// Jobs of a queue that have not started, in the order in which they would.
    ///
    /// # Errors
    /// The database's.
    pub fn waiting_in(&self, queue: &str, limit: usize) -> StoreResult<Vec<String>> {
        let mut statement = self.connection.prepare_cached(
            "SELECT task_id FROM job WHERE queue_id = (SELECT id FROM queue WHERE name = ?1)
             AND lane IN (1, 2, 4) ORDER BY lane = 1, rank, id LIMIT ?2",
        )?;
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let rows = statement.query_map(rusqlite::params![queue, limit], |row| row.get(0))?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    }

    /// Numbers of jobs.
    ///
    /// # Errors
    /// The database's.
    pub fn job_stats(&self) -> StoreResult<JobStats> {
        let mut statement =
            self.connection.prepare_cached("SELECT state, count(*) FROM job GROUP BY state")?;
        let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
        let mut states: BTreeMap<String, i64> =
            JobState::ALL.iter().map(|state| (state.as_str().to_owned(), 0)).collect();
        states.extend(rows.collect::<rusqlite::Result<Vec<(String, i64)>>>()?);
        let retried = self.connection.prepare_cached(RETRIED)?.query_row([], |row| row.get(0))?;
        Ok(JobStats { states, retried })
    }
}

/// How often jobs were tried again, from the index of those that were.
pub(crate) const RETRIED: &str = "SELECT coalesce(sum(retries), 0) FROM job WHERE retries > 0";

const MINUTE_MS: i64 = 60_000;
