"""Mail: sent by a real server of SMTP, kept in the outbox, and without secrets elsewhere."""

from __future__ import annotations

import re
import subprocess
import time
from collections.abc import Iterator
from email import message_from_bytes, policy
from pathlib import Path
from queue import Queue

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult
from harness import binary, clean_environment, free_port, wait_until
from stack import OWNER, PLAIN, Person, log_in, person, said, start

pytestmark = pytest.mark.own_server


class Postman:
    """Takes every mail, but for one recipient."""

    def __init__(self) -> None:
        self.mail: Queue = Queue()

    async def handle_RCPT(self, server, session, envelope, address, options) -> str:  # noqa: ANN001, N802
        if address.startswith("refused"):
            return "550 no such mailbox here"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope) -> str:  # noqa: ANN001, N802
        self.mail.put(message_from_bytes(envelope.content, policy=policy.default))
        return "250 OK"


@pytest.fixture
def postman() -> Iterator[tuple[Postman, int]]:
    handler = Postman()
    controller = Controller(handler, hostname="127.0.0.1", port=free_port())
    controller.start()
    yield handler, controller.port
    controller.stop()


def with_mail(data_dir: Path, port: int):  # noqa: ANN201
    env_file = data_dir.with_name("stack.env")
    env_file.write_text(
        f"SMTP_HOST=127.0.0.1\nSMTP_PORT={port}\nSMTP_TLS=False\n"
        "EMAILS_FROM_EMAIL=lab@example.org\nPROJECT_NAME=The Lab\n"
    )
    return start(data_dir, "--env-file", str(env_file))


def outbox(owner: Person) -> list[dict]:
    return owner.ok("GET", "/outbox")["mail"]


def link_token(text: str) -> str:
    return re.search(r"reset-password\?token=(\S+)", text).group(1)


def test_mail_goes_out_and_a_recovery_link_sets_a_password_once(tmp_path: Path, postman: tuple) -> None:
    handler, port = postman
    server = with_mail(tmp_path / "data", port)
    try:
        owner = person(server.url, *OWNER)
        owner.ok("POST", "/users/", {"email": PLAIN[0], "password": PLAIN[1]})
        welcome = handler.mail.get(timeout=30)
        assert welcome["Subject"] == f"The Lab - New account for user {PLAIN[0]}"
        assert PLAIN[1] not in welcome.as_string()
        ada = person(server.url, *PLAIN)
        anybody = Person(server.url)
        assert anybody.ok("POST", f"/password-recovery/{PLAIN[0]}") == {"msg": "Password recovery email sent"}
        mail = handler.mail.get(timeout=30)
        assert mail["Subject"] == f"The Lab - Password recovery for user {PLAIN[0]}"
        assert "lab@example.org" in mail["From"]
        plain, html = (part.get_content() for part in mail.iter_parts())
        token = link_token(plain)
        assert token in html
        body = {"token": token, "new_password": "a-new-password"}
        assert anybody.ok("POST", "/reset-password/", body) == {"msg": "Password updated successfully"}
        assert said(anybody.api("POST", "/reset-password/", body)) == (400, "Invalid token"), "works once"
        assert ada.api("GET", "/users/me").status_code == 403, "sessions end"
        person(server.url, PLAIN[0], "a-new-password")
        wait_until(lambda: all(m["state"] == "sent" for m in outbox(owner)), 30, "both mails to be sent")
        assert token not in server.log_text()
    finally:
        server.stop()


def test_row_test_email(tmp_path: Path, postman: tuple) -> None:
    handler, port = postman
    server = with_mail(tmp_path / "data", port)
    try:
        owner = person(server.url, *OWNER)
        sent = owner.api("POST", "/utils/test-email/?email_to=ada@example.org")
        assert (sent.status_code, sent.json()) == (201, {"msg": "Test email sent"})
        assert handler.mail.get(timeout=30)["Subject"] == "The Lab - Test email"
        refused = owner.api("POST", "/utils/test-email/?email_to=refused@example.org")
        assert refused.status_code == 503 and "no such mailbox here" in refused.json()["detail"]
        newest = outbox(owner)[0]
        assert newest["state"] == "failed" and "no such mailbox here" in newest["error"]
        assert owner.api("POST", "/utils/test-email/").status_code == 422
    finally:
        server.stop()


def test_defect_9_without_a_mail_server_the_owner_finds_the_link(tmp_path: Path) -> None:
    server = start(tmp_path / "data")
    try:
        owner, anybody = person(server.url, *OWNER), Person(server.url)
        owner.ok("POST", "/users/", {"email": PLAIN[0], "password": PLAIN[1]})
        known = anybody.ok("POST", f"/password-recovery/{PLAIN[0]}")
        unknown = anybody.ok("POST", "/password-recovery/nobody@example.org")
        assert known == unknown and "No mail server is set up" in known["msg"]
        wait_until(lambda: len(outbox(owner)) == 1, 30, "the mail to be kept")
        (mail,) = outbox(owner)
        assert (mail["state"], mail["to"], mail["kind"]) == ("kept", PLAIN[0], "recovery")
        body = {"token": link_token(mail["text"]), "new_password": "a-new-password"}
        anybody.ok("POST", "/reset-password/", body)
        assert log_in(server.url, PLAIN[0], "a-new-password").status_code == 200
        refused = owner.api("POST", "/utils/test-email/?email_to=ada@example.org")
        assert refused.status_code == 503 and "No mail server is set up" in refused.json()["detail"]
        ada = person(server.url, PLAIN[0], "a-new-password")
        assert ada.api("GET", "/outbox").status_code == 403
    finally:
        server.stop()


def test_row_password_recovery_says_what_the_stack_says_when_set_up_to(tmp_path: Path) -> None:
    server = start(tmp_path / "data", BRANCHLINE_REVEAL_UNKNOWN_USERS="true")
    try:
        answer = Person(server.url).api("POST", "/password-recovery/nobody@example.org")
        assert said(answer) == (404, "The user with this username does not exist in the system.")
    finally:
        server.stop()


def test_recovery_is_throttled_alike_for_everybody(tmp_path: Path) -> None:
    server = start(tmp_path / "data")
    try:
        for email in (OWNER[0], "nobody@example.org"):
            began = time.monotonic()
            seen = [Person(server.url).api("POST", f"/password-recovery/{email}").status_code for _ in range(7)]
            assert time.monotonic() - began < 30
            assert seen[:5] == [200] * 5 and seen[-1] == 429
        wrong = {"token": "a.b.c", "new_password": "a-new-password"}
        assert said(Person(server.url).api("POST", "/reset-password/", wrong)) == (400, "Invalid token")
    finally:
        server.stop()


def test_the_password_that_was_kept_signs_in_to_the_mail_server(tmp_path: Path) -> None:
    """`branchline mail password`, beside the running server; no setting holds the password."""
    handler, shown = Postman(), Queue()

    def check(server, session, envelope, mechanism, login) -> AuthResult:  # noqa: ANN001
        shown.put((login.login.decode(), login.password.decode()))
        right = login.password == b"hush-hush"
        return AuthResult(success=right, handled=right)

    controller = Controller(
        handler, hostname="127.0.0.1", port=free_port(), authenticator=check, auth_required=True, auth_require_tls=False
    )
    controller.start()
    no_keyring = {"BRANCHLINE_KEYRING": "true", "DBUS_SESSION_BUS_ADDRESS": "unix:path=/nowhere"}
    data = tmp_path / "data"
    mail = {"BRANCHLINE_SMTP_HOST": "127.0.0.1", "BRANCHLINE_SMTP_PORT": str(controller.port)}
    mail |= {"BRANCHLINE_SMTP_TLS": "false", "BRANCHLINE_SMTP_USER": "lab", "BRANCHLINE_MAIL_FROM": "lab@example.org"}
    server = start(data, **mail, **no_keyring)
    try:
        owner = person(server.url, *OWNER)

        def send() -> int:
            return owner.api("POST", "/utils/test-email/?email_to=ada@example.org").status_code

        assert send() == 503, "nobody has told the password yet"
        for password, status in (("wrong", 503), ("hush-hush", 201)):
            kept = subprocess.run(
                [str(binary()), "mail", "password"], input=password + "\n", capture_output=True, text=True,
                env=clean_environment(BRANCHLINE_DATA_DIR=str(data), **no_keyring), timeout=60, check=False,
            )
            assert kept.returncode == 0 and "No keyring took the password" in kept.stderr, kept.stderr
            assert send() == status
        assert shown.queue[-1] == ("lab", "hush-hush")
        assert handler.mail.get(timeout=30)["Subject"] == "Branchline - Test email"
        assert "hush-hush" not in server.log_text()
    finally:
        server.stop()
        controller.stop()
