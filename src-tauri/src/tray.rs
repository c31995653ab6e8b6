//! The icon in the system's tray: it brings the window back, and quits. While nobody shows it,
//! closing the window quits.

use tauri::menu::MenuBuilder;
use tauri::tray::TrayIconBuilder;
use tauri::{AppHandle, Manager};

use crate::server::DataDir;
use crate::{lifecycle, window};

/// The same after every start: who shows the icon may remember by it what the person wants of it.
const ID: &str = "branchline";

const OPEN: &str = "open";
const QUIT: &str = "quit";

/// Whether the app can be reached without its window. Trays come and go, so it is asked anew.
pub(crate) fn is_there(app: &AppHandle) -> bool {
    app.tray_by_id(ID).is_some() && system::shows_icons()
}

/// Puts the icon into the tray, or into the one that will be there.
pub(crate) fn put_up(app: &AppHandle) {
    if !system::can_have_icons() {
        return tracing::debug!("icons in a tray are not supported: closing the window quits");
    }
    if let Err(error) = build(app) {
        tracing::warn!(error = %error, "there is no icon in the tray");
    }
}

fn build(app: &AppHandle) -> tauri::Result<()> {
    let menu = MenuBuilder::new(app).text(OPEN, "Open Branchline").text(QUIT, "Quit").build()?;
    let tray = TrayIconBuilder::with_id(ID).tooltip("Branchline").menu(&menu).on_menu_event(
        |app, event| match event.id().as_ref() {
            OPEN => window::focus(app),
            QUIT => lifecycle::quit(app),
            _ => {}
        },
    );
    // Linux's trays read the icon from a file. By default that lies where every user's and every
    // app's does.
    let tray = tray.temp_dir_path(app.state::<DataDir>().root());
    let tray = match app.default_window_icon() {
        Some(icon) => tray.icon(icon.clone()),
        None => tray,
    };
    tray.build(app).map(drop)
}

/// Linux: whoever shows icons is on the session's bus.
#[cfg(target_os = "linux")]
mod system {
    use gtk::gio::DBusCallFlags;
    use gtk::glib::Variant;
    use gtk::prelude::ToVariant;

    use crate::session_bus::{self, Peer};

    const WATCHER: &str = "org.kde.StatusNotifierWatcher";
    const PROPERTIES: Peer = Peer {
        name: WATCHER,
        path: "/StatusNotifierWatcher",
        interface: "org.freedesktop.DBus.Properties",
        flags: DBusCallFlags::NO_AUTO_START,
        // The window waits for it.
        timeout_ms: 1000,
    };

    /// Whether the library is there that puts icons up. It is loaded when it is used, and its
    /// absence would end the process.
    pub(super) fn can_have_icons() -> bool {
        let known = std::process::Command::new("/sbin/ldconfig").arg("-p").output();
        known.is_ok_and(|known| {
            String::from_utf8_lossy(&known.stdout).contains("appindicator3.so.1")
        })
    }

    /// Whether somebody shows icons now.
    pub(super) fn shows_icons() -> bool {
        let property = (WATCHER, "IsStatusNotifierHostRegistered").to_variant();
        let answer = session_bus::connect()
            .and_then(|bus| PROPERTIES.call(&bus, "Get", Some(&property)))
            .ok()
            .and_then(|answer| answer.get::<(Variant,)>());
        answer.and_then(|(shown,)| shown.get::<bool>()).unwrap_or_default()
    }
}

/// Windows and macOS always have a tray.
#[cfg(not(target_os = "linux"))]
mod system {
    pub(super) fn can_have_icons() -> bool {
        true
    }

    pub(super) fn shows_icons() -> bool {
        true
    }
}
