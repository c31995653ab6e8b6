//! The HTTP side of Branchline: MLflow's surface, the own API, live events and the
//! built UI, behind one guard.
//!
//! Every request passes [`guard`] once: `Host`, `Origin`, credential, then the
//! handler. A route that is not on the guard's list of public routes needs a
//! credential, so a new route is private until somebody says otherwise.

pub mod api;
pub mod auth;
pub mod config;
pub mod connect;
pub mod error;
mod files;
mod flower;
pub mod guard;
pub mod host;
mod hosts;
mod incoming;
mod lanes;
mod live;
pub mod local;
pub mod logs;
mod mail;
pub mod mlflow;
mod part;
pub mod platform;
mod serve;
mod stack;
pub mod state;
mod tls;
mod told;
mod ui;
mod webhooks;

pub use api::openapi_json;
pub use branchline_mlflow::MLFLOW_VERSION;
pub use mail::MailRules;
pub use serve::serve;
pub use state::{AppState, ServerOptions};
pub use tls::{Tls, TlsFiles};
pub use webhooks::WebhookRules;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware::from_fn_with_state;
use branchline_engine::Engine;

/// Largest body of a request that is read into memory; uploads are streamed and
/// have no limit.
pub const MAX_BODY_BYTES: usize = 16 * 1024 * 1024;

/// Everything that the server answers, for tests that call it without a socket.
pub fn router(engine: Engine, options: ServerOptions) -> Router {
    routes(AppState::new(engine, options))
}

/// The routes over a state that the caller keeps.
fn routes(state: AppState) -> Router {
    Router::new()
        .merge(api::routes().into_router())
        .merge(live::routes())
        .merge(stack::plain_routes())
        .merge(flower::routes())
        .merge(mlflow::routes())
        .fallback(ui::serve)
        .layer(DefaultBodyLimit::max(MAX_BODY_BYTES))
        .layer(from_fn_with_state(state.clone(), guard::guard))
        .with_state(state)
}
