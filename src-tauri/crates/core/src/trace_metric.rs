//! Numbers over traces: which there are, how they are summed up, and by what they can
//! be told apart. The names are MLflow's.

use crate::error::{Error, Result};

/// What is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TraceView {
    /// Traces.
    Traces,
    /// Their spans.
    Spans,
    /// Their valid assessments.
    Assessments,
}

impl TraceView {
    /// All, in MLflow's numbering (1-based).
    pub const ALL: [Self; 3] = [Self::Traces, Self::Spans, Self::Assessments];

    /// MLflow's name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Traces => "TRACES",
            Self::Spans => "SPANS",
            Self::Assessments => "ASSESSMENTS",
        }
    }
}

/// What is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TraceMetric {
    /// `trace_count`
    TraceCount,
    /// `session_count`: different sessions.
    SessionCount,
    /// `latency` of traces, milliseconds.
    TraceLatency,
    /// `input_tokens`
    InputTokens,
    /// `output_tokens`
    OutputTokens,
    /// `total_tokens`
    TotalTokens,
    /// `cache_read_input_tokens`
    CacheReadTokens,
    /// `cache_creation_input_tokens`
    CacheWriteTokens,
    /// `span_count`
    SpanCount,
    /// `latency` of spans, whole milliseconds.
    SpanLatency,
    /// `input_cost`
    InputCost,
    /// `output_cost`
    OutputCost,
    /// `total_cost`
    TotalCost,
    /// `assessment_count`
    AssessmentCount,
    /// `assessment_value`: numbers, and a yes or no as 1 or 0.
    AssessmentValue,
}

/// How values are summed up.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum TraceAggregation {
    /// How many there are.
    Count,
    /// Their sum.
    Sum,
    /// Their mean.
    Avg,
    /// 0 to 100; between two values the line that joins them.
    Percentile(f64),
    /// The smallest.
    Min,
    /// The largest.
    Max,
}

/// By what values are told apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TraceDimension {
    /// `trace_name`
    TraceName,
    /// `trace_status`
    TraceStatus,
    /// `span_name`
    SpanName,
    /// `span_type`
    SpanType,
    /// `span_status`
    SpanStatus,
    /// `span_model_name`
    SpanModel,
    /// `span_model_provider`
    SpanProvider,
    /// `assessment_name`
    AssessmentName,
    /// `assessment_value`, as JSON.
    AssessmentValue,
}

/// One row of an answer.
#[derive(Debug, Clone, PartialEq)]
pub struct TraceMetricPoint {
    /// What was measured.
    pub metric: TraceMetric,
    /// Where its span of time begins, milliseconds UTC.
    pub bucket: Option<i64>,
    /// What is told apart.
    pub dimensions: Vec<(TraceDimension, String)>,
    /// What is known.
    pub values: Vec<(TraceAggregation, f64)>,
}

impl TraceMetric {
    /// All.
    pub const ALL: [Self; 15] = [
        Self::TraceCount,
        Self::SessionCount,
        Self::TraceLatency,
        Self::InputTokens,
        Self::OutputTokens,
        Self::TotalTokens,
        Self::CacheReadTokens,
        Self::CacheWriteTokens,
        Self::SpanCount,
        Self::SpanLatency,
        Self::InputCost,
        Self::OutputCost,
        Self::TotalCost,
        Self::AssessmentCount,
        Self::AssessmentValue,
    ];

    /// MLflow's name, one of its own within a view.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::TraceCount => "trace_count",
            Self::SessionCount => "session_count",
            Self::TraceLatency | Self::SpanLatency => "latency",
            Self::InputTokens => "input_tokens",
            Self::OutputTokens => "output_tokens",
            Self::TotalTokens => "total_tokens",
            Self::CacheReadTokens => "cache_read_input_tokens",
            Self::CacheWriteTokens => "cache_creation_input_tokens",
            Self::SpanCount => "span_count",
            Self::InputCost => "input_cost",
            Self::OutputCost => "output_cost",
            Self::TotalCost => "total_cost",
            Self::AssessmentCount => "assessment_count",
            Self::AssessmentValue => "assessment_value",
        }
    }

    /// Where it is measured.
    pub fn view(self) -> TraceView {
        match self {
            Self::TraceCount
            | Self::SessionCount
            | Self::TraceLatency
            | Self::InputTokens
            | Self::OutputTokens
            | Self::TotalTokens
            | Self::CacheReadTokens
            | Self::CacheWriteTokens => TraceView::Traces,
            Self::SpanCount
            | Self::SpanLatency
            | Self::InputCost
            | Self::OutputCost
            | Self::TotalCost => TraceView::Spans,
            Self::AssessmentCount | Self::AssessmentValue => TraceView::Assessments,
        }
    }

    /// Finds what a view calls `name`.
    ///
    /// # Errors
    /// `InvalidParameterValue` with the names that there are.
    pub fn parse(view: TraceView, name: &str) -> Result<Self> {
        let known = || Self::ALL.into_iter().filter(|metric| metric.view() == view);
        known().find(|metric| metric.as_str() == name).ok_or_else(|| {
            let known: Vec<_> = known().map(Self::as_str).collect();
            Error::invalid(format!("metric_name must be one of {known:?}, got '{name}'"))
        })
    }

    /// Whether it is money: its time is that of the span, not of the trace.
    pub fn is_cost(self) -> bool {
        matches!(self, Self::InputCost | Self::OutputCost | Self::TotalCost)
    }

    fn aggregations(self) -> &'static [&'static str] {
        match self {
            Self::TraceCount | Self::SessionCount | Self::SpanCount | Self::AssessmentCount => {
                &["COUNT"]
            }
            Self::TraceLatency | Self::SpanLatency | Self::AssessmentValue => {
                &["AVG", "MAX", "MIN", "PERCENTILE"]
            }
            _ => &["AVG", "MAX", "MIN", "PERCENTILE", "SUM"],
        }
    }

    fn dimensions(self) -> &'static [TraceDimension] {
        use TraceDimension::{
            AssessmentName, AssessmentValue, SpanModel, SpanName, SpanProvider, SpanStatus,
            SpanType, TraceName, TraceStatus,
        };
        match self {
            Self::TraceCount => &[TraceName, TraceStatus],
            Self::SessionCount => &[],
            Self::SpanCount => &[SpanName, SpanType, SpanStatus, SpanModel, SpanProvider],
            Self::SpanLatency => &[SpanName, SpanStatus],
            Self::InputCost | Self::OutputCost | Self::TotalCost => &[SpanModel, SpanProvider],
            Self::AssessmentCount => &[AssessmentName, AssessmentValue],
            Self::AssessmentValue => &[AssessmentName],
            _ => &[TraceName],
        }
    }

    /// Checks that it can be summed up so.
    ///
    /// # Errors
    /// `InvalidParameterValue` with what there is.
    pub fn check_aggregations(self, wanted: &[TraceAggregation]) -> Result<()> {
        let known = self.aggregations();
        let wrong = |a: &&TraceAggregation| !known.contains(&a.kind());
        match wanted.iter().find(wrong) {
            None => Ok(()),
            Some(wrong) => Err(Error::invalid(format!(
                "Found invalid aggregation_type(s): ['{}']. Supported aggregation types: {known:?}",
                wrong.kind()
            ))),
        }
    }

    /// Finds the dimensions that it has.
    ///
    /// # Errors
    /// `InvalidParameterValue` with what there is.
    pub fn parse_dimensions(self, wanted: &[String]) -> Result<Vec<TraceDimension>> {
        let known = self.dimensions();
        let mut found = Vec::with_capacity(wanted.len());
        for name in wanted {
            let dimension = known.iter().find(|dimension| dimension.as_str() == name);
            let dimension = dimension.ok_or_else(|| {
                let known: Vec<_> = known.iter().map(|dimension| dimension.as_str()).collect();
                Error::invalid(format!(
                    "Found invalid dimension(s): ['{name}']. Supported dimensions: {known:?}"
                ))
            })?;
            if !found.contains(dimension) {
                found.push(*dimension);
            }
        }
        Ok(found)
    }
}

impl TraceAggregation {
    /// MLflow's name of what kind it is.
    pub fn kind(self) -> &'static str {
        match self {
            Self::Count => "COUNT",
            Self::Sum => "SUM",
            Self::Avg => "AVG",
            Self::Percentile(_) => "PERCENTILE",
            Self::Min => "MIN",
            Self::Max => "MAX",
        }
    }

    /// What its values are called in answers: `AVG`, `P99.0`.
    pub fn label(self) -> String {
        match self {
            Self::Percentile(percent) => format!("P{percent:?}"),
            _ => self.kind().to_owned(),
        }
    }
}

impl TraceDimension {
    /// MLflow's name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::TraceName => "trace_name",
            Self::TraceStatus => "trace_status",
            Self::SpanName => "span_name",
            Self::SpanType => "span_type",
            Self::SpanStatus => "span_status",
            Self::SpanModel => "span_model_name",
            Self::SpanProvider => "span_model_provider",
            Self::AssessmentName => "assessment_name",
            Self::AssessmentValue => "assessment_value",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_found_within_their_view() {
        for metric in TraceMetric::ALL {
            assert_eq!(TraceMetric::parse(metric.view(), metric.as_str()).unwrap(), metric);
        }
        let error = TraceMetric::parse(TraceView::Spans, "trace_count").unwrap_err();
        assert!(
            error.message.starts_with("metric_name must be one of [\"span_count\", \"latency\"")
        );
    }

    #[test]
    fn what_makes_no_sense_is_refused_with_what_does() {
        let ok = TraceMetric::TraceLatency
            .check_aggregations(&[TraceAggregation::Avg, TraceAggregation::Percentile(99.0)]);
        ok.unwrap();
        let error =
            TraceMetric::TraceLatency.check_aggregations(&[TraceAggregation::Sum]).unwrap_err();
        assert!(error.message.contains("['SUM']"), "{}", error.message);
        let wanted = ["trace_name".to_owned(), "trace_name".to_owned()];
        assert_eq!(
            TraceMetric::TraceCount.parse_dimensions(&wanted).unwrap(),
            vec![TraceDimension::TraceName]
        );
        let error = TraceMetric::SessionCount.parse_dimensions(&wanted).unwrap_err();
        assert!(error.message.contains("['trace_name']"), "{}", error.message);
    }

    #[test]
    fn labels_are_mlflows() {
        assert_eq!(TraceAggregation::Percentile(95.0).label(), "P95.0");
        assert_eq!(TraceAggregation::Percentile(99.9).label(), "P99.9");
        assert_eq!(TraceAggregation::Count.label(), "COUNT");
    }
}
