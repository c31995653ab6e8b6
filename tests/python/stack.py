"""A server with people on it, for the tests of the stack's API and of permissions."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import requests

import harness
from harness import Server

OWNER = ("owner@example.org", "owner-password")
PLAIN = ("ada@example.org", "ada-password")
API = "/api/v1"


class Person:
    """Somebody who calls the server as the stack's clients do."""

    def __init__(self, url: str, token: str | None = None) -> None:
        self.url = url
        self.session = requests.Session()
        if token:
            self.session.headers["Authorization"] = f"Bearer {token}"

    def call(self, method: str, path: str, **arguments: Any) -> requests.Response:
        arguments.setdefault("timeout", 60)
        return self.session.request(method, self.url + path, **arguments)

    def api(self, method: str, path: str, body: Any = None, **arguments: Any) -> requests.Response:
        if body is not None:
            arguments["json"] = body
        return self.call(method, API + path, **arguments)

    def ok(self, method: str, path: str, body: Any = None, status: int = 200) -> Any:
        answer = self.api(method, path, body)
        assert answer.status_code == status, f"{method} {path}: {answer.status_code} {answer.text}"
        return answer.json() if answer.content else None


def log_in(url: str, email: str, password: str) -> requests.Response:
    form = {"username": email, "password": password}
    return requests.post(f"{url}{API}/login/access-token", data=form, timeout=60)


def person(url: str, email: str, password: str) -> Person:
    answer = log_in(url, email, password)
    assert answer.status_code == 200, answer.text
    return Person(url, answer.json()["access_token"])


def start(data_dir: Path, *flags: str, **environment: str) -> Server:
    """A server whose owner has an e-mail and a password."""
    return harness.start_branchline(
        data_dir, *flags, FIRST_SUPERUSER=OWNER[0], FIRST_SUPERUSER_PASSWORD=OWNER[1], **environment
    )


def said(answer: requests.Response) -> tuple[int, Any]:
    """What a refusal says."""
    return answer.status_code, answer.json()["detail"]
