//! Traces: search them, sum them up, and see which conditions go together.

use crate::Engine;
use crate::experiment::{check_max_results, page};
use branchline_core::correlation::Cooccurrence;
use branchline_core::search::{self, Expr};
use branchline_core::{
    Actor, Error, ExperimentId, Page, Result, TraceAggregation, TraceInfo, TraceMetric,
    TraceMetricPoint, limits,
};
use branchline_store::{TraceMetricQuery, TraceQuery};

/// A question about traces.
#[derive(Debug, Clone, Default)]
pub struct TraceSearch {
    /// Where to look; none finds nothing.
    pub experiment_ids: Vec<ExperimentId>,
    /// MLflow's language and more; blank for all.
    pub filter: String,
    /// `key [ASC|DESC]`; then newest first.
    pub order_by: Vec<String>,
    /// 1 to 500.
    pub max_results: usize,
    /// From the page before.
    pub page_token: Option<String>,
}

/// A question about numbers over traces, their spans or their assessments.
#[derive(Debug, Clone)]
pub struct TraceMetricSearch {
    /// Where to look; none finds nothing.
    pub experiment_ids: Vec<ExperimentId>,
    /// What to measure.
    pub metric: TraceMetric,
    /// How to sum it up; at least one.
    pub aggregations: Vec<TraceAggregation>,
    /// By what to tell it apart; MLflow's names.
    pub dimensions: Vec<String>,
    /// All must hold.
    pub filters: Vec<String>,
    /// How long a span of time is; 0 for all time in one.
    pub interval_seconds: i64,
    /// Milliseconds, included; needed with an interval.
    pub from: Option<i64>,
    /// Milliseconds, included; needed with an interval.
    pub to: Option<i64>,
    /// 1 to 50,000.
    pub max_results: usize,
    /// From the page before.
    pub page_token: Option<String>,
}

/// How many aggregations and filters a question may hold.
const MAX_PARTS: usize = 100;

impl TraceMetricSearch {
    fn parse(&self) -> Result<TraceMetricQuery> {
        self.check()?;
        let mut aggregations: Vec<TraceAggregation> = Vec::with_capacity(self.aggregations.len());
        for how in &self.aggregations {
            if !aggregations.contains(how) {
                aggregations.push(*how);
            }
        }
        let filters = self.filters.iter().map(|filter| {
            let empty = || Error::invalid(format!("Invalid filter: '{filter}'. It asks nothing."));
            search::parse_trace_metric_filter(filter)?.ok_or_else(empty)
        });
        let bucket =
            (self.interval_seconds > 0).then(|| self.interval_seconds.saturating_mul(1000));
        Ok(TraceMetricQuery {
            experiments: self.experiment_ids.clone(),
            metric: self.metric,
            aggregations,
            dimensions: self.metric.parse_dimensions(&self.dimensions)?,
            filters: filters.collect::<Result<_>>()?,
            bucket,
            from: self.from,
            to: self.to,
        })
    }

    fn check(&self) -> Result<()> {
        check_max_results(self.max_results, limits::MAX_RESULTS)?;
        for (what, count) in
            [("aggregations", self.aggregations.len()), ("filters", self.filters.len())]
        {
            if count > MAX_PARTS {
                return Err(Error::invalid(format!(
                    "`{what}` has {count} items; at most {MAX_PARTS} are read."
                )));
            }
        }
        self.metric.check_aggregations(&self.aggregations)?;
        if self.interval_seconds < 0 || self.interval_seconds > MAX_INTERVAL_SECONDS {
            return Err(Error::invalid(format!(
                "Invalid value {} for parameter 'time_interval_seconds' supplied. It must be at \
                 least 0 and at most {MAX_INTERVAL_SECONDS}.",
                self.interval_seconds
            )));
        }
        if self.interval_seconds > 0 && (self.from.is_none() || self.to.is_none()) {
            return Err(Error::invalid(
                "start_time_ms and end_time_ms are required if time_interval_seconds is set",
            ));
        }
        Ok(())
    }
}

/// A century; in nanoseconds it still fits.
const MAX_INTERVAL_SECONDS: i64 = 3_155_760_000;

impl Engine {
    /// One page of traces, without their spans.
    ///
    /// # Errors
    /// A filter, order or token that is wrong; a filter's error says at which character.
    pub async fn search_traces(
        &self,
        actor: &Actor,
        search: TraceSearch,
    ) -> Result<Page<TraceInfo>> {
        check_max_results(search.max_results, limits::MAX_TRACE_RESULTS)?;
        let query = TraceQuery {
            experiments: search.experiment_ids,
            filter: search::parse_trace_filter(&search.filter)?,
            order: search::parse_trace_order(&search.order_by)?,
        };
        self.read(actor, move |view| {
            let token = search.page_token.as_deref();
            Ok(page(view.search_traces(&query, search.max_results, token)?))
        })
        .await
    }

    /// One page of numbers, by time and then by dimensions.
    ///
    /// # Errors
    /// What cannot be measured so; a filter or token that is wrong.
    pub async fn trace_metrics(
        &self,
        actor: &Actor,
        search: TraceMetricSearch,
    ) -> Result<Page<TraceMetricPoint>> {
        let query = search.parse()?;
        self.read(actor, move |view| {
            let token = search.page_token.as_deref();
            Ok(page(view.trace_metrics(&query, search.max_results, token)?))
        })
        .await
    }

    /// How often two filters hold among the traces for which `base` holds (all if blank).
    ///
    /// # Errors
    /// A filter that is wrong; the error says at which character.
    pub async fn trace_cooccurrence(
        &self,
        actor: &Actor,
        experiments: Vec<ExperimentId>,
        filters: [&str; 2],
        base: &str,
    ) -> Result<Cooccurrence> {
        let base = search::parse_trace_filter(base)?;
        let [first, second] = filters.map(|filter| {
            search::parse_trace_filter(filter).map(|filter| Expr::both(base.clone(), filter))
        });
        let (first, second) = (first?, second?);
        self.read(actor, move |view| {
            let filters = [first.as_ref(), second.as_ref()];
            let counts = view.count_traces(&experiments, base.as_ref(), filters)?;
            Ok(Cooccurrence {
                first: counts.first,
                second: counts.second,
                both: counts.both,
                total: counts.total,
            })
        })
        .await
    }
}
