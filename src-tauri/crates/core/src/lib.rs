//! What is true of an experiment, run, metric, model or user, wherever it is
//! stored and whichever surface asks: types, rules, errors, events and the
//! search grammar. No I/O and no async.

pub mod artifact_path;
pub mod clock;
pub mod correlation;
pub mod entity;
pub mod error;
pub mod evaluation;
pub mod event;
pub mod failpoint;
pub mod happening;
pub mod id;
pub mod job;
pub mod job_filter;
pub mod job_order;
pub mod limits;
pub mod location;
pub mod machine;
pub mod name;
pub mod number;
pub mod permission;
pub mod role;
pub mod rule;
pub mod run_name;
pub mod schedule;
pub mod scorer;
pub mod search;
pub mod trace;
pub mod trace_metric;
pub mod webhook;

pub use clock::{Clock, SystemClock};
pub use entity::*;
pub use error::{Error, ErrorCode, Result};
pub use evaluation::{
    EvaluationDataset, EvaluationRecord, NewEvaluationRecord, RecordSource, RecordSourceKind,
};
pub use happening::{Happening, Notification, Words};
pub use id::*;
pub use job::{
    Attempt, AttemptEnd, Job, JobEvent, JobOptions, JobRoute, JobState, NewJob, Outcome, Queue,
    RetryPolicy, Verdict, Work,
};
pub use permission::{Grant, Permission, Resource};
pub use rule::{NewRule, Occasion, Rule, Tell, Watch};
pub use schedule::{CatchUp, Fire, FireOutcome, NewSchedule, Schedule, Timing};
pub use scorer::{OnlineScoringConfig, ScorerVersion};
pub use trace::{
    Assessment, AssessmentError, AssessmentKind, Cost, Span, SpanStatus, SpanTotals, TokenUsage,
    Trace, TraceInfo, TraceState,
};
pub use trace_metric::{
    TraceAggregation, TraceDimension, TraceMetric, TraceMetricPoint, TraceView,
};
pub use webhook::{Webhook, WebhookEvent, WebhookStatus};
