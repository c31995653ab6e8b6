//! The API of the stack that Branchline takes the place of: its paths, bodies, statuses
//! and words, under `/api/v1`. What is wrong with it there is not wrong here.

mod error;
mod extract;
mod items;
mod live;
mod login;
mod ml;
mod users;
mod utils;

pub(crate) use error::{ValidationError, refusal};
pub(crate) use live::Room;

use crate::api::routing::Routes;
use crate::state::AppState;
use axum::Router;

/// First parts of the paths whose failures speak the stack's words.
const PARTS: [&str; 7] =
    ["login", "password-recovery", "reset-password", "users", "utils", "items", "ml"];

/// Whether a path is one of the stack's.
pub(crate) fn is_stack(path: &str) -> bool {
    path.strip_prefix("/api/v1/")
        .is_some_and(|rest| PARTS.contains(&rest.split('/').next().unwrap_or_default()))
}

/// Routes and their documentation.
pub(crate) fn routes() -> Routes {
    Routes::new()
        .merge(login::routes())
        .merge(users::routes())
        .merge(items::routes())
        .merge(utils::routes())
        .merge(ml::routes())
}

/// What no document of HTTP operations can describe, and other spellings of paths.
pub(crate) fn plain_routes() -> Router<AppState> {
    live::routes()
        .merge(users::plain_routes())
        .merge(items::plain_routes())
        .merge(utils::plain_routes())
}
