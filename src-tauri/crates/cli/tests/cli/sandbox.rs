//! A home, settings and data folder that no other test and no person uses.

use serde_json::Value;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStderr, ChildStdout, Command, ExitStatus, Output, Stdio};

/// Variables of whoever runs the tests that would change what is tested.
const FOREIGN: [&str; 6] =
    ["BRANCHLINE_", "MLFLOW_", "FIRST_SUPERUSER", "VIRTUAL_ENV", "CONDA_PREFIX", "XDG_"];

pub(crate) struct Sandbox {
    folder: tempfile::TempDir,
}

impl Sandbox {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("home")).unwrap();
        Self { folder }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn data(&self, name: &str) -> PathBuf {
        self.path("data").join(name)
    }

    /// The binary with nothing of the outside but the path to programs.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_branchline"));
        for (name, _) in std::env::vars() {
            if FOREIGN.iter().any(|prefix| name.starts_with(prefix)) {
                command.env_remove(name);
            }
        }
        command
            .args(arguments)
            .current_dir(self.folder.path())
            .env("HOME", self.path("home"))
            .env("BRANCHLINE_CONFIG_DIR", self.path("config"))
            .env("BRANCHLINE_DATA_DIR", self.path("data"))
            .env("BRANCHLINE_KEYRING", "false")
            .stdin(Stdio::null());
        command
    }

    /// Runs a command to its end.
    pub(crate) fn run(&self, arguments: &[&str]) -> Ran {
        Ran::of(&mut self.command(arguments))
    }

    /// Runs a command that must end well, and reads its JSON.
    #[track_caller]
    pub(crate) fn json(&self, arguments: &[&str]) -> Value {
        let mut arguments = arguments.to_vec();
        arguments.push("--json");
        self.run(&arguments).ok().json()
    }

    /// A server at a free port, ready.
    #[track_caller]
    pub(crate) fn serve(&self) -> Server {
        self.serve_with(&["--port", "0"])
    }

    #[track_caller]
    pub(crate) fn serve_with(&self, arguments: &[&str]) -> Server {
        let mut all = vec!["serve"];
        all.extend(arguments);
        Server::start(self.command(&all))
    }
}

/// A command that ended.
pub(crate) struct Ran {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Ran {
    pub(crate) fn of(command: &mut Command) -> Self {
        let Output { status, stdout, stderr } = command.output().unwrap();
        Self {
            code: status.code(),
            stdout: String::from_utf8(stdout).unwrap(),
            stderr: String::from_utf8(stderr).unwrap(),
        }
    }

    #[track_caller]
    pub(crate) fn ok(self) -> Self {
        self.exits(0)
    }

    #[track_caller]
    pub(crate) fn exits(self, code: i32) -> Self {
        assert_eq!(
            self.code,
            Some(code),
            "\n--- stdout\n{}\n--- stderr\n{}",
            self.stdout,
            self.stderr
        );
        self
    }

    /// The words say this.
    #[track_caller]
    pub(crate) fn says(self, words: &str) -> Self {
        assert!(self.stderr.contains(words), "'{words}' is not in:\n{}", self.stderr);
        self
    }

    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|e| panic!("{e}: {}", self.stdout))
    }
}

/// A server that answers; killed when it is dropped.
pub(crate) struct Server {
    child: Child,
    stdout: BufReader<ChildStdout>,
    stderr: BufReader<ChildStderr>,
    /// What was read of stderr so far.
    words: String,
    pub(crate) first_line: String,
}

impl Server {
    #[track_caller]
    pub(crate) fn start(mut command: Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        let mut stderr = BufReader::new(child.stderr.take().unwrap());
        let (mut first_line, mut words) = (String::new(), String::new());
        stdout.read_line(&mut first_line).unwrap();
        if first_line.is_empty() {
            stderr.read_to_string(&mut words).unwrap();
            panic!("the server ended ({:?}):\n{words}", child.wait());
        }
        first_line.truncate(first_line.trim_end().len());
        Self { child, stdout, stderr, words, first_line }
    }

    /// Reads its words up to a line with `needle`, and answers that line.
    #[track_caller]
    pub(crate) fn says(&mut self, needle: &str) -> &str {
        loop {
            let start = self.words.len();
            let read = self.stderr.read_line(&mut self.words).unwrap();
            assert_ne!(read, 0, "'{needle}' was not said:\n{}", self.words);
            if self.words[start..].contains(needle) {
                return self.words[start..].trim_end();
            }
        }
    }

    pub(crate) fn url(&self) -> &str {
        &self.first_line
    }

    pub(crate) fn port(&self) -> u16 {
        self.url().rsplit(':').next().unwrap().parse().unwrap()
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Sends a signal by its name.
    #[cfg(unix)]
    pub(crate) fn signal(&self, signal: rustix::process::Signal) {
        send(self.pid(), signal);
    }

    /// Waits for the end; answers how it was, and what was said.
    pub(crate) fn wait(mut self) -> (ExitStatus, String) {
        self.stderr.read_to_string(&mut self.words).unwrap();
        let mut rest = String::new();
        self.stdout.read_to_string(&mut rest).unwrap();
        assert_eq!(rest, "", "stdout has one line");
        (self.child.wait().unwrap(), std::mem::take(&mut self.words))
    }

    /// Asks it to end, as the owner of the data folder.
    #[track_caller]
    pub(crate) fn stop(self, sandbox: &Sandbox) -> String {
        let secret = instance(sandbox)["secret"].as_str().unwrap().to_owned();
        let answer = http().post(format!("{}/api/v1/shutdown", instance_url(sandbox)));
        assert!(answer.bearer_auth(secret).send().unwrap().status().is_success());
        let (status, words) = self.wait();
        assert_eq!(status.code(), Some(0), "{words}");
        words
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[cfg(unix)]
pub(crate) fn send(pid: u32, signal: rustix::process::Signal) {
    let pid = rustix::process::Pid::from_raw(i32::try_from(pid).unwrap()).unwrap();
    rustix::process::kill_process(pid, signal).unwrap();
}

/// `instance.json` of the sandbox.
#[track_caller]
pub(crate) fn instance(sandbox: &Sandbox) -> Value {
    read_json(&sandbox.data("instance.json"))
}

#[track_caller]
fn instance_url(sandbox: &Sandbox) -> String {
    instance(sandbox)["url"].as_str().unwrap().to_owned()
}

#[track_caller]
pub(crate) fn read_json(path: &Path) -> Value {
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

/// An HTTP client that no proxy of the outside sees.
pub(crate) fn http() -> reqwest::blocking::Client {
    reqwest::blocking::Client::builder().no_proxy().build().unwrap()
}

/// The HTTP status of a request that a client of MLflow's makes, with a token.
pub(crate) fn status_with(url: &str, token: &str) -> u16 {
    let request = http().get(format!("{url}/api/2.0/mlflow/experiments/get?experiment_id=0"));
    request.bearer_auth(token).send().unwrap().status().as_u16()
}

/// Makes an experiment over MLflow's API; answers the HTTP status.
pub(crate) fn create_experiment(url: &str, token: &str, name: &str) -> u16 {
    let request = http().post(format!("{url}/api/2.0/mlflow/experiments/create"));
    let request = request.bearer_auth(token).json(&serde_json::json!({ "name": name }));
    request.send().unwrap().status().as_u16()
}

/// Runs a check twice: without a server, where the command owns the data folder,
/// and beside one, where it is a guest.
pub(crate) fn as_owner_and_guest(check: impl Fn(&Sandbox)) {
    let alone = Sandbox::new();
    check(&alone);
    let beside = Sandbox::new();
    let server = beside.serve();
    check(&beside);
    assert!(http().get(format!("{}/health", server.url())).send().unwrap().status().is_success());
}
