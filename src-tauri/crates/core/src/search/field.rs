//! Which fields each entity has, and what may be asked of them.

use super::lexer::Word;
use super::tree::{
    DatasetAttribute, ExperimentField, LoggedModelField, MetricAgg, ModelVersionField, Op,
    RegisteredModelField, RunAttribute, RunField,
};
use crate::error::{Error, Result};

/// What values a field takes, which decides operators and literals.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Type {
    /// Floating-point numbers.
    Metric,
    /// Milliseconds; a fraction is understood.
    Time,
    /// A whole number, also in quotes.
    Whole,
    /// An experiment's number, in quotes as MLflow writes it, or without.
    ExperimentId,
    /// Text; the word names the kind of field in messages.
    Text(&'static str),
    /// A logged model's status.
    ModelStatus,
    /// Text of a trace, which can also be matched by a regular expression.
    TraceText(&'static str),
    /// Milliseconds of a trace; MLflow reads digits in quotes as well.
    TraceTime,
    /// An assessment's value: the text of its JSON, or a number.
    Assessment,
    /// A prompt's version, `name/version`.
    Prompt,
    /// An issue's id.
    Issue,
}

const NUMBER_OPS: [Op; 6] = [Op::Eq, Op::Ne, Op::Gt, Op::Ge, Op::Lt, Op::Le];
const TEXT_OPS: [Op; 6] = [Op::Eq, Op::Ne, Op::Like, Op::Ilike, Op::In, Op::NotIn];
const TRACE_TEXT_OPS: [Op; 7] = [Op::Eq, Op::Ne, Op::Like, Op::Ilike, Op::Rlike, Op::In, Op::NotIn];
const ASSESSMENT_OPS: [Op; 11] = [
    Op::Eq,
    Op::Ne,
    Op::Gt,
    Op::Ge,
    Op::Lt,
    Op::Le,
    Op::Like,
    Op::Ilike,
    Op::Rlike,
    Op::In,
    Op::NotIn,
];
const LINK_OPS: [Op; 2] = [Op::Eq, Op::In];
const ID_OPS: [Op; 4] = [Op::Eq, Op::Ne, Op::In, Op::NotIn];

impl Type {
    /// The comparisons that make sense; `IS NULL` always does.
    pub(super) fn ops(self) -> &'static [Op] {
        match self {
            Self::Metric | Self::Time | Self::Whole | Self::TraceTime => &NUMBER_OPS,
            Self::ExperimentId => &ID_OPS,
            Self::Text(_) | Self::ModelStatus => &TEXT_OPS,
            Self::TraceText(_) => &TRACE_TEXT_OPS,
            Self::Assessment => &ASSESSMENT_OPS,
            Self::Prompt | Self::Issue => &LINK_OPS,
        }
    }
}

/// The kinds of field that a filter names before the dot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Group {
    Metric,
    Param,
    Tag,
    Attribute,
    Dataset,
}

impl Group {
    fn parse(name: &str) -> Option<Self> {
        Some(match name {
            "metric" | "metrics" => Self::Metric,
            "parameter" | "parameters" | "param" | "params" => Self::Param,
            "tag" | "tags" => Self::Tag,
            "attribute" | "attributes" | "attr" | "run" => Self::Attribute,
            "dataset" | "datasets" => Self::Dataset,
            _ => return None,
        })
    }
}

/// A field as written, before its entity knows it.
pub(super) struct Path<'a> {
    pub(super) word: &'a Word,
    /// The aggregate around it.
    pub(super) agg: Option<MetricAgg>,
}

impl Path<'_> {
    /// The kind of field, if it is one of `allowed`.
    pub(super) fn group(&self, allowed: &[Group], names: &str) -> Result<Group> {
        let Some(entity) = &self.word.entity else { return Ok(Group::Attribute) };
        match Group::parse(entity) {
            Some(group) if allowed.contains(&group) => Ok(group),
            _ => Err(Error::invalid(format!(
                "Invalid entity type '{entity}'. Valid values are [{names}]"
            ))),
        }
    }

    pub(super) fn key(&self) -> String {
        self.word.key.clone()
    }

    pub(super) fn unknown(&self, what: &str, valid: &str) -> Error {
        Error::invalid(format!(
            "Invalid {what} key '{}' specified. Valid keys are '{{{valid}}}'",
            self.word.key
        ))
    }

    pub(super) fn no_aggregate(&self) -> Result<()> {
        match self.agg {
            None => Ok(()),
            Some(agg) => Err(Error::invalid(format!(
                "{}(…) can only be asked of the metrics of runs.",
                agg.as_str()
            ))),
        }
    }
}

/// A field that a search can be about.
pub(super) trait Field: Sized + Clone + PartialEq {
    /// Whether texts may stand without quotes, as MLflow allows on logged models only.
    const BARE_TEXT: bool = false;

    /// Finds the field that `path` names.
    fn resolve(path: &Path<'_>) -> Result<Self>;

    /// What values it takes.
    fn kind(&self) -> Type;

    /// Finds the field that an ordering names; not all that can be asked can be ordered by.
    fn resolve_order(path: &Path<'_>) -> Result<Self> {
        Self::resolve(path)
    }
}

impl Field for RunField {
    fn resolve(path: &Path<'_>) -> Result<Self> {
        let all = [Group::Metric, Group::Param, Group::Tag, Group::Attribute, Group::Dataset];
        let names = "'metric', 'parameter', 'tag', 'attribute', 'dataset'";
        let group = path.group(&all, names)?;
        if let Some(agg) = path.agg {
            return match group {
                Group::Metric => Ok(Self::MetricAgg(agg, path.key())),
                _ => Err(Error::invalid(format!(
                    "{0}(…) can only be asked of metrics, as in {0}(metrics.loss).",
                    agg.as_str()
                ))),
            };
        }
        Ok(match group {
            Group::Metric => Self::Metric(path.key()),
            Group::Param => Self::Param(path.key()),
            Group::Tag => Self::Tag(path.key()),
            Group::Attribute => Self::Attribute(run_attribute(path)?),
            Group::Dataset => Self::Dataset(match path.word.key.as_str() {
                "name" => DatasetAttribute::Name,
                "digest" => DatasetAttribute::Digest,
                "context" => DatasetAttribute::Context,
                _ => return Err(path.unknown("dataset", "'name', 'digest', 'context'")),
            }),
        })
    }

    fn kind(&self) -> Type {
        match self {
            Self::Metric(_) | Self::MetricAgg(..) => Type::Metric,
            Self::Param(_) => Type::Text("parameter"),
            Self::Tag(_) => Type::Text("tag"),
            Self::Dataset(_) => Type::Text("dataset attributes"),
            Self::Attribute(RunAttribute::StartTime | RunAttribute::EndTime) => Type::Time,
            Self::Attribute(RunAttribute::ExperimentId) => Type::ExperimentId,
            Self::Attribute(_) => Type::Text("attributes"),
        }
    }

    fn resolve_order(path: &Path<'_>) -> Result<Self> {
        match Self::resolve(path)? {
            Self::Dataset(_) => Err(Error::invalid("Invalid identifier type 'dataset'")),
            field => Ok(field),
        }
    }
}

fn run_attribute(path: &Path<'_>) -> Result<RunAttribute> {
    Ok(match path.word.key.as_str() {
        "run_id" => RunAttribute::RunId,
        "run_name" | "run name" | "Run name" | "Run Name" => RunAttribute::RunName,
        "user_id" => RunAttribute::UserId,
        "status" => RunAttribute::Status,
        "start_time" | "created" | "Created" => RunAttribute::StartTime,
        "end_time" => RunAttribute::EndTime,
        "artifact_uri" => RunAttribute::ArtifactUri,
        "experiment_id" => RunAttribute::ExperimentId,
        _ => {
            return Err(path.unknown(
                "attribute",
                "'run_id', 'run_name', 'user_id', 'status', 'start_time', 'end_time', \
                 'artifact_uri', 'experiment_id'",
            ));
        }
    })
}

/// Attributes and tags are all that experiments, registered models and versions have.
pub(super) const FEW: [Group; 2] = [Group::Attribute, Group::Tag];
pub(super) const FEW_NAMES: &str = "'attribute', 'tag'";

impl Field for ExperimentField {
    fn resolve(path: &Path<'_>) -> Result<Self> {
        path.no_aggregate()?;
        if path.group(&FEW, FEW_NAMES)? == Group::Tag {
            return Ok(Self::Tag(path.key()));
        }
        Ok(match path.word.key.as_str() {
            "name" => Self::Name,
            "experiment_id" => Self::ExperimentId,
            "creation_time" => Self::CreationTime,
            "last_update_time" => Self::LastUpdateTime,
            _ => {
                return Err(path.unknown(
                    "attribute",
                    "'name', 'experiment_id', 'creation_time', 'last_update_time'",
                ));
            }
        })
    }

    fn kind(&self) -> Type {
        match self {
            Self::Name => Type::Text("attributes"),
            Self::ExperimentId => Type::ExperimentId,
            Self::CreationTime | Self::LastUpdateTime => Type::Whole,
            Self::Tag(_) => Type::Text("tag"),
        }
    }

    fn resolve_order(path: &Path<'_>) -> Result<Self> {
        match Self::resolve(path)? {
            Self::Tag(_) => Err(no_tag_order()),
            field => Ok(field),
        }
    }
}

pub(super) fn no_tag_order() -> Error {
    Error::invalid("Invalid order_by entity: tag")
}

impl Field for RegisteredModelField {
    fn resolve(path: &Path<'_>) -> Result<Self> {
        path.no_aggregate()?;
        if path.group(&FEW, FEW_NAMES)? == Group::Tag {
            return Ok(Self::Tag(path.key()));
        }
        Ok(match path.word.key.as_str() {
            "name" => Self::Name,
            "creation_timestamp" | "creation_time" => Self::CreationTime,
            "last_updated_timestamp" | "last_updated_time" | "timestamp" => Self::LastUpdatedTime,
            _ => {
                return Err(path.unknown(
                    "attribute",
                    "'name', 'creation_timestamp', 'last_updated_timestamp'",
                ));
            }
        })
    }

    fn kind(&self) -> Type {
        match self {
            Self::Name => Type::Text("attributes"),
            Self::CreationTime | Self::LastUpdatedTime => Type::Whole,
            Self::Tag(_) => Type::Text("tag"),
        }
    }

    fn resolve_order(path: &Path<'_>) -> Result<Self> {
        match Self::resolve(path) {
            Ok(Self::Tag(_)) => Err(no_tag_order()),
            Ok(field) => Ok(field),
            Err(_) => Err(Error::invalid(format!(
                "Invalid order by key '{}' specified. Valid keys are '{{'name', 'timestamp', \
                 'creation_timestamp', 'last_updated_timestamp'}}'",
                path.word.key
            ))),
        }
    }
}

impl Field for ModelVersionField {
    fn resolve(path: &Path<'_>) -> Result<Self> {
        path.no_aggregate()?;
        if path.group(&FEW, FEW_NAMES)? == Group::Tag {
            return Ok(Self::Tag(path.key()));
        }
        Ok(match path.word.key.as_str() {
            "name" => Self::Name,
            "version_number" => Self::VersionNumber,
            "run_id" => Self::RunId,
            "source_path" => Self::SourcePath,
            "creation_timestamp" | "creation_time" => Self::CreationTime,
            "last_updated_timestamp" | "last_updated_time" => Self::LastUpdatedTime,
            _ => {
                return Err(path.unknown(
                    "attribute",
                    "'name', 'version_number', 'run_id', 'source_path', 'creation_timestamp', \
                     'last_updated_timestamp'",
                ));
            }
        })
    }

    fn kind(&self) -> Type {
        match self {
            Self::Name | Self::RunId | Self::SourcePath => Type::Text("attributes"),
            Self::VersionNumber | Self::CreationTime | Self::LastUpdatedTime => Type::Whole,
            Self::Tag(_) => Type::Text("tag"),
        }
    }

    fn resolve_order(path: &Path<'_>) -> Result<Self> {
        match Self::resolve(path)? {
            Self::Tag(_) => Err(no_tag_order()),
            field => Ok(field),
        }
    }
}

impl Field for LoggedModelField {
    const BARE_TEXT: bool = true;

    fn resolve(path: &Path<'_>) -> Result<Self> {
        path.no_aggregate()?;
        let all = [Group::Attribute, Group::Metric, Group::Param, Group::Tag];
        let names = "'attributes', 'metrics', 'params', 'tags'";
        match path.group(&all, names)? {
            Group::Metric => return Ok(Self::Metric(path.key())),
            Group::Param => return Ok(Self::Param(path.key())),
            Group::Tag => return Ok(Self::Tag(path.key())),
            Group::Attribute | Group::Dataset => {}
        }
        logged_model_attribute(&path.word.key).ok_or_else(|| {
            path.unknown(
                "attribute",
                "'name', 'model_id', 'model_type', 'status', 'source_run_id', \
                 'creation_timestamp', 'last_updated_timestamp'",
            )
        })
    }

    fn kind(&self) -> Type {
        match self {
            Self::Name | Self::ModelId | Self::ModelType | Self::SourceRunId => {
                Type::Text("attributes")
            }
            Self::Status => Type::ModelStatus,
            Self::CreationTime | Self::LastUpdatedTime => Type::Time,
            Self::Metric(_) => Type::Metric,
            Self::Param(_) => Type::Text("parameter"),
            Self::Tag(_) => Type::Text("tag"),
        }
    }
}

/// The attribute of a logged model that is called `name`.
pub(super) fn logged_model_attribute(name: &str) -> Option<LoggedModelField> {
    Some(match name {
        "name" => LoggedModelField::Name,
        "model_id" => LoggedModelField::ModelId,
        "model_type" => LoggedModelField::ModelType,
        "status" => LoggedModelField::Status,
        "source_run_id" => LoggedModelField::SourceRunId,
        "creation_timestamp" | "creation_time" | "creation_timestamp_ms" => {
            LoggedModelField::CreationTime
        }
        "last_updated_timestamp" | "last_updated_time" | "last_updated_timestamp_ms" => {
            LoggedModelField::LastUpdatedTime
        }
        _ => return None,
    })
}
