//! What a filter means once it is read: a tree of conditions over typed fields.

use super::print::{Text, write_number};
use std::fmt;

/// A filter. `And` and `Or` hold two or more parts.
///
/// `Not` is the plain complement: `NOT params.a = 'x'` also matches what has no
/// param `a`, while `params.a != 'x'` (MLflow's) matches only what has one.
#[derive(Debug, Clone, PartialEq)]
pub enum Expr<F> {
    /// All of them hold.
    And(Vec<Expr<F>>),
    /// At least one of them holds.
    Or(Vec<Expr<F>>),
    /// It does not hold.
    Not(Box<Expr<F>>),
    /// A single comparison.
    Cond(Condition<F>),
}

/// One comparison.
#[derive(Debug, Clone, PartialEq)]
pub struct Condition<F> {
    /// What is compared.
    pub field: F,
    /// How.
    pub op: Op,
    /// With what.
    pub value: Literal,
}

/// How a field is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Op {
    /// `=`
    Eq,
    /// `!=`; on metrics, params and tags it needs the key to be there.
    Ne,
    /// `>`
    Gt,
    /// `>=`
    Ge,
    /// `<`
    Lt,
    /// `<=`
    Le,
    /// Case-sensitive, `%` and `_` are wild.
    Like,
    /// `Like` regardless of case.
    Ilike,
    /// A regular expression finds something in it.
    Rlike,
    /// One of a list.
    In,
    /// None of a list; like `Ne` it needs the key to be there.
    NotIn,
    /// Nothing is there.
    IsNull,
    /// Something is there.
    IsNotNull,
}

impl Op {
    /// The operator as it is written.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Eq => "=",
            Self::Ne => "!=",
            Self::Gt => ">",
            Self::Ge => ">=",
            Self::Lt => "<",
            Self::Le => "<=",
            Self::Like => "LIKE",
            Self::Ilike => "ILIKE",
            Self::Rlike => "RLIKE",
            Self::In => "IN",
            Self::NotIn => "NOT IN",
            Self::IsNull => "IS NULL",
            Self::IsNotNull => "IS NOT NULL",
        }
    }
}

/// What a field is compared with.
///
/// Metrics always get a `Number`, assessments one where a number stood without quotes. Times and version numbers get an `Integer`, or a
/// `Number` where a time was written with a fraction or does not fit. Experiment ids
/// get an `Integer`, in lists decimal texts. Everything else gets `Text`, or a `List`
/// for `In` and `NotIn`. A run's status stays as it was written (MLflow compares it
/// exactly, so `'running'` equals no status); a logged model's becomes MLflow's name.
#[derive(Debug, Clone, PartialEq)]
pub enum Literal {
    /// For `IsNull` and `IsNotNull`.
    None,
    /// A whole number.
    Integer(i64),
    /// A number; may be infinite, never NaN.
    Number(f64),
    /// A text.
    Text(String),
    /// One or more texts.
    List(Vec<String>),
}

/// One key of an ordering.
#[derive(Debug, Clone, PartialEq)]
pub struct Order<F> {
    /// By what.
    pub field: F,
    /// Smallest first. Missing values come last either way.
    pub ascending: bool,
}

/// What runs can be searched by.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum RunField {
    /// `metrics.loss`: the latest value.
    Metric(String),
    /// `min(metrics.loss)`: over the whole history (not MLflow's).
    MetricAgg(MetricAgg, String),
    /// `params.lr`
    Param(String),
    /// `tags.team`
    Tag(String),
    /// `status`, `attributes.start_time`
    Attribute(RunAttribute),
    /// `dataset.name`: of any dataset that the run used.
    Dataset(DatasetAttribute),
}

/// What is taken over a metric's history: `min(…)`, `max(…)`, `mean(…)` or `avg(…)`,
/// `count(…)`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum MetricAgg {
    /// Smallest value.
    Min,
    /// Largest value.
    Max,
    /// Arithmetic mean.
    Mean,
    /// Number of points.
    Count,
}

/// What every run has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RunAttribute {
    /// `run_id`
    RunId,
    /// `run_name`; MLflow reads tag `mlflow.runName`, so a run without that tag matches nothing.
    RunName,
    /// `user_id`
    UserId,
    /// `status`
    Status,
    /// `start_time`, `created`
    StartTime,
    /// `end_time`
    EndTime,
    /// `artifact_uri`
    ArtifactUri,
    /// `experiment_id` (not MLflow's)
    ExperimentId,
}

/// What a dataset that a run used is searched by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum DatasetAttribute {
    /// `dataset.name`
    Name,
    /// `dataset.digest`
    Digest,
    /// `dataset.context`: input tag `mlflow.data.context`.
    Context,
}

/// What experiments can be searched by.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum ExperimentField {
    /// `name`
    Name,
    /// `experiment_id`
    ExperimentId,
    /// `creation_time`
    CreationTime,
    /// `last_update_time`
    LastUpdateTime,
    /// `tags.team`
    Tag(String),
}

/// What registered models can be searched by.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum RegisteredModelField {
    /// `name`
    Name,
    /// `creation_timestamp`
    CreationTime,
    /// `last_updated_timestamp`, `timestamp`
    LastUpdatedTime,
    /// `tags.team`
    Tag(String),
}

/// What model versions can be searched by.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum ModelVersionField {
    /// `name`: of the registered model.
    Name,
    /// `version_number`
    VersionNumber,
    /// `run_id`
    RunId,
    /// `source_path`
    SourcePath,
    /// `creation_timestamp`
    CreationTime,
    /// `last_updated_timestamp`
    LastUpdatedTime,
    /// `tags.team`
    Tag(String),
}

/// What logged models can be searched by.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum LoggedModelField {
    /// `name`
    Name,
    /// `model_id`
    ModelId,
    /// `model_type`
    ModelType,
    /// `status`
    Status,
    /// `source_run_id`
    SourceRunId,
    /// `creation_timestamp`, `creation_time`
    CreationTime,
    /// `last_updated_timestamp`, `last_updated_time`
    LastUpdatedTime,
    /// `metrics.loss`
    Metric(String),
    /// `params.lr`
    Param(String),
    /// `tags.team`
    Tag(String),
}

impl<F> Expr<F> {
    /// Every condition, in the order written.
    pub fn conditions(&self) -> Vec<&Condition<F>> {
        let mut found = Vec::new();
        let mut left = vec![self];
        while let Some(expr) = left.pop() {
            match expr {
                Self::And(parts) | Self::Or(parts) => left.extend(parts.iter().rev()),
                Self::Not(inner) => left.push(inner),
                Self::Cond(condition) => found.push(condition),
            }
        }
        found
    }

    /// Joins two optional filters with AND.
    pub fn both(left: Option<Self>, right: Option<Self>) -> Option<Self> {
        match (left, right) {
            (Some(left), Some(right)) => Some(Self::And(vec![left, right])),
            (left, right) => left.or(right),
        }
    }

    /// What must hold at the same time, however it is put in parentheses.
    pub fn joined_by_and(&self) -> Vec<&Self> {
        let mut found = Vec::new();
        let mut left = vec![self];
        while let Some(expr) = left.pop() {
            match expr {
                Self::And(parts) => left.extend(parts.iter().rev()),
                other => found.push(other),
            }
        }
        found
    }
}

/// Writes the filter so that reading it again gives the same tree.
impl<F: fmt::Display> fmt::Display for Expr<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (parts, word) = match self {
            Self::Cond(condition) => return condition.fmt(f),
            Self::Not(inner) => {
                return match inner.as_ref() {
                    Self::And(_) | Self::Or(_) => write!(f, "NOT ({inner})"),
                    _ => write!(f, "NOT {inner}"),
                };
            }
            Self::And(parts) => (parts, " AND "),
            Self::Or(parts) => (parts, " OR "),
        };
        for (index, part) in parts.iter().enumerate() {
            if index > 0 {
                f.write_str(word)?;
            }
            match part {
                Self::And(_) | Self::Or(_) => write!(f, "({part})")?,
                _ => part.fmt(f)?,
            }
        }
        Ok(())
    }
}

impl<F: fmt::Display> fmt::Display for Condition<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.field, self.op.as_str())?;
        match &self.value {
            Literal::None => Ok(()),
            value => write!(f, " {value}"),
        }
    }
}

impl fmt::Display for Literal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => f.write_str("NULL"),
            Self::Integer(number) => number.fmt(f),
            Self::Number(number) => write_number(f, *number),
            Self::Text(text) => Text::plain(text).fmt(f),
            Self::List(items) => {
                f.write_str("(")?;
                for (index, item) in items.iter().enumerate() {
                    if index > 0 {
                        f.write_str(", ")?;
                    }
                    Text::in_list(item).fmt(f)?;
                }
                f.write_str(")")
            }
        }
    }
}

impl<F: fmt::Display> fmt::Display for Order<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.field, if self.ascending { "ASC" } else { "DESC" })
    }
}

impl MetricAgg {
    /// The function's name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Min => "min",
            Self::Max => "max",
            Self::Mean => "mean",
            Self::Count => "count",
        }
    }
}

impl RunAttribute {
    /// MLflow's name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::RunId => "run_id",
            Self::RunName => "run_name",
            Self::UserId => "user_id",
            Self::Status => "status",
            Self::StartTime => "start_time",
            Self::EndTime => "end_time",
            Self::ArtifactUri => "artifact_uri",
            Self::ExperimentId => "experiment_id",
        }
    }
}

impl DatasetAttribute {
    /// MLflow's name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Name => "name",
            Self::Digest => "digest",
            Self::Context => "context",
        }
    }
}
