//! What the owner and the supervisor of a job say to each other, a line of JSON each.

use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// A job's process as it has to be.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Orders {
    pub(crate) command: Vec<String>,
    pub(crate) cwd: PathBuf,
    pub(crate) env: Vec<(String, String)>,
    pub(crate) folder: PathBuf,
    pub(crate) log_bytes: u64,
    pub(crate) grace_ms: u64,
    pub(crate) niceness: u8,
    pub(crate) soft_limit_ms: Option<u64>,
    pub(crate) hard_limit_ms: Option<u64>,
    pub(crate) memory_limit: Option<i64>,
}

/// What a supervisor is told; the end of the pipe says that the owner is gone.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Order {
    /// Run this job; the one before has ended.
    Run(Box<Orders>),
    /// End the job: ask, ask again, then make it.
    Stop,
}

/// What a supervisor tells.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Report {
    /// The process runs.
    Started { pid: u32 },
    /// It could not be started.
    NotStarted { message: String },
    /// It wrote to its log.
    Wrote,
    /// It said something of itself: a JSON object.
    Progress { line: String },
    /// It and all that it started ended.
    Ended(Ended),
}

/// Why a process was ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Cause {
    /// It was not.
    Itself,
    /// The owner asked for it.
    Stopped,
    /// It went on past the soft limit.
    SoftLimit,
    /// It went on past the hard limit.
    HardLimit,
    /// It held more memory than it may.
    MemoryLimit,
}

/// How a process ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Ended {
    pub(crate) cause: Cause,
    pub(crate) exit_code: Option<i32>,
    pub(crate) signal: Option<i32>,
    pub(crate) cpu_ms: Option<i64>,
    pub(crate) peak_bytes: Option<i64>,
}
