//! Queues, rates and numbers.

use crate::{Engine, permit};
use branchline_core::event::Cursor;
use branchline_core::job::check_queue_name;
use branchline_core::{Actor, Error, Queue, Result};
use branchline_store::{JobStats, Tallied};

/// Jobs of a queue that run at a time at most.
const MOST: u32 = 256;
/// Jobs of a queue that are listed, or purged in one transaction.
const LISTED: usize = 1000;

pub(super) fn may_look(actor: &Actor) -> Result<()> {
    if actor.is_superuser {
        return Ok(());
    }
    Err(Error::denied("The user doesn't have enough privileges."))
}

impl Engine {
    /// The queues with what is in them. While the disk is full all of them stand still, and
    /// say so.
    ///
    /// # Errors
    /// The actor is no superuser.
    pub async fn queues(&self, actor: &Actor) -> Result<Vec<Queue>> {
        may_look(actor)?;
        let mut queues = self.read(actor, |view| view.queues()).await?;
        if let Some(why) = self.inner.jobs.trouble() {
            for queue in &mut queues {
                queue.paused = true;
                queue.reason = Some(why.clone());
            }
        }
        Ok(queues)
    }

    /// Changes how many jobs of a queue run at a time, or whether any is taken from it; a
    /// queue that is not there is made. What runs goes on.
    ///
    /// # Errors
    /// The actor is no superuser; the number is not 1 to 256.
    pub async fn set_queue(
        &self,
        actor: &Actor,
        name: &str,
        concurrency: Option<u32>,
        paused: Option<bool>,
    ) -> Result<Queue> {
        permit::require_superuser(actor)?;
        check_queue_name(name)?;
        if concurrency.is_some_and(|n| !(1..=MOST).contains(&n)) {
            return Err(Error::invalid(format!(
                "Invalid value for parameter 'concurrency' supplied: it is 1 to {MOST}."
            )));
        }
        let name = name.to_owned();
        let queue = self
            .durably(actor, move |tx, _| {
                tx.set_queue(&name, concurrency, paused.map(|paused| (paused, None)))?;
                Ok(tx.queues()?.into_iter().find(|queue| queue.name == name))
            })
            .await?;
        self.inner.jobs.ring();
        queue.ok_or_else(|| Error::internal("A queue that was made is not there."))
    }

    /// Ids of the jobs of a queue that have not started, in the order in which they would.
    ///
    /// # Errors
    /// The actor is no superuser.
    pub async fn waiting_jobs(&self, actor: &Actor, queue: &str) -> Result<Vec<String>> {
        may_look(actor)?;
        let queue = queue.to_owned();
        self.read(actor, move |view| view.waiting_in(&queue, LISTED)).await
    }

    /// Cancels every job of a queue that has not started; answers how many. What runs
    /// goes on.
    ///
    /// # Errors
    /// The actor is no superuser.
    pub async fn purge_queue(&self, actor: &Actor, queue: &str) -> Result<usize> {
        permit::require_superuser(actor)?;
        let mut purged = 0;
        loop {
            let name = queue.to_owned();
            let gone = self
                .durably(actor, move |tx, actor| {
                    let waiting = tx.waiting_in(&name, LISTED)?;
                    for id in &waiting {
                        let job = tx.job(id)?;
                        tx.cancel_job(actor, &job, "Purged.")?;
                    }
                    Ok(waiting.len())
                })
                .await?;
            purged += gone;
            if gone < LISTED {
                return Ok(purged);
            }
        }
    }

    /// Limits how often tasks of a name start, one each `interval_ms`; `None` lifts it.
    ///
    /// # Errors
    /// The actor is no superuser; the interval is not positive.
    pub async fn set_job_rate(
        &self,
        actor: &Actor,
        task: &str,
        interval_ms: Option<i64>,
    ) -> Result<()> {
        permit::require_superuser(actor)?;
        if interval_ms.is_some_and(|ms| ms < 1) {
            return Err(Error::invalid("A rate is at most a thousand starts a second."));
        }
        let task = task.to_owned();
        self.durably(actor, move |tx, _| tx.set_job_rate(&task, interval_ms)).await?;
        self.inner.jobs.ring();
        Ok(())
    }

    /// Rates of tasks: name and milliseconds between two starts.
    ///
    /// # Errors
    /// The actor is no superuser.
    pub async fn job_rates(&self, actor: &Actor) -> Result<Vec<(String, i64)>> {
        may_look(actor)?;
        self.read(actor, |view| view.job_rates()).await
    }

    /// What happened to jobs after a place in the change log, and where to go on.
    ///
    /// # Errors
    /// The actor is no superuser.
    pub async fn tally_jobs(&self, actor: &Actor, after: Cursor) -> Result<Tallied> {
        may_look(actor)?;
        let epoch = self.inner.store.identity().epoch;
        self.read(actor, move |view| view.tally_jobs(after, epoch)).await
    }

    /// Numbers of jobs.
    ///
    /// # Errors
    /// The actor is no superuser.
    pub async fn job_stats(&self, actor: &Actor) -> Result<JobStats> {
        may_look(actor)?;
        self.read(actor, |view| view.job_stats()).await
    }
}
