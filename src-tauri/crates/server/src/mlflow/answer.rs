//! Answers in JSON, written straight into the bytes that are sent.

use super::error::MlflowError;
use axum::http::{HeaderName, HeaderValue, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

/// What a handler comes to.
pub(super) type Answer = Result<Response, MlflowError>;

/// JSON that is complete.
pub(super) const JSON: (HeaderName, HeaderValue) =
    (header::CONTENT_TYPE, HeaderValue::from_static("application/json"));

/// An answer that says something.
pub(super) fn json<T: Serialize>(answer: &T) -> Answer {
    Ok(body_of(answer))
}

/// The answer to what only succeeds.
pub(super) fn done() -> Answer {
    Ok(([JSON], "{}").into_response())
}

/// `answer` in JSON.
pub(super) fn body_of<T: Serialize>(answer: &T) -> Response {
    // Only maps with odd keys and failing serialisers fail, and answers have neither.
    let bytes = serde_json::to_vec(answer).unwrap_or_default();
    ([JSON], bytes).into_response()
}
