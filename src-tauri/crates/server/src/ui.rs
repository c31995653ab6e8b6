//! The built UI, embedded when it was there at build time; without it, a page says
//! how to build it. The API's documentation lies beside it and is there without the UI, too.

use crate::state::AppState;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, header};
use axum::response::{IntoResponse, Redirect, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rust_embed::{EmbeddedFile, RustEmbed};
use std::borrow::Cow;

#[derive(RustEmbed)]
#[folder = "../../../ui/dist"]
#[allow_missing = true]
struct Dist;

/// Where `index.html` wants the nonce that its styles and scripts may carry.
const NONCE_MARK: &str = "__CSP_NONCE__";

/// Paths that belong to programs: what is unknown there is 404, never a page.
const MACHINE: [&str; 7] =
    ["api", "ajax-api", "v1", "get-artifact", "model-versions", "graphql", "metrics"];

/// The router's fallback.
pub(crate) async fn serve(
    State(state): State<AppState>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
) -> Response {
    if uri.path().contains("//") {
        return without_doubled_slashes(&uri);
    }
    let path = uri.path().trim_matches('/');
    let first = path.split('/').next().unwrap_or_default();
    let documentation = documentation(path);
    let hidden = state.options.api_only && documentation.is_none() && first != "docs";
    if hidden || MACHINE.contains(&first) {
        return nothing_here();
    }
    if !matches!(method, Method::GET | Method::HEAD) {
        return (StatusCode::METHOD_NOT_ALLOWED, [(header::ALLOW, "GET, HEAD")]).into_response();
    }
    if let Some(name) = documentation {
        return page(&headers, Dist::get(name));
    }
    if !path.ends_with(".html")
        && let Some(file) = Dist::get(path)
    {
        return asset(path, file, &headers);
    }
    if ["assets", "docs"].contains(&first) || has_extension(path) {
        return nothing_here();
    }
    page(&headers, Dist::get("index.html"))
}

/// Where a client that puts a slash too many wants to go, as MLflow's server tells it.
fn without_doubled_slashes(uri: &Uri) -> Response {
    let parts: Vec<&str> = uri.path().split('/').filter(|part| !part.is_empty()).collect();
    let end = if uri.path().ends_with('/') && !parts.is_empty() { "/" } else { "" };
    let query = uri.query().map(|query| format!("?{query}")).unwrap_or_default();
    Redirect::permanent(&format!("/{}{end}{query}", parts.join("/"))).into_response()
}

/// The pages that document the API, at the paths that the stack has them at.
fn documentation(path: &str) -> Option<&'static str> {
    match path {
        "docs" => Some("docs/swagger.html"),
        "docs/oauth2-redirect" => Some("docs/oauth2-redirect.html"),
        "redoc" => Some("docs/redoc.html"),
        _ => None,
    }
}

fn has_extension(path: &str) -> bool {
    path.rsplit('/').next().is_some_and(|name| name.contains('.')) && path != "index.html"
}

/// MLflow's client tells an unknown route by a 404 that is not JSON.
fn nothing_here() -> Response {
    let kind = (header::CONTENT_TYPE, "text/html; charset=utf-8");
    let body = "<!doctype html><title>404 Not Found</title><h1>Not Found</h1>";
    (StatusCode::NOT_FOUND, [kind], body).into_response()
}

fn asset(path: &str, file: EmbeddedFile, headers: &HeaderMap) -> Response {
    let hash = file.metadata.sha256_hash();
    let tag = format!("\"{}\"", STANDARD.encode(&hash[..12]));
    if headers.get(header::IF_NONE_MATCH).is_some_and(|sent| sent.as_bytes() == tag.as_bytes()) {
        return (StatusCode::NOT_MODIFIED, [(header::ETAG, tag)]).into_response();
    }
    // Names under assets/ carry a hash of their content.
    let cache = if path.starts_with("assets/") {
        "public, max-age=31536000, immutable"
    } else {
        "no-cache"
    };
    let kind = mime_guess::from_path(path).first_or_octet_stream();
    let body = match file.data {
        Cow::Borrowed(bytes) => Body::from(bytes),
        Cow::Owned(bytes) => Body::from(bytes),
    };
    let headers = [
        (header::CONTENT_TYPE, with_charset(kind.as_ref())),
        (header::CACHE_CONTROL, cache.to_owned()),
        (header::ETAG, tag),
    ];
    (headers, body).into_response()
}

fn with_charset(kind: &str) -> String {
    if kind.starts_with("text/") { format!("{kind}; charset=utf-8") } else { kind.to_owned() }
}

fn page(headers: &HeaderMap, index: Option<EmbeddedFile>) -> Response {
    let nonce = STANDARD.encode(rand::random::<[u8; 16]>());
    let text = match index {
        Some(file) => String::from_utf8_lossy(&file.data).replace(NONCE_MARK, &nonce),
        None => missing_page(&nonce),
    };
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    let policy = content_policy(&nonce, host);
    let mut response = text.into_response();
    let answer = response.headers_mut();
    answer.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
    answer.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    answer.insert("cross-origin-opener-policy", HeaderValue::from_static("same-origin"));
    if let Ok(policy) = HeaderValue::try_from(policy) {
        answer.insert(header::CONTENT_SECURITY_POLICY, policy);
    }
    response
}

/// Own files only. Scripts and style elements need our origin or this answer's
/// nonce; style attributes are allowed, since they can load nothing.
fn content_policy(nonce: &str, host: &str) -> String {
    // How the window's page calls native commands; browsers know no such thing.
    let native = " ipc: http://ipc.localhost";
    // Some engines do not count a WebSocket to the own host as 'self'.
    let sockets =
        if host.is_empty() { String::new() } else { format!(" ws://{host} wss://{host}") };
    format!(
        "default-src 'none'; script-src 'self' 'nonce-{nonce}'; style-src 'self' 'nonce-{nonce}'; \
         style-src-attr 'unsafe-inline'; img-src 'self' data: blob:; font-src 'self' data:; \
         connect-src 'self'{sockets}{native}; frame-src 'self' blob:; worker-src 'self' blob:; \
         media-src 'self' blob:; manifest-src 'self'; base-uri 'none'; form-action 'self'; \
         frame-ancestors 'none'"
    )
}

fn missing_page(nonce: &str) -> String {
    format!(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><title>Branchline</title>\
         <style nonce=\"{nonce}\">body{{font:14px system-ui;max-width:40em;margin:4em auto;\
         padding:0 1em}}code{{background:#8882;padding:.1em .3em}}</style></head><body>\
         <h1>Branchline is running, without its pages</h1>\
         <p>The tracking server and the API answer. The UI was not built into this program.</p>\
         <p>Build it in the project's folder with <code>make run</code>, or with \
         <code>npm ci &amp;&amp; npm run build</code> in <code>ui/</code>, then build the program \
         again. For a server without pages start it with <code>--api-only</code>.</p>\
         </body></html>"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_policy_lets_nothing_foreign_in() {
        let policy = content_policy("N0", "127.0.0.1:5005");
        assert!(policy.contains("default-src 'none'"), "everything is closed first");
        assert!(policy.contains("script-src 'self' 'nonce-N0';"), "no inline scripts: {policy}");
        assert!(!policy.contains("unsafe-eval") && !policy.contains(" *"));
        assert!(policy.contains("connect-src 'self' ws://127.0.0.1:5005 wss://127.0.0.1:5005 "));
    }

    #[test]
    fn only_pages_fall_back_to_the_index() {
        assert!(has_extension("favicon.svg"));
        assert!(has_extension("deep/er/x.js"));
        assert!(!has_extension("experiments/1/runs"));
        assert!(!has_extension(""));
    }

    #[test]
    fn assets_are_cached_for_ever_and_known_again() {
        let file = || EmbeddedFile {
            data: Cow::Borrowed(b"let x = 1"),
            metadata: rust_embed::Metadata::__rust_embed_new(
                [7; 32],
                None,
                None,
                "text/javascript",
            ),
        };
        let first = asset("assets/index-abc.js", file(), &HeaderMap::new());
        assert_eq!(first.headers()[header::CACHE_CONTROL], "public, max-age=31536000, immutable");
        assert_eq!(first.headers()[header::CONTENT_TYPE], "text/javascript; charset=utf-8");
        let mut again = HeaderMap::new();
        again.insert(header::IF_NONE_MATCH, first.headers()[header::ETAG].clone());
        assert_eq!(asset("assets/index-abc.js", file(), &again).status(), 304);
        assert_eq!(asset("robots.txt", file(), &again).headers().get(header::CACHE_CONTROL), None);
        assert_eq!(
            asset("robots.txt", file(), &HeaderMap::new()).headers()[header::CACHE_CONTROL],
            "no-cache"
        );
    }
}
