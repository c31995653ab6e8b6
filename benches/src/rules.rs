//! W15: what rules cost those who log: a value that ten rules look at and, in turn with it, the same
//! value to a server without rules.

use crate::http::Request;
use crate::in_turn::{Side, on_one_core, ratio};
use crate::options::Options;
use crate::subject::{Subject, point};
use crate::table::{Row, Table, Target};
use anyhow::Result;
use branchline_testkit::Peer;
use serde_json::json;

const RULES: usize = 10;

pub(crate) fn measure(options: &Options, table: &mut Table) -> Result<()> {
    if !options.wants("W15") {
        return Ok(());
    }
    let plain = Subject::open(options, "ours-without-rules")?;
    let ruled = Subject::open(options, "ours-with-rules")?;
    for number in 0..RULES {
        let rule = json!({
            "on": ["metric.above"],
            "name": "loss",
            "threshold": 1e6 + number as f64,
        });
        let body = rule.to_string();
        let request = ruled.request("POST", "/api/v1/rules", "application/json", body.as_bytes());
        ruled.connect()?.call(&request)?;
    }
    let _pinned = on_one_core([&plain, &ruled])?;
    let calls = options.count(300);
    let mut without = Side::new(&plain, values(&plain, 2000)?)?;
    let mut with = Side::new(&ruled, values(&ruled, 2000)?)?;
    table.add(Row {
        workload: "W15",
        what: "a value that ten rules look at, × without rules",
        unit: "×",
        target: Target::AtMost(1.1),
        durability: "balanced",
        ours: ratio(&mut without, &mut with, calls)?,
        peers: Peer::ALL.map(|_| None),
        limit: None,
    });
    plain.stop()?;
    ruled.stop()
}

/// Values of one metric, a step after the other.
fn values(subject: &Subject, count: usize) -> Result<Vec<Request>> {
    let (run, _) = subject.create_run(&mut subject.connect()?)?;
    let value = |step| {
        let mut body = point("loss", step as i64);
        body["run_id"] = json!(run);
        subject.post("/runs/log-metric", &body)
    };
    Ok((0..count).map(value).collect())
}
