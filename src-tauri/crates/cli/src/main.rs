//! `branchline`: the headless server and the command line.
//!
//! Data goes to stdout, words to stderr. Every command is written once, against a
//! [`backend::Backend`] that owns the data folder or is the guest of who does.

mod args;
mod backend;
mod commands;
mod failure;
mod output;
mod platform;
mod time;

use args::{Cli, Command};
use clap::Parser;
use failure::{Done, Failure};
use output::Output;
use std::process::ExitCode;
use std::time::Duration;
use tokio::runtime::{Builder, Runtime};

/// The program's release.
const VERSION: &str = env!("CARGO_PKG_VERSION");
/// Threads that may wait for the disk at once, for artifacts and passwords.
const BLOCKING_THREADS: usize = 32;
/// How long such a thread stays when there is nothing to do.
const KEEP_ALIVE: Duration = Duration::from_secs(2);

fn main() -> ExitCode {
    // Before anything else is set up: it stands between a job and its owner, and forks jobs off,
    // which wants a process of one thread.
    if let Some(code) = branchline_engine::supervise_if_asked() {
        return code;
    }
    let cli = Cli::parse();
    let output = Output::new(cli.globals.json);
    match dispatch(cli, &output) {
        Ok(code) => code,
        Err(failure) => {
            output.failure(&failure);
            failure.exit_code()
        }
    }
}

fn dispatch(cli: Cli, output: &Output) -> Done {
    let Cli { globals, command } = cli;
    let runtime = match command {
        Command::Serve(_) | Command::Run(_) | Command::Console(_) => server_runtime(),
        _ => Builder::new_current_thread().enable_all().thread_keep_alive(KEEP_ALIVE).build(),
    }
    .map_err(|cause| Failure::failed(format!("Threads cannot be started: {cause}.")))?;
    let done = runtime.block_on(async {
        match command {
            Command::Serve(args) => commands::serve::run(&globals, &args, output).await,
            Command::Connect(args) => commands::connect::run(&globals, &args, output).await,
            Command::Config(args) => commands::config::run(&globals, args, output),
            Command::Run(args) => commands::run::run(&globals, args, output).await,
            Command::Jobs(args) => commands::jobs::run(&globals, args, output).await,
            Command::Projects(args) => commands::projects::run(&globals, args, output).await,
            Command::Tasks(args) => commands::tasks::run(&globals, args, output).await,
            Command::Sweeps(args) => commands::sweeps::run(&globals, args, output).await,
            Command::Notebook(args) => commands::notebook::run(&globals, args, output).await,
            Command::Console(args) => commands::console::run(&globals, args, output).await,
            Command::Ml(args) => commands::ml::run(&globals, args, output).await,
            Command::Schedules(args) => commands::schedules::run(&globals, args, output).await,
            Command::Rules(args) => commands::rules::run(&globals, args, output).await,
            Command::Db(args) => commands::db::run(&globals, args, output).await,
            Command::Logs(args) => commands::logs::run(&globals, &args, output).await,
            Command::Tokens(args) => commands::tokens::run(&globals, args, output).await,
            Command::Sessions(args) => commands::sessions::run(&globals, &args, output).await,
            Command::Users(args) => commands::users::run(&globals, args, output).await,
            Command::Mail(args) => commands::mail::run(&globals, args, output).await,
            Command::Doctor => commands::doctor::run(&globals, output).await,
            Command::Completions(args) => commands::completions::run(&args, output),
        }
    });
    // What still waits for the disk ends with the process.
    runtime.shutdown_background();
    done
}

/// A runtime for what runs beside the connections, which have threads of their own.
fn server_runtime() -> std::io::Result<Runtime> {
    Builder::new_multi_thread()
        .worker_threads(1)
        .max_blocking_threads(BLOCKING_THREADS)
        .thread_keep_alive(KEEP_ALIVE)
        .thread_name("branchline")
        .enable_all()
        .build()
}
