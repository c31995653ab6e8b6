//! Traces of GenAI apps: what one request did, span by span, and what people, judges
//! and code think of it. JSON that only its reader understands stays text here.

use crate::entity::Tag;
use crate::id::{AssessmentId, ExperimentId, TraceId};
use std::collections::{HashMap, HashSet};
use std::ops::AddAssign;

/// Keys of tags that the server itself reads or writes.
pub mod tag {
    /// The trace's name.
    pub const NAME: &str = "mlflow.traceName";
    /// Where the spans are: [`IN_STORE`], or the trace's artifacts.
    pub const SPANS_LOCATION: &str = "mlflow.trace.spansLocation";
    /// The value of [`SPANS_LOCATION`] for spans in the database.
    pub const IN_STORE: &str = "TRACKING_STORE";
    /// Root of the trace's files, a URI.
    pub const ARTIFACT_LOCATION: &str = "mlflow.artifactLocation";
    /// Where an archived trace is.
    pub const ARCHIVE_LOCATION: &str = "mlflow.trace.archiveLocation";
    /// Why a trace could not be archived.
    pub const ARCHIVAL_FAILURE: &str = "mlflow.trace.archivalFailure";
}

/// Keys of metadata that the server itself reads or writes.
pub mod metadata {
    /// The client has sent the trace's info.
    pub const FINALIZED: &str = "mlflow.trace.infoFinalized";
    /// The conversation that the trace is part of.
    pub const SESSION: &str = "mlflow.trace.session";
    /// The end user.
    pub const USER: &str = "mlflow.trace.user";
    /// Tokens used, JSON.
    pub const TOKEN_USAGE: &str = "mlflow.trace.tokenUsage";
    /// Money spent, JSON.
    pub const COST: &str = "mlflow.trace.cost";
    /// How many spans there are, among others; JSON.
    pub const SIZE_STATS: &str = "mlflow.trace.sizeStats";
}

/// How a trace stands, MLflow's names and numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum TraceState {
    /// Not known.
    #[default]
    Unspecified,
    /// Ended well.
    Ok,
    /// Ended with an error.
    Error,
    /// Still going.
    InProgress,
}

impl TraceState {
    /// All, in MLflow's numbering (0-based).
    pub const ALL: [Self; 4] = [Self::Unspecified, Self::Ok, Self::Error, Self::InProgress];

    /// MLflow's name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unspecified => "STATE_UNSPECIFIED",
            Self::Ok => "OK",
            Self::Error => "ERROR",
            Self::InProgress => "IN_PROGRESS",
        }
    }
    /// MLflow's number, also the database's.
    pub fn number(self) -> i64 {
        match self {
            Self::Unspecified => 0,
            Self::Ok => 1,
            Self::Error => 2,
            Self::InProgress => 3,
        }
    }
    /// Reads MLflow's number.
    pub fn from_number(number: i64) -> Option<Self> {
        Self::ALL.into_iter().find(|s| s.number() == number)
    }
    /// Reads MLflow's name.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|s| s.as_str() == text)
    }
    /// Whether the end is not known yet.
    pub fn is_open(self) -> bool {
        matches!(self, Self::Unspecified | Self::InProgress)
    }
}

/// What is known of a trace without its spans.
#[derive(Debug, Clone, PartialEq)]
pub struct TraceInfo {
    /// The client's.
    pub trace_id: TraceId,
    /// The experiment that holds it.
    pub experiment_id: ExperimentId,
    /// The application's own id of the request.
    pub client_request_id: Option<String>,
    /// How it stands.
    pub state: TraceState,
    /// Milliseconds UTC.
    pub request_time: i64,
    /// Milliseconds; absent while it is open.
    pub execution_duration: Option<i64>,
    /// The beginning of what was asked.
    pub request_preview: Option<String>,
    /// The beginning of what was answered.
    pub response_preview: Option<String>,
    /// Written once, sorted by key.
    pub metadata: Vec<Tag>,
    /// Can change, sorted by key.
    pub tags: Vec<Tag>,
    /// Oldest first.
    pub assessments: Vec<Assessment>,
}

impl TraceInfo {
    /// The value of a tag.
    pub fn tag(&self, key: &str) -> Option<&str> {
        value_of(&self.tags, key)
    }
    /// The value of a key of the metadata.
    pub fn metadata(&self, key: &str) -> Option<&str> {
        value_of(&self.metadata, key)
    }
    /// Whether the spans are in the database, and not in the trace's files.
    pub fn has_stored_spans(&self) -> bool {
        self.tag(tag::SPANS_LOCATION) == Some(tag::IN_STORE)
    }
}

/// The value of `key`, the last where it comes twice.
pub fn value_of<'t>(tags: &'t [Tag], key: &str) -> Option<&'t str> {
    tags.iter().rev().find(|tag| tag.key == key).map(|tag| tag.value.as_str())
}

/// A trace with its spans.
#[derive(Debug, Clone, PartialEq)]
pub struct Trace {
    /// What is known without them.
    pub info: TraceInfo,
    /// Contents of spans: the root first, then by start. See [`Span::content`].
    pub spans: Vec<String>,
}

/// How a span ended, OpenTelemetry's names and numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum SpanStatus {
    /// It does not say.
    #[default]
    Unset,
    /// Well.
    Ok,
    /// With an error.
    Error,
}

impl SpanStatus {
    /// OpenTelemetry's number, also the database's.
    pub fn number(self) -> i64 {
        match self {
            Self::Unset => 0,
            Self::Ok => 1,
            Self::Error => 2,
        }
    }
    /// Reads OpenTelemetry's number.
    pub fn from_number(number: i64) -> Option<Self> {
        [Self::Unset, Self::Ok, Self::Error].into_iter().find(|s| s.number() == number)
    }
}

/// Tokens that a model took and gave.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct TokenUsage {
    /// In.
    pub input: Option<i64>,
    /// Out.
    pub output: Option<i64>,
    /// Both.
    pub total: Option<i64>,
    /// Of those in: read from the provider's cache.
    pub cache_read: Option<i64>,
    /// Of those in: written to the provider's cache.
    pub cache_write: Option<i64>,
    /// Of those written: kept for an hour.
    pub cache_write_1h: Option<i64>,
}

impl AddAssign for TokenUsage {
    fn add_assign(&mut self, other: Self) {
        fn add(sum: &mut Option<i64>, more: Option<i64>) {
            if let Some(more) = more {
                *sum = Some(sum.unwrap_or(0).saturating_add(more));
            }
        }
        add(&mut self.input, other.input);
        add(&mut self.output, other.output);
        add(&mut self.total, other.total);
        add(&mut self.cache_read, other.cache_read);
        add(&mut self.cache_write, other.cache_write);
        add(&mut self.cache_write_1h, other.cache_write_1h);
    }
}

/// Money that a model took, in US dollars.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Cost {
    /// For what went in.
    pub input: Option<f64>,
    /// For what came out.
    pub output: Option<f64>,
    /// Both.
    pub total: Option<f64>,
}

impl AddAssign for Cost {
    fn add_assign(&mut self, other: Self) {
        fn add(sum: &mut Option<f64>, more: Option<f64>) {
            if let Some(more) = more {
                *sum = Some(sum.unwrap_or(0.0) + more);
            }
        }
        add(&mut self.input, other.input);
        add(&mut self.output, other.output);
        add(&mut self.total, other.total);
    }
}

/// One step of a trace, with what the server needs to know of its content.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Span {
    /// 16 hexadecimal digits.
    pub span_id: String,
    /// The span that it is part of; the root has none.
    pub parent_id: Option<String>,
    /// What it does.
    pub name: String,
    /// Such as `LLM` or `TOOL`.
    pub span_type: String,
    /// How it ended.
    pub status: SpanStatus,
    /// Nanoseconds UTC.
    pub start_ns: i64,
    /// Nanoseconds UTC; absent while it is open.
    pub end_ns: Option<i64>,
    /// The model that was called.
    pub model: Option<String>,
    /// Who runs that model.
    pub model_provider: Option<String>,
    /// What the call took and gave.
    pub usage: Option<TokenUsage>,
    /// What the call cost.
    pub cost: Option<Cost>,
    /// The conversation that it says it is part of.
    pub session_id: Option<String>,
    /// The end user that it names.
    pub user_id: Option<String>,
    /// A preview of what went in.
    pub request_preview: Option<String>,
    /// A preview of what came out.
    pub response_preview: Option<String>,
    /// Tags for its trace.
    pub trace_tags: Vec<Tag>,
    /// The whole span, a JSON object as MLflow writes it into a trace's file.
    pub content: String,
}

/// A span's place in its trace, and what it counts.
#[derive(Debug, Clone, PartialEq)]
pub struct SpanTotals {
    /// The span.
    pub span_id: String,
    /// The span that it is part of.
    pub parent_id: Option<String>,
    /// Tokens, its own or of all that is below it.
    pub usage: Option<TokenUsage>,
    /// Money, its own or of all that is below it.
    pub cost: Option<Cost>,
}

/// Sums up a trace. Some libraries write the sum of a whole branch on its uppermost span
/// and single numbers below it, so a span counts only if none above it has a number.
pub fn sum_up(spans: &[SpanTotals]) -> (Option<TokenUsage>, Option<Cost>) {
    (topmost(spans, |span| span.usage), topmost(spans, |span| span.cost))
}

fn topmost<T: AddAssign + Default + Copy>(
    spans: &[SpanTotals],
    number: impl Fn(&SpanTotals) -> Option<T>,
) -> Option<T> {
    let known: HashSet<&str> = spans.iter().map(|span| span.span_id.as_str()).collect();
    let mut children: HashMap<Option<&str>, Vec<&SpanTotals>> = HashMap::new();
    for span in spans {
        let parent = span.parent_id.as_deref().filter(|parent| known.contains(parent));
        children.entry(parent).or_default().push(span);
    }
    let mut sum = None;
    // What is below a span that counts is never visited, nor are circles.
    let mut open = children.remove(&None).unwrap_or_default();
    while let Some(span) = open.pop() {
        match number(span) {
            Some(number) => *sum.get_or_insert_with(T::default) += number,
            None => open.extend(children.remove(&Some(span.span_id.as_str())).unwrap_or_default()),
        }
    }
    sum
}

/// What an assessment says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum AssessmentKind {
    /// How good something was.
    Feedback,
    /// What would have been right.
    Expectation,
    /// That a known issue shows here.
    Issue,
}

impl AssessmentKind {
    /// MLflow's name, also the database's.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Feedback => "feedback",
            Self::Expectation => "expectation",
            Self::Issue => "issue",
        }
    }
    /// Reads the name.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Feedback, Self::Expectation, Self::Issue].into_iter().find(|k| k.as_str() == text)
    }
}

/// Why there is no feedback.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AssessmentError {
    /// What kind.
    pub code: Option<String>,
    /// In words.
    pub message: Option<String>,
    /// Where.
    pub stack_trace: Option<String>,
}

/// A judgement of a trace or of one of its spans.
#[derive(Debug, Clone, PartialEq)]
pub struct Assessment {
    /// `a-…`.
    pub assessment_id: AssessmentId,
    /// The trace.
    pub trace_id: TraceId,
    /// The span, if it is about one.
    pub span_id: Option<String>,
    /// The run that made it.
    pub run_id: Option<String>,
    /// What was judged; for an issue, the issue's id.
    pub name: String,
    /// What it says.
    pub kind: AssessmentKind,
    /// Any JSON; for an issue, the issue's name as a JSON object.
    pub value: String,
    /// The value as a number where it is one, or a yes or no (1 or 0).
    pub number: Option<f64>,
    /// Why there is no feedback.
    pub error: Option<AssessmentError>,
    /// `HUMAN`, `LLM_JUDGE` or `CODE`.
    pub source_type: String,
    /// Who or what judged.
    pub source_id: Option<String>,
    /// Why.
    pub rationale: Option<String>,
    /// Free texts, sorted by key.
    pub metadata: Vec<Tag>,
    /// The assessment that this one stands in for.
    pub overrides: Option<String>,
    /// Whether none stands in for this one.
    pub valid: bool,
    /// Milliseconds UTC.
    pub created_at: i64,
    /// Milliseconds UTC.
    pub updated_at: i64,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn span(id: &str, parent: Option<&str>, total: Option<i64>) -> SpanTotals {
        let usage = total.map(|total| TokenUsage { total: Some(total), ..TokenUsage::default() });
        SpanTotals {
            span_id: id.into(),
            parent_id: parent.map(Into::into),
            usage,
            cost: total.map(|total| Cost { total: Some(total as f64), ..Cost::default() }),
        }
    }

    fn total(spans: &[SpanTotals]) -> Option<i64> {
        let (usage, cost) = sum_up(spans);
        assert_eq!(cost.and_then(|c| c.total), usage.and_then(|u| u.total).map(|t| t as f64));
        usage.and_then(|usage| usage.total)
    }

    #[test]
    fn a_sum_on_top_of_a_branch_counts_once() {
        let spans = [
            span("root", None, None),
            span("agent", Some("root"), Some(30)),
            span("call", Some("agent"), Some(10)),
            span("deep", Some("call"), Some(5)),
            span("other", Some("root"), None),
            span("leaf", Some("other"), Some(7)),
        ];
        assert_eq!(total(&spans), Some(37));
    }

    #[test]
    fn a_span_whose_parent_is_not_there_yet_counts() {
        assert_eq!(
            total(&[span("a", Some("missing"), Some(3)), span("b", None, Some(4))]),
            Some(7)
        );
    }

    #[test]
    fn nothing_to_count_is_nothing_and_circles_end() {
        assert_eq!(total(&[span("a", None, None)]), None);
        assert_eq!(total(&[]), None);
        let circle = [span("a", Some("b"), Some(1)), span("b", Some("a"), Some(1))];
        assert_eq!(total(&circle), None);
    }

    #[test]
    fn states_keep_their_names_and_numbers() {
        for state in TraceState::ALL {
            assert_eq!(TraceState::parse(state.as_str()), Some(state));
            assert_eq!(TraceState::from_number(state.number()), Some(state));
        }
        assert_eq!(TraceState::from_number(4), None);
    }
}
