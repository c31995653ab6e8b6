//! Series for charts.

use super::extract::Json;
use super::wire::Number;
use crate::api::routing::{Routes, routes};
use crate::auth::Caller;
use crate::error::{ApiResult, Failure};
use crate::state::AppState;
use axum::extract::State;
use branchline_core::{Error, RunId};
use branchline_engine::{Keep, Series};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Most points per series in one answer.
const MOST_POINTS: usize = 25_000;
/// Most series (runs times keys) in one answer.
const MOST_SERIES: usize = 5_000;

pub(super) fn routes() -> Routes {
    Routes::new().routes(routes!(get_metric_series))
}

/// Which series.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(example = json!({"run_ids": ["5d41402abc4b2a76b9719d911017c592"], "keys": ["loss"], "max_points": 1000}))]
struct SeriesQuery {
    run_ids: Vec<String>,
    keys: Vec<String>,
    /// Points per series; 1000 when not said, at most 25,000.
    max_points: Option<usize>,
    from_step: Option<i64>,
    to_step: Option<i64>,
}

/// One line of a chart; the three arrays are of equal length.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Series)]
struct SeriesBody {
    run_id: String,
    key: String,
    steps: Vec<i64>,
    /// Milliseconds UTC.
    timestamps: Vec<i64>,
    values: Vec<Number>,
    /// Points that there are in the asked range.
    total: i64,
    /// Some were left out; first, last and extremes are kept.
    sampled: bool,
}

/// Series, and the place in the change log from which to go on live.
#[derive(Debug, Serialize, ToSchema)]
struct SeriesList {
    /// `<epoch>:<seq>`; give it as `after` when subscribing.
    cursor: String,
    series: Vec<SeriesBody>,
}

fn body(key: &str, series: Series) -> SeriesBody {
    SeriesBody {
        run_id: series.run_id.to_string(),
        key: key.to_owned(),
        steps: series.steps,
        timestamps: series.timestamps,
        values: series.values.into_iter().map(Number).collect(),
        total: series.total,
        sampled: series.sampled,
    }
}

/// Reads metric histories, sampled for a chart. Runs without a metric are left out.
#[utoipa::path(
    post,
    path = "/api/v1/metrics/series",
    tag = "metrics",
    request_body = SeriesQuery,
    responses((status = 200, description = "Ordered by step.", body = SeriesList), Failure)
)]
async fn get_metric_series(
    State(state): State<AppState>,
    Caller(actor): Caller,
    Json(query): Json<SeriesQuery>,
) -> ApiResult<Json<SeriesList>> {
    if query.run_ids.len().saturating_mul(query.keys.len()) > MOST_SERIES {
        return Err(Error::invalid(format!(
            "At most {MOST_SERIES} series (runs times keys) can be read at once."
        ))
        .into());
    }
    let max_points = query.max_points.unwrap_or(1000).clamp(2, MOST_POINTS);
    let range = match (query.from_step, query.to_step) {
        (None, None) => None,
        (from, to) => Some((from.unwrap_or(i64::MIN), to.unwrap_or(i64::MAX))),
    };
    // Before reading, so that what is logged meanwhile comes again and is not lost.
    let cursor = state.engine.cursor();
    let run_ids: Vec<RunId> = query.run_ids.into_iter().map(RunId::new).collect();
    let mut series = Vec::new();
    for key in &query.keys {
        let read = state
            .engine
            .metric_series(&actor, &run_ids, key, (max_points, Keep::Extremes), range)
            .await?;
        series.extend(read.into_iter().map(|s| body(key, s)));
    }
    Ok(Json(SeriesList { cursor: cursor.to_string(), series }))
}
