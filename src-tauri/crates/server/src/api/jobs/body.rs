//! Bodies of jobs. The record of a job has Celery's fields in Celery's form, and ours.

use crate::api::wire::Time;
use branchline_core::job::COMMAND_NAME;
use branchline_core::{
    Attempt, Error, Job, JobEvent, JobOptions, JobState, NewJob, Result, RetryPolicy, Work,
};
use branchline_engine::{GraphNode, JobDetail, JobStats, runs_a_program};
use chrono::DateTime;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use utoipa::ToSchema;

/// Never after: a moment, or seconds from now.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(untagged)]
enum Expires {
    Seconds(f64),
    At(Time),
}

/// How a job is queued and run.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(as = JobOptions)]
pub(in crate::api) struct OptionsBody {
    /// Queuing the same id again answers the job that is there.
    task_id: Option<String>,
    /// When absent the one that `jobs.routes` says, or `main-queue`.
    queue: Option<String>,
    /// 0 to 9; the highest first.
    #[serde(default)]
    priority: u8,
    /// Seconds to wait.
    countdown: Option<f64>,
    /// Not before.
    eta: Option<Time>,
    expires: Option<Expires>,
    /// Attempts after the first.
    #[serde(default)]
    max_retries: u32,
    /// Seconds before the first retry; 180 when absent.
    retry_delay: Option<f64>,
    /// Each wait is twice the one before; so when absent.
    retry_backoff: Option<bool>,
    /// The longest wait, seconds; 600 when absent.
    retry_backoff_max: Option<f64>,
    /// Waits are cut by chance, by up to a half; so when absent.
    retry_jitter: Option<bool>,
    /// Interrupted by a crash it runs again, instead of failing.
    #[serde(default)]
    acks_late: bool,
    /// Seconds after which it is asked to end.
    soft_time_limit: Option<f64>,
    /// Seconds after which it is killed.
    time_limit: Option<f64>,
    /// While a job with this key lives, queuing answers that one.
    unique_key: Option<String>,
    /// Slots of graphics processors that it needs.
    #[serde(default)]
    gpus: u32,
    /// Bytes that its processes may hold together; past that it is killed.
    memory_limit: Option<i64>,
}

/// A job to queue.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::api) struct SubmitJob {
    /// A task by its name; or `command`.
    task: Option<String>,
    /// Program and arguments; never a shell's string.
    command: Option<Vec<String>>,
    #[serde(default)]
    args: Vec<Value>,
    #[serde(default)]
    #[schema(value_type = Object)]
    kwargs: Map<String, Value>,
    /// Where the command runs; the job's own folder when absent.
    cwd: Option<String>,
    /// Variables added to the command's environment.
    #[serde(default)]
    env: BTreeMap<String, String>,
    #[serde(flatten)]
    options: OptionsBody,
}

fn ms(field: &str, seconds: f64) -> Result<i64> {
    // A century is enough for anybody, and fits.
    if seconds.is_finite() && (0.0..=3.2e9).contains(&seconds) {
        #[expect(clippy::cast_possible_truncation, reason = "bounded above")]
        return Ok((seconds * 1000.0).round() as i64);
    }
    Err(Error::invalid(format!(
        "Invalid value for parameter '{field}' supplied: it is a number of seconds, not negative."
    )))
}

pub(in crate::api) fn optional_ms(field: &str, seconds: Option<f64>) -> Result<Option<i64>> {
    seconds.map(|seconds| ms(field, seconds)).transpose()
}

impl OptionsBody {
    /// The caller's id for the job, and how it is run.
    pub(in crate::api) fn read(self, now: i64) -> Result<(Option<String>, JobOptions)> {
        let eta = match (self.eta, optional_ms("countdown", self.countdown)?) {
            (Some(_), Some(_)) => {
                return Err(Error::invalid("A job has 'eta' or 'countdown', not both."));
            }
            (Some(Time(at)), None) => Some(at),
            (None, wait) => wait.map(|wait| now + wait),
        };
        let expires_at = match self.expires {
            Some(Expires::At(Time(at))) => Some(at),
            Some(Expires::Seconds(seconds)) => Some(now + ms("expires", seconds)?),
            None => None,
        };
        let usual = RetryPolicy::default();
        let retry = RetryPolicy {
            max_retries: self.max_retries,
            delay_ms: optional_ms("retry_delay", self.retry_delay)?.unwrap_or(usual.delay_ms),
            backoff: self.retry_backoff.unwrap_or(usual.backoff),
            longest_ms: optional_ms("retry_backoff_max", self.retry_backoff_max)?
                .unwrap_or(usual.longest_ms),
            jitter: self.retry_jitter.unwrap_or(usual.jitter),
        };
        let options = JobOptions {
            queue: self.queue.unwrap_or_default(),
            priority: self.priority,
            eta,
            expires_at,
            retry,
            acks_late: self.acks_late,
            soft_limit_ms: optional_ms("soft_time_limit", self.soft_time_limit)?,
            hard_limit_ms: optional_ms("time_limit", self.time_limit)?,
            unique_key: self.unique_key,
            gpus: self.gpus,
            memory_limit: self.memory_limit,
        };
        Ok((self.task_id, options))
    }
}

impl SubmitJob {
    /// Whether it runs a program.
    pub(in crate::api) fn is_command(&self) -> bool {
        self.command.is_some() || self.task.as_deref().is_some_and(runs_a_program)
    }

    pub(in crate::api) fn read(self, now: i64) -> Result<NewJob> {
        let (name, command) = match (self.task, self.command) {
            (Some(task), None) => (task, Vec::new()),
            (task, Some(command)) if !command.is_empty() => {
                (task.unwrap_or_else(|| COMMAND_NAME.to_owned()), command)
            }
            _ => {
                return Err(Error::invalid(
                    "A job has a 'task', or a 'command' that is an array of program and arguments.",
                ));
            }
        };
        let (task_id, options) = self.options.read(now)?;
        let work = Work {
            name,
            command,
            cwd: self.cwd,
            env: self.env.into_iter().collect(),
            args: Value::Array(self.args).to_string(),
            kwargs: Value::Object(self.kwargs).to_string(),
            project: None,
        };
        Ok(NewJob { task_id, work, options })
    }
}

/// A part of a graph: a job, or parts that run one after the other (`chain`), at once
/// (`group`), or at once with one after all of them (`chord` and `body`); or a job many times
/// with other arguments (`map`, `starmap`, and chunks as `map` with a `size`), at once.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(untagged)]
#[schema(example = json!({"chain": [{"job": {"task": "app.worker.run_task", "args": ["one"]}}, {"job": {"task": "app.worker.run_task", "args": ["two"]}}]}))]
pub(in crate::api) enum GraphBody {
    Chain {
        #[schema(no_recursion)]
        chain: Vec<GraphBody>,
    },
    Group {
        #[schema(no_recursion)]
        group: Vec<GraphBody>,
    },
    Chord {
        #[schema(no_recursion)]
        chord: Vec<GraphBody>,
        #[schema(no_recursion)]
        body: Box<GraphBody>,
    },
    /// A job for each of the lists, which come behind its own arguments.
    Starmap { starmap: Box<SubmitJob>, over: Vec<Vec<Value>> },
    /// A job for each of the values, which comes behind its own arguments; with `size` a job
    /// for each so many values, as one list.
    Map { map: Box<SubmitJob>, over: Vec<Value>, size: Option<usize> },
    Job {
        job: Box<SubmitJob>,
        /// Run if the job fails.
        #[serde(default)]
        link_error: Vec<SubmitJob>,
    },
}

/// A group of the same job with each of the lists behind its own arguments.
fn each(job: SubmitJob, over: Vec<Vec<Value>>, now: i64) -> Result<GraphNode> {
    if job.options.task_id.is_some() {
        return Err(Error::invalid("A job that is queued many times has no 'task_id'."));
    }
    let own = job.args.clone();
    let first = job.read(now)?;
    let nodes = over.into_iter().map(|more| {
        let mut one = first.clone();
        one.work.args = Value::Array(own.iter().cloned().chain(more).collect()).to_string();
        GraphNode::Job(Box::new(one), Vec::new())
    });
    Ok(GraphNode::Group(nodes.collect()))
}

impl GraphBody {
    pub(in crate::api) fn has_command(&self) -> bool {
        let any = |parts: &[Self]| parts.iter().any(Self::has_command);
        match self {
            Self::Chain { chain } => any(chain),
            Self::Group { group } => any(group),
            Self::Chord { chord, body } => any(chord) || body.has_command(),
            Self::Map { map: job, .. } | Self::Starmap { starmap: job, .. } => job.is_command(),
            Self::Job { job, link_error } => {
                job.is_command() || link_error.iter().any(SubmitJob::is_command)
            }
        }
    }

    pub(in crate::api) fn read(self, now: i64) -> Result<GraphNode> {
        let all = |parts: Vec<Self>| -> Result<Vec<GraphNode>> {
            parts.into_iter().map(|part| part.read(now)).collect()
        };
        Ok(match self {
            Self::Chain { chain } => GraphNode::Chain(all(chain)?),
            Self::Group { group } => GraphNode::Group(all(group)?),
            Self::Chord { chord, body } => GraphNode::Chord(all(chord)?, Box::new(body.read(now)?)),
            Self::Starmap { starmap, over } => each(*starmap, over, now)?,
            Self::Map { map, over, size: None } => {
                each(*map, over.into_iter().map(|value| vec![value]).collect(), now)?
            }
            Self::Map { size: Some(0), .. } => {
                return Err(Error::invalid("'size' is one or more."));
            }
            Self::Map { map, over, size: Some(size) } => {
                let chunks = over.chunks(size).map(|chunk| vec![Value::Array(chunk.to_vec())]);
                each(*map, chunks.collect(), now)?
            }
            Self::Job { job, link_error } => {
                let on_failure = link_error.into_iter().map(|job| job.read(now));
                GraphNode::Job(Box::new(job.read(now)?), on_failure.collect::<Result<_>>()?)
            }
        })
    }
}

/// A job's record: Celery's fields, and ours.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Job)]
pub(in crate::api) struct JobBody {
    task_id: String,
    /// PENDING, RECEIVED, STARTED, RETRY, SUCCESS, FAILURE or REVOKED.
    status: &'static str,
    /// What it answered; of a failure `exc_type`, `exc_message` and `exc_module`.
    #[schema(value_type = Value)]
    result: Value,
    traceback: Option<String>,
    /// Ids of the jobs after it in its graph; of one job only, not of a list.
    children: Vec<String>,
    /// Celery's form: UTC without a zone.
    date_done: Option<String>,
    name: String,
    /// A list, as it was sent.
    #[schema(value_type = Vec<Value>)]
    args: Value,
    /// By name, as they were sent.
    #[schema(value_type = Object)]
    kwargs: Value,
    worker: Option<String>,
    retries: u32,
    queue: String,
    /// Seconds of the newest attempt, once it has ended.
    runtime: Option<f64>,
    /// Program and arguments, where it runs one.
    command: Option<Vec<String>>,
    cwd: Option<String>,
    priority: u8,
    /// When it is due, or was.
    eta: Option<Time>,
    expires: Option<Time>,
    max_retries: u32,
    acks_late: bool,
    soft_time_limit: Option<f64>,
    time_limit: Option<f64>,
    unique_key: Option<String>,
    /// Slots of graphics processors that it needs.
    gpus: u32,
    /// Bytes that its processes may hold together.
    memory_limit: Option<i64>,
    /// The number of the project whose code it is.
    project_id: Option<i64>,
    /// In one line, what went wrong.
    message: Option<String>,
    /// What the job said of itself; `progress` is 0 to 1.
    #[schema(value_type = Value)]
    meta: Value,
    /// It was asked to end.
    cancelled: bool,
    root_id: Option<String>,
    /// Jobs before it that have not ended.
    waits_for: u32,
    attempt: u32,
    queued_at: Time,
    started_at: Option<Time>,
    ended_at: Option<Time>,
}

fn parsed(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or(Value::Null)
}

/// As Celery writes a moment.
fn celery_time(ms: i64) -> Option<String> {
    let time = DateTime::from_timestamp_millis(ms)?;
    Some(time.format("%Y-%m-%dT%H:%M:%S%.6f").to_string())
}

#[expect(clippy::cast_precision_loss, reason = "durations are far below 2^53 ms")]
pub(in crate::api) fn seconds(ms: i64) -> f64 {
    ms as f64 / 1000.0
}

fn result_of(job: &Job) -> Value {
    match (job.state, &job.exception) {
        (JobState::Failure | JobState::Retry | JobState::Revoked, Some(exception)) => json!({
            "exc_type": exception,
            "exc_message": [job.message.clone().unwrap_or_default()],
            "exc_module": "branchline",
        }),
        _ => job.result.as_deref().map_or(Value::Null, parsed),
    }
}

impl From<Job> for JobBody {
    fn from(job: Job) -> Self {
        let result = result_of(&job);
        let runtime = match (job.started_at, job.ended_at) {
            (Some(from), Some(to)) => Some(seconds(to - from)),
            _ => None,
        };
        let (work, options) = (job.work, job.options);
        Self {
            task_id: job.task_id,
            status: job.state.as_str(),
            result,
            traceback: job.traceback,
            children: Vec::new(),
            date_done: job.ended_at.and_then(celery_time),
            name: work.name,
            args: parsed(&work.args),
            kwargs: parsed(&work.kwargs),
            worker: job.worker,
            retries: job.retries,
            queue: options.queue,
            runtime,
            command: (!work.command.is_empty()).then_some(work.command),
            cwd: work.cwd,
            priority: options.priority,
            eta: options.eta.map(Time),
            expires: options.expires_at.map(Time),
            max_retries: options.retry.max_retries,
            acks_late: options.acks_late,
            soft_time_limit: options.soft_limit_ms.map(seconds),
            time_limit: options.hard_limit_ms.map(seconds),
            unique_key: options.unique_key,
            gpus: options.gpus,
            memory_limit: options.memory_limit,
            project_id: work.project,
            message: job.message,
            meta: job.meta.as_deref().map_or(Value::Null, parsed),
            cancelled: job.cancelled,
            root_id: job.root_id,
            waits_for: job.waits_for,
            attempt: job.attempt,
            queued_at: Time(job.queued_at),
            started_at: job.started_at.map(Time),
            ended_at: job.ended_at.map(Time),
        }
    }
}

/// One attempt at a job.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Attempt)]
struct AttemptBody {
    number: u32,
    worker: String,
    pid: Option<u32>,
    received_at: Time,
    ended_at: Option<Time>,
    /// How it ended, where it did not end well.
    reason: Option<String>,
    exit_code: Option<i32>,
    signal: Option<i32>,
    /// Processor time.
    cpu_ms: Option<i64>,
    /// The most memory that was seen.
    peak_bytes: Option<i64>,
    /// The slots of graphics processors that it was given.
    gpu_slots: Vec<u32>,
}

impl From<Attempt> for AttemptBody {
    fn from(attempt: Attempt) -> Self {
        Self {
            number: attempt.number,
            worker: attempt.worker,
            pid: attempt.pid,
            received_at: Time(attempt.received_at),
            ended_at: attempt.ended_at.map(Time),
            reason: attempt.reason,
            exit_code: attempt.exit_code,
            signal: attempt.signal,
            cpu_ms: attempt.cpu_ms,
            peak_bytes: attempt.peak_bytes,
            gpu_slots: attempt.gpu_slots,
        }
    }
}

/// What a job came to, and when.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = JobEvent)]
struct EventBody {
    state: &'static str,
    at: Time,
}

impl From<JobEvent> for EventBody {
    fn from(event: JobEvent) -> Self {
        Self { state: event.state.as_str(), at: Time(event.at) }
    }
}

/// A job's record with its history.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = JobDetail)]
pub(in crate::api) struct DetailBody {
    #[serde(flatten)]
    job: JobBody,
    attempts: Vec<AttemptBody>,
    events: Vec<EventBody>,
    /// Ids of the jobs before it in its graph.
    parents: Vec<String>,
    /// MLflow runs that it made, newest first.
    runs: Vec<String>,
    /// The name of the schedule that queued it.
    schedule: Option<String>,
}

impl From<JobDetail> for DetailBody {
    fn from(detail: JobDetail) -> Self {
        let mut job = JobBody::from(detail.job);
        job.children = detail.children;
        Self {
            job,
            attempts: detail.attempts.into_iter().map(Into::into).collect(),
            events: detail.events.into_iter().map(Into::into).collect(),
            parents: detail.parents,
            runs: detail.runs,
            schedule: detail.schedule,
        }
    }
}

/// Numbers of jobs.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = JobStats)]
pub(in crate::api) struct StatsBody {
    /// By state.
    states: BTreeMap<String, i64>,
    /// Attempts that were tried again.
    retried: i64,
}

impl From<JobStats> for StatsBody {
    fn from(stats: JobStats) -> Self {
        Self { states: stats.states, retried: stats.retried }
    }
}
