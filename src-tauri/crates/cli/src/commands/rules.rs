//! `branchline rules`.

use super::jobs::text;
use super::users::read_secret;
use crate::args::{AddRule, Globals, Rules, RulesAction};
use crate::backend::Backend;
use crate::failure::{Done, Failure};
use crate::output::{OK, Output, table};
use serde_json::{Map, Value, json};

/// What is sent back of a rule as it was answered, when it is written anew.
const KEPT: [&str; 10] = [
    "on",
    "queue",
    "name",
    "experiment_id",
    "subject_id",
    "threshold",
    "desktop",
    "webhook",
    "email",
    "once",
];

pub(crate) async fn run(globals: &Globals, args: Rules, output: &Output) -> Done {
    let backend = Backend::open(globals).await?;
    let done = act(&backend, args.action, output).await;
    backend.close().await;
    done
}

async fn act(backend: &Backend, action: RulesAction, output: &Output) -> Done {
    match action {
        RulesAction::List => {
            let list = backend.call("GET", &["rules"], &[], None).await?;
            output.data(&list, |list| listed(&list["rules"]))?;
        }
        RulesAction::Add(args) => {
            let body = body(*args)?;
            let made = backend.call("POST", &["rules"], &[], Some(&body)).await?;
            output.data(&made, |made| text(&made["id"]) + "\n")?;
            output.remark(format!("Tells when: {}.", text(&made["words"])));
            if matches!(backend, Backend::Owner(_)) {
                output.remark("It tells while a server runs on this data folder.");
            }
        }
        RulesAction::History { rule, limit } => {
            let query = [("max_results", limit.to_string())];
            let page = backend.call("GET", &["rules", &rule, "history"], &query, None).await?;
            output.data(&page, |page| told(&page["notifications"]))?;
        }
        RulesAction::Test { rule } => {
            let became = backend.call("POST", &["rules", &rule, "test"], &[], None).await?;
            output.data(&became, |became| {
                let window = if became["desktop"] == true { "told" } else { "" };
                let channels = [
                    ("window", window.to_owned()),
                    ("webhook", text(&became["webhook"])),
                    ("email", text(&became["email"])),
                ];
                let asked = channels.iter().filter(|(_, became)| !became.is_empty());
                asked.map(|(channel, became)| format!("{channel}\t{became}\n")).collect()
            })?;
        }
        RulesAction::Enable { rule } => switch(backend, &rule, true, output).await?,
        RulesAction::Disable { rule } => switch(backend, &rule, false, output).await?,
        RulesAction::Remove { rule } => {
            backend.call("DELETE", &["rules", &rule], &[], None).await?;
        }
    }
    Ok(OK)
}

fn body(args: AddRule) -> Result<Value, Failure> {
    let secret = args.secret_stdin.then(|| read_secret("secret")).transpose()?;
    let said = [
        ("queue", json!(args.queue)),
        ("name", json!(args.name)),
        ("experiment_id", json!(args.experiment)),
        ("subject_id", json!(args.subject)),
        ("threshold", json!(args.threshold)),
        ("webhook", json!(args.webhook)),
        ("secret", json!(secret)),
        ("email", json!(args.email)),
    ];
    let mut body: Map<String, Value> = said
        .into_iter()
        .filter(|(_, value)| !value.is_null())
        .map(|(name, value)| (name.to_owned(), value))
        .collect();
    body.insert("on".to_owned(), json!(args.on));
    body.insert("desktop".to_owned(), json!(!args.no_desktop));
    body.insert("once".to_owned(), json!(args.once));
    Ok(Value::Object(body))
}

async fn switch(
    backend: &Backend,
    rule: &str,
    enabled: bool,
    output: &Output,
) -> Result<(), Failure> {
    let now = backend.call("GET", &["rules", rule], &[], None).await?;
    let mut body: Map<String, Value> =
        KEPT.iter().map(|name| ((*name).to_owned(), now[*name].clone())).collect();
    body.insert("enabled".to_owned(), json!(enabled));
    let body = Value::Object(body);
    let changed = backend.call("PUT", &["rules", rule], &[], Some(&body)).await?;
    output.data(&changed, |changed| listed(&Value::Array(vec![changed.clone()])))
}

fn listed(rules: &Value) -> String {
    let rows = rules.as_array().into_iter().flatten().map(|rule| {
        let window = if rule["desktop"] == true { "window" } else { "" };
        let whom = [window.to_owned(), text(&rule["webhook"]), text(&rule["email"])];
        let whom: Vec<String> = whom.into_iter().filter(|one| !one.is_empty()).collect();
        let told = match rule["enabled"] == true {
            true => text(&rule["told_at"]),
            false => "off".to_owned(),
        };
        vec![text(&rule["id"]), text(&rule["words"]), whom.join(", "), told]
    });
    table(&["id", "tells when", "how", "last"], &rows.collect::<Vec<_>>())
}

fn told(notifications: &Value) -> String {
    const FIELDS: [&str; 5] = ["at", "title", "text", "webhook", "email"];
    let rows = notifications.as_array().into_iter().flatten();
    let rows: Vec<Vec<String>> =
        rows.map(|one| FIELDS.iter().map(|field| text(&one[*field])).collect()).collect();
    table(&FIELDS, &rows)
}
