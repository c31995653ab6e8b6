//! Who gets in: credentials on every route, and `Host` and `Origin`.

use crate::app::{TestApp, open_engine};
use axum::Router;
use axum::body::Body;
use axum::http::{Method, Request, StatusCode, header};
use branchline_server::guard::is_public;
use branchline_server::{ServerOptions, router};
use tower::ServiceExt;

const METHODS: [Method; 6] =
    [Method::GET, Method::HEAD, Method::POST, Method::PUT, Method::PATCH, Method::DELETE];

/// Every route of the real router, own and MLflow's: axum tells them only when debugging.
pub(crate) fn routes(router: &Router) -> Vec<String> {
    let text = format!("{router:?}");
    let mut found: Vec<String> = text
        .split("RouteId(")
        .filter_map(|part| part.split_once("): \""))
        .filter_map(|(_, rest)| rest.split_once('"'))
        .map(|(path, _)| path.to_owned())
        // The fallback, which serves the UI, is listed under these two.
        .filter(|path| path != "/" && !path.contains("__private"))
        .collect();
    found.sort();
    found.dedup();
    found
}

/// A path that the route matches.
fn filled(route: &str) -> String {
    let parts = route.split('/').map(|part| match part {
        part if part.starts_with("{*") => "a/b",
        part if part.starts_with('{') => "1",
        part => part,
    });
    parts.collect::<Vec<_>>().join("/")
}

struct Walk {
    router: Router,
    routes: Vec<String>,
    _folder: tempfile::TempDir,
}

fn walk(options: ServerOptions) -> Walk {
    let folder = tempfile::tempdir().unwrap();
    let router = router(open_engine(&folder), options);
    let routes = routes(&router);
    for known in ["/health", "/api/v1/runs/search", "/api/2.0/mlflow/runs/log-batch"] {
        assert!(routes.iter().any(|route| route == known), "{known} is not in {routes:?}");
    }
    assert!(routes.len() > 100, "the walk knows only {} routes", routes.len());
    Walk { router, routes, _folder: folder }
}

impl Walk {
    async fn status(
        &self,
        method: &Method,
        route: &str,
        headers: &[(header::HeaderName, &str)],
    ) -> StatusCode {
        let mut request = Request::builder().method(method).uri(filled(route));
        for (name, value) in headers {
            request = request.header(name, *value);
        }
        let request = request.body(Body::empty()).unwrap();
        self.router.clone().oneshot(request).await.unwrap().status()
    }
}

const HOST: (header::HeaderName, &str) = (header::HOST, "localhost:5005");

#[tokio::test]
async fn every_route_needs_a_credential_unless_it_is_declared_public() {
    let walk = walk(ServerOptions::default());
    for route in &walk.routes {
        for method in METHODS {
            let status = walk.status(&method, route, &[HOST]).await;
            if is_public(&method, route) {
                assert!(
                    // These look at the credential themselves.
                    status != 401
                        || ["/api/v1/session", "/api/v1/login/test-token"]
                            .contains(&route.as_str()),
                    "{method} {route} is declared public and answered {status}"
                );
            } else {
                assert_eq!(status, 401, "{method} {route} is open to anybody");
            }
        }
    }
}

fn is_of_the_stack(route: &str) -> bool {
    ["login", "password-recovery", "reset-password", "users", "utils", "items", "ml"]
        .iter()
        .any(|part| route.starts_with(&format!("/api/v1/{part}")))
}

#[tokio::test]
async fn a_wrong_credential_is_refused_everywhere() {
    let walk = walk(ServerOptions::default());
    for credential in ["Bearer bl_wrong", "Basic b3duZXI6d3Jvbmc=", "Digest x", "Bearer"] {
        let sent = [HOST, (header::AUTHORIZATION, credential)];
        for route in &walk.routes {
            if !is_public(&Method::GET, route) {
                let status = walk.status(&Method::GET, route, &sent).await;
                // After a few wrong passwords nobody is let in for a while.
                // The stack answers 403 to a credential that does not hold.
                let refused = status == 401
                    || (status == 403 && is_of_the_stack(route))
                    || (status == 429 && credential.starts_with("Basic"));
                assert!(refused, "GET {route} with {credential}: {status}");
            }
        }
    }
}

#[tokio::test]
async fn only_our_own_names_are_answered() {
    let walk = walk(ServerOptions { no_auth: true, ..ServerOptions::default() });
    for route in &walk.routes {
        for method in [Method::GET, Method::POST] {
            for host in ["evil.example", "evil.example:5005", "localhost.evil.example", ""] {
                let status = walk.status(&method, route, &[(header::HOST, host)]).await;
                let exempt = route == "/health";
                assert_eq!(status == 403, !exempt, "{method} {route} for '{host}': {status}");
            }
            let absent = walk.status(&method, route, &[]).await;
            assert_eq!(absent == 403, route != "/health", "{method} {route} without a host");
        }
    }
    for path in ["/", "/index.html", "/experiments/1", "/assets/x.js"] {
        assert_eq!(walk.status(&Method::GET, path, &[(header::HOST, "evil.example")]).await, 403);
    }
}

#[tokio::test]
async fn pages_of_other_sites_change_nothing() {
    let walk = walk(ServerOptions { no_auth: true, ..ServerOptions::default() });
    for route in walk.routes.iter().filter(|route| *route != "/health") {
        for method in [Method::POST, Method::PUT, Method::PATCH, Method::DELETE] {
            for origin in [
                "http://evil.example",
                "null",
                "http://localhost:5006",
                "https://localhost:5005",
                "file://",
            ] {
                let sent = [HOST, (header::ORIGIN, origin)];
                let status = walk.status(&method, route, &sent).await;
                assert_eq!(status, 403, "{method} {route} from {origin}");
            }
            // Both names foreign but equal: DNS rebinding.
            let rebound = [(header::HOST, "evil.example"), (header::ORIGIN, "http://evil.example")];
            assert_eq!(walk.status(&method, route, &rebound).await, 403, "{method} {route}");
        }
        let upgrade =
            [HOST, (header::ORIGIN, "http://evil.example"), (header::UPGRADE, "websocket")];
        assert_eq!(walk.status(&Method::GET, route, &upgrade).await, 403, "upgrade of {route}");
    }
    let own = [HOST, (header::ORIGIN, "http://localhost:5005")];
    assert_ne!(walk.status(&Method::POST, "/api/v1/filter/check", &own).await, 403);
}

#[tokio::test]
async fn an_origin_that_was_allowed_by_name_is_answered_and_may_read() {
    let options = ServerOptions {
        cors_origins: vec!["https://app.example".to_owned()],
        ..ServerOptions::default()
    };
    let app = TestApp::with(options).await;
    let origin = (header::ORIGIN, "https://app.example");
    let asked = app
        .anonymous(Method::OPTIONS, "/api/v1/runs/search")
        .header(origin.0.clone(), origin.1)
        .header("access-control-request-method", "POST")
        .header("access-control-request-headers", "authorization,content-type")
        .send()
        .await
        .unwrap();
    assert_eq!(asked.status(), 204, "the preflight needs no credential");
    assert_eq!(asked.headers()["access-control-allow-origin"], "https://app.example");
    assert_eq!(asked.headers()["access-control-allow-headers"], "authorization,content-type");

    let body = serde_json::json!({"experiment_ids": ["0"]});
    let answered = app
        .request(Method::POST, "/api/v1/runs/search")
        .header(origin.0, origin.1)
        .json(&body)
        .send()
        .await
        .unwrap();
    assert_eq!(answered.status(), 200);
    assert_eq!(answered.headers()["access-control-allow-origin"], "https://app.example");

    let foreign = app
        .anonymous(Method::OPTIONS, "/api/v1/runs/search")
        .header(header::ORIGIN, "https://evil.example")
        .header("access-control-request-method", "POST")
        .send()
        .await
        .unwrap();
    assert_eq!(foreign.status(), 403);
    assert!(!foreign.headers().contains_key("access-control-allow-origin"));
}

#[tokio::test]
async fn without_authentication_the_caller_is_the_owner() {
    let options = ServerOptions { no_auth: true, ..ServerOptions::default() };
    let app = TestApp::with(options).await;
    let me = app.anonymous(Method::GET, "/api/v1/me").send().await.unwrap();
    assert_eq!(me.status(), 200);
    let me: serde_json::Value = me.json().await.unwrap();
    assert_eq!(me["email"], app.owner.email.as_str());
    assert_eq!(me["is_superuser"], true);
}

#[tokio::test]
async fn a_token_holds_as_bearer_and_as_basic_password_and_not_longer_than_it_lives() {
    let app = TestApp::start().await;
    let basic = |user: &str, password: &str| {
        let request = app.anonymous(Method::GET, "/api/v1/me");
        request.basic_auth(user, Some(password)).send()
    };
    assert_eq!(basic(&app.owner.email, &app.token).await.unwrap().status(), 200);
    assert_eq!(basic(&app.owner.email, "wrong").await.unwrap().status(), 401);
    let list = app.get("/api/v1/tokens").await;
    let id = list["tokens"][0]["id"].as_i64().unwrap();
    app.json(Method::DELETE, &format!("/api/v1/tokens/{id}"), None, 204).await;
    assert_eq!(basic(&app.owner.email, &app.token).await.unwrap().status(), 401);
}

#[tokio::test]
async fn every_answer_carries_the_security_headers() {
    let app = TestApp::start().await;
    for path in ["/", "/health", "/api/v1/server", "/api/2.0/mlflow/experiments/search"] {
        let answer = app.anonymous(Method::GET, path).send().await.unwrap();
        assert_eq!(answer.headers()["x-content-type-options"], "nosniff", "{path}");
        assert_eq!(answer.headers()["x-frame-options"], "SAMEORIGIN", "{path}");
        assert_eq!(answer.headers()["referrer-policy"], "same-origin", "{path}");
        assert_eq!(answer.headers()["cross-origin-resource-policy"], "same-origin", "{path}");
    }
    let post = app.anonymous(Method::POST, "/api/v1/session").send().await.unwrap();
    assert_eq!(post.headers()["x-content-type-options"], "nosniff");
    assert_eq!(post.headers()["cache-control"], "no-store");
    let page = app.anonymous(Method::GET, "/").send().await.unwrap();
    let policy = page.headers()["content-security-policy"].to_str().unwrap().to_owned();
    assert!(policy.starts_with("default-src 'none'"), "{policy}");
    let again = app.anonymous(Method::GET, "/").send().await.unwrap();
    assert_ne!(again.headers()["content-security-policy"], policy.as_str(), "a nonce is used once");
}

#[tokio::test]
async fn unknown_paths_of_programs_are_not_pages() {
    let app = TestApp::start().await;
    for path in ["/api/v9/x", "/ajax-api/x", "/v1/metrics", "/assets/none.js"] {
        let answer = app.request(Method::GET, path).send().await.unwrap();
        assert_eq!(answer.status(), 404, "{path}");
    }
    let api_only = ServerOptions { api_only: true, ..ServerOptions::default() };
    let app = TestApp::with(api_only).await;
    assert_eq!(app.anonymous(Method::GET, "/").send().await.unwrap().status(), 404);
    assert_eq!(app.anonymous(Method::GET, "/health").send().await.unwrap().status(), 200);
}

#[tokio::test]
async fn the_api_is_documented_without_the_ui_and_under_the_same_policy() {
    let api_only = ServerOptions { api_only: true, ..ServerOptions::default() };
    let app = TestApp::with(api_only).await;
    let get = async |path: &str| app.anonymous(Method::GET, path).send().await.unwrap();
    for path in ["/docs", "/docs/", "/docs/oauth2-redirect", "/redoc"] {
        let page = get(path).await;
        assert_eq!(page.status(), 200, "{path}");
        let policy = page.headers()["content-security-policy"].to_str().unwrap();
        assert!(policy.starts_with("default-src 'none'"), "{path}: {policy}");
        assert!(!policy.contains("unsafe-eval"), "{path}: {policy}");
        let text = page.text().await.unwrap();
        assert!(!text.contains("__CSP_NONCE__"), "{path} carries its nonce");
    }
    assert_eq!(get("/api/v1/openapi.json").await.status(), 200);
    assert_eq!(get("/api/v1/server").await.status(), 401);
    for path in ["/", "/experiments", "/index.html", "/favicon.svg", "/docs/none", "/docs/x.js"] {
        assert_eq!(get(path).await.status(), 404, "{path}");
    }
}
