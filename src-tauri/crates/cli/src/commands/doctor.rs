//! `branchline doctor`: what is in order, what is not, and what to do about it.

use crate::args::Globals;
use crate::backend::{Backend, Tenancy, data_dir};
use crate::commands::db::size;
use crate::failure::{Done, Failure};
use crate::output::{OK, Output, failed, table};
use crate::platform;
use branchline_engine::home::DataDir;
use branchline_server::config::{Config, Overrides};
use branchline_server::platform::port_holder;
use serde::Serialize;
use std::net::{Ipv4Addr, Ipv6Addr, TcpListener};
use std::path::Path;
use std::process::Command;

/// Below this, logging fails soon.
const TOO_LITTLE_SPACE: u64 = 500_000_000;
/// Below this, a person should know.
const LITTLE_SPACE: u64 = 5_000_000_000;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum Status {
    Ok,
    Warn,
    Fail,
}

#[derive(Debug, Serialize)]
struct Check {
    name: &'static str,
    status: Status,
    detail: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    remedy: Option<String>,
}

impl Check {
    fn ok(name: &'static str, detail: impl Into<String>) -> Self {
        Self { name, status: Status::Ok, detail: detail.into(), remedy: None }
    }
    fn warn(name: &'static str, detail: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { name, status: Status::Warn, detail: detail.into(), remedy: Some(remedy.into()) }
    }
    fn fail(name: &'static str, detail: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { name, status: Status::Fail, detail: detail.into(), remedy: Some(remedy.into()) }
    }
    fn failed(name: &'static str, failure: Failure, remedy: &str) -> Self {
        let remedy = failure.hint.unwrap_or_else(|| remedy.to_owned());
        Self::fail(name, failure.message, remedy)
    }
}

#[derive(Debug, Serialize)]
struct Report {
    ok: bool,
    checks: Vec<Check>,
}

pub(crate) async fn run(globals: &Globals, output: &Output) -> Done {
    let data_dir = data_dir(globals)?;
    let mut checks = Vec::new();
    let (settings, config) = settings(globals);
    checks.push(settings);
    let folder = data_folder(&data_dir);
    let usable = folder.status != Status::Fail;
    checks.push(folder);
    checks.push(disk_space(&data_dir));
    let mut ours = None;
    if usable {
        let (lock, url) = owner(&data_dir).await;
        checks.push(lock);
        ours = url;
    }
    if let Some(config) = &config {
        checks.push(port(config.port, ours.as_deref()));
        if usable {
            checks.push(database(globals, &data_dir).await);
        }
    }
    checks.push(python());
    checks.push(keyring());
    checks.push(display());
    let ok = checks.iter().all(|check| check.status != Status::Fail);
    let report = Report { ok, checks };
    output.data(&report, text)?;
    Ok(if ok { OK } else { failed() })
}

fn text(report: &Report) -> String {
    let mut rows = Vec::new();
    for check in &report.checks {
        let status = match check.status {
            Status::Ok => "ok",
            Status::Warn => "warn",
            Status::Fail => "FAIL",
        };
        rows.push(vec![status.to_owned(), check.name.to_owned(), check.detail.clone()]);
        rows.extend(
            check
                .remedy
                .iter()
                .map(|remedy| vec![String::new(), String::new(), format!("→ {remedy}")]),
        );
    }
    table(&["state", "check", "what was found"], &rows)
}

fn settings(globals: &Globals) -> (Check, Option<Config>) {
    const NAME: &str = "settings";
    let mut overrides = Overrides::default();
    overrides.env_file.clone_from(&globals.env_file);
    match Config::load(&overrides) {
        Ok(config) => (Check::ok(NAME, "they can be read"), Some(config)),
        Err(error) => (Check::failed(NAME, error.into(), "Correct the file that is named."), None),
    }
}

fn data_folder(data_dir: &DataDir) -> Check {
    const NAME: &str = "data folder";
    let root = data_dir.root();
    let shown = root.display();
    if !root.exists() {
        return Check::ok(
            NAME,
            format!("{shown} does not exist yet and is made at the first start"),
        );
    }
    let probe = root.join(format!(".doctor-{}", std::process::id()));
    let written = std::fs::write(&probe, b"probe").and_then(|()| std::fs::remove_file(&probe));
    match written {
        Ok(()) => Check::ok(NAME, format!("{shown} can be written")),
        Err(cause) => Check::fail(
            NAME,
            format!("{shown} cannot be written: {cause}"),
            "Give yourself write access to it, or name another folder with --data-dir.",
        ),
    }
}

fn disk_space(data_dir: &DataDir) -> Check {
    const NAME: &str = "disk space";
    const REMEDY: &str = "Free some space, or move the data folder and name it with --data-dir.";
    let existing = data_dir.root().ancestors().find(|folder| folder.exists());
    match fs4::available_space(existing.unwrap_or(Path::new("."))) {
        Ok(free) if free < TOO_LITTLE_SPACE => {
            Check::fail(NAME, format!("only {} are free", size(free)), REMEDY)
        }
        Ok(free) if free < LITTLE_SPACE => {
            Check::warn(NAME, format!("only {} are free", size(free)), REMEDY)
        }
        Ok(free) => Check::ok(NAME, format!("{} are free", size(free))),
        Err(cause) => Check::warn(NAME, format!("it cannot be told: {cause}"), REMEDY),
    }
}

/// Who has the data folder, and where that server answers.
async fn owner(data_dir: &DataDir) -> (Check, Option<String>) {
    const NAME: &str = "owner";
    if !data_dir.root().exists() {
        return (Check::ok(NAME, "nobody has the data folder"), None);
    }
    match Tenancy::find(data_dir).await {
        Ok(Tenancy::Owner(_)) => (Check::ok(NAME, "nobody has the data folder"), None),
        Ok(Tenancy::Guest(_, info)) => {
            let found = format!(
                "Branchline {} (process {}) answers at {}",
                info.version, info.pid, info.url
            );
            (Check::ok(NAME, found), Some(info.url))
        }
        Err(failure) => (Check::failed(NAME, failure, "End the process that is named."), None),
    }
}

fn port(port: u16, ours: Option<&str>) -> Check {
    const NAME: &str = "port";
    if port == 0 {
        return Check::ok(NAME, "any free one is taken");
    }
    if ours.is_some_and(|url| url.ends_with(&format!(":{port}"))) {
        return Check::ok(NAME, format!("{port} is ours"));
    }
    let taken = |cause: &std::io::Error| cause.kind() == std::io::ErrorKind::AddrInUse;
    let v4 = TcpListener::bind((Ipv4Addr::LOCALHOST, port));
    let v6 = TcpListener::bind((Ipv6Addr::LOCALHOST, port));
    match [v4, v6].into_iter().filter_map(Result::err).find(taken) {
        None => Check::ok(NAME, format!("{port} is free")),
        Some(_) => {
            let holder = port_holder(port).map_or("another program".to_owned(), |h| h.to_string());
            Check::warn(
                NAME,
                format!("{port} is taken by {holder}"),
                "Stop it, or choose another port: `branchline config set server.port N`.",
            )
        }
    }
}

async fn database(globals: &Globals, data_dir: &DataDir) -> Check {
    const NAME: &str = "database";
    const REMEDY: &str = "Bring back a backup with `branchline db restore FILE`.";
    if !data_dir.database().exists() {
        return Check::ok(NAME, "there is none yet; it is made at the first start");
    }
    let checked = async {
        let backend = Backend::open(globals).await?;
        let done = backend.check().await?;
        backend.close().await;
        Ok::<_, Failure>(done)
    };
    match checked.await {
        Ok(done) if done.ok => Check::ok(NAME, "sound"),
        Ok(done) => Check::fail(NAME, done.problems.join("; "), REMEDY),
        Err(failure) => Check::failed(NAME, failure, REMEDY),
    }
}

fn python() -> Check {
    const NAME: &str = "python";
    const PROBE: &str = "import importlib.metadata as m, sys\n\
        for name in ('mlflow', 'mlflow-skinny'):\n\
        \x20   try: print(sys.executable, name, m.version(name)); break\n\
        \x20   except m.PackageNotFoundError: pass\n\
        else: print(sys.executable)";
    let mut without = None;
    for python in platform::pythons() {
        let Ok(output) = Command::new(&python).args(["-c", PROBE]).output() else { continue };
        let found = String::from_utf8_lossy(&output.stdout).trim().to_owned();
        if !output.status.success() || found.is_empty() {
            continue;
        }
        if found.contains("mlflow") {
            return Check::ok(NAME, found);
        }
        without.get_or_insert(found);
    }
    match without {
        Some(python) => Check::warn(
            NAME,
            format!("{python} has no mlflow"),
            format!("{python} -m pip install mlflow"),
        ),
        None => Check::warn(NAME, "none was found", "Install Python 3 to log runs from it."),
    }
}

fn keyring() -> Check {
    const NAME: &str = "keyring";
    match platform::keyring() {
        Ok(detail) => Check::ok(NAME, detail),
        Err(detail) => Check::warn(
            NAME,
            detail,
            "Nothing needs it now; secrets are kept in files that only you can read.",
        ),
    }
}

fn display() -> Check {
    const NAME: &str = "display";
    match platform::display() {
        Ok(detail) => Check::ok(NAME, detail),
        Err(detail) => Check::warn(
            NAME,
            detail,
            "Use `branchline serve` and a browser where there is no desktop.",
        ),
    }
}
