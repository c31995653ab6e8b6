"""Schedules (Q16) over HTTP and on the command line: the rules of time are tested in Rust."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest
import websocket

import harness
from harness import Server
from jobs_help import ended, job, ok

pytestmark = [pytest.mark.own_server, pytest.mark.branchline_only]

WORD = {"task": "app.worker.run_task", "args": ["hello"]}


def make(server: Server, name: str, **fields: Any) -> dict[str, Any]:
    body = {"name": name, "job": WORD, **fields}
    return ok(server, "POST", "/api/v1/schedules", body)


def history(server: Server, name: str) -> list[dict[str, Any]]:
    return ok(server, "GET", f"/api/v1/schedules/{name}/history")["fires"]


def test_q16_a_schedule_fires_and_its_job_is_linked(administer: Callable[..., Server]) -> None:
    server = administer()
    made = make(server, "often", cron="* * * * * *", zone="Europe/Berlin")
    assert (made["zone"], made["catch_up"], made["enabled"]) == ("Europe/Berlin", "once", True)
    harness.wait_until(lambda: len(history(server, "often")) >= 2, 20, "two times")
    off = ok(server, "PATCH", "/api/v1/schedules/often", {"enabled": False})
    assert (off["enabled"], off["next_at"]) == (False, None)
    fires = history(server, "often")
    assert len({fire["fire_at"] for fire in fires}) == len(fires)
    first = fires[-1]
    assert (first["outcome"], first["by_hand"], first["times"]) == ("queued", False, 1)
    record = ended(server, first["task_id"])
    assert (record["result"], record["schedule"]) == ("test task return hello", "often")
    listed = ok(server, "GET", "/api/v1/schedules")["schedules"][0]
    assert (listed["id"], listed["last"]["task_id"]) == (made["id"], fires[0]["task_id"])


def test_q16_a_time_that_was_missed_while_the_program_was_closed_is_made_up_once(
    administer: Callable[..., Server],
) -> None:
    server = administer()
    start = datetime.now(timezone.utc).isoformat()
    make(server, "every", every=1, start=start)
    harness.wait_until(lambda: history(server, "every"), 20, "a time")
    assert server.stop() == 0
    again = administer()
    harness.wait_until(lambda: len(history(again, "every")) >= 2, 20, "a time after the start")
    fires = history(again, "every")
    queued = [fire["fire_at"] for fire in fires if fire["outcome"] == "queued"]
    assert len(set(queued)) == len(queued)


def test_q16_run_now_and_one_at_a_time(administer: Callable[..., Server]) -> None:
    server = administer()
    long = {"command": ["sleep", "60"], "unique_key": "nightly"}
    made = ok(server, "POST", "/api/v1/schedules", {"name": "nightly", "cron": "0 2 * * *", "zone": "UTC", "job": long})
    first = server.post("/api/v1/schedules/nightly/run")
    second = server.post("/api/v1/schedules/nightly/run")
    assert (first.status_code, second.status_code) == (201, 200)
    assert first.json()["task_id"] == second.json()["task_id"]
    outcomes = [(fire["outcome"], fire["by_hand"]) for fire in history(server, "nightly")]
    assert outcomes == [("alive", True), ("queued", True)]
    assert ok(server, "GET", f"/api/v1/schedules/{made['id']}")["next_at"] == made["next_at"]
    ok(server, "POST", f"/api/v1/jobs/{first.json()['task_id']}/cancel")
    assert server.request("DELETE", "/api/v1/schedules/nightly").status_code == 204
    assert server.get("/api/v1/schedules/nightly").status_code == 404
    assert job(server, first.json()["task_id"])["schedule"] is None, "its jobs stay"


def test_q16_next_times_are_shown_for_an_expression(administer: Callable[..., Server]) -> None:
    server = administer()
    preview = ok(server, "GET", "/api/v1/schedules/preview?cron=30+2+*+*+*&zone=America/New_York")
    assert len(preview["times"]) == 5 and preview["words"].endswith("(America/New_York)")
    assert all(time[14:16] == "30" for time in preview["times"])
    every = ok(server, "GET", "/api/v1/schedules/preview?every=7200&count=2")
    assert every["words"] == "Every 2 hours" and len(every["times"]) == 2
    for wrong, word in [("cron=61+*+*+*+*", "61"), ("cron=0+0+30+2+*", "never"), ("cron=*+*+*+*+*&zone=X/Y", "X/Y")]:
        answer = ok(server, "GET", f"/api/v1/schedules/preview?{wrong}")
        assert word in answer["problem"] and answer["hint"] and answer["times"] == [], answer
    assert server.get("/api/v1/schedules/preview").status_code == 400


def test_q16_what_cannot_be_is_refused(administer: Callable[..., Server]) -> None:
    server = administer()
    make(server, "one", every=3600)

    def refusal(**fields: Any) -> str:
        answer = server.post("/api/v1/schedules", {"name": "two", "every": 60, "job": WORD, **fields})
        assert answer.status_code == 400, answer.text
        return str(answer.json()["detail"])

    assert "already" in refusal(name="one")
    assert "not both" in refusal(cron="* * * * *")
    assert "one second" in refusal(every=0.01)
    assert "catch" in refusal(catch_up="twice") or "missed" in refusal(catch_up="twice")
    assert "task_id" in refusal(job={**WORD, "task_id": "a"})
    assert "eta" in refusal(job={**WORD, "eta": "2030-01-01T00:00:00Z"})
    assert "expires" in refusal(job={**WORD, "expires": "2030-01-01T00:00:00Z"})
    assert "'command'" in refusal(job={})
    changed = ok(server, "PATCH", "/api/v1/schedules/one", {"cron": "0 4 * * *", "zone": "UTC", "name": "uno"})
    assert (changed["cron"], changed["every"], changed["name"]) == ("0 4 * * *", None, "uno")
    assert changed["next_at"][11:16] == "04:00"


def test_q16_schedules_need_an_administrator(administer: Callable[..., Server], tmp_path: Path) -> None:
    server = administer()
    bearer = {"Authorization": f"Bearer {harness.mint_token(tmp_path / 'data', scope='log')}"}
    answer = server.request("POST", "/api/v1/schedules", json={"name": "x", "every": 60, "job": WORD}, headers=bearer)
    assert answer.status_code == 403, answer.text


def test_q16_those_who_watch_are_told(administer: Callable[..., Server]) -> None:
    server = administer()
    address = server.url.replace("http", "ws") + "/api/v1/events"
    socket = websocket.create_connection(address, timeout=30, origin=server.url, header=[f"Authorization: Bearer {server.token}"])
    socket.send(json.dumps({"op": "subscribe", "id": "s", "topic": "schedules"}))
    assert json.loads(socket.recv())["kind"] == "subscribed"
    made = make(server, "told", every=3600)
    message = json.loads(socket.recv())
    assert (message["kind"], message["data"]) == ("changed", {"schedule_ids": [made["id"]]})
    socket.close()


def test_q16_on_the_command_line(administer: Callable[..., Server], tmp_path: Path) -> None:
    server = administer()
    data_dir = tmp_path / "data"

    def cli(*arguments: str, code: int = 0) -> str:
        done = harness.run_cli(data_dir, "schedules", *arguments)
        assert done.returncode == code, done.stderr
        return str(done.stdout)

    cli("add", "nightly", "--cron", "0 2 * * *", "--zone", "UTC", "--catch-up", "all", "--", "true")
    assert "nightly" in cli("list")
    made = json.loads(cli("show", "nightly", "--json"))
    assert (made["catch_up"], made["job"]["command"]) == ("all", ["true"])
    assert "off" in cli("disable", "nightly")
    assert "0 2" not in cli("change", "nightly", "--every", "2h") and "Every 2 hours" in cli("enable", "nightly")
    task_id = cli("run", "nightly").strip()
    assert ended(server, task_id)["status"] == "SUCCESS"
    assert task_id in cli("history", "nightly")
    assert len(cli("next", "--cron", "*/5 * * * *", "--zone", "UTC").splitlines()) == 6
    cli("next", "--cron", "odd", code=1)
    cli("delete", "nightly", "--yes")
    cli("show", "nightly", code=3)
