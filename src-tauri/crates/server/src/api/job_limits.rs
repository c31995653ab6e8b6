//! How often and how long tasks may run.

use super::extract::{Json, Path};
use super::jobs::{optional_ms, seconds};
use crate::api::routing::{Routes, routes};
use crate::auth::Caller;
use crate::error::{ApiResult, Failure};
use crate::state::AppState;
use axum::extract::State;
use axum::http::StatusCode;
use branchline_core::{Error, Result};
use branchline_engine::TaskLimit;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use utoipa::ToSchema;

pub(super) fn routes() -> Routes {
    Routes::new()
        .routes(routes!(list_rates))
        .routes(routes!(set_rate))
        .routes(routes!(list_time_limits))
        .routes(routes!(set_time_limit))
}

/// Rates by task, such as `10/m`.
#[derive(Debug, Serialize, ToSchema)]
struct RateList {
    rates: BTreeMap<String, String>,
}

/// Lists how often tasks may start.
#[utoipa::path(
    get,
    path = "/api/v1/job-rates",
    tag = "jobs",
    responses((status = 200, description = "Those that are limited.", body = RateList), Failure)
)]
async fn list_rates(
    State(state): State<AppState>,
    Caller(actor): Caller,
) -> ApiResult<Json<RateList>> {
    let rates = state.engine.job_rates(&actor).await?;
    let rates = rates.into_iter().map(|(task, interval)| (task, written(interval)));
    Ok(Json(RateList { rates: rates.collect() }))
}

/// A rate to set.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(example = json!({"rate": "10/m"}))]
struct SetRate {
    /// `10/s`, `10/m` or `10/h`; no limit when absent.
    rate: Option<String>,
}

const UNITS: [(&str, i64); 3] = [("s", 1000), ("m", 60_000), ("h", 3_600_000)];

/// The milliseconds between two starts.
fn read(rate: &str) -> Result<i64> {
    let bad = || Error::invalid(format!("'{rate}' is no rate such as 10/s, 10/m or 10/h."));
    let (number, unit) = rate.split_once('/').unwrap_or((rate, "s"));
    let number: i64 = number.trim().parse().map_err(|_| bad())?;
    let (_, ms) = UNITS.iter().find(|(name, _)| *name == unit.trim()).ok_or_else(bad)?;
    if number < 1 {
        return Err(bad());
    }
    Ok(ms / number)
}

/// A rate in the largest unit that has a whole number.
fn written(interval_ms: i64) -> String {
    let (unit, ms) = UNITS.iter().find(|(_, ms)| ms % interval_ms == 0).unwrap_or(&UNITS[2]);
    format!("{}/{unit}", ms / interval_ms)
}

/// Limits how often a task starts, or lifts the limit.
#[utoipa::path(
    put,
    path = "/api/v1/job-rates/{task}",
    tag = "jobs",
    params(("task" = String, Path, description = "The task's name.")),
    request_body = SetRate,
    responses((status = 204, description = "From now on."), Failure)
)]
async fn set_rate(
    State(state): State<AppState>,
    Caller(actor): Caller,
    Path(task): Path<String>,
    Json(body): Json<SetRate>,
) -> ApiResult<StatusCode> {
    let interval = body.rate.as_deref().map(read).transpose()?;
    state.engine.set_job_rate(&actor, &task, interval).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Time limits of a task, seconds.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = TimeLimits, example = json!({"soft_time_limit": 60.0, "time_limit": 120.0}))]
struct LimitBody {
    /// After this a job is asked to end; never when absent.
    soft_time_limit: Option<f64>,
    /// After this it is killed; never when absent.
    time_limit: Option<f64>,
}

/// Time limits by task.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = TimeLimitList)]
struct LimitList {
    limits: BTreeMap<String, LimitBody>,
}

/// Lists how long jobs of tasks may take that do not say so themselves.
#[utoipa::path(
    get,
    path = "/api/v1/job-limits",
    tag = "jobs",
    responses((status = 200, description = "Those that are limited.", body = LimitList), Failure)
)]
async fn list_time_limits(
    State(state): State<AppState>,
    Caller(actor): Caller,
) -> ApiResult<Json<LimitList>> {
    let limits = state.engine.job_limits(&actor).await?.into_iter().map(|limit| {
        let (soft, hard) = (limit.soft_ms.map(seconds), limit.hard_ms.map(seconds));
        (limit.name, LimitBody { soft_time_limit: soft, time_limit: hard })
    });
    Ok(Json(LimitList { limits: limits.collect() }))
}

/// Limits how long jobs of a task may take that start from now on and do not say so
/// themselves; an empty body lifts the limits.
#[utoipa::path(
    put,
    path = "/api/v1/job-limits/{task}",
    tag = "jobs",
    params(("task" = String, Path, description = "The task's name.")),
    request_body = LimitBody,
    responses((status = 204, description = "From now on."), Failure)
)]
async fn set_time_limit(
    State(state): State<AppState>,
    Caller(actor): Caller,
    Path(name): Path<String>,
    Json(body): Json<LimitBody>,
) -> ApiResult<StatusCode> {
    let soft_ms = optional_ms("soft_time_limit", body.soft_time_limit)?;
    let hard_ms = optional_ms("time_limit", body.time_limit)?;
    state.engine.set_job_limit(&actor, TaskLimit { name, soft_ms, hard_ms }).await?;
    Ok(StatusCode::NO_CONTENT)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_is_read_and_written() {
        for (text, interval) in [("10/s", 100), ("10/m", 6000), ("2/h", 1_800_000)] {
            assert_eq!(read(text).unwrap(), interval);
            assert_eq!(written(interval), text);
        }
        assert_eq!(read("5").unwrap(), 200, "without a unit, a second");
        for odd in ["", "x/s", "10/d", "0/s", "-1/s"] {
            assert!(read(odd).is_err(), "{odd}");
        }
    }
}
