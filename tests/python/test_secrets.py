"""Passwords and tokens stand in no log, no answer that lists things, and no backup."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest
import requests
import websocket
from stack import OWNER, Person, log_in, person, start

import harness
from harness import Server

pytestmark = pytest.mark.own_server

SMTP_PASSWORD = "password-of-the-mail-server"


class Secrets:
    """Everything that was secret in a server's life, and the server."""

    def __init__(self, server: Server) -> None:
        self.server, self.url = server, server.url
        self.known: dict[str, str] = {"owner's password": OWNER[1], "mail server's password": SMTP_PASSWORD}

    def keep(self, name: str, secret: str) -> str:
        assert len(secret) >= 8, f"{name} is too short to be looked for"
        self.known[name] = secret
        return secret


def signed_in(secrets: Secrets, email: str, password: str) -> Person:
    answer = log_in(secrets.url, email, password)
    assert answer.status_code == 200
    return Person(secrets.url, secrets.keep(f"signed token of {email}", answer.json()["access_token"]))


def sign_ins(secrets: Secrets, owner: Person) -> None:
    """Right and wrong, in every way that there is."""
    url, email = secrets.url, "ada@example.org"
    first = secrets.keep("Ada's first password", "adas-first-password")
    owner.ok("POST", "/users/", {"email": email, "password": first})
    ada = signed_in(secrets, email, first)
    second = secrets.keep("Ada's second password", "adas-second-password")
    ada.ok("PUT", "/users/me", {"password": second})
    wrong = secrets.keep("a wrong password", "a-wrong-password")
    assert log_in(url, email, wrong).status_code == 400
    session = requests.post(f"{url}/api/v1/session", json={"email": email, "password": second}, timeout=60)
    cookie = session.headers["Set-Cookie"].split(";")[0]
    secrets.keep("Ada's cookie", cookie.split("=", 1)[1])
    assert requests.get(f"{url}/api/v1/session", headers={"Cookie": cookie}, timeout=60).status_code == 200
    made = Person(url, signed_in(secrets, email, second).session.headers["Authorization"].split()[1])
    token = secrets.keep("Ada's token", made.ok("POST", "/tokens", {"name": "t", "scope": "log"}, status=201)["secret"])
    experiment = {"url": f"{url}/api/2.0/mlflow/experiments/get", "params": {"experiment_id": "0"}, "timeout": 60}
    assert requests.get(**experiment, auth=(email, token)).status_code == 200
    assert requests.get(**experiment, auth=(email, second)).status_code == 200
    assert requests.get(**experiment, auth=(email, wrong)).status_code == 401
    secrets.keep("Basic, encoded", base64.b64encode(f"{email}:{second}".encode()).decode())
    unknown = secrets.keep("a token that is none", "bl_" + "x" * 43)
    for header in (f"Bearer {unknown}", f"Digest {wrong}", wrong):
        assert requests.get(**experiment, headers={"Authorization": header}).status_code == 401
    # In a query, where no credential belongs.
    assert requests.get(f"{url}/api/v1/me", params={"token": token, "access_token": unknown}, timeout=60).status_code == 401
    address = url.replace("http", "ws")
    socket = websocket.create_connection(f"{address}/api/v1/events", suppress_origin=True, timeout=60)
    socket.send(json.dumps({"op": "auth", "token": token}))
    socket.send(json.dumps({"op": "dance", "token": token}))
    assert json.loads(socket.recv())["kind"] == "error"
    socket.close()
    websocket.create_connection(
        f"{address}/api/live", subprotocols=["bearer", token], suppress_origin=True, timeout=60
    ).close()


def mail(secrets: Secrets, owner: Person) -> None:
    """A mail server that nobody runs, a recovery link that works, and one that does not."""
    assert owner.api("POST", "/utils/test-email/?email_to=ada@example.org").status_code == 503
    assert Person(secrets.url).api("POST", "/password-recovery/ada@example.org").status_code == 200
    found = harness.wait_until(
        lambda: [one for one in owner.ok("GET", "/outbox")["mail"] if one["kind"] == "recovery" and one["state"] == "failed"],
        60, "the recovery mail to fail",
    )
    text = owner.ok("GET", f"/outbox/{found[0]['id']}")["text"]
    link = secrets.keep("a recovery link's token", text.split("token=")[1].split()[0])
    third = secrets.keep("Ada's third password", "adas-third-password")
    for token, status in ((link, 200), (link, 400), (link[:-4] + "AAAA", 400)):
        answer = Person(secrets.url).api("POST", "/reset-password/", {"token": token, "new_password": third})
        assert answer.status_code == status, answer.text


def others(secrets: Secrets, owner: Person) -> None:
    """A webhook's secret, a command line, a shutdown that is refused, and broken requests."""
    hush = secrets.keep("a webhook's secret", "secret-of-a-webhook")
    events = [{"entity": "REGISTERED_MODEL", "action": "CREATED"}]
    for url in ("https://nowhere.invalid/x", "ftp://odd.example/"):
        body = {"name": "hook", "url": url, "events": events, "secret": hush}
        assert owner.call("POST", "/api/2.0/mlflow/webhooks", json=body).status_code == 400
    minted = harness.run_cli(secrets.server.data_dir, "tokens", "create", "--name", "cli", "--json")
    secrets.keep("a token of the command line", json.loads(minted.stdout)["secret"])
    connected = harness.run_cli(secrets.server.data_dir, "connect", "--json")
    secrets.keep("a token of connect", json.loads(connected.stdout)["environment"]["MLFLOW_TRACKING_TOKEN"])
    made = harness.run_cli(secrets.server.data_dir, "users", "create", "bob@example.org", "--json")
    secrets.keep("Bob's password", json.loads(made.stdout)["password"])
    instance = json.loads((secrets.server.data_dir / "instance.json").read_text())
    secrets.keep("the instance's secret", instance["secret"])
    broken = secrets.keep("a password in a broken body", "password-in-a-broken-body")
    odd = [f'{{"email": "x", "password": "{broken}"', f'{{"password": "{broken}", "email": 5}}']
    for body in odd:
        for path in ("/api/v1/session", "/api/v1/users/", "/api/v1/login/access-token", "/api/2.0/mlflow/users/create"):
            headers = {"Content-Type": "application/json"}
            answer = owner.call("POST", path, data=body.encode(), headers=headers)
            assert answer.status_code in (400, 401, 422), f"{path}: {answer.status_code}"
    for path in ("/users/", "/tokens", "/sessions", "/outbox", "/server", "/me"):
        answer = owner.api("GET", path).text
        # The outbox is where a superuser finds a link that no mail server took.
        told = [name for name, secret in secrets.known.items() if secret in answer]
        assert told == (["a recovery link's token"] if path == "/outbox" else []), f"{path} tells {told}"
    assert owner.api("POST", "/signing-key/rotate").status_code in (200, 204)


def written(folder: Path) -> dict[str, bytes]:
    """What a server wrote for people to read."""
    logs = [path for path in (folder / "logs").rglob("*") if path.is_file()]
    return {str(path): path.read_bytes() for path in [*logs, folder.with_name(folder.name + ".stderr")]}


@pytest.mark.parametrize("form", ["text", "json"])
def test_no_secret_is_in_a_log(tmp_path: Path, form: str) -> None:
    data = tmp_path / "data"
    mail_server: dict[str, Any] = {
        "BRANCHLINE_SMTP_HOST": "127.0.0.1",
        "BRANCHLINE_SMTP_PORT": str(harness.free_port()),
        "BRANCHLINE_SMTP_TLS": "false",
        "BRANCHLINE_SMTP_USER": "postman",
        "BRANCHLINE_SMTP_PASSWORD": SMTP_PASSWORD,
        "BRANCHLINE_MAIL_FROM": "server@example.org",
        "BRANCHLINE_LOG_LEVEL": "trace",
        "BRANCHLINE_LOG_FORMAT": form,
    }
    server = start(data, **mail_server)
    secrets = Secrets(server)
    try:
        secrets.keep("the tests' token", server.token or "")
        owner = signed_in(secrets, *OWNER)
        sign_ins(secrets, owner)
        mail(secrets, owner)
        others(secrets, owner)
    finally:
        code = server.stop()
    assert code == 0
    texts = written(data)
    assert any(b"answered 401" in text for text in texts.values()), "requests are logged at this level"
    for path, text in texts.items():
        told = [name for name, secret in secrets.known.items() if secret.encode() in text]
        assert told == [], f"{path} tells {told}"
    listed = harness.run_cli(data, "config", "list", "--json", BRANCHLINE_SMTP_PASSWORD=SMTP_PASSWORD)
    assert "mail.smtp_password" in listed.stdout and SMTP_PASSWORD not in listed.stdout + listed.stderr
    # Neither in the database, but for what was mailed, and that is of no use any more.
    backup = tmp_path / "copy.db"
    assert harness.run_cli(data, "db", "backup", str(backup)).returncode == 0
    kept = backup.read_bytes()
    told = [name for name, secret in secrets.known.items() if secret.encode() in kept and "link" not in name]
    assert told == [], f"a backup tells {told}"


def test_who_has_no_account_is_told_the_same(tmp_path: Path) -> None:
    """Every refusal for an unknown user is, byte for byte, that for a known one."""
    server = start(tmp_path / "data")
    owner = person(server.url, *OWNER)
    owner.ok("POST", "/users/", {"email": "known@example.org", "password": "a-long-password"})
    experiment = f"{server.url}/api/2.0/mlflow/experiments/get?experiment_id=0"

    def told(email: str) -> list[tuple[int, str]]:
        wrong = (email, "not-the-password")
        answers = [
            log_in(server.url, *wrong),
            requests.post(f"{server.url}/api/v1/session", json={"email": wrong[0], "password": wrong[1]}, timeout=60),
            requests.get(experiment, auth=wrong, timeout=60),
            Person(server.url).api("POST", f"/password-recovery/{email}"),
        ]
        return [(answer.status_code, answer.text) for answer in answers]

    assert told("known@example.org") == told("nobody@example.org")
    assert server.stop() == 0
