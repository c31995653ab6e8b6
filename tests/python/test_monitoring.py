"""What programs watch: Prometheus' page (F8) and what Flower's clients read (F6, F7, F9)."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import websocket

import harness
from harness import Server
from jobs_help import ended, ok, python, says, set_queue, submit

pytestmark = [pytest.mark.own_server, pytest.mark.branchline_only]

FIGURE = re.compile(r'^([a-z_]+)(?:\{((?:[a-z]+="(?:[^"\\]|\\.)*",?)*)\})? (-?[0-9.e+]+|NaN|[+-]Inf)$')
LABEL = re.compile(r'([a-z]+)="((?:[^"\\]|\\.)*)"')
# What Flower 0.9.7 answers of a task.
TASK_KEYS = set(
    """uuid name state received sent started rejected succeeded failed retried revoked args kwargs
    eta expires retries worker result exception timestamp runtime traceback exchange routing_key
    clock client root root_id parent parent_id children""".split()
)


def figures(text: str) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    """Reads the page as Prometheus does: each family is told once, before its figures."""
    kinds: dict[str, str] = {}
    found = {}
    for line in text.splitlines():
        if line.startswith("# TYPE "):
            name, kind = line[7:].split(" ")
            assert name not in kinds and kind in {"counter", "gauge", "histogram"}, line
            kinds[name] = kind
        elif not line.startswith("# HELP "):
            match = FIGURE.match(line)
            assert match, line
            family = re.sub(r"_(bucket|sum|count)$", "", match[1])
            assert match[1] in kinds or kinds.get(family) == "histogram", line
            key = (match[1], frozenset(LABEL.findall(match[2] or "")))
            assert key not in found, line
            found[key] = float(match[3])
    assert text.endswith("\n")
    return found


def page(server: Server) -> dict[Any, float]:
    answer = server.get("/metrics")
    assert answer.status_code == 200 and answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    return figures(answer.text)


def flower(server: Server, path: str) -> Any:
    return ok(server, "GET", f"/flower/api{path}")


def run_task(server: Server, word: str) -> str:
    return submit(server, task="app.worker.run_task", args=[word])


def test_f8_the_page_is_read_and_a_counter_rises_by_one_for_each_event(administer: Callable[..., Server]) -> None:
    server = administer()

    def events(kind: str, task: str = "app.worker.run_task") -> float:
        labels = {("worker", "branchline"), ("type", kind), ("task", task)}
        return page(server).get(("flower_events_total", frozenset(labels)), 0)

    assert events("task-succeeded") == 0
    ended(server, run_task(server, "a"))
    assert [events(kind) for kind in ("task-sent", "task-received", "task-started", "task-succeeded")] == [1, 1, 1, 1]
    ended(server, run_task(server, "b"))
    assert events("task-succeeded") == 2 and events("task-failed") == 0
    failed = submit(server, task="app.worker.run_task")
    assert ended(server, failed)["status"] == "FAILURE" and events("task-failed") == 1
    read = page(server)
    labels = frozenset({("worker", "branchline"), ("task", "app.worker.run_task")})
    assert read["flower_task_runtime_seconds_count", labels] == 2
    assert read["flower_task_runtime_seconds_bucket", labels | {("le", "+Inf")}] == 2
    assert read["branchline_jobs", frozenset({("state", "SUCCESS")})] == 2
    assert read["branchline_queue_jobs", frozenset({("queue", "main-queue"), ("place", "ready")})] == 0
    assert read["branchline_database_bytes", frozenset()] > 0


def test_f8_the_page_needs_a_credential_and_healthcheck_none(administer: Callable[..., Server]) -> None:
    server = administer()
    stranger = Server("branchline", server.url, None)
    assert stranger.get("/metrics").status_code == 401
    assert (stranger.get("/healthcheck").status_code, stranger.get("/healthcheck").text) == (200, "OK")


def test_f6_tasks_have_the_keys_of_flower(administer: Callable[..., Server]) -> None:
    server = administer()
    good, bad = run_task(server, "hello"), submit(server, task="app.worker.run_task")
    for task_id in (good, bad):
        ended(server, task_id)
    info = flower(server, f"/task/info/{good}")
    assert set(info) == TASK_KEYS and len(TASK_KEYS) == 31
    assert (info["uuid"], info["name"], info["state"]) == (good, "app.worker.run_task", "SUCCESS")
    assert (info["args"], info["kwargs"], info["result"]) == ("['hello']", "{}", "'test task return hello'")
    assert info["sent"] <= info["received"] <= info["started"] <= info["succeeded"] == info["timestamp"]
    assert info["worker"] == "branchline" and info["routing_key"] == "main-queue" and info["runtime"] >= 0
    tasks = flower(server, "/tasks")
    assert set(tasks) == {good, bad} and all(set(task) == TASK_KEYS for task in tasks.values())
    assert tasks[bad]["exception"].startswith("TypeError(") and tasks[bad]["result"] is None
    assert list(flower(server, "/tasks?state=FAILURE")) == [bad]
    assert list(flower(server, "/tasks?sort_by=received&limit=1")) == [good]
    assert list(flower(server, "/tasks?sort_by=-received&limit=1")) == [bad]
    assert flower(server, "/tasks?taskname=other") == {} and flower(server, "/tasks?workername=other") == {}
    assert len(flower(server, "/tasks?taskname=All&workername=branchline&offset=1")) == 1
    assert server.get("/flower/api/task/info/nobody").status_code == 404


def test_f6_results_are_as_flower_tells_them(administer: Callable[..., Server]) -> None:
    server = administer()
    set_queue(server, paused=True)
    task_id = run_task(server, "x")
    assert flower(server, f"/task/result/{task_id}") == {"task-id": task_id, "state": "PENDING"}
    set_queue(server, paused=False)
    assert flower(server, f"/task/result/{task_id}?timeout=30") == {
        "task-id": task_id, "state": "SUCCESS", "result": "test task return x",
    }
    assert flower(server, "/task/result/nobody") == {"task-id": "nobody", "state": "PENDING"}


def test_f6_the_worker_tells_what_it_does(administer: Callable[..., Server]) -> None:
    server = administer()
    running = python(server, "import time; time.sleep(600)")
    assert flower(server, "/workers?status=1") == {"branchline": True}
    harness.wait_until(lambda: flower(server, "/workers")["branchline"]["active"], 20, "a task")
    worker = flower(server, "/workers?workername=branchline")["branchline"]
    assert worker["active"][0]["id"] == running
    assert worker["active_queues"][0]["name"] == "main-queue"
    assert "app.worker.run_task" in worker["registered"] and worker["stats"]["pool"]["max-concurrency"] == 2
    assert server.get("/flower/api/workers?workername=other").status_code == 404
    ok(server, "POST", f"/api/v1/jobs/{running}/cancel")


def test_f7_a_socket_is_told_of_each_event_once(administer: Callable[..., Server]) -> None:
    server = administer()

    def dial(path: str) -> websocket.WebSocket:
        address = server.url.replace("http", "ws") + f"/flower/api/task/events/{path}"
        return websocket.create_connection(
            address, timeout=30, origin=server.url, header=[f"Authorization: Bearer {server.token}"]
        )

    succeeded, failed = dial("task-succeeded/"), dial("task-failed/")
    task_id = run_task(server, "hello")
    event = json.loads(succeeded.recv())
    assert (event["type"], event["uuid"], event["hostname"]) == ("task-succeeded", task_id, "branchline")
    assert event["result"] == "'test task return hello'" and event["runtime"] >= 0
    bad = submit(server, task="app.worker.run_task")
    event = json.loads(failed.recv())
    assert (event["type"], event["uuid"]) == ("task-failed", bad) and event["exception"].startswith("TypeError")
    own = dial("task-succeeded/mine")
    others = run_task(server, "other")
    mine = submit(server, task="app.worker.run_task", args=["mine"], task_id="mine")
    assert json.loads(own.recv())["uuid"] == mine
    assert [json.loads(succeeded.recv())["uuid"] for _ in range(2)] == [others, mine]
    with pytest.raises(websocket.WebSocketBadStatusException, match="404"):
        dial("task-danced/")
    for socket in (succeeded, failed, own):
        socket.close()


def test_f9_flower_is_for_superusers(administer: Callable[..., Server]) -> None:
    server = administer()
    made = server.post("/api/v1/users/", {"email": "kim@example.org", "password": "long enough"})
    assert made.status_code == 200, made.text
    form = {"username": "kim@example.org", "password": "long enough"}
    token = server.request("POST", "/api/v1/login/access-token", data=form).json()["access_token"]
    kim = Server("branchline", server.url, token)
    for path in ("workers", "tasks", "task/info/x", "task/result/x"):
        assert kim.get(f"/flower/api/{path}").status_code == 403, path
    assert Server("branchline", server.url, None).get("/flower/api/tasks").status_code == 401
    assert "flower_events_total" not in kim.get("/metrics").text


def test_f1_the_numbers_of_the_monitor(administer: Callable[..., Server]) -> None:
    server = administer()
    for number in range(4):
        ended(server, run_task(server, str(number)))
    ended(server, submit(server, task="app.worker.run_task"))
    stats = ok(server, "GET", "/api/v1/jobs/stats")["states"]
    assert (stats["SUCCESS"], stats["FAILURE"], stats["STARTED"]) == (4, 1, 0)
    history = ok(server, "GET", "/api/v1/jobs/history?minutes=60")
    assert len(history["times"]) == 60 and history["period_ms"] == 60_000
    assert (sum(history["succeeded"]), sum(history["failed"]), sum(history["retried"])) == (4, 1, 0)
    last = max(index for index, count in enumerate(history["succeeded"]) if count)
    assert history["wait_ms"][last] >= 0 and history["longest_wait_ms"][last] >= history["wait_ms"][last]
    assert history["wait_ms"][0] is None
    assert server.get("/api/v1/jobs/history?minutes=0").status_code == 400


def test_what_a_running_job_uses_is_looked_up(administer: Callable[..., Server]) -> None:
    server = administer()
    code = "import subprocess,sys; subprocess.run([sys.executable, '-c', 'print(1, flush=True)\\nwhile True: pass'])"
    task_id = python(server, code)
    usage = lambda: ok(server, "GET", f"/api/v1/jobs/{task_id}/usage")  # noqa: E731
    harness.wait_until(lambda: (usage()["cpu_ms"] or 0) > 200, 30, "processor time of the tree")
    now = usage()
    assert now["processes"] == 2 and now["memory_bytes"] > 1_000_000
    ok(server, "POST", f"/api/v1/jobs/{task_id}/cancel")
    ended(server, task_id)
    assert usage()["cpu_ms"] is None


SMI = """#!/bin/sh
echo "$@" >> {calls}
echo "0, GPU-aaaa, 35, 1024, 24576"
echo "1, GPU-bbbb, [N/A], 2048, [N/A]"
"""


def test_the_gpus_of_a_running_job_are_asked_of_their_driver_and_else_nobody_asks(
    administer: Callable[..., Server], tmp_path: Path
) -> None:
    calls = tmp_path / "calls"
    calls.touch()
    program = tmp_path / "bin/nvidia-smi"
    program.parent.mkdir()
    program.write_text(SMI.format(calls=calls))
    program.chmod(0o755)
    path = f"{program.parent}{os.pathsep}{os.environ['PATH']}"
    server = administer(BRANCHLINE_JOBS_GPU_SLOTS="2", PATH=path, CUDA_VISIBLE_DEVICES="1,0")
    usage = lambda task_id: ok(server, "GET", f"/api/v1/jobs/{task_id}/usage")  # noqa: E731
    without = python(server, "print('go'); import time; time.sleep(600)")
    says(server, without, "go")
    assert usage(without)["gpus"] == [] and usage(without)["processes"] == 1
    assert calls.read_text() == "", "nobody holds a slot"
    both = python(server, "print('go'); import time; time.sleep(600)", gpus=2)
    says(server, both, "go")
    mib = 1024 * 1024
    assert usage(both)["gpus"] == [
        {"slot": 0, "utilization": None, "memory_bytes": 2048 * mib, "memory_total": None},
        {"slot": 1, "utilization": 0.35, "memory_bytes": 1024 * mib, "memory_total": 24576 * mib},
    ], "slot 0 is the first device that Branchline itself sees"
    assert "--query-gpu=index,uuid,utilization.gpu,memory.used,memory.total" in calls.read_text()
    for task_id in (without, both):
        ok(server, "POST", f"/api/v1/jobs/{task_id}/cancel")
        ended(server, task_id)
    asked = calls.read_text()
    assert usage(both)["gpus"] == [] and calls.read_text() == asked


def test_without_a_driver_there_is_nothing_about_gpus(administer: Callable[..., Server], tmp_path: Path) -> None:
    server = administer(BRANCHLINE_JOBS_GPU_SLOTS="1", PATH=str(tmp_path))
    task_id = python(server, "print('go'); import time; time.sleep(600)", gpus=1)
    says(server, task_id, "go")
    usage = ok(server, "GET", f"/api/v1/jobs/{task_id}/usage")
    assert usage["gpus"] == [] and usage["processes"] == 1
    ok(server, "POST", f"/api/v1/jobs/{task_id}/cancel")
