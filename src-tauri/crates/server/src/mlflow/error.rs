//! The one place where a failure becomes an answer of MLflow's surface:
//! `{"error_code", "message"}`.

use super::answer::body_of;
use crate::error::{report, status};
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use branchline_core::{Error, ErrorCode};
use serde::Serialize;

/// A failure of MLflow's surface.
#[derive(Debug)]
pub struct MlflowError(pub Error);

impl<E: Into<Error>> From<E> for MlflowError {
    fn from(error: E) -> Self {
        Self(error.into())
    }
}

#[derive(Serialize)]
struct Shown<'a> {
    error_code: &'static str,
    message: &'a str,
}

impl IntoResponse for MlflowError {
    fn into_response(self) -> Response {
        let error = report(self.0);
        let message = match &error.hint {
            Some(hint) => format!("{} {hint}", error.message),
            None => error.message.clone(),
        };
        let shown = Shown { error_code: error.code.as_str(), message: &message };
        let mut response = (status(&error), body_of(&shown)).into_response();
        let headers = response.headers_mut();
        match error.code {
            ErrorCode::Unauthenticated => {
                let scheme = HeaderValue::from_static("Basic realm=\"Branchline\"");
                headers.insert(header::WWW_AUTHENTICATE, scheme);
            }
            ErrorCode::TemporarilyUnavailable | ErrorCode::RequestLimitExceeded => {
                headers.insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
            }
            _ => {}
        }
        response
    }
}
