//! How the app ends: the window goes at once, the last writes are drained, the
//! server closes its data folder, and only then the process ends.

use std::sync::Mutex;

use branchline_server::host::Host;
use tauri::{AppHandle, Manager, RunEvent};
use tauri_plugin_window_state::AppHandleExt;
use tokio::sync::oneshot;

use crate::window;

/// Tells the task that owns the server to stop, and which exit code to end with.
struct Stop(Mutex<Option<oneshot::Sender<i32>>>);

/// Keeps the server until the app is asked to quit, or the server ended by itself
/// (`POST /api/v1/shutdown`), then closes it and ends the app.
pub(crate) fn keep(app: &AppHandle, host: Host) {
    let (stop, stopped) = oneshot::channel();
    app.manage(Stop(Mutex::new(Some(stop))));
    let app = app.clone();
    tauri::async_runtime::spawn(async move {
        let code = tokio::select! {
            code = stopped => code.unwrap_or_default(),
            () = host.stopped() => 0,
        };
        let closed = host.shutdown().await;
        if let Err(error) = &closed {
            tracing::error!(error = %error, "the server did not close cleanly");
        }
        // The server is closed: nothing may hold the end up a second time.
        if let Some(stop) = app.try_state::<Stop>() {
            take(&stop);
        }
        app.exit(if closed.is_err() && code == 0 { 1 } else { code });
    });
}

/// Reacts to what the event loop reports.
pub(crate) fn on_event(app: &AppHandle, event: RunEvent) {
    if let RunEvent::ExitRequested { code, api, .. } = event {
        // Also for an end by signal, which closes no window.
        if let Err(error) = app.save_window_state(window::remembered()) {
            tracing::warn!(error = %error, "size and place of the window are not remembered");
        }
        let Some(stop) = app.try_state::<Stop>().and_then(|stop| take(&stop)) else { return };
        if stop.send(code.unwrap_or_default()).is_ok() {
            api.prevent_exit();
            hide(app);
        }
    }
}

fn hide(app: &AppHandle) {
    if let Some(window) = app.get_webview_window(window::LABEL) {
        // It goes with the process a moment later in any case.
        let _ = window.hide();
    }
}

fn take(stop: &Stop) -> Option<oneshot::Sender<i32>> {
    stop.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner).take()
}

/// Quits as if the window had been closed when the system asks the process to end.
#[cfg(unix)]
pub(crate) fn quit_on_signals(app: &AppHandle) {
    use tokio::signal::unix::{SignalKind, signal};

    for kind in [SignalKind::terminate(), SignalKind::interrupt(), SignalKind::hangup()] {
        let app = app.clone();
        tauri::async_runtime::spawn(async move {
            match signal(kind) {
                Ok(mut signals) => {
                    signals.recv().await;
                    app.exit(0);
                }
                Err(error) => tracing::warn!(error = %error, "a signal cannot be handled"),
            }
        });
    }
}

/// Windows ends an app through its window's messages.
#[cfg(not(unix))]
pub(crate) fn quit_on_signals(_app: &AppHandle) {}
