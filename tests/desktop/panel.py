"""What a desktop has on the session's bus: a tray, and who shows notifications."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from desktop import until
from jeepney import DBusAddress, HeaderFields, Message, MessageType, message_bus, new_error, new_method_call, new_method_return, new_signal
from jeepney.io.blocking import open_dbus_connection as open_client
from jeepney.io.threading import open_dbus_connection

WATCHER = DBusAddress("/StatusNotifierWatcher", "org.kde.StatusNotifierWatcher", "org.kde.StatusNotifierWatcher")
NOTIFICATIONS = DBusAddress("/org/freedesktop/Notifications", "org.freedesktop.Notifications", "org.freedesktop.Notifications")
PROPERTIES = "org.freedesktop.DBus.Properties"
OWNER_NOW = 1


@dataclass
class Told:
    """A notification as it was asked for."""

    id: int
    title: str
    body: str
    actions: list[str]
    hints: dict[str, Any]


class Panel:
    """Shows icons and notifications to nobody, and keeps what it was told."""

    def __init__(self, address: str) -> None:
        self.items: list[DBusAddress] = []
        self.told: list[Told] = []
        self.capabilities = ["actions", "body", "body-markup"]
        self.client = open_client(address)
        self.connection = open_dbus_connection(address)
        self.closing = threading.Event()
        self.listener = threading.Thread(target=self.listen)
        self.listener.start()
        for service in (WATCHER, NOTIFICATIONS):
            self.connection.send(message_bus.RequestName(service.bus_name))
            until(f"{service.bus_name} to be ours", lambda name=service.bus_name: self.owner(name) == self.connection.unique_name)

    def owner(self, name: str) -> str | None:
        answer = self.client.send_and_get_reply(message_bus.GetNameOwner(name))
        return answer.body[0] if answer.header.message_type == MessageType.method_return else None

    def listen(self) -> None:
        answers: dict[str, Callable[..., tuple[str, tuple]]] = {
            "RegisterStatusNotifierItem": self.register,
            "Get": lambda *_: ("v", (("b", True),)),
            "GetAll": lambda *_: ("a{sv}", ({"IsStatusNotifierHostRegistered": ("b", True)},)),
            "GetCapabilities": lambda *_: ("as", (self.capabilities,)),
            "Notify": self.notify,
        }
        while not self.closing.is_set():
            try:
                message = self.connection.receive(timeout=0.1)
            except TimeoutError:
                continue
            if message.header.message_type != MessageType.method_call:
                continue
            fields = message.header.fields
            answer = answers.get(fields[HeaderFields.member])
            if answer:
                signature, body = answer(message, *message.body)
                self.connection.send(new_method_return(message, signature or None, body))
            else:
                self.connection.send(new_error(message, "org.freedesktop.DBus.Error.UnknownMethod"))

    def register(self, message: Message, path: str) -> tuple[str, tuple]:
        sender = message.header.fields[HeaderFields.sender]
        self.items.append(DBusAddress(path, sender, "org.kde.StatusNotifierItem"))
        return "", ()

    def notify(
        self, _: Message, app: str, replaces: int, icon: str, title: str, body: str, actions: list[str], hints: dict, timeout: int
    ) -> tuple[str, tuple]:
        told = Told(len(self.told) + 1, title, body, actions, {key: value for key, (_, value) in hints.items()})
        self.told.append(told)
        return "u", (told.id,)

    def choose(self, told: Told) -> None:
        """Clicks on a notification, which then goes."""
        self.connection.send(new_signal(NOTIFICATIONS, "ActionInvoked", "us", (told.id, "default")))
        self.connection.send(new_signal(NOTIFICATIONS, "NotificationClosed", "uu", (told.id, 2)))

    def item(self) -> DBusAddress:
        """The icon that was put up last, once it is there."""
        return until("an icon in the tray", lambda: self.items[-1] if self.items else None)

    def property(self, name: str) -> Any:
        """What the icon says of itself."""
        item = self.item()
        ask = new_method_call(item.with_interface(PROPERTIES), "Get", "ss", (item.interface, name))
        return self.client.send_and_get_reply(ask).body[0][1]

    def menu(self) -> dict[str, int]:
        """The entries of the icon's menu, and their numbers."""
        layout = self.ask_menu("GetLayout", "iias", (0, -1, []))[1]
        return {entry[1]["label"][1]: entry[0] for _, entry in layout[2]}

    def pick(self, label: str) -> None:
        """Clicks on an entry of the icon's menu."""
        self.ask_menu("Event", "isvu", (self.menu()[label], "clicked", ("s", ""), 0))

    def ask_menu(self, method: str, signature: str, arguments: tuple) -> tuple:
        item = self.item()
        menu = DBusAddress(self.property("Menu"), item.bus_name, "com.canonical.dbusmenu")
        return self.client.send_and_get_reply(new_method_call(menu, method, signature, arguments)).body

    def close(self) -> None:
        """Goes, as a panel that crashed."""
        self.closing.set()
        self.listener.join(10)
        self.connection.close()
        self.client.close()
