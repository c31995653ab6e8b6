//! Failures in the stack's words: `{"detail": …}` with its statuses.

use crate::error::{report, status};
use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use branchline_core::{Error, ErrorCode};
use branchline_engine::{INACTIVE_USER, UNKNOWN_USER};
use serde::Serialize;
use utoipa::ToSchema;

/// Result of the stack's handlers.
pub(crate) type StackResult<T> = Result<T, StackError>;

/// A failure in the stack's words.
#[derive(Debug)]
pub(crate) enum StackError {
    /// A status and what to say.
    Said(StatusCode, String),
    /// Parts of the request that are not as they have to be.
    Fields(Vec<FieldError>),
    /// Any other.
    Other(Error),
}

/// A part of a request that is not as it has to be.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = FieldError)]
pub(crate) struct FieldError {
    /// Where: `body`, `path` or `query`, then names and places.
    pub(crate) loc: Vec<Place>,
    /// What is wrong.
    pub(crate) msg: String,
    /// What to branch on.
    #[serde(rename = "type")]
    pub(crate) kind: &'static str,
}

/// A step to a part of a request.
#[derive(Debug, Serialize, ToSchema)]
#[serde(untagged)]
pub(crate) enum Place {
    /// A field.
    Name(String),
    /// An element of a list.
    Index(usize),
}

/// A request that is not as it has to be.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ValidationError {
    detail: Vec<FieldError>,
}

impl StackError {
    pub(crate) fn bad(words: &str) -> Self {
        Self::Said(StatusCode::BAD_REQUEST, words.to_owned())
    }

    pub(crate) fn missing(words: impl Into<String>) -> Self {
        Self::Said(StatusCode::NOT_FOUND, words.into())
    }

    pub(crate) fn field(place: &str, name: &str, msg: String, kind: &'static str) -> Self {
        let loc = vec![Place::Name(place.to_owned()), Place::Name(name.to_owned())];
        Self::Fields(vec![FieldError { loc, msg, kind }])
    }
}

impl<E: Into<Error>> From<E> for StackError {
    fn from(error: E) -> Self {
        Self::Other(error.into())
    }
}

fn said(status: StatusCode, detail: &str, code: &str, hint: Option<&str>) -> Response {
    let mut body = serde_json::json!({ "detail": detail, "code": code });
    if let Some(hint) = hint {
        body["hint"] = hint.into();
    }
    (status, Json(body)).into_response()
}

impl IntoResponse for StackError {
    fn into_response(self) -> Response {
        match self {
            Self::Said(status, detail) => {
                let code = match status {
                    StatusCode::NOT_FOUND => ErrorCode::ResourceDoesNotExist,
                    StatusCode::FORBIDDEN => ErrorCode::PermissionDenied,
                    StatusCode::NOT_IMPLEMENTED => ErrorCode::NotImplemented,
                    _ => ErrorCode::InvalidParameterValue,
                };
                said(status, &detail, code.as_str(), None)
            }
            Self::Fields(detail) => {
                (StatusCode::UNPROCESSABLE_ENTITY, Json(ValidationError { detail })).into_response()
            }
            Self::Other(error) => {
                let error = report(error);
                let hint = error.hint.as_deref();
                let mut response = said(status(&error), &error.message, error.code.as_str(), hint);
                if matches!(
                    error.code,
                    ErrorCode::TemporarilyUnavailable | ErrorCode::RequestLimitExceeded
                ) {
                    let one = HeaderValue::from_static("1");
                    response.headers_mut().insert(header::RETRY_AFTER, one);
                }
                response
            }
        }
    }
}

/// A request that the guard did not let in, as the stack says it.
pub(crate) fn refusal(error: Error, shown: bool) -> Response {
    if error.code != ErrorCode::Unauthenticated {
        return StackError::Other(error).into_response();
    }
    let (status, words) = match error.message.as_str() {
        _ if !shown => (StatusCode::UNAUTHORIZED, "Not authenticated"),
        INACTIVE_USER => (StatusCode::BAD_REQUEST, INACTIVE_USER),
        UNKNOWN_USER => (StatusCode::NOT_FOUND, UNKNOWN_USER),
        _ => (StatusCode::FORBIDDEN, "Could not validate credentials"),
    };
    let mut response = said(status, words, error.code.as_str(), None);
    if status == StatusCode::UNAUTHORIZED {
        let scheme = HeaderValue::from_static("Bearer");
        response.headers_mut().insert(header::WWW_AUTHENTICATE, scheme);
    }
    response
}
