//! What traces can be searched by, and what the numbers over them can be narrowed by.

use super::field::{Field, Path, Type};
use super::print::Key;
use crate::error::{Error, Result};
use crate::trace::tag;
use std::fmt;

/// What traces can be searched by.
///
/// MLflow takes a tag, metadata or assessment whose own key happens to be `name`,
/// `run_id`, `prompt` or `text` for the attribute of that name. Here it is what it says.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum TraceField {
    /// `request_id`
    TraceId,
    /// `experiment_id` (in filters not MLflow's)
    ExperimentId,
    /// `timestamp_ms`, `timestamp`: the start.
    Timestamp,
    /// `execution_time_ms`, `execution_time`
    ExecutionTime,
    /// `end_time_ms`, `end_time`: the start and the execution time, if any.
    EndTime,
    /// `status`: MLflow's name of it, compared exactly.
    Status,
    /// `client_request_id`
    ClientRequestId,
    /// `name`, tag `mlflow.traceName`.
    Name,
    /// `run_id`, metadata `mlflow.sourceRun`; also a run that the trace was linked to.
    RunId,
    /// `prompt`: a linked prompt's `name/version`.
    Prompt,
    /// `tags.team`
    Tag(String),
    /// `metadata.team`, `request_metadata.team`
    Metadata(String),
    /// `span.name`, `text`: of any span of the trace.
    Span(SpanField),
    /// `feedback.correctness`: its value, while it is valid.
    Feedback(String),
    /// `expectation.answer`: its value, while it is valid.
    Expectation(String),
    /// `issue.id`: an issue that the trace was given to.
    Issue,
}

/// What a trace's spans are searched by. Conditions that are joined by AND are about one
/// and the same span, in parentheses or not.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum SpanField {
    /// `span.name`
    Name,
    /// `span.type`
    Type,
    /// `span.status`
    Status,
    /// `span.content`, `text`: all of the span as JSON.
    Content,
    /// `span.attributes.model`: the attribute's value.
    Attribute(String),
}

/// What the numbers over traces, spans and assessments can be narrowed by.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum TraceMetricField {
    /// `trace.status`
    TraceStatus,
    /// `trace.tag.team`
    TraceTag(String),
    /// `trace.metadata.team`
    TraceMetadata(String),
    /// `span.name`
    SpanName,
    /// `span.status`
    SpanStatus,
    /// `span.type`
    SpanType,
    /// `assessment.name`
    AssessmentName,
    /// `assessment.type`
    AssessmentType,
}

/// The tag that MLflow lists linked prompts in.
const PROMPTS_TAG: &str = "mlflow.linkedPrompts";
/// The metadata that holds the run a trace was made in.
const RUN_METADATA: &str = "mlflow.sourceRun";

impl TraceField {
    /// What tag `key` is about.
    pub fn tag(key: &str) -> Self {
        if key == tag::NAME { Self::Name } else { Self::Tag(key.to_owned()) }
    }

    /// What metadata `key` is about.
    pub fn metadata(key: &str) -> Self {
        if key == RUN_METADATA { Self::RunId } else { Self::Metadata(key.to_owned()) }
    }
}

impl Field for TraceField {
    fn resolve(path: &Path<'_>) -> Result<Self> {
        path.no_aggregate()?;
        let key = path.key();
        let Some(entity) = &path.word.entity else { return trace_attribute(path) };
        Ok(match entity.as_str() {
            "attribute" | "attributes" | "trace" => return trace_attribute(path),
            "tag" | "tags" if key == PROMPTS_TAG => Self::Prompt,
            "tag" | "tags" => Self::tag(&key),
            "metadata" | "request_metadata" => Self::metadata(&key),
            "span" => Self::Span(span_field(&key)?),
            "feedback" | "expectation" if key.is_empty() => {
                return Err(Error::invalid("Assessment field name cannot be empty"));
            }
            "feedback" => Self::Feedback(key),
            "expectation" => Self::Expectation(key),
            "issue" if key == "id" => Self::Issue,
            "issue" => {
                return Err(Error::invalid(format!(
                    "Invalid issue attribute '{key}'. Supported attributes: id"
                )));
            }
            _ => {
                return Err(Error::invalid(format!(
                    "Invalid entity type '{entity}'. Valid values are ['attribute', 'trace', \
                     'tag', 'metadata', 'span', 'feedback', 'expectation', 'issue']"
                )));
            }
        })
    }

    fn kind(&self) -> Type {
        match self {
            Self::Timestamp | Self::ExecutionTime | Self::EndTime => Type::TraceTime,
            Self::ExperimentId => Type::ExperimentId,
            Self::TraceId | Self::Status | Self::ClientRequestId | Self::Name | Self::RunId => {
                Type::TraceText("attributes")
            }
            Self::Tag(_) => Type::TraceText("tag"),
            Self::Metadata(_) => Type::TraceText("request_metadata"),
            Self::Span(_) => Type::TraceText("span"),
            Self::Feedback(_) | Self::Expectation(_) => Type::Assessment,
            Self::Prompt => Type::Prompt,
            Self::Issue => Type::Issue,
        }
    }

    fn resolve_order(path: &Path<'_>) -> Result<Self> {
        let no = |what: &str| Err(Error::invalid(format!("Invalid identifier type '{what}'")));
        match Self::resolve(path)? {
            Self::Span(_) => no("span"),
            Self::Feedback(_) => no("feedback"),
            Self::Expectation(_) => no("expectation"),
            Self::Issue => no("issue"),
            Self::Prompt => no("prompt"),
            field => Ok(field),
        }
    }
}

fn trace_attribute(path: &Path<'_>) -> Result<TraceField> {
    Ok(match path.word.key.as_str() {
        "request_id" | "trace_id" => TraceField::TraceId,
        "experiment_id" => TraceField::ExperimentId,
        "timestamp" | "timestamp_ms" => TraceField::Timestamp,
        "execution_time" | "execution_time_ms" => TraceField::ExecutionTime,
        "end_time" | "end_time_ms" => TraceField::EndTime,
        "status" => TraceField::Status,
        "client_request_id" => TraceField::ClientRequestId,
        "name" => TraceField::Name,
        "run_id" => TraceField::RunId,
        "prompt" => TraceField::Prompt,
        "text" => TraceField::Span(SpanField::Content),
        _ => {
            return Err(path.unknown(
                "attribute",
                "'request_id', 'timestamp', 'timestamp_ms', 'execution_time', \
                 'execution_time_ms', 'end_time', 'end_time_ms', 'status', \
                 'client_request_id', 'name', 'run_id', 'prompt', 'text', 'experiment_id'",
            ));
        }
    })
}

fn span_field(key: &str) -> Result<SpanField> {
    Ok(match key {
        "name" => SpanField::Name,
        "type" => SpanField::Type,
        "status" => SpanField::Status,
        "content" => SpanField::Content,
        _ => match key.strip_prefix("attributes.") {
            Some("") => {
                return Err(Error::invalid(
                    "Span attribute name cannot be empty after 'attributes.'",
                ));
            }
            Some(name) => SpanField::Attribute(name.to_owned()),
            None => {
                return Err(Error::invalid(format!(
                    "Invalid span attribute '{key}'. Supported attributes: name, status, type, \
                     content, attributes.<attribute_name>."
                )));
            }
        },
    })
}

impl Field for TraceMetricField {
    fn resolve(path: &Path<'_>) -> Result<Self> {
        path.no_aggregate()?;
        let Some(view) = path.word.entity.as_deref() else {
            return Err(Error::invalid(format!(
                "Invalid identifier '{}'. Columns should be specified as 'trace.<key>', \
                 'span.<key>', 'assessment.<key>'.",
                path.word.key
            )));
        };
        let (entity, key) = match path.word.key.split_once('.') {
            Some((entity, key)) => (entity, Some(key)),
            None => (path.word.key.as_str(), None),
        };
        let field = match (view, entity) {
            ("trace", "tag") => return keyed(view, entity, key).map(Self::TraceTag),
            ("trace", "metadata") => return keyed(view, entity, key).map(Self::TraceMetadata),
            ("trace", "status") => Self::TraceStatus,
            ("span", "name") => Self::SpanName,
            ("span", "status") => Self::SpanStatus,
            ("span", "type") => Self::SpanType,
            ("assessment", "name") => Self::AssessmentName,
            ("assessment", "type") => Self::AssessmentType,
            ("trace", _) => return Err(no_entity(view, entity, "'status', 'tag', 'metadata'")),
            ("span", _) => return Err(no_entity(view, entity, "'name', 'status', 'type'")),
            ("assessment", _) => return Err(no_entity(view, entity, "'name', 'type'")),
            _ => {
                return Err(Error::invalid(format!(
                    "Invalid view type '{view}'. Valid values are ['trace', 'span', 'assessment']"
                )));
            }
        };
        match key {
            None => Ok(field),
            Some(_) => Err(Error::invalid(format!(
                "Filtering by {entity} does not require a key, use '{view}.{entity}' instead"
            ))),
        }
    }

    fn kind(&self) -> Type {
        Type::TraceText(match self {
            Self::TraceStatus | Self::TraceTag(_) | Self::TraceMetadata(_) => "trace",
            Self::SpanName | Self::SpanStatus | Self::SpanType => "span",
            Self::AssessmentName | Self::AssessmentType => "assessment",
        })
    }
}

fn keyed(view: &str, entity: &str, key: Option<&str>) -> Result<String> {
    key.filter(|key| !key.is_empty()).map(str::to_owned).ok_or_else(|| {
        Error::invalid(format!(
            "Filtering by {entity} requires a key, e.g. '{view}.{entity}.<key> = <value>'"
        ))
    })
}

fn no_entity(view: &str, entity: &str, valid: &str) -> Error {
    Error::invalid(format!(
        "Invalid entity '{entity}' specified for view type '{view}'. Valid entities are [{valid}]"
    ))
}

impl fmt::Display for TraceField {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::TraceId => "request_id",
            Self::ExperimentId => "experiment_id",
            Self::Timestamp => "timestamp_ms",
            Self::ExecutionTime => "execution_time_ms",
            Self::EndTime => "end_time_ms",
            Self::Status => "status",
            Self::ClientRequestId => "client_request_id",
            Self::Name => "name",
            Self::RunId => "run_id",
            Self::Prompt => "prompt",
            Self::Issue => "issue.id",
            Self::Tag(key) => return write!(f, "tags.{}", Key(key)),
            Self::Metadata(key) => return write!(f, "metadata.{}", Key(key)),
            Self::Span(field) => return field.fmt(f),
            Self::Feedback(key) => return write!(f, "feedback.{}", Key(key)),
            Self::Expectation(key) => return write!(f, "expectation.{}", Key(key)),
        })
    }
}

impl fmt::Display for SpanField {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Name => "span.name",
            Self::Type => "span.type",
            Self::Status => "span.status",
            Self::Content => "span.content",
            Self::Attribute(key) => {
                return write!(f, "span.{}", Key(&format!("attributes.{key}")));
            }
        })
    }
}

impl fmt::Display for TraceMetricField {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::TraceStatus => "trace.status",
            Self::TraceTag(key) => return write!(f, "trace.{}", Key(&format!("tag.{key}"))),
            Self::TraceMetadata(key) => {
                return write!(f, "trace.{}", Key(&format!("metadata.{key}")));
            }
            Self::SpanName => "span.name",
            Self::SpanStatus => "span.status",
            Self::SpanType => "span.type",
            Self::AssessmentName => "assessment.name",
            Self::AssessmentType => "assessment.type",
        })
    }
}
