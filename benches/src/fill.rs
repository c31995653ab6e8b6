//! The same runs in both stores: ours through its own interface, the peer's straight into
//! its tables, because its interface would take longer than the whole benchmark.

use crate::stats::on_threads;
use crate::subject::{START, Subject, new_run};
use anyhow::{Context, Result};
use rusqlite::{Connection as Database, params};
use serde_json::{Value, json};
use std::path::Path;

/// Metrics, params and tags of each run.
const METRICS: usize = 10;
const PARAMS: usize = 10;
const TAGS: usize = 5;

/// Puts the peer's database into WAL mode before it first opens it; that is remembered in the file.
pub(crate) fn prepare_peer(_: &Path, folder: &Path) -> Result<()> {
    std::fs::create_dir_all(folder)?;
    let database = Database::open(branchline_testkit::MlflowServer::database(folder))?;
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

/// Fills experiment 0 with so many runs.
pub(crate) fn runs(subject: &Subject, count: usize) -> Result<()> {
    if subject.is_ours() { ours(subject, count) } else { peer(&subject.database(), count) }
}

fn ours(subject: &Subject, count: usize) -> Result<()> {
    const CLIENTS: usize = 8;
    on_threads(CLIENTS, |client| {
        let mut connection = subject.connect()?;
        for run in (client..count).step_by(CLIENTS) {
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

fn peer(path: &Path, count: usize) -> Result<()> {
    let mut database = Database::open(path)?;
    database.busy_timeout(std::time::Duration::from_secs(30))?;
    let transaction = database.transaction()?;
    {
        let mut run_row = transaction.prepare(
            "INSERT INTO runs (run_uuid, name, source_type, user_id, status, start_time, lifecycle_stage, artifact_uri, experiment_id)
             VALUES (?1, 'bench', 'UNKNOWN', 'bench', 'RUNNING', ?2, 'active', 'mlflow-artifacts:/0/' || ?1 || '/artifacts', 0)",
        )?;
        let mut metric_row = transaction.prepare(
            "INSERT INTO metrics (key, value, timestamp, run_uuid, step, is_nan) VALUES (?1, ?2, ?3, ?4, 0, 0)",
        )?;
        let mut latest_row = transaction.prepare(
            "INSERT INTO latest_metrics (key, value, timestamp, run_uuid, step, is_nan) VALUES (?1, ?2, ?3, ?4, 0, 0)",
        )?;
        let mut param_row =
            transaction.prepare("INSERT INTO params (key, value, run_uuid) VALUES (?1, ?2, ?3)")?;
        let mut tag_row =
            transaction.prepare("INSERT INTO tags (key, value, run_uuid) VALUES (?1, ?2, ?3)")?;
        for run in 0..count {
            let id = format!("{run:032x}");
            run_row.execute(params![id, START + run as i64 * 1000])?;
            for key in 0..METRICS {
                metric_row.execute(params![format!("m{key}"), value(run, key), START, id])?;
                latest_row.execute(params![format!("m{key}"), value(run, key), START, id])?;
            }
            for key in 0..PARAMS {
                param_row.execute(params![format!("p{key}"), param(run, key), id])?;
            }
            for key in 0..TAGS {
                tag_row.execute(params![format!("t{key}"), tag(run, key), id])?;
            }
            tag_row.execute(params!["mlflow.runName", "bench", id])?;
        }
    }
    transaction.commit()?;
    Ok(())
}

/// Gives one run of the peer a long history, and answers the run.
pub(crate) fn peer_history(path: &Path, points: usize) -> Result<String> {
    let mut database = Database::open(path)?;
    database.busy_timeout(std::time::Duration::from_secs(30))?;
    let id = "f".repeat(32);
    let transaction = database.transaction()?;
    transaction.execute(
        "INSERT INTO runs (run_uuid, name, source_type, user_id, status, start_time, lifecycle_stage, artifact_uri, experiment_id)
         VALUES (?1, 'long', 'UNKNOWN', 'bench', 'RUNNING', 0, 'active', 'mlflow-artifacts:/0/long/artifacts', 0)",
        [&id],
    )?;
    {
        let mut row = transaction.prepare(
            "INSERT INTO metrics (key, value, timestamp, run_uuid, step, is_nan) VALUES ('loss', ?1, ?2, ?3, ?4, 0)",
        )?;
        for step in 0..points as i64 {
            row.execute(params![1.0 / (step as f64 + 2.0), START + step * 50, id, step])?;
        }
    }
    transaction.commit()?;
    Ok(id)
}
