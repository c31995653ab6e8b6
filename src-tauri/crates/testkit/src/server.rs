//! The `branchline` binary as a server with a data folder of its own.

use crate::binary::{Profile, binary};
use crate::process::{first_line, terminate};
use anyhow::{Context, Result, bail};
use std::fs::{File, OpenOptions};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

/// How a server is started.
#[derive(Debug, Clone)]
pub struct Options {
    /// Which build.
    pub profile: Profile,
    /// Further flags of `serve`.
    pub flags: Vec<String>,
    /// Further environment.
    pub environment: Vec<(String, String)>,
}

impl Default for Options {
    fn default() -> Self {
        Self { profile: Profile::Debug, flags: Vec::new(), environment: Vec::new() }
    }
}

impl Options {
    /// Adds a flag of `serve`.
    #[must_use]
    pub fn flag(mut self, flag: &str) -> Self {
        self.flags.push(flag.to_owned());
        self
    }

    /// Adds a variable of the environment.
    #[must_use]
    pub fn env(mut self, key: &str, value: &str) -> Self {
        self.environment.push((key.to_owned(), value.to_owned()));
        self
    }

    /// Takes the optimised build.
    #[must_use]
    pub fn release(mut self) -> Self {
        self.profile = Profile::Release;
        self
    }
}

/// A running server. Dropping it kills the process.
#[derive(Debug)]
pub struct Server {
    child: Child,
    binary: PathBuf,
    url: String,
    data_dir: PathBuf,
    started_in: Duration,
}

/// What a command answered.
#[derive(Debug)]
pub struct Finished {
    /// Its exit code, or -1 after a signal.
    pub code: i32,
    /// What it printed.
    pub stdout: String,
    /// What it said.
    pub stderr: String,
}

impl Server {
    /// Starts `branchline serve` on a free port. Its words go to `<data_dir>.stderr`.
    ///
    /// # Errors
    /// When it does not say its address in time.
    pub fn start(data_dir: &Path, options: &Options) -> Result<Self> {
        let binary = binary(options.profile)?;
        let begun = Instant::now();
        let mut child = command(&binary, options)
            .args(["serve", "--port", "0", "--data-dir"])
            .arg(data_dir)
            .args(&options.flags)
            .stdout(Stdio::piped())
            .stderr(words(data_dir)?)
            .spawn()
            .with_context(|| format!("{} did not start", binary.display()))?;
        let stdout = child.stdout.take().context("no stdout")?;
        let url = match first_line(stdout, Duration::from_secs(60)) {
            Ok(url) if url.starts_with("http://") => url,
            other => {
                let _ = child.kill();
                let _ = child.wait();
                let said = std::fs::read_to_string(words_path(data_dir)).unwrap_or_default();
                bail!("serve said {other:?} instead of its address: {said}");
            }
        };
        let started_in = begun.elapsed();
        Ok(Self { child, binary, url, data_dir: data_dir.to_owned(), started_in })
    }

    /// Its address, without a slash at the end.
    pub fn url(&self) -> &str {
        self.url.trim_end_matches('/')
    }

    /// `host:port`.
    pub fn address(&self) -> &str {
        self.url().trim_start_matches("http://")
    }

    /// The process.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Its data folder.
    pub fn data_dir(&self) -> &Path {
        &self.data_dir
    }

    /// From the start of the process to its address on stdout.
    pub fn started_in(&self) -> Duration {
        self.started_in
    }

    /// What it said so far.
    pub fn words(&self) -> String {
        std::fs::read_to_string(words_path(&self.data_dir)).unwrap_or_default()
    }

    /// Ends it at once, with no chance to tidy up.
    ///
    /// # Errors
    /// When it cannot be waited for.
    pub fn kill(&mut self) -> Result<()> {
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }

    /// Asks it to end and waits.
    ///
    /// # Errors
    /// When it does not end.
    pub fn stop(&mut self) -> Result<ExitStatus> {
        terminate(&mut self.child)
    }

    /// Waits for it to end by itself.
    ///
    /// # Errors
    /// When it cannot be waited for.
    pub fn wait(&mut self) -> Result<ExitStatus> {
        Ok(self.child.wait()?)
    }

    /// Runs a command of the binary on this server's data folder.
    ///
    /// # Errors
    /// When it does not start.
    pub fn command(&self, arguments: &[&str]) -> Result<Finished> {
        let output = command(&self.binary, &Options::default())
            .env("BRANCHLINE_DATA_DIR", &self.data_dir)
            .args(arguments)
            .output()?;
        Ok(Finished {
            code: output.status.code().unwrap_or(-1),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        })
    }

    /// A new access token.
    ///
    /// # Errors
    /// When the command fails.
    pub fn token(&self) -> Result<String> {
        let made = self.command(&["tokens", "create", "--name", "testkit", "--json"])?;
        if made.code != 0 {
            bail!("tokens create: {}", made.stderr);
        }
        let answer: serde_json::Value = serde_json::from_str(&made.stdout)?;
        Ok(answer["secret"].as_str().context("no secret in the answer")?.to_owned())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The binary with an environment that points nowhere else.
fn command(binary: &Path, options: &Options) -> Command {
    let mut command = Command::new(binary);
    for (key, _) in std::env::vars_os() {
        let name = key.to_string_lossy();
        if ["BRANCHLINE_", "MLFLOW_", "FIRST_SUPERUSER"]
            .iter()
            .any(|prefix| name.starts_with(prefix))
        {
            command.env_remove(&key);
        }
    }
    command.envs(options.environment.iter().map(|(key, value)| (key, value)));
    command
}

fn words_path(data_dir: &Path) -> PathBuf {
    data_dir.with_extension("stderr")
}

fn words(data_dir: &Path) -> Result<File> {
    if let Some(parent) = data_dir.parent() {
        std::fs::create_dir_all(parent)?;
    }
    Ok(OpenOptions::new().create(true).append(true).open(words_path(data_dir))?)
}
