//! `mlflow server` from the project's own Python environment, tuned as well as it can be.

use crate::binary::workspace_root;
use crate::process::terminate;
use anyhow::{Context, Result, bail};
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// A running `mlflow server`: two uvicorn workers on uvloop and httptools, SQLite in WAL
/// mode, no job runner. Dropping it ends it and its workers.
#[derive(Debug)]
pub struct MlflowServer {
    child: Child,
    port: u16,
    folder: PathBuf,
    started_in: Duration,
}

impl MlflowServer {
    /// The interpreter of the project's environment (`BRANCHLINE_PYTHON`, or `.venv`), if
    /// it is there.
    pub fn python() -> Option<PathBuf> {
        let given = std::env::var_os("BRANCHLINE_PYTHON").map(PathBuf::from);
        let path = given.unwrap_or_else(|| workspace_root().join(".venv/bin/python"));
        path.exists().then(|| std::path::absolute(path).ok()).flatten()
    }

    /// The version of mlflow in that environment.
    pub fn version(python: &Path) -> Option<String> {
        let output = Command::new(python)
            .args(["-c", "from importlib.metadata import version; print(version('mlflow'))"])
            .output()
            .ok()?;
        output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
    }

    /// The database file in a folder that a server was started in.
    pub fn database(folder: &Path) -> PathBuf {
        folder.join("mlflow.db")
    }

    /// Starts it and waits until it answers.
    ///
    /// # Errors
    /// When it does not answer within two minutes.
    pub fn start(python: &Path, folder: &Path) -> Result<Self> {
        std::fs::create_dir_all(folder)?;
        let port = TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port();
        let words = std::fs::File::create(folder.join("words.txt"))?;
        let begun = Instant::now();
        let child = Command::new(python)
            .args(["-m", "mlflow", "server", "--workers", "2", "--port", &port.to_string()])
            .args(["--uvicorn-opts", "--loop uvloop --http httptools --log-level warning"])
            .arg("--backend-store-uri")
            .arg(format!("sqlite:///{}", Self::database(folder).display()))
            .arg("--artifacts-destination")
            .arg(folder.join("artifacts"))
            .env("MLFLOW_SERVER_ENABLE_JOB_EXECUTION", "false")
            .env("MLFLOW_DISABLE_TELEMETRY", "true")
            .current_dir(folder)
            .stdin(Stdio::null())
            .stdout(words.try_clone()?)
            .stderr(words)
            .spawn()
            .context("mlflow server did not start")?;
        let mut server =
            Self { child, port, folder: folder.to_owned(), started_in: Duration::ZERO };
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
                bail!("mlflow server ended with {status}: {said}");
            }
            thread::park_timeout(Duration::from_millis(20));
        }
        bail!("mlflow server did not answer within two minutes")
    }

    /// `host:port`.
    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// The process.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// The folder with its database and artifacts.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// From the start of the process to its first answer.
    pub fn started_in(&self) -> Duration {
        self.started_in
    }
}

impl Drop for MlflowServer {
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
