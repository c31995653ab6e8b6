//! W6: a history of a hundred thousand points and of a million, whole and sampled for a chart.

use crate::options::Options;
use crate::stats::Times;
use crate::subject::{Peers, Subject, point};
use crate::table::{Row, Table, Target};
use anyhow::{Context, Result, ensure};
use branchline_testkit::{Peer, memory_of_tree};
use serde_json::{Value, json};

/// A length of history, and what it may cost.
struct Length {
    points: usize,
    whole: &'static str,
    seconds: f64,
    sampled: &'static str,
    milliseconds: f64,
    times: usize,
}

const LENGTHS: [Length; 2] = [
    Length {
        points: 100_000,
        whole: "whole history of 100k points",
        seconds: 0.07,
        sampled: "100k points sampled to 320",
        milliseconds: 5.0,
        times: 10,
    },
    Length {
        points: 1_000_000,
        whole: "whole history of 1M points",
        seconds: 0.7,
        sampled: "1M points sampled to 320",
        milliseconds: 6.0,
        times: 3,
    },
];

/// Seconds of the whole history, and milliseconds of a sample where there is such a thing.
type Figures = (f64, Option<f64>);

pub(crate) fn measure(options: &Options, table: &mut Table) -> Result<()> {
    if !options.wants("W6") {
        return Ok(());
    }
    for length in LENGTHS.iter().take(if options.large { 2 } else { 1 }) {
        let points = options.count(length.points);
        let (mine, grown) = ours(options, length, points)?;
        let theirs = Subject::each_peer(options, &format!("history-{points}"), |peer, subject| {
            peers(peer, &subject, points)
        })?;
        // A quick run reads a tenth of the points, so it has a tenth of the time.
        let seconds = length.seconds * points as f64 / length.points as f64;
        let whole = theirs.map(|figures| figures.map(|(whole, _)| whole));
        table.add(row([length.whole, "s"], seconds, mine.0, whole));
        let sampled = theirs.map(|figures| figures.and_then(|(_, sampled)| sampled));
        let ours = mine.1.context("no sample")?;
        table.add(row([length.sampled, "ms"], length.milliseconds, ours, sampled));
        if length.points == 1_000_000 {
            let what = ["memory that reading 1M points added", "MB"];
            table.add(row(what, 20.0, grown, Peers::default()));
        }
    }
    Ok(())
}

fn row([what, unit]: [&'static str; 2], most: f64, ours: f64, peers: Peers<f64>) -> Row {
    let target = Target::AtMost(most);
    Row { workload: "W6", what, unit, target, durability: "read", ours, peers, limit: None }
}

/// Our figures, and the megabytes that the server grew by while it answered.
fn ours(options: &Options, length: &Length, points: usize) -> Result<(Figures, f64)> {
    let subject = Subject::ours(options, &format!("ours-history-{points}"))?;
    let mut connection = subject.connect()?;
    let (run, _) = subject.create_run(&mut connection)?;
    fill(&subject, &run, points)?;
    let (before, _) = memory_of_tree(subject.pid())?;
    let whole = whole(&subject, &run, points, length.times)?;
    let (after, _) = memory_of_tree(subject.pid())?;
    let body = json!({"run_ids": [run], "keys": ["loss"], "max_points": 320}).to_string();
    let request =
        subject.request("POST", "/api/v1/metrics/series", "application/json", body.as_bytes());
    connection.call(&request)?;
    let sampled = Times::of(options.count(100), |_| connection.call(&request).map(drop))?.median();
    subject.stop()?;
    Ok(((whole, Some(sampled)), (after as f64 - before as f64).max(0.0) / 1e6))
}

fn peers(peer: Peer, subject: &Subject, points: usize) -> Result<Figures> {
    let run = crate::fill::peer_history(peer, &subject.database(), points)?;
    let whole = whole(subject, &run, points, 1)?;
    // FastTrackML samples only through Aim's interface.
    if peer == Peer::FastTrackMl {
        return Ok((whole, None));
    }
    let path = format!(
        "/ajax-api/2.0/mlflow/metrics/get-history-bulk-interval?run_ids={run}&metric_key=loss&max_results=320"
    );
    let (request, mut connection) = (subject.get(&path), subject.connect()?);
    let sampled = Times::of(3, |_| connection.call(&request).map(drop))?.median();
    Ok((whole, Some(sampled)))
}

fn fill(subject: &Subject, run: &str, points: usize) -> Result<()> {
    let mut connection = subject.connect()?;
    for first in (0..points).step_by(1000) {
        let metrics: Vec<Value> =
            (first..first + 1000).map(|step| point("loss", step as i64)).collect();
        let batch = json!({"run_id": run, "metrics": metrics});
        connection.call(&subject.post("/runs/log-batch", &batch))?;
    }
    Ok(())
}

/// The median of reading all points, in seconds. Only the first answer is counted through, so
/// that the generator's own work is not in the figure.
fn whole(subject: &Subject, run: &str, points: usize, count: usize) -> Result<f64> {
    let request =
        subject.get(&format!("/api/2.0/mlflow/metrics/get-history?run_id={run}&metric_key=loss"));
    let mut connection = subject.connect()?;
    let mut check = None;
    let times = Times::of(count, |_| {
        let answer = connection.call(&request)?;
        check.get_or_insert_with(|| answer.to_vec());
        Ok(())
    })?;
    let answer: Value = serde_json::from_slice(&check.context("nothing was read")?)?;
    let got = answer["metrics"].as_array().map_or(0, Vec::len);
    ensure!(got == points, "{got} of {points} points");
    Ok(times.median() / 1e3)
}
