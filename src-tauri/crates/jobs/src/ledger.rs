//! What running jobs needs of the place where they are kept.

use branchline_core::{AttemptEnd, Job, Outcome, Result};
use std::future::Future;
use std::path::PathBuf;
use std::time::Duration;

/// What a claim answers.
#[derive(Debug, Default)]
pub struct Claimed {
    /// To be run now.
    pub jobs: Vec<Job>,
    /// When there may be more without anybody saying so; never when `None`.
    pub next_in: Option<Duration>,
}

/// An attempt that has ended.
#[derive(Debug, Clone)]
pub struct Attempted {
    /// As it was claimed.
    pub job: Job,
    /// How it ended.
    pub end: AttemptEnd,
}

/// How a job's process is started.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Launch {
    /// Program and arguments.
    pub command: Vec<String>,
    /// Where it runs.
    pub cwd: PathBuf,
    /// The whole environment.
    pub env: Vec<(String, String)>,
    /// The job's own folder; its log and its result are there.
    pub folder: PathBuf,
}

/// Where jobs are kept, seen by who runs them.
pub trait JobLedger: Clone + Send + Sync + 'static {
    /// Does with jobs whose workers went away what they ask for.
    fn recover(&self, worker: &str) -> impl Future<Output = Result<()>> + Send;
    /// Notes how attempts ended, and claims at most `room` jobs, each by one worker for one
    /// attempt: all of that or nothing. Those that need no process have started with that.
    /// Whoever cancels a claimed job finds its cord ([`crate::Controls::hold`]).
    fn claim(
        &self,
        worker: &str,
        ended: &[Attempted],
        room: usize,
        lease: Duration,
    ) -> impl Future<Output = Result<Claimed>> + Send;
    /// Keeps the leases of a worker's jobs alive.
    fn extend(&self, worker: &str, lease: Duration) -> impl Future<Output = Result<()>> + Send;
    /// Whether a job needs no process.
    fn is_called(&self, job: &Job) -> bool;
    /// What an attempt at a job of a process needs: folder, environment, credential.
    fn prepare(&self, job: &Job) -> impl Future<Output = Result<Launch>> + Send;
    /// An attempt's process runs; answers whether the attempt still counts.
    fn started(&self, job: &Job, pid: u32) -> impl Future<Output = Result<bool>> + Send;
    /// Does a job that needs no process.
    fn call(&self, job: &Job) -> impl Future<Output = Outcome> + Send;
    /// A job said something of itself: a JSON object, if it keeps to the rules.
    fn reported(&self, job: &Job, line: String) -> impl Future<Output = ()> + Send;
    /// A job wrote to its log.
    fn wrote(&self, job: &Job);
    /// Notes how an attempt ended, whatever becomes of others.
    fn finish(&self, ended: &Attempted) -> impl Future<Output = Result<()>> + Send;
}
