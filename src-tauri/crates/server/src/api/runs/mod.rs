//! Runs.

mod body;
mod change;

use super::experiments::{ExperimentKeys, View};
use super::extract::{Json, Path};
use super::wire::{Number, page_size};
use crate::api::routing::{Routes, routes};
use crate::auth::Caller;
use crate::error::{ApiResult, Failure};
use crate::state::AppState;
use axum::extract::State;
use body::RunBody;
use branchline_core::{ExperimentId, Result, RunId};
use branchline_engine::RunSearch;
use serde::{Deserialize, Serialize};
use std::time::Instant;
use utoipa::ToSchema;

pub(super) fn routes() -> Routes {
    Routes::new()
        .routes(routes!(search_runs))
        .routes(routes!(change::bulk_runs))
        .routes(routes!(get_run, change::update_run, change::delete_run))
        .routes(routes!(change::restore_run))
        .routes(routes!(list_run_metrics))
        .routes(routes!(list_run_keys))
}

/// What to look for.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(example = json!({"experiment_ids": ["1"], "filter": "metrics.rmse < 0.8", "order_by": ["metrics.rmse ASC"], "max_results": 50}))]
struct SearchRuns {
    /// Every active experiment when absent.
    experiment_ids: Option<Vec<String>>,
    /// MLflow's search language, such as `metrics.loss < 0.1 AND params.lr = '0.01'`.
    #[serde(default)]
    filter: String,
    /// Such as `metrics.loss ASC`.
    #[serde(default)]
    order_by: Vec<String>,
    /// 100 when not said, at most 50,000.
    max_results: Option<usize>,
    page_token: Option<String>,
    #[serde(default)]
    #[schema(inline)]
    view: View,
    /// Also tell the minimum, maximum, mean and count of each metric's points.
    #[serde(default)]
    aggregates: bool,
}

/// A page of runs.
#[derive(Debug, Serialize, ToSchema)]
struct RunList {
    runs: Vec<RunBody>,
    next_page_token: Option<String>,
    /// How many runs match on all pages.
    matched: i64,
    /// How long the search took.
    elapsed_ms: f64,
}

/// Searches runs in MLflow's search language.
#[utoipa::path(
    post,
    path = "/api/v1/runs/search",
    tag = "runs",
    request_body = SearchRuns,
    responses((status = 200, description = "A page.", body = RunList), Failure)
)]
async fn search_runs(
    State(state): State<AppState>,
    Caller(actor): Caller,
    Json(body): Json<SearchRuns>,
) -> ApiResult<Json<RunList>> {
    let began = Instant::now();
    let search = RunSearch {
        everywhere: body.experiment_ids.is_none(),
        experiment_ids: experiment_ids(&body.experiment_ids.unwrap_or_default())?,
        filter: body.filter,
        order_by: body.order_by,
        max_results: page_size(body.max_results, 100, 50_000)?,
        page_token: body.page_token,
        view: body.view.into(),
    };
    let (matched, page) = tokio::join!(
        state.engine.count_runs(&actor, &search),
        state.engine.search_runs(&actor, search.clone()),
    );
    let page = page?;
    let ids: Vec<RunId> = page.items.iter().map(|run| run.info.run_id.clone()).collect();
    let mut runs: Vec<RunBody> = page.items.into_iter().map(Into::into).collect();
    if body.aggregates {
        let summaries = state.engine.metric_summaries_of(&actor, ids).await?;
        for (run, summaries) in runs.iter_mut().zip(summaries) {
            run.add_aggregates(summaries);
        }
    }
    Ok(Json(RunList {
        runs,
        next_page_token: page.next_page_token,
        matched: matched?,
        elapsed_ms: began.elapsed().as_secs_f64() * 1000.0,
    }))
}

fn experiment_ids(texts: &[String]) -> Result<Vec<ExperimentId>> {
    texts.iter().map(|text| text.parse()).collect()
}

/// Lists the metric, param and tag names of the newest runs of all experiments, for columns
/// and completion.
#[utoipa::path(
    get,
    path = "/api/v1/runs/keys",
    tag = "runs",
    responses((status = 200, description = "Sorted names.", body = ExperimentKeys), Failure)
)]
async fn list_run_keys(
    State(state): State<AppState>,
    Caller(actor): Caller,
) -> ApiResult<Json<ExperimentKeys>> {
    Ok(Json(state.engine.recent_keys(&actor).await?.into()))
}

/// Shows a run.
#[utoipa::path(
    get,
    path = "/api/v1/runs/{id}",
    tag = "runs",
    params(("id" = String, Path, description = "The run's id.")),
    responses((status = 200, description = "The run.", body = RunBody), Failure)
)]
async fn get_run(
    State(state): State<AppState>,
    Caller(actor): Caller,
    Path(id): Path<String>,
) -> ApiResult<Json<RunBody>> {
    Ok(Json(state.engine.run(&actor, &RunId::new(id)).await?.into()))
}

/// A metric's history in a few numbers.
#[derive(Debug, Serialize, ToSchema)]
struct MetricSummary {
    key: String,
    /// The latest value.
    last: Number,
    /// Absent when every value is NaN.
    min: Option<Number>,
    max: Option<Number>,
    mean: Option<Number>,
    /// How many points there are.
    count: i64,
    /// Step of the latest value.
    step: i64,
    /// Time of the latest value, milliseconds UTC.
    timestamp: i64,
}

/// A run's metrics.
#[derive(Debug, Serialize, ToSchema)]
struct MetricSummaries {
    metrics: Vec<MetricSummary>,
}

/// Sums up each metric of a run.
#[utoipa::path(
    get,
    path = "/api/v1/runs/{id}/metrics",
    tag = "runs",
    params(("id" = String, Path, description = "The run's id.")),
    responses((status = 200, description = "Sorted by key.", body = MetricSummaries), Failure)
)]
async fn list_run_metrics(
    State(state): State<AppState>,
    Caller(actor): Caller,
    Path(id): Path<String>,
) -> ApiResult<Json<MetricSummaries>> {
    let summaries = state.engine.metric_summaries(&actor, &RunId::new(id)).await?;
    let metrics = summaries
        .into_iter()
        .map(|summary| MetricSummary {
            key: summary.key,
            last: Number(summary.last),
            min: summary.min.map(Number),
            max: summary.max.map(Number),
            mean: summary.mean.map(Number),
            count: summary.count,
            step: summary.step,
            timestamp: summary.timestamp,
        })
        .collect();
    Ok(Json(MetricSummaries { metrics }))
}
