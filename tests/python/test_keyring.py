"""Secrets in the keyring of the operating system: GNOME's, unlocked, on a session bus of its own."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from queue import Queue
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.handlers import Sink
from aiosmtpd.smtp import AuthResult
from stack import OWNER, Person, person, start

import harness
from harness import Server, binary, clean_environment, read_line

pytestmark = [pytest.mark.own_server, pytest.mark.skipif(sys.platform != "linux", reason="GNOME's keyring")]


class Keyring:
    """A session bus with a keyring on it, for a home of its own."""

    def __init__(self, home: Path) -> None:
        home.mkdir()
        runtime = home / "run"
        runtime.mkdir(mode=0o700)
        self.environment = {
            "HOME": str(home),
            "XDG_DATA_HOME": str(home / "share"),
            "XDG_RUNTIME_DIR": str(runtime),
            "BRANCHLINE_KEYRING": "true",
        }
        self.bus = subprocess.Popen(
            ["dbus-daemon", "--session", "--nofork", "--print-address"],
            stdout=subprocess.PIPE,
            env=clean_environment(**self.environment),
        )
        self.environment["DBUS_SESSION_BUS_ADDRESS"] = read_line(self.bus, 10).strip()
        self.daemon = self.start_daemon()

    def start_daemon(self, *, unlocked: bool = True) -> subprocess.Popen[bytes]:
        daemon = subprocess.Popen(
            ["gnome-keyring-daemon", "--foreground", *(["--unlock"] if unlocked else []), "--components=secrets"],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env=clean_environment(**self.environment),
        )
        assert daemon.stdin is not None
        daemon.stdin.write(b"the password of a login" if unlocked else b"")
        daemon.stdin.close()
        # Asked before it is on the bus, the bus would start another one.
        harness.wait_until(self.is_on_the_bus, 20, "a keyring", daemon)
        harness.wait_until(lambda: "login" in self.ask("Collections"), 20, "the keyring of a login", daemon)
        return daemon

    def start_again(self, *, unlocked: bool) -> None:
        """As at the next login: with its password, or without one."""
        self.daemon.terminate()
        self.daemon.wait(20)
        harness.wait_until(lambda: not self.is_on_the_bus(), 20, "the bus to forget the keyring")
        self.daemon = self.start_daemon(unlocked=unlocked)

    def is_on_the_bus(self) -> bool:
        asked = subprocess.run(
            ["dbus-send", "--session", "--print-reply", "--dest=org.freedesktop.DBus", "/org/freedesktop/DBus",
             "org.freedesktop.DBus.NameHasOwner", "string:org.freedesktop.secrets"],
            env=clean_environment(**self.environment), capture_output=True, text=True, timeout=20, check=False,
        )
        return "boolean true" in asked.stdout

    def send(self, method: str, *arguments: str) -> str:
        """What the keyring answers, as text; '' when it does not."""
        command = ["dbus-send", "--session", "--print-reply", "--dest=org.freedesktop.secrets"]
        asked = subprocess.run(
            [*command, "/org/freedesktop/secrets", method, *arguments],
            env=clean_environment(**self.environment), capture_output=True, text=True, timeout=20, check=False,
        )
        return asked.stdout if asked.returncode == 0 else ""

    def ask(self, what: str) -> str:
        service = "string:org.freedesktop.Secret.Service"
        return self.send("org.freedesktop.DBus.Properties.Get", service, f"string:{what}")

    def holds(self, name: str) -> bool:
        """Whether it has one secret of that name."""
        wanted = f"dict:string:string:service,branchline,username,{name}"
        return self.send("org.freedesktop.Secret.Service.SearchItems", wanted).count("object path") == 1

    def end(self) -> None:
        for process in (self.daemon, self.bus):
            process.terminate()
            process.wait(20)


@pytest.fixture
def keyring(tmp_path: Path) -> Iterator[Keyring]:
    keyring = Keyring(tmp_path / "home")
    yield keyring
    keyring.end()


def command(keyring: Keyring, data: Path, *arguments: str, line: str = "") -> dict[str, Any]:
    done = subprocess.run(
        [str(binary()), *arguments, "--json"],
        input=line, env=clean_environment(BRANCHLINE_DATA_DIR=str(data), **keyring.environment),
        capture_output=True, text=True, timeout=60, check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def uuid(server: Server) -> str:
    return person(server.url, *OWNER).ok("GET", "/server")["store_uuid"]


def status(server: Server, who: Person) -> int:
    return Person(server.url, who.session.headers["Authorization"].split()[1]).api("GET", "/users/me").status_code


def test_the_signing_key_is_in_the_keyring_survives_a_restart_and_is_rotated(tmp_path: Path, keyring: Keyring) -> None:
    data = tmp_path / "data"
    file = data / "secrets" / "jwt.key"
    server = start(data, **keyring.environment)
    first, name = person(server.url, *OWNER), f"jwt.key of {uuid(server)}"
    assert keyring.holds(name) and not file.exists()
    assert server.stop() == 0

    server = start(data, **keyring.environment)
    assert status(server, first) == 200, "signed before the restart"
    assert command(keyring, data, "tokens", "rotate-key") == {"rotated": True}
    assert status(server, first) == 403
    second = person(server.url, *OWNER)
    assert keyring.holds(name) and not file.exists()
    assert server.stop() == 0

    server = start(data, **keyring.environment)
    assert status(server, second) == 200, "signed with the new key, before a restart"
    assert server.stop() == 0


def test_where_the_keyring_cannot_be_asked_a_file_takes_over_until_the_key_is_rotated(
    tmp_path: Path, keyring: Keyring
) -> None:
    data = tmp_path / "data"
    file = data / "secrets" / "jwt.key"
    server = start(data, **keyring.environment)
    before = person(server.url, *OWNER)
    assert server.stop() == 0
    # As over ssh, where there is no session bus.
    server = start(data, BRANCHLINE_KEYRING="true", DBUS_SESSION_BUS_ADDRESS="unix:path=/nowhere")
    assert status(server, before) == 403
    between = person(server.url, *OWNER)
    assert file.exists() and file.stat().st_mode & 0o777 == 0o600
    assert server.stop() == 0
    # The window and the server agree on it from now on.
    server = start(data, **keyring.environment)
    assert status(server, between) == 200
    command(keyring, data, "tokens", "rotate-key")
    assert not file.exists()
    after = person(server.url, *OWNER)
    assert server.stop() == 0
    server = start(data, **keyring.environment)
    assert (status(server, between), status(server, after)) == (403, 200)
    assert server.stop() == 0


def test_a_locked_keyring_gives_its_key_back_when_it_is_unlocked(tmp_path: Path, keyring: Keyring) -> None:
    data = tmp_path / "data"
    file = data / "secrets" / "jwt.key"
    server = start(data, **keyring.environment)
    first = person(server.url, *OWNER)
    assert server.stop() == 0

    keyring.start_again(unlocked=False)
    server = start(data, **keyring.environment)
    assert status(server, first) == 403, "what it was signed with cannot be read"
    between = person(server.url, *OWNER)
    assert status(server, between) == 200 and not file.exists()
    words = server.log_text()
    assert words.count("is locked or silent") == 1 and "Unlock it and start again" in words
    assert server.stop() == 0

    keyring.start_again(unlocked=True)
    server = start(data, **keyring.environment)
    assert (status(server, first), status(server, between)) == (200, 403), "nothing took its place"
    assert server.stop() == 0


def test_a_session_bus_that_is_silent_holds_nobody_up_for_long(tmp_path: Path, keyring: Keyring) -> None:
    data = tmp_path / "data"
    server = start(data, **keyring.environment)
    first = person(server.url, *OWNER)
    assert server.stop() == 0

    with socket.socket(socket.AF_UNIX) as silent:
        silent.bind(str(tmp_path / "bus"))
        silent.listen()
        began = time.monotonic()
        server = start(data, BRANCHLINE_KEYRING="true", DBUS_SESSION_BUS_ADDRESS=f"unix:path={tmp_path / 'bus'}")
        assert time.monotonic() - began < 10, "the start does not ask it"
        person(server.url, *OWNER)
        assert time.monotonic() - began < 40 and "is locked or silent" in server.log_text()
        assert server.stop() == 0

    server = start(data, **keyring.environment)
    assert status(server, first) == 200, "nothing took the place of its key"
    assert server.stop() == 0


def test_the_mail_servers_password_is_in_the_keyring(tmp_path: Path, keyring: Keyring) -> None:
    shown: Queue[str] = Queue()

    def check(server: Any, session: Any, envelope: Any, mechanism: str, login: Any) -> AuthResult:
        shown.put(login.password.decode())
        return AuthResult(success=True)

    postman = Controller(
        Sink(), hostname="127.0.0.1", port=harness.free_port(),
        authenticator=check, auth_required=True, auth_require_tls=False,
    )
    postman.start()
    data = tmp_path / "data"
    mail = {
        "BRANCHLINE_SMTP_HOST": "127.0.0.1", "BRANCHLINE_SMTP_PORT": str(postman.port), "BRANCHLINE_SMTP_TLS": "false",
        "BRANCHLINE_SMTP_USER": "lab", "BRANCHLINE_MAIL_FROM": "lab@example.org",
    }

    def keep(password: str) -> None:
        kept = command(keyring, data, "mail", "password", line=password + "\n")
        assert kept == {"kept_in": "keyring", "forgotten": False}
        assert not (data / "secrets" / "mail.password").exists()

    def sent(server: Server) -> str:
        answer = person(server.url, *OWNER).api("POST", "/utils/test-email/?email_to=ada@example.org")
        assert answer.status_code == 201, answer.text
        return shown.get(timeout=20)

    server = start(data, **mail, **keyring.environment)
    try:
        name = f"mail.password of {uuid(server)}"
        keep("hush-hush")
        assert keyring.holds(name) and sent(server) == "hush-hush"
        assert server.stop() == 0
        server = start(data, **mail, **keyring.environment)
        assert sent(server) == "hush-hush", "after a restart"
        keep("another-one")
        assert keyring.holds(name) and sent(server) == "another-one"
        assert command(keyring, data, "mail", "password", "--forget") == {"kept_in": None, "forgotten": True}
        assert not keyring.holds(name)
    finally:
        server.stop()
        postman.stop()
    assert "hush-hush" not in server.log_text() + "".join(log.read_text() for log in (data / "logs").iterdir())
