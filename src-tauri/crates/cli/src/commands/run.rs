//! `branchline run`: any command, tracked.

use super::jobs::text;
use super::projects::which;
use crate::args::{Globals, Run};
use crate::backend::{Backend, Tenancy, config, host_options};
use crate::failure::{Done, Exit, Failure};
use crate::output::Output;
use crate::platform;
use branchline_core::{Clock, Scope, SystemClock};
use branchline_server::connect::Connection;
use branchline_server::host::Host;
use branchline_server::logs::{self, LogOptions};
use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;

/// The token is revoked when the command ends; this is for when we do not live to
/// see it.
const TOKEN_DAYS: i64 = 30;
const DAY_MS: i64 = 24 * 60 * 60 * 1000;
const TOKEN_NAME: usize = 100;

/// A command to be run with a token of its own.
pub(super) struct Tracked {
    /// The program and its arguments.
    pub(super) command: Vec<OsString>,
    /// Where it runs; here when absent.
    pub(super) folder: Option<PathBuf>,
    /// Variables beside those of tracking.
    pub(super) variables: Vec<(String, String)>,
    /// What its token allows.
    pub(super) scope: Scope,
}

pub(crate) async fn run(globals: &Globals, args: Run, output: &Output) -> Done {
    let Run { project, command } = args;
    let plan = async |backend: &Backend| {
        let mut tracked =
            Tracked { command, folder: None, variables: Vec::new(), scope: Scope::Log };
        if project.is_some() {
            let project = environment_of(backend, project).await?;
            (tracked.folder, tracked.variables) = (Some(project.folder), project.variables);
        }
        Ok(tracked)
    };
    with_server(globals, output, plan).await
}

/// Where a project's programs are.
pub(super) struct InProject {
    /// Its Python.
    pub(super) python: String,
    /// Its folder.
    pub(super) folder: PathBuf,
    /// Variables by which its programs are found.
    pub(super) variables: Vec<(String, String)>,
}

/// The environment of a project: the one that is named, or the one of this folder.
pub(super) async fn environment_of(
    backend: &Backend,
    named: Option<String>,
) -> Result<InProject, Failure> {
    let id = which(backend, named).await?;
    let project = backend.call("GET", &["projects", &id], &[], None).await?;
    let Some(python) = project["python"]["program"].as_str() else {
        let failure =
            Failure::failed(format!("Project '{}' has no Python.", text(&project["name"])));
        return Err(failure.hint(text(&project["remedy"])));
    };
    let variables = project["python"]["environment"].as_object().into_iter().flatten();
    Ok(InProject {
        python: python.to_owned(),
        folder: PathBuf::from(text(&project["path"])),
        variables: variables.map(|(name, value)| (name.clone(), text(value))).collect(),
    })
}

/// Runs what is planned against the server of the data folder, or against one of our own
/// that ends with it.
pub(super) async fn with_server(
    globals: &Globals,
    output: &Output,
    plan: impl AsyncFnOnce(&Backend) -> Result<Tracked, Failure>,
) -> Done {
    let config = config(globals)?;
    let mut options = host_options(globals, &config)?;
    // Whose server it is does not matter to the command.
    match Tenancy::find(&options.data_dir).await? {
        Tenancy::Guest(client, info) => {
            let backend = Backend::Guest(client);
            let tracked = plan(&backend).await?;
            with_token(&backend, &info.url, &tracked, output).await
        }
        Tenancy::Owner(lock) => {
            options.data_dir.create()?;
            options.port_fallback = true;
            // It stands for this command only: what is queued waits for a server that stays.
            options.run_jobs = false;
            let _log = logs::init(&LogOptions {
                dir: Some(options.data_dir.logs()),
                level: config.log_level,
                format: config.log_format,
                stderr: false,
                max_files: config.log_files,
            })?;
            // The server takes the lock itself.
            drop(lock);
            let host = Host::start(options).await?;
            output.remark(format!("Tracking at {} until the command ends.", host.url()));
            let client =
                branchline_client::Client::new(host.url(), Some(host.secret().to_owned()))?;
            let backend = Backend::Guest(client);
            let done = match plan(&backend).await {
                Ok(tracked) => with_token(&backend, host.url(), &tracked, output).await,
                Err(failure) => Err(failure),
            };
            host.shutdown().await?;
            done
        }
    }
}

/// Runs the command with a token of its own, which ends with it.
async fn with_token(backend: &Backend, url: &str, tracked: &Tracked, output: &Output) -> Done {
    let shown: Vec<_> = tracked.command.iter().map(|part| part.to_string_lossy()).collect();
    let name: String = format!("run {}", shown.join(" ")).chars().take(TOKEN_NAME).collect();
    let expires_at = SystemClock.now_ms() + TOKEN_DAYS * DAY_MS;
    let made = backend.create_token(&name, tracked.scope, Some(expires_at)).await?;
    let username = backend.username().await?;
    let connection = Connection { tracking_uri: url.to_owned(), username, token: made.secret };
    let done = execute(&connection, tracked).await;
    if let Err(failure) = backend.revoke_token(made.token.id).await {
        output
            .say(format!("warning: token {} was not revoked: {}", made.token.id, failure.message));
    }
    done
}

async fn execute(connection: &Connection, tracked: &Tracked) -> Done {
    let Some((program, arguments)) = tracked.command.split_first() else {
        return Err(Failure::new(Exit::Usage, "There is no command to run."));
    };
    let mut child = tokio::process::Command::new(program);
    child
        .args(arguments)
        .envs(connection.environment())
        // MLflow prefers these wherever it finds them, a credentials file included.
        .envs(connection.password_environment())
        .env("BRANCHLINE_URL", &connection.tracking_uri)
        .env("BRANCHLINE_TOKEN", &connection.token)
        .envs(tracked.variables.iter().map(|(name, value)| (name, value)));
    if let Some(folder) = &tracked.folder {
        child.current_dir(folder);
    }
    let status =
        platform::run_to_end(&mut child).await.map_err(|cause| cannot_start(program, &cause))?;
    Ok(ExitCode::from(platform::exit_number(status)))
}

fn cannot_start(program: &OsString, cause: &std::io::Error) -> Failure {
    let exit = match cause.kind() {
        std::io::ErrorKind::NotFound => Exit::NotFound,
        std::io::ErrorKind::PermissionDenied => Exit::NotAllowed,
        _ => Exit::Failed,
    };
    Failure::new(exit, format!("Cannot run '{}': {cause}.", program.to_string_lossy()))
}
