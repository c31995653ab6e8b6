//! `branchline jobs`.

mod control;
pub(super) mod submit;

pub(crate) use submit::options;

use crate::args::{Globals, Inspect, Jobs, JobsAction, Queue};
use crate::backend::Backend;
use crate::commands::notebook::needs_server;
use crate::failure::{Done, Exit, Failure};
use crate::output::{OK, Output, table};
use serde_json::{Value, json};
use std::io::Write;

/// A wait for more of a log, in seconds; then it is asked again.
const LOG_WAIT: &str = "60";

pub(crate) async fn run(globals: &Globals, args: Jobs, output: &Output) -> Done {
    let backend = Backend::open(globals).await?;
    let done = act(&backend, args.action, output).await;
    backend.close().await;
    done
}

async fn act(backend: &Backend, action: JobsAction, output: &Output) -> Done {
    match action {
        JobsAction::Submit(args) => submit::run(backend, *args, output).await?,
        JobsAction::List { state, queue, task, order_by, limit } => {
            let mut query = vec![("max_results", limit.to_string())];
            query.extend(state.into_iter().map(|state| ("state", state)));
            query.extend(queue.map(|queue| ("queue", queue)));
            query.extend(task.map(|task| ("task", task)));
            query.extend(order_by.map(|order| ("order_by", order)));
            let page = backend.call("GET", &["jobs"], &query, None).await?;
            output.data(&page, |page| listed(&page["jobs"]))?;
        }
        JobsAction::Show { id, wait } => {
            // Nothing becomes of it while we have the folder.
            let wait = wait.filter(|_| matches!(backend, Backend::Guest(_)));
            let query: Vec<_> = wait.map(|wait| ("wait", wait.to_string())).into_iter().collect();
            let job = backend.call("GET", &["jobs", &id], &query, None).await?;
            output.data(&job, shown)?;
        }
        JobsAction::Logs { follow, id } => logs(backend, &id, follow).await?,
        JobsAction::Cancel { id } => changed(backend, &id, "cancel", output).await?,
        JobsAction::Retry { id } => changed(backend, &id, "retry", output).await?,
        JobsAction::Stats => {
            let stats = backend.call("GET", &["jobs", "stats"], &[], None).await?;
            output.data(&stats, |stats| {
                let states = stats["states"].as_object().into_iter().flatten();
                states.map(|(state, n)| format!("{state}\t{n}\n")).collect()
            })?;
        }
        JobsAction::Inspect { what, id } => inspect(backend, what, id, output).await?,
        JobsAction::Control { action } => control::run(backend, action, output).await?,
        JobsAction::Queue { action } => queue(backend, action, output).await?,
    }
    Ok(OK)
}

pub(crate) fn text(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// What a job does, in a line.
pub(super) fn doing(job: &Value) -> String {
    match job["command"].as_array() {
        Some(parts) => parts.iter().map(text).collect::<Vec<_>>().join(" "),
        None => format!("{}{}", text(&job["name"]), text(&job["args"])),
    }
}

fn listed(jobs: &Value) -> String {
    let rows: Vec<Vec<String>> = jobs
        .as_array()
        .into_iter()
        .flatten()
        .map(|job| {
            let fields = ["task_id", "status", "queue", "queued_at", "runtime"];
            fields.iter().map(|field| text(&job[*field])).chain([doing(job)]).collect()
        })
        .collect();
    table(&["id", "state", "queue", "queued", "runtime", "what"], &rows)
}

/// Every field that says something.
fn shown(job: &Value) -> String {
    let fields = job.as_object().into_iter().flatten();
    let told = fields.filter(|(_, value)| {
        !value.is_null() && value.as_array().is_none_or(|items| !items.is_empty())
    });
    told.map(|(name, value)| format!("{name}\t{}\n", text(value))).collect()
}

async fn changed(backend: &Backend, id: &str, how: &str, output: &Output) -> Result<(), Failure> {
    let job = backend.call("POST", &["jobs", id, how], &[], None).await?;
    output.data(&job, |job| format!("{}\t{}\n", text(&job["task_id"]), text(&job["status"])))?;
    Ok(())
}

/// `branchline logs --job`.
pub(crate) async fn show_log(globals: &Globals, id: &str, follow: bool) -> Done {
    let backend = Backend::open(globals).await?;
    let done = logs(&backend, id, follow).await;
    backend.close().await;
    done.map(|()| OK)
}

/// A log goes to stdout as it is, with or without `--json`.
async fn logs(backend: &Backend, id: &str, follow: bool) -> Result<(), Failure> {
    let mut after = 0;
    loop {
        let mut query = vec![("after", after.to_string())];
        // Nobody writes it while we have the folder.
        if follow && matches!(backend, Backend::Guest(_)) {
            query.push(("wait", LOG_WAIT.to_owned()));
        }
        let part = backend.call("GET", &["jobs", id, "log"], &query, None).await?;
        let written = part["text"].as_str().unwrap_or_default();
        let mut stdout = std::io::stdout().lock();
        stdout.write_all(written.as_bytes())?;
        stdout.flush()?;
        after = part["next"].as_u64().unwrap_or(after);
        let ended = part["ended"] == true;
        if ended || (!follow && part["size"].as_u64().unwrap_or(0) <= after) {
            return Ok(());
        }
        if written.is_empty() && matches!(backend, Backend::Owner(_)) {
            return Err(Failure::failed(
                "The job is queued, and no server runs that would start it.",
            )
            .hint("Start one with `branchline serve`."));
        }
    }
}

/// The jobs that `celery inspect` shows under a name.
async fn of_states(
    backend: &Backend,
    states: &[&str],
    which: fn(&Value) -> bool,
) -> Result<Value, Failure> {
    let mut found = Vec::new();
    let mut token = None;
    loop {
        let mut query = vec![("max_results", "1000".to_owned())];
        query.extend(states.iter().map(|state| ("state", (*state).to_owned())));
        query.extend(token.map(|token| ("page_token", token)));
        let mut page = backend.call("GET", &["jobs"], &query, None).await?;
        if let Value::Array(jobs) = page["jobs"].take() {
            found.extend(jobs.into_iter().filter(which));
        }
        token = page["next_page_token"].as_str().map(str::to_owned);
        if token.is_none() {
            return Ok(Value::Array(found));
        }
    }
}

fn is_later(job: &Value) -> bool {
    let now = crate::time::rfc3339(branchline_core::Clock::now_ms(&branchline_core::SystemClock));
    job["eta"].as_str().is_some_and(|eta| eta > now.as_str())
}

async fn inspect(
    backend: &Backend,
    what: Inspect,
    id: Option<String>,
    output: &Output,
) -> Result<(), Failure> {
    const QUEUED: [&str; 2] = ["PENDING", "RETRY"];
    let jobs = match what {
        Inspect::Active => of_states(backend, &["RECEIVED", "STARTED"], |_| true).await?,
        Inspect::Reserved => of_states(backend, &QUEUED, |job| !is_later(job)).await?,
        Inspect::Scheduled => of_states(backend, &QUEUED, is_later).await?,
        Inspect::Revoked => of_states(backend, &["REVOKED"], |_| true).await?,
        Inspect::QueryTask => {
            let id = id.unwrap_or_default();
            let job = backend.call("GET", &["jobs", &id], &[], None).await?;
            output.data(&job, shown)?;
            return Ok(());
        }
        Inspect::Registered => {
            let tasks = backend.call("GET", &["jobs", "tasks"], &[], None).await?;
            output.data(&tasks, |tasks| {
                let names = tasks["tasks"].as_array().into_iter().flatten();
                names.map(|name| text(name) + "\n").collect()
            })?;
            return Ok(());
        }
        Inspect::Stats => {
            let mut stats = backend.call("GET", &["jobs", "stats"], &[], None).await?;
            let queues = backend.call("GET", &["queues"], &[], None).await?;
            stats["queues"] = queues["queues"].clone();
            output.data(&stats, shown)?;
            return Ok(());
        }
        Inspect::Conf => {
            let conf = conf(backend).await?;
            output.data(&conf, shown)?;
            return Ok(());
        }
        Inspect::Report => {
            let mut report = backend.call("GET", &["jobs", "stats"], &[], None).await?;
            report["conf"] = conf(backend).await?;
            report["active"] = of_states(backend, &["RECEIVED", "STARTED"], |_| true).await?;
            let tasks = backend.call("GET", &["jobs", "tasks"], &[], None).await?;
            report["registered"] = tasks["tasks"].clone();
            output.data(&report, shown)?;
            return Ok(());
        }
        Inspect::Ping => {
            needs_server(backend)?;
            output.data(&json!({ "ok": "pong" }), |_| "pong\n".to_owned())?;
            return Ok(());
        }
    };
    output.data(&jobs, listed)?;
    Ok(())
}

/// What is limited.
async fn conf(backend: &Backend) -> Result<Value, Failure> {
    let queues = backend.call("GET", &["queues"], &[], None).await?;
    let rates = backend.call("GET", &["job-rates"], &[], None).await?;
    let limits = backend.call("GET", &["job-limits"], &[], None).await?;
    Ok(json!({
        "queues": queues["queues"],
        "rates": rates["rates"],
        "time_limits": limits["limits"],
    }))
}

fn queues(list: &Value) -> String {
    const FIELDS: [&str; 7] =
        ["name", "concurrency", "paused", "ready", "held", "running", "waiting"];
    let rows = list.as_array().into_iter().flatten();
    let rows: Vec<Vec<String>> =
        rows.map(|queue| FIELDS.iter().map(|field| text(&queue[*field])).collect()).collect();
    table(&FIELDS, &rows)
}

async fn queue(backend: &Backend, action: Queue, output: &Output) -> Result<(), Failure> {
    match action {
        Queue::List => {
            let list = backend.call("GET", &["queues"], &[], None).await?;
            output.data(&list, |list| queues(&list["queues"]))?;
        }
        Queue::Ls { queue } => {
            let list = backend.call("GET", &["queues", &queue, "jobs"], &[], None).await?;
            output.data(&list, |list| {
                let ids = list["task_ids"].as_array().into_iter().flatten();
                ids.map(|id| text(id) + "\n").collect()
            })?;
        }
        Queue::Purge { queue, yes } => {
            if !yes {
                return Err(Failure::new(Exit::Usage, "Say --yes to revoke them all."));
            }
            let done = backend.call("POST", &["queues", &queue, "purge"], &[], None).await?;
            output.data(&done, |done| text(&done["purged"]) + "\n")?;
        }
    }
    Ok(())
}
