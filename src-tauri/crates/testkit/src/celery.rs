//! Celery with Redis, the peer of the queue.

use crate::peer::Peer;
use anyhow::{Context, Result, ensure};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// A Redis server that keeps nothing, and a worker with a pool of processes. Dropping it ends both.
#[derive(Debug)]
pub struct Celery {
    children: Vec<Child>,
    redis: String,
    folder: PathBuf,
}

/// What its client measured.
#[derive(Debug, Clone, Copy)]
pub struct CeleryFigures {
    /// Tasks a second.
    pub rate: f64,
    /// Milliseconds from queuing one task to its result.
    pub wait: f64,
}

/// The name of the module that holds the task and the client.
const MODULE: &str = "celery_peer";

impl Celery {
    /// Starts both with the tasks of `module`, the text of a Python file.
    ///
    /// # Errors
    /// When one of them is not installed.
    pub fn start(folder: &Path, module: &str, concurrency: usize) -> Result<Self> {
        std::fs::create_dir_all(folder)?;
        std::fs::write(folder.join(format!("{MODULE}.py")), module)?;
        let port = TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port().to_string();
        let redis = format!("redis://127.0.0.1:{port}/0");
        let mut started =
            Self { children: Vec::new(), redis: redis.clone(), folder: folder.to_owned() };
        let mut server = Command::new("redis-server");
        server.args(["--port", &port, "--save", "", "--appendonly", "no", "--bind", "127.0.0.1"]);
        started.spawn(server).context("redis-server is not installed: run scripts/setup bench")?;
        let mut worker = started.python()?;
        worker.args(["-m", "celery", "-A", MODULE, "worker", "--loglevel", "ERROR"]).args([
            "--concurrency",
            &concurrency.to_string(),
            "--without-gossip",
            "--without-mingle",
            "--without-heartbeat",
        ]);
        started.spawn(worker).context("Celery's worker did not start")?;
        Ok(started)
    }

    fn python(&self) -> Result<Command> {
        let mut command = Command::new(std::path::absolute(Peer::python())?);
        command.env("REDIS", &self.redis);
        Ok(command)
    }

    fn spawn(&mut self, mut command: Command) -> Result<()> {
        let words = std::fs::File::options()
            .create(true)
            .append(true)
            .open(self.folder.join("words.txt"))?;
        command.current_dir(&self.folder).stdin(Stdio::null());
        command.stdout(words.try_clone()?).stderr(words);
        self.children.push(command.spawn()?);
        Ok(())
    }

    /// Runs the client of the module with so many tasks.
    ///
    /// # Errors
    /// What the client says.
    pub fn measure(&self, tasks: usize) -> Result<CeleryFigures> {
        let mut client = self.python()?;
        client.args(["-m", MODULE, &tasks.to_string()]).current_dir(&self.folder);
        let output = client.output().context("Celery's client did not start")?;
        ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let text = String::from_utf8_lossy(&output.stdout);
        let mut figures = text.lines().filter_map(|line| line.trim().parse().ok());
        let (rate, wait) = figures.next().zip(figures.next()).context("no figures")?;
        Ok(CeleryFigures { rate, wait })
    }
}

impl Drop for Celery {
    fn drop(&mut self) {
        // The worker first: it asks Redis until it ends.
        for child in self.children.iter_mut().rev() {
            let _ = crate::process::terminate(child);
        }
    }
}
