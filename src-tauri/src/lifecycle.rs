//! How the app ends. Closing the window leaves it in the tray, where there is one. Quitting
//! asks what becomes of jobs that run; then the window goes at once, the last writes are
//! drained, the server closes its data folder, and only then the process ends.

use std::sync::{Mutex, MutexGuard, PoisonError};

use branchline_core::Result;
use branchline_engine::Engine;
use branchline_server::host::Host;
use tauri::{AppHandle, Manager, RunEvent, Window, WindowEvent};
use tauri_plugin_dialog::{
    DialogExt, MessageDialogButtons, MessageDialogKind, MessageDialogResult,
};
use tauri_plugin_window_state::AppHandleExt;
use tokio::sync::{Notify, oneshot};

use crate::{tray, window};

/// Tells the task that owns the server to stop, and which exit code to end with.
struct Stop(Mutex<Option<oneshot::Sender<i32>>>);

/// The engine of this process, and who is told that the app is to stay.
struct Own {
    engine: Engine,
    stay: Notify,
    /// Somebody is asked, or waits for the end of jobs.
    quitting: Mutex<bool>,
}

/// Keeps the server until the app is asked to quit, or the server ended by itself
/// (`POST /api/v1/shutdown`), then closes it and ends the app.
pub(crate) fn keep(app: &AppHandle, host: Host) {
    let (stop, stopped) = oneshot::channel();
    app.manage(Stop(Mutex::new(Some(stop))));
    app.manage(Own {
        engine: host.engine().clone(),
        stay: Notify::new(),
        quitting: Mutex::default(),
    });
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

/// Closing the window of our own server hides it where the tray brings it back, and else
/// quits; a guest's just goes.
pub(crate) fn on_window_event(window: &Window, event: &WindowEvent) {
    let app = window.app_handle();
    if let WindowEvent::CloseRequested { api, .. } = event
        && app.try_state::<Own>().is_some()
    {
        api.prevent_close();
        if tray::is_there(app) { hide(app) } else { quit(app) }
    }
}

/// Ends the app; asks before, if jobs run. Again is fine.
pub(crate) fn quit(app: &AppHandle) {
    let Some(own) = app.try_state::<Own>() else { return app.exit(0) };
    if std::mem::replace(&mut *lock(&own.quitting), true) {
        return;
    }
    let app = app.clone();
    tauri::async_runtime::spawn(async move {
        let own = app.state::<Own>();
        match may_quit(&app, &own).await {
            Ok(true) => return app.exit(0),
            Ok(false) => {}
            Err(error) => {
                tracing::error!(error = %error, "jobs that run cannot be looked at");
                return app.exit(1);
            }
        }
        *lock(&own.quitting) = false;
    });
}

/// The app is to stay: jobs that wait for its end start again.
pub(crate) fn stay(app: &AppHandle) {
    if let Some(own) = app.try_state::<Own>() {
        own.stay.notify_waiters();
    }
}

/// What becomes of jobs that run.
enum Choice {
    Wait,
    Later,
    Stay,
}

/// Whether the app ends: at once when nothing runs, and else as the person wants it.
async fn may_quit(app: &AppHandle, own: &Own) -> Result<bool> {
    let owner = own.engine.owner_actor().await?;
    let running = own.engine.running_jobs(&owner).await?;
    if running == 0 {
        return Ok(true);
    }
    match ask(app, running).await {
        Choice::Stay => Ok(false),
        Choice::Later => {
            own.engine.put_jobs_back();
            Ok(true)
        }
        Choice::Wait => {
            hide(app);
            tokio::select! {
                finished = own.engine.finish_jobs(&owner) => finished.map(|()| true),
                () = own.stay.notified() => {
                    own.engine.go_on_with_jobs();
                    Ok(false)
                }
            }
        }
    }
}

const WAIT: &str = "Wait for them";
const LATER: &str = "Run them later";

async fn ask(app: &AppHandle, running: i64) -> Choice {
    let jobs = if running == 1 { "1 job runs".to_owned() } else { format!("{running} jobs run") };
    let words = format!(
        "{jobs}. Branchline can quit when they have ended, without its window until then; or end \
         them now and run them again after the next start."
    );
    let (answer, answered) = oneshot::channel();
    app.dialog()
        .message(words)
        .title("Jobs are running")
        .kind(MessageDialogKind::Warning)
        .buttons(MessageDialogButtons::YesNoCancelCustom(
            WAIT.to_owned(),
            LATER.to_owned(),
            "Cancel".to_owned(),
        ))
        .show_with_result(move |chosen| {
            let _ = answer.send(chosen);
        });
    match answered.await {
        Ok(MessageDialogResult::Yes) => Choice::Wait,
        Ok(MessageDialogResult::No) => Choice::Later,
        Ok(MessageDialogResult::Custom(label)) if label == WAIT => Choice::Wait,
        Ok(MessageDialogResult::Custom(label)) if label == LATER => Choice::Later,
        _ => Choice::Stay,
    }
}

/// Reacts to what the event loop reports.
pub(crate) fn on_event(app: &AppHandle, event: RunEvent) {
    if let RunEvent::ExitRequested { code, api, .. } = event {
        // Also for an end by signal, which closes no window.
        remember_window(app);
        let Some(stop) = app.try_state::<Stop>().and_then(|stop| take(&stop)) else { return };
        if stop.send(code.unwrap_or_default()).is_ok() {
            api.prevent_exit();
            hide(app);
        }
    }
}

fn hide(app: &AppHandle) {
    remember_window(app);
    if let Some(window) = app.get_webview_window(window::LABEL) {
        // It goes with the process a moment later in any case.
        let _ = window.hide();
    }
}

fn remember_window(app: &AppHandle) {
    if let Err(error) = app.save_window_state(window::remembered()) {
        tracing::warn!(error = %error, "size and place of the window are not remembered");
    }
}

fn take(stop: &Stop) -> Option<oneshot::Sender<i32>> {
    lock(&stop.0).take()
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
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
