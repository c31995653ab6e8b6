//! The own API without a socket, for a command that owns the data folder itself: what it
//! asks is answered by the same code as for the guest of a server.

use crate::{ServerOptions, router};
use axum::body::Body;
use branchline_core::{Error, ErrorCode, Result};
use branchline_engine::Engine;
use http::{Request, header};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Deserialize;
use serde_json::Value;
use tower::ServiceExt;

/// What a segment of a path may not hold as it is: `job-limits` is matched as it is written.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

#[derive(Deserialize)]
struct Refusal {
    detail: String,
    code: String,
    hint: Option<String>,
}

/// Codes that a command tells apart.
const CODES: [ErrorCode; 7] = [
    ErrorCode::InvalidParameterValue,
    ErrorCode::BadRequest,
    ErrorCode::PermissionDenied,
    ErrorCode::ResourceDoesNotExist,
    ErrorCode::ResourceAlreadyExists,
    ErrorCode::ResourceConflict,
    ErrorCode::StorageFull,
];

fn refused(bytes: &[u8]) -> Error {
    let Ok(refusal) = serde_json::from_slice::<Refusal>(bytes) else {
        return Error::internal("The answer was not understood.");
    };
    let code = CODES.into_iter().find(|code| code.as_str() == refusal.code);
    let error = Error::new(code.unwrap_or(ErrorCode::Internal), refusal.detail);
    match refusal.hint {
        Some(hint) => error.hint(hint),
        None => error,
    }
}

/// Calls `/api/v1/<segments>` as the owner of the data folder. An answer without a body
/// is null.
///
/// # Errors
/// What the handler refuses.
pub async fn call(
    engine: &Engine,
    method: &str,
    segments: &[&str],
    query: &[(&str, String)],
    body: Option<&Value>,
) -> Result<Value> {
    let mut address = "/api/v1".to_owned();
    for segment in segments {
        address.push('/');
        address.extend(utf8_percent_encode(segment, RESERVED));
    }
    let failed = |cause: String| Error::internal("The call could not be made.").source(cause);
    let asked = serde_html_form::to_string(query).map_err(|cause| failed(cause.to_string()))?;
    let request = Request::builder()
        .method(method)
        .uri(format!("{address}?{asked}"))
        .header(header::HOST, "localhost")
        .header(header::CONTENT_TYPE, "application/json")
        .body(body.map_or_else(Body::empty, |body| Body::from(body.to_string())))
        .map_err(|cause| failed(cause.to_string()))?;
    let options = ServerOptions { no_auth: true, api_only: true, ..ServerOptions::default() };
    let Ok(response) = router(engine.clone(), options).oneshot(request).await;
    let status = response.status();
    let bytes = axum::body::to_bytes(response.into_body(), usize::MAX)
        .await
        .map_err(|cause| failed(cause.to_string()))?;
    if !status.is_success() {
        return Err(refused(&bytes));
    }
    if bytes.is_empty() {
        return Ok(Value::Null);
    }
    serde_json::from_slice(&bytes).map_err(|cause| failed(cause.to_string()))
}
