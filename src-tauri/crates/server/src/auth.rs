//! Who calls: the credential of a request, and the cookie of a session.

use crate::error::ApiError;
use crate::hosts::is_loopback_name;
use crate::state::AppState;
use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, header};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use branchline_core::{Actor, Error, ErrorCode, Result, Scope};
use branchline_engine::Credential;
use std::net::SocketAddr;
use subtle::ConstantTimeEq;

/// How long a browser keeps a session's cookie, in seconds.
const COOKIE_SECONDS: u32 = 30 * 24 * 60 * 60;

/// Who calls. The guard puts it on every request that needs a credential.
#[derive(Debug, Clone)]
pub struct Caller(pub Actor);

/// The address at the other end of the connection.
#[derive(Debug, Clone, Copy)]
pub struct Peer(pub SocketAddr);

/// The caller, who is the owner or another superuser with all their rights.
#[derive(Debug, Clone)]
pub struct Administrator(pub Actor);

impl<S: Sync> FromRequestParts<S> for Caller {
    type Rejection = ApiError;
    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        parts.extensions.get::<Self>().cloned().ok_or_else(|| ApiError(missing()))
    }
}

impl<S: Sync> FromRequestParts<S> for Administrator {
    type Rejection = ApiError;
    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let Caller(actor) = Caller::from_request_parts(parts, state).await?;
        if actor.is_superuser && actor.scope == Scope::Admin {
            return Ok(Self(actor));
        }
        Err(ApiError(
            Error::denied("Only an administrator may do this.")
                .hint("Sign in as a superuser, or use a token of scope `admin`."),
        ))
    }
}

/// The error for a request without a credential.
pub(crate) fn missing() -> Error {
    Error::new(ErrorCode::Unauthenticated, "This needs a credential, and none was sent.").hint(
        "Sign in, or send a token: `branchline connect` prints one for the MLflow client \
         (MLFLOW_TRACKING_TOKEN).",
    )
}

/// A credential as it stands in a request's headers.
pub(crate) enum Presented {
    /// A bearer token.
    Bearer(String),
    /// A user's name (e-mail) and password or token.
    Basic(String, String),
    /// A session's secret from the cookie.
    Cookie(String),
}

impl Presented {
    /// The credential of a request, if it has one. `Authorization` goes before the cookie.
    pub(crate) fn read(headers: &HeaderMap, cookie: &str) -> Result<Option<Self>> {
        if let Some(value) = headers.get(header::AUTHORIZATION) {
            return authorization(value).map(Some);
        }
        Ok(session_cookie(headers, cookie).map(|secret| Self::Cookie(secret.to_owned())))
    }

    /// The same for the stack's paths and `/api/live`, where the cookie `token` counts, too.
    /// Elsewhere it does not: it has the name that every such stack on this machine uses.
    pub(crate) fn read_stack(headers: &HeaderMap, cookie: &str) -> Result<Option<Self>> {
        let found = Self::read(headers, cookie)?;
        Ok(found.or_else(|| {
            session_cookie(headers, "token").map(|token| Self::Bearer(token.to_owned()))
        }))
    }

    /// The same for a use case.
    pub(crate) fn credential(&self) -> Credential<'_> {
        match self {
            Self::Bearer(token) => Credential::Token(token),
            Self::Basic(user, password) => Credential::Basic { user, password },
            Self::Cookie(secret) => Credential::Session(secret),
        }
    }

    /// Whom the credential stands for.
    pub(crate) async fn actor(&self, state: &AppState) -> Result<Actor> {
        match self {
            Self::Bearer(token) if is_instance_secret(state, token) => state.owner().await,
            other => state.engine.authenticate(other.credential()).await,
        }
    }
}

/// Whom a request's headers stand for; nobody when they hold no credential.
pub(crate) async fn identify(state: &AppState, headers: &HeaderMap) -> Result<Option<Actor>> {
    if state.options.no_auth {
        return state.owner().await.map(Some);
    }
    match Presented::read(headers, &state.cookie)? {
        Some(presented) => presented.actor(state).await.map(Some),
        None => Ok(None),
    }
}

/// Whether `token` is the secret that `instance.json` holds.
pub(crate) fn is_instance_secret(state: &AppState, token: &str) -> bool {
    state
        .options
        .instance_secret
        .as_ref()
        .is_some_and(|secret| bool::from(secret.as_bytes().ct_eq(token.as_bytes())))
}

/// Whether the headers carry the secret of `instance.json`.
pub(crate) fn has_instance_secret(state: &AppState, headers: &HeaderMap) -> bool {
    matches!(
        Presented::read(headers, &state.cookie),
        Ok(Some(Presented::Bearer(token))) if is_instance_secret(state, &token)
    )
}

fn authorization(value: &HeaderValue) -> Result<Presented> {
    let not_understood = || {
        Error::new(ErrorCode::Unauthenticated, "The Authorization header is not understood.")
            .hint("Send `Bearer <token>`, or `Basic` with an e-mail and a password or token.")
    };
    let text = value.to_str().map_err(|_| not_understood())?;
    let (scheme, rest) = text.split_once(' ').ok_or_else(not_understood)?;
    let rest = rest.trim();
    if scheme.eq_ignore_ascii_case("bearer") {
        return Ok(Presented::Bearer(rest.to_owned()));
    }
    if !scheme.eq_ignore_ascii_case("basic") {
        return Err(not_understood());
    }
    let bytes = STANDARD.decode(rest).map_err(|_| not_understood())?;
    let pair = String::from_utf8(bytes).map_err(|_| not_understood())?;
    let (user, password) = pair.split_once(':').ok_or_else(not_understood)?;
    Ok(Presented::Basic(user.to_owned(), password.to_owned()))
}

/// The secret in the session's cookie.
pub(crate) fn session_cookie<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .find(|(key, secret)| *key == name && !secret.is_empty())
        .map(|(_, secret)| secret)
}

/// The header that gives a browser its session, or takes it away without a secret.
pub(crate) fn set_cookie(name: &str, secret: Option<&str>, secure: bool) -> Result<HeaderValue> {
    let seconds = if secret.is_some() { COOKIE_SECONDS } else { 0 };
    let mut text = format!(
        "{name}={}; Path=/; HttpOnly; SameSite=Strict; Max-Age={seconds}",
        secret.unwrap_or_default()
    );
    if secure {
        text.push_str("; Secure");
    }
    HeaderValue::try_from(text)
        .map_err(|e| Error::internal("The session's cookie could not be written.").source(e))
}

/// What the client calls itself.
pub(crate) fn agent(headers: &HeaderMap) -> &str {
    headers.get(header::USER_AGENT).and_then(|agent| agent.to_str().ok()).unwrap_or_default()
}

/// Whether the page that calls was loaded over TLS (through a proxy).
pub(crate) fn over_tls(headers: &HeaderMap) -> bool {
    headers
        .get(header::ORIGIN)
        .and_then(|origin| origin.to_str().ok())
        .is_some_and(|origin| origin.starts_with("https://"))
}

/// Whether a superuser calls from this very machine, so that paths of its disk
/// mean something to them and are theirs to know.
#[derive(Debug, Clone, Copy)]
pub(crate) struct OnThisMachine(pub bool);

impl<S: Sync> FromRequestParts<S> for OnThisMachine {
    type Rejection = std::convert::Infallible;
    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
        let peer =
            parts.extensions.get::<Peer>().is_some_and(|p| p.0.ip().to_canonical().is_loopback());
        let host = parts
            .headers
            .get(header::HOST)
            .and_then(|host| host.to_str().ok())
            .is_some_and(is_loopback_name);
        let forwarded = ["forwarded", "x-forwarded-for", "x-forwarded-host", "via"]
            .iter()
            .any(|name| parts.headers.contains_key(*name));
        let superuser = parts.extensions.get::<Caller>().is_some_and(|c| c.0.is_superuser);
        Ok(Self(peer && host && !forwarded && superuser))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        pairs
            .iter()
            .map(|(name, value)| {
                (header::HeaderName::from_static(name), HeaderValue::from_str(value).unwrap())
            })
            .collect()
    }

    #[test]
    fn the_session_cookie_is_found_among_others() {
        let sent = headers(&[("cookie", "a=1; bl_12345678=secret; token=x")]);
        assert_eq!(session_cookie(&sent, "bl_12345678"), Some("secret"));
        assert_eq!(session_cookie(&sent, "bl_1234567"), None);
        assert_eq!(session_cookie(&headers(&[("cookie", "bl_12345678=")]), "bl_12345678"), None);
    }

    #[test]
    fn a_cookie_is_out_of_reach_of_scripts_and_other_sites() {
        let set = set_cookie("bl_12345678", Some("s"), false).unwrap();
        assert_eq!(set, "bl_12345678=s; Path=/; HttpOnly; SameSite=Strict; Max-Age=2592000");
        assert_eq!(
            set_cookie("bl_12345678", None, true).unwrap(),
            "bl_12345678=; Path=/; HttpOnly; SameSite=Strict; Max-Age=0; Secure"
        );
    }

    #[test]
    fn authorization_goes_before_the_cookie_and_must_be_understood() {
        let sent = headers(&[("authorization", "bearer bl_x"), ("cookie", "bl_1=c")]);
        assert!(matches!(
            Presented::read(&sent, "bl_1").unwrap(),
            Some(Presented::Bearer(token)) if token == "bl_x"
        ));
        let basic = headers(&[("authorization", "Basic YUBiLmM6cDp3")]);
        assert!(matches!(
            Presented::read(&basic, "bl_1").unwrap(),
            Some(Presented::Basic(user, password)) if user == "a@b.c" && password == "p:w"
        ));
        for odd in ["Digest x", "Bearer", "Basic ???", "Basic YQ=="] {
            assert!(Presented::read(&headers(&[("authorization", odd)]), "bl_1").is_err(), "{odd}");
        }
        assert!(Presented::read(&HeaderMap::new(), "bl_1").unwrap().is_none());
    }
}
