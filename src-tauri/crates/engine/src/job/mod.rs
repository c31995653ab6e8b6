//! Jobs: asked for, looked at, cancelled, tried again. Running them is the other half
//! (`ledger.rs`), which only the owner of the data folder does.

mod admission;
mod builtin;
mod ending;
mod gpu;
mod graph;
mod ledger;
mod log;
mod machine;
mod monitor;
mod queue;
mod training;

use crate::experiment::{check_max_results, page};
use crate::{Engine, permit};
use branchline_core::event::{Event, EventKind};
use branchline_core::job::{DEFAULT_QUEUE, JobRoute};
use branchline_core::job_filter::JobTerm;
use branchline_core::job_order::JobOrder;
use branchline_core::{
    Actor, Attempt, Error, Job, JobEvent, JobState, NewJob, Page, Result, Scope,
};
use branchline_store::{JobQuery, JobRow, Place, StoreResult, View, WriteTx};
use std::sync::{Arc, PoisonError};
use std::time::Duration;
use tokio::sync::broadcast::Receiver;

pub use branchline_jobs::supervisor::if_asked as supervise_if_asked;
pub use builtin::runs_a_program;
pub use gpu::GpuUsage;
pub use graph::{GraphNode, QueuedGraph};
pub use ledger::JobsHost;
pub use log::LogPart;
pub(crate) use log::next as next_event;
pub(crate) use machine::Power;
pub use monitor::{JobHistory, JobRetention, JobUsage};
pub use queue::QueueUpdate;
pub use training::TrainRules;

/// Jobs on a page at most.
const MAX_RESULTS: usize = 1000;
/// What a job says of itself is small.
const REPORT_BYTES: usize = 64 * 1024;
/// The longest that asking for a job waits for its end, where it does.
const LONGEST_INLINE: Duration = Duration::from_secs(3600);

/// What the settings say of jobs.
#[derive(Debug, Clone, Default)]
pub struct JobRules {
    /// Which queue jobs go to that name none: that of the first that is about their task.
    pub routes: Vec<JobRoute>,
    /// What trains for the stack's API.
    pub train: TrainRules,
    /// Whoever asks for a job is answered after its end; nothing is put off to a later time.
    pub inline: bool,
}

/// Which jobs.
#[derive(Debug, Clone, Default)]
pub struct JobSearch {
    /// In one of these states; in any when empty.
    pub states: Vec<JobState>,
    /// In this queue.
    pub queue: Option<String>,
    /// Of this task.
    pub name: Option<String>,
    /// Of this graph.
    pub root: Option<String>,
    /// Of this project, by its number.
    pub project: Option<i64>,
    /// And all of these hold.
    pub terms: Vec<JobTerm>,
    /// In this order; the newest first when absent.
    pub order: Option<JobOrder>,
    /// On a page.
    pub max_results: usize,
    /// Where the page starts.
    pub page_token: Option<String>,
}

impl JobSearch {
    fn query(&self) -> JobQuery {
        JobQuery {
            states: self.states.iter().map(|state| state.as_str()).collect(),
            queue: self.queue.clone(),
            name: self.name.clone(),
            root: self.root.clone(),
            project: self.project,
            terms: self.terms.clone(),
            order: self.order,
        }
    }
}

/// A job with what belongs to it.
#[derive(Debug, Clone)]
pub struct JobDetail {
    /// The job.
    pub job: Job,
    /// Attempts at it, in order.
    pub attempts: Vec<Attempt>,
    /// What it came to, in order.
    pub events: Vec<JobEvent>,
    /// Ids of the jobs before it in its graph.
    pub parents: Vec<String>,
    /// Ids of the jobs after it in its graph.
    pub children: Vec<String>,
    /// MLflow runs that it made, newest first.
    pub runs: Vec<String>,
    /// The name of the schedule that queued it.
    pub schedule: Option<String>,
}

/// A job that was asked for.
#[derive(Debug, Clone)]
pub struct Queued {
    /// The job as it stands.
    pub job: Job,
    /// It was there already.
    pub existed: bool,
}

/// What is asked for must be JSON of the right kind.
fn check_json(new: &NewJob) -> Result<()> {
    let is = |text: &str, kind: fn(&serde_json::Value) -> bool| {
        serde_json::from_str(text).is_ok_and(|value| kind(&value))
    };
    if !is(&new.work.args, serde_json::Value::is_array) {
        return Err(Error::invalid(
            "Invalid value for parameter 'args' supplied: it is a JSON array.",
        ));
    }
    if !is(&new.work.kwargs, serde_json::Value::is_object) {
        return Err(Error::invalid(
            "Invalid value for parameter 'kwargs' supplied: it is a JSON object.",
        ));
    }
    Ok(())
}

impl JobRules {
    /// What a job gets that does not say it: its queue.
    pub(crate) fn apply(&self, new: &mut NewJob) {
        if new.options.queue.is_empty() {
            let route = self.routes.iter().find(|route| route.is_of(&new.work.name));
            new.options.queue = route.map_or(DEFAULT_QUEUE, |route| &route.queue).to_owned();
        }
        if self.inline {
            new.options.eta = None;
        }
    }
}

/// A job may be asked for.
pub(crate) fn check(new: &NewJob) -> Result<()> {
    new.check()?;
    check_json(new)?;
    if new.work.command.is_empty() && !builtin::is_known(&new.work.name) {
        return Err(Error::not_found(format!("There is no task '{}'.", new.work.name)).hint(
            format!(
                "Tasks that are built in: {}. Others run as a command.",
                builtin::NAMES.join(", ")
            ),
        ));
    }
    if new.work.command.is_empty() { builtin::check(&new.work) } else { Ok(()) }
}

/// A superuser may see every job, others those that they asked for.
pub(crate) fn may_see(actor: &Actor, job: &Job) -> Result<()> {
    if actor.is_superuser || job.created_by == Some(actor.user_id) {
        return Ok(());
    }
    Err(Error::not_found(format!("There is no job '{}'.", job.task_id)))
}

fn detail(view: &View<'_>, found: JobRow) -> StoreResult<JobDetail> {
    let (parents, children) = view.job_relations(found.row)?;
    Ok(JobDetail {
        attempts: view.attempts(found.row)?,
        events: view.job_events(found.row)?,
        runs: view.runs_of_job(&found.job)?,
        schedule: view.schedule_of_job(&found.job.task_id)?,
        parents,
        children,
        job: found.job,
    })
}

impl Engine {
    /// Queues a job; it is on the disk when this answers. A known id, or a unique key that
    /// is alive, answers the job that is there.
    ///
    /// # Errors
    /// The actor is no superuser; a field breaks a rule; there is no such task.
    pub async fn submit_job(&self, actor: &Actor, new: NewJob) -> Result<Queued> {
        let queued = self.queue_job(actor, new).await?;
        match self.job_rules().inline {
            false => Ok(queued),
            true => Ok(Queued { job: self.ended_job(actor, &queued.job.task_id).await?, ..queued }),
        }
    }

    /// The same without waiting for its end, whatever the settings say.
    pub(crate) async fn queue_job(&self, actor: &Actor, mut new: NewJob) -> Result<Queued> {
        permit::require_superuser(actor)?;
        self.job_rules().apply(&mut new);
        self.check_job(&new)?;
        self.change_jobs(actor, move |tx, actor| {
            let queued = tx.enqueue_job(actor, &new, &Place::default())?;
            Ok(Queued { job: tx.job(&queued.task_id)?.job, existed: queued.existed })
        })
        .await
    }

    /// A job as it is after its end.
    async fn ended_job(&self, actor: &Actor, task_id: &str) -> Result<Job> {
        Ok(self.wait_for_job(actor, task_id, LONGEST_INLINE).await?.job)
    }

    /// A job with its history.
    ///
    /// # Errors
    /// There is none that the actor may see.
    pub async fn job(&self, actor: &Actor, task_id: &str) -> Result<JobDetail> {
        let (me, task_id) = (actor.clone(), task_id.to_owned());
        self.read(actor, move |view| {
            let found = view.job(&task_id)?;
            may_see(&me, &found.job)?;
            detail(view, found)
        })
        .await
    }

    /// A job with its history once it has ended, or as it stands after `wait`.
    ///
    /// # Errors
    /// There is none that the actor may see.
    pub async fn wait_for_job(
        &self,
        actor: &Actor,
        task_id: &str,
        wait: Duration,
    ) -> Result<JobDetail> {
        // Before it is looked at, so that no end is missed.
        let mut changes = self.subscribe();
        let found = self.job(actor, task_id).await?;
        if found.job.state.is_final() || wait.is_zero() {
            return Ok(found);
        }
        // An elapsed wait is answered by the last look.
        let _ = tokio::time::timeout(wait, self.job_has_ended(&mut changes, task_id)).await;
        self.job(actor, task_id).await
    }

    /// Waits until a job has ended, or is gone.
    async fn job_has_ended(&self, changes: &mut Receiver<Event>, task_id: &str) {
        let about = [EventKind::Job(task_id.to_owned())];
        loop {
            log::next(changes, &about).await;
            let id = task_id.to_owned();
            let state = self.inner.store.glance(move |view| view.job_state(&id)).await;
            if !matches!(state, Ok(Some(state)) if !state.is_final()) {
                return;
            }
        }
    }

    /// One page of jobs.
    ///
    /// # Errors
    /// The actor is no superuser; a token that is wrong.
    pub async fn jobs(&self, actor: &Actor, search: JobSearch) -> Result<Page<Job>> {
        if !actor.is_superuser {
            return Err(Error::denied("The user doesn't have enough privileges."));
        }
        check_max_results(search.max_results, MAX_RESULTS)?;
        let which = search.query();
        self.read(actor, move |view| {
            Ok(page(view.jobs(&which, search.max_results, search.page_token.as_deref())?))
        })
        .await
    }

    /// The newest jobs, at most `most`, each with its transitions.
    ///
    /// # Errors
    /// The actor is no superuser.
    pub async fn jobs_with_events(
        &self,
        actor: &Actor,
        search: JobSearch,
        most: usize,
    ) -> Result<Vec<(Job, Vec<JobEvent>)>> {
        if !actor.is_superuser {
            return Err(Error::denied("The user doesn't have enough privileges."));
        }
        let which = search.query();
        self.read(actor, move |view| view.jobs_with_events(&which, most)).await
    }

    /// Cancels a job: one that waits never starts, one that runs is ended. Again is fine.
    ///
    /// # Errors
    /// The actor is no superuser; there is none.
    pub async fn cancel_job(&self, actor: &Actor, task_id: &str) -> Result<Job> {
        permit::require_superuser(actor)?;
        let id = task_id.to_owned();
        let (job, runs) = self
            .change_jobs(actor, move |tx, actor| {
                let job = tx.job(&id)?;
                let runs = tx.cancel_job(actor, &job, "Cancelled.")?;
                Ok((tx.job(&id)?.job, runs))
            })
            .await?;
        if runs {
            self.inner.jobs.cancel(task_id);
        }
        Ok(job)
    }

    /// Queues an ended job again.
    ///
    /// # Errors
    /// The actor is no superuser; there is none; it has not ended.
    pub async fn retry_job(&self, actor: &Actor, task_id: &str) -> Result<Job> {
        permit::require_superuser(actor)?;
        let id = task_id.to_owned();
        self.change_jobs(actor, move |tx, actor| {
            let job = tx.job(&id)?;
            tx.requeue_job(actor, &job)?;
            Ok(tx.job(&id)?.job)
        })
        .await
    }

    /// Forgets an ended job, its history and its folder.
    ///
    /// # Errors
    /// The actor is no superuser; there is none; it has not ended.
    pub async fn forget_job(&self, actor: &Actor, task_id: &str) -> Result<()> {
        permit::require_superuser(actor)?;
        let id = task_id.to_owned();
        self.durably(actor, move |tx, actor| {
            let job = tx.job(&id)?;
            tx.forget_job(actor, &job)
        })
        .await?;
        let folder = self.job_folder(task_id);
        // A folder that cannot be removed holds nothing that is asked for any more.
        let _ = tokio::task::spawn_blocking(move || std::fs::remove_dir_all(folder)).await;
        Ok(())
    }

    /// Keeps what a running job says of itself: a JSON object, `progress` from 0 to 1 and
    /// `text` by custom.
    ///
    /// # Errors
    /// The job does not run, or the actor did not ask for it; the report is large.
    pub async fn report_job(&self, actor: &Actor, task_id: &str, meta: String) -> Result<()> {
        if meta.len() > REPORT_BYTES {
            return Err(Error::invalid(format!("A report has at most {REPORT_BYTES} bytes.")));
        }
        permit::require(actor, Scope::Log)?;
        let (me, task_id) = (actor.clone(), task_id.to_owned());
        self.track(actor, move |tx, actor| {
            may_see(&me, &tx.job(&task_id)?.job)?;
            tx.report_job(actor, &task_id, &meta)
        })
        .await
    }

    /// Says what the settings say of jobs.
    pub fn set_job_rules(&self, rules: JobRules) {
        *self.inner.job_rules.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(rules);
    }

    pub(crate) fn job_rules(&self) -> Arc<JobRules> {
        Arc::clone(&self.inner.job_rules.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Names of the tasks that are built in.
    pub fn builtin_tasks(&self) -> &'static [&'static str] {
        &builtin::NAMES
    }

    /// A job may be asked for here.
    pub(crate) fn check_job(&self, new: &NewJob) -> Result<()> {
        check(new)?;
        self.check_slots(new)
    }

    /// A durable write after which there may be something to run. The dispatcher hears of it
    /// while it is on its way to the disk, so that a job starts meanwhile.
    pub(crate) async fn change_jobs<T, F>(&self, actor: &Actor, work: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&mut WriteTx<'_>, &Actor) -> StoreResult<T> + Send + 'static,
    {
        let jobs = self.inner.jobs.clone();
        self.durably(actor, move |tx, actor| {
            let done = work(tx, actor)?;
            tx.once_committed(move || jobs.ring());
            Ok(done)
        })
        .await
    }

    /// Ends a job that runs here and was cancelled.
    pub(crate) fn end_running_job(&self, task_id: &str) {
        self.inner.jobs.cancel(task_id);
    }

    /// A job that needs more graphics processors than there are would wait for ever.
    fn check_slots(&self, new: &NewJob) -> Result<()> {
        let (needed, there) = (new.options.gpus, self.inner.gpu_slots);
        if needed <= there {
            return Ok(());
        }
        Err(Error::invalid(format!("The job needs {needed} GPUs; there are {there} slots."))
            .hint("The setting jobs.gpu_slots says how many there are."))
    }

    /// Where a job's log and result are.
    pub(crate) fn job_folder(&self, task_id: &str) -> std::path::PathBuf {
        self.inner.data_dir.join("jobs").join(task_id)
    }
}
