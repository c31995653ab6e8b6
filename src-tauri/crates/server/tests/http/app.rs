//! A server of its own for a test.

use branchline_core::{Actor, Scope};
use branchline_engine::{Durability, Engine, EngineOptions, NewRun};
use branchline_server::{ServerOptions, serve};
use reqwest::header::AUTHORIZATION;
use reqwest::{Method, RequestBuilder};
use serde_json::Value;
use std::net::SocketAddr;
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

pub(crate) const INSTANCE_SECRET: &str = "instance-secret-of-the-test";

pub(crate) struct TestApp {
    pub(crate) engine: Engine,
    pub(crate) address: SocketAddr,
    pub(crate) owner: Actor,
    pub(crate) token: String,
    pub(crate) stop: Option<oneshot::Sender<()>>,
    pub(crate) served: JoinHandle<std::io::Result<()>>,
    folder: TempDir,
    client: reqwest::Client,
}

pub(crate) fn open_engine(folder: &TempDir) -> Engine {
    Engine::open(EngineOptions {
        durability: Durability::Fast,
        ..EngineOptions::new(folder.path())
    })
    .expect("the engine opens on an empty folder")
}

impl TestApp {
    pub(crate) async fn start() -> Self {
        Self::with(ServerOptions::default()).await
    }

    pub(crate) async fn with(options: ServerOptions) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let engine = open_engine(&folder);
        let owner = engine.owner_actor().await.expect("there is an owner");
        let (_, token) = engine
            .create_token(&owner, "test", Scope::Admin, None)
            .await
            .expect("the owner makes a token");
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("it has an address");
        let options = ServerOptions {
            instance_secret: Some(INSTANCE_SECRET.to_owned()),
            data_dir: folder.path().to_owned(),
            ..options
        };
        let (stop, stopped) = oneshot::channel::<()>();
        let served = tokio::spawn(serve(vec![listener], engine.clone(), options, async move {
            // The test may also end without a word.
            let _ = stopped.await;
        }));
        let client = reqwest::Client::builder().no_proxy().build().expect("a client");
        Self { engine, address, owner, token, stop: Some(stop), served, folder, client }
    }

    pub(crate) fn folder(&self) -> &std::path::Path {
        self.folder.path()
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// A request without a credential.
    pub(crate) fn anonymous(&self, method: Method, path: &str) -> RequestBuilder {
        self.client.request(method, self.url(path))
    }

    /// A request with the owner's token.
    pub(crate) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.anonymous(method, path).header(AUTHORIZATION, format!("Bearer {}", self.token))
    }

    pub(crate) async fn get(&self, path: &str) -> Value {
        self.json(Method::GET, path, None, 200).await
    }

    /// Sends and expects a status; answers the body, null when it is empty.
    pub(crate) async fn json(
        &self,
        method: Method,
        path: &str,
        body: Option<Value>,
        status: u16,
    ) -> Value {
        let mut request = self.request(method.clone(), path);
        if let Some(body) = body {
            request = request.json(&body);
        }
        let response = request.send().await.expect("the server answers");
        let answered = response.status().as_u16();
        let text = response.text().await.expect("the body comes whole");
        assert_eq!(answered, status, "{method} {path} said: {text}");
        if text.is_empty() { Value::Null } else { serde_json::from_str(&text).expect(&text) }
    }

    /// A run in the first experiment.
    pub(crate) async fn run(&self, name: &str) -> branchline_core::Run {
        let new = NewRun {
            experiment_id: branchline_core::ExperimentId(0),
            user_id: "tester".to_owned(),
            name: Some(name.to_owned()),
            start_time: 1_764_000_000_000,
            tags: Vec::new(),
        };
        self.engine.create_run(&self.owner, new).await.expect("a run is made")
    }
}
