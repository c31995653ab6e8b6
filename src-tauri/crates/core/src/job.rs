//! Jobs: what is asked for, how one stands, and how an attempt ended. States have the
//! names that Celery's users know.

use crate::error::{Error, Result};
use crate::name::matches;

/// How a job stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum JobState {
    /// Queued, held until its time, or waiting for other jobs.
    #[default]
    Pending,
    /// Claimed by a worker.
    Received,
    /// Its process runs.
    Started,
    /// Failed; it is tried again.
    Retry,
    /// Ended well.
    Success,
    /// Failed for good.
    Failure,
    /// Cancelled, or expired before it started.
    Revoked,
}

impl JobState {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::Pending,
        Self::Received,
        Self::Started,
        Self::Retry,
        Self::Success,
        Self::Failure,
        Self::Revoked,
    ];

    /// Celery's name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "PENDING",
            Self::Received => "RECEIVED",
            Self::Started => "STARTED",
            Self::Retry => "RETRY",
            Self::Success => "SUCCESS",
            Self::Failure => "FAILURE",
            Self::Revoked => "REVOKED",
        }
    }

    /// Reads the name.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == text)
    }

    /// Nothing happens to it any more.
    pub fn is_final(self) -> bool {
        matches!(self, Self::Success | Self::Failure | Self::Revoked)
    }
}

/// The queue of a job that names none; the stack's own.
pub const DEFAULT_QUEUE: &str = "main-queue";
/// The name of a job that runs a command.
pub const COMMAND_NAME: &str = "command";
/// The tag by which a run says which job made it.
pub const JOB_TAG: &str = "branchline.job_id";
/// The highest priority.
pub const HIGHEST_PRIORITY: u8 = 9;
/// The longest name of a job, queue or unique key.
const LONGEST_NAME: usize = 250;

/// When and how often a failed job is tried again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RetryPolicy {
    /// Attempts after the first.
    pub max_retries: u32,
    /// The first wait, milliseconds.
    pub delay_ms: i64,
    /// Each wait is twice the one before.
    pub backoff: bool,
    /// The longest wait, milliseconds.
    pub longest_ms: i64,
    /// A wait is cut by a random part of up to a half.
    pub jitter: bool,
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self { max_retries: 0, delay_ms: 180_000, backoff: true, longest_ms: 600_000, jitter: true }
    }
}

/// Which queue the jobs of a task go to when they name none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JobRoute {
    /// The task's name; a `*` stands for anything.
    pub task: String,
    /// The queue.
    pub queue: String,
}

impl JobRoute {
    /// Reads `task=queue`.
    ///
    /// # Errors
    /// A half is missing, or is no name.
    pub fn parse(text: &str) -> Result<Self> {
        let (task, queue) = text
            .split_once('=')
            .ok_or_else(|| Error::invalid(format!("'{text}' is no route such as train.*=gpu.")))?;
        let (task, queue) = (task.trim().to_owned(), queue.trim().to_owned());
        check_text("task", &task)?;
        check_queue_name(&queue)?;
        Ok(Self { task, queue })
    }

    /// Whether it is about a task.
    pub fn is_of(&self, name: &str) -> bool {
        matches(&self.task, name)
    }
}

/// What a job does.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Work {
    /// The task's name; [`COMMAND_NAME`] for a command.
    pub name: String,
    /// Program and arguments, never a shell's string; empty for a built-in task.
    pub command: Vec<String>,
    /// Where the command runs; the job's own folder when absent.
    pub cwd: Option<String>,
    /// Variables added to the environment.
    pub env: Vec<(String, String)>,
    /// A JSON array.
    pub args: String,
    /// A JSON object.
    pub kwargs: String,
    /// The row of the project whose code it is.
    pub project: Option<i64>,
}

/// How a job is queued and run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JobOptions {
    /// Which queue; empty where that was not said, until it is queued.
    pub queue: String,
    /// 0 to 9; the highest goes first.
    pub priority: u8,
    /// Not before, milliseconds UTC.
    pub eta: Option<i64>,
    /// Never after, milliseconds UTC.
    pub expires_at: Option<i64>,
    /// Trying again.
    pub retry: RetryPolicy,
    /// Interrupted by a crash it runs again, instead of failing.
    pub acks_late: bool,
    /// After this it is asked to end, milliseconds.
    pub soft_limit_ms: Option<i64>,
    /// After this it is killed, milliseconds.
    pub hard_limit_ms: Option<i64>,
    /// While a job with this key lives, asking again answers that one.
    pub unique_key: Option<String>,
    /// Slots of graphics processors that it needs.
    pub gpus: u32,
    /// Bytes that its processes may hold together; past that it is killed.
    pub memory_limit: Option<i64>,
}

impl Default for JobOptions {
    fn default() -> Self {
        Self {
            queue: DEFAULT_QUEUE.to_owned(),
            priority: 0,
            eta: None,
            expires_at: None,
            retry: RetryPolicy::default(),
            acks_late: false,
            soft_limit_ms: None,
            hard_limit_ms: None,
            unique_key: None,
            gpus: 0,
            memory_limit: None,
        }
    }
}

/// A job to be queued.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct NewJob {
    /// The caller's id; one is made when absent.
    pub task_id: Option<String>,
    /// What it does.
    pub work: Work,
    /// How.
    pub options: JobOptions,
}

fn check_text(field: &str, text: &str) -> Result<()> {
    let fine = !text.is_empty()
        && text.chars().count() <= LONGEST_NAME
        && !text.chars().any(char::is_control);
    if fine {
        return Ok(());
    }
    Err(Error::invalid(format!(
        "Invalid value for parameter '{field}' supplied: it has 1 to {LONGEST_NAME} characters, none of them control characters."
    )))
}

/// A job's id becomes the name of its folder.
///
/// # Errors
/// It has characters that a folder cannot have everywhere.
pub fn check_task_id(id: &str) -> Result<()> {
    let fine = (1..=100).contains(&id.len())
        && id.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'))
        && !id.starts_with('.')
        && !id.ends_with('.');
    if fine {
        return Ok(());
    }
    Err(Error::invalid(
        "Invalid value for parameter 'task_id' supplied: it has 1 to 100 letters, digits, '-', '_' or '.', and neither starts nor ends with '.'.",
    ))
}

/// A queue's name.
///
/// # Errors
/// It is empty, too long, or has control characters.
pub fn check_queue_name(name: &str) -> Result<()> {
    check_text("queue", name)
}

impl NewJob {
    /// What holds of every job, whoever asks for it.
    ///
    /// # Errors
    /// The field that breaks a rule.
    pub fn check(&self) -> Result<()> {
        let options = &self.options;
        self.task_id.as_deref().map_or(Ok(()), check_task_id)?;
        check_text("task", &self.work.name)?;
        check_queue_name(&options.queue)?;
        options.unique_key.as_deref().map_or(Ok(()), |key| check_text("unique_key", key))?;
        if options.priority > HIGHEST_PRIORITY {
            return Err(Error::invalid(
                "Invalid value for parameter 'priority' supplied: it is 0 to 9.",
            ));
        }
        if self.work.command.iter().chain(&self.work.cwd).any(|part| part.contains('\0')) {
            return Err(Error::invalid(
                "Invalid value for parameter 'command' supplied: no part has a NUL character.",
            ));
        }
        if self.work.command.first().is_some_and(String::is_empty) {
            return Err(Error::invalid(
                "Invalid value for parameter 'command' supplied: its first part names a program.",
            ));
        }
        let bad_name = |name: &str| name.is_empty() || name.contains(['=', '\0']);
        if self.work.env.iter().any(|(name, value)| bad_name(name) || value.contains('\0')) {
            return Err(Error::invalid(
                "Invalid value for parameter 'env' supplied: names are not empty and have no '='; nothing has a NUL character.",
            ));
        }
        if options.memory_limit.is_some_and(|bytes| bytes < 1) {
            return Err(Error::invalid(
                "Invalid value for parameter 'memory_limit' supplied: it is a number of bytes, at least 1.",
            ));
        }
        let waits = [Some(options.retry.delay_ms), Some(options.retry.longest_ms)];
        let limits = [options.soft_limit_ms, options.hard_limit_ms];
        if waits.iter().chain(&limits).flatten().any(|ms| *ms < 0) {
            return Err(Error::invalid(
                "Invalid value for a time limit or a delay supplied: it is not negative.",
            ));
        }
        Ok(())
    }
}

/// A job as it stands.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Job {
    /// Its id outside.
    pub task_id: String,
    /// What it does.
    pub work: Work,
    /// How; `eta` is the time it is due at next.
    pub options: JobOptions,
    /// How it stands.
    pub state: JobState,
    /// Failed attempts that were tried again.
    pub retries: u32,
    /// The number of its newest attempt; 0 before the first.
    pub attempt: u32,
    /// Other jobs have to end before it.
    pub waits_for: u32,
    /// Somebody cancelled it while it ran.
    pub cancelled: bool,
    /// The worker of the newest attempt.
    pub worker: Option<String>,
    /// JSON.
    pub result: Option<String>,
    /// What went wrong, in one word.
    pub exception: Option<String>,
    /// What went wrong, in one line.
    pub message: Option<String>,
    /// What went wrong, whole.
    pub traceback: Option<String>,
    /// JSON that the job itself reported: `progress`, `text` and whatever it adds.
    pub meta: Option<String>,
    /// The first of its graph.
    pub root_id: Option<String>,
    /// Milliseconds UTC.
    pub queued_at: i64,
    /// Of the newest attempt, milliseconds UTC.
    pub started_at: Option<i64>,
    /// Milliseconds UTC.
    pub ended_at: Option<i64>,
    /// Who asked for it, if they are still here.
    pub created_by: Option<i64>,
}

/// One attempt at a job.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Attempt {
    /// Counts from 1.
    pub number: u32,
    /// Who made it.
    pub worker: String,
    /// The process, while there is or was one.
    pub pid: Option<u32>,
    /// Milliseconds UTC.
    pub received_at: i64,
    /// Milliseconds UTC.
    pub ended_at: Option<i64>,
    /// How it ended, in a word or a line.
    pub reason: Option<String>,
    /// The number that the process ended with.
    pub exit_code: Option<i32>,
    /// The signal that ended the process.
    pub signal: Option<i32>,
    /// Processor time, milliseconds.
    pub cpu_ms: Option<i64>,
    /// The most memory that it held at a time.
    pub peak_bytes: Option<i64>,
    /// The slots of graphics processors that it was given.
    pub gpu_slots: Vec<u32>,
}

/// How an attempt ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// Well, with a JSON result.
    Success(String),
    /// With a failure, which may be tried again.
    Failure {
        /// In one word.
        exception: String,
        /// In one line.
        message: String,
        /// Whole.
        traceback: Option<String>,
    },
    /// It was cancelled.
    Revoked(String),
    /// Its worker went away: what `acks_late` says happens.
    Lost(String),
    /// A person ended the program and wants it to run again after the next start.
    PutBack(String),
}

/// An attempt's end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AttemptEnd {
    /// How.
    pub outcome: Outcome,
    /// The number that the process ended with.
    pub exit_code: Option<i32>,
    /// The signal that ended the process.
    pub signal: Option<i32>,
    /// Processor time, milliseconds.
    pub cpu_ms: Option<i64>,
    /// The most memory that it held at a time.
    pub peak_bytes: Option<i64>,
}

impl From<Outcome> for AttemptEnd {
    fn from(outcome: Outcome) -> Self {
        Self { outcome, exit_code: None, signal: None, cpu_ms: None, peak_bytes: None }
    }
}

/// What becomes of a job after an attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It ended like this.
    Ended(JobState),
    /// It is tried again at this time, milliseconds UTC; that counts as a retry.
    Retry(i64),
    /// It is queued again as if it had not been claimed.
    Requeued,
}

/// A queue and what is in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Queue {
    /// Its name.
    pub name: String,
    /// Jobs that run at a time at most.
    pub concurrency: u32,
    /// Where it follows the machine: jobs that run at a time at least.
    pub least: Option<u32>,
    /// Nothing is taken from it.
    pub paused: bool,
    /// Why, where nobody asked for it.
    pub reason: Option<String>,
    /// Ready to be taken.
    pub ready: i64,
    /// Held until their time.
    pub held: i64,
    /// With a worker.
    pub running: i64,
    /// Waiting for other jobs.
    pub waiting: i64,
}

/// A transition of a job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JobEvent {
    /// What it became.
    pub state: JobState,
    /// Milliseconds UTC.
    pub at: i64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_state_is_read_by_its_name() {
        for state in JobState::ALL {
            assert_eq!(JobState::parse(state.as_str()), Some(state));
        }
        assert_eq!(JobState::parse("success"), None);
    }

    #[test]
    fn an_id_is_the_name_of_a_folder() {
        for fine in ["a", "0192-x_y.z", &"a".repeat(100)] {
            assert!(check_task_id(fine).is_ok(), "{fine}");
        }
        for odd in ["", ".", "..", "a/b", "a b", "ä", "a.", &"a".repeat(101)] {
            assert!(check_task_id(odd).is_err(), "{odd}");
        }
    }

    #[test]
    fn q11_a_route_is_of_the_tasks_that_its_pattern_matches() {
        let is_of = |text: &str, name: &str| JobRoute::parse(text).unwrap().is_of(name);
        assert!(is_of("train.*=gpu", "train.enet") && !is_of("train.*=gpu", "retrain.enet"));
        assert!(is_of("a=q", "a") && !is_of("a=q", "ab"));
        assert!(is_of("*=q", "") && is_of("a*b*c = q", "a1b2c") && !is_of("a*b*c=q", "acb"));
        assert!(!is_of("ab*b=q", "ab"), "nothing counts twice");
        assert_eq!(JobRoute::parse("a = q").unwrap().queue, "q");
        for odd in ["", "a", "=q", "a="] {
            assert!(JobRoute::parse(odd).is_err(), "{odd}");
        }
    }

    #[test]
    fn what_breaks_a_rule_is_named() {
        let job = |change: fn(&mut NewJob)| {
            let mut job = NewJob::default();
            job.work.name = "t".into();
            change(&mut job);
            job.check().err().map(|error| error.message)
        };
        assert_eq!(job(|_| ()), None);
        assert!(job(|job| job.options.priority = 10).unwrap().contains("priority"));
        assert!(job(|job| job.work.command = vec![String::new()]).unwrap().contains("command"));
        assert!(job(|job| job.work.env = vec![("A=B".into(), String::new())]).is_some());
        assert!(job(|job| job.options.soft_limit_ms = Some(-1)).is_some());
        assert!(job(|job| job.work.name.clear()).unwrap().contains("task"));
    }
}
