//! Who is measured: our server or the peer, behind one face.

use crate::http::{Connection, Request};
use crate::options::Options;
use anyhow::{Context, Result};
use branchline_testkit::{Options as ServerOptions, Peer, PeerServer, Server};
use serde_json::{Value, json};
use std::path::PathBuf;

/// Milliseconds at which all benchmark data begins.
pub(crate) const START: i64 = 1_700_000_000_000;

#[derive(Debug)]
enum Process {
    Ours(Server),
    Peer(PeerServer),
}

/// What each peer answered, in the order of [`Peer::ALL`]; none for one that was not asked or
/// has no such thing.
pub(crate) type Peers<T> = [Option<T>; Peer::ALL.len()];

/// A running server on a fresh store.
#[derive(Debug)]
pub(crate) struct Subject {
    process: Process,
    authorization: Option<String>,
}

impl Subject {
    /// Our release binary at its default durability, with a token checked on every call.
    pub(crate) fn ours(options: &Options, name: &str) -> Result<Self> {
        let server = Server::start(&options.path(name), &ServerOptions::default().release())?;
        let authorization = Some(format!("Bearer {}", server.token()?));
        Ok(Self { process: Process::Ours(server), authorization })
    }

    /// The same, which asks nobody who they are.
    pub(crate) fn open(options: &Options, name: &str) -> Result<Self> {
        // Jobs that have ended are counted, so none may be forgotten meanwhile.
        let flags = ServerOptions::default()
            .release()
            .flag("--no-auth")
            .env("BRANCHLINE_JOBS_KEEP_COUNT", "1000000");
        let server = Server::start(&options.path(name), &flags)?;
        Ok(Self { process: Process::Ours(server), authorization: None })
    }

    /// Ours, whose owner has an e-mail and a password.
    pub(crate) fn owned(
        options: &Options,
        name: &str,
        email: &str,
        password: &str,
    ) -> Result<Self> {
        let environment = ServerOptions::default()
            .release()
            .env("FIRST_SUPERUSER", email)
            .env("FIRST_SUPERUSER_PASSWORD", password);
        let server = Server::start(&options.path(name), &environment)?;
        let authorization = Some(format!("Bearer {}", server.token()?));
        Ok(Self { process: Process::Ours(server), authorization })
    }

    /// A peer, on a folder of its own.
    pub(crate) fn peer(options: &Options, peer: Peer, name: &str) -> Result<Self> {
        let folder = options.path(&format!("{name}-{}", peer.name()));
        if peer == Peer::Mlflow {
            crate::fill::write_ahead(&peer.database(&folder))?;
        }
        let server = PeerServer::start(peer, &folder)?;
        Ok(Self { process: Process::Peer(server), authorization: None })
    }

    /// What each peer that is wanted says to the same question, in the order of the table.
    pub(crate) fn each_peer<T>(
        options: &Options,
        name: &str,
        ask: impl Fn(Peer, Self) -> Result<T>,
    ) -> Result<Peers<T>> {
        let answer = |peer: Peer| {
            if !options.peers.contains(&peer) {
                return Ok(None);
            }
            let said = Self::peer(options, peer, name).and_then(|subject| ask(peer, subject));
            said.map(Some).with_context(|| format!("{} with {name}", peer.name()))
        };
        let [first, second] = Peer::ALL;
        Ok([answer(first)?, answer(second)?])
    }

    pub(crate) fn pid(&self) -> u32 {
        match &self.process {
            Process::Ours(server) => server.pid(),
            Process::Peer(server) => server.pid(),
        }
    }

    /// Seconds from the start of the process to its first sign of life.
    pub(crate) fn started_in(&self) -> f64 {
        match &self.process {
            Process::Ours(server) => server.started_in().as_secs_f64(),
            Process::Peer(server) => server.started_in().as_secs_f64(),
        }
    }

    /// The database file.
    pub(crate) fn database(&self) -> PathBuf {
        match &self.process {
            Process::Ours(server) => server.data_dir().join("branchline.db"),
            Process::Peer(server) => server.database(),
        }
    }

    pub(crate) fn address(&self) -> String {
        match &self.process {
            Process::Ours(server) => server.address().to_owned(),
            Process::Peer(server) => server.address(),
        }
    }

    /// The token that goes with every call, where one is needed.
    pub(crate) fn token(&self) -> Option<&str> {
        self.authorization.as_ref().and_then(|value| value.strip_prefix("Bearer "))
    }

    pub(crate) fn connect(&self) -> Result<Connection> {
        Connection::open(&self.address())
    }

    /// Ends it in good order, so that its files are whole.
    pub(crate) fn stop(self) -> Result<()> {
        if let Process::Ours(mut server) = self.process {
            server.stop()?;
        }
        Ok(())
    }

    /// A request with this server's credential and Host.
    pub(crate) fn request(&self, method: &str, path: &str, kind: &str, body: &[u8]) -> Request {
        Request::new(method, path, &self.fields(), kind, body)
    }

    /// The head of a request whose body is sent separately.
    pub(crate) fn head(&self, method: &str, path: &str, kind: &str, length: usize) -> Vec<u8> {
        Request::head(method, path, &self.fields(), kind, length)
    }

    pub(crate) fn get(&self, path: &str) -> Request {
        self.request("GET", path, "application/json", b"")
    }

    /// A POST to MLflow's interface.
    pub(crate) fn post(&self, path: &str, body: &Value) -> Request {
        self.request(
            "POST",
            &format!("/api/2.0/mlflow{path}"),
            "application/json",
            body.to_string().as_bytes(),
        )
    }

    fn fields(&self) -> String {
        let host = self.address();
        self.authorization.as_ref().map_or_else(
            || format!("Host: {host}"),
            |value| format!("Host: {host}\r\nAuthorization: {value}"),
        )
    }

    /// A new run in experiment 0; its id and the path of its artifacts.
    pub(crate) fn create_run(&self, connection: &mut Connection) -> Result<(String, String)> {
        let answer = connection.call(&self.post("/runs/create", &new_run("0")))?;
        let answer: Value = serde_json::from_slice(answer)?;
        let info = &answer["run"]["info"];
        let id = info["run_id"].as_str().context("no run")?.to_owned();
        let path = info["artifact_uri"]
            .as_str()
            .context("no run")?
            .trim_start_matches("mlflow-artifacts:/")
            .to_owned();
        Ok((id, path))
    }
}

/// The body that makes a run.
pub(crate) fn new_run(experiment: &str) -> Value {
    json!({"experiment_id": experiment, "user_id": "bench", "start_time": START, "run_name": "bench"})
}

/// One point.
pub(crate) fn point(key: &str, step: i64) -> Value {
    json!({"key": key, "value": 1.0 / (step as f64 + 2.0), "timestamp": START + step * 50, "step": step})
}
