//! What a project offers, queued as jobs.

use super::jupyter::{missing, notebook_file};
use super::scan::Scan;
use super::task::{self, Parameter};
use super::{Python, mlproject};
use crate::Engine;
use crate::job::Queued;
use branchline_core::{Actor, Error, JobOptions, NewJob, Result, Work};
use branchline_store::Project;
use serde_json::{Map, Value};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// What of a project is run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ProjectWork {
    /// A function, by its name.
    Task(String),
    /// An entry point, by its name.
    EntryPoint(String),
    /// A notebook, by its path from the folder.
    Notebook(String),
}

/// Runs a function; see `python/branchline_task.py`.
const RUNNER: &str = "branchline_task";
/// Runs a notebook; see `python/branchline_notebook.py`.
const NOTEBOOK_RUNNER: &str = "branchline_notebook";

/// The project's Python, or what to do.
pub(super) fn python_of<'s>(project: &Project, scan: &'s Scan) -> Result<&'s Python> {
    scan.python.as_ref().ok_or_else(|| {
        Error::invalid(format!("Project '{}' has no Python.", project.name))
            .hint(scan.remedy.clone().unwrap_or_else(|| "Choose one.".to_owned()))
    })
}

fn checked(parameters: &[Parameter], given: Map<String, Value>) -> Result<Map<String, Value>> {
    task::check(parameters, given).map_err(|wrong| {
        let words: Vec<String> =
            wrong.iter().map(|(field, what)| format!("{field}: {what}")).collect();
        Error::invalid(words.join(" ")).fields(wrong)
    })
}

/// There is none of that name; if a file could not be read, that may be why.
fn unknown(kind: &str, name: &str, names: Vec<&str>, scan: &Scan) -> Error {
    let error = Error::not_found(format!("There is no {kind} '{name}' in this project."));
    if let Some(problem) = scan.problems.first() {
        let line = problem.line.map(|line| format!(", line {line}")).unwrap_or_default();
        return error.hint(format!("{}{line}: {}", problem.file, problem.message));
    }
    match names.is_empty() {
        true => error.hint("Tasks are public functions with annotations in `tasks.py`, or in the files that `branchline.toml` names."),
        false => error.hint(format!("There are: {}.", names.join(", "))),
    }
}

impl ProjectWork {
    /// Its name.
    pub(super) fn name(&self) -> &str {
        match self {
            Self::Task(name) | Self::EntryPoint(name) | Self::Notebook(name) => name,
        }
    }
}

/// A part of a project, ready to be given arguments.
pub(crate) struct Template {
    scan: Arc<Scan>,
    what: What,
    project: Project,
}

/// Where in the scan it is.
enum What {
    Task(usize),
    EntryPoint(usize),
    Notebook(String, PathBuf),
}

impl Template {
    /// Where it runs: a notebook in its own folder, as Jupyter runs it.
    fn folder(&self) -> &Path {
        let project = Path::new(&self.project.path);
        match &self.what {
            What::Notebook(_, file) => file.parent().unwrap_or(project),
            _ => project,
        }
    }

    /// What it takes.
    pub(super) fn parameters(&self) -> &[Parameter] {
        match self.what {
            What::Task(at) => &self.scan.tasks[at].parameters,
            What::EntryPoint(at) => &self.scan.entry_points[at].parameters,
            What::Notebook(..) => &[],
        }
    }

    /// What a job with these arguments does.
    ///
    /// # Errors
    /// An argument is wrong, told field by field; the project has no Python.
    pub(crate) fn fill(&self, arguments: Map<String, Value>) -> Result<Work> {
        let python = python_of(&self.project, &self.scan)?;
        let kwargs = match self.what {
            What::Notebook(..) => named(arguments)?,
            _ => checked(self.parameters(), arguments)?,
        };
        let (name, command) = match &self.what {
            What::Task(at) => {
                let found = &self.scan.tasks[*at];
                let file = Path::new(&self.project.path).join(&found.file);
                let file = file.to_string_lossy().into_owned();
                let program = python.program.to_string_lossy().into_owned();
                let command = [&program, "-m", RUNNER, &file, &found.function].map(str::to_owned);
                (&found.name, command.to_vec())
            }
            What::EntryPoint(at) => {
                let found = &self.scan.entry_points[*at];
                (&found.name, mlproject::command(found, &kwargs))
            }
            What::Notebook(name, file) => {
                self.can_run_notebooks(python)?;
                let file = file.to_string_lossy().into_owned();
                let program = python.program.to_string_lossy().into_owned();
                let command = [&program, "-m", NOTEBOOK_RUNNER, &file].map(str::to_owned);
                (name, command.to_vec())
            }
        };
        Ok(Work {
            name: name.clone(),
            command,
            cwd: Some(self.folder().to_string_lossy().into_owned()),
            env: python.environment(),
            args: "[]".to_owned(),
            kwargs: Value::Object(kwargs).to_string(),
            project: Some(self.project.id),
        })
    }
}

impl Template {
    /// A notebook needs something that runs it, and a kernel.
    fn can_run_notebooks(&self, python: &Python) -> Result<()> {
        let has = |package: &str| self.scan.packages.iter().any(|one| one == package);
        if has("ipykernel") && (has("papermill") || has("nbclient")) {
            return Ok(());
        }
        Err(missing(
            "papermill and ipykernel, which run notebooks",
            "papermill ipykernel",
            &python.program,
        ))
    }
}

/// Parameters of a notebook become variables.
fn named(given: Map<String, Value>) -> Result<Map<String, Value>> {
    let is_name = |name: &str| {
        name.chars()
            .enumerate()
            .all(|(at, c)| c == '_' || c.is_ascii_alphabetic() || (at > 0 && c.is_ascii_digit()))
            && !name.is_empty()
    };
    let odd = given.keys().filter(|name| !is_name(name));
    let wrong: Vec<_> =
        odd.map(|name| (name.clone(), "It is no name of a variable.".to_owned())).collect();
    if wrong.is_empty() {
        return Ok(given);
    }
    Err(Error::invalid("A parameter of a notebook has the name of a variable.").fields(wrong))
}

impl Engine {
    /// A part of a project as its files are now.
    ///
    /// # Errors
    /// There is no such part.
    pub(crate) async fn project_template(
        &self,
        project: &Project,
        work: &ProjectWork,
    ) -> Result<Template> {
        let scan = self.scan_project(project, false).await?;
        let what = match work {
            ProjectWork::Task(name) => {
                let found = scan.tasks.iter().position(|task| task.name == *name);
                What::Task(found.ok_or_else(|| {
                    let names = scan.tasks.iter().map(|task| task.name.as_str()).collect();
                    unknown("task", name, names, &scan)
                })?)
            }
            ProjectWork::EntryPoint(name) => {
                let found = scan.entry_points.iter().position(|entry| entry.name == *name);
                What::EntryPoint(found.ok_or_else(|| {
                    let names = scan.entry_points.iter().map(|entry| entry.name.as_str());
                    unknown("entry point", name, names.collect(), &scan)
                })?)
            }
            ProjectWork::Notebook(path) => {
                What::Notebook(path.clone(), notebook_file(project, path)?)
            }
        };
        Ok(Template { scan, what, project: project.clone() })
    }

    /// Queues a part of a project as a job, its arguments checked.
    ///
    /// # Errors
    /// The actor is no superuser; there is no such project or part; an argument is wrong.
    pub async fn run_of_project(
        &self,
        actor: &Actor,
        which: &str,
        work: &ProjectWork,
        arguments: Map<String, Value>,
        (task_id, options): (Option<String>, JobOptions),
    ) -> Result<Queued> {
        let project = self.project(actor, which).await?;
        let work = self.project_template(&project, work).await?.fill(arguments)?;
        self.submit_job(actor, NewJob { task_id, work, options }).await
    }
}
