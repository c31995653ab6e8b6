//! The one window: opened on the server's address, allowed to call the native
//! commands from exactly that origin, and put where it was last time.

use tauri::ipc::CapabilityBuilder;
use tauri::webview::{Color, NewWindowResponse, PageLoadEvent};
use tauri::{AppHandle, Manager, Theme, Url, WebviewUrl, WebviewWindow, WebviewWindowBuilder};
use tauri_plugin_window_state::{StateFlags, WindowExt};

use crate::lifecycle;
use crate::session::{self, Session};

/// The window's name inside the app.
pub(crate) const LABEL: &str = "main";

/// What the page may ask of the shell.
const PERMISSIONS: &[&str] = &[
    "allow-sign-in-secret",
    "allow-save-artifact",
    "allow-save-text",
    "allow-save-bytes",
    "allow-pick-folder",
    "allow-reveal-path",
    "allow-open-external",
    "allow-notify",
    // Ctrl/Cmd and plus, minus, nought.
    "core:webview:allow-set-webview-zoom",
];

/// What is remembered of the window. Not whether it was shown: it is hidden while
/// the last writes drain, and must not start hidden next time.
pub(crate) fn remembered() -> StateFlags {
    StateFlags::SIZE | StateFlags::POSITION | StateFlags::MAXIMIZED | StateFlags::FULLSCREEN
}

/// Opens the window on the running server.
pub(crate) fn open(app: &AppHandle) -> tauri::Result<()> {
    let url = app.state::<Session>().url().clone();
    let origin = url.origin().ascii_serialization();
    allow(app, &origin)?;
    let window = WebviewWindowBuilder::new(app, LABEL, WebviewUrl::External(url))
        .title("Branchline")
        .inner_size(1440.0, 900.0)
        .min_inner_size(900.0, 600.0)
        .visible(false)
        .zoom_hotkeys_enabled(true)
        .initialization_script(session::script(&origin))
        .on_navigation({
            let app = app.clone();
            move |url| stays(&app, url)
        })
        .on_new_window({
            let app = app.clone();
            move |url, _features| {
                open_outside(&app, &url);
                NewWindowResponse::Deny
            }
        })
        .on_page_load(|_window, page| {
            if matches!(page.event(), PageLoadEvent::Finished) {
                tracing::info!(url.path = page.url().path(), "the window's page is loaded");
            }
        })
        .build()?;
    // The page's own background, so that nothing flashes before the first frame.
    window.set_background_color(Some(match window.theme() {
        Ok(Theme::Dark) => Color(0x0e, 0x10, 0x14, 0xff),
        _ => Color(0xff, 0xff, 0xff, 0xff),
    }))?;
    show(&window);
    Ok(())
}

/// Brings the window to the front, for a second start of the app and from the tray. Whoever
/// wants it back does not want the app to end.
pub(crate) fn focus(app: &AppHandle) {
    lifecycle::stay(app);
    if let Some(window) = app.get_webview_window(LABEL) {
        if !window.is_visible().unwrap_or(true) {
            // Shown again, a window is placed as a new one.
            let _ = window.restore_state(remembered());
        }
        let _ = window.unminimize();
        show(&window);
        let _ = window.set_focus();
    }
}

fn show(window: &WebviewWindow) {
    if let Err(error) = window.show() {
        tracing::warn!(error = %error, "the window could not be shown");
    }
}

/// Grants the native commands to pages of this origin in this window. It is done
/// at run time because the port is known only now: a pattern for any port would
/// let every local web server in.
fn allow(app: &AppHandle, origin: &str) -> tauri::Result<()> {
    let capability = CapabilityBuilder::new("window").local(false).window(LABEL);
    let capability = capability.remote(origin.to_owned());
    app.add_capability(PERMISSIONS.iter().fold(capability, |all, one| all.permission(*one)))
}

/// Whether the window itself goes to a URL; what lies elsewhere opens in the
/// person's browser.
fn stays(app: &AppHandle, url: &Url) -> bool {
    // Frames of previews are made of these and have no address of their own.
    if matches!(url.scheme(), "about" | "blob") || app.state::<Session>().serves(url) {
        return true;
    }
    open_outside(app, url);
    false
}

fn open_outside(app: &AppHandle, url: &Url) {
    use tauri_plugin_opener::OpenerExt;
    if !matches!(url.scheme(), "http" | "https") {
        return tracing::warn!(url.scheme = url.scheme(), "a link of this kind is not followed");
    }
    if let Err(error) = app.opener().open_url(url.as_str(), None::<&str>) {
        tracing::warn!(error = %error, "a link could not be opened in the browser");
    }
}
