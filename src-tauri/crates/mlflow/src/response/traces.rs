//! Traces with their spans and assessments, in the forms of both versions.

use super::Wire;
use super::object::{Object, Text};
use crate::json::Json;
use crate::otlp::OtlpSpan;
use crate::time::{rfc3339, seconds};
use branchline_core::{
    Assessment, AssessmentError, AssessmentKind, Tag, Trace, TraceInfo, TraceState,
};
use serde::{Serialize, Serializer};

type Written<S> = Result<<S as Serializer>::Ok, <S as Serializer>::Error>;

/// Entries as an object of texts.
struct Texts<'a>(&'a [Tag]);

impl Serialize for Texts<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Written<S> {
        serializer.collect_map(self.0.iter().map(|tag| (&tag.key, &tag.value)))
    }
}

fn texts(tags: &[Tag]) -> Option<Texts<'_>> {
    (!tags.is_empty()).then_some(Texts(tags))
}

impl Serialize for Wire<'_, TraceInfo> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Written<S> {
        let info = self.0;
        Object::new(serializer)?
            .set("trace_id", info.trace_id.as_str())?
            .some("client_request_id", info.client_request_id.as_ref())?
            .set("trace_location", &Location(info))?
            .some("request_preview", info.request_preview.as_ref())?
            .some("response_preview", info.response_preview.as_ref())?
            .set("request_time", &rfc3339(info.request_time))?
            .some("execution_duration", info.execution_duration.map(seconds).as_ref())?
            .set("state", info.state.as_str())?
            .some("trace_metadata", texts(&info.metadata).as_ref())?
            .list("assessments", &info.assessments)?
            .some("tags", texts(&info.tags).as_ref())?
            .end()
    }
}

struct Location<'a>(&'a TraceInfo);
struct Experiment<'a>(&'a TraceInfo);

impl Serialize for Location<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Written<S> {
        Object::new(serializer)?
            .set("type", "MLFLOW_EXPERIMENT")?
            .set("mlflow_experiment", &Experiment(self.0))?
            .end()
    }
}

impl Serialize for Experiment<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Written<S> {
        Object::new(serializer)?.set("experiment_id", &Text(self.0.experiment_id))?.end()
    }
}

impl Serialize for Wire<'_, Trace> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Written<S> {
        let spans: Vec<OtlpSpan<'_>> = self.0.spans.iter().map(|span| OtlpSpan(span)).collect();
        let spans = Some(spans).filter(|spans| !spans.is_empty());
        Object::new(serializer)?
            .set("trace_info", &Wire(&self.0.info))?
            .some("spans", spans.as_ref())?
            .end()
    }
}

/// A trace without its spans: `{"trace_info": …}`.
#[derive(Debug)]
pub struct InfoOnly<'a>(pub &'a TraceInfo);

impl Serialize for InfoOnly<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Written<S> {
        Object::new(serializer)?.set("trace_info", &Wire(self.0))?.end()
    }
}

impl Serialize for Wire<'_, InfoOnly<'_>> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Written<S> {
        self.0.serialize(serializer)
    }
}

/// A trace's info in the form of version 2.
#[derive(Debug)]
pub struct InfoV2<'a>(pub &'a TraceInfo);

impl Serialize for Wire<'_, InfoV2<'_>> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Written<S> {
        let info = self.0.0;
        let state = match info.state {
            TraceState::Unspecified => "TRACE_STATUS_UNSPECIFIED",
            state => state.as_str(),
        };
        Object::new(serializer)?
            .set("request_id", info.trace_id.as_str())?
            .set("experiment_id", &Text(info.experiment_id))?
            .set("timestamp_ms", &info.request_time)?
            .set("execution_time_ms", &info.execution_duration.unwrap_or(0))?
            .set("status", state)?
            .list("request_metadata", &info.metadata)?
            .list("tags", &info.tags)?
            .end()
    }
}

impl Serialize for Wire<'_, Assessment> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Written<S> {
        let assessment = self.0;
        let value = Json::parse(&assessment.value).unwrap_or_default();
        let feedback = Feedback { value: &value, error: assessment.error.as_ref() };
        let expectation = Expectation(&value);
        let of = |kind| (assessment.kind == kind).then_some(());
        Object::new(serializer)?
            .set("assessment_id", assessment.assessment_id.as_str())?
            .set("assessment_name", &assessment.name)?
            .set("trace_id", assessment.trace_id.as_str())?
            .some("span_id", assessment.span_id.as_ref())?
            .set("source", &Source(assessment))?
            .set("create_time", &rfc3339(assessment.created_at))?
            .set("last_update_time", &rfc3339(assessment.updated_at))?
            .some("feedback", of(AssessmentKind::Feedback).map(|()| &feedback))?
            .some("expectation", of(AssessmentKind::Expectation).map(|()| &expectation))?
            .some("issue", of(AssessmentKind::Issue).map(|()| &value))?
            .some("rationale", assessment.rationale.as_ref())?
            .some("metadata", texts(&assessment.metadata).as_ref())?
            .some("overrides", assessment.overrides.as_ref())?
            .set("valid", &assessment.valid)?
            .end()
    }
}

struct Source<'a>(&'a Assessment);

impl Serialize for Source<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Written<S> {
        Object::new(serializer)?
            .set("source_type", &self.0.source_type)?
            .some("source_id", self.0.source_id.as_ref())?
            .end()
    }
}

struct Feedback<'a> {
    value: &'a Json,
    error: Option<&'a AssessmentError>,
}

impl Serialize for Feedback<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Written<S> {
        Object::new(serializer)?
            .set("value", self.value)?
            .some("error", self.error.map(Failure).as_ref())?
            .end()
    }
}

struct Failure<'a>(&'a AssessmentError);

impl Serialize for Failure<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Written<S> {
        Object::new(serializer)?
            .some("error_code", self.0.code.as_ref())?
            .some("error_message", self.0.message.as_ref())?
            .some("stack_trace", self.0.stack_trace.as_ref())?
            .end()
    }
}

/// Scalars as they are, the rest as JSON text.
struct Expectation<'a>(&'a Json);

impl Serialize for Expectation<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Written<S> {
        match self.0 {
            Json::List(_) | Json::Map(_) | Json::Null => {
                Object::new(serializer)?.set("serialized_value", &Serialized(self.0))?.end()
            }
            value => Object::new(serializer)?.set("value", value)?.end(),
        }
    }
}

struct Serialized<'a>(&'a Json);

impl Serialize for Serialized<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Written<S> {
        Object::new(serializer)?
            .set("serialization_format", "JSON_FORMAT")?
            .set("value", &self.0.dump())?
            .end()
    }
}
