//! Extractors that answer 422 and say which part of the request is wrong, as the stack's.

use super::error::{FieldError, Place, StackError};
use crate::auth::Caller;
use crate::error::{too_large, unreadable_path};
use crate::state::AppState;
use axum::body::{Body, to_bytes};
use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::header;
use axum::http::request::Parts;
use branchline_core::{Actor, Error, Scope};
use serde::de::DeserializeOwned;
use serde_path_to_error::Segment;

/// Somebody who may do everything.
pub(crate) struct Superuser(pub(crate) Actor);

impl FromRequestParts<AppState> for Superuser {
    type Rejection = StackError;
    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, StackError> {
        let Caller(actor) = Caller::from_request_parts(parts, state).await.map_err(|e| e.0)?;
        if !actor.is_superuser {
            return Err(StackError::bad("The user doesn't have enough privileges"));
        }
        if actor.scope < Scope::Admin {
            return Err(Error::denied("This needs a credential with scope 'admin'.").into());
        }
        Ok(Self(actor))
    }
}

/// A JSON body.
pub(crate) struct Json<T>(pub(crate) T);

impl<T: DeserializeOwned> FromRequest<AppState> for Json<T> {
    type Rejection = StackError;
    async fn from_request(request: Request, _: &AppState) -> Result<Self, StackError> {
        // A page of another site can send any text, but not say that it is JSON.
        let kind = request.headers().get(header::CONTENT_TYPE);
        let json = kind
            .and_then(|kind| kind.to_str().ok())
            .map(|kind| kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase())
            .is_some_and(|kind| kind == "application/json" || kind.ends_with("+json"));
        if !json {
            return Err(body_error("value is not a valid dict", "type_error.dict"));
        }
        let bytes = whole(request.into_body()).await?;
        let mut reader = serde_json::Deserializer::from_slice(&bytes);
        let value = serde_path_to_error::deserialize(&mut reader).map_err(|e| explained(&e))?;
        reader.end().map_err(|e| body_error(&e.to_string(), "value_error.jsondecode"))?;
        Ok(Self(value))
    }
}

async fn whole(body: Body) -> Result<bytes::Bytes, StackError> {
    Ok(to_bytes(body, crate::MAX_BODY_BYTES).await.map_err(|_| too_large())?)
}

fn body_error(msg: &str, kind: &'static str) -> StackError {
    let loc = vec![Place::Name("body".into())];
    StackError::Fields(vec![FieldError { loc, msg: msg.to_owned(), kind }])
}

fn explained(error: &serde_path_to_error::Error<serde_json::Error>) -> StackError {
    let words = error.inner().to_string();
    let words = words.split(" at line ").next().unwrap_or_default().to_owned();
    let mut loc = vec![Place::Name("body".into())];
    loc.extend(error.path().iter().filter_map(|segment| match segment {
        Segment::Seq { index } => Some(Place::Index(*index)),
        Segment::Map { key } => Some(Place::Name(key.clone())),
        _ => None,
    }));
    if error.inner().is_syntax() || error.inner().is_eof() {
        return StackError::Fields(vec![FieldError {
            loc,
            msg: words,
            kind: "value_error.jsondecode",
        }]);
    }
    let missing = words.strip_prefix("missing field `").and_then(|rest| rest.strip_suffix('`'));
    let (msg, kind) = match missing {
        Some(name) => {
            loc.push(Place::Name(name.to_owned()));
            ("field required".to_owned(), "value_error.missing")
        }
        None => (words, "type_error"),
    };
    StackError::Fields(vec![FieldError { loc, msg, kind }])
}

/// A form.
pub(crate) struct Form<T>(pub(crate) T);

impl<T: DeserializeOwned> FromRequest<AppState> for Form<T> {
    type Rejection = StackError;
    async fn from_request(request: Request, _: &AppState) -> Result<Self, StackError> {
        let bytes = whole(request.into_body()).await?;
        let read = serde_html_form::Deserializer::from_bytes(&bytes);
        serde_path_to_error::deserialize(read).map(Self).map_err(|error| {
            let words = error.inner().to_string();
            let name = words.split('`').nth(1).unwrap_or("username").to_owned();
            StackError::field("body", &name, "field required".into(), "value_error.missing")
        })
    }
}

/// The query.
pub(crate) struct Query<T>(pub(crate) T);

impl<T: DeserializeOwned> FromRequestParts<AppState> for Query<T> {
    type Rejection = StackError;
    async fn from_request_parts(parts: &mut Parts, _: &AppState) -> Result<Self, StackError> {
        let text = parts.uri.query().unwrap_or_default();
        let read = serde_html_form::Deserializer::from_bytes(text.as_bytes());
        serde_path_to_error::deserialize(read).map(Self).map_err(|error| {
            let words = error.inner().to_string();
            match words.strip_prefix("missing field `").and_then(|rest| rest.strip_suffix('`')) {
                Some(name) => {
                    StackError::field("query", name, "field required".into(), "value_error.missing")
                }
                None => {
                    let name = error.path().to_string();
                    StackError::field("query", &name, words, "type_error")
                }
            }
        })
    }
}

/// A number in the path.
pub(crate) struct Path<T>(pub(crate) T);

impl FromRequestParts<AppState> for Path<i64> {
    type Rejection = StackError;
    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, StackError> {
        let Path(text) = Path::<String>::from_request_parts(parts, state).await?;
        text.parse().map(Self).map_err(|_| {
            let words = "value is not a valid integer".to_owned();
            StackError::field("path", "id", words, "type_error.integer")
        })
    }
}

impl FromRequestParts<AppState> for Path<String> {
    type Rejection = StackError;
    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, StackError> {
        axum::extract::Path::from_request_parts(parts, state)
            .await
            .map(|axum::extract::Path(text)| Self(text))
            // Any text will do; only what is no text at all is refused.
            .map_err(|rejection| unreadable_path(&rejection).into())
    }
}

/// A list's part.
#[derive(Debug, serde::Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct Part {
    /// Leave out the first so many.
    #[serde(default)]
    pub(crate) skip: i64,
    /// At most so many.
    #[serde(default = "hundred")]
    pub(crate) limit: i64,
}

pub(crate) fn hundred() -> i64 {
    100
}
