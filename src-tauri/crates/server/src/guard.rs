//! What every request passes, once and in this order: `Host`, `Origin`, credential,
//! handler. Also catches a handler's panic, sets the security headers and traces.

use crate::auth::{self, Caller, Presented};
use crate::error::{ApiError, report, status};
use crate::stack;
use crate::state::AppState;
use axum::body::Body;
use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use branchline_core::{Error, ErrorCode};
use futures_util::FutureExt;
use std::any::Any;
use std::panic::AssertUnwindSafe;
use std::time::Instant;

/// Routes that answer without a credential: method (any when absent) and pattern.
/// The UI's files are public too; they are the router's fallback.
pub const PUBLIC: [(Option<Method>, &str); 13] = [
    (None, "/health"),
    // As Flower's.
    (Some(Method::GET), "/healthcheck"),
    (None, "/version"),
    (Some(Method::POST), "/api/v1/session"),
    (Some(Method::GET), "/api/v1/openapi.json"),
    // Takes its credential in the first message, too.
    (Some(Method::GET), "/api/v1/events"),
    (Some(Method::GET), "/api/live"),
    // Signing in, and what is for those who cannot.
    (Some(Method::POST), "/api/v1/login/access-token"),
    // Answers for switched-off users, too, and so looks at the credential itself.
    (Some(Method::POST), "/api/v1/login/test-token"),
    (Some(Method::POST), "/api/v1/password-recovery/{email}"),
    (Some(Method::POST), "/api/v1/reset-password/"),
    (Some(Method::POST), "/api/v1/users/open"),
    (Some(Method::GET), "/api/v1/utils/health-check/"),
];

/// The middleware around all routes.
pub(crate) async fn guard(
    State(state): State<AppState>,
    mut request: Request,
    next: Next,
) -> Response {
    let trace = Trace::begin(&request);
    let origin = request.headers().get(header::ORIGIN).cloned();
    let surface = Surface::of(request.uri().path());
    let safe = request.method().is_safe();
    let mut response = match admit(&state, surface, &mut request).await {
        Ok(()) => match AssertUnwindSafe(next.run(request)).catch_unwind().await {
            Ok(response) => response,
            Err(panic) => failure(surface, panicked(panic.as_ref())),
        },
        Err(Refusal::Answer(response)) => *response,
        Err(Refusal::Error(error)) => failure(surface, error),
        Err(Refusal::Credential { error, shown }) if surface == Surface::Stack => {
            stack::refusal(error, shown)
        }
        Err(Refusal::Credential { error, .. }) => failure(surface, error),
    };
    harden(safe, response.headers_mut());
    if let Some(origin) = origin {
        share(&state, &origin, response.headers_mut());
    }
    state.answers.count(response.status());
    trace.end(response.status());
    response
}

/// In whose words a failure is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Surface {
    /// The own API.
    Own,
    /// What the stack's clients call.
    Stack,
    /// MLflow's.
    Mlflow,
}

impl Surface {
    fn of(path: &str) -> Self {
        match path {
            path if stack::is_stack(path) => Self::Stack,
            path if path.starts_with("/api/v1/") || path.starts_with("/flower/") => Self::Own,
            _ => Self::Mlflow,
        }
    }
}

enum Refusal {
    /// The credential is missing, or the one shown does not hold.
    Credential {
        error: Error,
        shown: bool,
    },
    Answer(Box<Response>),
    Error(Error),
}

impl From<Response> for Refusal {
    fn from(response: Response) -> Self {
        Self::Answer(Box::new(response))
    }
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        Self::Error(error)
    }
}

async fn admit(state: &AppState, surface: Surface, request: &mut Request) -> Result<(), Refusal> {
    if request.uri().path() == "/health" {
        return Ok(());
    }
    let host = own_host(state, request.headers())?;
    check_origin(state, request, host)?;
    let Some(route) = request.extensions().get::<MatchedPath>() else { return Ok(()) };
    if is_public(request.method(), route.as_str()) {
        return Ok(());
    }
    let read = if surface == Surface::Stack { Presented::read_stack } else { Presented::read };
    let refused = |shown| move |error| Refusal::Credential { error, shown };
    let presented = read(request.headers(), &state.cookie).map_err(refused(true))?;
    let actor = match presented {
        _ if state.options.no_auth => state.owner().await?,
        Some(presented) => presented.actor(state).await.map_err(refused(true))?,
        None => return Err(refused(false)(auth::missing())),
    };
    request.extensions_mut().insert(Caller(actor));
    Ok(())
}

/// Whether a route answers without a credential.
pub fn is_public(method: &Method, route: &str) -> bool {
    let method = if *method == Method::HEAD { &Method::GET } else { method };
    PUBLIC
        .iter()
        .any(|(only, path)| *path == route && only.as_ref().is_none_or(|only| only == method))
}

fn own_host<'r>(state: &AppState, headers: &'r HeaderMap) -> Result<&'r str, Refusal> {
    let mut hosts = headers.get_all(header::HOST).iter();
    let host = hosts.next().and_then(|host| host.to_str().ok()).unwrap_or_default();
    if hosts.next().is_none() && state.hosts.allows(host) {
        return Ok(host);
    }
    Err(Refusal::from(forbidden(
        "Invalid Host header: this server does not go by that name. If it should, start it with \
         --allowed-hosts and the name.",
    )))
}

fn check_origin(state: &AppState, request: &Request, host: &str) -> Result<(), Refusal> {
    let headers = request.headers();
    let Some(origin) = headers.get(header::ORIGIN) else { return Ok(()) };
    let origin = origin.to_str().unwrap_or_default();
    if request.method() == Method::OPTIONS
        && headers.contains_key(header::ACCESS_CONTROL_REQUEST_METHOD)
    {
        return Err(Refusal::from(preflight(state, origin, headers)));
    }
    let safe = matches!(*request.method(), Method::GET | Method::HEAD | Method::OPTIONS)
        && !headers.contains_key(header::UPGRADE);
    if safe || state.hosts.allows_origin(origin, host) {
        return Ok(());
    }
    Err(Refusal::from(forbidden(
        "Cross-origin request blocked: pages of other sites may not do this. To allow one, start \
         the server with --cors-allowed-origins and the page's origin.",
    )))
}

fn preflight(state: &AppState, origin: &str, headers: &HeaderMap) -> Response {
    if !state.hosts.allows_foreign(origin) {
        return forbidden("Cross-origin request blocked.");
    }
    let mut response = StatusCode::NO_CONTENT.into_response();
    let answer = response.headers_mut();
    answer.insert(
        header::ACCESS_CONTROL_ALLOW_METHODS,
        HeaderValue::from_static("GET, HEAD, POST, PUT, PATCH, DELETE"),
    );
    if let Some(asked) = headers.get(header::ACCESS_CONTROL_REQUEST_HEADERS) {
        answer.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, asked.clone());
    }
    answer.insert(header::ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("600"));
    response
}

/// Lets a page of an origin that was allowed by name read the answer.
fn share(state: &AppState, origin: &HeaderValue, headers: &mut HeaderMap) {
    if origin.to_str().is_ok_and(|text| state.hosts.allows_foreign(text)) {
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
        headers.insert(header::ACCESS_CONTROL_ALLOW_CREDENTIALS, HeaderValue::from_static("true"));
        headers.append(header::VARY, HeaderValue::from_static("Origin"));
    }
}

/// Says what others may do with an answer. What guards pages goes with the methods that a page of
/// another site can use ([`check_origin`]): clients that log read every header, and MLflow's takes
/// longer for that than this server for the call.
fn harden(safe: bool, headers: &mut HeaderMap) {
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    // Answers hold secrets and change at any time; what may be kept says so itself.
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    if safe {
        headers.insert(header::X_FRAME_OPTIONS, HeaderValue::from_static("SAMEORIGIN"));
        headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("same-origin"));
        headers.insert("cross-origin-resource-policy", HeaderValue::from_static("same-origin"));
    }
}

fn forbidden(text: &'static str) -> Response {
    let kind = (header::CONTENT_TYPE, "text/plain; charset=utf-8");
    (StatusCode::FORBIDDEN, [kind], Body::from(text)).into_response()
}

/// A failure outside of any handler, in the words of the surface that was called.
fn failure(surface: Surface, error: Error) -> Response {
    if surface != Surface::Mlflow {
        return ApiError(error).into_response();
    }
    let error = report(error);
    let body = axum::Json(serde_json::json!({
        "error_code": error.code.as_str(),
        "message": error.message,
    }));
    let mut response = (status(&error), body).into_response();
    if error.code == ErrorCode::Unauthenticated {
        let scheme = HeaderValue::from_static("Basic realm=\"Branchline\"");
        response.headers_mut().insert(header::WWW_AUTHENTICATE, scheme);
    }
    response
}

fn panicked(panic: &(dyn Any + Send)) -> Error {
    let words = panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("no message");
    Error::internal("The server made a mistake; its log says more.")
        .source(format!("a handler panicked: {words}"))
}

/// One line per request at debug level; costs nothing when nobody listens.
struct Trace(Option<(Instant, Method, Option<MatchedPath>)>);

impl Trace {
    fn begin(request: &Request) -> Self {
        Self(tracing::enabled!(tracing::Level::DEBUG).then(|| {
            let route = request.extensions().get::<MatchedPath>().cloned();
            (Instant::now(), request.method().clone(), route)
        }))
    }

    fn end(self, status: StatusCode) {
        let Some((began, method, route)) = self.0 else { return };
        let route = route.as_ref().map_or("(ui)", MatchedPath::as_str);
        let elapsed_us = u64::try_from(began.elapsed().as_micros()).unwrap_or(u64::MAX);
        tracing::debug!(
            http.method = %method,
            http.route = route,
            http.status = status.as_u16(),
            http.elapsed_us = elapsed_us,
            "{method} {route} answered {}",
            status.as_u16()
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ServerOptions;
    use axum::Router;
    use axum::middleware::from_fn_with_state;
    use axum::routing::get;
    use branchline_engine::{Durability, Engine, EngineOptions};
    use tower::ServiceExt;

    async fn boom() -> StatusCode {
        panic!("a mistake, on purpose")
    }

    #[tokio::test]
    async fn a_panic_is_an_error_of_its_surface_and_the_next_request_is_answered() {
        let folder = tempfile::tempdir().unwrap();
        let engine = Engine::open(EngineOptions {
            durability: Durability::Fast,
            ..EngineOptions::new(folder.path())
        })
        .unwrap();
        let options = ServerOptions { no_auth: true, ..ServerOptions::default() };
        let state = AppState::new(engine, options);
        let router = Router::new()
            .route("/api/v1/boom", get(boom))
            .route("/api/2.0/boom", get(boom))
            .layer(from_fn_with_state(state.clone(), guard))
            .with_state(state);
        for (path, field) in [("/api/v1/boom", "code"), ("/api/2.0/boom", "error_code")] {
            let request = Request::builder().uri(path).header(header::HOST, "localhost");
            let request = request.body(Body::empty()).unwrap();
            let response = router.clone().oneshot(request).await.unwrap();
            assert_eq!(response.status(), 500, "{path}");
            let body = axum::body::to_bytes(response.into_body(), 10_000).await.unwrap();
            let body: serde_json::Value = serde_json::from_slice(&body).unwrap();
            assert_eq!(body[field], "INTERNAL_ERROR", "{path}: {body}");
            assert!(!body.to_string().contains("on purpose"), "{body} tells too much");
        }
    }
}
