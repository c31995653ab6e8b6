//! Running jobs: the engine as the place where the dispatcher finds them.

use super::builtin;
use super::gpu;
use super::monitor::JobRetention;
use super::training::TRAIN_TASK;
use crate::Engine;
use crate::credential::{Hash, random_secret, sha256};
use crate::project::{JUPYTER_RUNTIME, JUPYTER_TASK};
use crate::schedule::ReadJob;
use branchline_core::event::EventKind;
use branchline_core::job::JOB_TAG;
use branchline_core::{
    Actor, AttemptEnd, Error, Job, Outcome, Result, RunId, RunStatus, Scope, User, new_uuid,
};
use branchline_jobs::{
    Attempted, Claimed, JobLedger, Launch, Options, ScheduleLedger, dispatch, keep_schedules,
    policy,
};
use branchline_store::{Class, JobRow, StoreResult, WriteTx};
use serde_json::json;
use std::collections::HashMap;
use std::future::Future;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::Notify;
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
    /// How the job of a schedule is read.
    pub read_job: ReadJob,
    /// How many ended jobs are remembered.
    pub retention: JobRetention,
}

/// What a job was asked with, in its folder.
const ARGUMENTS_FILE: &str = "arguments.json";
/// Modules for Python, in its folder.
const MODULES: &str = "python";
/// They run a project's functions and notebooks.
const RUNNERS: [(&str, &str); 2] = [
    ("branchline_task.py", include_str!("../../python/branchline_task.py")),
    ("branchline_notebook.py", include_str!("../../python/branchline_notebook.py")),
];
/// The built-in training, in the folder of those modules; the example's files.
const TRAINING: [(&str, &str); 3] = [
    ("diabetes/tasks.py", include_str!("../../../../../examples/diabetes/tasks.py")),
    ("diabetes/train.py", include_str!("../../../../../examples/diabetes/train.py")),
    (
        "diabetes/requirements.txt",
        include_str!("../../../../../examples/diabetes/requirements.txt"),
    ),
];
/// Arguments that are longer are in their file only.
const LONGEST_VARIABLE: usize = 32 * 1024;
/// How often it is looked whether jobs are too old.
const LOOK_BACK: Duration = Duration::from_secs(3600);
/// How long ends of jobs are gathered before it is looked whether they are too many.
const GATHER: Duration = Duration::from_secs(1);
/// A job's credential outlives no job that anybody waits for.
const TOKEN_MS: i64 = 30 * 24 * 3600 * 1000;
/// Variables that a job gets from our own environment. What is not here may be a secret.
const PASSED_ON: [&str; 40] = [
    "PATH",
    "HOME",
    "USER",
    "LOGNAME",
    "SHELL",
    "LANG",
    "LANGUAGE",
    "LC_ALL",
    "LC_CTYPE",
    "TZ",
    "TMPDIR",
    "TEMP",
    "TMP",
    "VIRTUAL_ENV",
    "CONDA_PREFIX",
    "CONDA_DEFAULT_ENV",
    "PYENV_ROOT",
    "UV_CACHE_DIR",
    "XDG_CACHE_HOME",
    "XDG_CONFIG_HOME",
    "XDG_DATA_HOME",
    "XDG_RUNTIME_DIR",
    "CUDA_VISIBLE_DEVICES",
    "CUDA_HOME",
    "LD_LIBRARY_PATH",
    "DYLD_LIBRARY_PATH",
    "HF_HOME",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "NO_PROXY",
    "SSL_CERT_FILE",
    "OMP_NUM_THREADS",
    "SYSTEMROOT",
    "WINDIR",
    "COMSPEC",
    "PATHEXT",
    "USERPROFILE",
    "APPDATA",
    "LOCALAPPDATA",
    "PROGRAMDATA",
];

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
    /// Credentials of what runs, so that each is forgotten with its job.
    issued: Arc<Mutex<HashMap<String, Hash>>>,
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
        };
        let (read_job, retention) = (host.read_job, host.retention);
        let job_ended = Arc::new(Notify::new());
        let ledger = Ledger {
            engine: self.clone(),
            owner: self.owner_actor().await?,
            host: Arc::new(host),
            issued: Arc::default(),
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

/// Whether one of our modules runs in the job's Python.
fn runs_ours(job: &Job) -> bool {
    let command = &job.work.command;
    command.get(1).is_some_and(|flag| flag == "-m")
        && command.get(2).is_some_and(|module| module.starts_with("branchline_"))
}

impl Ledger {
    /// What follows once the ends of attempts are noted.
    fn have_ended(&self, ended: &[Attempted]) {
        if ended.is_empty() {
            return;
        }
        let mut issued = self.issued.lock().unwrap_or_else(PoisonError::into_inner);
        for hash in ended.iter().filter_map(|one| issued.remove(&one.job.task_id)) {
            self.engine.inner.credentials.forget_one(&hash);
        }
        drop(issued);
        self.job_ended.notify_one();
    }

    /// Gives one attempt a credential that can log, and looks up what was there before it.
    async fn admit(&self, job: &Job) -> Result<Admitted> {
        let secret = format!("bl_{}", random_secret());
        let hash = sha256(&secret);
        let (id, number, user) = (job.task_id.clone(), job.attempt, job.created_by);
        let name: String = format!("job {id}").chars().take(100).collect();
        let expires_at = self.engine.now() + TOKEN_MS;
        let (user, results, gpu_slots) = self
            .engine
            .inner
            .store
            .write(Class::Tracking, move |tx| {
                let gone = || Error::not_found("The user who asked for this job is gone.");
                let user = tx.user(user.ok_or_else(gone)?)?;
                let job = tx.running_attempt(&id, number)?.ok_or_else(|| {
                    Error::new(
                        branchline_core::ErrorCode::ResourceConflict,
                        "The attempt no longer counts.",
                    )
                })?;
                let token = tx.insert_token(user.id, &name, &hash, Scope::Log, Some(expires_at))?;
                tx.set_attempt_token(job.row, number, token.id)?;
                let attempt = tx.attempts(job.row)?.pop().unwrap_or_default();
                Ok((user, tx.results_before(job.row)?, attempt.gpu_slots))
            })
            .await?;
        let mut issued = self.issued.lock().unwrap_or_else(PoisonError::into_inner);
        issued.insert(job.task_id.clone(), hash);
        Ok(Admitted { user, secret, results, gpu_slots })
    }

    /// What an attempt's process finds in its folder: what it was asked with, and the
    /// modules that run functions and notebooks.
    fn lay_out(&self, job: &Job, folder: &Path) -> std::io::Result<()> {
        crate::platform::create_private_dir(folder)?;
        let asked = format!("{{\"args\": {}, \"kwargs\": {}}}", job.work.args, job.work.kwargs);
        std::fs::write(folder.join(ARGUMENTS_FILE), asked)?;
        if job.work.name == JUPYTER_TASK {
            // What one before noted is not this one's.
            let _ = std::fs::remove_dir_all(folder.join(JUPYTER_RUNTIME));
            crate::platform::create_private_dir(&folder.join(JUPYTER_RUNTIME))?;
        }
        if runs_ours(job) {
            let training = (job.work.name == TRAIN_TASK).then_some(TRAINING).into_iter().flatten();
            for (name, text) in RUNNERS.into_iter().chain(training) {
                let file = folder.join(MODULES).join(name);
                file.parent().map_or(Ok(()), std::fs::create_dir_all)?;
                std::fs::write(file, text)?;
            }
        }
        Ok(())
    }

    /// The graphics processors that an attempt sees, if that is ours to say.
    fn devices(&self, slots: &[u32]) -> Option<String> {
        if self.engine.inner.gpu_slots == 0 {
            return None;
        }
        Some(slots.iter().map(|slot| gpu::device(*slot)).collect::<Vec<_>>().join(","))
    }

    fn environment(&self, job: &Job, admitted: &Admitted) -> Env {
        let Admitted { user, secret, results, gpu_slots } = admitted;
        let folder = self.engine.job_folder(&job.task_id);
        let inside = |name: &str| folder.join(name).to_string_lossy().into_owned();
        let mut env: Vec<(String, String)> = PASSED_ON
            .iter()
            .filter_map(|name| Some(((*name).to_owned(), std::env::var(name).ok()?)))
            .collect();
        let context = json!({ JOB_TAG: job.task_id }).to_string();
        let own = [
            ("PYTHONUNBUFFERED", "1"),
            ("MLFLOW_TRACKING_URI", self.host.url.as_str()),
            ("MLFLOW_TRACKING_TOKEN", secret.as_str()),
            // MLflow prefers these wherever it finds them, a credentials file included.
            ("MLFLOW_TRACKING_USERNAME", user.email.as_str()),
            ("MLFLOW_TRACKING_PASSWORD", secret),
            // Its client tags every run with what stands here.
            ("MLFLOW_RUN_CONTEXT", context.as_str()),
            ("BRANCHLINE_URL", self.host.url.as_str()),
            ("BRANCHLINE_TOKEN", secret),
            ("BRANCHLINE_JOB_ID", job.task_id.as_str()),
        ];
        env.extend(own.map(|(name, value)| (name.to_owned(), value.to_owned())));
        env.push(("BRANCHLINE_JOB_ATTEMPT".to_owned(), job.attempt.to_string()));
        env.push(("BRANCHLINE_ARGUMENTS_FILE".to_owned(), inside(ARGUMENTS_FILE)));
        // A variable that is too long would keep the process from starting.
        if job.work.args.len() + job.work.kwargs.len() <= LONGEST_VARIABLE {
            env.push(("BRANCHLINE_ARGS".to_owned(), job.work.args.clone()));
            env.push(("BRANCHLINE_KWARGS".to_owned(), job.work.kwargs.clone()));
        }
        let results = format!("[{}]", results.join(","));
        env.push(("BRANCHLINE_PARENT_RESULTS".to_owned(), results));
        if let Some(devices) = self.devices(gpu_slots) {
            env.push(("CUDA_VISIBLE_DEVICES".to_owned(), devices));
        }
        if job.work.name == JUPYTER_TASK {
            env.push(("JUPYTER_RUNTIME_DIR".to_owned(), inside(JUPYTER_RUNTIME)));
        }
        if runs_ours(job) {
            env.push(("PYTHONPATH".to_owned(), inside(MODULES)));
        }
        env.extend(job.work.env.iter().cloned());
        env
    }
}

type Env = Vec<(String, String)>;

/// What an attempt's process is given.
struct Admitted {
    /// Whose job it is.
    user: User,
    /// A credential, until the attempt ends.
    secret: String,
    /// Of the jobs before it in its graph, JSON.
    results: Vec<String>,
    /// The slots of graphics processors that it was given.
    gpu_slots: Vec<u32>,
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
        let claims = self
            .engine
            .write(&self.owner, class, move |tx, actor| {
                for one in &ends {
                    finish_attempted(tx, actor, one)?;
                }
                let mut claims = tx.claim_jobs(actor, &worker, room, lease, machine)?;
                for found in &mut claims.jobs {
                    controls.hold(&found.job.task_id);
                    if is_called(&found.job) {
                        tx.start_claimed(actor, found)?;
                    }
                }
                Ok(claims)
            })
            .await?;
        self.have_ended(ended);
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
        let admitted = self.admit(job).await?;
        let folder = self.engine.job_folder(&job.task_id);
        let (ledger, its_job, made) = (self.clone(), job.clone(), folder.clone());
        tokio::task::spawn_blocking(move || ledger.lay_out(&its_job, &made))
            .await
            .map_err(|cause| Error::internal("A job's folder was not made.").source(cause))?
            .map_err(|cause| {
                Error::internal(format!("A job's folder cannot be made: {cause}.")).source(cause)
            })?;
        Ok(Launch {
            command: job.work.command.clone(),
            cwd: job.work.cwd.as_ref().map_or_else(|| folder.clone(), PathBuf::from),
            env: self.environment(job, &admitted),
            folder,
        })
    }

    async fn started(&self, job: &Job, pid: u32) -> Result<bool> {
        let (id, number) = (job.task_id.clone(), job.attempt);
        self.engine
            .track(&self.owner, move |tx, actor| tx.job_started(actor, &id, number, pid))
            .await
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
