//! Jobs and a server that is killed at any moment: nothing is lost, nothing runs twice
//! except as `acks_late` says, and no process is left behind.

use anyhow::{Context, Result, ensure};
use branchline_testkit::{Api, Options, Server};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use reqwest::Method;
use serde_json::{Value, json};
use std::path::Path;

/// Rounds unless `BRANCHLINE_JOB_KILLS` says otherwise, as `make soak` does.
const ROUNDS: usize = 20;

struct Asked {
    id: String,
    late: bool,
    process: bool,
}

/// What a job of a process does: a line in a file for each time that it runs.
fn body(folder: &Path, number: usize, random: &mut StdRng) -> (Value, bool, bool) {
    let (late, process) = (random.random_bool(0.5), random.random_bool(0.7));
    if !process {
        return (json!({"task": "branchline.noop", "acks_late": late}), late, process);
    }
    let file = folder.join(format!("ran-{number}"));
    let mark = folder.display();
    // The mark is how its processes are found.
    let script = format!("echo run >> {}; : {mark}; sleep 0.05", file.display());
    (json!({"command": ["sh", "-c", script], "acks_late": late}), late, process)
}

/// Living processes that name the folder.
fn left_behind(folder: &Path) -> Vec<String> {
    let mark = folder.display().to_string();
    let entries = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    entries
        .filter_map(|entry| std::fs::read(entry.path().join("cmdline")).ok())
        .map(|line| String::from_utf8_lossy(&line).replace('\0', " "))
        .filter(|line| line.contains(&mark) && line.contains("echo run"))
        .collect()
}

async fn ask(api: &Api, folder: &Path, random: &mut StdRng, all: &mut Vec<Asked>) -> Result<()> {
    for _ in 0..random.random_range(3..12) {
        let (body, late, process) = body(folder, all.len(), random);
        let (status, answer) = api.call(Method::POST, "/api/v1/jobs", Some(&body)).await?;
        ensure!(status == 201, "{status} {answer}");
        let id = answer["task_id"].as_str().context("no id")?.to_owned();
        all.push(Asked { id, late, process });
    }
    Ok(())
}

async fn check(api: &Api, folder: &Path, number: usize, asked: &Asked) -> Result<()> {
    let path = format!("/api/v1/jobs/{}?wait=120", asked.id);
    let job = api.get(&path).await.context("an acknowledged job is gone")?;
    let state = job["status"].as_str().unwrap_or_default();
    let attempts = job["attempts"].as_array().map_or(0, Vec::len);
    match (asked.late, state) {
        (_, "SUCCESS") => {}
        (false, "FAILURE") => {
            let why = &job["result"]["exc_type"];
            ensure!(why == "WorkerLostError", "{job}");
        }
        _ => anyhow::bail!("ended as it may not: {job}"),
    }
    ensure!(asked.late || attempts <= 1, "an early job was tried again: {job}");
    if asked.process {
        let file = folder.join(format!("ran-{number}"));
        let ran = std::fs::read_to_string(file).unwrap_or_default().lines().count();
        ensure!(ran <= attempts, "ran {ran} times in {attempts} attempts: {job}");
        ensure!(state != "SUCCESS" || ran >= 1, "did not run: {job}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn q1_and_q8_hold_through_kills_at_any_moment() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let data_dir = folder.path().join("data");
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse().ok());
    let seed = number("BRANCHLINE_SEED").unwrap_or(20_261_127) as u64;
    let rounds = number("BRANCHLINE_JOB_KILLS").unwrap_or(ROUNDS);
    let mut random = StdRng::seed_from_u64(seed);
    let options = Options::default().flag("--no-auth");
    let mut all = Vec::new();
    for round in 0..rounds {
        let mut server = Server::start(&data_dir, &options)?;
        let api = Api::new(server.url(), None);
        let told = format!("seed {seed}, round {round}");
        let many = json!({"concurrency": 8});
        api.call(Method::PATCH, "/api/v1/queues/main-queue", Some(&many)).await?;
        ask(&api, folder.path(), &mut random, &mut all).await.with_context(|| told.clone())?;
        // A random job's end is the moment, or right after the last was asked for.
        if random.random_bool(0.7) {
            let id = &all[random.random_range(0..all.len())].id;
            api.get(&format!("/api/v1/jobs/{id}?wait=0.1")).await?;
        }
        server.kill()?;
    }
    let mut server = Server::start(&data_dir, &options)?;
    let api = Api::new(server.url(), None);
    for (number, asked) in all.iter().enumerate() {
        check(&api, folder.path(), number, asked).await.with_context(|| format!("seed {seed}"))?;
    }
    let left = left_behind(folder.path());
    ensure!(left.is_empty(), "processes were left behind: {left:?}");
    ensure!(server.stop()?.success(), "did not stop: {}", server.words());
    Ok(())
}
