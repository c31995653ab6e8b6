//! The same runs in every store: ours through its own interface, a peer's straight into its
//! tables, because its interface would take longer than the whole benchmark.

use crate::stats::on_threads;
use crate::subject::{START, Subject, new_run};
use anyhow::{Context, Result};
use branchline_testkit::Peer;
use rusqlite::{Connection as Database, Transaction, params};
use serde_json::{Value, json};
use std::path::Path;

/// Metrics, params and tags of each run.
const METRICS: usize = 10;
const PARAMS: usize = 10;
const TAGS: usize = 5;

/// Puts a database into WAL mode before its server first opens it; the file remembers that.
pub(crate) fn write_ahead(path: &Path) -> Result<()> {
    path.parent().map_or(Ok(()), std::fs::create_dir_all)?;
    let database = Database::open(path)?;
    database.query_row("PRAGMA journal_mode = WAL", [], |row| row.get::<_, String>(0))?;
    Ok(())
}

/// A number between 0 and 1 that depends on run and key only.
fn value(run: usize, key: usize) -> f64 {
    let mixed = (run * 31 + key * 17 + 7).wrapping_mul(2_654_435_761) % 1_000_003;
    mixed as f64 / 1_000_003.0
}

fn param(run: usize, key: usize) -> String {
    format!("value {}", (run * 7 + key * 3) % 20)
}

fn tag(run: usize, key: usize) -> String {
    format!("word{} of {}", (run * 13 + key) % 500, run % 7)
}

/// Fills experiment 0 of our server with the runs from one number up to another.
pub(crate) fn ours(subject: &Subject, from: usize, to: usize) -> Result<()> {
    const CLIENTS: usize = 8;
    on_threads(CLIENTS, |client| {
        let mut connection = subject.connect()?;
        for run in (from + client..to).step_by(CLIENTS) {
            let mut body = new_run("0");
            body["start_time"] = json!(START + run as i64 * 1000);
            let answer: Value =
                serde_json::from_slice(connection.call(&subject.post("/runs/create", &body))?)?;
            let id = answer["run"]["info"]["run_id"].as_str().context("no run")?;
            let metric = |key| json!({"key": format!("m{key}"), "value": value(run, key), "timestamp": START, "step": 0});
            let body = json!({
                "run_id": id,
                "metrics": (0..METRICS).map(metric).collect::<Vec<_>>(),
                "params": (0..PARAMS).map(|key| json!({"key": format!("p{key}"), "value": param(run, key)})).collect::<Vec<_>>(),
                "tags": (0..TAGS).map(|key| json!({"key": format!("t{key}"), "value": tag(run, key)})).collect::<Vec<_>>(),
            });
            connection.call(&subject.post("/runs/log-batch", &body))?;
        }
        Ok(())
    })?;
    Ok(())
}

/// How a peer's tables take a row, where the two differ.
struct Shape {
    /// What has to be there before the first metric.
    before: &'static str,
    run: &'static str,
    metric: &'static str,
    latest: &'static str,
    param: &'static str,
}

const fn shape(peer: Peer) -> Shape {
    match peer {
        Peer::Mlflow => Shape {
            before: "",
            run: "INSERT INTO runs (run_uuid, name, source_type, user_id, status, start_time, lifecycle_stage, artifact_uri, experiment_id)
                  VALUES (?1, 'bench', 'UNKNOWN', 'bench', 'RUNNING', ?2, 'active', 'mlflow-artifacts:/0/' || ?1 || '/artifacts', 0)",
            metric: "INSERT INTO metrics (key, value, timestamp, run_uuid, step, is_nan) VALUES (?1, ?2, ?3, ?4, ?5, 0)",
            latest: "INSERT INTO latest_metrics (key, value, timestamp, run_uuid, step, is_nan) VALUES (?1, ?2, ?3, ?4, ?5, 0)",
            param: "INSERT INTO params (key, value, run_uuid) VALUES (?1, ?2, ?3)",
        },
        Peer::FastTrackMl => Shape {
            before: "INSERT OR IGNORE INTO contexts (id, json) VALUES (1, '{}')",
            run: "INSERT INTO runs (run_uuid, name, source_type, user_id, status, start_time, lifecycle_stage, artifact_uri, experiment_id, row_num)
                  VALUES (?1, 'bench', 'UNKNOWN', 'bench', 'RUNNING', ?2, 'active', '/tmp/0/' || ?1 || '/artifacts', 0,
                          (SELECT ifnull(max(row_num) + 1, 0) FROM runs))",
            metric: "INSERT INTO metrics (key, value, timestamp, run_uuid, step, is_nan, iter, context_id) VALUES (?1, ?2, ?3, ?4, ?5, 0, ?5 + 1, 1)",
            latest: "INSERT INTO latest_metrics (key, value, timestamp, run_uuid, step, is_nan, last_iter, context_id) VALUES (?1, ?2, ?3, ?4, ?5, 0, ?5 + 1, 1)",
            param: "INSERT INTO params (key, value_str, run_uuid) VALUES (?1, ?2, ?3)",
        },
    }
}

/// Writes in one transaction on the database of a running peer.
fn write(
    peer: Peer,
    path: &Path,
    rows: impl FnOnce(&Transaction<'_>, &Shape) -> Result<()>,
) -> Result<()> {
    let mut database = Database::open(path)?;
    database.busy_timeout(std::time::Duration::from_secs(30))?;
    let transaction = database.transaction()?;
    let shape = shape(peer);
    transaction.execute_batch(shape.before)?;
    rows(&transaction, &shape)?;
    transaction.commit()?;
    Ok(())
}

/// Fills experiment 0 of a peer with the runs from one number up to another.
pub(crate) fn peer(peer: Peer, path: &Path, from: usize, to: usize) -> Result<()> {
    write(peer, path, |transaction, shape| {
        let mut run_row = transaction.prepare(shape.run)?;
        let mut metric_row = transaction.prepare(shape.metric)?;
        let mut latest_row = transaction.prepare(shape.latest)?;
        let mut param_row = transaction.prepare(shape.param)?;
        let mut tag_row =
            transaction.prepare("INSERT INTO tags (key, value, run_uuid) VALUES (?1, ?2, ?3)")?;
        for run in from..to {
            let id = format!("{run:032x}");
            run_row.execute(params![id, START + run as i64 * 1000])?;
            for key in 0..METRICS {
                metric_row.execute(params![format!("m{key}"), value(run, key), START, id, 0])?;
                latest_row.execute(params![format!("m{key}"), value(run, key), START, id, 0])?;
            }
            for key in 0..PARAMS {
                param_row.execute(params![format!("p{key}"), param(run, key), id])?;
            }
            for key in 0..TAGS {
                tag_row.execute(params![format!("t{key}"), tag(run, key), id])?;
            }
            tag_row.execute(params!["mlflow.runName", "bench", id])?;
        }
        Ok(())
    })
}

/// Gives one run of a peer a long history, and answers the run.
pub(crate) fn peer_history(peer: Peer, path: &Path, points: usize) -> Result<String> {
    let id = "f".repeat(32);
    write(peer, path, |transaction, shape| {
        transaction.execute(shape.run, params![id, START])?;
        let mut row = transaction.prepare(shape.metric)?;
        for step in 0..points as i64 {
            row.execute(params!["loss", 1.0 / (step as f64 + 2.0), START + step * 50, id, step])?;
        }
        Ok(())
    })?;
    Ok(id)
}
