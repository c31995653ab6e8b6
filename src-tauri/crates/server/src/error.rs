//! The one place where a failure becomes an answer of the own API:
//! `{"detail", "code", "hint"?, "position"?, "fields"?}`.

use axum::Json;
use axum::extract::rejection::{JsonRejection, PathRejection};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use branchline_core::{Error, ErrorCode};
use serde::Serialize;
use std::collections::BTreeMap;
use utoipa::openapi::{RefOr, ResponseBuilder};
use utoipa::{IntoResponses, ToSchema};

/// Result of a handler of the own API.
pub type ApiResult<T> = Result<T, ApiError>;

/// A failure of the own API.
#[derive(Debug)]
pub struct ApiError(pub Error);

impl<E: Into<Error>> From<E> for ApiError {
    fn from(error: E) -> Self {
        Self(error.into())
    }
}

/// What a failure says.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Error)]
pub struct ErrorBody {
    /// What happened.
    pub detail: String,
    /// What to branch on.
    #[schema(example = "RESOURCE_DOES_NOT_EXIST")]
    pub code: &'static str,
    /// What to do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
    /// For a filter: the character (0-based) where reading stopped.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub position: Option<usize>,
    /// For a form: what is wrong with which field.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub fields: BTreeMap<String, String>,
}

impl From<Error> for ErrorBody {
    fn from(error: Error) -> Self {
        Self {
            detail: error.message,
            code: error.code.as_str(),
            hint: error.hint,
            position: error.position,
            fields: error.fields.into_iter().collect(),
        }
    }
}

/// The HTTP status of a failure.
pub fn status(error: &Error) -> StatusCode {
    StatusCode::from_u16(error.code.http_status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
}

/// Writes an unexpected failure to the log with its causes, once, and takes what
/// clients should not see out of it.
pub fn report(error: Error) -> Error {
    if error.code != ErrorCode::Internal {
        return error;
    }
    let mut causes = String::new();
    let mut source = std::error::Error::source(&error);
    while let Some(cause) = source {
        causes.push_str(": ");
        causes.push_str(&cause.to_string());
        source = cause.source();
    }
    tracing::error!(error.message = %error.message, "Request failed: {error}{causes}");
    error
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let error = report(self.0);
        let code = error.code;
        let mut response = (status(&error), Json(ErrorBody::from(error))).into_response();
        match code {
            ErrorCode::Unauthenticated => {
                response
                    .headers_mut()
                    .insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
            }
            ErrorCode::TemporarilyUnavailable | ErrorCode::RequestLimitExceeded => {
                response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
            }
            _ => {}
        }
        response
    }
}

/// Where the document says that an operation fails in the usual ways, until they are named.
pub(crate) const FAILURE: &str = "default";

/// Documents that an operation fails in the usual ways; `api::document` names them.
#[derive(Debug)]
pub struct Failure;

impl IntoResponses for Failure {
    fn responses() -> BTreeMap<String, RefOr<utoipa::openapi::Response>> {
        BTreeMap::from([(FAILURE.to_owned(), ResponseBuilder::new().build().into())])
    }
}

/// An error for a body that could not be read as the JSON that was expected.
pub fn unreadable_json(rejection: &JsonRejection) -> Error {
    match rejection {
        JsonRejection::JsonDataError(e) => Error::invalid(e.body_text()),
        JsonRejection::MissingJsonContentType(_) => {
            Error::new(ErrorCode::BadRequest, "The request's body is not declared as JSON.")
                .hint("Send the header `Content-Type: application/json`.")
        }
        other => unreadable(other.status(), other.body_text()),
    }
}

/// An error for a path whose parts are not of the expected kind.
pub fn unreadable_path(rejection: &PathRejection) -> Error {
    Error::invalid(rejection.body_text())
}

fn unreadable(status: StatusCode, text: String) -> Error {
    if status == StatusCode::PAYLOAD_TOO_LARGE {
        return too_large();
    }
    Error::new(ErrorCode::BadRequest, text)
}

/// An error for a body over the limit.
pub fn too_large() -> Error {
    Error::new(
        ErrorCode::PayloadTooLarge,
        format!("The request's body is larger than {} bytes.", crate::MAX_BODY_BYTES),
    )
    .hint("Send it in smaller pieces.")
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn shown(error: Error) -> (StatusCode, serde_json::Value, axum::http::HeaderMap) {
        let response = ApiError(error).into_response();
        let (parts, body) = response.into_parts();
        let bytes = axum::body::to_bytes(body, 10_000).await.unwrap();
        (parts.status, serde_json::from_slice(&bytes).unwrap(), parts.headers)
    }

    #[tokio::test]
    async fn an_error_says_what_happened_and_what_to_do() {
        let (status, body, _) =
            shown(Error::invalid("No such field 'x'.").hint("Use `metrics.x`.").at(7)).await;
        assert_eq!(status, 400);
        assert_eq!(
            body,
            serde_json::json!({
                "detail": "No such field 'x'.",
                "code": "INVALID_PARAMETER_VALUE",
                "hint": "Use `metrics.x`.",
                "position": 7,
            })
        );
    }

    #[tokio::test]
    async fn causes_stay_in_the_log_and_absent_fields_are_left_out() {
        let error = Error::internal("The database failed.")
            .source(std::io::Error::other("/secret/path is broken"));
        let (status, body, _) = shown(error).await;
        assert_eq!(status, 500);
        assert_eq!(
            body,
            serde_json::json!({"detail": "The database failed.", "code": "INTERNAL_ERROR"})
        );
    }

    #[tokio::test]
    async fn a_missing_credential_names_the_scheme_without_a_browser_dialog() {
        let error = Error::new(ErrorCode::Unauthenticated, "Sign in.");
        let (status, _, headers) = shown(error).await;
        assert_eq!(status, 401);
        assert_eq!(headers[header::WWW_AUTHENTICATE], "Bearer");
    }
}
