//! `traces/…` that search, sum up and compare.

use super::Table;
use super::answer::{Answer, json};
use super::call::Call;
use super::experiments::experiment_ids;
use axum::routing::{get, post};
use branchline_core::{ExperimentId, Page, Result, TraceAggregation, limits};
use branchline_engine::{TraceMetricSearch, TraceSearch};
use branchline_mlflow::explain::{missing, required_text};
use branchline_mlflow::request::{
    Aggregation, FilterCorrelation, QueryTraceMetrics, SearchTraces, SearchTracesV2, max_results,
    page_token,
};
use branchline_mlflow::response::InfoV2;
use branchline_mlflow::{Paged, Wire};

/// What `traces/search` answers with unless it is told.
const DEFAULT_TRACES: i64 = 100;
/// What `traces/metrics` answers with unless it is told.
const DEFAULT_POINTS: i64 = 1000;

pub(super) fn table() -> Table {
    vec![("/mlflow/traces", get(search_v2))]
}

pub(super) fn table_v3() -> Table {
    vec![
        ("/mlflow/traces/search", post(search)),
        ("/mlflow/traces/metrics", post(metrics)),
        ("/mlflow/traces/calculate-filter-correlation", post(correlation)),
    ]
}

async fn search(Call { engine, actor, message }: Call<SearchTraces>) -> Answer {
    let search = TraceSearch {
        experiment_ids: message.experiments()?,
        filter: message.filter.unwrap_or_default(),
        order_by: message.order_by.0,
        max_results: max_results(message.max_results, DEFAULT_TRACES, limits::MAX_TRACE_RESULTS)?,
        page_token: page_token(message.page_token),
    };
    json(&Paged("traces", &engine.search_traces(&actor, search).await?))
}

async fn search_v2(Call { engine, actor, message }: Call<SearchTracesV2>) -> Answer {
    let search = TraceSearch {
        experiment_ids: some_experiments(&message.experiment_ids.0)?,
        filter: message.filter.unwrap_or_default(),
        order_by: message.order_by.0,
        max_results: max_results(message.max_results, DEFAULT_TRACES, limits::MAX_TRACE_RESULTS)?,
        page_token: page_token(message.page_token),
    };
    let page = engine.search_traces(&actor, search).await?;
    let items = page.items.iter().map(InfoV2).collect();
    json(&Paged("traces", &Page { items, next_page_token: page.next_page_token }))
}

async fn metrics(Call { engine, actor, message }: Call<QueryTraceMetrics>) -> Answer {
    let search = TraceMetricSearch {
        experiment_ids: some_experiments(&message.experiment_ids.0)?,
        metric: message.metric()?,
        aggregations: aggregations(&message.aggregations.0)?,
        dimensions: message.dimensions.0,
        filters: message.filters.0,
        interval_seconds: message.time_interval_seconds.map_or(0, |seconds| seconds.0),
        from: message.start_time_ms.map(|time| time.0),
        to: message.end_time_ms.map(|time| time.0),
        max_results: max_results(message.max_results, DEFAULT_POINTS, limits::MAX_RESULTS)?,
        page_token: page_token(message.page_token),
    };
    json(&Paged("data_points", &engine.trace_metrics(&actor, search).await?))
}

async fn correlation(Call { engine, actor, message }: Call<FilterCorrelation>) -> Answer {
    let experiments = some_experiments(&message.experiment_ids.0)?;
    let first = required_text("filter_string1", message.filter_string1)?;
    let second = required_text("filter_string2", message.filter_string2)?;
    let base = message.base_filter.unwrap_or_default();
    let counts = engine.trace_cooccurrence(&actor, experiments, [&first, &second], &base).await?;
    json(&Wire(&counts))
}

fn some_experiments(ids: &[String]) -> Result<Vec<ExperimentId>> {
    if ids.is_empty() { Err(missing("experiment_ids")) } else { experiment_ids(ids) }
}

fn aggregations(wanted: &[Aggregation]) -> Result<Vec<TraceAggregation>> {
    if wanted.is_empty() {
        return Err(missing("aggregations"));
    }
    wanted.iter().map(|how| how.into_domain()).collect()
}
