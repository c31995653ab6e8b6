//! A schedule and a server that is killed at any moment: each time comes to one job, and
//! none is left out.

use anyhow::{Context, Result, ensure};
use branchline_testkit::{Api, Options, Server};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use reqwest::Method;
use serde_json::{Value, json};
use std::collections::BTreeSet;

const ROUNDS: usize = 6;

/// The times that came to a job, milliseconds UTC of their second, oldest first.
fn queued(history: &Value) -> Result<Vec<(String, String)>> {
    let fires = history["fires"].as_array().context("no history")?;
    let text = |value: &Value| value.as_str().map(str::to_owned).context("no text");
    let mut times = fires
        .iter()
        .map(|fire| {
            ensure!(fire["outcome"] == "queued", "{fire}");
            Ok((text(&fire["fire_at"])?, text(&fire["task_id"])?))
        })
        .collect::<Result<Vec<_>>>()?;
    times.sort();
    Ok(times)
}

/// The second of an hour that a time is in.
fn second(time: &str) -> Result<u32> {
    let part = |range: std::ops::Range<usize>| -> Result<u32> {
        Ok(time.get(range).context("no time")?.parse()?)
    };
    Ok(part(14..16)? * 60 + part(17..19)?)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn q16_each_time_comes_to_one_job_through_kills_at_any_moment() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let data_dir = folder.path().join("data");
    let seed = 20_261_128;
    let mut random = StdRng::seed_from_u64(seed);
    let options = Options::default().flag("--no-auth");
    for round in 0..ROUNDS {
        let mut server = Server::start(&data_dir, &options)?;
        let api = Api::new(server.url(), None);
        if round == 0 {
            let schedule = json!({
                "name": "tick", "cron": "* * * * * *", "zone": "UTC", "catch_up": "all",
                "job": {"task": "branchline.noop"},
            });
            let (status, answer) =
                api.call(Method::POST, "/api/v1/schedules", Some(&schedule)).await?;
            ensure!(status == 201, "{status} {answer}");
            // One that never starts is what to wait for, for as long as one likes.
            let held = json!({"task": "branchline.noop", "task_id": "held", "countdown": 3600});
            api.call(Method::POST, "/api/v1/jobs", Some(&held)).await?;
        }
        let wait = random.random_range(0.0..1.6);
        api.get(&format!("/api/v1/jobs/held?wait={wait:.2}")).await?;
        server.kill()?;
    }
    let mut server = Server::start(&data_dir, &options)?;
    let api = Api::new(server.url(), None);
    api.get("/api/v1/jobs/held?wait=1.2").await?;
    let off = json!({"enabled": false});
    api.call(Method::PATCH, "/api/v1/schedules/tick", Some(&off)).await?;
    let history = api.get("/api/v1/schedules/tick/history?max_results=1000").await?;
    let times = queued(&history)?;
    ensure!(times.len() >= 2, "{history}");
    for pair in times.windows(2) {
        let gap = (second(&pair[1].0)? + 3600 - second(&pair[0].0)?) % 3600;
        ensure!(gap == 1, "seed {seed}: from {} to {}", pair[0].0, pair[1].0);
    }
    let jobs: BTreeSet<&String> = times.iter().map(|(_, job)| job).collect();
    ensure!(jobs.len() == times.len(), "two times share a job: {history}");
    ensure!(server.stop()?.success(), "did not stop: {}", server.words());
    Ok(())
}
