//! What can go wrong between a client and a server.

use branchline_core::{Error, ErrorCode};
use reqwest::Response;
use serde::Deserialize;
use serde::de::DeserializeOwned;

/// Result of every call.
pub type Result<T, E = ClientError> = std::result::Result<T, E>;

/// Why a call has no answer.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The address is no URL.
    #[error("'{0}' is not the address of a server.")]
    Url(String),
    /// Nobody answers there, or the connection broke.
    #[error("The server at {url} does not answer.")]
    Unreachable {
        /// Where.
        url: String,
        /// Why.
        #[source]
        source: reqwest::Error,
    },
    /// The server refused.
    #[error("{0}")]
    Refused(Error),
    /// What answers is not Branchline, or not one that this client knows.
    #[error("The server at {url} gave an answer that is not understood (HTTP {status}).")]
    NotUnderstood {
        /// Where.
        url: String,
        /// The answer's HTTP status.
        status: u16,
        /// What was wrong with it.
        #[source]
        source: Option<serde_json::Error>,
    },
}

impl From<ClientError> for Error {
    fn from(error: ClientError) -> Self {
        let message = error.to_string();
        match error {
            ClientError::Refused(error) => error,
            ClientError::Url(_) => Self::invalid(message),
            ClientError::Unreachable { source, .. } => {
                Self::new(ErrorCode::TemporarilyUnavailable, message).source(source)
            }
            ClientError::NotUnderstood { source, .. } => {
                let error = Self::internal(message)
                    .hint("Check that the program and the server are of the same version.");
                match source {
                    Some(source) => error.source(source),
                    None => error,
                }
            }
        }
    }
}

#[derive(Deserialize)]
struct Body {
    detail: String,
    code: String,
    hint: Option<String>,
    position: Option<usize>,
}

const CODES: [ErrorCode; 14] = [
    ErrorCode::InvalidParameterValue,
    ErrorCode::BadRequest,
    ErrorCode::ResourceAlreadyExists,
    ErrorCode::Unauthenticated,
    ErrorCode::PermissionDenied,
    ErrorCode::ResourceDoesNotExist,
    ErrorCode::ResourceConflict,
    ErrorCode::PayloadTooLarge,
    ErrorCode::RequestLimitExceeded,
    ErrorCode::InvalidState,
    ErrorCode::NotImplemented,
    ErrorCode::TemporarilyUnavailable,
    ErrorCode::StorageFull,
    ErrorCode::Internal,
];

impl Body {
    fn into_error(self) -> Error {
        let code = CODES.into_iter().find(|code| code.as_str() == self.code);
        let mut error = Error::new(code.unwrap_or(ErrorCode::Internal), self.detail);
        error.hint = self.hint;
        error.position = self.position;
        error
    }
}

pub(crate) fn unreachable(url: &str, source: reqwest::Error) -> ClientError {
    ClientError::Unreachable { url: url.to_owned(), source }
}

/// A refusal as an error, anything else as it is.
pub(crate) async fn check(url: &str, response: Response) -> Result<Response> {
    if response.status().is_success() {
        return Ok(response);
    }
    let status = response.status().as_u16();
    let bytes = response.bytes().await.map_err(|cause| unreachable(url, cause))?;
    Err(refusal(url, status, &bytes))
}

fn refusal(url: &str, status: u16, bytes: &[u8]) -> ClientError {
    match serde_json::from_slice::<Body>(bytes) {
        Ok(body) => ClientError::Refused(body.into_error()),
        Err(source) => {
            ClientError::NotUnderstood { url: url.to_owned(), status, source: Some(source) }
        }
    }
}

pub(crate) async fn answer<T: DeserializeOwned>(url: &str, response: Response) -> Result<T> {
    let response = check(url, response).await?;
    let status = response.status().as_u16();
    let bytes = response.bytes().await.map_err(|cause| unreachable(url, cause))?;
    serde_json::from_slice(&bytes).map_err(|source| ClientError::NotUnderstood {
        url: url.to_owned(),
        status,
        source: Some(source),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_keeps_code_hint_and_position() {
        let body = br#"{"detail":"No.","code":"RESOURCE_CONFLICT","hint":"Wait.","position":7}"#;
        let error = Error::from(refusal("http://h", 409, body));
        assert_eq!(error.code, ErrorCode::ResourceConflict);
        assert_eq!((error.message.as_str(), error.hint.as_deref()), ("No.", Some("Wait.")));
        assert_eq!(error.position, Some(7));
    }

    #[test]
    fn a_stranger_is_not_understood() {
        let error = refusal("http://h", 404, b"<html>not found</html>");
        assert_eq!(
            error.to_string(),
            "The server at http://h gave an answer that is not understood (HTTP 404)."
        );
        assert_eq!(Error::from(error).code, ErrorCode::Internal);
    }

    #[test]
    fn every_code_of_the_wire_is_known() {
        for code in CODES {
            let body = format!(r#"{{"detail":"x","code":"{}"}}"#, code.as_str());
            assert_eq!(Error::from(refusal("u", 400, body.as_bytes())).code, code);
        }
    }
}
