//! Sweeps: a task of a project over a space of arguments.

use super::extract::{Json, Path, Query};
use super::jobs::{OptionsBody, check_command};
use super::wire::Time;
use crate::api::routing::{Routes, routes};
use crate::auth::Caller;
use crate::error::{ApiResult, Failure};
use crate::state::AppState;
use axum::extract::State;
use axum::http::StatusCode;
use branchline_core::{Clock, Error, Result, SystemClock};
use branchline_engine::{Axis, NewSweep, ProjectWork, Sweep, SweepDetail, SweepRow, sweep_method};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use utoipa::{IntoParams, ToSchema};

pub(super) fn routes() -> Routes {
    Routes::new()
        .routes(routes!(submit_sweep))
        .routes(routes!(list_sweeps))
        .routes(routes!(get_sweep))
        .routes(routes!(stop_sweep))
}

/// Numbers between two, both included.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct RangeBody {
    min: f64,
    max: f64,
    /// How many of them; has to be said for a grid.
    #[serde(skip_serializing_if = "Option::is_none")]
    steps: Option<u32>,
    /// Even in their orders of magnitude.
    #[serde(default)]
    log: bool,
}

/// What a parameter goes over: values, or a range.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(untagged)]
enum AxisBody {
    Values(Vec<Value>),
    Range(RangeBody),
}

impl From<AxisBody> for Axis {
    fn from(body: AxisBody) -> Self {
        match body {
            AxisBody::Values(values) => Self::Values(values),
            AxisBody::Range(RangeBody { min, max, steps, log }) => {
                Self::Range { min, max, steps, log }
            }
        }
    }
}

fn grid() -> String {
    "grid".to_owned()
}

fn max() -> String {
    "max".to_owned()
}

/// A sweep to queue; at most 500 jobs.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct SubmitSweep {
    /// A task, `file.function`; or `entry_point`.
    task: Option<String>,
    /// An entry point of `MLproject`.
    entry_point: Option<String>,
    /// By parameter: values, or a range.
    space: BTreeMap<String, AxisBody>,
    /// What is the same for each job.
    #[serde(default)]
    #[schema(value_type = Object)]
    arguments: Map<String, Value>,
    /// `grid`: every combination; `random`: `count` by chance.
    #[serde(default = "grid")]
    method: String,
    /// Jobs of a random sweep.
    count: Option<usize>,
    /// The same seed draws the same jobs; 0 when absent.
    seed: Option<u64>,
    /// A metric of the jobs' runs, or a member of their results; the result itself when absent.
    metric: Option<String>,
    /// `max` or `min`.
    #[serde(default = "max")]
    goal: String,
    #[serde(flatten)]
    options: OptionsBody,
}

impl SubmitSweep {
    fn read(self, now: i64) -> Result<NewSweep> {
        let work = match (self.task, self.entry_point) {
            (Some(task), None) => ProjectWork::Task(task),
            (None, Some(entry)) => ProjectWork::EntryPoint(entry),
            _ => return Err(Error::invalid("A sweep has a 'task' or an 'entry_point'.")),
        };
        let minimize = match self.goal.as_str() {
            "max" => false,
            "min" => true,
            other => return Err(Error::invalid(format!("'{other}' is no goal: max, min."))),
        };
        let method = sweep_method(&self.method, self.count, self.seed)?;
        let asked = json!({
            "space": self.space,
            "arguments": self.arguments,
            "count": self.count,
            "seed": self.seed,
        });
        let (_, options) = self.options.read(now)?;
        Ok(NewSweep {
            work,
            space: self.space.into_iter().map(|(name, axis)| (name, axis.into())).collect(),
            arguments: self.arguments,
            method,
            asked: asked.to_string(),
            metric: self.metric.filter(|metric| !metric.is_empty()),
            minimize,
            options,
        })
    }
}

/// A sweep.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Sweep)]
struct SweepBody {
    sweep_id: String,
    project_id: Option<i64>,
    task: String,
    /// `grid` or `random`.
    method: &'static str,
    /// What was asked for: `space`, `arguments`, `count`, `seed`.
    #[schema(value_type = Object)]
    asked: Value,
    metric: Option<String>,
    /// `max` or `min`.
    goal: &'static str,
    created_at: Time,
    /// Jobs by state.
    states: BTreeMap<String, i64>,
}

impl From<Sweep> for SweepBody {
    fn from(sweep: Sweep) -> Self {
        Self {
            sweep_id: sweep.id,
            project_id: sweep.project,
            task: sweep.task,
            method: if sweep.random { "random" } else { "grid" },
            asked: serde_json::from_str(&sweep.space).unwrap_or_default(),
            metric: sweep.metric,
            goal: if sweep.minimize { "min" } else { "max" },
            created_at: Time(sweep.created_at),
            states: sweep.states,
        }
    }
}

/// One job of a sweep.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = SweepRow)]
struct RowBody {
    task_id: String,
    status: &'static str,
    /// By name, as the job was given them.
    #[schema(value_type = Object)]
    arguments: Value,
    /// What it is compared by, once it is known.
    value: Option<f64>,
    /// In one line, what went wrong.
    message: Option<String>,
    started_at: Option<Time>,
    ended_at: Option<Time>,
}

impl From<SweepRow> for RowBody {
    fn from(row: SweepRow) -> Self {
        let job = row.job;
        Self {
            task_id: job.task_id,
            status: job.state.as_str(),
            arguments: serde_json::from_str(&job.work.kwargs).unwrap_or_default(),
            value: row.value,
            message: job.message,
            started_at: job.started_at.map(Time),
            ended_at: job.ended_at.map(Time),
        }
    }
}

/// A sweep with its jobs.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = SweepDetail)]
struct DetailBody {
    #[serde(flatten)]
    sweep: SweepBody,
    /// The best first; those without a value after them, in the order of their making.
    jobs: Vec<RowBody>,
}

impl From<SweepDetail> for DetailBody {
    fn from(detail: SweepDetail) -> Self {
        Self { sweep: detail.sweep.into(), jobs: detail.rows.into_iter().map(Into::into).collect() }
    }
}

/// Queues a sweep, all of its jobs or none. They carry its id as their root.
#[utoipa::path(
    post,
    path = "/api/v1/projects/{id}/sweeps",
    tag = "projects",
    params(("id" = String, Path, description = "The project's number, name, or folder.")),
    request_body(
        content = SubmitSweep,
        example = json!({
            "task": "tasks.train",
            "space": {"alpha": {"min": 0.001, "max": 1, "steps": 4, "log": true}},
            "metric": "rmse",
            "goal": "min"
        })
    ),
    responses((status = 201, description = "Queued, and on the disk.", body = DetailBody), Failure)
)]
async fn submit_sweep(
    State(state): State<AppState>,
    Caller(actor): Caller,
    Path(id): Path<String>,
    Json(body): Json<SubmitSweep>,
) -> ApiResult<(StatusCode, Json<DetailBody>)> {
    check_command(&state, true)?;
    let new = body.read(SystemClock.now_ms())?;
    let sweep = state.engine.submit_sweep(&actor, &id, new).await?;
    Ok((StatusCode::CREATED, Json(sweep.into())))
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct ListSweeps {
    /// Only sweeps of this project.
    project: Option<String>,
}

/// Sweeps.
#[derive(Debug, Serialize, ToSchema)]
struct SweepList {
    sweeps: Vec<SweepBody>,
}

/// Lists sweeps, newest first.
#[utoipa::path(
    get,
    path = "/api/v1/sweeps",
    tag = "projects",
    params(ListSweeps),
    responses((status = 200, description = "The newest 200.", body = SweepList), Failure)
)]
async fn list_sweeps(
    State(state): State<AppState>,
    Caller(actor): Caller,
    Query(query): Query<ListSweeps>,
) -> ApiResult<Json<SweepList>> {
    let sweeps = state.engine.sweeps(&actor, query.project.as_deref()).await?;
    Ok(Json(SweepList { sweeps: sweeps.into_iter().map(Into::into).collect() }))
}

/// A sweep with its jobs, the best first.
#[utoipa::path(
    get,
    path = "/api/v1/sweeps/{id}",
    tag = "projects",
    params(("id" = String, Path, description = "The sweep's id.")),
    responses((status = 200, description = "As it stands.", body = DetailBody), Failure)
)]
async fn get_sweep(
    State(state): State<AppState>,
    Caller(actor): Caller,
    Path(id): Path<String>,
) -> ApiResult<Json<DetailBody>> {
    Ok(Json(state.engine.sweep(&actor, &id).await?.into()))
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct StopSweep {
    /// Also end what runs.
    #[serde(default)]
    running: bool,
}

/// How many jobs were stopped.
#[derive(Debug, Serialize, ToSchema)]
struct StoppedSweep {
    stopped: usize,
}

/// Stops the rest of a sweep: what has not started, and what runs if that is wanted too.
#[utoipa::path(
    post,
    path = "/api/v1/sweeps/{id}/stop",
    tag = "projects",
    params(("id" = String, Path, description = "The sweep's id."), StopSweep),
    responses((status = 200, description = "How many.", body = StoppedSweep), Failure)
)]
async fn stop_sweep(
    State(state): State<AppState>,
    Caller(actor): Caller,
    Path(id): Path<String>,
    Query(query): Query<StopSweep>,
) -> ApiResult<Json<StoppedSweep>> {
    let stopped = state.engine.stop_sweep(&actor, &id, query.running).await?;
    Ok(Json(StoppedSweep { stopped }))
}
