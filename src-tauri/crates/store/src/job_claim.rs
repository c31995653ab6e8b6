//! Jobs: claimed, started and kept alive. What a claim costs does not grow with what is
//! queued: each step reads an index of the jobs that it is about.

use crate::error::StoreResult;
use crate::job::JobRow;
use crate::job_write::Lane;
use crate::tx::{View, WriteTx};
use branchline_core::machine::Machine;
use branchline_core::{Actor, JobState};
use rusqlite::{OptionalExtension, params};

/// Jobs moved by one claim at most; the rest is moved by the next.
const AT_ONCE: i64 = 500;
/// How often it is looked whether the machine still runs on its battery, while that keeps a
/// queue from taking more.
const LOOK_AGAIN_MS: i64 = 60_000;

/// What a claim answers.
#[derive(Debug, Default)]
pub struct Claims {
    /// To be run, each by whoever claimed.
    pub jobs: Vec<JobRow>,
    /// When there may be more without anybody saying so, milliseconds UTC.
    pub next_at: Option<i64>,
}

const READY: &str = "SELECT rank, id FROM job WHERE lane = 2 AND queue_id = ?1 AND gpus = ?2
    ORDER BY rank, id LIMIT 1";
const ON_GPU: &str = "SELECT a.gpu_slots FROM job j JOIN attempt a
    ON a.job_id = j.id AND a.number = j.attempt WHERE j.lane = 3 AND j.gpus > 0";
const HELD: &str = "SELECT id FROM job WHERE lane = 1 AND due_at <= ?1 ORDER BY due_at LIMIT ?2";
const EXPIRED: &str = "SELECT id FROM job WHERE lane IN (1, 2) AND expires_at IS NOT NULL
    AND expires_at <= ?1 ORDER BY expires_at LIMIT ?2";
const RUNNING: &str = "SELECT count(*) FROM job WHERE lane = 3 AND queue_id = ?1";
const NEXT_HELD: &str = "SELECT min(due_at) FROM job WHERE lane = 1";
const NEXT_EXPIRING: &str =
    "SELECT min(expires_at) FROM job WHERE lane IN (1, 2) AND expires_at IS NOT NULL";

impl View<'_> {
    /// How SQLite answers the questions of a claim.
    ///
    /// # Errors
    /// The database's.
    pub fn explain_claim(&self) -> StoreResult<Vec<String>> {
        self.explain(&[READY, ON_GPU, HELD, EXPIRED, RUNNING, NEXT_HELD, NEXT_EXPIRING])
    }
}

impl WriteTx<'_> {
    /// Claims what may run now: at most `room` jobs, of each queue as many as it runs at a
    /// time, and only what there are free slots of graphics processors for. A claim is an
    /// attempt with a number and a lease.
    ///
    /// # Errors
    /// The database's.
    pub fn claim_jobs(
        &mut self,
        actor: &Actor,
        worker: &str,
        room: usize,
        lease_ms: i64,
        machine: Machine,
    ) -> StoreResult<Claims> {
        let now = self.now();
        let mut more = self.expire_jobs(actor)?;
        more |= self.promote_jobs()?;
        let mut claims = Claims::default();
        let mut gpus = self.free_slots(machine.gpu_slots)?;
        let mut held_back = false;
        for (queue, most, least) in self.open_queues()? {
            let running: i64 =
                self.connection.prepare_cached(RUNNING)?.query_row([queue], |row| row.get(0))?;
            let mut free = (i64::from(machine.at_a_time(most, least)) - running).max(0);
            let mut moved = 0;
            while free > 0 && claims.jobs.len() < room {
                let Some(row) = self.ready_in(queue, gpus.len())? else { break };
                if self.put_off(row)? {
                    moved += 1;
                    if moved == AT_ONCE {
                        more = true;
                        break;
                    }
                    continue;
                }
                claims.jobs.push(self.claim(actor, row, worker, lease_ms, &mut gpus)?);
                free -= 1;
            }
            held_back |= free == 0 && least.is_some() && machine.on_battery;
        }
        claims.next_at = if more { Some(now) } else { self.next_job_at()? };
        if held_back {
            let again = now + LOOK_AGAIN_MS;
            claims.next_at = Some(claims.next_at.map_or(again, |next| next.min(again)));
        }
        Ok(claims)
    }

    /// Queues that are not paused, with the most and the least jobs that they run at a time.
    fn open_queues(&self) -> StoreResult<Vec<(i64, u32, Option<u32>)>> {
        let mut statement = self
            .connection
            .prepare_cached("SELECT id, concurrency, least FROM queue WHERE paused = 0")?;
        let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    }

    /// The first of a queue that needs no more than `free` slots: one look for each number
    /// of slots, so that what waits for more is not walked through.
    fn ready_in(&self, queue: i64, free: usize) -> StoreResult<Option<i64>> {
        let mut statement = self.connection.prepare_cached(READY)?;
        let mut first: Option<(i64, i64)> = None;
        for needed in 0..=i64::try_from(free).unwrap_or(i64::MAX) {
            let found = statement
                .query_row([queue, needed], |row| Ok((row.get(0)?, row.get(1)?)))
                .optional()?;
            first = [first, found].into_iter().flatten().min();
        }
        Ok(first.map(|(_rank, id)| id))
    }

    /// Slots of graphics processors that no running job has.
    fn free_slots(&self, slots: u32) -> StoreResult<Vec<u32>> {
        if slots == 0 {
            return Ok(Vec::new());
        }
        let mut statement = self.connection.prepare_cached(ON_GPU)?;
        let rows = statement.query_map([], |row| Ok(crate::job::slots(row.get(0)?)))?;
        let taken: Vec<u32> =
            rows.collect::<rusqlite::Result<Vec<_>>>()?.into_iter().flatten().collect();
        Ok((0..slots).filter(|slot| !taken.contains(slot)).collect())
    }

    fn rows(&self, sql: &str) -> StoreResult<Vec<i64>> {
        let mut statement = self.connection.prepare_cached(sql)?;
        let rows = statement.query_map([self.now(), AT_ONCE], |row| row.get(0))?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    }

    /// Revokes what has expired; answers whether there may be more.
    fn expire_jobs(&mut self, actor: &Actor) -> StoreResult<bool> {
        let rows = self.rows(EXPIRED)?;
        for row in &rows {
            let job = self.job_by_row(*row)?;
            let why = ("Expired", "It expired before it could start.", None);
            self.end_job(actor, &job, JobState::Revoked, None, why)?;
        }
        Ok(rows.len() == usize::try_from(AT_ONCE).unwrap_or(usize::MAX))
    }

    /// Makes ready what is due; answers whether there may be more.
    fn promote_jobs(&mut self) -> StoreResult<bool> {
        let rows = self.rows(HELD)?;
        for row in &rows {
            self.connection
                .prepare_cached("UPDATE job SET lane = 2 WHERE id = ?1")?
                .execute([row])?;
        }
        Ok(rows.len() == usize::try_from(AT_ONCE).unwrap_or(usize::MAX))
    }

    fn next_job_at(&self) -> StoreResult<Option<i64>> {
        let ask = |sql: &str| -> StoreResult<Option<i64>> {
            Ok(self.connection.prepare_cached(sql)?.query_row([], |row| row.get(0))?)
        };
        Ok([ask(NEXT_HELD)?, ask(NEXT_EXPIRING)?].into_iter().flatten().min())
    }

    /// Gives a job of a limited task its place in the rate; answers whether it has to
    /// wait for it.
    fn put_off(&mut self, row: i64) -> StoreResult<bool> {
        let limited = self
            .connection
            .prepare_cached(
                "SELECT r.name, r.interval_ms, r.next_at FROM job j JOIN job_rate r ON r.name = j.name
                 WHERE j.id = ?1 AND j.has_slot = 0",
            )?
            .query_row([row], |row| {
                Ok((row.get::<_, String>(0)?, row.get::<_, i64>(1)?, row.get::<_, i64>(2)?))
            })
            .optional()?;
        let Some((name, interval, next_at)) = limited else { return Ok(false) };
        let now = self.now();
        let place = next_at.max(now);
        self.connection
            .prepare_cached("UPDATE job_rate SET next_at = ?2 WHERE name = ?1")?
            .execute(params![name, place + interval])?;
        let lane = if place > now { Lane::Held } else { Lane::Ready };
        self.connection
            .prepare_cached("UPDATE job SET has_slot = 1, lane = ?2, due_at = ?3 WHERE id = ?1")?
            .execute(params![row, lane as i64, place])?;
        Ok(place > now)
    }

    fn claim(
        &mut self,
        actor: &Actor,
        row: i64,
        worker: &str,
        lease_ms: i64,
        gpus: &mut Vec<u32>,
    ) -> StoreResult<JobRow> {
        let now = self.now();
        self.connection
            .prepare_cached(
                "UPDATE job SET lane = 3, worker = ?2, lease_until = ?3,
                     attempt = attempt + 1, started_at = ?4, meta = NULL,
                     soft_limit = coalesce(soft_limit,
                         (SELECT l.soft_limit FROM job_limit l WHERE l.name = job.name)),
                     hard_limit = coalesce(hard_limit,
                         (SELECT l.hard_limit FROM job_limit l WHERE l.name = job.name))
                 WHERE id = ?1",
            )?
            .execute(params![row, worker, now + lease_ms, now])?;
        let mut job = self.job_by_row(row)?;
        let needed = usize::try_from(job.job.options.gpus).unwrap_or(usize::MAX);
        let given: Vec<u32> = gpus.drain(..needed.min(gpus.len())).collect();
        let given = (!given.is_empty()).then(|| format!("{given:?}"));
        self.connection
            .prepare_cached(
                "INSERT INTO attempt (job_id, number, worker, received_at, gpu_slots)
                 VALUES (?1, ?2, ?3, ?4, ?5)",
            )?
            .execute(params![row, job.job.attempt, worker, now, given])?;
        job.job.state = JobState::Received;
        self.job_became(actor, row, &job.job.task_id, job.job.state)?;
        Ok(job)
    }

    /// Keeps the leases of a worker's jobs alive.
    ///
    /// # Errors
    /// The database's.
    pub fn extend_leases(&mut self, worker: &str, lease_ms: i64) -> StoreResult<()> {
        self.connection
            .prepare_cached("UPDATE job SET lease_until = ?2 WHERE lane = 3 AND worker = ?1")?
            .execute(params![worker, self.now() + lease_ms])?;
        Ok(())
    }

    /// Notes that an attempt's process runs. Answers whether the attempt still counts; one
    /// that was cancelled meanwhile does not.
    ///
    /// # Errors
    /// The database's.
    pub fn job_started(
        &mut self,
        actor: &Actor,
        task_id: &str,
        number: u32,
        pid: u32,
    ) -> StoreResult<bool> {
        let Some(job) = self.running_attempt(task_id, number)? else { return Ok(false) };
        // Whoever cancelled it before anybody ran it could tell nobody.
        if job.job.cancelled {
            return Ok(false);
        }
        self.connection
            .prepare_cached("UPDATE attempt SET pid = ?3 WHERE job_id = ?1 AND number = ?2")?
            .execute(params![job.row, number, pid])?;
        self.job_became(actor, job.row, task_id, JobState::Started)?;
        Ok(true)
    }

    /// Starts a job that needs no process with its claim, before anybody can cancel it.
    ///
    /// # Errors
    /// The database's.
    pub fn start_claimed(&mut self, actor: &Actor, job: &mut JobRow) -> StoreResult<()> {
        job.job.state = JobState::Started;
        self.job_became(actor, job.row, &job.job.task_id, job.job.state)
    }

    /// Notes the credential that an attempt's process was given.
    ///
    /// # Errors
    /// The database's.
    pub fn set_attempt_token(&mut self, job: i64, number: u32, token: i64) -> StoreResult<()> {
        self.connection
            .prepare_cached("UPDATE attempt SET token_id = ?3 WHERE job_id = ?1 AND number = ?2")?
            .execute(params![job, number, token])?;
        Ok(())
    }

    /// The job of an attempt that is under way.
    ///
    /// # Errors
    /// The database's.
    pub fn running_attempt(&self, task_id: &str, number: u32) -> StoreResult<Option<JobRow>> {
        let found = self.find_job(task_id)?;
        Ok(found.filter(|found| {
            found.job.attempt == number
                && matches!(found.job.state, JobState::Received | JobState::Started)
        }))
    }

    /// Jobs that workers other than this one had when they went away.
    ///
    /// # Errors
    /// The database's.
    pub fn lost_jobs(&self, worker: &str) -> StoreResult<Vec<JobRow>> {
        let mut statement = self
            .connection
            .prepare_cached("SELECT id FROM job WHERE lane = 3 AND worker IS NOT ?1 ORDER BY id")?;
        let rows = statement.query_map([worker], |row| row.get(0))?;
        let rows = rows.collect::<rusqlite::Result<Vec<i64>>>()?;
        rows.into_iter().map(|row| self.job_by_row(row)).collect()
    }
}
