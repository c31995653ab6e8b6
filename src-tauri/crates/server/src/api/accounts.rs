//! Beyond the caller's own account: sessions, the outbox, permissions, the signing key.

use super::extract::{Json, Path, Query};
use super::wire::Time;
use crate::api::routing::{Routes, routes};
use crate::auth::{Administrator, Caller, Presented};
use crate::error::{ApiResult, Failure};
use crate::state::AppState;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use branchline_core::{Error, Grant, Permission, Resource, Result};
use branchline_engine::{Mail, SessionInfo};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

pub(super) fn routes() -> Routes {
    Routes::new()
        .routes(routes!(list_sessions))
        .routes(routes!(revoke_session))
        .routes(routes!(rotate_key))
        .routes(routes!(list_mail))
        .routes(routes!(get_mail))
        .routes(routes!(list_permissions, put_permission, delete_permission))
        .routes(routes!(list_people))
}

/// Where somebody is signed in.
#[derive(Debug, Serialize, ToSchema)]
struct SignedIn {
    id: i64,
    /// `browser`, or `api` for a token of the stack's sign-in.
    kind: String,
    /// What the client calls itself.
    agent: String,
    created_at: Time,
    expires_at: Time,
    /// To the minute.
    last_used_at: Option<Time>,
    /// The session of this request.
    current: bool,
}

impl From<SessionInfo> for SignedIn {
    fn from(session: SessionInfo) -> Self {
        Self {
            id: session.id,
            kind: session.kind,
            agent: session.agent,
            created_at: Time(session.created_at),
            expires_at: Time(session.expires_at),
            last_used_at: session.last_used_at.map(Time),
            current: session.current,
        }
    }
}

/// The caller's sessions.
#[derive(Debug, Serialize, ToSchema)]
struct SessionList {
    sessions: Vec<SignedIn>,
}

/// Lists where the caller is signed in.
#[utoipa::path(
    get,
    path = "/api/v1/sessions",
    tag = "account",
    responses((status = 200, description = "Newest first.", body = SessionList), Failure)
)]
async fn list_sessions(
    State(state): State<AppState>,
    Caller(actor): Caller,
    headers: HeaderMap,
) -> ApiResult<Json<SessionList>> {
    let presented = Presented::read(&headers, &state.cookie)?;
    let credential = presented.as_ref().map(Presented::credential);
    let sessions = state.engine.sessions(&actor, credential).await?;
    Ok(Json(SessionList { sessions: sessions.into_iter().map(Into::into).collect() }))
}

/// Signs the caller out somewhere.
#[utoipa::path(
    delete,
    path = "/api/v1/sessions/{id}",
    tag = "account",
    params(("id" = i64, Path, description = "The session's number.")),
    responses((status = 204, description = "Ended."), Failure)
)]
async fn revoke_session(
    State(state): State<AppState>,
    Caller(actor): Caller,
    Path(id): Path<i64>,
) -> ApiResult<StatusCode> {
    state.engine.revoke_session(&actor, id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Makes another signing key: everybody is signed out, and every token of the stack's
/// sign-in ends. Personal access tokens stay.
#[utoipa::path(
    post,
    path = "/api/v1/signing-key/rotate",
    tag = "account",
    responses((status = 204, description = "Done."), Failure)
)]
async fn rotate_key(
    State(state): State<AppState>,
    Administrator(actor): Administrator,
) -> ApiResult<StatusCode> {
    state.engine.rotate_signing_key(&actor).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// A mail in the outbox.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Mail)]
struct MailBody {
    id: i64,
    /// `new_account`, `recovery` or `test`.
    kind: &'static str,
    to: String,
    subject: String,
    /// `kept` (there is no mail server), `sending`, `sent` or `failed`.
    state: &'static str,
    /// What the mail server said when it failed.
    error: Option<String>,
    created_at: Time,
    sent_at: Option<Time>,
    /// Its words; with the link, for a recovery.
    text: String,
    /// The same in HTML.
    html: String,
}

impl From<Mail> for MailBody {
    fn from(mail: Mail) -> Self {
        Self {
            id: mail.id,
            kind: mail.mail.kind.as_str(),
            to: mail.mail.recipient,
            subject: mail.mail.subject,
            state: mail.state.as_str(),
            error: mail.error,
            created_at: Time(mail.created_at),
            sent_at: mail.sent_at.map(Time),
            text: mail.mail.text,
            html: mail.mail.html,
        }
    }
}

/// Mail that was written.
#[derive(Debug, Serialize, ToSchema)]
struct MailList {
    mail: Vec<MailBody>,
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct MailPart {
    /// Leave out the newest so many.
    #[serde(default)]
    skip: i64,
    /// At most so many.
    #[serde(default = "hundred")]
    limit: i64,
}

fn hundred() -> i64 {
    100
}

/// Lists the mail that was written, sent or not.
#[utoipa::path(
    get,
    path = "/api/v1/outbox",
    tag = "mail",
    params(MailPart),
    responses((status = 200, description = "Newest first.", body = MailList), Failure)
)]
async fn list_mail(
    State(state): State<AppState>,
    Administrator(actor): Administrator,
    Query(part): Query<MailPart>,
) -> ApiResult<Json<MailList>> {
    let mail = state.engine.mails(&actor, part.skip, part.limit).await?;
    Ok(Json(MailList { mail: mail.into_iter().map(Into::into).collect() }))
}

/// Shows one mail.
#[utoipa::path(
    get,
    path = "/api/v1/outbox/{id}",
    tag = "mail",
    params(("id" = i64, Path, description = "The mail's number.")),
    responses((status = 200, description = "The mail.", body = MailBody), Failure)
)]
async fn get_mail(
    State(state): State<AppState>,
    Administrator(actor): Administrator,
    Path(id): Path<i64>,
) -> ApiResult<Json<MailBody>> {
    Ok(Json(state.engine.mail(&actor, id).await?.into()))
}

/// What a user was given of a thing.
#[derive(Debug, Serialize, ToSchema)]
struct GrantBody {
    email: String,
    /// `experiment` or `registered_model`.
    resource_type: &'static str,
    /// The experiment's id, or the model's name.
    resource_id: String,
    /// `READ`, `USE`, `EDIT`, `MANAGE` or `NO_PERMISSIONS`.
    permission: &'static str,
}

impl From<Grant> for GrantBody {
    fn from(grant: Grant) -> Self {
        Self {
            email: grant.email,
            resource_type: grant.resource.as_str(),
            resource_id: grant.resource_id,
            permission: grant.permission.as_str(),
        }
    }
}

/// Permissions.
#[derive(Debug, Serialize, ToSchema)]
struct GrantList {
    permissions: Vec<GrantBody>,
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct Thing {
    /// `experiment` or `registered_model`.
    resource_type: String,
    /// The experiment's id, or the model's name.
    resource_id: String,
}

fn resource(text: &str) -> Result<Resource> {
    Resource::parse(text).ok_or_else(|| {
        Error::invalid(format!("'{text}' is not `experiment` or `registered_model`."))
    })
}

/// Lists who was given what of a thing.
#[utoipa::path(
    get,
    path = "/api/v1/permissions",
    tag = "permissions",
    params(Thing),
    responses((status = 200, description = "By user.", body = GrantList), Failure)
)]
async fn list_permissions(
    State(state): State<AppState>,
    Caller(actor): Caller,
    Query(thing): Query<Thing>,
) -> ApiResult<Json<GrantList>> {
    let about = (resource(&thing.resource_type)?, thing.resource_id.as_str());
    let grants = state.engine.grants_of_resource(&actor, about).await?;
    Ok(Json(GrantList { permissions: grants.into_iter().map(Into::into).collect() }))
}

/// A permission to give.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(example = json!({"email": "bob@example.org", "resource_type": "experiment", "resource_id": "1", "permission": "EDIT"}))]
struct PutPermission {
    email: String,
    resource_type: String,
    resource_id: String,
    permission: String,
}

/// Gives a permission, in the place of the one that the user was given.
#[utoipa::path(
    put,
    path = "/api/v1/permissions",
    tag = "permissions",
    request_body = PutPermission,
    responses((status = 200, description = "As it is now.", body = GrantBody), Failure)
)]
async fn put_permission(
    State(state): State<AppState>,
    Caller(actor): Caller,
    Json(body): Json<PutPermission>,
) -> ApiResult<Json<GrantBody>> {
    let permission = Permission::parse(&body.permission)
        .ok_or_else(|| Error::invalid(format!("'{}' is no permission.", body.permission)))?;
    let about = (resource(&body.resource_type)?, body.resource_id.as_str());
    Ok(Json(state.engine.grant(&actor, &body.email, about, permission).await?.into()))
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct WhosePermission {
    /// The user.
    email: String,
    /// `experiment` or `registered_model`.
    resource_type: String,
    /// The experiment's id, or the model's name.
    resource_id: String,
}

/// Takes a permission back: the default is in force again.
#[utoipa::path(
    delete,
    path = "/api/v1/permissions",
    tag = "permissions",
    params(WhosePermission),
    responses((status = 204, description = "Taken back."), Failure)
)]
async fn delete_permission(
    State(state): State<AppState>,
    Caller(actor): Caller,
    Query(whose): Query<WhosePermission>,
) -> ApiResult<StatusCode> {
    let about = (resource(&whose.resource_type)?, whose.resource_id.as_str());
    state.engine.revoke(&actor, &whose.email, about).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Who is connected to `/api/live`.
#[derive(Debug, Serialize, ToSchema)]
struct People {
    /// E-mails, sorted.
    people: Vec<String>,
}

/// Lists who is connected to `/api/live`.
#[utoipa::path(
    get,
    path = "/api/v1/activity",
    tag = "account",
    responses((status = 200, description = "Who is here.", body = People), Failure)
)]
async fn list_people(State(state): State<AppState>, _caller: Caller) -> ApiResult<Json<People>> {
    Ok(Json(People { people: state.room.people() }))
}
