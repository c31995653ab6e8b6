//! The server behind the window: the one of this process, or the one that
//! already owns the data folder.

use branchline_engine::instance::InstanceInfo;
use branchline_server::host::{Host, HostError, HostOptions};
use branchline_server::logs::{self, LogOptions};
use tauri::{AppHandle, Manager};
use tauri_plugin_dialog::{DialogExt, MessageDialogButtons, MessageDialogKind};
use tokio::sync::oneshot;

pub(crate) use branchline_engine::home::DataDir;
pub(crate) use branchline_server::config::{Config, Overrides};

use crate::VERSION;
use crate::session::{Session, SessionError};

/// Exit code of "in use", as on the command line.
const IN_USE: i32 = 4;

/// A server that answers.
pub(crate) enum Running {
    /// Started here; ends with the app.
    Own(Session, Box<Host>),
    /// Another process's; the window is its guest.
    Guest(Session),
}

impl Running {
    /// The window's session, and the server if it is ours to close.
    pub(crate) fn into_parts(self) -> (Session, Option<Host>) {
        match self {
            Self::Own(session, host) => (session, Some(*host)),
            Self::Guest(session) => (session, None),
        }
    }
}

/// Begins to log, on stderr and into the data folder; a guest's few lines go there too.
pub(crate) fn log(app: &AppHandle, config: &Config, data_dir: &DataDir) {
    let options = LogOptions {
        dir: Some(data_dir.logs()),
        level: config.log_level,
        format: config.log_format,
        stderr: true,
        max_files: config.log_files,
    };
    match data_dir.create().and_then(|()| logs::init(&options)) {
        // What waits in it is written when the app ends.
        Ok(guard) => drop(app.manage(guard)),
        Err(error) => eprintln!("Branchline does not log: {error}"),
    }
}

/// Starts the server, or finds the one that owns the data folder. When neither is
/// possible the person has been told, and the answer is the exit code.
pub(crate) async fn find_or_start(
    app: &AppHandle,
    config: Config,
    data_dir: DataDir,
) -> Result<Running, i32> {
    app.manage(data_dir.clone());
    let mut options = match HostOptions::from_config(&config, VERSION) {
        Ok(options) => options,
        Err(error) => {
            return Err(fail(app, "The settings cannot be used.", error.to_string()).await);
        }
    };
    options.data_dir = data_dir;
    options.desktop = true;
    loop {
        match Host::start(options.clone()).await {
            Ok(host) => return own(app, host).await,
            Err(HostError::InUse { info: Some(info), .. }) => return guest(app, &info).await,
            Err(error @ HostError::PortTaken { .. }) => {
                if !use_another_port(app, &error).await {
                    return Err(IN_USE);
                }
                options.port = 0;
            }
            Err(error) => {
                let hint = error.hint().map(|hint| format!("\n\n{hint}")).unwrap_or_default();
                return Err(fail(app, "The server cannot start.", format!("{error}{hint}")).await);
            }
        }
    }
}

async fn own(app: &AppHandle, host: Host) -> Result<Running, i32> {
    match Session::own(host.url(), host.secret(), host.engine().clone()) {
        Ok(session) => Ok(Running::Own(session, Box::new(host))),
        Err(error) => Err(fail(app, "The server cannot be reached.", error.to_string()).await),
    }
}

/// Becomes the guest of the server that owns the data folder, if it answers.
async fn guest(app: &AppHandle, info: &InstanceInfo) -> Result<Running, i32> {
    match greet(info).await {
        Ok(session) => {
            tracing::info!(server.url = %info.url, server.pid = info.pid, "the window is a guest");
            Ok(Running::Guest(session))
        }
        Err(error) => {
            let detail = format!(
                "Process {} has it open, but its server does not answer: {error}.\n\n\
                 End that process, then open Branchline again.",
                info.pid
            );
            explain(app, "Branchline's data folder is in use.", &detail).await;
            Err(IN_USE)
        }
    }
}

async fn greet(info: &InstanceInfo) -> Result<Session, SessionError> {
    let session = Session::guest(&info.url, &info.secret)?;
    let mut health = session.url().clone();
    health.set_path("/health");
    session.get(health).await?;
    Ok(session)
}

async fn use_another_port(app: &AppHandle, error: &HostError) -> bool {
    let detail = format!(
        "{error}.\n\nBranchline can listen on another port this time. Scripts that use the \
         usual address will then not find it."
    );
    let (answer, answered) = oneshot::channel();
    app.dialog()
        .message(detail)
        .title("The port is taken")
        .kind(MessageDialogKind::Warning)
        .buttons(MessageDialogButtons::OkCancelCustom(
            "Use another port".to_owned(),
            "Quit".to_owned(),
        ))
        .show(move |another| {
            let _ = answer.send(another);
        });
    answered.await.unwrap_or(false)
}

async fn fail(app: &AppHandle, what: &str, error: String) -> i32 {
    tracing::error!(error = %error, "{what}");
    explain(app, what, &error).await;
    1
}

/// Tells what happened in a dialog, and on stderr for whoever started the app
/// from a terminal; returns when the person has read it.
pub(crate) async fn explain(app: &AppHandle, what: &str, detail: &str) {
    eprintln!("{what} {detail}");
    let (answer, answered) = oneshot::channel();
    app.dialog().message(detail).title(what).kind(MessageDialogKind::Error).show(move |_| {
        let _ = answer.send(());
    });
    // An app without dialogs has told it on stderr.
    let _ = answered.await;
}
