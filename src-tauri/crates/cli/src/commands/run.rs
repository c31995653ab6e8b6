//! `branchline run`: any command, tracked.

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
use std::process::ExitCode;

/// The token is revoked when the command ends; this is for when we do not live to
/// see it.
const TOKEN_DAYS: i64 = 30;
const DAY_MS: i64 = 24 * 60 * 60 * 1000;
const TOKEN_NAME: usize = 100;

pub(crate) async fn run(globals: &Globals, args: Run, output: &Output) -> Done {
    let config = config(globals)?;
    let mut options = host_options(globals, &config)?;
    // Whose server it is does not matter to the command.
    match Tenancy::find(&options.data_dir).await? {
        Tenancy::Guest(client, info) => {
            let backend = Backend::Guest(client);
            with_token(&backend, &info.url, &args.command, output).await
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
            let done = with_token(&backend, host.url(), &args.command, output).await;
            host.shutdown().await?;
            done
        }
    }
}

/// Runs the command with a token of its own, which ends with it.
async fn with_token(backend: &Backend, url: &str, command: &[OsString], output: &Output) -> Done {
    let shown: Vec<_> = command.iter().map(|part| part.to_string_lossy()).collect();
    let name: String = format!("run {}", shown.join(" ")).chars().take(TOKEN_NAME).collect();
    let expires_at = SystemClock.now_ms() + TOKEN_DAYS * DAY_MS;
    let made = backend.create_token(&name, Scope::Log, Some(expires_at)).await?;
    let username = backend.username().await?;
    let connection = Connection { tracking_uri: url.to_owned(), username, token: made.secret };
    let done = execute(&connection, command).await;
    if let Err(failure) = backend.revoke_token(made.token.id).await {
        output
            .say(format!("warning: token {} was not revoked: {}", made.token.id, failure.message));
    }
    done
}

async fn execute(connection: &Connection, command: &[OsString]) -> Done {
    let Some((program, arguments)) = command.split_first() else {
        return Err(Failure::new(Exit::Usage, "There is no command to run."));
    };
    let mut child = tokio::process::Command::new(program);
    child
        .args(arguments)
        .envs(connection.environment())
        // MLflow prefers these wherever it finds them, a credentials file included.
        .envs(connection.password_environment());
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
