//! Items: short notes, with an optional link beyond the stack's.

use super::error::{StackError, StackResult};
use super::extract::{Json, Path, Query, hundred};
use crate::api::routing::{Routes, routes};
use crate::api::wire::given;
use crate::auth::Caller;
use crate::error::Failure;
use crate::state::AppState;
use axum::Router;
use axum::extract::State;
use axum::routing::get;
use branchline_core::{Error, ErrorCode};
use branchline_engine::{Item, ItemLink, ItemSearch, ItemUpdate, LinkKind};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

pub(super) fn routes() -> Routes {
    Routes::new().routes(routes!(list_items, create_item)).routes(routes!(
        read_item,
        update_item,
        delete_item
    ))
}

/// The same without the slash, which clients forget.
pub(super) fn plain_routes() -> Router<AppState> {
    Router::new().route("/api/v1/items", get(list_items).post(create_item))
}

/// What a note is about.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[schema(as = ItemLink)]
struct Link {
    /// `experiment`, `run`, `registered_model`, `model_version` or `job`.
    #[schema(example = "run")]
    kind: String,
    /// Its number, id or name; a version's is `name/version`.
    id: String,
}

impl TryFrom<Link> for ItemLink {
    type Error = Error;
    fn try_from(link: Link) -> Result<Self, Error> {
        let kind = LinkKind::parse(&link.kind).ok_or_else(|| {
            Error::invalid(format!("'{}' is nothing that an item can point to.", link.kind))
        })?;
        Ok(Self { kind, id: link.id })
    }
}

/// A note.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Item)]
struct ItemBody {
    id: i64,
    title: String,
    /// Markdown.
    description: Option<String>,
    /// The user's number.
    owner_id: i64,
    /// What it is about.
    link: Option<Link>,
    created_at: crate::api::wire::Time,
    updated_at: crate::api::wire::Time,
}

impl From<Item> for ItemBody {
    fn from(item: Item) -> Self {
        Self {
            id: item.id,
            title: item.title,
            description: item.description,
            owner_id: item.owner_id,
            link: item.link.map(|link| Link { kind: link.kind.as_str().into(), id: link.id }),
            created_at: crate::api::wire::Time(item.created_at),
            updated_at: crate::api::wire::Time(item.updated_at),
        }
    }
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct WhichItems {
    /// Leave out the first so many.
    #[serde(default)]
    skip: i64,
    /// At most so many.
    #[serde(default = "hundred")]
    limit: i64,
    /// With this in the title or text.
    text: Option<String>,
    /// About a thing of this kind; goes with `link_id`.
    link_kind: Option<String>,
    /// About this thing.
    link_id: Option<String>,
}

/// The caller's items; everybody's for a superuser.
#[utoipa::path(
    get,
    path = "/api/v1/items/",
    tag = "items",
    params(WhichItems),
    responses((status = 200, description = "In the order of their making.", body = [ItemBody]), Failure)
)]
async fn list_items(
    State(state): State<AppState>,
    Caller(actor): Caller,
    Query(which): Query<WhichItems>,
) -> StackResult<Json<Vec<ItemBody>>> {
    let about = match (which.link_kind, which.link_id) {
        (Some(kind), Some(id)) => Some(Link { kind, id }.try_into()?),
        (None, None) => None,
        _ => return Err(StackError::bad("link_kind and link_id go together")),
    };
    let WhichItems { skip, limit, text, .. } = which;
    let items = state.engine.items(&actor, ItemSearch { about, text, skip, limit }).await?;
    Ok(Json(items.into_iter().map(Into::into).collect()))
}

/// A note to be made.
#[derive(Deserialize, ToSchema)]
#[schema(example = json!({"title": "Try a smaller alpha", "description": "The last one **underfits**."}))]
struct CreateItem {
    /// 1 to 255 characters.
    title: String,
    /// Markdown.
    description: Option<String>,
    /// What it is about.
    link: Option<Link>,
}

fn check_title(title: Option<&str>) -> StackResult<()> {
    match title.map(|title| title.chars().count()) {
        None | Some(1..=255) => Ok(()),
        Some(_) => Err(StackError::field(
            "body",
            "title",
            "ensure this value has 1 to 255 characters".into(),
            "value_error.any_str.length",
        )),
    }
}

/// Makes an item.
#[utoipa::path(
    post,
    path = "/api/v1/items/",
    tag = "items",
    request_body = CreateItem,
    responses(
        (status = 200, description = "The item.", body = ItemBody),
        Failure
    )
)]
async fn create_item(
    State(state): State<AppState>,
    Caller(actor): Caller,
    Json(body): Json<CreateItem>,
) -> StackResult<Json<ItemBody>> {
    check_title(Some(&body.title))?;
    let link = body.link.map(ItemLink::try_from).transpose()?;
    let item = state.engine.create_item(&actor, body.title, body.description, link).await?;
    Ok(Json(item.into()))
}

fn forbidden(error: Error) -> StackError {
    match error.code {
        ErrorCode::PermissionDenied if error.message == "Not enough permissions" => {
            StackError::bad("Not enough permissions")
        }
        _ => error.into(),
    }
}

/// An item.
#[utoipa::path(
    get,
    path = "/api/v1/items/{id}",
    tag = "items",
    params(("id" = i64, Path, description = "The item's number.")),
    responses((status = 200, description = "The item.", body = ItemBody), Failure)
)]
async fn read_item(
    State(state): State<AppState>,
    Caller(actor): Caller,
    Path(id): Path<i64>,
) -> StackResult<Json<ItemBody>> {
    Ok(Json(state.engine.item(&actor, id).await.map_err(forbidden)?.into()))
}

/// What to change of an item; absent fields stay.
#[derive(Deserialize, ToSchema)]
#[schema(example = json!({"title": "Try a much smaller alpha"}))]
struct UpdateItem {
    title: Option<String>,
    description: Option<String>,
    /// `null` takes the link away.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<Link>)]
    link: Option<Option<Link>>,
}

/// Changes an item.
#[utoipa::path(
    put,
    path = "/api/v1/items/{id}",
    tag = "items",
    params(("id" = i64, Path, description = "The item's number.")),
    request_body = UpdateItem,
    responses(
        (status = 200, description = "As it is now.", body = ItemBody),
        Failure
    )
)]
async fn update_item(
    State(state): State<AppState>,
    Caller(actor): Caller,
    Path(id): Path<i64>,
    Json(body): Json<UpdateItem>,
) -> StackResult<Json<ItemBody>> {
    check_title(body.title.as_deref())?;
    let link = match body.link {
        Some(Some(link)) => Some(Some(link.try_into()?)),
        Some(None) => Some(None),
        None => None,
    };
    let update = ItemUpdate { title: body.title, description: body.description, link };
    Ok(Json(state.engine.update_item(&actor, id, update).await.map_err(forbidden)?.into()))
}

/// Removes an item.
#[utoipa::path(
    delete,
    path = "/api/v1/items/{id}",
    tag = "items",
    params(("id" = i64, Path, description = "The item's number.")),
    responses((status = 200, description = "As it was.", body = ItemBody), Failure)
)]
async fn delete_item(
    State(state): State<AppState>,
    Caller(actor): Caller,
    Path(id): Path<i64>,
) -> StackResult<Json<ItemBody>> {
    Ok(Json(state.engine.delete_item(&actor, id).await.map_err(forbidden)?.into()))
}
