//! `branchline jobs submit`.

use crate::args::Submit;
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
        ("task_id", json!(args.id)),
        ("queue", json!(args.queue)),
        ("priority", json!(args.priority)),
        ("countdown", json!(args.countdown)),
        ("eta", json!(args.eta)),
        ("expires", json!(args.expires)),
        ("max_retries", json!(args.max_retries)),
        ("retry_delay", json!(args.retry_delay)),
        ("acks_late", json!(args.acks_late.then_some(true))),
        ("soft_time_limit", json!(args.soft_time_limit)),
        ("time_limit", json!(args.time_limit)),
        ("unique_key", json!(args.unique_key)),
    ];
    let given = given.into_iter().filter(|(_, value)| !value.is_null());
    body.extend(given.map(|(name, value)| (name.to_owned(), value)));
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
