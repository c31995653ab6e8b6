//! `branchline projects`.

use super::jobs::text;
use crate::args::{Globals, Projects, ProjectsAction};
use crate::backend::Backend;
use crate::failure::{Done, Exit, Failure};
use crate::output::{OK, Output, table};
use serde_json::{Value, json};
use std::path::Path;

pub(crate) async fn run(globals: &Globals, args: Projects, output: &Output) -> Done {
    let backend = Backend::open(globals).await?;
    let done = act(&backend, args.action, output).await;
    backend.close().await;
    done
}

async fn act(backend: &Backend, action: ProjectsAction, output: &Output) -> Done {
    match action {
        ProjectsAction::Add { folder, name, python } => {
            let absolute = |path: &Path| {
                std::path::absolute(path).map(|path| path.to_string_lossy().into_owned())
            };
            let folder = absolute(&folder.unwrap_or_else(|| ".".into()))?;
            let python = python.as_deref().map(absolute).transpose()?;
            let body = json!({ "path": folder, "name": name, "interpreter": python });
            let project = backend.call("POST", &["projects"], &[], Some(&body)).await?;
            output.data(&project, shown)?;
        }
        ProjectsAction::List => {
            let list = backend.call("GET", &["projects"], &[], None).await?;
            output.data(&list, |list| {
                let rows = list["projects"].as_array().into_iter().flatten();
                let rows: Vec<Vec<String>> = rows
                    .map(|project| ["id", "name", "path"].map(|field| text(&project[field])).into())
                    .collect();
                table(&["id", "name", "folder"], &rows)
            })?;
        }
        ProjectsAction::Show { project } => {
            let id = which(backend, project).await?;
            let project = backend.call("GET", &["projects", &id], &[], None).await?;
            output.data(&project, shown)?;
        }
        ProjectsAction::Scan { project } => {
            let id = which(backend, project).await?;
            let project = backend.call("POST", &["projects", &id, "scan"], &[], None).await?;
            output.data(&project, shown)?;
        }
        ProjectsAction::Remove { project } => {
            let id = which(backend, Some(project)).await?;
            backend.call("DELETE", &["projects", &id], &[], None).await?;
            output.remark("The project is forgotten; its folder is as it was.");
        }
    }
    Ok(OK)
}

/// The number of the project that is meant: by name, number or folder, or the one that this
/// folder belongs to.
pub(crate) async fn which(backend: &Backend, named: Option<String>) -> Result<String, Failure> {
    let list = backend.call("GET", &["projects"], &[], None).await?;
    let projects = list["projects"].as_array().map(Vec::as_slice).unwrap_or_default();
    let id = |project: &Value| text(&project["id"]);
    if let Some(named) = named {
        let folder = Path::new(&named).canonicalize().ok();
        let fits = |project: &&Value| {
            project["name"] == *named
                || folder.as_deref().is_some_and(|folder| is_at(project, folder))
        };
        let by_number = || projects.iter().find(|project| id(project) == named);
        return projects.iter().find(fits).or_else(by_number).map(id).ok_or_else(|| {
            Failure::new(Exit::NotFound, format!("There is no project '{named}'.")).hint(
                "See `branchline projects list`; open a folder with `branchline projects add`.",
            )
        });
    }
    let here = std::env::current_dir()?;
    let here = here.canonicalize().unwrap_or(here);
    // The innermost of those that hold this folder.
    let mut around = here.ancestors();
    around
        .find_map(|folder| projects.iter().find(|project| is_at(project, folder)))
        .map(id)
        .ok_or_else(|| {
            Failure::new(Exit::NotFound, "This folder belongs to no project.")
                .hint("Open it with `branchline projects add`, or name one with --project.")
        })
}

fn is_at(project: &Value, folder: &Path) -> bool {
    project["path"].as_str().is_some_and(|path| Path::new(path) == folder)
}

/// What a task takes, in a line.
pub(crate) fn signature(parameters: &Value) -> String {
    let parameters = parameters.as_array().into_iter().flatten();
    let one = |parameter: &Value| {
        let name = text(&parameter["name"]);
        let kind = match parameter["kind"].as_str() {
            Some("choice") => text(&parameter["choices"]),
            _ => text(&parameter["annotation"]),
        };
        match (parameter["required"] == true, parameter.get("default")) {
            (true, _) => format!("{name}: {kind}"),
            (_, Some(default)) => format!("{name}: {kind} = {default}"),
            (_, None) => format!("{name}: {kind} = {}", text(&parameter["default_text"])),
        }
    };
    parameters.map(one).collect::<Vec<_>>().join(", ")
}

fn shown(project: &Value) -> String {
    let mut lines = vec![
        format!("{}\t{}", text(&project["name"]), text(&project["path"])),
        match project["python"].as_object() {
            Some(python) => format!(
                "python\t{}\t{} ({})",
                text(&python["version"]),
                text(&python["program"]),
                text(&python["how"])
            ),
            None => "python\tnone".to_owned(),
        },
    ];
    if let Some(remedy) = project["remedy"].as_str() {
        lines.push(format!("note\t{remedy}"));
    }
    for (kind, field) in [("task", "tasks"), ("entry point", "entry_points")] {
        for offered in project[field].as_array().into_iter().flatten() {
            let (name, takes) = (text(&offered["name"]), signature(&offered["parameters"]));
            lines.push(format!("{kind}\t{name}({takes})"));
        }
    }
    for notebook in project["notebooks"].as_array().into_iter().flatten() {
        lines.push(format!("notebook\t{}", text(notebook)));
    }
    for problem in project["problems"].as_array().into_iter().flatten() {
        let line = problem["line"].as_u64().map(|line| format!(":{line}")).unwrap_or_default();
        lines.push(format!(
            "problem\t{}{line}\t{}",
            text(&problem["file"]),
            text(&problem["message"])
        ));
    }
    lines.join("\n") + "\n"
}
