//! Schedules: made, changed, and fired. That a time has fired, the job that it queued, and
//! when the schedule is due next are one transaction: whatever ends the process, no time
//! fires twice and none is lost.

use crate::experiment::{check_max_results, page};
use crate::job::{JobRules, check};
use crate::{Engine, Queued, actor, permit};
use branchline_core::schedule::{check_schedule_name, judge};
use branchline_core::{
    Actor, CatchUp, Error, Fire, FireOutcome, NewJob, NewSchedule, Page, Result, Schedule, Scope,
    Timing,
};
use branchline_jobs::Rhythm;
use branchline_store::{Place, ScheduleRow, StoreError, StoreResult, WriteTx};
use std::sync::Arc;

/// How the job that a schedule keeps as it was asked for is read, at a moment.
pub type ReadJob = fn(&str, i64) -> Result<NewJob>;

/// Schedules at most.
const MOST: i64 = 1000;
/// Schedules that fire in one transaction; the rest in the next.
const AT_ONCE: u32 = 20;
/// Times on a page of history at most.
const MAX_RESULTS: usize = 1000;
/// Times that a preview shows at most.
const MOST_SHOWN: usize = 100;

/// What to write of a schedule; absent fields stay.
#[derive(Debug, Clone, Default)]
pub struct ScheduleUpdate {
    /// One of its own.
    pub name: Option<String>,
    /// When it fires.
    pub timing: Option<Timing>,
    /// What becomes of missed times.
    pub catch_up: Option<CatchUp>,
    /// The job as it is asked for, JSON.
    pub job: Option<String>,
    /// It fires.
    pub enabled: Option<bool>,
}

/// What a timing means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Preview {
    /// In words.
    pub words: String,
    /// The next times, milliseconds UTC.
    pub times: Vec<i64>,
}

fn may_look(actor: &Actor) -> Result<()> {
    if actor.is_superuser {
        return Ok(());
    }
    Err(Error::denied("The user doesn't have enough privileges."))
}

/// When a timing is due first after `now`; one that never is, is a mistake.
fn first_after(timing: &Timing, now: i64) -> Result<i64> {
    Rhythm::read(timing)?.next_after(now).ok_or_else(|| {
        Error::invalid("That never comes.").hint("Look at the day and the month of the expression.")
    })
}

/// A schedule's job as it is queued at a moment.
fn job_now(job: &str, now: i64, how: &Reading) -> Result<NewJob> {
    let mut new = (how.read_job)(job, now)?;
    how.rules.apply(&mut new);
    check(&new)?;
    Ok(new)
}

/// How the job of a schedule becomes one to queue.
#[derive(Clone)]
struct Reading {
    read_job: ReadJob,
    rules: Arc<JobRules>,
}

impl Engine {
    /// The schedules, by name.
    ///
    /// # Errors
    /// The actor is no superuser.
    pub async fn schedules(&self, actor: &Actor) -> Result<Vec<Schedule>> {
        may_look(actor)?;
        self.read(actor, |view| view.schedules()).await
    }

    /// A schedule by its id or its name.
    ///
    /// # Errors
    /// The actor is no superuser; there is none.
    pub async fn schedule(&self, actor: &Actor, key: &str) -> Result<Schedule> {
        may_look(actor)?;
        let key = key.to_owned();
        self.read(actor, move |view| Ok(view.schedule(&key)?.schedule)).await
    }

    /// One page of the times at which a schedule fired, newest first.
    ///
    /// # Errors
    /// The actor is no superuser; there is none; a token that is wrong.
    pub async fn schedule_history(
        &self,
        actor: &Actor,
        key: &str,
        max_results: usize,
        page_token: Option<String>,
    ) -> Result<Page<Fire>> {
        may_look(actor)?;
        check_max_results(max_results, MAX_RESULTS)?;
        let key = key.to_owned();
        self.read(actor, move |view| {
            let row = view.schedule(&key)?.row;
            Ok(page(view.fires(row, max_results, page_token.as_deref())?))
        })
        .await
    }

    /// What a timing means, and its next times from now on.
    ///
    /// # Errors
    /// The timing is wrong, and how.
    pub fn preview_schedule(&self, timing: &Timing, count: usize) -> Result<Preview> {
        let now = self.now();
        first_after(timing, now)?;
        let rhythm = Rhythm::read(timing)?;
        Ok(Preview {
            words: rhythm.words(),
            times: rhythm.following(now, count.clamp(1, MOST_SHOWN)),
        })
    }

    /// What the timing of a schedule means, in words.
    pub fn schedule_words(timing: &Timing) -> String {
        Rhythm::read(timing).map(|rhythm| rhythm.words()).unwrap_or_default()
    }

    /// Makes a schedule. Its jobs are the actor's.
    ///
    /// # Errors
    /// The actor is no superuser; the name is taken; a field breaks a rule.
    pub async fn create_schedule(
        &self,
        actor: &Actor,
        new: NewSchedule,
        read_job: ReadJob,
    ) -> Result<Schedule> {
        permit::require_superuser(actor)?;
        check_schedule_name(&new.name)?;
        let now = self.now();
        job_now(&new.job, now, &self.reading(read_job))?;
        let next_at = first_after(&new.timing, now)?;
        let made = self
            .durably(actor, move |tx, actor| {
                if tx.schedule_count()? >= MOST {
                    return Err(Error::invalid(format!("There are {MOST} schedules.")).into());
                }
                let uid = tx.insert_schedule(actor, &new, Some(next_at))?;
                Ok(tx.schedule(&uid)?.schedule)
            })
            .await?;
        self.inner.jobs.reschedule();
        Ok(made)
    }

    /// Changes a schedule. Times that passed while it did not fire are not missed. Who says
    /// what it does is whose its jobs are from then on.
    ///
    /// # Errors
    /// The actor is no superuser; there is none; the name is taken; a field breaks a rule.
    pub async fn update_schedule(
        &self,
        actor: &Actor,
        key: &str,
        update: ScheduleUpdate,
        read_job: ReadJob,
    ) -> Result<Schedule> {
        permit::require_superuser(actor)?;
        update.name.as_deref().map_or(Ok(()), check_schedule_name)?;
        let now = self.now();
        if let Some(job) = &update.job {
            job_now(job, now, &self.reading(read_job))?;
        }
        let key = key.to_owned();
        let changed = self
            .durably(actor, move |tx, actor| {
                let mut found = tx.schedule(&key)?;
                let takes_over = update.job.is_some();
                let next_at = apply(&mut found, update, tx.now())?;
                tx.update_schedule(actor, &found, next_at, takes_over)?;
                Ok(tx.schedule(&found.schedule.uid)?.schedule)
            })
            .await?;
        self.inner.jobs.reschedule();
        Ok(changed)
    }

    /// Removes a schedule with its history. Its jobs stay.
    ///
    /// # Errors
    /// The actor is no superuser; there is none.
    pub async fn delete_schedule(&self, actor: &Actor, key: &str) -> Result<()> {
        permit::require_superuser(actor)?;
        let key = key.to_owned();
        self.durably(actor, move |tx, actor| {
            let found = tx.schedule(&key)?;
            tx.delete_schedule(actor, &found)
        })
        .await?;
        self.inner.jobs.reschedule();
        Ok(())
    }

    /// Queues a schedule's job now, as the actor's; its times stay as they are.
    ///
    /// # Errors
    /// The actor is no superuser; there is none; the job cannot be queued.
    pub async fn run_schedule(
        &self,
        actor: &Actor,
        key: &str,
        read_job: ReadJob,
    ) -> Result<Queued> {
        permit::require_superuser(actor)?;
        let (key, how) = (key.to_owned(), self.reading(read_job));
        let queued = self
            .change_jobs(actor, move |tx, actor| {
                let found = tx.schedule(&key)?;
                let now = tx.now();
                let new = job_now(&found.schedule.what.job, now, &how)?;
                let queued = tx.enqueue_job(actor, &new, &Place::default())?;
                let outcome = match queued.existed {
                    true => FireOutcome::Alive,
                    false => FireOutcome::Queued,
                };
                let fire = Fire { by_hand: true, ..came_to(outcome, now, Some(&queued.task_id)) };
                tx.note_fire(found.row, &fire)?;
                // Told to those who watch: the history is longer.
                tx.plan_schedule(actor, &found, found.schedule.next_at)?;
                Ok(Queued { job: tx.job(&queued.task_id)?.job, existed: queued.existed })
            })
            .await?;
        Ok(queued)
    }

    /// Fires every schedule that is due; answers when the next is, milliseconds UTC. What
    /// keeps schedules calls this.
    ///
    /// # Errors
    /// The database's; what was not fired is fired by the next call.
    pub async fn fire_schedules(&self, read_job: ReadJob) -> Result<Option<i64>> {
        let owner = self.owner_actor().await?;
        let how = self.reading(read_job);
        loop {
            let now = self.now();
            let (is_due, next_at) = self.read(&owner, move |view| view.schedules_at(now)).await?;
            if !is_due {
                return Ok(next_at);
            }
            let how = how.clone();
            self.change_jobs(&owner, move |tx, owner| {
                for (schedule, set_back) in tx.due_schedules(AT_ONCE)? {
                    fire_due(tx, owner, &schedule, set_back, &how)?;
                }
                Ok(())
            })
            .await?;
        }
    }
}

impl Engine {
    fn reading(&self, read_job: ReadJob) -> Reading {
        Reading { read_job, rules: self.job_rules() }
    }
}

/// Writes what was asked for into a schedule; answers when it is due next.
fn apply(found: &mut ScheduleRow, update: ScheduleUpdate, now: i64) -> Result<Option<i64>> {
    let what = &mut found.schedule.what;
    let was_enabled = what.enabled;
    let same_times = update.timing.as_ref().is_none_or(|timing| *timing == what.timing);
    if let Some(name) = update.name {
        what.name = name;
    }
    if let Some(timing) = update.timing {
        what.timing = timing;
    }
    what.catch_up = update.catch_up.unwrap_or(what.catch_up);
    what.enabled = update.enabled.unwrap_or(what.enabled);
    if let Some(job) = update.job {
        what.job = job;
    }
    if same_times && was_enabled && what.enabled {
        return Ok(found.schedule.next_at);
    }
    first_after(&what.timing, now).map(Some)
}

fn came_to(outcome: FireOutcome, fire_at: i64, task_id: Option<&str>) -> Fire {
    Fire {
        fire_at,
        by_hand: false,
        outcome,
        times: 1,
        at: fire_at,
        task_id: task_id.map(str::to_owned),
        job_state: None,
        message: None,
    }
}

/// Whose jobs a schedule queues; they must still be allowed to.
fn queued_by(tx: &WriteTx<'_>, schedule: &Schedule) -> StoreResult<Result<Actor, &'static str>> {
    let Some(id) = schedule.user_id else {
        return Ok(Err("The user whose jobs it queued is gone."));
    };
    let user = tx.user(id)?;
    if user.is_active && user.is_superuser {
        return Ok(Ok(actor(&user, Scope::Admin)));
    }
    Ok(Err("The user whose jobs it queued may not queue any."))
}

/// Fires what is due of one schedule, and finds when it is due next.
fn fire_due(
    tx: &mut WriteTx<'_>,
    owner: &Actor,
    found: &ScheduleRow,
    set_back: bool,
    how: &Reading,
) -> StoreResult<()> {
    let (schedule, now) = (&found.schedule, tx.now());
    let rhythm = Rhythm::read(&schedule.what.timing)?;
    let first = schedule.next_at.filter(|at| *at <= now && !set_back);
    if let Some(first) = first {
        let who = match queued_by(tx, schedule)? {
            Ok(who) => who,
            Err(why) => return tx.stop_schedule(owner, found, why),
        };
        let due = judge(schedule.what.catch_up, rhythm.due(first, now), now);
        if let Some((times, last)) = due.passed_over {
            let times = u32::try_from(times).unwrap_or(u32::MAX);
            let missed = Fire { times, ..came_to(FireOutcome::Missed, last, None) };
            tx.note_fire(found.row, &missed)?;
        }
        for at in due.fire {
            // It has fired before the clock was set back.
            if !tx.has_fired(found.row, at)? {
                let fire = fire_one(tx, &who, schedule, at, how)?;
                tx.note_fire(found.row, &fire)?;
            }
        }
    }
    tx.plan_schedule(owner, found, rhythm.next_after(now))
}

fn fire_one(
    tx: &mut WriteTx<'_>,
    who: &Actor,
    schedule: &Schedule,
    at: i64,
    how: &Reading,
) -> StoreResult<Fire> {
    let refused = |error: Error| Fire {
        message: Some(error.message),
        ..came_to(FireOutcome::Refused, at, None)
    };
    let new = match job_now(&schedule.what.job, tx.now(), how) {
        Ok(new) => new,
        Err(error) => return Ok(refused(error)),
    };
    match tx.enqueue_job(who, &new, &Place::default()) {
        Ok(queued) if queued.existed => Ok(came_to(FireOutcome::Alive, at, Some(&queued.task_id))),
        Ok(queued) => Ok(came_to(FireOutcome::Queued, at, Some(&queued.task_id))),
        Err(StoreError::Domain(error)) => Ok(refused(error)),
        Err(error) => Err(error),
    }
}
