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
    let on = |subject: &Subject| {
        let (run, _) = subject.create_run(&mut subject.connect()?)?;
        seconds(&subject.address(), subject.token(), &run, calls)
    };
    let (ours, floor) = (Subject::ours(options, "ours-client")?, Floor::start()?);
    let both = by_turns(TURNS, || {
        let [one, other] = on(&ours)?;
        // With a credential, as ours: to send it is the client's work.
        let [least, its_other] = seconds(floor.address(), ours.token(), &"0".repeat(32), calls)?;
        Ok([one, other, least, its_other])
    })?;
    let [mine, limit] = [[both[0], both[1]], [both[2], both[3]]];
    ours.stop()?;
    let theirs = Subject::each_peer(options, "client", |_, subject| on(&subject))?;
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

/// Seconds of so many calls, in turn and in the background.
fn seconds(address: &str, token: Option<&str>, run: &str, calls: usize) -> Result<[f64; 2]> {
    let mut command = Command::new(Peer::python());
    command.args(["-c", SCRIPT, &format!("http://{address}"), run, &calls.to_string()]);
    command.env("MLFLOW_DISABLE_TELEMETRY", "true");
    if let Some(token) = token {
        command.env("MLFLOW_TRACKING_TOKEN", token);
    }
    let output = command.output().context("the client did not start")?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8_lossy(&output.stdout);
    let mut figures = text.lines().filter_map(|line| line.trim().parse().ok());
    let next = figures.next().zip(figures.next()).context("the client told no times")?;
    Ok([next.0, next.1])
}
