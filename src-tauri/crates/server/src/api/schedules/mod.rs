//! Schedules: jobs that are queued by themselves.

mod body;

use super::extract::{Json, Path, Query};
use super::jobs::{JobBody, check_command, read_job};
use super::wire::{Time, page_size};
use crate::api::routing::{Routes, routes};
use crate::auth::Caller;
use crate::error::{ApiResult, Failure};
use crate::state::AppState;
use axum::extract::State;
use axum::http::StatusCode;
use body::{ChangeSchedule, FireBody, ScheduleBody, SubmitSchedule, When};
use branchline_core::{Clock, Error, SystemClock};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

pub(super) fn routes() -> Routes {
    Routes::new()
        .routes(routes!(list_schedules, create_schedule))
        .routes(routes!(preview_schedule))
        .routes(routes!(get_schedule, change_schedule, delete_schedule))
        .routes(routes!(run_schedule))
        .routes(routes!(schedule_history))
}

const PAGE: usize = 100;
const MOST_ON_PAGE: usize = 1000;
const PREVIEWED: usize = 5;

/// The schedules.
#[derive(Debug, Serialize, ToSchema)]
struct ScheduleList {
    schedules: Vec<ScheduleBody>,
}

/// Lists the schedules, by name.
#[utoipa::path(
    get,
    path = "/api/v1/schedules",
    tag = "schedules",
    responses((status = 200, description = "All of them.", body = ScheduleList), Failure)
)]
async fn list_schedules(
    State(state): State<AppState>,
    Caller(actor): Caller,
) -> ApiResult<Json<ScheduleList>> {
    let schedules = state.engine.schedules(&actor).await?;
    Ok(Json(ScheduleList { schedules: schedules.into_iter().map(Into::into).collect() }))
}

/// Makes a schedule. It needs a superuser, whose jobs its jobs are.
#[utoipa::path(
    post,
    path = "/api/v1/schedules",
    tag = "schedules",
    request_body = SubmitSchedule,
    responses((status = 201, description = "Made, and on the disk.", body = ScheduleBody), Failure)
)]
async fn create_schedule(
    State(state): State<AppState>,
    Caller(actor): Caller,
    Json(body): Json<SubmitSchedule>,
) -> ApiResult<(StatusCode, Json<ScheduleBody>)> {
    check_command(&state, body.has_command())?;
    let made = state.engine.create_schedule(&actor, body.read()?, read_job).await?;
    Ok((StatusCode::CREATED, Json(made.into())))
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct PreviewOf {
    /// A cron expression; or `every`.
    cron: Option<String>,
    /// The time zone of `cron`; the server's own when absent.
    zone: Option<String>,
    /// Seconds between two times.
    every: Option<f64>,
    /// A time from which `every` counts; now when absent.
    #[param(value_type = Option<String>)]
    start: Option<Time>,
    /// How many times to show, 5 when absent.
    count: Option<usize>,
}

/// What a timing means, or why it means nothing.
#[derive(Debug, Default, Serialize, ToSchema)]
struct SchedulePreview {
    /// In words.
    words: String,
    /// The next times.
    times: Vec<Time>,
    /// What is wrong with it.
    problem: Option<String>,
    /// What to do about that.
    hint: Option<String>,
}

/// Shows what a timing means and its next times, or what is wrong with it, as one types it;
/// nothing is kept.
#[utoipa::path(
    get,
    path = "/api/v1/schedules/preview",
    tag = "schedules",
    params(PreviewOf),
    responses((status = 200, description = "From now on.", body = SchedulePreview), Failure)
)]
async fn preview_schedule(
    State(state): State<AppState>,
    Caller(_actor): Caller,
    Query(query): Query<PreviewOf>,
) -> ApiResult<Json<SchedulePreview>> {
    let start = query.start.map(|Time(at)| at);
    let when = When { cron: query.cron, zone: query.zone, every: query.every, start };
    let timing = when
        .read(SystemClock.now_ms())?
        .ok_or_else(|| Error::invalid("A schedule has 'cron' or 'every'."))?;
    let preview = state.engine.preview_schedule(&timing, query.count.unwrap_or(PREVIEWED));
    Ok(Json(match preview {
        Ok(preview) => SchedulePreview {
            words: preview.words,
            times: preview.times.into_iter().map(Time).collect(),
            ..SchedulePreview::default()
        },
        Err(error) => SchedulePreview {
            problem: Some(error.message),
            hint: error.hint,
            ..SchedulePreview::default()
        },
    }))
}

/// A schedule, by its id or its name.
#[utoipa::path(
    get,
    path = "/api/v1/schedules/{id}",
    tag = "schedules",
    params(("id" = String, Path, description = "The schedule's id or name.")),
    responses((status = 200, description = "As it stands.", body = ScheduleBody), Failure)
)]
async fn get_schedule(
    State(state): State<AppState>,
    Caller(actor): Caller,
    Path(id): Path<String>,
) -> ApiResult<Json<ScheduleBody>> {
    Ok(Json(state.engine.schedule(&actor, &id).await?.into()))
}

/// Changes a schedule, or switches it on or off. Times that pass while it is off are not
/// missed.
#[utoipa::path(
    patch,
    path = "/api/v1/schedules/{id}",
    tag = "schedules",
    params(("id" = String, Path, description = "The schedule's id or name.")),
    request_body = ChangeSchedule,
    responses((status = 200, description = "As it is now.", body = ScheduleBody), Failure)
)]
async fn change_schedule(
    State(state): State<AppState>,
    Caller(actor): Caller,
    Path(id): Path<String>,
    Json(body): Json<ChangeSchedule>,
) -> ApiResult<Json<ScheduleBody>> {
    check_command(&state, body.has_command())?;
    let now = state.engine.schedule(&actor, &id).await?;
    let update = body.read(&now.what.timing)?;
    let changed = state.engine.update_schedule(&actor, &now.uid, update, read_job).await?;
    Ok(Json(changed.into()))
}

/// Removes a schedule with its history; its jobs stay.
#[utoipa::path(
    delete,
    path = "/api/v1/schedules/{id}",
    tag = "schedules",
    params(("id" = String, Path, description = "The schedule's id or name.")),
    responses((status = 204, description = "Removed."), Failure)
)]
async fn delete_schedule(
    State(state): State<AppState>,
    Caller(actor): Caller,
    Path(id): Path<String>,
) -> ApiResult<StatusCode> {
    state.engine.delete_schedule(&actor, &id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Queues a schedule's job now; its times stay as they are.
#[utoipa::path(
    post,
    path = "/api/v1/schedules/{id}/run",
    tag = "schedules",
    params(("id" = String, Path, description = "The schedule's id or name.")),
    responses(
        (status = 201, description = "Queued, and on the disk.", body = JobBody),
        (status = 200, description = "The job with its unique key has not ended.", body = JobBody),
        Failure,
    )
)]
async fn run_schedule(
    State(state): State<AppState>,
    Caller(actor): Caller,
    Path(id): Path<String>,
) -> ApiResult<(StatusCode, Json<JobBody>)> {
    let queued = state.engine.run_schedule(&actor, &id, read_job).await?;
    let status = if queued.existed { StatusCode::OK } else { StatusCode::CREATED };
    Ok((status, Json(queued.job.into())))
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct ListFires {
    /// Times on a page, 100 when absent.
    max_results: Option<usize>,
    /// Where the page starts.
    page_token: Option<String>,
}

/// A page of the times at which a schedule fired.
#[derive(Debug, Serialize, ToSchema)]
struct FirePage {
    fires: Vec<FireBody>,
    /// Absent on the last page.
    next_page_token: Option<String>,
}

/// Lists the times at which a schedule fired, or should have, newest first; the last
/// thousand are remembered.
#[utoipa::path(
    get,
    path = "/api/v1/schedules/{id}/history",
    tag = "schedules",
    params(("id" = String, Path, description = "The schedule's id or name."), ListFires),
    responses((status = 200, description = "One page.", body = FirePage), Failure)
)]
async fn schedule_history(
    State(state): State<AppState>,
    Caller(actor): Caller,
    Path(id): Path<String>,
    Query(query): Query<ListFires>,
) -> ApiResult<Json<FirePage>> {
    let many = page_size(query.max_results, PAGE, MOST_ON_PAGE)?;
    let page = state.engine.schedule_history(&actor, &id, many, query.page_token).await?;
    Ok(Json(FirePage {
        fires: page.items.into_iter().map(Into::into).collect(),
        next_page_token: page.next_page_token,
    }))
}
