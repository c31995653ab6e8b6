//! What every handler is called with.

use super::error::MlflowError;
use crate::MAX_BODY_BYTES;
use crate::auth::Caller;
use crate::error::unreadable_path;
use crate::state::AppState;
use axum::body::{Body, to_bytes};
use axum::extract::{FromRequest, FromRequestParts, Path, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, Method, header};
use branchline_core::{Actor, Error, ErrorCode, Result};
use branchline_engine::Engine;
use branchline_mlflow::{from_body, from_query};
use bytes::Bytes;
use http_body_util::LengthLimitError;
use serde::Deserialize;
use serde::de::DeserializeOwned;

/// A request to MLflow's surface: who asks, for what, and who can answer. Its body has
/// at most `LIMIT` bytes.
pub(super) struct Call<T, const LIMIT: usize = MAX_BODY_BYTES> {
    /// The use cases.
    pub(super) engine: Engine,
    /// Who asks.
    pub(super) actor: Actor,
    /// For what.
    pub(super) message: T,
}

/// A message without fields, for requests whose path says everything.
#[derive(Debug, Deserialize)]
pub(super) struct Nothing {}

impl<T: DeserializeOwned, const LIMIT: usize> FromRequest<AppState> for Call<T, LIMIT> {
    type Rejection = MlflowError;

    async fn from_request(request: Request, state: &AppState) -> Result<Self, MlflowError> {
        let (mut parts, body) = request.into_parts();
        let Caller(actor) =
            Caller::from_request_parts(&mut parts, state).await.map_err(|e| MlflowError(e.0))?;
        let query = parts.uri.query().unwrap_or_default();
        let message = if parts.method == Method::GET && !query.is_empty() {
            from_query(query)?
        } else {
            check_content_type(&parts.method, &parts.headers)?;
            from_body(&whole(&parts.headers, body, LIMIT).await?)?
        };
        Ok(Self { engine: state.engine.clone(), actor, message })
    }
}

/// Reads a body into memory; one that says to be too large is refused unread.
pub(super) async fn whole(headers: &HeaderMap, body: Body, limit: usize) -> Result<Bytes> {
    let too_large = || {
        let words = format!("The request's body is larger than {limit} bytes.");
        Error::new(ErrorCode::PayloadTooLarge, words)
    };
    let announced = headers.get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok());
    if announced.and_then(|length| length.parse().ok()).is_some_and(|length: usize| length > limit)
    {
        return Err(too_large());
    }
    to_bytes(body, limit).await.map_err(|error| {
        let cut_off = is_limit(&error);
        if cut_off {
            return too_large();
        }
        Error::new(ErrorCode::BadRequest, "The request's body broke off before its end.")
            .source(error)
    })
}

fn is_limit(error: &(dyn std::error::Error + 'static)) -> bool {
    error.is::<LengthLimitError>() || error.source().is_some_and(is_limit)
}

/// A form or a plain-text body is what a page of another site can send without asking.
fn check_content_type(method: &Method, headers: &HeaderMap) -> Result<()> {
    if !matches!(*method, Method::POST | Method::PUT) {
        return Ok(());
    }
    let Some(kind) = headers.get(header::CONTENT_TYPE) else {
        return Err(Error::invalid("Bad Request. Content-Type header is missing."));
    };
    let essence = kind.to_str().unwrap_or_default().split(';').next().unwrap_or_default();
    if essence.trim().eq_ignore_ascii_case("application/json") {
        return Ok(());
    }
    Err(Error::invalid("Bad Request. Content-Type must be one of ['application/json']."))
}

/// The part of the path that a route's wildcard or parameter stands for.
pub(super) struct PathOf<T = String>(pub(super) T);

impl<T: DeserializeOwned + Send> FromRequestParts<AppState> for PathOf<T> {
    type Rejection = MlflowError;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, MlflowError> {
        match Path::from_request_parts(parts, state).await {
            Ok(Path(path)) => Ok(Self(path)),
            Err(rejection) => Err(MlflowError(unreadable_path(&rejection))),
        }
    }
}
