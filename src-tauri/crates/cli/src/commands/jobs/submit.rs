//! `branchline jobs submit`.

use crate::args::{How, Submit};
use crate::backend::Backend;
use crate::failure::{Exit, Failure};
use crate::output::Output;
use serde_json::{Map, Value, json};

/// What a command finds its programs by, taken from the caller's shell.
const TAKEN_ALONG: [&str; 3] = ["PATH", "VIRTUAL_ENV", "CONDA_PREFIX"];

fn usage(message: impl Into<String>) -> Failure {
    Failure::new(Exit::Usage, message)
}

fn parsed(what: &str, text: Option<String>) -> Result<Option<Value>, Failure> {
    text.map(|text| serde_json::from_str(&text).map_err(|e| usage(format!("{what}: {e}."))))
        .transpose()
}

/// What of the shell's surroundings belongs to a command.
fn surroundings(args: &Submit, body: &mut Map<String, Value>) -> Result<(), Failure> {
    let cwd = match &args.cwd {
        Some(folder) => std::path::absolute(folder)?,
        None => std::env::current_dir()?,
    };
    let mut env: Map<String, Value> = TAKEN_ALONG
        .iter()
        .filter_map(|name| Some(((*name).to_owned(), json!(std::env::var(name).ok()?))))
        .collect();
    for pair in &args.env {
        let (name, value) =
            pair.split_once('=').ok_or_else(|| usage(format!("'{pair}' is not NAME=VALUE.")))?;
        env.insert(name.to_owned(), json!(value));
    }
    body.insert("cwd".to_owned(), json!(cwd.to_string_lossy()));
    body.insert("env".to_owned(), Value::Object(env));
    body.insert("command".to_owned(), json!(args.command));
    Ok(())
}

/// What a body says of how a job is queued and run.
pub(crate) fn options(how: How) -> Map<String, Value> {
    let given = [
        ("task_id", json!(how.id)),
        ("queue", json!(how.queue)),
        ("priority", json!(how.priority)),
        ("countdown", json!(how.countdown)),
        ("eta", json!(how.eta)),
        ("expires", json!(how.expires)),
        ("max_retries", json!(how.max_retries)),
        ("retry_delay", json!(how.retry_delay)),
        ("acks_late", json!(how.acks_late.then_some(true))),
        ("soft_time_limit", json!(how.soft_time_limit)),
        ("time_limit", json!(how.time_limit)),
        ("unique_key", json!(how.unique_key)),
        ("gpus", json!(how.gpus)),
        ("memory_limit", json!(how.memory_limit.map(|mb| mb * 1024 * 1024))),
    ];
    let given = given.into_iter().filter(|(_, value)| !value.is_null());
    given.map(|(name, value)| (name.to_owned(), value)).collect()
}

/// The job that the arguments ask for.
pub(crate) fn body(args: Submit) -> Result<Map<String, Value>, Failure> {
    let mut body = Map::new();
    if args.task.is_none() {
        surroundings(&args, &mut body)?;
    }
    let given = [
        ("task", json!(args.task)),
        ("args", json!(parsed("--args", args.args)?)),
        ("kwargs", json!(parsed("--kwargs", args.kwargs)?)),
    ];
    let given = given.into_iter().filter(|(_, value)| !value.is_null());
    body.extend(given.map(|(name, value)| (name.to_owned(), value)));
    body.extend(options(args.how));
    Ok(body)
}

pub(super) async fn run(backend: &Backend, args: Submit, output: &Output) -> Result<(), Failure> {
    let body = body(args)?;
    let job = backend.call("POST", &["jobs"], &[], Some(&Value::Object(body))).await?;
    output.data(&job, |job| format!("{}\n", job["task_id"].as_str().unwrap_or_default()))?;
    if matches!(backend, Backend::Owner(_)) {
        output.remark("It is queued; a server that runs on this data folder starts it.");
    }
    Ok(())
}
