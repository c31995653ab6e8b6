//! The own API under `/api/v1`: one file per resource, each with its bodies, its
//! handlers and their documentation side by side.

mod accounts;
mod artifacts;
mod connect;
mod database;
mod experiments;
mod extract;
mod filter;
pub(crate) mod jobs;
mod logged_models;
mod logs;
mod me;
mod metrics;
mod models;
pub(crate) mod monitor;
mod notebooks;
mod preferences;
mod projects;
mod queues;
mod runs;
mod search;
pub(crate) mod server;
mod session;
mod sweeps;
mod tokens;
mod traces;
mod trash;
mod versions;
pub(crate) mod wire;

use crate::error::ErrorBody;
use crate::state::AppState;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use std::sync::OnceLock;
use utoipa::openapi::security::{
    ApiKey, ApiKeyValue, Flow, Http, HttpAuthScheme, OAuth2, Password, Scopes, SecurityScheme,
};
use utoipa::openapi::{Info, InfoBuilder, License};
use utoipa::{Modify, OpenApi};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

#[derive(OpenApi)]
#[openapi(
    components(schemas(ErrorBody)),
    modifiers(&Security),
    security(("session" = []), ("password" = []), ("token" = []), ("basic" = [])),
)]
struct Document;

struct Security;

impl Modify for Security {
    fn modify(&self, openapi: &mut utoipa::openapi::OpenApi) {
        openapi.info = info();
        let components = openapi.components.get_or_insert_default();
        let cookie = ApiKeyValue::with_description(
            "bl_…",
            "The UI's session: `bl_` and the first eight characters of the store's id.",
        );
        components.add_security_scheme("session", SecurityScheme::ApiKey(ApiKey::Cookie(cookie)));
        components
            .add_security_scheme("token", SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer)));
        let flow = Flow::Password(Password::new("/api/v1/login/access-token", Scopes::new()));
        components.add_security_scheme("password", SecurityScheme::OAuth2(OAuth2::new([flow])));
        components
            .add_security_scheme("basic", SecurityScheme::Http(Http::new(HttpAuthScheme::Basic)));
    }
}

fn info() -> Info {
    InfoBuilder::new()
        .title("Branchline")
        .version(env!("CARGO_PKG_VERSION"))
        .description(Some(
            "The own API of a Branchline server. Times are RFC 3339 in UTC, except the arrays of \
             charts, which hold milliseconds. A failure is `{detail, code, hint?, position?}`. \
             Live changes come over the WebSocket `/api/v1/events`.",
        ))
        .license(Some(License::new("Apache-2.0")))
        .build()
}

/// Routes and their documentation.
pub(crate) fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::with_openapi(Document::openapi())
        .merge(server::routes())
        .merge(session::routes())
        .merge(me::routes())
        .merge(preferences::routes())
        .merge(connect::routes())
        .merge(tokens::routes())
        .merge(accounts::routes())
        .merge(crate::stack::routes())
        .merge(experiments::routes())
        .merge(runs::routes())
        .merge(metrics::routes())
        .merge(logged_models::routes())
        .merge(artifacts::routes())
        .merge(models::routes())
        .merge(versions::routes())
        .merge(search::routes())
        .merge(traces::routes())
        .merge(trash::routes())
        .merge(jobs::routes())
        .merge(queues::routes())
        .merge(projects::routes())
        .merge(sweeps::routes())
        .merge(notebooks::routes())
        .merge(filter::routes())
        .merge(database::routes())
        .merge(logs::routes())
        .merge(monitor::routes())
        .routes(routes!(openapi))
}

/// The OpenAPI 3.1 document of the own API.
pub fn openapi_json() -> String {
    let mut text = routes().into_openapi().to_pretty_json().unwrap_or_default();
    text.push('\n');
    text
}

/// This document.
#[utoipa::path(
    get,
    path = "/api/v1/openapi.json",
    tag = "server",
    security(()),
    responses((status = 200, description = "OpenAPI 3.1.", body = serde_json::Value))
)]
async fn openapi() -> Response {
    static TEXT: OnceLock<String> = OnceLock::new();
    let text = TEXT.get_or_init(openapi_json).as_str();
    ([(header::CONTENT_TYPE, "application/json")], text).into_response()
}
