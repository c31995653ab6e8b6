//! Extractors that answer in the own API's words when a request cannot be read.
//! They keep axum's names, by which the OpenAPI macros know them.

use crate::error::{ApiError, too_large, unreadable_json, unreadable_path};
use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};
use branchline_core::{Error, ErrorCode};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// A JSON body, read or written.
#[derive(Debug)]
pub(crate) struct Json<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Json<T> {
    type Rejection = ApiError;
    async fn from_request(request: Request, state: &S) -> Result<Self, ApiError> {
        // Axum would read up to the limit before it says so.
        if announced(request.headers()) > Some(crate::MAX_BODY_BYTES as u64) {
            return Err(ApiError(too_large()));
        }
        axum::Json::from_request(request, state)
            .await
            .map(|axum::Json(value)| Self(value))
            .map_err(|rejection| ApiError(unreadable_json(&rejection)))
    }
}

/// The body's length, as the client says.
fn announced(headers: &HeaderMap) -> Option<u64> {
    headers.get(header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

impl<T: Serialize> IntoResponse for Json<T> {
    fn into_response(self) -> Response {
        axum::Json(self.0).into_response()
    }
}

/// The parts of the path.
#[derive(Debug)]
pub(crate) struct Path<T>(pub T);

impl<T: DeserializeOwned + Send, S: Send + Sync> FromRequestParts<S> for Path<T> {
    type Rejection = ApiError;
    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        axum::extract::Path::from_request_parts(parts, state)
            .await
            .map(|axum::extract::Path(value)| Self(value))
            .map_err(|rejection| ApiError(unreadable_path(&rejection)))
    }
}

/// The query, where a key may be repeated for a list.
#[derive(Debug)]
pub(crate) struct Query<T>(pub T);

impl<T: DeserializeOwned, S: Sync> FromRequestParts<S> for Query<T> {
    type Rejection = ApiError;
    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        serde_html_form::from_str(parts.uri.query().unwrap_or_default()).map(Self).map_err(|e| {
            ApiError(Error::new(
                ErrorCode::InvalidParameterValue,
                format!("The query of the address is not understood: {e}"),
            ))
        })
    }
}
