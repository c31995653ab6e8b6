//! What was acknowledged is there after the process died, whenever it died.

use anyhow::{Context, Result, ensure};
use branchline_testkit::{Api, Options, Server};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::sync::Notify;
use tokio::task::JoinSet;

const ROUNDS: usize = 50;
const LOGGERS: usize = 4;
const BATCH: i64 = 20;
const START: i64 = 1_700_000_000_000;

/// Counts acknowledgements, and calls when there are enough of them.
#[derive(Default)]
struct Counter {
    acknowledged: AtomicUsize,
    enough: AtomicUsize,
    reached: Notify,
}

impl Counter {
    fn add(&self) {
        if self.acknowledged.fetch_add(1, Ordering::SeqCst) + 1
            == self.enough.load(Ordering::SeqCst)
        {
            self.reached.notify_one();
        }
    }
}

/// What one logger was told is stored, and what it was sending when the line went dead.
#[derive(Debug)]
struct Told {
    run_id: String,
    artifact_path: String,
    single: i64,
    batches: i64,
    files: usize,
}

fn metric(key: &str, step: i64) -> Value {
    json!({"key": key, "value": value_of(step), "timestamp": START + step, "step": step})
}

fn value_of(step: i64) -> f64 {
    1.0 / (step as f64 + 3.0)
}

/// Logs one by one, in batches and as files until the server is gone.
async fn log_until_dead(api: Api, run: (String, String), counter: Arc<Counter>) -> Told {
    let (run_id, uri) = run;
    let artifact_path = uri.trim_start_matches("mlflow-artifacts:/").to_owned();
    let mut told = Told { run_id, artifact_path, single: 0, batches: 0, files: 0 };
    loop {
        let mut single = metric("single", told.single);
        single["run_id"] = json!(told.run_id);
        if api.mlflow("/runs/log-metric", single).await.is_err() {
            return told;
        }
        told.single += 1;
        counter.add();
        let first = told.batches * BATCH;
        let metrics: Vec<Value> =
            (first..first + BATCH).map(|step| metric("batch", step)).collect();
        let tags = json!([{"key": "batches", "value": (told.batches + 1).to_string()}]);
        let batch = json!({"run_id": told.run_id, "metrics": metrics, "tags": tags});
        if api.mlflow("/runs/log-batch", batch).await.is_err() {
            return told;
        }
        told.batches += 1;
        counter.add();
        let path = format!(
            "/api/2.0/mlflow-artifacts/artifacts/{}/{}.bin",
            told.artifact_path, told.files
        );
        if api.put_bytes(&path, content_of(told.files)).await.is_err() {
            return told;
        }
        told.files += 1;
        counter.add();
    }
}

fn content_of(number: usize) -> Vec<u8> {
    vec![u8::try_from(number % 251).unwrap_or(0); 10_000 + number]
}

/// Holds what a logger was told against what the restarted server says.
async fn check(api: &Api, told: &Told) -> Result<()> {
    for (key, acknowledged, grain) in
        [("single", told.single, 1), ("batch", told.batches * BATCH, BATCH)]
    {
        let history = api.history(&told.run_id, key).await?;
        let stored = i64::try_from(history.len())?;
        ensure!(stored >= acknowledged, "{key}: told {acknowledged}, stored {stored} of {told:?}");
        ensure!(
            stored <= acknowledged + grain && stored % grain == 0,
            "{key}: half a batch, {stored} of {told:?}"
        );
        for (expected, (step, value)) in history.iter().enumerate() {
            let expected = i64::try_from(expected)?;
            ensure!(
                *step == expected && *value == value_of(expected),
                "{key}: step {step} is {value}"
            );
        }
    }
    let run = api.get(&format!("/api/2.0/mlflow/runs/get?run_id={}", told.run_id)).await?;
    let data = &run["run"]["data"];
    let entries = |field: &str| data[field].as_array().cloned().unwrap_or_default();
    let batches = i64::try_from(api.history(&told.run_id, "batch").await?.len())? / BATCH;
    let latest: BTreeMap<_, _> = entries("metrics")
        .iter()
        .map(|m| (m["key"].as_str().unwrap_or_default().to_owned(), m["step"].as_i64()))
        .collect();
    if batches > 0 {
        ensure!(
            latest.get("batch") == Some(&Some(batches * BATCH - 1)),
            "latest {latest:?} of {told:?}"
        );
        let tag =
            entries("tags").into_iter().find(|tag| tag["key"] == "batches").context("no tag")?;
        ensure!(
            tag["value"].as_str() == Some(batches.to_string().as_str()),
            "tag {tag} beside {batches} batches"
        );
    }
    check_files(api, told).await
}

async fn check_files(api: &Api, told: &Told) -> Result<()> {
    let listed = api.get(&format!("/api/2.0/mlflow/artifacts/list?run_id={}", told.run_id)).await?;
    let listed = listed["files"].as_array().map_or(0, Vec::len);
    ensure!(listed >= told.files && listed <= told.files + 1, "{listed} files of {told:?}");
    for number in 0..listed {
        let path =
            format!("/api/2.0/mlflow-artifacts/artifacts/{}/{number}.bin", told.artifact_path);
        ensure!(
            api.get_bytes(&path).await? == content_of(number),
            "{number}.bin is cut, of {told:?}"
        );
    }
    Ok(())
}

/// One life of the server: loggers at work, death at a moment that the seed decides.
async fn live_and_die(server: &mut Server, api: &Api, enough: usize) -> Result<Vec<Told>> {
    let counter = Arc::new(Counter::default());
    counter.enough.store(enough, Ordering::SeqCst);
    let mut loggers = JoinSet::new();
    for _ in 0..LOGGERS {
        let run = api.create_run("0").await?;
        // Each with connections of its own, as separate programs have.
        let own = api.with_own_connections();
        loggers.spawn(log_until_dead(own, run, Arc::clone(&counter)));
    }
    counter.reached.notified().await;
    server.kill()?;
    Ok(loggers.join_all().await)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_acknowledged_survives_fifty_kills() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let data_dir = folder.path().join("data");
    let seed = std::env::var("BRANCHLINE_SEED")
        .ok()
        .and_then(|text| text.parse().ok())
        .unwrap_or(20_261_123);
    let mut random = StdRng::seed_from_u64(seed);
    let mut token: Option<String> = None;
    let mut told: Vec<Told> = Vec::new();
    let mut all = 0;
    for round in 0..=ROUNDS {
        let mut server = Server::start(&data_dir, &Options::default())
            .with_context(|| format!("round {round}"))?;
        if token.is_none() {
            token = Some(server.token()?);
        }
        let api = Api::new(server.url(), token.as_deref());
        for each in told.drain(..) {
            check(&api, &each).await.with_context(|| format!("seed {seed}, round {round}"))?;
            all += each.single + each.batches * BATCH;
        }
        if round == ROUNDS {
            let checked = server.command(&["db", "check"])?;
            ensure!(checked.code == 0, "db check: {} {}", checked.stdout, checked.stderr);
            ensure!(server.stop()?.success(), "did not stop: {}", server.words());
            break;
        }
        told = live_and_die(&mut server, &api, random.random_range(1..120)).await?;
    }
    ensure!(all > 5_000, "only {all} points were logged, too few to mean anything");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_death_within_the_commit_is_not_acknowledged() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let data_dir = folder.path().join("data");
    let plain = Options::default().flag("--no-auth");
    let mut first = Server::start(&data_dir, &plain)?;
    let (run, _) = Api::new(first.url(), None).create_run("0").await?;
    first.stop()?;
    let mut dying = Server::start(
        &data_dir,
        &plain.clone().env("BRANCHLINE_FAILPOINTS", "store::commit=abort"),
    )?;
    let batch = json!({"run_id": run, "metrics": (0..100).map(|step| metric("m", step)).collect::<Vec<_>>()});
    ensure!(Api::new(dying.url(), None).mlflow("/runs/log-batch", batch.clone()).await.is_err());
    ensure!(!dying.wait()?.success());
    let healed = Server::start(&data_dir, &plain)?;
    let api = Api::new(healed.url(), None);
    ensure!(api.history(&run, "m").await?.is_empty());
    api.mlflow("/runs/log-batch", batch).await?;
    ensure!(api.history(&run, "m").await?.len() == 100);
    Ok(())
}
