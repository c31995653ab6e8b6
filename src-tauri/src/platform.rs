//! What differs between Linux, Windows and macOS.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::Path;

/// Whether a window can be opened at all, or the reason why not.
#[cfg(target_os = "linux")]
pub(crate) fn check_display() -> Result<(), String> {
    let set = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    if !set("DISPLAY") && !set("WAYLAND_DISPLAY") {
        return Err("there is no display (neither DISPLAY nor WAYLAND_DISPLAY is set)".to_owned());
    }
    gtk::init().map_err(|_| "the display cannot be reached".to_owned())
}

/// Windows and macOS sessions that can start an app have a display.
#[cfg(not(target_os = "linux"))]
pub(crate) fn check_display() -> Result<(), String> {
    Ok(())
}

/// The identifier of the bundle, by which Windows and macOS know whose a notification is.
#[cfg(not(target_os = "linux"))]
const BUNDLE: &str = "app.branchline.desktop";

/// Shows a notification of the desktop.
///
/// # Errors
/// The desktop has nobody who shows them.
pub(crate) fn notify(title: &str, body: &str) -> Result<(), String> {
    let mut notification = notify_rust::Notification::new();
    notification.appname("Branchline").summary(title).body(body);
    #[cfg(target_os = "linux")]
    notification.icon("branchline-desktop");
    #[cfg(target_os = "windows")]
    notification.app_id(BUNDLE);
    // The second time it is known already, which is no failure.
    #[cfg(target_os = "macos")]
    let _ = notify_rust::set_application(BUNDLE);
    notification.show().map(drop).map_err(|error| error.to_string())
}

/// Whether somebody shows icons in a tray: whoever does has a name on the session's bus. And
/// whether the library is there that speaks to them; it is loaded when it is used, and its
/// absence would end the process.
#[cfg(target_os = "linux")]
pub(crate) fn has_tray() -> bool {
    use gtk::gio::{BusType, Cancellable, DBusCallFlags, bus_get_sync};
    use gtk::prelude::ToVariant;

    let answer = bus_get_sync(BusType::Session, Cancellable::NONE).and_then(|bus| {
        bus.call_sync(
            Some("org.freedesktop.DBus"),
            "/org/freedesktop/DBus",
            "org.freedesktop.DBus",
            "NameHasOwner",
            Some(&("org.kde.StatusNotifierWatcher",).to_variant()),
            None,
            DBusCallFlags::NONE,
            1000,
            Cancellable::NONE,
        )
    });
    let shown = answer.ok().and_then(|answer| answer.get::<(bool,)>());
    shown.is_some_and(|(owned,)| owned) && knows_library("appindicator3.so.1")
}

#[cfg(target_os = "linux")]
fn knows_library(name: &str) -> bool {
    let known = std::process::Command::new("/sbin/ldconfig").arg("-p").output();
    known.is_ok_and(|known| String::from_utf8_lossy(&known.stdout).contains(name))
}

/// Windows and macOS always have one.
#[cfg(not(target_os = "linux"))]
pub(crate) fn has_tray() -> bool {
    true
}

/// The name under which a running app is found: one app per data folder, so the
/// folder is part of it. Only Linux's session bus uses the name; elsewhere the
/// bundle identifier stands for all folders.
pub(crate) fn instance_name(data_dir: &Path) -> String {
    let mut hasher = DefaultHasher::new();
    std::path::absolute(data_dir).unwrap_or_else(|_| data_dir.to_owned()).hash(&mut hasher);
    format!("app.branchline.desktop.folder{:016x}", hasher.finish())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_data_folder_has_its_own_instance_name() {
        let name = instance_name(Path::new("/data/one"));
        assert_eq!(name, instance_name(Path::new("/data/one")));
        assert_ne!(name, instance_name(Path::new("/data/two")));
    }

    #[test]
    fn the_instance_name_is_a_valid_bus_name() {
        let name = instance_name(Path::new("relative folder"));
        assert!(name.split('.').all(|part| part.starts_with(|c: char| c.is_ascii_alphabetic())));
    }
}
