//! `branchline schedules`.

use super::jobs::submit;
use super::jobs::{doing, text};
use crate::args::{AddSchedule, CatchUp, Globals, Schedules, SchedulesAction, When};
use crate::backend::Backend;
use crate::failure::{Done, Exit, Failure};
use crate::output::{OK, Output, table};
use serde_json::{Map, Value, json};

pub(crate) async fn run(globals: &Globals, args: Schedules, output: &Output) -> Done {
    let backend = Backend::open(globals).await?;
    let done = act(&backend, args.action, output).await;
    backend.close().await;
    done
}

async fn act(backend: &Backend, action: SchedulesAction, output: &Output) -> Done {
    match action {
        SchedulesAction::List => {
            let list = backend.call("GET", &["schedules"], &[], None).await?;
            output.data(&list, |list| listed(&list["schedules"]))?;
        }
        SchedulesAction::Add(args) => add(backend, *args, output).await?,
        SchedulesAction::Show { schedule } => {
            let found = backend.call("GET", &["schedules", &schedule], &[], None).await?;
            output.data(&found, shown)?;
        }
        SchedulesAction::Change { schedule, name, when, catch_up } => {
            let body = changes(name, &when, catch_up)?;
            patch(backend, &schedule, &body, output).await?;
        }
        SchedulesAction::Enable { schedule } => {
            patch(backend, &schedule, &json!({ "enabled": true }), output).await?;
        }
        SchedulesAction::Disable { schedule } => {
            patch(backend, &schedule, &json!({ "enabled": false }), output).await?;
        }
        SchedulesAction::Run { schedule } => {
            let job = backend.call("POST", &["schedules", &schedule, "run"], &[], None).await?;
            output.data(&job, |job| text(&job["task_id"]) + "\n")?;
        }
        SchedulesAction::History { schedule, limit } => {
            let query = [("max_results", limit.to_string())];
            let page =
                backend.call("GET", &["schedules", &schedule, "history"], &query, None).await?;
            output.data(&page, |page| fires(&page["fires"]))?;
        }
        SchedulesAction::Next { when, count } => {
            let mut query = vec![("count", count.to_string())];
            let said = timing(&when);
            query.extend(
                ["cron", "zone", "every"]
                    .into_iter()
                    .filter_map(|name| said.get(name).map(|value| (name, text(value)))),
            );
            let preview = backend.call("GET", &["schedules", "preview"], &query, None).await?;
            if let Some(problem) = preview["problem"].as_str() {
                let failure = Failure::failed(problem);
                return Err(match preview["hint"].as_str() {
                    Some(hint) => failure.hint(hint),
                    None => failure,
                });
            }
            output.data(&preview, |preview| {
                let times = preview["times"].as_array().into_iter().flatten();
                let lines: String = times.map(|time| text(time) + "\n").collect();
                format!("{}\n{lines}", text(&preview["words"]))
            })?;
        }
        SchedulesAction::Delete { schedule, yes } => {
            if !yes {
                return Err(Failure::new(Exit::Usage, "Say --yes to remove it."));
            }
            backend.call("DELETE", &["schedules", &schedule], &[], None).await?;
        }
    }
    Ok(OK)
}

fn timing(when: &When) -> Map<String, Value> {
    let given =
        [("cron", json!(when.cron)), ("zone", json!(when.zone)), ("every", json!(when.every))];
    let given = given.into_iter().filter(|(_, value)| !value.is_null());
    given.map(|(name, value)| (name.to_owned(), value)).collect()
}

fn changes(name: Option<String>, when: &When, catch_up: Option<CatchUp>) -> Result<Value, Failure> {
    let mut body = timing(when);
    body.extend(name.map(|name| ("name".to_owned(), json!(name))));
    body.extend(catch_up.map(|policy| ("catch_up".to_owned(), json!(policy.as_str()))));
    if body.is_empty() {
        return Err(Failure::new(Exit::Usage, "Say what to change."));
    }
    Ok(Value::Object(body))
}

async fn add(backend: &Backend, args: AddSchedule, output: &Output) -> Result<(), Failure> {
    let mut body = timing(&args.when);
    body.insert("name".to_owned(), json!(args.name));
    body.insert("catch_up".to_owned(), json!(args.catch_up.as_str()));
    body.insert("enabled".to_owned(), json!(!args.disabled));
    body.insert("job".to_owned(), Value::Object(submit::body(args.job)?));
    let made = backend.call("POST", &["schedules"], &[], Some(&Value::Object(body))).await?;
    output.data(&made, |made| format!("{}\t{}\n", text(&made["name"]), text(&made["next_at"])))?;
    if matches!(backend, Backend::Owner(_)) {
        output.remark("It fires while a server runs on this data folder.");
    }
    Ok(())
}

async fn patch(
    backend: &Backend,
    schedule: &str,
    body: &Value,
    output: &Output,
) -> Result<(), Failure> {
    let changed = backend.call("PATCH", &["schedules", schedule], &[], Some(body)).await?;
    output.data(&changed, |changed| listed(&Value::Array(vec![changed.clone()])))?;
    Ok(())
}

fn listed(schedules: &Value) -> String {
    let rows = schedules.as_array().into_iter().flatten().map(|schedule| {
        let last = &schedule["last"];
        let came_to = match &last["status"] {
            Value::Null => text(&last["outcome"]),
            status => text(status),
        };
        let next = match schedule["enabled"] == true {
            true => text(&schedule["next_at"]),
            false => "off".to_owned(),
        };
        vec![
            text(&schedule["name"]),
            text(&schedule["words"]),
            next,
            came_to,
            doing(&in_full(&schedule["job"])),
        ]
    });
    table(&["name", "when", "next", "last", "what"], &rows.collect::<Vec<_>>())
}

/// A job as it is asked for, in the words of one that was queued.
fn in_full(job: &Value) -> Value {
    json!({ "command": job["command"], "name": job["task"], "args": job["args"] })
}

fn shown(schedule: &Value) -> String {
    let fields = schedule.as_object().into_iter().flatten();
    let told = fields.filter(|(_, value)| !value.is_null());
    told.map(|(name, value)| format!("{name}\t{}\n", text(value))).collect()
}

fn fires(fires: &Value) -> String {
    const FIELDS: [&str; 6] = ["fire_at", "outcome", "times", "status", "task_id", "message"];
    let rows = fires.as_array().into_iter().flatten();
    let rows: Vec<Vec<String>> =
        rows.map(|fire| FIELDS.iter().map(|field| text(&fire[*field])).collect()).collect();
    table(&FIELDS, &rows)
}
