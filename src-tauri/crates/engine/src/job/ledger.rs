//! Running jobs: the engine as the place where the dispatcher finds them.

use super::admission::{Admissions, admit, environment, lay_out};
use super::builtin;
use super::monitor::JobRetention;
use crate::Engine;
use crate::schedule::ReadJob;
use branchline_core::event::EventKind;
use branchline_core::{Actor, AttemptEnd, Error, Job, Outcome, Result, RunId, RunStatus, new_uuid};
use branchline_jobs::{
    Attempted, Claimed, JobLedger, Launch, Options, ScheduleLedger, dispatch, keep_schedules,
    policy,
};
use branchline_store::{Class, JobRow, StoreResult, WriteTx};
use std::future::Future;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Notify, oneshot};
use tokio_util::sync::CancellationToken;

/// What running jobs needs to know of the program around it.
#[derive(Debug, Clone)]
pub struct JobsHost {
    /// Where jobs reach the server.
    pub url: String,
    /// The program that supervises when called with `__supervise`: this one, as a rule.
    pub supervisor: PathBuf,
    /// What is kept of a job's log.
    pub log_bytes: u64,
    /// How long a process that was asked to end may take.
    pub grace: Duration,
    /// By how much its process gives way to others, 0 to 19.
    pub niceness: u8,
    /// How the job of a schedule is read.
    pub read_job: ReadJob,
    /// How many ended jobs are remembered.
    pub retention: JobRetention,
}

/// How often it is looked whether jobs are too old.
const LOOK_BACK: Duration = Duration::from_secs(3600);
/// How long ends of jobs are gathered before it is looked whether they are too many.
const GATHER: Duration = Duration::from_secs(1);
/// The place where what keeps schedules finds them.
struct FiringSchedules {
    engine: Engine,
    read_job: ReadJob,
}

impl ScheduleLedger for FiringSchedules {
    async fn fire(&self) -> Result<Option<i64>> {
        self.engine.fire_schedules(self.read_job).await
    }
}

/// The place where the dispatcher finds jobs.
#[derive(Clone)]
pub(super) struct Ledger {
    pub(super) engine: Engine,
    pub(super) owner: Actor,
    host: Arc<JobsHost>,
    /// Somebody looks whether jobs are too many.
    job_ended: Arc<Notify>,
    /// What attempts under way are given.
    admissions: Arc<Admissions>,
}

impl Engine {
    /// Runs jobs until `stop`; then ends what runs, each as it asks for, and returns. Only
    /// the owner of the data folder calls this.
    ///
    /// # Errors
    /// The database's.
    pub async fn run_jobs(&self, host: JobsHost, stop: impl Future<Output = ()>) -> Result<()> {
        let options = Options {
            worker: format!("branchline@{}", new_uuid()),
            supervisor: host.supervisor.clone(),
            log_bytes: host.log_bytes,
            grace: host.grace,
            niceness: host.niceness,
        };
        let (read_job, retention) = (host.read_job, host.retention);
        let job_ended = Arc::new(Notify::new());
        let ledger = Ledger {
            engine: self.clone(),
            owner: self.owner_actor().await?,
            host: Arc::new(host),
            admissions: Arc::default(),
            job_ended: Arc::clone(&job_ended),
        };
        let schedules = FiringSchedules { engine: self.clone(), read_job };
        let ended = CancellationToken::new();
        let controls = self.inner.jobs.clone();
        let keeping = keep_schedules(schedules, controls.clone(), ended.cancelled());
        let dispatching = async {
            let _ended = ended.clone().drop_guard();
            stop.await;
        };
        let forgetting = self.forget_while_running(retention, &job_ended, ended.cancelled());
        tokio::join!(keeping, forgetting, dispatch(ledger, controls, options, dispatching));
        Ok(())
    }

    /// Forgets old jobs at the start, after some have ended, and once an hour, until `stop`.
    async fn forget_while_running(
        &self,
        keep: JobRetention,
        job_ended: &Notify,
        stop: impl Future<Output = ()>,
    ) {
        tokio::pin!(stop);
        loop {
            let forgotten = async {
                let owner = self.owner_actor().await?;
                self.forget_old_jobs(&owner, keep).await
            };
            match forgotten.await {
                Ok(0) => {}
                Ok(jobs) => tracing::debug!(jobs, "forgot the oldest jobs"),
                Err(error) => tracing::warn!(%error, "old jobs could not be forgotten"),
            }
            let next = async {
                tokio::select! {
                    () = job_ended.notified() => {}
                    () = tokio::time::sleep(LOOK_BACK) => {}
                }
                // Those that end together are looked at together.
                tokio::time::sleep(GATHER).await;
            };
            tokio::select! {
                () = &mut stop => return,
                () = next => {}
            }
        }
    }

    /// Does with jobs of other workers what they ask for; the one that calls owns the
    /// folder, so those are gone.
    async fn recover_jobs(&self, owner: &Actor, worker: &str) -> Result<usize> {
        let worker = worker.to_owned();
        self.durably(owner, move |tx, actor| {
            let lost = tx.lost_jobs(&worker)?;
            for job in &lost {
                let reason = "Worker lost: the program ended while the job ran.";
                finish(tx, actor, job, &Outcome::Lost(reason.to_owned()).into(), 0.0)?;
            }
            Ok(lost.len())
        })
        .await
    }
}

/// Ends an attempt, the job as its policy says, and the runs that its process left open.
fn finish(
    tx: &mut WriteTx<'_>,
    actor: &Actor,
    job: &JobRow,
    end: &AttemptEnd,
    chance: f64,
) -> StoreResult<()> {
    let verdict = policy::judge(&job.job, &end.outcome, tx.now(), chance);
    tx.finish_attempt(actor, job, end, &verdict)?;
    let status = match &end.outcome {
        Outcome::Success(_) => RunStatus::Finished,
        Outcome::Revoked(_) => RunStatus::Killed,
        Outcome::PutBack(_) => RunStatus::Killed,
        Outcome::Failure { .. } | Outcome::Lost(_) if end.signal.is_some() => RunStatus::Killed,
        Outcome::Failure { .. } | Outcome::Lost(_) => RunStatus::Failed,
    };
    for id in tx.open_runs_of_job(&job.job.task_id)? {
        let id = RunId::new(id);
        let run = tx.run_row(&id)?;
        tx.update_run(actor, &id, &run, Some(status), Some(tx.now()), None)?;
    }
    Ok(())
}

/// Whether a job needs no process.
fn is_called(job: &Job) -> bool {
    job.work.command.is_empty() && !builtin::runs_a_program(&job.work.name)
}

/// The end of a process is kept even if the power fails.
fn class_of(ended: &[Attempted]) -> Class {
    match ended.iter().all(|one| is_called(&one.job)) {
        true => Class::Tracking,
        false => Class::Durable,
    }
}

/// Ends an attempt that we made. One that no longer counts has been dealt with.
fn finish_attempted(tx: &mut WriteTx<'_>, actor: &Actor, ended: &Attempted) -> StoreResult<()> {
    match tx.running_attempt(&ended.job.task_id, ended.job.attempt)? {
        Some(job) => finish(tx, actor, &job, &ended.end, rand::random()),
        None => Ok(()),
    }
}

impl Ledger {
    /// What follows once the ends of attempts are noted.
    fn have_ended(&self, ended: &[Attempted]) {
        if ended.is_empty() {
            return;
        }
        for hash in ended.iter().filter_map(|one| self.admissions.end(&one.job.task_id)) {
            self.engine.inner.credentials.forget_one(&hash);
        }
        self.job_ended.notify_one();
    }
}

impl JobLedger for Ledger {
    async fn recover(&self, worker: &str) -> Result<()> {
        let lost = self.engine.recover_jobs(&self.owner, worker).await?;
        if lost > 0 {
            tracing::warn!(jobs = lost, "jobs were under way when the program last ended");
        }
        Ok(())
    }

    async fn claim(
        &self,
        worker: &str,
        ended: &[Attempted],
        room: usize,
        lease: Duration,
    ) -> Result<Claimed> {
        let (worker, lease) = (worker.to_owned(), millis(lease));
        let machine = self.engine.inner.power.machine(self.engine.inner.gpu_slots);
        let (class, ends) = (class_of(ended), ended.to_vec());
        let controls = self.engine.inner.jobs.clone();
        let (hand, mut handed) = oneshot::channel();
        let written = self.engine.write(&self.owner, class, move |tx, actor| {
            for one in &ends {
                finish_attempted(tx, actor, one)?;
            }
            let mut claims = tx.claim_jobs(actor, &worker, room, lease, machine)?;
            let mut admitted = Vec::new();
            for found in &mut claims.jobs {
                controls.hold(&found.job.task_id);
                if is_called(&found.job) {
                    tx.start_claimed(actor, found)?;
                } else if let Some(given) = admit(tx, found)? {
                    admitted.push((found.job.task_id.clone(), given));
                }
            }
            tx.once_committed(move || drop(hand.send((claims, admitted))));
            Ok(())
        });
        // What was claimed starts while the ends that were noted with it get to the disk.
        let (claims, admitted) = tokio::select! {
            biased;
            Ok(claimed) = &mut handed => claimed,
            written = written => {
                written?;
                handed.await.map_err(|_| Error::internal("A claim was not handed over."))?
            }
        };
        // In this order: what ended may be what was claimed again.
        self.have_ended(ended);
        admitted.into_iter().for_each(|(id, given)| self.admissions.keep(id, given));
        let now = self.engine.now();
        let next_in =
            claims.next_at.map(|at| Duration::from_millis(u64::try_from(at - now).unwrap_or(0)));
        Ok(Claimed { jobs: claims.jobs.into_iter().map(|found| found.job).collect(), next_in })
    }

    async fn extend(&self, worker: &str, lease: Duration) -> Result<()> {
        let (worker, lease) = (worker.to_owned(), millis(lease));
        self.engine.track(&self.owner, move |tx, _| tx.extend_leases(&worker, lease)).await
    }

    fn is_called(&self, job: &Job) -> bool {
        is_called(job)
    }

    async fn prepare(&self, job: &Job) -> Result<Launch> {
        let work = self.engine.command_of(&self.owner, &job.work).await?;
        let job = &Job { work, ..job.clone() };
        let admitted = self.admissions.take(&job.task_id)?;
        let folder = self.engine.job_folder(&job.task_id);
        // Here and now: a few small files are less than the way to another thread.
        lay_out(job, &folder).map_err(|cause| {
            Error::internal(format!("A job's folder cannot be made: {cause}.")).source(cause)
        })?;
        let env = environment(job, &admitted, &folder, &self.host.url, self.engine.inner.gpu_slots);
        Ok(Launch {
            command: job.work.command.clone(),
            cwd: job.work.cwd.as_ref().map_or_else(|| folder.clone(), PathBuf::from),
            env,
            folder,
        })
    }

    async fn started(&self, job: &Job, pid: u32) -> Result<bool> {
        let (id, number) = (job.task_id.clone(), job.attempt);
        self.engine.jot(&self.owner, move |tx, actor| tx.job_started(actor, &id, number, pid)).await
    }

    async fn call(&self, job: &Job) -> Outcome {
        builtin::call(self, job).await
    }

    async fn reported(&self, job: &Job, line: String) {
        let object = serde_json::from_str::<serde_json::Map<String, serde_json::Value>>(&line);
        if object.is_err() || line.len() > super::REPORT_BYTES {
            return;
        }
        let id = job.task_id.clone();
        let kept =
            self.engine.track(&self.owner, move |tx, actor| tx.report_job(actor, &id, &line));
        if let Err(error) = kept.await {
            tracing::warn!(job.id = %job.task_id, "what a job said of itself was not kept: {error}");
        }
    }

    fn wrote(&self, job: &Job) {
        self.engine.inner.store.publish(EventKind::JobLog(job.task_id.clone()));
    }

    async fn finish(&self, ended: &Attempted) -> Result<()> {
        let (one, class) = (ended.clone(), class_of(std::slice::from_ref(ended)));
        self.engine
            .write(&self.owner, class, move |tx, actor| finish_attempted(tx, actor, &one))
            .await?;
        self.have_ended(std::slice::from_ref(ended));
        self.engine.inner.jobs.ring();
        Ok(())
    }
}

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX / 4)
}
