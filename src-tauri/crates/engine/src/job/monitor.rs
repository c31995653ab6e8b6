//! What jobs came to over time, what a running one uses, and forgetting the oldest.

use super::gpu::{self, GpuUsage};
use super::queue::may_look;
use crate::{Engine, permit};
use branchline_core::{Actor, Error, JobState, Result};
use branchline_jobs::Usage;
use branchline_store::JobPeriod;

/// The longest time that is looked back over: thirty days.
const LONGEST_MS: i64 = 30 * 24 * 3600 * 1000;
const SHORTEST_MS: i64 = 60_000;
/// Stretches of time that the time is cut into.
const PERIODS: i64 = 60;
/// Jobs that are forgotten in one transaction.
const AT_ONCE: i64 = 200;
const DAY_MS: i64 = 24 * 3600 * 1000;

/// What jobs came to over time.
#[derive(Debug, Clone, PartialEq)]
pub struct JobHistory {
    /// The start of the first stretch, milliseconds UTC.
    pub from: i64,
    /// How long each is, milliseconds.
    pub period_ms: i64,
    /// All of them, also those in which nothing ended.
    pub periods: Vec<JobPeriod>,
}

/// How many ended jobs are remembered, and how long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct JobRetention {
    /// The newest so many.
    pub count: i64,
    /// For so many days; however long when `None`.
    pub days: Option<u32>,
}

/// What a running job uses now.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct JobUsage {
    /// Its processes; nothing when it has none.
    pub processes: Option<Usage>,
    /// The graphics processors whose slots it holds.
    pub gpus: Vec<GpuUsage>,
}

impl Engine {
    /// What ended in the last `span_ms`, in sixty stretches.
    ///
    /// # Errors
    /// The actor is no superuser; the span is not a minute to thirty days.
    pub async fn job_history(&self, actor: &Actor, span_ms: i64) -> Result<JobHistory> {
        may_look(actor)?;
        if !(SHORTEST_MS..=LONGEST_MS).contains(&span_ms) {
            return Err(Error::invalid("The time to look back over is a minute to thirty days."));
        }
        let period_ms = span_ms / PERIODS;
        let last = self.now().div_euclid(period_ms);
        let from = (last - PERIODS + 1) * period_ms;
        let mut found = self
            .read(actor, move |view| view.job_periods(from, period_ms))
            .await?
            .into_iter()
            .peekable();
        let periods = (0..PERIODS)
            .map(|index| {
                let at = from + index * period_ms;
                let there = found.next_if(|period| period.at == at);
                there.unwrap_or(JobPeriod { at, ..JobPeriod::default() })
            })
            .collect();
        Ok(JobHistory { from, period_ms, periods })
    }

    /// What a running job uses now; nothing when it does not run.
    ///
    /// # Errors
    /// There is no such job that the actor may see.
    pub async fn job_usage(&self, actor: &Actor, task_id: &str) -> Result<JobUsage> {
        let detail = self.job(actor, task_id).await?;
        let runs = detail.job.state == JobState::Started;
        let Some(attempt) = detail.attempts.last().filter(|_| runs) else {
            return Ok(JobUsage::default());
        };
        let Some(pid) = attempt.pid else { return Ok(JobUsage::default()) };
        let (processes, gpus) = tokio::join!(
            tokio::task::spawn_blocking(move || Usage::of(pid)),
            gpu::usage(&attempt.gpu_slots)
        );
        let processes = processes
            .map_err(|cause| Error::internal("Processes could not be looked at.").source(cause))?;
        Ok(JobUsage { processes, gpus })
    }

    /// Forgets ended jobs that are more or older than `keep` says; answers how many.
    ///
    /// # Errors
    /// The actor is no superuser; the database's.
    pub async fn forget_old_jobs(&self, actor: &Actor, keep: JobRetention) -> Result<usize> {
        permit::require_superuser(actor)?;
        let mut forgotten = 0;
        loop {
            let before = keep.days.map_or(i64::MIN, |days| self.now() - i64::from(days) * DAY_MS);
            let old =
                self.read(actor, move |view| view.oldest_jobs(keep.count, before, AT_ONCE)).await?;
            if old.is_empty() {
                return Ok(forgotten);
            }
            let ids = old.clone();
            self.track(actor, move |tx, actor| {
                for id in &ids {
                    let job = tx.job(id)?;
                    // One that runs again is not old any more.
                    if job.job.state.is_final() {
                        tx.forget_job(actor, &job)?;
                    }
                }
                Ok(())
            })
            .await?;
            forgotten += old.len();
            let folders: Vec<_> = old.iter().map(|id| self.job_folder(id)).collect();
            // A folder that cannot be removed holds nothing that is asked for any more.
            let _ = tokio::task::spawn_blocking(move || {
                for folder in folders {
                    let _ = std::fs::remove_dir_all(folder);
                }
            })
            .await;
        }
    }
}
