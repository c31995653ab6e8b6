//! Queues, limits of tasks, and numbers.

use crate::{Engine, permit};
use branchline_core::event::Cursor;
use branchline_core::job::check_queue_name;
use branchline_core::{Actor, Error, Queue, Result};
use branchline_store::{JobStats, QueueChange, Tallied, TaskLimit};

/// Jobs of a queue that run at a time at most.
const MOST: u32 = 256;
/// Jobs of a queue that are listed, or purged in one transaction.
const LISTED: usize = 1000;
/// Why queues stand still before the program ends.
const FINISHING: &str = "Branchline ends when what runs has ended.";

pub(super) fn may_look(actor: &Actor) -> Result<()> {
    if actor.is_superuser {
        return Ok(());
    }
    Err(Error::denied("The user doesn't have enough privileges."))
}

/// What to change of a queue; absent fields stay.
#[derive(Debug, Clone, Copy, Default)]
pub struct QueueUpdate {
    /// So many jobs run at a time, whatever the machine is like.
    pub concurrency: Option<u32>,
    /// As many run at a time as the machine has processors, and on battery no more than it
    /// must: the least and the most.
    pub autoscale: Option<(u32, u32)>,
    /// Nothing is taken from it.
    pub paused: Option<bool>,
}

impl QueueUpdate {
    fn change(self) -> Result<QueueChange> {
        let bad = |field: &str, what: &str| {
            Error::invalid(format!("Invalid value for parameter '{field}' supplied: {what}."))
        };
        let fits = |n: u32| (1..=MOST).contains(&n);
        let at_a_time = match (self.concurrency, self.autoscale) {
            (Some(_), Some(_)) => {
                return Err(Error::invalid("A queue has 'concurrency' or 'autoscale', not both."));
            }
            (Some(n), None) if !fits(n) => {
                return Err(bad("concurrency", &format!("it is 1 to {MOST}")));
            }
            (None, Some((least, most))) if !(fits(least) && fits(most) && least <= most) => {
                return Err(bad("autoscale", &format!("1 <= min <= max <= {MOST}")));
            }
            (Some(n), None) => Some((n, None)),
            (None, Some((least, most))) => Some((most, Some(least))),
            (None, None) => None,
        };
        Ok(QueueChange { at_a_time, paused: self.paused })
    }
}

impl Engine {
    /// The queues with what is in them. While the disk is full, or the program is about to
    /// end, all of them stand still, and say so.
    ///
    /// # Errors
    /// The actor is no superuser.
    pub async fn queues(&self, actor: &Actor) -> Result<Vec<Queue>> {
        may_look(actor)?;
        let mut queues = self.read(actor, |view| view.queues()).await?;
        let ending = || FINISHING.to_owned();
        let jobs = &self.inner.jobs;
        if let Some(why) = jobs.trouble().or_else(|| jobs.is_finishing().then(ending)) {
            for queue in &mut queues {
                queue.paused = true;
                queue.reason = Some(why.clone());
            }
        }
        Ok(queues)
    }

    /// How many jobs of a queue run at a time now.
    pub fn jobs_at_a_time(&self, queue: &Queue) -> u32 {
        let machine = self.inner.power.machine(self.inner.gpu_slots);
        machine.at_a_time(queue.concurrency, queue.least)
    }

    /// Changes how many jobs of a queue run at a time, or whether any is taken from it; a
    /// queue that is not there is made. What runs goes on.
    ///
    /// # Errors
    /// The actor is no superuser; a number is not 1 to 256.
    pub async fn set_queue(&self, actor: &Actor, name: &str, update: QueueUpdate) -> Result<Queue> {
        permit::require_superuser(actor)?;
        check_queue_name(name)?;
        let change = update.change()?;
        let name = name.to_owned();
        let queue = self
            .change_jobs(actor, move |tx, _| {
                tx.set_queue(&name, &change)?;
                Ok(tx.queues()?.into_iter().find(|queue| queue.name == name))
            })
            .await?;
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
        self.change_jobs(actor, move |tx, _| tx.set_job_rate(&task, interval_ms)).await
    }

    /// Rates of tasks: name and milliseconds between two starts.
    ///
    /// # Errors
    /// The actor is no superuser.
    pub async fn job_rates(&self, actor: &Actor) -> Result<Vec<(String, i64)>> {
        may_look(actor)?;
        self.read(actor, |view| view.job_rates()).await
    }

    /// Limits how long jobs of a task may take that start from now on and do not say so
    /// themselves; without any number the limits are lifted.
    ///
    /// # Errors
    /// The actor is no superuser; a limit is not positive.
    pub async fn set_job_limit(&self, actor: &Actor, limit: TaskLimit) -> Result<()> {
        permit::require_superuser(actor)?;
        if [limit.soft_ms, limit.hard_ms].into_iter().flatten().any(|ms| ms < 1) {
            return Err(Error::invalid("A time limit is longer than nothing."));
        }
        self.durably(actor, move |tx, _| tx.set_job_limit(&limit)).await
    }

    /// Limits of the time that tasks take, by name.
    ///
    /// # Errors
    /// The actor is no superuser.
    pub async fn job_limits(&self, actor: &Actor) -> Result<Vec<TaskLimit>> {
        may_look(actor)?;
        self.read(actor, |view| view.job_limits()).await
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
