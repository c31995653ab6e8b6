//! Rules: what the caller wants to be told of, and what they were told.

mod body;
mod notifications;

use super::extract::{Json, Path, Query};
use super::wire::page_size;
use crate::api::routing::{Routes, routes};
use crate::auth::Caller;
use crate::error::{ApiResult, Failure};
use crate::mail;
use crate::state::AppState;
use crate::told::TOLD;
use crate::webhooks::check_url;
use axum::extract::State;
use axum::http::StatusCode;
use body::{NotificationBody, RuleBody, SubmitRule};
use branchline_core::{Actor, NewRule};
use branchline_engine::{Channel, Delivery};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

pub(super) fn routes() -> Routes {
    Routes::new()
        .routes(routes!(list_rules, create_rule))
        .routes(routes!(get_rule, replace_rule, delete_rule))
        .routes(routes!(test_rule))
        .routes(routes!(rule_history))
        .merge(notifications::routes())
}

const PAGE: usize = 50;
const MOST_ON_PAGE: usize = 1000;

/// The caller's rules.
#[derive(Debug, Serialize, ToSchema)]
struct RuleList {
    rules: Vec<RuleBody>,
}

/// Lists the caller's rules, newest first.
#[utoipa::path(
    get,
    path = "/api/v1/rules",
    tag = "rules",
    responses((status = 200, description = "All of them.", body = RuleList), Failure)
)]
async fn list_rules(
    State(state): State<AppState>,
    Caller(actor): Caller,
) -> ApiResult<Json<RuleList>> {
    let rules = state.engine.rules(&actor).await?;
    Ok(Json(RuleList { rules: rules.into_iter().map(Into::into).collect() }))
}

/// Reads a rule that the caller may have, its address looked up.
async fn checked(
    state: &AppState,
    actor: &Actor,
    body: SubmitRule,
) -> branchline_core::Result<(NewRule, Option<String>)> {
    let (what, secret) = body.read()?;
    // Before an address is looked up for them.
    state.engine.check_rule(actor, &what, secret.as_deref())?;
    if let Some(webhook) = &what.tell.webhook {
        check_url(webhook, &state.options.webhooks).await?;
    }
    Ok((what, secret))
}

/// Makes a rule of the caller's. It tells of what they may see. A metric is told of once per
/// run, until a value comes five minutes or later that is none to tell of, or the run ends.
#[utoipa::path(
    post,
    path = "/api/v1/rules",
    tag = "rules",
    request_body = SubmitRule,
    responses((status = 201, description = "Made.", body = RuleBody), Failure)
)]
async fn create_rule(
    State(state): State<AppState>,
    Caller(actor): Caller,
    Json(body): Json<SubmitRule>,
) -> ApiResult<(StatusCode, Json<RuleBody>)> {
    let (what, secret) = checked(&state, &actor, body).await?;
    let made = state.engine.create_rule(&actor, what, secret).await?;
    Ok((StatusCode::CREATED, Json(made.into())))
}

/// Shows a rule of the caller's.
#[utoipa::path(
    get,
    path = "/api/v1/rules/{id}",
    tag = "rules",
    params(("id" = String, Path, description = "The rule's id.")),
    responses((status = 200, description = "As it stands.", body = RuleBody), Failure)
)]
async fn get_rule(
    State(state): State<AppState>,
    Caller(actor): Caller,
    Path(id): Path<String>,
) -> ApiResult<Json<RuleBody>> {
    Ok(Json(state.engine.rule(&actor, &id).await?.into()))
}

/// Writes a rule of the caller's anew. What it had told of metrics is told again when it comes
/// again; what it owes by a channel that it has no more is not delivered.
#[utoipa::path(
    put,
    path = "/api/v1/rules/{id}",
    tag = "rules",
    params(("id" = String, Path, description = "The rule's id.")),
    request_body = SubmitRule,
    responses((status = 200, description = "As it is now.", body = RuleBody), Failure)
)]
async fn replace_rule(
    State(state): State<AppState>,
    Caller(actor): Caller,
    Path(id): Path<String>,
    Json(body): Json<SubmitRule>,
) -> ApiResult<Json<RuleBody>> {
    state.engine.rule(&actor, &id).await?;
    let (what, secret) = checked(&state, &actor, body).await?;
    Ok(Json(state.engine.update_rule(&actor, &id, what, secret).await?.into()))
}

/// Removes a rule of the caller's, with what is owed by it. What it told in the window stays.
#[utoipa::path(
    delete,
    path = "/api/v1/rules/{id}",
    tag = "rules",
    params(("id" = String, Path, description = "The rule's id.")),
    responses((status = 204, description = "Removed."), Failure)
)]
async fn delete_rule(
    State(state): State<AppState>,
    Caller(actor): Caller,
    Path(id): Path<String>,
) -> ApiResult<StatusCode> {
    state.engine.delete_rule(&actor, &id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Tells a test by every channel of a rule at once, and answers what became of it.
#[utoipa::path(
    post,
    path = "/api/v1/rules/{id}/test",
    tag = "rules",
    params(("id" = String, Path, description = "The rule's id.")),
    responses((status = 200, description = "What became of it.", body = NotificationBody), Failure)
)]
async fn test_rule(
    State(state): State<AppState>,
    Caller(actor): Caller,
    Path(id): Path<String>,
) -> ApiResult<Json<NotificationBody>> {
    let mut became = Vec::new();
    for delivery in state.engine.test_rule(&actor, &id).await? {
        became.push((delivery.channel, attempt(&state, &actor, &delivery).await));
    }
    Ok(Json(state.engine.note_test(&actor, &id, became).await?.into()))
}

/// What became of one attempt: `told`, `kept`, or why not.
async fn attempt(state: &AppState, actor: &Actor, delivery: &Delivery) -> String {
    let outcome = match delivery.channel {
        Channel::Webhook => match state.webhooks.send(delivery).await {
            Ok(sent) if sent.is_refusal() => return sent.words(),
            sent => sent.map(|_| TOLD),
        },
        Channel::Email => mail::deliver(state, actor, delivery).await.map(mail::Given::became),
    };
    outcome.map_or_else(|error| error.message, str::to_owned)
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct ListTold {
    /// On a page, 50 when absent.
    max_results: Option<usize>,
    /// Where the page starts.
    page_token: Option<String>,
}

/// A page of what a rule told.
#[derive(Debug, Serialize, ToSchema)]
struct RuleHistory {
    notifications: Vec<NotificationBody>,
    /// Absent on the last page.
    next_page_token: Option<String>,
}

/// Lists what a rule of the caller's told, newest first; the last two hundred are remembered.
#[utoipa::path(
    get,
    path = "/api/v1/rules/{id}/history",
    tag = "rules",
    params(("id" = String, Path, description = "The rule's id."), ListTold),
    responses((status = 200, description = "One page.", body = RuleHistory), Failure)
)]
async fn rule_history(
    State(state): State<AppState>,
    Caller(actor): Caller,
    Path(id): Path<String>,
    Query(query): Query<ListTold>,
) -> ApiResult<Json<RuleHistory>> {
    let many = page_size(query.max_results, PAGE, MOST_ON_PAGE)?;
    let page = state.engine.rule_history(&actor, &id, many, query.page_token).await?;
    Ok(Json(RuleHistory {
        notifications: page.items.into_iter().map(Into::into).collect(),
        next_page_token: page.next_page_token,
    }))
}
