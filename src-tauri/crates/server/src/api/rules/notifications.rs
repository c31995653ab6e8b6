//! What the caller was told in the window.

use super::body::NotificationBody;
use super::{MOST_ON_PAGE, PAGE};
use crate::api::extract::{Json, Query};
use crate::api::routing::{Routes, routes};
use crate::api::wire::page_size;
use crate::auth::Caller;
use crate::error::{ApiResult, Failure};
use crate::state::AppState;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

pub(super) fn routes() -> Routes {
    Routes::new().routes(routes!(list_notifications)).routes(routes!(read_notifications))
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct ListNotifications {
    /// Only what was not seen yet.
    #[serde(default)]
    unread: bool,
    /// On a page, 50 when absent.
    max_results: Option<usize>,
    /// Where the page starts.
    page_token: Option<String>,
}

/// A page of what the caller was told.
#[derive(Debug, Serialize, ToSchema)]
struct NotificationPage {
    notifications: Vec<NotificationBody>,
    /// How much of all they have not seen.
    unread: i64,
    /// Absent on the last page.
    next_page_token: Option<String>,
}

/// Lists what the caller was told in the window, newest first; the last thousand are
/// remembered. What is new comes over the topic `notifications` of `/api/v1/events`.
#[utoipa::path(
    get,
    path = "/api/v1/notifications",
    tag = "rules",
    params(ListNotifications),
    responses((status = 200, description = "One page.", body = NotificationPage), Failure)
)]
async fn list_notifications(
    State(state): State<AppState>,
    Caller(actor): Caller,
    Query(query): Query<ListNotifications>,
) -> ApiResult<Json<NotificationPage>> {
    let many = page_size(query.max_results, PAGE, MOST_ON_PAGE)?;
    let (page, unread) =
        state.engine.notifications(&actor, query.unread, many, query.page_token).await?;
    Ok(Json(NotificationPage {
        notifications: page.items.into_iter().map(Into::into).collect(),
        unread,
        next_page_token: page.next_page_token,
    }))
}

/// What was seen.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"ids": [7]}))]
struct ReadNotifications {
    /// These; all of it when absent.
    ids: Option<Vec<i64>>,
}

/// How much the caller has not seen.
#[derive(Debug, Serialize, ToSchema)]
struct Unread {
    unread: i64,
}

/// Notes that the caller has seen what they were told.
#[utoipa::path(
    post,
    path = "/api/v1/notifications/read",
    tag = "rules",
    request_body = ReadNotifications,
    responses((status = 200, description = "How much is left.", body = Unread), Failure)
)]
async fn read_notifications(
    State(state): State<AppState>,
    Caller(actor): Caller,
    Json(body): Json<ReadNotifications>,
) -> ApiResult<Json<Unread>> {
    let unread = state.engine.read_notifications(&actor, body.ids).await?;
    Ok(Json(Unread { unread }))
}
