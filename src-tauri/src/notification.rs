//! What the desktop tells a person who does not look at the window.

#[cfg(not(target_os = "linux"))]
pub(crate) use elsewhere::{listen, show};
#[cfg(target_os = "linux")]
pub(crate) use on_bus::{listen, show};

/// Linux: whoever shows notifications is on the session's bus. One connection shows them all and
/// stays, because some desktops take a notification away with the connection that it came by, and
/// tell that it was chosen to nobody else.
#[cfg(target_os = "linux")]
mod on_bus {
    use std::collections::HashMap;
    use std::sync::{Mutex, MutexGuard, PoisonError};

    use gtk::gio::{DBusCallFlags, DBusConnection, DBusSignalFlags};
    use gtk::glib::{self, Variant, markup_escape_text};
    use gtk::prelude::ToVariant;
    use tauri::{AppHandle, Manager};
    use tokio::sync::oneshot;

    use crate::session_bus::{self, Peer};

    const NOTIFICATIONS: Peer = Peer {
        name: "org.freedesktop.Notifications",
        path: "/org/freedesktop/Notifications",
        interface: "org.freedesktop.Notifications",
        flags: DBusCallFlags::NONE,
        timeout_ms: 10_000,
    };

    /// What a click on the notification itself chooses.
    const DEFAULT_ACTION: &str = "default";

    /// The connection, and who waits for what becomes of a notification, by its number.
    struct Shown {
        bus: DBusConnection,
        waiting: Mutex<HashMap<u32, oneshot::Sender<()>>>,
    }

    /// Listens to what becomes of notifications; on the main thread, which is told of it.
    pub(crate) fn listen(app: &AppHandle) {
        let bus = match session_bus::connect() {
            Ok(bus) => bus,
            Err(error) => return tracing::debug!(error = %error, "there are no notifications"),
        };
        app.manage(Shown { bus: bus.clone(), waiting: Mutex::default() });
        for (signal, ended) in [("ActionInvoked", chosen as Ended), ("NotificationClosed", closed)]
        {
            let app = app.clone();
            // Never undone: it lasts as long as the app.
            let _ = bus.signal_subscribe(
                Some(NOTIFICATIONS.name),
                Some(NOTIFICATIONS.interface),
                Some(signal),
                Some(NOTIFICATIONS.path),
                None,
                DBusSignalFlags::NONE,
                move |_, _, _, _, _, said| ended(&app.state::<Shown>(), said),
            );
        }
    }

    type Ended = fn(&Shown, &Variant);

    fn chosen(shown: &Shown, said: &Variant) {
        let Some((id, action)) = said.get::<(u32, String)>() else { return };
        let waiting = shown.waiting().remove(&id);
        if let Some(waiting) = waiting.filter(|_| action == DEFAULT_ACTION) {
            let _ = waiting.send(());
        }
    }

    fn closed(shown: &Shown, said: &Variant) {
        if let Some((id, _reason)) = said.get::<(u32, u32)>() {
            shown.waiting().remove(&id);
        }
    }

    /// Shows a notification; answers, when it is gone, whether the person chose it.
    ///
    /// # Errors
    /// The desktop has nobody who shows them.
    pub(crate) async fn show(app: &AppHandle, title: String, body: String) -> Result<bool, String> {
        let app = app.clone();
        let shown = tauri::async_runtime::spawn_blocking(move || match app.try_state::<Shown>() {
            Some(shown) => shown.show(&title, &body).map_err(|error| error.to_string()),
            None => Err("this session has no bus".to_owned()),
        });
        let gone = shown.await.map_err(|error| error.to_string())??;
        Ok(gone.await.is_ok())
    }

    impl Shown {
        fn show(&self, title: &str, body: &str) -> Result<oneshot::Receiver<()>, glib::Error> {
            let answer = NOTIFICATIONS.call(&self.bus, "GetCapabilities", None)?;
            let (can,) = answer.get::<(Vec<String>,)>().unwrap_or_default();
            // A text says what it says: `<b>` of a user is no markup.
            let reads_markup = can.iter().any(|can| can == "body-markup");
            let body = if reads_markup { markup_escape_text(body) } else { body.into() };
            let answer = NOTIFICATIONS.call(&self.bus, "Notify", Some(&message(title, &body)))?;
            let (chosen, gone) = oneshot::channel();
            if let Some((id,)) = answer.get::<(u32,)>() {
                self.waiting().insert(id, chosen);
            }
            Ok(gone)
        }

        fn waiting(&self) -> MutexGuard<'_, HashMap<u32, oneshot::Sender<()>>> {
            self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
        }
    }

    /// The arguments of `Notify`, in their order.
    fn message(title: &str, body: &str) -> Variant {
        let replaces = 0u32;
        let actions = vec![DEFAULT_ACTION, "Open Branchline"];
        // The name of our menu entry: a desktop groups by it.
        let hints = HashMap::from([("desktop-entry", "Branchline".to_variant())]);
        let as_long_as_the_desktop_wants = -1i32;
        let (name, icon) = ("Branchline", "branchline-desktop");
        (name, replaces, icon, title, body, actions, hints, as_long_as_the_desktop_wants)
            .to_variant()
    }
}

/// Windows and macOS.
#[cfg(not(target_os = "linux"))]
mod elsewhere {
    use tauri::AppHandle;

    /// The identifier of the bundle, by which the system knows whose a notification is.
    const BUNDLE: &str = "app.branchline.desktop";

    /// Nothing is heard of a notification after it was shown.
    pub(crate) fn listen(_app: &AppHandle) {}

    /// Shows a notification; what becomes of it is not known, so it was not chosen.
    ///
    /// # Errors
    /// The system refuses.
    pub(crate) async fn show(
        _app: &AppHandle,
        title: String,
        body: String,
    ) -> Result<bool, String> {
        let shown = tauri::async_runtime::spawn_blocking(move || {
            let shown = notification(&title, &body).show();
            shown.map(|_| false).map_err(|error| error.to_string())
        });
        shown.await.map_err(|error| error.to_string())?
    }

    fn notification(title: &str, body: &str) -> notify_rust::Notification {
        let mut notification = notify_rust::Notification::new();
        notification.appname("Branchline").summary(title).body(body);
        #[cfg(target_os = "windows")]
        notification.app_id(BUNDLE);
        // The second time it is known already, which is no failure.
        #[cfg(target_os = "macos")]
        let _ = notify_rust::set_application(BUNDLE);
        notification
    }
}
