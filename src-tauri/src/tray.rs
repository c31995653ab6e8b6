//! The icon in the system's tray: it brings the window back, and quits. There is one only
//! where somebody would see it; without it, closing the window quits.

use tauri::menu::MenuBuilder;
use tauri::tray::TrayIconBuilder;
use tauri::{AppHandle, Manager};

use crate::{lifecycle, platform, window};

const OPEN: &str = "open";
const QUIT: &str = "quit";

/// There is an icon in the tray.
struct PutUp;

/// Whether the app can be reached without its window.
pub(crate) fn is_there(app: &AppHandle) -> bool {
    app.try_state::<PutUp>().is_some()
}

/// Puts the icon into the tray, where there is one.
pub(crate) fn put_up(app: &AppHandle) {
    if !platform::has_tray() {
        return tracing::debug!("there is no tray: closing the window quits");
    }
    match build(app) {
        Ok(()) => drop(app.manage(PutUp)),
        Err(error) => tracing::warn!(error = %error, "there is no icon in the tray"),
    }
}

fn build(app: &AppHandle) -> tauri::Result<()> {
    let menu = MenuBuilder::new(app).text(OPEN, "Open Branchline").text(QUIT, "Quit").build()?;
    let tray =
        TrayIconBuilder::new().tooltip("Branchline").menu(&menu).on_menu_event(|app, event| {
            match event.id().as_ref() {
                OPEN => window::focus(app),
                QUIT => lifecycle::quit(app),
                _ => {}
            }
        });
    let tray = match app.default_window_icon() {
        Some(icon) => tray.icon(icon.clone()),
        None => tray,
    };
    tray.build(app).map(drop)
}
