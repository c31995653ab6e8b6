//! Numbers over traces, spans and assessments, grouped and summed up in SQL.

use crate::error::StoreResult;
use crate::query::{self, SearchPage, Sql, compare, compile, decode_token, encode_token};
use crate::run_search::in_experiments;
use crate::trace_filter::{SPAN_STATUS, STATE, on_trace};
use crate::tx::View;
use branchline_core::search::{Condition, Expr, TraceField, TraceMetricField};
use branchline_core::{
    Error, ExperimentId, TraceAggregation, TraceDimension, TraceMetric, TraceMetricPoint, TraceView,
};
use rusqlite::types::Value;
use rusqlite::{Row, params_from_iter};

/// A question about numbers, checked.
#[derive(Debug, Clone, PartialEq)]
pub struct TraceMetricQuery {
    /// Where to look.
    pub experiments: Vec<ExperimentId>,
    /// What to measure.
    pub metric: TraceMetric,
    /// How to sum it up.
    pub aggregations: Vec<TraceAggregation>,
    /// By what to tell it apart, after the time.
    pub dimensions: Vec<TraceDimension>,
    /// All must hold.
    pub filters: Vec<Expr<TraceMetricField>>,
    /// How long a span of time is, milliseconds; `None` for all time in one.
    pub bucket: Option<i64>,
    /// Milliseconds, included.
    pub from: Option<i64>,
    /// Milliseconds, included.
    pub to: Option<i64>,
}

impl View<'_> {
    /// One page of numbers, by time and then by dimensions.
    ///
    /// # Errors
    /// A filter of another view; a page token that does not belong to this question; a
    /// regular expression that is wrong.
    pub fn trace_metrics(
        &self,
        query: &TraceMetricQuery,
        max_results: usize,
        token: Option<&str>,
    ) -> StoreResult<SearchPage<TraceMetricPoint>> {
        let question = query::fingerprint(&format!("{query:?}"));
        let after = decode_token(token, question)?.after;
        let sql = query.statement(after, max_results + 1)?;
        let mut statement = self.connection.prepare(&sql.text)?;
        let groups = query.groups().len();
        let mut rows = statement.query(params_from_iter(sql.values))?;
        let mut found = Vec::new();
        while let Some(row) = rows.next()? {
            let group = (0..groups).map(|index| row.get(index));
            found.push((query.read(row)?, group.collect::<rusqlite::Result<Vec<Value>>>()?));
        }
        let more = found.len() > max_results;
        found.truncate(max_results);
        let next_page_token =
            found.last().filter(|_| more).map(|(_, group)| encode_token(question, 0, group));
        let points = found.into_iter().map(|(point, _)| point);
        Ok(SearchPage {
            items: points.filter(|point| !point.values.is_empty()).collect(),
            next_page_token,
        })
    }
}

impl TraceMetricQuery {
    /// `SELECT groups, aggregates … GROUP BY groups ORDER BY groups`.
    fn statement(&self, after: Option<Vec<Value>>, limit: usize) -> StoreResult<Sql> {
        let groups = self.groups();
        let value = value(self.metric);
        let aggregates = self.aggregations.iter().map(|how| aggregate(*how, value));
        let columns: Vec<String> = groups.iter().cloned().chain(aggregates).collect();
        let mut sql =
            Sql::new(format!("SELECT {} FROM {} WHERE ", columns.join(", "), self.source()));
        sql.push(in_experiments("t.experiment_id", &self.experiments));
        let (time, unit) = self.time();
        let bound = |ms: i64| Value::Integer(ms.saturating_mul(unit));
        if let Some(from) = self.from {
            sql.push(Sql::with(format!(" AND {time} >= ?"), [bound(from)]));
        }
        if let Some(to) = self.to {
            // The whole of the last millisecond.
            sql.push(Sql::with(format!(" AND {time} < ?"), [bound(to.saturating_add(1))]));
        }
        sql.push_str(&format!(" AND {} IS NOT NULL", value.trim_start_matches("DISTINCT ")));
        for group in &groups {
            // What has no name is left out, as in MLflow.
            sql.push_str(&format!(" AND {group} IS NOT NULL"));
        }
        for filter in &self.filters {
            sql.push_str(" AND ");
            sql.push(compile(filter, &mut |condition| self.condition(condition))?);
        }
        if groups.is_empty() {
            return Ok(sql);
        }
        if let Some(after) = after {
            if after.len() != groups.len() {
                return Err(Error::invalid("The page token does not fit this question.").into());
            }
            let marks = vec!["?"; after.len()].join(", ");
            sql.push(Sql::with(format!(" AND ({}) > ({marks})", groups.join(", ")), after));
        }
        let places: Vec<String> = (1..=groups.len()).map(|place| place.to_string()).collect();
        let places = places.join(", ");
        sql.push_str(&format!(" GROUP BY {places} ORDER BY {places} LIMIT {limit}"));
        Ok(sql)
    }

    fn source(&self) -> &'static str {
        match self.metric.view() {
            TraceView::Traces => "trace t",
            TraceView::Spans => "trace t CROSS JOIN span s ON s.trace_id = t.id",
            TraceView::Assessments => {
                "trace t CROSS JOIN assessment a ON a.trace_id = t.id AND a.valid = 1"
            }
        }
    }

    /// What bounds are about, and how many of its units a millisecond has.
    fn time(&self) -> (&'static str, i64) {
        if self.metric.is_cost() { ("s.start_ns", 1_000_000) } else { ("t.request_time", 1) }
    }

    /// The expressions that make a group, the time first.
    fn groups(&self) -> Vec<String> {
        let (time, unit) = match self.metric.view() {
            TraceView::Spans => ("s.start_ns", 1_000_000),
            TraceView::Traces | TraceView::Assessments => ("t.request_time", 1),
        };
        let bucket = self.bucket.map(|ms| {
            let length = ms.saturating_mul(unit);
            // Rounded down, before 1970 too.
            format!("({time} - (({time} % {length}) + {length}) % {length}) / {unit}")
        });
        bucket.into_iter().chain(self.dimensions.iter().map(|d| column(*d).to_owned())).collect()
    }

    fn read(&self, row: &Row<'_>) -> rusqlite::Result<TraceMetricPoint> {
        let first = usize::from(self.bucket.is_some());
        let bucket = if first == 1 { Some(row.get(0)?) } else { None };
        let mut dimensions = Vec::with_capacity(self.dimensions.len());
        for (index, dimension) in self.dimensions.iter().enumerate() {
            dimensions.push((*dimension, row.get(first + index)?));
        }
        let first = first + dimensions.len();
        let mut values = Vec::with_capacity(self.aggregations.len());
        for (index, how) in self.aggregations.iter().enumerate() {
            if let Some(value) = row.get::<_, Option<f64>>(first + index)? {
                values.push((*how, value));
            }
        }
        Ok(TraceMetricPoint { metric: self.metric, bucket, dimensions, values })
    }

    fn condition(&self, condition: &Condition<TraceMetricField>) -> StoreResult<Sql> {
        let Condition { field, op, value } = condition;
        let (column, view) = match field {
            TraceMetricField::SpanName => ("s.name", TraceView::Spans),
            TraceMetricField::SpanStatus => (SPAN_STATUS, TraceView::Spans),
            TraceMetricField::SpanType => ("s.type", TraceView::Spans),
            TraceMetricField::AssessmentName => ("a.name", TraceView::Assessments),
            TraceMetricField::AssessmentType => ("a.kind", TraceView::Assessments),
            TraceMetricField::TraceStatus => return self.on_trace(TraceField::Status, condition),
            TraceMetricField::TraceTag(key) => {
                return self.on_trace(TraceField::tag(key), condition);
            }
            TraceMetricField::TraceMetadata(key) => {
                return self.on_trace(TraceField::metadata(key), condition);
            }
        };
        if view != self.metric.view() {
            let what = if view == TraceView::Spans { "span" } else { "assessment" };
            return Err(Error::invalid(format!(
                "Filtering by {what} is only supported for {} view type, got {}",
                view.as_str(),
                self.metric.view().as_str()
            ))
            .into());
        }
        Ok(compare(column, *op, value))
    }

    fn on_trace(&self, field: TraceField, of: &Condition<TraceMetricField>) -> StoreResult<Sql> {
        on_trace(&Condition { field, op: of.op, value: of.value.clone() }, &self.experiments)
    }
}

fn value(metric: TraceMetric) -> &'static str {
    match metric {
        TraceMetric::TraceCount => "t.id",
        TraceMetric::SessionCount => "DISTINCT t.session_id",
        TraceMetric::TraceLatency => "t.execution_duration",
        TraceMetric::InputTokens => "t.input_tokens",
        TraceMetric::OutputTokens => "t.output_tokens",
        TraceMetric::TotalTokens => "t.total_tokens",
        TraceMetric::CacheReadTokens => "t.cache_read_tokens",
        TraceMetric::CacheWriteTokens => "t.cache_write_tokens",
        TraceMetric::SpanCount => "s.span_id",
        TraceMetric::SpanLatency => "((s.end_ns - s.start_ns) / 1000000)",
        TraceMetric::InputCost => "s.input_cost",
        TraceMetric::OutputCost => "s.output_cost",
        TraceMetric::TotalCost => "s.total_cost",
        TraceMetric::AssessmentCount => "a.id",
        TraceMetric::AssessmentValue => "a.number",
    }
}

fn aggregate(how: TraceAggregation, value: &str) -> String {
    match how {
        TraceAggregation::Count => format!("count({value})"),
        // Whole numbers could overflow.
        TraceAggregation::Sum => format!("sum(CAST({value} AS REAL))"),
        TraceAggregation::Avg => format!("avg({value})"),
        TraceAggregation::Percentile(percent) => format!("quantile({value}, {percent:?})"),
        TraceAggregation::Min => format!("min({value})"),
        TraceAggregation::Max => format!("max({value})"),
    }
}

fn column(dimension: TraceDimension) -> &'static str {
    match dimension {
        TraceDimension::TraceName => "t.name",
        TraceDimension::TraceStatus => STATE,
        TraceDimension::SpanName => "s.name",
        TraceDimension::SpanType => "s.type",
        TraceDimension::SpanStatus => SPAN_STATUS,
        TraceDimension::SpanModel => "s.model",
        TraceDimension::SpanProvider => "s.model_provider",
        TraceDimension::AssessmentName => "a.name",
        TraceDimension::AssessmentValue => "a.value",
    }
}
