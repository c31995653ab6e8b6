//! Jobs: queued, cancelled, queued again, forgotten.

use crate::change::{Kind, Op};
use crate::error::StoreResult;
use crate::experiment::owner;
use crate::job::JobRow;
use crate::tx::WriteTx;
use branchline_core::event::EventKind;
use branchline_core::{Actor, Error, ErrorCode, JobState, NewJob, new_uuid};
use rusqlite::{OptionalExtension, params};
use std::collections::BTreeMap;

/// Where a job stands on its way before it runs; the column `lane`, which is 3 while it
/// does and 0 after.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(i64)]
pub(crate) enum Lane {
    Held = 1,
    Ready = 2,
    Waiting = 4,
}

/// A step of priority is worth as much as having been queued this much earlier. So a job
/// overtakes those of lower priority, and none waits for ever behind those of higher.
const PRIORITY_MS: i64 = 600_000;
/// Jobs of a new queue that run at a time.
const CONCURRENCY: u32 = 2;

/// Where a job stands in a graph.
#[derive(Debug, Clone, Default)]
pub struct Place {
    /// Rows of the jobs that have to succeed before.
    pub after: Vec<i64>,
    /// Rows of the jobs any of whose failure makes it run.
    pub after_failure: Vec<i64>,
    /// The first job of the graph.
    pub root: Option<String>,
}

/// What became of asking for a job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Enqueued {
    /// The job.
    pub row: i64,
    /// Its id.
    pub task_id: String,
    /// It was there already.
    pub existed: bool,
}

pub(crate) fn rank(due_at: i64, priority: u8) -> i64 {
    due_at.saturating_sub(i64::from(priority) * PRIORITY_MS)
}

fn json<T: serde::Serialize>(value: &T) -> String {
    // Strings always have a form in JSON.
    serde_json::to_string(value).unwrap_or_default()
}

impl WriteTx<'_> {
    /// Queues a job. One with the caller's id, or alive with its unique key, is there
    /// already and is answered as it is.
    ///
    /// # Errors
    /// The database's.
    pub fn enqueue_job(
        &mut self,
        actor: &Actor,
        new: &NewJob,
        place: &Place,
    ) -> StoreResult<Enqueued> {
        if let Some(there) = self.queued_already(new)? {
            return Ok(there);
        }
        let now = self.now();
        let options = &new.options;
        let queue = self.queue_row(&options.queue)?;
        let task_id = new.task_id.clone().unwrap_or_else(new_uuid);
        let due_at = options.eta.unwrap_or(now);
        let waits_for = place.after.len() + place.after_failure.len();
        let lane = match (waits_for, due_at > now) {
            (1.., _) => Lane::Waiting,
            (_, true) => Lane::Held,
            (_, false) => Lane::Ready,
        };
        let env: BTreeMap<_, _> = new.work.env.iter().map(|(name, value)| (name, value)).collect();
        let command = (!new.work.command.is_empty()).then(|| json(&new.work.command));
        let retry = &options.retry;
        self.connection
            .prepare_cached(
                "INSERT INTO job (task_id, queue_id, name, command, env, args, kwargs, cwd, state,
                     lane, priority, rank, due_at, expires_at, max_retries, retry_delay, retry_cap,
                     retry_backoff, retry_jitter, acks_late, soft_limit, hard_limit, unique_key,
                     waits_for, root_id, queued_at, created_by, project_id, gpus, memory_limit)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, 'PENDING', ?9, ?10, ?11, ?12, ?13, ?14,
                     ?15, ?16, ?17, ?18, ?19, ?20, ?21, ?22, ?23, ?24, ?25, ?26, ?27,
                     ?28, ?29)",
            )?
            .execute(params![
                task_id,
                queue,
                new.work.name,
                command,
                json(&env),
                new.work.args,
                new.work.kwargs,
                new.work.cwd,
                lane as i64,
                options.priority,
                rank(due_at, options.priority),
                due_at,
                options.expires_at,
                retry.max_retries,
                retry.delay_ms,
                retry.longest_ms,
                retry.backoff,
                retry.jitter,
                options.acks_late,
                options.soft_limit_ms,
                options.hard_limit_ms,
                options.unique_key,
                i64::try_from(waits_for).unwrap_or(i64::MAX),
                place.root,
                now,
                owner(actor),
                new.work.project,
                options.gpus,
                options.memory_limit,
            ])?;
        let row = self.connection.last_insert_rowid();
        self.put_edges(row, place)?;
        let seq = self.record(actor, Kind::Job, row, Some("PENDING"), Op::Create)?;
        self.notify(seq, EventKind::Job(task_id.clone()));
        Ok(Enqueued { row, task_id, existed: false })
    }

    fn queued_already(&self, new: &NewJob) -> StoreResult<Option<Enqueued>> {
        let read = |row: &rusqlite::Row<'_>| {
            Ok(Enqueued { row: row.get(0)?, task_id: row.get(1)?, existed: true })
        };
        if let Some(id) = &new.task_id {
            let found = self
                .connection
                .prepare_cached("SELECT id, task_id FROM job WHERE task_id = ?1")?
                .query_row([id], read)
                .optional()?;
            if found.is_some() {
                return Ok(found);
            }
        }
        let Some(key) = &new.options.unique_key else { return Ok(None) };
        Ok(self
            .connection
            .prepare_cached(
                "SELECT id, task_id FROM job
                 WHERE lane <> 0 AND unique_key IS NOT NULL AND unique_key = ?1",
            )?
            .query_row([key], read)
            .optional()?)
    }

    fn put_edges(&self, child: i64, place: &Place) -> StoreResult<()> {
        let mut statement = self.connection.prepare_cached(
            "INSERT INTO job_edge (parent_id, child_id, on_failure) VALUES (?1, ?2, ?3)",
        )?;
        for parent in &place.after {
            statement.execute(params![parent, child, false])?;
        }
        for parent in &place.after_failure {
            statement.execute(params![parent, child, true])?;
        }
        Ok(())
    }

    /// The queue of that name; made where there is none.
    pub(crate) fn queue_row(&self, name: &str) -> StoreResult<i64> {
        let found = self
            .connection
            .prepare_cached("SELECT id FROM queue WHERE name = ?1")?
            .query_row([name], |row| row.get(0))
            .optional()?;
        if let Some(row) = found {
            return Ok(row);
        }
        self.connection
            .prepare_cached(
                "INSERT INTO queue (name, concurrency, created_at) VALUES (?1, ?2, ?3)",
            )?
            .execute(params![name, CONCURRENCY, self.now()])?;
        Ok(self.connection.last_insert_rowid())
    }

    /// Gives a job a new state, notes it in its history and in the change log, and tells
    /// listeners.
    pub(crate) fn job_became(
        &mut self,
        actor: &Actor,
        row: i64,
        task_id: &str,
        state: JobState,
    ) -> StoreResult<()> {
        self.connection
            .prepare_cached(
                "INSERT INTO job_event (job_id, number, state, at)
                 VALUES (?1, (SELECT coalesce(max(number), 0) + 1 FROM job_event WHERE job_id = ?1),
                     ?2, ?3)",
            )?
            .execute(params![row, state.as_str(), self.now()])?;
        let seq = self.record(actor, Kind::Job, row, Some(state.as_str()), Op::Set)?;
        self.connection
            .prepare_cached("UPDATE job SET state = ?2, rev = ?3 WHERE id = ?1")?
            .execute(params![row, state.as_str(), seq])?;
        self.notify(seq, EventKind::Job(task_id.to_owned()));
        Ok(())
    }

    /// Cancels a job: one that has not started never will; one that runs is marked.
    /// Answers whether its process has to be told.
    ///
    /// # Errors
    /// The database's.
    pub fn cancel_job(&mut self, actor: &Actor, job: &JobRow, reason: &str) -> StoreResult<bool> {
        let cancelled = self
            .connection
            .prepare_cached("UPDATE job SET cancelled = 1 WHERE id = ?1 AND lane = 3")?
            .execute([job.row])?;
        if cancelled > 0 {
            return Ok(true);
        }
        if !job.job.state.is_final() {
            self.end_job(actor, job, JobState::Revoked, None, ("Revoked", reason, None))?;
        }
        Ok(false)
    }

    /// Queues an ended job again, as new.
    ///
    /// # Errors
    /// It has not ended.
    pub fn requeue_job(&mut self, actor: &Actor, job: &JobRow) -> StoreResult<()> {
        if !job.job.state.is_final() {
            return Err(Error::new(
                ErrorCode::ResourceConflict,
                format!("Job '{}' has not ended.", job.job.task_id),
            )
            .hint("Cancel it first.")
            .into());
        }
        let key = job.job.options.unique_key.as_deref();
        if let Some(there) = key.map(|key| self.alive_with_key(key)).transpose()?.flatten() {
            return Err(Error::new(
                ErrorCode::ResourceConflict,
                format!("Job '{there}' is alive with the same unique key."),
            )
            .into());
        }
        let now = self.now();
        self.connection
            .prepare_cached(
                "UPDATE job SET lane = 2, rank = ?2, due_at = ?3, retries = 0,
                     has_slot = 0, expires_at = NULL, cancelled = 0, result = NULL,
                     exception = NULL, message = NULL, traceback = NULL, meta = NULL,
                     started_at = NULL, ended_at = NULL
                 WHERE id = ?1",
            )?
            .execute(params![job.row, rank(now, job.job.options.priority), now])?;
        self.job_became(actor, job.row, &job.job.task_id, JobState::Pending)
    }

    fn alive_with_key(&self, key: &str) -> StoreResult<Option<String>> {
        Ok(self
            .connection
            .prepare_cached(
                "SELECT task_id FROM job
                 WHERE lane <> 0 AND unique_key IS NOT NULL AND unique_key = ?1",
            )?
            .query_row([key], |row| row.get(0))
            .optional()?)
    }

    /// Forgets an ended job with its history.
    ///
    /// # Errors
    /// It has not ended.
    pub fn forget_job(&mut self, actor: &Actor, job: &JobRow) -> StoreResult<()> {
        if !job.job.state.is_final() {
            return Err(Error::new(
                ErrorCode::ResourceConflict,
                format!("Job '{}' has not ended.", job.job.task_id),
            )
            .hint("Cancel it first.")
            .into());
        }
        self.connection.prepare_cached("DELETE FROM job WHERE id = ?1")?.execute([job.row])?;
        let id = job.job.task_id.as_str();
        let seq = self.record(actor, Kind::Job, job.row, Some(id), Op::Erase)?;
        self.notify(seq, EventKind::Job(id.to_owned()));
        Ok(())
    }

    /// Keeps what a running job says of itself, JSON.
    ///
    /// # Errors
    /// It does not run.
    pub fn report_job(&mut self, actor: &Actor, task_id: &str, meta: &str) -> StoreResult<()> {
        let job = self.job(task_id)?;
        let kept = self
            .connection
            .prepare_cached("UPDATE job SET meta = ?2 WHERE id = ?1 AND lane = 3")?
            .execute(params![job.row, meta])?;
        if kept == 0 {
            return Err(Error::new(
                ErrorCode::ResourceConflict,
                format!("Job '{task_id}' does not run."),
            )
            .into());
        }
        // Without a state: it came to none.
        let seq = self.record(actor, Kind::Job, job.row, None, Op::Set)?;
        self.notify(seq, EventKind::Job(task_id.to_owned()));
        Ok(())
    }
}
