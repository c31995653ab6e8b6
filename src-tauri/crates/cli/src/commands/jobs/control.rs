//! `branchline jobs control`.

use super::queues;
use crate::args::Control;
use crate::backend::Backend;
use crate::commands::notebook::needs_server;
use crate::failure::{Exit, Failure};
use crate::output::Output;
use serde_json::{Value, json};

pub(super) async fn run(
    backend: &Backend,
    action: Control,
    output: &Output,
) -> Result<(), Failure> {
    let (name, body) = match action {
        Control::Pause { queue } => (queue, json!({ "paused": true })),
        Control::Resume { queue } => (queue, json!({ "paused": false })),
        Control::Concurrency { queue, n } => (queue, json!({ "concurrency": n })),
        Control::PoolGrow { queue, n } => {
            let now = concurrency(backend, &queue).await?;
            (queue, json!({ "concurrency": now + u64::from(n) }))
        }
        Control::PoolShrink { queue, n } => {
            let now = concurrency(backend, &queue).await?;
            (queue, json!({ "concurrency": now.saturating_sub(u64::from(n)).max(1) }))
        }
        Control::Autoscale { queue, max, min } => {
            (queue, json!({ "autoscale": { "min": min, "max": max } }))
        }
        Control::RateLimit { task, rate } => {
            let rate = (rate != "0").then_some(rate);
            let body = json!({ "rate": rate });
            backend.call("PUT", &["job-rates", &task], &[], Some(&body)).await?;
            output.data(&json!({ "task": task, "rate": rate }), |_| String::new())?;
            return Ok(());
        }
        Control::TimeLimit { task, soft, hard } => {
            let mut body = json!({ "soft_time_limit": soft, "time_limit": hard });
            backend.call("PUT", &["job-limits", &task], &[], Some(&body)).await?;
            body["task"] = json!(task);
            output.data(&body, |_| String::new())?;
            return Ok(());
        }
        Control::Shutdown { later, now } => return shutdown(backend, later, now, output).await,
    };
    let queue = backend.call("PATCH", &["queues", &name], &[], Some(&body)).await?;
    output.data(&queue, |queue| queues(&Value::Array(vec![queue.clone()])))?;
    Ok(())
}

/// How many jobs of a queue run at a time; of one that is not there nothing is known.
async fn concurrency(backend: &Backend, name: &str) -> Result<u64, Failure> {
    let list = backend.call("GET", &["queues"], &[], None).await?;
    let mut queues = list["queues"].as_array().into_iter().flatten();
    let found = queues.find(|queue| queue["name"] == name);
    found
        .and_then(|queue| queue["concurrency"].as_u64())
        .ok_or_else(|| Failure::new(Exit::NotFound, format!("There is no queue '{name}'.")))
}

/// Warm, as Celery's, unless told otherwise.
async fn shutdown(
    backend: &Backend,
    later: bool,
    now: bool,
    output: &Output,
) -> Result<(), Failure> {
    needs_server(backend)?;
    let (jobs, words) = match (later, now) {
        (true, _) => ("later", "It is stopping; what ran runs again after the next start."),
        (_, true) => ("stop", "It is stopping."),
        _ => ("finish", "It stops when the jobs that run have ended."),
    };
    backend.call("POST", &["shutdown"], &[("jobs", jobs.to_owned())], None).await?;
    output.data(&json!({ "jobs": jobs }), |_| String::new())?;
    output.remark(words);
    Ok(())
}
