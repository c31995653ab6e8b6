//! `branchline config`.

use crate::args::{Config, ConfigAction, Globals};
use crate::failure::{Done, Exit, Failure};
use crate::output::{OK, Output, table};
use branchline_server::config::{
    Key, Overrides, Resolved, Setting, Source, Surroundings, Variable, closest,
};
use serde_json::{Value, json};

pub(crate) fn run(globals: &Globals, args: Config, output: &Output) -> Done {
    let surroundings = Surroundings::of_process();
    match args.action {
        ConfigAction::List => {
            let resolved = load(globals, &surroundings)?;
            output.data(&as_json(&resolved), |_| as_text(&resolved))?;
        }
        ConfigAction::Get { key } => {
            let key = find(&key)?;
            let resolved = load(globals, &surroundings)?;
            let setting = resolved
                .get(key.name)
                .ok_or_else(|| Failure::failed(format!("{} has no value.", key.name)))?;
            output.data(&setting_json(setting), |_| shown(setting))?;
        }
        ConfigAction::Set { key, value, unset } => {
            let key = find(&key)?;
            let file = surroundings.file()?;
            let value = value.filter(|_| !unset);
            file.set(key, value.as_deref())?;
            let resolved = load(globals, &surroundings)?;
            let path = file.path().display();
            output.data(
                &json!({ "key": key.name, "value": value, "path": path.to_string() }),
                |_| String::new(),
            )?;
            output.remark(format!("Written to {path}. A running app reads it at its next start."));
            if let Some(setting) = resolved.get(key.name)
                && !matches!(setting.source, Source::File(_) | Source::Default)
            {
                output.say(format!("warning: {} says otherwise and wins", setting.source));
            }
        }
        ConfigAction::Path => {
            let file = surroundings.file()?;
            let exists = file.path().exists();
            output.data(&json!({ "path": file.path(), "exists": exists }), |_| {
                file.path().display().to_string()
            })?;
            if !exists {
                output.remark("It does not exist yet; `branchline config set` makes it.");
            }
        }
    }
    Ok(OK)
}

fn load(globals: &Globals, surroundings: &Surroundings) -> Result<Resolved, Failure> {
    let mut overrides = Overrides::default();
    overrides.env_file.clone_from(&globals.env_file);
    Ok(Resolved::load(&overrides, surroundings)?)
}

fn find(name: &str) -> Result<&'static Key, Failure> {
    Key::find(name).ok_or_else(|| {
        let failure = Failure::new(Exit::NotFound, format!("There is no setting '{name}'."));
        match closest(name) {
            Some(close) => failure.hint(format!("Did you mean {close}?")),
            None => failure.hint("`branchline config list` shows every setting."),
        }
    })
}

/// A value as it may be shown.
fn shown(setting: &Setting) -> String {
    match (setting.key.secret, setting.value.is_empty()) {
        (true, false) => "(set, not shown)".to_owned(),
        _ => setting.value.clone(),
    }
}

fn setting_json(setting: &Setting) -> Value {
    let key = setting.key;
    let help: Vec<&str> = key.help.iter().map(|line| line.trim()).collect();
    json!({
        "key": key.name,
        "value": shown(setting),
        "source": source_name(&setting.source),
        "from": setting.source.to_string(),
        "default": key.default,
        "variable": key.variable,
        "flag": (!key.flag.is_empty()).then_some(key.flag),
        "stack": key.stack,
        "accepts": key.accepts,
        "help": help.join(" "),
    })
}

fn source_name(source: &Source) -> &'static str {
    match source {
        Source::Default => "default",
        Source::File(_) => "file",
        Source::DotEnv(..) => ".env",
        Source::Environment(_) => "environment",
        Source::Flag(_) => "flag",
    }
}

fn variable_json(variable: &Variable) -> Value {
    json!({
        "name": variable.name,
        "file": variable.file,
        "key": variable.key,
        "used": variable.ignored.is_none(),
        "reason": variable.ignored,
    })
}

fn as_json(resolved: &Resolved) -> Value {
    json!({
        "settings": resolved.settings.iter().map(setting_json).collect::<Vec<_>>(),
        "variables": resolved.variables.iter().map(variable_json).collect::<Vec<_>>(),
    })
}

fn as_text(resolved: &Resolved) -> String {
    let rows: Vec<Vec<String>> = resolved
        .settings
        .iter()
        .map(|setting| {
            vec![setting.key.name.to_owned(), shown(setting), setting.source.to_string()]
        })
        .collect();
    let mut text = table(&["setting", "value", "from"], &rows);
    if resolved.variables.is_empty() {
        return text;
    }
    let rows: Vec<Vec<String>> = resolved
        .variables
        .iter()
        .map(|variable| {
            let fate = match (&variable.ignored, variable.key) {
                (None, Some(key)) => format!("used for {key}"),
                (None, None) => "used".to_owned(),
                (Some(reason), _) => format!("ignored: {reason}"),
            };
            let place = variable
                .file
                .as_ref()
                .map_or("environment".to_owned(), |path| path.display().to_string());
            vec![variable.name.clone(), fate, place]
        })
        .collect();
    text.push('\n');
    text.push_str(&table(&["variable", "what became of it", "where"], &rows));
    text
}
