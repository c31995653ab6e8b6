//! W13: what it costs to be asked who one is: the same requests with a credential and, in turn
//! with them, to a server that asks nobody.

use crate::http::{Connection, Request};
use crate::options::Options;
use crate::stats::Times;
use crate::subject::{Subject, point};
use crate::table::{Row, Table, Target};
use anyhow::{Context, Result, ensure};
use branchline_testkit::Peer;
use serde_json::json;
use std::process::Command;

/// Blocks of calls, in turn to both servers, so that a load of the machine hits both.
const BLOCKS: usize = 60;
/// The owner's e-mail and password, as Basic sends them.
const BASIC: &str = "Basic YmVuY2hAZXhhbXBsZS5vcmc6YmVuY2gtcGFzc3dvcmQ=";

pub(crate) fn measure(options: &Options, table: &mut Table) -> Result<()> {
    if !options.wants("W13") {
        return Ok(());
    }
    let open = Subject::open(options, "ours-open")?;
    let closed = Subject::owned(options, "ours-closed", "bench@example.org", "bench-password")?;
    let token = format!("Bearer {}", closed.token().unwrap_or_default());
    let calls = options.count(300);
    let _pinned = [
        Pinned::to_one_core(std::process::id())?,
        Pinned::to_one_core(open.pid())?,
        Pinned::to_one_core(closed.pid())?,
    ];
    let ratio = |write: bool, credential: &str| {
        let mut sides =
            [Side::new(&open, write, None)?, Side::new(&closed, write, Some(credential))?];
        let mut ratios = Vec::with_capacity(BLOCKS);
        for _ in 0..BLOCKS {
            let [asked_nobody, asked] = &mut sides;
            let without = asked_nobody.block(calls)?;
            ratios.push(asked.block(calls)? / without);
        }
        ratios.sort_unstable_by(f64::total_cmp);
        Ok::<_, anyhow::Error>(ratios.get(BLOCKS / 2).copied().unwrap_or(f64::NAN))
    };
    for (what, write, credential) in [
        ("reading with a token, × without sign-in", false, token.as_str()),
        ("logging with a token, × without sign-in", true, &token),
        ("reading with a password, × without sign-in", false, BASIC),
    ] {
        table.add(Row {
            workload: "W13",
            what,
            unit: "×",
            target: Target::AtMost(1.05),
            durability: "balanced",
            ours: ratio(write, credential)?,
            peers: Peer::ALL.map(|_| None),
            limit: None,
        });
    }
    open.stop()?;
    closed.stop()
}

/// A process on one core until this is dropped. Both servers take the same way to the client
/// then; else which cores the scheduler gave them decides more than what is measured.
struct Pinned {
    pid: u32,
    before: String,
}

impl Pinned {
    fn to_one_core(pid: u32) -> Result<Self> {
        let told = taskset(&["-c", "-p", &pid.to_string()])?;
        let before = told.rsplit(": ").next().unwrap_or_default().trim().to_owned();
        let first = before.split([',', '-']).next().unwrap_or("0");
        taskset(&["-a", "-c", "-p", first, &pid.to_string()])?;
        Ok(Self { pid, before })
    }
}

impl Drop for Pinned {
    fn drop(&mut self) {
        // A server that has ended needs it no more.
        let _ = taskset(&["-a", "-c", "-p", &self.before, &self.pid.to_string()]);
    }
}

/// Asks util-linux, as no safe library does.
fn taskset(arguments: &[&str]) -> Result<String> {
    let output = Command::new("taskset").args(arguments).output().context("taskset is missing")?;
    ensure!(output.status.success(), "taskset: {}", String::from_utf8_lossy(&output.stderr));
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// One of the two servers, and what it is asked again and again.
struct Side {
    connection: Connection,
    request: Request,
}

impl Side {
    fn new(subject: &Subject, write: bool, credential: Option<&str>) -> Result<Self> {
        let mut connection = subject.connect()?;
        let fields = credential.map_or_else(
            || format!("Host: {}", subject.address()),
            |value| format!("Host: {}\r\nAuthorization: {value}", subject.address()),
        );
        let request = if write {
            let (run, _) = subject.create_run(&mut connection)?;
            let mut body = point("loss", 1);
            body["run_id"] = json!(run);
            let path = "/api/2.0/mlflow/runs/log-metric";
            Request::new("POST", path, &fields, "application/json", body.to_string().as_bytes())
        } else {
            let path = "/api/2.0/mlflow/experiments/get?experiment_id=0";
            Request::new("GET", path, &fields, "application/json", b"")
        };
        for _ in 0..50 {
            connection.call(&request)?;
        }
        Ok(Self { connection, request })
    }

    /// The median of so many calls, in milliseconds.
    fn block(&mut self, calls: usize) -> Result<f64> {
        let Self { connection, request } = self;
        Ok(Times::of(calls, |_| connection.call(request).map(drop))?.median())
    }
}
