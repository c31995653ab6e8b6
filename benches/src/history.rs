//! W6: a history of a hundred thousand points, whole and sampled for a chart.

use crate::options::Options;
use crate::stats::Times;
use crate::subject::{Subject, point};
use crate::table::{Row, Table, Target};
use anyhow::{Result, ensure};
use branchline_testkit::Peer;
use serde_json::{Value, json};

pub(crate) fn measure(options: &Options, table: &mut Table) -> Result<()> {
    if !options.wants("W6") {
        return Ok(());
    }
    let points = options.count(100_000);
    let ours = Subject::ours(options, "ours-history")?;
    let mut connection = ours.connect()?;
    let (run, _) = ours.create_run(&mut connection)?;
    fill(&ours, &run, points)?;
    let whole = whole(&ours, &run, points, 10)?;
    let body = json!({"run_ids": [run], "keys": ["loss"], "max_points": 320}).to_string();
    let request =
        ours.request("POST", "/api/v1/metrics/series", "application/json", body.as_bytes());
    connection.call(&request)?;
    let sampled = Times::of(options.count(100), |_| connection.call(&request).map(drop))?.median();
    ours.stop()?;
    let theirs = Subject::each_peer(options, "history", |peer, subject| {
        let run = crate::fill::peer_history(peer, &subject.database(), points)?;
        let whole = self::whole(&subject, &run, points, 1)?;
        // FastTrackML samples only through Aim's interface.
        let sampled = match peer {
            Peer::Mlflow => Some(sampled_by_mlflow(&subject, &run)?),
            Peer::FastTrackMl => None,
        };
        Ok((whole, sampled))
    })?;
    let row = |what, unit, most, ours, peers| Row {
        workload: "W6",
        what,
        unit,
        target: Target::AtMost(most),
        durability: "read",
        ours,
        peers,
        limit: None,
    };
    // A quick run reads a tenth of the points, so it has a tenth of the time.
    table.add(row(
        "whole history of 100k points",
        "s",
        0.07 * points as f64 / 1e5,
        whole,
        theirs.map(|figures| figures.map(|(whole, _)| whole)),
    ));
    let peers = theirs.map(|figures| figures.and_then(|(_, sampled)| sampled));
    table.add(row("sampled to 320 points", "ms", 5.0, sampled, peers));
    Ok(())
}

fn sampled_by_mlflow(subject: &Subject, run: &str) -> Result<f64> {
    let path = format!(
        "/ajax-api/2.0/mlflow/metrics/get-history-bulk-interval?run_ids={run}&metric_key=loss&max_results=320"
    );
    let (request, mut connection) = (subject.get(&path), subject.connect()?);
    Ok(Times::of(5, |_| connection.call(&request).map(drop))?.median())
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

fn whole(subject: &Subject, run: &str, points: usize, count: usize) -> Result<f64> {
    let request =
        subject.get(&format!("/api/2.0/mlflow/metrics/get-history?run_id={run}&metric_key=loss"));
    let mut connection = subject.connect()?;
    let answer: Value = serde_json::from_slice(connection.call(&request)?)?;
    let got = answer["metrics"].as_array().map_or(0, Vec::len);
    ensure!(got == points, "{got} of {points} points");
    Ok(Times::of(count, |_| connection.call(&request).map(drop))?.median() / 1e3)
}
