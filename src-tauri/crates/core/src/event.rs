//! Notices of what changed. They carry no payload: a listener reads what is new
//! after its cursor, so a lost notice costs time and never data.

use crate::id::{ExperimentId, ModelId, RunId, TraceId};

/// A place in the change log: `<epoch>:<seq>`. A restore starts a new epoch, and a
/// cursor of another epoch is answered with `resync`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Cursor {
    /// Which life of the database.
    pub epoch: i64,
    /// Last change seen.
    pub seq: i64,
}

impl std::fmt::Display for Cursor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}", self.epoch, self.seq)
    }
}

impl std::str::FromStr for Cursor {
    type Err = ();
    fn from_str(text: &str) -> Result<Self, ()> {
        let (epoch, seq) = text.split_once(':').ok_or(())?;
        Ok(Self { epoch: epoch.parse().map_err(drop)?, seq: seq.parse().map_err(drop)? })
    }
}

/// What changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EventKind {
    /// An experiment was made, renamed, tagged, deleted or restored.
    Experiment(ExperimentId),
    /// A run's info, params, tags, inputs or outputs changed.
    Run(RunId, ExperimentId),
    /// Metric points were added to a run.
    Metrics(RunId, ExperimentId),
    /// A logged model changed.
    LoggedModel(ModelId, ExperimentId),
    /// A registered model, its versions or aliases changed.
    RegisteredModel(String),
    /// A trace, its spans or its assessments changed, or it is gone.
    Trace(TraceId, ExperimentId),
    /// Files were added to or removed from a run.
    Artifacts(RunId, ExperimentId),
    /// A job's state changed.
    Job(String),
    /// A job wrote to its log.
    JobLog(String),
    /// A schedule changed, fired, or is gone.
    Schedule(String),
    /// A project changed, offers something else, or is gone.
    Project(i64),
    /// A user was told of something, or their rules changed; the user's row.
    Notification(i64),
}

/// A committed change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// Its number in the change log; for artifacts the log's number at that time.
    pub seq: i64,
    /// What changed.
    pub kind: EventKind,
}
