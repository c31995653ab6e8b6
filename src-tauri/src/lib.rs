//! The desktop shell: one window on the server that runs in the same process.
//!
//! The shell knows nothing of experiments. It starts the server (or becomes the
//! guest of one that already owns the data folder), opens a window on its
//! address, signs that window in, and offers the page the few things that a
//! browser cannot do (`commands`).

mod arguments;
mod commands;
mod files;
mod lifecycle;
mod notification;
mod platform;
mod server;
mod session;
#[cfg(target_os = "linux")]
mod session_bus;
mod tray;
mod window;

use std::process::ExitCode;

use arguments::Arguments;
use tauri::{AppHandle, Manager};

/// What this build calls itself.
pub(crate) const VERSION: &str = env!("CARGO_PKG_VERSION");

/// Runs the app until its window is closed; answers the process's exit code.
#[must_use]
pub fn run() -> ExitCode {
    let arguments = match Arguments::parse(std::env::args_os().skip(1)) {
        Ok(arguments) => arguments,
        Err(answer) => return answer.say(),
    };
    if let Err(reason) = platform::check_display() {
        eprintln!("Branchline cannot open its window: {reason}");
        eprintln!("hint: `branchline serve` starts the same server without a window");
        return ExitCode::FAILURE;
    }
    match build(&arguments) {
        Ok(app) => {
            let code = app.run_return(lifecycle::on_event);
            ExitCode::from(u8::try_from(code).unwrap_or(1))
        }
        Err(error) => {
            eprintln!("Branchline cannot start: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Assembles the app. The single-instance plugin comes first: a second start
/// ends inside it, before anything else of ours has run.
fn build(arguments: &Arguments) -> Result<tauri::App, Box<dyn std::error::Error>> {
    let config = arguments.config()?;
    let data_dir = arguments.data_dir()?;
    let single_instance = tauri_plugin_single_instance::Builder::new()
        .callback(|app, _arguments, _directory| window::focus(app))
        .dbus_id(platform::instance_name(data_dir.root()))
        .build();
    let window_state = tauri_plugin_window_state::Builder::new()
        .with_filename(data_dir.root().join("window.json").to_string_lossy())
        .with_state_flags(window::remembered())
        .build();
    let app = tauri::Builder::default()
        .plugin(single_instance)
        .plugin(window_state)
        .plugin(tauri_plugin_dialog::init())
        .plugin(tauri_plugin_opener::init())
        .invoke_handler(tauri::generate_handler![
            commands::sign_in_secret,
            commands::save_artifact,
            commands::save_text,
            commands::save_bytes,
            commands::pick_folder,
            commands::reveal_path,
            commands::open_external,
            commands::notify,
        ])
        .on_window_event(lifecycle::on_window_event)
        .setup(move |app| {
            lifecycle::quit_on_signals(app.handle());
            notification::listen(app.handle());
            let app = app.handle().clone();
            tauri::async_runtime::spawn(async move { open(app, config, data_dir).await });
            Ok(())
        })
        .build(tauri::generate_context!())?;
    Ok(app)
}

/// Finds or starts the server and opens the window on it; without either, the
/// app says why and ends.
async fn open(app: AppHandle, config: server::Config, data_dir: server::DataDir) {
    server::log(&app, &config, &data_dir);
    let running = match server::find_or_start(&app, config, data_dir).await {
        Ok(running) => running,
        Err(code) => return app.exit(code),
    };
    let (session, host) = running.into_parts();
    app.manage(session);
    if let Some(host) = host {
        lifecycle::keep(&app, host);
        tray::put_up(&app);
    }
    if let Err(error) = window::open(&app) {
        tracing::error!(error = %error, "the window could not be opened");
        server::explain(&app, "The window could not be opened.", &error.to_string()).await;
        app.exit(1);
    }
}
