//! What the process of a claimed attempt is given: a credential that can log, a folder with what
//! it was asked with, and its environment.

use super::gpu;
use super::training::TRAIN_TASK;
use crate::credential::{Hash, random_secret, sha256};
use crate::project::{JUPYTER_RUNTIME, JUPYTER_TASK};
use branchline_core::job::JOB_TAG;
use branchline_core::{Error, Job, Result, Scope, User};
use branchline_store::{JobRow, StoreResult, WriteTx};
use serde_json::json;
use std::collections::HashMap;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

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
/// Arguments that are longer are in their file only: a variable that is too long would keep the
/// process from starting.
const LONGEST_VARIABLE: usize = 32 * 1024;
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

/// What an attempt's process is given.
pub(super) struct Admitted {
    /// Whose job it is.
    user: User,
    /// A credential, until the attempt ends.
    secret: String,
    hash: Hash,
    /// Of the jobs before it in its graph, JSON.
    results: Vec<String>,
    /// The slots of graphics processors that it was given.
    gpu_slots: Vec<u32>,
}

/// Gives a claimed attempt a credential, and looks up what was there before it; nothing where
/// the user who asked for the job is gone.
pub(super) fn admit(tx: &mut WriteTx<'_>, claimed: &JobRow) -> StoreResult<Option<Admitted>> {
    let JobRow { row, job, .. } = claimed;
    let Some(user) = job.created_by else { return Ok(None) };
    let user = tx.user(user)?;
    let secret = format!("bl_{}", random_secret());
    let name: String = format!("job {}", job.task_id).chars().take(100).collect();
    let expires_at = tx.now() + TOKEN_MS;
    let hash = sha256(&secret);
    let token = tx.insert_token(user.id, &name, &hash, Scope::Log, Some(expires_at))?;
    tx.set_attempt_token(*row, job.attempt, token.id)?;
    let gpu_slots = match job.options.gpus {
        0 => Vec::new(),
        _ => tx.attempts(*row)?.pop().unwrap_or_default().gpu_slots,
    };
    Ok(Some(Admitted { user, secret, hash, results: tx.results_before(*row)?, gpu_slots }))
}

/// What attempts are given, from their claim to their end.
#[derive(Default)]
pub(super) struct Admissions(Mutex<HashMap<String, Admission>>);

struct Admission {
    /// Of the credential, so that it is forgotten with its attempt.
    hash: Hash,
    /// Until the process is started.
    admitted: Option<Admitted>,
}

impl Admissions {
    fn all(&self) -> MutexGuard<'_, HashMap<String, Admission>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps what was given to the attempt at a job.
    pub(super) fn keep(&self, task_id: String, admitted: Admitted) {
        self.all().insert(task_id, Admission { hash: admitted.hash, admitted: Some(admitted) });
    }

    /// Hands out what its process is given.
    ///
    /// # Errors
    /// The user who asked for the job is gone.
    pub(super) fn take(&self, task_id: &str) -> Result<Admitted> {
        let admitted = self.all().get_mut(task_id).and_then(|one| one.admitted.take());
        admitted.ok_or_else(|| Error::not_found("The user who asked for this job is gone."))
    }

    /// Forgets an attempt; the hash of its credential.
    pub(super) fn end(&self, task_id: &str) -> Option<Hash> {
        self.all().remove(task_id).map(|one| one.hash)
    }
}

fn fit_a_variable(job: &Job) -> bool {
    job.work.args.len() + job.work.kwargs.len() <= LONGEST_VARIABLE
}

/// Whether one of our modules runs in the job's Python.
fn runs_ours(job: &Job) -> bool {
    let command = &job.work.command;
    command.get(1).is_some_and(|flag| flag == "-m")
        && command.get(2).is_some_and(|module| module.starts_with("branchline_"))
}

/// Whether what a job was asked with is in a file: a file more is much beside a job of
/// milliseconds.
fn in_a_file(job: &Job) -> bool {
    runs_ours(job) || !fit_a_variable(job)
}

/// What an attempt's process finds in its folder: what it was asked with, where it needs that, and
/// the modules that run functions and notebooks.
pub(super) fn lay_out(job: &Job, folder: &Path) -> std::io::Result<()> {
    crate::platform::create_private_dir(folder)?;
    if job.work.name == JUPYTER_TASK {
        // What one before noted is not this one's.
        let _ = std::fs::remove_dir_all(folder.join(JUPYTER_RUNTIME));
        crate::platform::create_private_dir(&folder.join(JUPYTER_RUNTIME))?;
    }
    if in_a_file(job) {
        let asked = format!("{{\"args\": {}, \"kwargs\": {}}}", job.work.args, job.work.kwargs);
        std::fs::write(folder.join(ARGUMENTS_FILE), asked)?;
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

/// The whole environment of an attempt's process: where `url` is our own address, and `slots` says
/// how many graphics processors there are.
pub(super) fn environment(
    job: &Job,
    admitted: &Admitted,
    folder: &Path,
    url: &str,
    slots: u32,
) -> Vec<(String, String)> {
    let Admitted { user, secret, results, gpu_slots, .. } = admitted;
    let inside = |name: &str| folder.join(name).to_string_lossy().into_owned();
    let mut env: Vec<(String, String)> = PASSED_ON
        .iter()
        .filter_map(|name| Some(((*name).to_owned(), std::env::var(name).ok()?)))
        .collect();
    let context = json!({ JOB_TAG: job.task_id }).to_string();
    let own = [
        ("PYTHONUNBUFFERED", "1"),
        ("MLFLOW_TRACKING_URI", url),
        ("MLFLOW_TRACKING_TOKEN", secret.as_str()),
        // MLflow prefers these wherever it finds them, a credentials file included.
        ("MLFLOW_TRACKING_USERNAME", user.email.as_str()),
        ("MLFLOW_TRACKING_PASSWORD", secret),
        // Its client tags every run with what stands here.
        ("MLFLOW_RUN_CONTEXT", context.as_str()),
        ("BRANCHLINE_URL", url),
        ("BRANCHLINE_TOKEN", secret),
        ("BRANCHLINE_JOB_ID", job.task_id.as_str()),
    ];
    env.extend(own.map(|(name, value)| (name.to_owned(), value.to_owned())));
    env.push(("BRANCHLINE_JOB_ATTEMPT".to_owned(), job.attempt.to_string()));
    if in_a_file(job) {
        env.push(("BRANCHLINE_ARGUMENTS_FILE".to_owned(), inside(ARGUMENTS_FILE)));
    }
    if fit_a_variable(job) {
        env.push(("BRANCHLINE_ARGS".to_owned(), job.work.args.clone()));
        env.push(("BRANCHLINE_KWARGS".to_owned(), job.work.kwargs.clone()));
    }
    let results = format!("[{}]", results.join(","));
    env.push(("BRANCHLINE_PARENT_RESULTS".to_owned(), results));
    // Where no slots are kept, who sees which is not ours to say.
    if slots > 0 {
        let devices: Vec<_> = gpu_slots.iter().map(|slot| gpu::device(*slot)).collect();
        env.push(("CUDA_VISIBLE_DEVICES".to_owned(), devices.join(",")));
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
