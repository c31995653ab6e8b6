//! A server without a socket.

use crate::ServerOptions;
use axum::Router;
use axum::body::{Body, Bytes, to_bytes};
use axum::http::{HeaderMap, Method, Request, StatusCode, header};
use branchline_engine::{Durability, Engine, EngineOptions};
use serde_json::{Value, json};
use tempfile::TempDir;
use tower::ServiceExt;

pub(super) const API: &str = "/api/2.0/mlflow";

/// A server with an empty store; whoever calls is the owner.
pub(super) struct App {
    pub(super) engine: Engine,
    router: Router,
    _folder: TempDir,
}

/// What came back.
#[derive(Debug)]
pub(super) struct Reply {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
}

impl Reply {
    pub(super) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|_| panic!("not JSON: {:?}", self.body))
    }

    pub(super) fn header(&self, name: header::HeaderName) -> &str {
        self.headers.get(&name).map_or("", |value| value.to_str().unwrap())
    }

    /// The body of an answer that must have succeeded.
    #[track_caller]
    pub(super) fn ok(&self) -> Value {
        assert_eq!(self.status, 200, "{:?}", self.body);
        self.json()
    }

    /// Asserts a refusal in MLflow's form.
    #[track_caller]
    pub(super) fn refused(&self, status: u16, code: &str, words: &str) {
        let answer = self.json();
        assert_eq!((self.status.as_u16(), answer["error_code"].as_str()), (status, Some(code)));
        let message = answer["message"].as_str().unwrap();
        assert!(message.contains(words), "{message}");
    }
}

impl App {
    pub(super) fn new() -> Self {
        Self::with(ServerOptions { no_auth: true, ..ServerOptions::default() })
    }

    pub(super) fn with(options: ServerOptions) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let engine = Engine::open(EngineOptions {
            durability: Durability::Fast,
            ..EngineOptions::new(folder.path())
        })
        .unwrap();
        let router = crate::router(engine.clone(), options);
        Self { engine, router, _folder: folder }
    }

    pub(super) async fn send(&self, request: Request<Body>) -> Reply {
        let answer = self.router.clone().oneshot(request).await.unwrap();
        let (parts, body) = answer.into_parts();
        let body = to_bytes(body, usize::MAX).await.unwrap();
        Reply { status: parts.status, headers: parts.headers, body }
    }

    pub(super) async fn call(&self, method: Method, path: &str, body: impl Into<Body>) -> Reply {
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header(header::HOST, "127.0.0.1:5005")
            .header(header::CONTENT_TYPE, "application/json");
        self.send(request.body(body.into()).unwrap()).await
    }

    pub(super) async fn post(&self, path: &str, body: Value) -> Reply {
        self.call(Method::POST, &format!("{API}/{path}"), body.to_string()).await
    }

    pub(super) async fn get(&self, path: &str) -> Reply {
        self.call(Method::GET, &format!("{API}/{path}"), "").await
    }

    /// A new run in experiment 0: its id.
    pub(super) async fn run(&self) -> String {
        let run = self.post("runs/create", json!({"experiment_id": "0"})).await.ok();
        run["run"]["info"]["run_id"].as_str().unwrap().to_owned()
    }
}
