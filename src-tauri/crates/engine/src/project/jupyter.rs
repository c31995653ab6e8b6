//! JupyterLab in a project's environment, as a job: its supervisor ends all that it started,
//! and its credential ends with it. It listens on this machine only, behind a token that it
//! makes up itself and notes in the job's folder.

use super::{platform, run::python_of};
use crate::{Engine, QueueUpdate};
use branchline_core::event::EventKind;
use branchline_core::{Actor, Error, Job, JobOptions, JobState, NewJob, Result, Work};
use branchline_store::Project;
use serde::Deserialize;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// The name of such a job.
pub(crate) const JUPYTER_TASK: &str = "branchline.jupyter";
/// Where Jupyter notes what runs, in the job's folder.
pub(crate) const RUNTIME: &str = "jupyter";
/// The queue of such jobs, and how many of them run at a time.
pub(crate) const QUEUE: &str = "notebooks";
const AT_ONCE: u32 = 16;
/// One that has noted where it will answer is looked at again after this.
const SOON: Duration = Duration::from_millis(50);
/// Modules that serve notebooks, the best first, and the package that has each.
const SERVERS: [(&str, &str); 2] =
    [("jupyterlab", "jupyterlab"), ("jupyter_server", "jupyter_server")];

/// A JupyterLab that runs, or is about to.
#[derive(Debug, Clone)]
pub struct NotebookServer {
    /// Its job.
    pub job: Job,
    /// Where it answers, with its token, once it does.
    pub url: Option<String>,
}

/// What Jupyter notes of itself.
#[derive(Deserialize)]
struct Noted {
    port: u16,
    base_url: String,
    token: String,
}

/// What a Jupyter notes of itself in its job's folder.
fn noted_in(folder: &Path) -> Option<Noted> {
    let entries = std::fs::read_dir(folder.join(RUNTIME)).ok()?;
    let noted = entries.flatten().map(|entry| entry.path()).find(|path| {
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        name.starts_with("jpserver-")
            && path.extension().is_some_and(|extension| extension == "json")
    })?;
    // Written in one go, but perhaps not yet whole.
    serde_json::from_slice(&std::fs::read(noted).ok()?).ok()
}

/// Where it answers. It notes that a moment before it does.
async fn url_of(noted: &Noted) -> Option<String> {
    let connect = tokio::net::TcpStream::connect(("127.0.0.1", noted.port));
    tokio::time::timeout(SOON, connect).await.ok()?.ok()?;
    Some(format!("http://127.0.0.1:{}{}lab?token={}", noted.port, noted.base_url, noted.token))
}

/// A port that nobody has at the moment. Jupyter looks further where somebody takes it.
fn free_port() -> Result<u16> {
    let free = std::net::TcpListener::bind(("127.0.0.1", 0)).and_then(|bound| bound.local_addr());
    free.map(|address| address.port())
        .map_err(|cause| Error::internal(format!("There is no free port: {cause}.")))
}

impl Engine {
    /// Starts JupyterLab in a project's environment, or answers the one that runs there.
    ///
    /// # Errors
    /// The actor is no superuser; there is no such project; its Python has no Jupyter.
    pub async fn start_notebooks(&self, actor: &Actor, which: &str) -> Result<NotebookServer> {
        let project = self.project(actor, which).await?;
        let scan = self.scan_project(&project, false).await?;
        let python = python_of(&project, &scan)?;
        let has = |package: &str| scan.packages.iter().any(|one| one == package);
        let Some((module, _)) = SERVERS.iter().find(|(_, package)| has(package)) else {
            return Err(missing("JupyterLab", "jupyterlab", &python.program));
        };
        let program = python.program.to_string_lossy().into_owned();
        let mut command = vec![program, "-m".to_owned(), (*module).to_owned()];
        command.extend([
            "--no-browser".to_owned(),
            "--ServerApp.ip=127.0.0.1".to_owned(),
            format!("--ServerApp.port={}", free_port()?),
            "--ServerApp.port_retries=50".to_owned(),
            format!("--ServerApp.root_dir={}", project.path),
        ]);
        if platform::is_root() {
            command.push("--allow-root".to_owned());
        }
        let work = Work {
            name: JUPYTER_TASK.to_owned(),
            command,
            cwd: Some(project.path.clone()),
            env: python.environment(),
            args: "[]".to_owned(),
            kwargs: "{}".to_owned(),
            project: Some(project.id),
        };
        let options = JobOptions {
            queue: QUEUE.to_owned(),
            unique_key: Some(format!("{JUPYTER_TASK}/{}", project.id)),
            ..JobOptions::default()
        };
        let update = QueueUpdate { concurrency: Some(AT_ONCE), ..QueueUpdate::default() };
        self.set_queue(actor, QUEUE, update).await?;
        let queued = self.queue_job(actor, NewJob { task_id: None, work, options }).await?;
        Ok(self.notebook_server(queued.job).await.0)
    }

    /// A notebook server, and whether it is about to answer.
    async fn notebook_server(&self, job: Job) -> (NotebookServer, bool) {
        let runs = matches!(job.state, JobState::Received | JobState::Started);
        let noted = if runs { noted_in(&self.job_folder(&job.task_id)) } else { None };
        let url = match &noted {
            Some(noted) => url_of(noted).await,
            None => None,
        };
        let soon = noted.is_some() && url.is_none();
        (NotebookServer { job, url }, soon)
    }

    /// A notebook server once it answers or has ended, or as it is after `wait`.
    ///
    /// # Errors
    /// There is none.
    pub async fn wait_for_notebooks(
        &self,
        actor: &Actor,
        task_id: &str,
        wait: Duration,
    ) -> Result<NotebookServer> {
        // Before it is looked at, so that nothing is missed. Jupyter writes to its log when it
        // has noted where it will answer, and says nothing more when it does.
        let mut changes = self.subscribe();
        let until = Instant::now() + wait;
        loop {
            let job = self.job(actor, task_id).await?.job;
            let (found, soon) = self.notebook_server(job).await;
            if found.job.work.name != JUPYTER_TASK {
                return Err(Error::not_found(format!("'{task_id}' is no notebook server.")));
            }
            let left = until.saturating_duration_since(Instant::now());
            if found.url.is_some() || found.job.state.is_final() || left.is_zero() {
                return Ok(found);
            }
            let id = || task_id.to_owned();
            let about = [EventKind::Job(id()), EventKind::JobLog(id())];
            let left = if soon { left.min(SOON) } else { left };
            // An elapsed wait is answered by the next look.
            let _ = tokio::time::timeout(left, crate::job::next_event(&mut changes, &about)).await;
        }
    }

    /// Notebook servers that run or are about to.
    ///
    /// # Errors
    /// The actor is no superuser.
    pub async fn notebook_servers(&self, actor: &Actor) -> Result<Vec<NotebookServer>> {
        let search = crate::JobSearch {
            states: vec![JobState::Pending, JobState::Received, JobState::Started],
            name: Some(JUPYTER_TASK.to_owned()),
            max_results: 1000,
            ..crate::JobSearch::default()
        };
        let found = self.jobs(actor, search).await?.items;
        let mut servers = Vec::with_capacity(found.len());
        for job in found {
            servers.push(self.notebook_server(job).await.0);
        }
        Ok(servers)
    }

    /// A notebook of a project as its file says it: JSON.
    ///
    /// # Errors
    /// The actor is no superuser; there is no such notebook in the project's folder; it is
    /// too large to be shown.
    pub async fn notebook(&self, actor: &Actor, which: &str, path: &str) -> Result<String> {
        let project = self.project(actor, which).await?;
        let file = notebook_file(&project, path)?;
        let shown = path.to_owned();
        tokio::task::spawn_blocking(move || {
            let size = std::fs::metadata(&file).map_err(|_| unknown(&shown))?.len();
            if size > MOST_BYTES {
                return Err(Error::invalid(format!(
                    "'{shown}' has {size} bytes; notebooks of up to {MOST_BYTES} are shown."
                )));
            }
            std::fs::read_to_string(&file)
                .map_err(|cause| Error::invalid(format!("'{shown}' cannot be read: {cause}.")))
        })
        .await
        .map_err(|cause| Error::internal("A notebook could not be read.").source(cause))?
    }
}

/// A notebook of more bytes is not shown.
const MOST_BYTES: u64 = 32 * 1024 * 1024;

fn unknown(path: &str) -> Error {
    Error::not_found(format!("There is no notebook '{path}' in this project."))
}

/// The file of a notebook, which is inside the project's folder wherever links lead.
pub(super) fn notebook_file(project: &Project, path: &str) -> Result<PathBuf> {
    if !super::scan::stays_inside(path) || !path.ends_with(".ipynb") {
        return Err(unknown(path));
    }
    let file = Path::new(&project.path).join(path).canonicalize().map_err(|_| unknown(path))?;
    if file.starts_with(&project.path) && file.is_file() { Ok(file) } else { Err(unknown(path)) }
}

/// A package that the project's Python does not have, and what to do.
pub(super) fn missing(what: &str, package: &str, python: &Path) -> Error {
    let python = python.display();
    Error::invalid(format!("The project's Python, '{python}', has no {what}.")).hint(format!(
        "Run `{python} -m pip install {package}`, or add it to the project's environment."
    ))
}
