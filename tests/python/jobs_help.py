"""Asking for jobs over HTTP, and looking for processes that should be gone."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

from harness import Server

FINAL = {"SUCCESS", "FAILURE", "REVOKED"}
PYTHON = sys.executable


def ok(server: Server, method: str, path: str, body: Any = None) -> dict[str, Any]:
    """A call of the own API, which has to succeed."""
    answer = server.request(method, path, json=body, timeout=300)
    assert answer.ok, f"{method} {path}: {answer.status_code} {answer.text}"
    return answer.json()


def submit(server: Server, *command: str, **options: Any) -> str:
    """Queues a command; answers its id."""
    body = {"command": list(command), **options} if command else options
    return str(ok(server, "POST", "/api/v1/jobs", body)["task_id"])


def python(server: Server, code: str, **options: Any) -> str:
    """Queues Python code; answers its id."""
    return submit(server, PYTHON, "-c", code, **options)


def job(server: Server, task_id: str, wait: float = 0) -> dict[str, Any]:
    return ok(server, "GET", f"/api/v1/jobs/{task_id}?wait={wait}")


def ended(server: Server, task_id: str, wait: float = 60) -> dict[str, Any]:
    """The job's record after its end."""
    record = job(server, task_id, wait)
    assert record["status"] in FINAL, record
    return record


def log(server: Server, task_id: str, after: int = 0, wait: float = 0) -> dict[str, Any]:
    return ok(server, "GET", f"/api/v1/jobs/{task_id}/log?after={after}&wait={wait}")


def says(server: Server, task_id: str, words: str, tries: int = 50) -> str:
    """Waits until the job's log has `words`."""
    text, after = "", 0
    for _ in range(tries):
        part = log(server, task_id, after, wait=20)
        text, after = text + part["text"], part["next"]
        if words in text:
            return text
        assert not part["ended"], text
    raise AssertionError(text)


def states(server: Server, task_id: str) -> list[str]:
    return [event["state"] for event in job(server, task_id)["events"]]


def set_queue(server: Server, name: str = "main-queue", **change: Any) -> dict[str, Any]:
    return ok(server, "PATCH", f"/api/v1/queues/{name}", change)


def marked(mark: str) -> list[int]:
    """Living processes that have `mark` on their command line."""
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit() or int(entry.name) == os.getpid():
            continue
        try:
            words = (entry / "cmdline").read_bytes()
            state = (entry / "stat").read_text().rsplit(")", 1)[1].split()[0]
        except (OSError, IndexError):
            continue
        if mark.encode() in words and state not in "ZX":
            found.append(int(entry.name))
    return found
