//! The session's bus of a Linux desktop, where whoever shows trays and notifications is found.

use gtk::gio::{BusType, Cancellable, DBusCallFlags, DBusConnection, bus_get_sync};
use gtk::glib::{Error, Variant};

/// Who is asked: a name on the bus, an object of it, and what the object speaks.
pub(crate) struct Peer {
    pub(crate) name: &'static str,
    pub(crate) path: &'static str,
    pub(crate) interface: &'static str,
    /// Whether the desktop may start it to answer.
    pub(crate) flags: DBusCallFlags,
    pub(crate) timeout_ms: i32,
}

/// The connection that GTK uses, too.
pub(crate) fn connect() -> Result<DBusConnection, Error> {
    bus_get_sync(BusType::Session, Cancellable::NONE)
}

impl Peer {
    /// Asks, and waits for the answer.
    pub(crate) fn call(
        &self,
        bus: &DBusConnection,
        method: &str,
        arguments: Option<&Variant>,
    ) -> Result<Variant, Error> {
        let Self { name, path, interface, flags, timeout_ms } = *self;
        let nobody = Cancellable::NONE;
        bus.call_sync(
            Some(name),
            path,
            interface,
            method,
            arguments,
            None,
            flags,
            timeout_ms,
            nobody,
        )
    }
}
