//! The peers: other tracking servers from the project's own Python environment, tuned as well
//! as they can be.

use crate::binary::workspace_root;
use crate::process::terminate;
use anyhow::{Context, Result, bail};
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// Another tracking server that can be had from the package index.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Peer {
    /// `mlflow server`: two uvicorn workers on uvloop and httptools, SQLite in WAL mode, no
    /// job runner.
    Mlflow,
    /// FastTrackML: a Go program on SQLite in WAL mode, without a sync at each commit.
    FastTrackMl,
}

impl Peer {
    /// All of them, in the order of tables.
    pub const ALL: [Self; 2] = [Self::Mlflow, Self::FastTrackMl];

    /// What people call it, and its Python package.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Mlflow => "mlflow",
            Self::FastTrackMl => "FastTrackML",
        }
    }

    /// The interpreter of the project's environment (`BRANCHLINE_PYTHON`, or `.venv`).
    pub fn python() -> PathBuf {
        std::env::var_os("BRANCHLINE_PYTHON")
            .map_or_else(|| workspace_root().join(".venv/bin/python"), PathBuf::from)
    }

    /// Which version is installed; none when it is not.
    pub fn version(self) -> Option<String> {
        let code =
            format!("from importlib.metadata import version; print(version('{}'))", self.name());
        let output = Command::new(Self::python()).args(["-c", &code]).output().ok()?;
        output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
    }

    /// The database file in a folder that a server was started in.
    pub fn database(self, folder: &Path) -> PathBuf {
        folder.join(format!("{}.db", self.name().to_lowercase()))
    }

    fn command(self, port: u16, folder: &Path) -> Result<Command> {
        let python = std::path::absolute(Self::python())?;
        let (database, artifacts) = (self.database(folder), folder.join("artifacts"));
        Ok(match self {
            Self::Mlflow => {
                let mut command = Command::new(python);
                command
                    .args(["-m", "mlflow", "server", "--workers", "2", "--port", &port.to_string()])
                    .args(["--uvicorn-opts", "--loop uvloop --http httptools --log-level warning"])
                    .arg("--backend-store-uri")
                    .arg(format!("sqlite:///{}", database.display()))
                    .arg("--artifacts-destination")
                    .arg(artifacts)
                    .env("MLFLOW_SERVER_ENABLE_JOB_EXECUTION", "false")
                    .env("MLFLOW_DISABLE_TELEMETRY", "true");
                command
            }
            Self::FastTrackMl => {
                let mut command = Command::new(python.with_file_name("fml"));
                command
                    .args(["server", "--log-level", "warn"])
                    .args(["--listen-address", &format!("127.0.0.1:{port}")])
                    .arg("--database-uri")
                    .arg(format!("sqlite://{}", database.display()))
                    .arg("--default-artifact-root")
                    .arg(artifacts);
                command
            }
        })
    }
}

/// A running peer. Dropping it ends it and its workers.
#[derive(Debug)]
pub struct PeerServer {
    peer: Peer,
    child: Child,
    port: u16,
    folder: PathBuf,
    started_in: Duration,
}

impl PeerServer {
    /// Starts it and waits until it answers.
    ///
    /// # Errors
    /// When it does not answer within two minutes.
    pub fn start(peer: Peer, folder: &Path) -> Result<Self> {
        std::fs::create_dir_all(folder)?;
        let port = TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port();
        let words = std::fs::File::create(folder.join("words.txt"))?;
        let begun = Instant::now();
        let child = peer
            .command(port, folder)?
            .current_dir(folder)
            .stdin(Stdio::null())
            .stdout(words.try_clone()?)
            .stderr(words)
            .spawn()
            .with_context(|| format!("{} did not start", peer.name()))?;
        let mut server =
            Self { peer, child, port, folder: folder.to_owned(), started_in: Duration::ZERO };
        server.wait_until_it_answers()?;
        server.started_in = begun.elapsed();
        Ok(server)
    }

    fn wait_until_it_answers(&mut self) -> Result<()> {
        let deadline = Instant::now() + Duration::from_secs(120);
        while Instant::now() < deadline {
            if answers(self.port) {
                return Ok(());
            }
            if let Some(status) = self.child.try_wait()? {
                let said =
                    std::fs::read_to_string(self.folder.join("words.txt")).unwrap_or_default();
                bail!("{} ended with {status}: {said}", self.peer.name());
            }
            thread::park_timeout(Duration::from_millis(20));
        }
        bail!("{} did not answer within two minutes", self.peer.name())
    }

    /// `host:port`.
    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// The process.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// The database file.
    pub fn database(&self) -> PathBuf {
        self.peer.database(&self.folder)
    }

    /// From the start of the process to its first answer.
    pub fn started_in(&self) -> Duration {
        self.started_in
    }
}

impl Drop for PeerServer {
    fn drop(&mut self) {
        // Its workers end with it when it is asked; a kill would leave them behind.
        if terminate(&mut self.child).is_err() {
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}

fn answers(port: u16) -> bool {
    let request = b"GET /health HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n";
    let mut answer = [0; 12];
    TcpStream::connect(("127.0.0.1", port))
        .and_then(|mut stream| {
            stream.set_read_timeout(Some(Duration::from_secs(5)))?;
            stream.write_all(request)?;
            stream.read_exact(&mut answer)
        })
        .is_ok()
        && answer.ends_with(b"200")
}
