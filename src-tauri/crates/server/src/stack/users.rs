//! Users, as the stack's clients know them.

use super::error::{StackError, StackResult};
use super::extract::{Json, Part, Path, Query, Superuser};
use crate::api::routing::{Routes, routes};
use crate::auth::Caller;
use crate::error::Failure;
use crate::mail;
use crate::state::AppState;
use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::get;
use branchline_core::{ErrorCode, User};
use branchline_engine::{NewUser, UserUpdate};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

pub(super) fn routes() -> Routes {
    Routes::new()
        .routes(routes!(list_users, create_user))
        .routes(routes!(read_me, put_me))
        .routes(routes!(open_user))
        .routes(routes!(read_user, update_user, delete_user))
}

/// The same without the slash, which clients forget.
pub(super) fn plain_routes() -> Router<AppState> {
    Router::new().route("/api/v1/users", get(list_users).post(create_user))
}

/// A user.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct StackUser {
    id: i64,
    #[schema(example = "ada@example.org")]
    email: String,
    full_name: String,
    is_active: bool,
    is_superuser: bool,
}

impl From<User> for StackUser {
    fn from(user: User) -> Self {
        Self {
            id: user.id,
            email: user.email,
            full_name: user.full_name,
            is_active: user.is_active,
            is_superuser: user.is_superuser,
        }
    }
}

const TAKEN: &str = "The user with this username already exists in the system.";
const PRIVILEGES: &str = "The user doesn't have enough privileges";
const UNKNOWN: &str = "The user with this username does not exist in the system";

fn taken(error: branchline_core::Error, words: &str) -> StackError {
    match error.code {
        // The stack's status and words; the code tells our own programs what it is.
        ErrorCode::ResourceAlreadyExists => branchline_core::Error::already_exists(words).into(),
        _ => error.into(),
    }
}

/// All users.
#[utoipa::path(
    get,
    path = "/api/v1/users/",
    tag = "users",
    params(Part),
    responses((status = 200, description = "In the order of their making.", body = [StackUser]), Failure)
)]
async fn list_users(
    State(state): State<AppState>,
    Superuser(actor): Superuser,
    Query(part): Query<Part>,
) -> StackResult<Json<Vec<StackUser>>> {
    let users = state.engine.users(&actor, part.skip, part.limit).await?;
    Ok(Json(users.into_iter().map(Into::into).collect()))
}

fn yes() -> bool {
    true
}

/// A user to be made.
#[derive(Deserialize, ToSchema)]
#[schema(example = json!({"email": "bob@example.org", "password": "pascaline-1642", "full_name": "Bob"}))]
struct CreateUser {
    email: String,
    /// 8 to 128 characters.
    password: String,
    full_name: Option<String>,
    #[serde(default = "yes")]
    is_active: bool,
    #[serde(default)]
    is_superuser: bool,
}

/// Makes a user, and writes to them when there is a mail server. The mail holds no password.
#[utoipa::path(
    post,
    path = "/api/v1/users/",
    tag = "users",
    request_body = CreateUser,
    responses(
        (status = 200, description = "The user.", body = StackUser),
        Failure
    )
)]
async fn create_user(
    State(state): State<AppState>,
    Superuser(actor): Superuser,
    Json(body): Json<CreateUser>,
) -> StackResult<Json<StackUser>> {
    let new = NewUser {
        email: body.email,
        password: Some(body.password),
        full_name: body.full_name.unwrap_or_default(),
        inactive: !body.is_active,
        is_superuser: body.is_superuser,
    };
    let user = state.engine.create_user(&actor, new).await.map_err(|e| taken(e, TAKEN))?;
    if state.options.mail.is_on() {
        tokio::spawn(mail::new_account(state, user.email.clone()));
    }
    Ok(Json(user.into()))
}

/// The caller.
#[utoipa::path(
    get,
    path = "/api/v1/users/me",
    tag = "users",
    responses((status = 200, description = "The user.", body = StackUser), Failure)
)]
async fn read_me(
    State(state): State<AppState>,
    Caller(actor): Caller,
) -> StackResult<Json<StackUser>> {
    Ok(Json(state.engine.user(&actor).await?.into()))
}

/// What to change of oneself; absent fields stay.
#[derive(Deserialize, ToSchema)]
#[schema(example = json!({"full_name": "Ada Lovelace"}))]
struct UpdateMe {
    password: Option<String>,
    full_name: Option<String>,
    email: Option<String>,
}

/// Changes the caller's name, e-mail or password. Another password ends sessions and tokens.
#[utoipa::path(
    put,
    path = "/api/v1/users/me",
    tag = "users",
    request_body = UpdateMe,
    responses(
        (status = 200, description = "As it is now.", body = StackUser),
        Failure
    )
)]
async fn put_me(
    State(state): State<AppState>,
    Caller(actor): Caller,
    Json(body): Json<UpdateMe>,
) -> StackResult<Json<StackUser>> {
    let UpdateMe { password, full_name, email } = body;
    let update = UserUpdate { password, full_name, email, ..UserUpdate::default() };
    let user = state.engine.update_user(&actor, actor.user_id, update).await;
    state.forget_owner();
    Ok(Json(user.map_err(|e| taken(e, TAKEN))?.into()))
}

/// A person who makes an account for themselves.
#[derive(Deserialize, ToSchema)]
#[schema(example = json!({"email": "eve@example.org", "password": "stepped-reckoner", "full_name": "Eve"}))]
struct OpenUser {
    email: String,
    password: String,
    full_name: Option<String>,
}

/// Makes an account for oneself, where the server lets people.
#[utoipa::path(
    post,
    path = "/api/v1/users/open",
    tag = "users",
    security(()),
    request_body = OpenUser,
    responses(
        (status = 200, description = "The user.", body = StackUser),
        Failure
    )
)]
async fn open_user(
    State(state): State<AppState>,
    Json(body): Json<OpenUser>,
) -> StackResult<Json<StackUser>> {
    if !state.options.open_registration {
        return Err(StackError::Said(
            StatusCode::FORBIDDEN,
            "Open user registration is forbidden on this server".to_owned(),
        ));
    }
    let OpenUser { email, password, full_name } = body;
    let made = state.engine.register(email, password, full_name.unwrap_or_default()).await;
    Ok(Json(made.map_err(|e| taken(e, TAKEN.trim_end_matches('.')))?.into()))
}

/// A user: oneself, or anybody for a superuser.
#[utoipa::path(
    get,
    path = "/api/v1/users/{id}",
    tag = "users",
    params(("id" = i64, Path, description = "The user's number.")),
    responses((status = 200, description = "The user.", body = StackUser), Failure)
)]
async fn read_user(
    State(state): State<AppState>,
    Caller(actor): Caller,
    Path(id): Path<i64>,
) -> StackResult<Json<StackUser>> {
    if id != actor.user_id && !actor.is_superuser {
        return Err(StackError::bad(PRIVILEGES));
    }
    Ok(Json(state.engine.user_by_id(&actor, id).await?.into()))
}

/// What to change of a user; absent fields stay.
#[derive(Deserialize, ToSchema)]
#[schema(example = json!({"full_name": "Bob Pascal", "is_active": true}))]
struct UpdateUser {
    email: Option<String>,
    full_name: Option<String>,
    is_active: Option<bool>,
    is_superuser: Option<bool>,
    password: Option<String>,
}

/// Changes a user. Another password and other rights end their sessions and tokens.
#[utoipa::path(
    put,
    path = "/api/v1/users/{id}",
    tag = "users",
    params(("id" = i64, Path, description = "The user's number.")),
    request_body = UpdateUser,
    responses(
        (status = 200, description = "As it is now.", body = StackUser),
        Failure
    )
)]
async fn update_user(
    State(state): State<AppState>,
    Superuser(actor): Superuser,
    Path(id): Path<i64>,
    Json(body): Json<UpdateUser>,
) -> StackResult<Json<StackUser>> {
    let UpdateUser { email, full_name, is_active, is_superuser, password } = body;
    let update = UserUpdate { email, full_name, is_active, is_superuser, password };
    let user = state.engine.update_user(&actor, id, update).await;
    state.forget_owner();
    let user = user.map_err(|error| match error.code {
        ErrorCode::ResourceDoesNotExist => StackError::missing(UNKNOWN),
        _ => taken(error, TAKEN),
    })?;
    Ok(Json(user.into()))
}

/// Removes a user with their tokens, permissions and items; what they made stays.
#[utoipa::path(
    delete,
    path = "/api/v1/users/{id}",
    tag = "users",
    params(("id" = i64, Path, description = "The user's number.")),
    responses((status = 200, description = "As it was.", body = StackUser), Failure)
)]
async fn delete_user(
    State(state): State<AppState>,
    Superuser(actor): Superuser,
    Path(id): Path<i64>,
) -> StackResult<Json<StackUser>> {
    let user = state.engine.delete_user(&actor, id).await;
    state.forget_owner();
    Ok(Json(user?.into()))
}
