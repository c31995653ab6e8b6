//! Projects: folders whose code runs as jobs.

mod environments;
mod jupyter;
mod mlproject;
mod notebook;
mod platform;
mod python;
mod run;
mod scan;
mod space;
mod sweep;
mod task;
mod yaml;

use crate::{Engine, permit};
use branchline_core::{Actor, Error, Result};
use branchline_store::Project;
use scan::{Fingerprint, fingerprint, scan};
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

pub use jupyter::NotebookServer;
pub(crate) use jupyter::{JUPYTER_TASK, QUEUE as NOTEBOOK_QUEUE, RUNTIME as JUPYTER_RUNTIME};
pub(crate) use python::usual as usual_python;
pub use python::{Python, PythonKind};
pub use run::ProjectWork;
pub use scan::{Problem, Scan};
pub use space::{Axis, MOST_JOBS, Method};
pub use sweep::{NewSweep, SweepDetail, SweepRow, method as sweep_method};
pub use task::{EntryPoint, Parameter, ParameterKind, TaskFunction};

/// Longest name of a project.
const LONGEST_NAME: usize = 250;

/// What scans answered, while nothing that they depend on has changed.
#[derive(Debug, Default)]
pub(crate) struct Scans {
    kept: Mutex<HashMap<i64, Kept>>,
}

#[derive(Debug)]
struct Kept {
    /// The Python that was chosen then.
    chosen: Option<String>,
    print: Fingerprint,
    scan: Arc<Scan>,
}

/// What to change of a project; absent fields stay.
#[derive(Debug, Clone, Default)]
pub struct ProjectUpdate {
    /// Its name.
    pub name: Option<String>,
    /// The Python to run with; `Some(None)` finds it again.
    pub interpreter: Option<Option<String>>,
}

fn check_name(name: &str) -> Result<()> {
    let length = name.chars().count();
    if (1..=LONGEST_NAME).contains(&length) && !name.chars().any(char::is_control) {
        return Ok(());
    }
    Err(Error::invalid(format!("A project's name has 1 to {LONGEST_NAME} characters."))
        .fields(vec![("name".to_owned(), format!("It has 1 to {LONGEST_NAME} characters."))]))
}

/// A Python that is chosen has to be there.
fn check_interpreter(path: &str) -> Result<()> {
    let chosen = Path::new(path);
    if chosen.is_absolute() && chosen.exists() {
        return Ok(());
    }
    let what = format!(
        "'{path}' is no Python: name the program, or its environment's folder, from the root."
    );
    Err(Error::invalid(what.clone()).fields(vec![("interpreter".to_owned(), what)]))
}

impl Engine {
    /// The projects, by name.
    ///
    /// # Errors
    /// The actor is no superuser.
    pub async fn projects(&self, actor: &Actor) -> Result<Vec<Project>> {
        permit::require_superuser(actor)?;
        self.read(actor, |view| view.projects()).await
    }

    /// A project by its number, its name or its folder.
    ///
    /// # Errors
    /// The actor is no superuser; there is none.
    pub async fn project(&self, actor: &Actor, which: &str) -> Result<Project> {
        permit::require_superuser(actor)?;
        let which = which.to_owned();
        self.read(actor, move |view| {
            if let Some(found) = view.project_called(&which, &which)? {
                return Ok(found);
            }
            match which.parse() {
                Ok(id) => view.project(id),
                Err(_) => Err(Error::not_found(format!("There is no project '{which}'.")).into()),
            }
        })
        .await
    }

    /// Opens a folder as a project, under its own name when none is given.
    ///
    /// # Errors
    /// The actor is no superuser; there is no such folder; it or the name is another
    /// project's.
    pub async fn add_project(
        &self,
        actor: &Actor,
        path: &str,
        name: Option<String>,
        interpreter: Option<String>,
    ) -> Result<Project> {
        permit::require_superuser(actor)?;
        let folder = whole_path(path)?;
        let own = folder.file_name().map(|name| name.to_string_lossy().into_owned());
        let name = name.or(own).unwrap_or_else(|| "project".to_owned());
        check_name(&name)?;
        interpreter.as_deref().map_or(Ok(()), check_interpreter)?;
        let folder = folder.to_string_lossy().into_owned();
        self.durably(actor, move |tx, actor| {
            tx.insert_project(actor, &name, &folder, interpreter.as_deref())
        })
        .await
    }

    /// Changes what is given of a project.
    ///
    /// # Errors
    /// The actor is no superuser; there is none; a rule is broken.
    pub async fn update_project(
        &self,
        actor: &Actor,
        which: &str,
        update: ProjectUpdate,
    ) -> Result<Project> {
        let mut project = self.project(actor, which).await?;
        if let Some(name) = update.name {
            check_name(&name)?;
            project.name = name;
        }
        if let Some(interpreter) = update.interpreter {
            interpreter.as_deref().map_or(Ok(()), check_interpreter)?;
            project.interpreter = interpreter;
        }
        self.durably(actor, move |tx, actor| tx.update_project(actor, &project)).await
    }

    /// Forgets a project; its folder and its jobs stay.
    ///
    /// # Errors
    /// The actor is no superuser; there is none.
    pub async fn remove_project(&self, actor: &Actor, which: &str) -> Result<()> {
        let project = self.project(actor, which).await?;
        let id = project.id;
        self.durably(actor, move |tx, actor| tx.delete_project(actor, id)).await?;
        let mut kept = self.inner.projects.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.remove(&id);
        Ok(())
    }

    /// What a project offers: as it was read last, unless something of it changed since.
    ///
    /// # Errors
    /// Its folder is gone.
    pub async fn scan_project(&self, project: &Project, anew: bool) -> Result<Arc<Scan>> {
        let folder = PathBuf::from(&project.path);
        if !anew && let Some(found) = self.kept_scan(project, &folder) {
            return Ok(found);
        }
        let chosen = project.interpreter.clone();
        let made = Arc::new(scan(&folder, chosen.as_deref()).await?);
        let print = fingerprint(&folder, &made);
        let before = {
            let mut kept = self.inner.projects.kept.lock().unwrap_or_else(PoisonError::into_inner);
            kept.insert(project.id, Kept { chosen, print, scan: Arc::clone(&made) })
        };
        if before.is_some_and(|before| *before.scan != *made) {
            let (owner, id) = (self.owner_actor().await?, project.id);
            self.track(&owner, move |tx, actor| tx.project_offers_else(actor, id)).await?;
        }
        Ok(made)
    }

    /// Whether a program is a Python that has these packages.
    pub(crate) async fn has_packages(&self, program: &Path, packages: &[&str]) -> bool {
        let there = scan::packages(program).await.unwrap_or_default();
        packages.iter().all(|package| there.iter().any(|one| one == package))
    }

    fn kept_scan(&self, project: &Project, folder: &Path) -> Option<Arc<Scan>> {
        let kept = self.inner.projects.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let Kept { chosen, print, scan } = kept.get(&project.id)?;
        let fresh = *chosen == project.interpreter && *print == fingerprint(folder, scan);
        fresh.then(|| Arc::clone(scan))
    }
}

/// A folder's own path, so that it is one project however it is written.
fn whole_path(path: &str) -> Result<PathBuf> {
    let given = Path::new(path);
    let wrong = |what: String| Error::invalid(what.clone()).fields(vec![("path".to_owned(), what)]);
    if !given.is_absolute() {
        return Err(wrong(format!("'{path}' does not start at the root.")));
    }
    match given.canonicalize() {
        Ok(folder) if folder.is_dir() => Ok(folder),
        _ => Err(wrong(format!("There is no folder '{path}'."))),
    }
}
