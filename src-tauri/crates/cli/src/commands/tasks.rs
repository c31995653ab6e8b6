//! `branchline tasks`.

use super::jobs::{options, text};
use super::projects::{signature, which};
use crate::args::{Globals, RunTask, Tasks, TasksAction};
use crate::backend::Backend;
use crate::failure::{Done, Exit, Failure};
use crate::output::{OK, Output, failed, table};
use serde_json::{Map, Value, json};

pub(crate) async fn run(globals: &Globals, args: Tasks, output: &Output) -> Done {
    let backend = Backend::open(globals).await?;
    let done = match args.action {
        TasksAction::Run(args) => run_task(&backend, *args, output).await,
        TasksAction::List { project } => list(&backend, project, output).await,
    };
    backend.close().await;
    done
}

async fn list(backend: &Backend, project: Option<String>, output: &Output) -> Done {
    let id = which(backend, project).await?;
    let project = backend.call("GET", &["projects", &id], &[], None).await?;
    let offered = json!({ "tasks": project["tasks"], "entry_points": project["entry_points"] });
    output.data(&offered, |offered| {
        let all = ["tasks", "entry_points"].map(|field| offered[field].as_array());
        let rows = all.into_iter().flatten().flatten().map(|task| {
            let doc = text(&task["doc"]);
            let first = doc.lines().next().unwrap_or_default().to_owned();
            vec![text(&task["name"]), signature(&task["parameters"]), first]
        });
        table(&["name", "takes", "what it does"], &rows.collect::<Vec<_>>())
    })?;
    Ok(OK)
}

/// A value as it is meant: a text where one is taken, else JSON. What is neither is sent as
/// it was written, and refused with what it should have been.
fn value_of(parameter: &Value, written: &str) -> Value {
    let as_text = || Value::String(written.to_owned());
    match parameter["kind"].as_str() {
        Some("str") if parameter["optional"] == true && written == "null" => Value::Null,
        Some("str") => as_text(),
        Some("choice") => {
            let mut choices = parameter["choices"].as_array().into_iter().flatten();
            choices.find(|choice| text(choice) == written).cloned().unwrap_or_else(as_text)
        }
        // As Python writes them.
        Some("bool") if written == "True" || written == "False" => json!(written == "True"),
        _ => serde_json::from_str(written).unwrap_or_else(|_| as_text()),
    }
}

/// Arguments of the command line, by the types that the task says.
pub(crate) fn arguments(
    given: &[String],
    parameters: &Value,
) -> Result<Map<String, Value>, Failure> {
    given
        .iter()
        .map(|pair| {
            let (name, written) = pair
                .split_once('=')
                .ok_or_else(|| Failure::new(Exit::Usage, format!("'{pair}' is not NAME=VALUE.")))?;
            let named = parameters.as_array().into_iter().flatten();
            let parameter = named.clone().find(|parameter| parameter["name"] == *name);
            Ok((name.to_owned(), value_of(parameter.unwrap_or(&Value::Null), written)))
        })
        .collect()
}

/// Which of what a project offers is called so: its kind in the API, and what it takes.
pub(crate) fn offered<'p>(project: &'p Value, name: &str) -> (&'static str, &'p Value) {
    let named = |field: &str| {
        project[field].as_array().into_iter().flatten().find(|one| one["name"] == *name)
    };
    match (named("tasks"), named("entry_points")) {
        (Some(task), _) => ("tasks", &task["parameters"]),
        (None, Some(entry)) => ("entry-points", &entry["parameters"]),
        // The API says what there is.
        (None, None) => ("tasks", &Value::Null),
    }
}

async fn run_task(backend: &Backend, args: RunTask, output: &Output) -> Done {
    let id = which(backend, args.project).await?;
    let project = backend.call("GET", &["projects", &id], &[], None).await?;
    let (kind, parameters) = offered(&project, &args.name);
    let mut body = options(args.how);
    body.insert("arguments".to_owned(), arguments(&args.arguments, parameters)?.into());
    let path = ["projects", &id, kind, &args.name];
    let job = backend.call("POST", &path, &[], Some(&Value::Object(body))).await?;
    let task_id = text(&job["task_id"]);
    let owner = matches!(backend, Backend::Owner(_));
    let Some(wait) = args.wait.filter(|_| !owner) else {
        output.data(&job, |_| format!("{task_id}\n"))?;
        if owner {
            output.remark("It is queued; a server that runs on this data folder starts it.");
        }
        return Ok(OK);
    };
    result_of(backend, &task_id, wait, output).await
}

/// Waits for a job and prints its result.
pub(crate) async fn result_of(
    backend: &Backend,
    task_id: &str,
    wait: f64,
    output: &Output,
) -> Done {
    let query = [("wait", wait.to_string())];
    let job = backend.call("GET", &["jobs", task_id], &query, None).await?;
    match job["status"].as_str() {
        Some("SUCCESS") => {
            output.data(&job, |job| text(&job["result"]) + "\n")?;
            Ok(OK)
        }
        Some("FAILURE" | "REVOKED") => {
            if output.is_json() {
                output.data(&job, |_| String::new())?;
            }
            let kind = text(&job["result"]["exc_type"]);
            output.say(format!("error: {kind}: {}", text(&job["message"])));
            output.say(format!("hint: See `branchline jobs logs {task_id}`."));
            Ok(failed())
        }
        _ => Err(Failure::failed(format!("Job {task_id} did not end in {wait} s; it goes on."))
            .hint(format!("See `branchline jobs show {task_id}`."))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_read_by_the_type_that_is_taken() {
        let read = |kind: &str, written: &str| {
            value_of(&json!({ "kind": kind, "choices": ["a", 2], "optional": true }), written)
        };
        assert_eq!(read("str", "1"), json!("1"));
        assert_eq!(read("str", "null"), Value::Null);
        assert_eq!(read("float", "0.5"), json!(0.5));
        assert_eq!(read("choice", "2"), json!(2));
        assert_eq!(read("bool", "True"), json!(true));
        assert_eq!(read("list", "[1]"), json!([1]));
        assert_eq!(read("int", "x"), json!("x"), "the server says what it should be");
    }
}
