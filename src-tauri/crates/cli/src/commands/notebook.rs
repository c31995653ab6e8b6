//! `branchline notebook`.

mod environment;

use super::jobs::{options, text};
use super::projects::which;
use super::tasks::result_of;
use crate::args::{EnvAction, Globals, Notebook, NotebookAction, RunNotebook};
use crate::backend::Backend;
use crate::failure::{Done, Exit, Failure};
use crate::output::{OK, Output, table};
use serde_json::{Map, Value, json};
use std::path::Path;

/// Seconds that Jupyter has to answer.
const PATIENCE: &str = "120";

pub(crate) async fn run(globals: &Globals, args: Notebook, output: &Output) -> Done {
    let backend = Backend::open(globals).await?;
    let done = act(&backend, args.action, output).await;
    backend.close().await;
    done
}

/// What starts processes needs a server that stays.
pub(crate) fn needs_server(backend: &Backend) -> Result<(), Failure> {
    match backend {
        Backend::Guest(_) => Ok(()),
        Backend::Owner(_) => Err(Failure::failed("No server runs that would do that.")
            .hint("Start one with `branchline serve`, or open the app.")),
    }
}

async fn act(backend: &Backend, action: NotebookAction, output: &Output) -> Done {
    match action {
        NotebookAction::Start { project } => {
            needs_server(backend)?;
            let id = which(backend, project).await?;
            let wait = [("wait", PATIENCE.to_owned())];
            let path = ["projects", &id, "notebook-server"];
            let server = backend.call("POST", &path, &wait, None).await?;
            let task_id = text(&server["task_id"]);
            if server["url"].is_null() {
                let why = text(&server["message"]);
                return Err(Failure::failed(format!("JupyterLab does not answer. {why}"))
                    .hint(format!("See `branchline jobs logs {task_id}`.")));
            }
            output.data(&server, |server| text(&server["url"]) + "\n")?;
            output.remark(format!("It runs until `branchline notebook stop {task_id}`."));
        }
        NotebookAction::List => {
            let list = backend.call("GET", &["notebook-servers"], &[], None).await?;
            output.data(&list, |list| {
                let fields = ["task_id", "project_id", "status", "url"];
                let rows = list["servers"].as_array().into_iter().flatten();
                let rows: Vec<Vec<String>> =
                    rows.map(|one| fields.map(|field| text(&one[field])).into()).collect();
                table(&["id", "project", "state", "url"], &rows)
            })?;
        }
        NotebookAction::Stop { id } => {
            backend.call("DELETE", &["notebook-servers", &id], &[], None).await?;
        }
        NotebookAction::Run(args) => return run_notebook(backend, *args, output).await,
        NotebookAction::Env { action: EnvAction::Add { packages, project } } => {
            let id = which(backend, project).await?;
            environment::add(backend, &id, packages, output).await?;
        }
    }
    Ok(OK)
}

/// A notebook's path from its project's folder.
fn from_project(project: &Value, file: &Path) -> Result<String, Failure> {
    let root = Path::new(project["path"].as_str().unwrap_or_default());
    let inside = file.canonicalize().ok();
    let inside = inside.as_deref().and_then(|file| file.strip_prefix(root).ok());
    match inside.or_else(|| root.join(file).is_file().then_some(file)) {
        Some(path) => Ok(path.to_string_lossy().replace('\\', "/")),
        None => Err(Failure::new(
            Exit::NotFound,
            format!("There is no '{}' in project '{}'.", file.display(), text(&project["name"])),
        )),
    }
}

async fn run_notebook(backend: &Backend, args: RunNotebook, output: &Output) -> Done {
    let id = which(backend, args.project).await?;
    let project = backend.call("GET", &["projects", &id], &[], None).await?;
    let file = from_project(&project, &args.file)?;
    // Nothing says what a notebook's parameters are: what is JSON is taken so, as papermill does.
    let parameters = super::tasks::arguments(&args.parameters, &Value::Null)?;
    let mut body: Map<String, Value> = options(args.how);
    body.insert("arguments".to_owned(), json!(parameters));
    let path = ["projects", &id, "notebook", "run"];
    let query = [("path", file)];
    let job = backend.call("POST", &path, &query, Some(&Value::Object(body))).await?;
    let task_id = text(&job["task_id"]);
    if let (Some(wait), Backend::Guest(_)) = (args.wait, backend) {
        return result_of(backend, &task_id, wait, output).await;
    }
    output.data(&job, |_| format!("{task_id}\n"))?;
    Ok(OK)
}
