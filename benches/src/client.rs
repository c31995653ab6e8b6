//! W9: MLflow's own Python client, whose time is mostly its own.

use crate::limits::Floor;
use crate::options::Options;
use crate::stats::by_turns;
use crate::subject::Subject;
use crate::table::{Row, Table, Target};
use anyhow::{Context, Result, ensure};
use branchline_testkit::Peer;
use std::process::Command;

/// How often our server and one that answers at once take turns.
const TURNS: usize = 5;
const SCRIPT: &str = include_str!("client.py");

pub(crate) fn measure(options: &Options, table: &mut Table) -> Result<()> {
    // The client comes with the first peer.
    if !options.wants("W9") || options.peers.is_empty() {
        return Ok(());
    }
    let calls = options.count(1000);
    let (ours, floor) = (Subject::ours(options, "ours-client")?, Floor::start()?);
    let least = Server::at(floor.address());
    // With a credential, as ours: to send it is the client's work.
    let token = ours.token();
    let both = by_turns(TURNS, || {
        let own = Server::of(&ours)?;
        let [mine, limit] = seconds(How::InTurn, [&own, &least], token, calls)?;
        let [other] = seconds(How::InTheBackground, [&own], token, calls)?;
        let [its_other] = seconds(How::InTheBackground, [&least], token, calls)?;
        Ok([mine, other, limit, its_other])
    })?;
    let [mine, limit] = [[both[0], both[1]], [both[2], both[3]]];
    ours.stop()?;
    let theirs = Subject::each_peer(options, "client", |_, subject| {
        let (server, token) = (Server::of(&subject)?, subject.token());
        let [mine] = seconds(How::InTurn, [&server], token, calls)?;
        let [other] = seconds(How::InTheBackground, [&server], token, calls)?;
        Ok([mine, other])
    })?;
    for (place, what) in ["1000 log_metric of the client, in turn", "the same in the background"]
        .into_iter()
        .enumerate()
    {
        let of = |figures: [f64; 2]| figures.get(place).copied().unwrap_or(f64::NAN);
        table.add(Row {
            workload: "W9",
            what,
            unit: "s",
            target: Target::AtMost(of(limit) * 1.1),
            durability: "balanced",
            ours: of(mine),
            peers: theirs.map(|figures| figures.map(of)),
            limit: Some(of(limit)),
        });
    }
    Ok(())
}

/// A server with a run to log to.
struct Server {
    address: String,
    run: String,
}

impl Server {
    fn of(subject: &Subject) -> Result<Self> {
        let (run, _) = subject.create_run(&mut subject.connect()?)?;
        Ok(Self { address: format!("http://{}", subject.address()), run })
    }

    /// One that takes any run.
    fn at(address: &str) -> Self {
        Self { address: format!("http://{address}"), run: "0".repeat(32) }
    }
}

/// How the client sends what it logs.
#[derive(Clone, Copy)]
enum How {
    InTurn,
    InTheBackground,
}

/// Seconds of so many calls to each of the servers.
fn seconds<const N: usize>(
    how: How,
    servers: [&Server; N],
    token: Option<&str>,
    calls: usize,
) -> Result<[f64; N]> {
    let mode = match how {
        How::InTurn => "in turn",
        How::InTheBackground => "background",
    };
    let mut command = Command::new(Peer::python());
    command.args(["-c", SCRIPT, mode, &calls.to_string()]);
    servers.iter().for_each(|server| {
        command.args([&server.address, &server.run]);
    });
    command.env("MLFLOW_DISABLE_TELEMETRY", "true");
    if let Some(token) = token {
        command.env("MLFLOW_TRACKING_TOKEN", token);
    }
    let output = command.output().context("the client did not start")?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8_lossy(&output.stdout);
    let figures: Vec<f64> = text.split_whitespace().filter_map(|word| word.parse().ok()).collect();
    figures.try_into().ok().context("the client told no times")
}
