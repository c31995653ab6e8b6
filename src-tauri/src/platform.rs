//! What differs between Linux, Windows and macOS.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::Path;

/// Whether a window can be opened at all, or the reason why not. Says who we are, if so.
#[cfg(target_os = "linux")]
pub(crate) fn check_display() -> Result<(), String> {
    let set = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    if !set("DISPLAY") && !set("WAYLAND_DISPLAY") {
        return Err("there is no display (neither DISPLAY nor WAYLAND_DISPLAY is set)".to_owned());
    }
    gtk::init().map_err(|_| "the display cannot be reached".to_owned())?;
    // What a tray says of the icon, and what a window shows that the app's own does not stand behind.
    gtk::glib::set_application_name("Branchline");
    gtk::Window::set_default_icon_name("branchline-desktop");
    Ok(())
}

/// Windows and macOS sessions that can start an app have a display.
#[cfg(not(target_os = "linux"))]
pub(crate) fn check_display() -> Result<(), String> {
    Ok(())
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
