//! Attempts and jobs, ended, and what becomes of those that wait for them.

use crate::error::StoreResult;
use crate::job::JobRow;
use crate::job_write::{Lane, rank};
use crate::tx::WriteTx;
use branchline_core::{Actor, AttemptEnd, JobState, Occasion, Outcome, Verdict};
use rusqlite::params;

/// What went wrong, in one word, where an attempt's worker went away.
const LOST: &str = "WorkerLostError";

/// Why a job ended as it did: one word, one line, and the whole.
pub(crate) type Why<'a> = (&'a str, &'a str, Option<&'a str>);

impl WriteTx<'_> {
    /// Ends an attempt, and does with the job what was judged.
    ///
    /// # Errors
    /// The database's.
    pub fn finish_attempt(
        &mut self,
        actor: &Actor,
        job: &JobRow,
        end: &AttemptEnd,
        verdict: &Verdict,
    ) -> StoreResult<()> {
        self.end_attempt(job, end)?;
        let (result, why): (Option<&str>, Why<'_>) = match &end.outcome {
            Outcome::Success(result) => (Some(result), ("", "", None)),
            Outcome::Failure { exception, message, traceback } => {
                (None, (exception, message, traceback.as_deref()))
            }
            Outcome::Revoked(reason) => (None, ("Revoked", reason, None)),
            Outcome::Lost(reason) => (None, (LOST, reason, None)),
            Outcome::PutBack(reason) => (None, ("PutBack", reason, None)),
        };
        match verdict {
            Verdict::Ended(state) => self.end_job(actor, job, *state, result, why),
            Verdict::Retry(at) => {
                self.queue_again(job, *at, 1, why)?;
                self.job_became(actor, job.row, &job.job.task_id, JobState::Retry)
            }
            Verdict::Requeued => {
                self.queue_again(job, self.now(), 0, why)?;
                self.job_became(actor, job.row, &job.job.task_id, JobState::Pending)?;
                match &end.outcome {
                    Outcome::Lost(reason) => {
                        self.job_happened(actor, &job.job, &[Occasion::JobLost], Some(reason))
                    }
                    _ => Ok(()),
                }
            }
        }
    }

    fn end_attempt(&mut self, job: &JobRow, end: &AttemptEnd) -> StoreResult<()> {
        let reason = match &end.outcome {
            Outcome::Success(_) => None,
            Outcome::Failure { exception, message, .. } => Some(format!("{exception}: {message}")),
            Outcome::Revoked(reason) | Outcome::Lost(reason) | Outcome::PutBack(reason) => {
                Some(reason.clone())
            }
        };
        self.connection
            .prepare_cached(
                "UPDATE attempt SET ended_at = ?3, reason = ?4, exit_code = ?5, signal = ?6,
                     cpu_ms = ?7, peak_bytes = ?8 WHERE job_id = ?1 AND number = ?2",
            )?
            .execute(params![
                job.row,
                job.job.attempt,
                self.now(),
                reason,
                end.exit_code,
                end.signal,
                end.cpu_ms,
                end.peak_bytes,
            ])?;
        self.connection
            .prepare_cached(
                "DELETE FROM token WHERE id IN
                     (SELECT token_id FROM attempt WHERE job_id = ?1 AND number = ?2)",
            )?
            .execute(params![job.row, job.job.attempt])?;
        Ok(())
    }

    fn queue_again(
        &mut self,
        job: &JobRow,
        at: i64,
        retries: i64,
        (exception, message, traceback): Why<'_>,
    ) -> StoreResult<()> {
        let lane = if at > self.now() { Lane::Held } else { Lane::Ready };
        self.connection
            .prepare_cached(
                "UPDATE job SET lane = ?2, due_at = ?3, rank = ?4, retries = retries + ?5,
                     has_slot = 0, lease_until = NULL, exception = ?6, message = ?7, traceback = ?8
                 WHERE id = ?1",
            )?
            .execute(params![
                job.row,
                lane as i64,
                at,
                rank(at, job.job.options.priority),
                retries,
                exception,
                message,
                traceback,
            ])?;
        Ok(())
    }

    /// Ends a job, and with it what waits for it: those that needed its success fail with
    /// it, those that were there for its failure run then and only then.
    pub(crate) fn end_job(
        &mut self,
        actor: &Actor,
        job: &JobRow,
        state: JobState,
        result: Option<&str>,
        why: Why<'_>,
    ) -> StoreResult<()> {
        let mut ending = vec![(job.clone(), state)];
        let upstream = format!("Job '{}' before it did not succeed.", job.job.task_id);
        let mut first = Some((result, why));
        while let Some((job, state)) = ending.pop() {
            let of_graph = ("UpstreamError", upstream.as_str(), None);
            let (result, why) = first.take().unwrap_or((None, of_graph));
            self.set_ended(actor, &job, state, result, why)?;
            let succeeded = state == JobState::Success;
            for (child, on_failure) in self.children(job.row)? {
                if on_failure != succeeded {
                    self.one_less(child)?;
                } else if on_failure {
                    // Every one that it stands by has to succeed before it is not needed.
                    self.not_needed(actor, child)?;
                } else {
                    let child = self.job_by_row(child)?;
                    if !child.job.state.is_final() {
                        ending.push((child, JobState::Failure));
                    }
                }
            }
        }
        Ok(())
    }

    fn children(&self, row: i64) -> StoreResult<Vec<(i64, bool)>> {
        let mut statement = self.connection.prepare_cached(
            "SELECT child_id, on_failure FROM job_edge WHERE parent_id = ?1 ORDER BY child_id DESC",
        )?;
        let rows = statement.query_map([row], |row| Ok((row.get(0)?, row.get(1)?)))?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    }

    /// One of those that a job waits for has ended as it has to; after the last, or the
    /// first failure that it stands by for, it may run.
    fn one_less(&mut self, child: i64) -> StoreResult<()> {
        let now = self.now();
        self.connection
            .prepare_cached(
                "UPDATE job SET waits_for = CASE WHEN EXISTS (SELECT 1 FROM job_edge
                         WHERE child_id = ?1 AND on_failure = 1) THEN 0 ELSE waits_for - 1 END
                 WHERE id = ?1 AND lane = 4",
            )?
            .execute([child])?;
        self.connection
            .prepare_cached(
                "UPDATE job SET lane = CASE WHEN due_at > ?2 THEN 1 ELSE 2 END,
                     rank = max(due_at, ?2) - priority * ?3
                 WHERE id = ?1 AND lane = 4 AND waits_for = 0",
            )?
            .execute(params![child, now, rank(0, 1).abs()])?;
        Ok(())
    }

    /// One of those whose failure a job stands by for has succeeded.
    fn not_needed(&mut self, actor: &Actor, child: i64) -> StoreResult<()> {
        self.connection
            .prepare_cached("UPDATE job SET waits_for = waits_for - 1 WHERE id = ?1 AND lane = 4")?
            .execute([child])?;
        let child = self.job_by_row(child)?;
        if child.job.waits_for == 0
            && child.job.state == JobState::Pending
            && child.job.attempt == 0
        {
            let why = ("NotNeeded", "What it stands by for did not fail.", None);
            self.set_ended(actor, &child, JobState::Revoked, None, why)?;
        }
        Ok(())
    }

    fn set_ended(
        &mut self,
        actor: &Actor,
        job: &JobRow,
        state: JobState,
        result: Option<&str>,
        (exception, message, traceback): Why<'_>,
    ) -> StoreResult<()> {
        let empty_is_none = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        self.connection
            .prepare_cached(
                "UPDATE job SET lane = 0, ended_at = ?2, lease_until = NULL, result = ?3,
                     exception = ?4, message = ?5, traceback = ?6 WHERE id = ?1",
            )?
            .execute(params![
                job.row,
                self.now(),
                result,
                empty_is_none(exception),
                empty_is_none(message),
                traceback,
            ])?;
        self.job_became(actor, job.row, &job.job.task_id, state)?;
        let lost = (exception == LOST).then_some(Occasion::JobLost);
        let occasions: Vec<Occasion> = lost.into_iter().chain(Occasion::of_job(state)).collect();
        let message = (!exception.is_empty()).then(|| match state {
            JobState::Revoked => message.to_owned(),
            _ => format!("{exception}: {message}"),
        });
        self.job_happened(actor, &job.job, &occasions, message.as_deref())
    }
}
