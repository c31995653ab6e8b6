//! `branchline sweeps`.

use super::jobs::{options, text};
use super::projects::which;
use super::tasks::{arguments, offered};
use crate::args::{Globals, RunSweep, Sweeps, SweepsAction};
use crate::backend::Backend;
use crate::failure::{Done, Exit, Failure};
use crate::output::{OK, Output, table};
use serde_json::{Map, Value, json};

pub(crate) async fn run(globals: &Globals, args: Sweeps, output: &Output) -> Done {
    let backend = Backend::open(globals).await?;
    let done = act(&backend, args.action, output).await;
    backend.close().await;
    done
}

async fn act(backend: &Backend, action: SweepsAction, output: &Output) -> Done {
    match action {
        SweepsAction::Run(args) => submit(backend, *args, output).await?,
        SweepsAction::List => {
            let list = backend.call("GET", &["sweeps"], &[], None).await?;
            output.data(&list, |list| {
                let rows = list["sweeps"].as_array().into_iter().flatten();
                let rows: Vec<Vec<String>> = rows
                    .map(|sweep| {
                        let fields = ["sweep_id", "task", "method", "metric", "created_at"];
                        let states = sweep["states"].as_object().into_iter().flatten();
                        let states = states.map(|(state, n)| format!("{n} {state}"));
                        let states = states.collect::<Vec<_>>().join(", ");
                        fields.iter().map(|field| text(&sweep[*field])).chain([states]).collect()
                    })
                    .collect();
                table(&["id", "task", "method", "metric", "queued", "jobs"], &rows)
            })?;
        }
        SweepsAction::Show { id } => {
            let sweep = backend.call("GET", &["sweeps", &id], &[], None).await?;
            output.data(&sweep, shown)?;
        }
        SweepsAction::Stop { id, running } => {
            let query = [("running", running.to_string())];
            let done = backend.call("POST", &["sweeps", &id, "stop"], &query, None).await?;
            output.data(&done, |done| text(&done["stopped"]) + "\n")?;
        }
    }
    Ok(OK)
}

/// The jobs with what varies between them, the best first.
fn shown(sweep: &Value) -> String {
    let varied: Vec<&String> =
        sweep["asked"]["space"].as_object().into_iter().flatten().map(|(name, _)| name).collect();
    let value = sweep["metric"].as_str().unwrap_or("result").to_owned();
    let header: Vec<&str> = ["state", value.as_str()]
        .into_iter()
        .chain(varied.iter().map(|name| name.as_str()))
        .chain(["job"])
        .collect();
    let jobs = sweep["jobs"].as_array().into_iter().flatten();
    let rows: Vec<Vec<String>> = jobs
        .map(|job| {
            let varied = varied.iter().map(|name| text(&job["arguments"][name.as_str()]));
            let first = [text(&job["status"]), text(&job["value"])].into_iter();
            first.chain(varied).chain([text(&job["task_id"])]).collect()
        })
        .collect();
    table(&header, &rows)
}

/// What `--over` says of a parameter: `1,2,3`, a JSON array, `A..B`, `A..B/STEPS`, each range
/// with `:log` behind it if it is even in its orders of magnitude.
fn axis(written: &str, name: &str, parameters: &Value) -> Result<Value, Failure> {
    if let Some((min, rest)) = written.split_once("..") {
        let (rest, log) = match rest.strip_suffix(":log") {
            Some(rest) => (rest, true),
            None => (rest, false),
        };
        let (max, steps) = match rest.split_once('/') {
            Some((max, steps)) => (max, Some(steps)),
            None => (rest, None),
        };
        let number = |text: &str| text.trim().parse::<f64>().ok();
        let steps = steps.map(|steps| steps.trim().parse::<u32>().ok());
        if let (Some(min), Some(max), None | Some(Some(_))) = (number(min), number(max), steps) {
            return Ok(json!({ "min": min, "max": max, "steps": steps.flatten(), "log": log }));
        }
        return Err(Failure::new(
            Exit::Usage,
            format!(
                "'{written}' is no range: write 0.1..1, 0.1..1/5 for five steps, and :log behind it."
            ),
        ));
    }
    if let Ok(Value::Array(values)) = serde_json::from_str(written) {
        return Ok(Value::Array(values));
    }
    let values = written.split(',').map(|value| {
        let one = arguments(&[format!("{name}={}", value.trim())], parameters)?;
        Ok(one.into_values().next().unwrap_or_default())
    });
    Ok(Value::Array(values.collect::<Result<_, Failure>>()?))
}

async fn submit(backend: &Backend, args: RunSweep, output: &Output) -> Result<(), Failure> {
    let id = which(backend, args.project).await?;
    let project = backend.call("GET", &["projects", &id], &[], None).await?;
    let (kind, parameters) = offered(&project, &args.name);
    let mut space = Map::new();
    for over in &args.over {
        let (name, written) = over
            .split_once('=')
            .ok_or_else(|| Failure::new(Exit::Usage, format!("'{over}' is not NAME=VALUES.")))?;
        space.insert(name.to_owned(), axis(written, name, parameters)?);
    }
    let mut body = options(args.how);
    let entry = kind == "entry-points";
    body.insert(if entry { "entry_point" } else { "task" }.to_owned(), json!(args.name));
    body.insert("space".to_owned(), Value::Object(space));
    body.insert("arguments".to_owned(), arguments(&args.arguments, parameters)?.into());
    body.insert("goal".to_owned(), json!(if args.minimize { "min" } else { "max" }));
    body.insert("metric".to_owned(), json!(args.metric));
    if let Some(count) = args.random {
        body.insert("method".to_owned(), json!("random"));
        body.insert("count".to_owned(), json!(count));
        body.insert("seed".to_owned(), json!(args.seed));
    }
    let path = ["projects", &id, "sweeps"];
    let sweep = backend.call("POST", &path, &[], Some(&Value::Object(body))).await?;
    output.data(&sweep, |sweep| text(&sweep["sweep_id"]) + "\n")?;
    let jobs = sweep["jobs"].as_array().map_or(0, Vec::len);
    output.remark(format!("{jobs} jobs are queued; `branchline sweeps show` compares them."));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_gone_over_is_written_in_a_word() {
        let parameters = json!([{ "name": "a", "kind": "float" }, { "name": "s", "kind": "str" }]);
        let read = |name: &str, written: &str| axis(written, name, &parameters).ok().unwrap();
        assert_eq!(read("a", "0.1, 1"), json!([0.1, 1]));
        assert_eq!(read("s", "1,b"), json!(["1", "b"]));
        assert_eq!(read("a", "[[1],[2]]"), json!([[1], [2]]));
        let range = json!({ "min": 0.001, "max": 1.0, "steps": 4, "log": true });
        assert_eq!(read("a", "0.001..1/4:log"), range);
        assert!(axis("1..x", "a", &parameters).is_err());
    }
}
