"""Sweeps: a task over a space of arguments, compared by a metric."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import harness
from harness import Server
from jobs_help import ended, job, ok, set_queue

pytestmark = [pytest.mark.own_server, pytest.mark.branchline_only]

TASKS = '''import mlflow, time

def parabola(x: float, shift: float = 0.0, n: int = 1) -> dict:
    if x > 90:
        raise ValueError("too far")
    return {"y": (x - shift) ** 2, "n": n}

def plain(x: float) -> float:
    return -x

def tracked(x: float) -> str:
    with mlflow.start_run() as run:
        mlflow.log_metric("loss", abs(x - 2))
    return run.info.run_id

def waits(x: int) -> None:
    time.sleep(600)
'''


@pytest.fixture
def server(administer: Callable[..., Server], tmp_path: Path) -> Server:
    folder = tmp_path / "swept"
    folder.mkdir()
    (folder / "tasks.py").write_text(TASKS)
    running = administer()
    ok(running, "POST", "/api/v1/projects", {"path": str(folder), "interpreter": sys.executable})
    set_queue(running, concurrency=4)
    return running


def submit(server: Server, **body: Any) -> dict[str, Any]:
    answer = server.post("/api/v1/projects/swept/sweeps", body)
    assert answer.status_code == 201, answer.text
    return answer.json()


def finished(server: Server, sweep: dict[str, Any]) -> dict[str, Any]:
    for each in sweep["jobs"]:
        ended(server, each["task_id"], wait=120)
    return ok(server, "GET", f"/api/v1/sweeps/{sweep['sweep_id']}")


def test_a_grid_is_every_combination_sorted_by_its_metric(server: Server) -> None:
    space = {"x": [3, 1, 99, 2], "shift": {"min": 0, "max": 1, "steps": 2}}
    sweep = submit(server, task="tasks.parabola", space=space, arguments={"n": 7}, metric="y", goal="min")
    assert len(sweep["jobs"]) == 8 and sweep["states"] == {"PENDING": 8} or sum(sweep["states"].values()) == 8
    done = finished(server, sweep)
    values = [each["value"] for each in done["jobs"]]
    assert values == [0, 1, 1, 4, 4, 9, None, None]
    assert done["jobs"][0]["arguments"] == {"x": 1, "shift": 1.0, "n": 7}
    assert done["states"] == {"SUCCESS": 6, "FAILURE": 2}
    assert done["jobs"][-1]["message"] == "too far"
    record = job(server, done["jobs"][0]["task_id"])
    assert record["root_id"] == sweep["sweep_id"] and record["project_id"] == 1
    assert ok(server, "GET", "/api/v1/sweeps?project=swept")["sweeps"][0]["sweep_id"] == sweep["sweep_id"]


def test_a_random_sweep_is_the_same_for_the_same_seed(server: Server) -> None:
    body = {
        "task": "tasks.parabola", "space": {"x": {"min": 0.01, "max": 10, "log": True}, "n": {"min": 1, "max": 5}},
        "method": "random", "count": 6, "queue": "paused",
    }
    set_queue(server, "paused", paused=True)

    def drawn(seed: int) -> list[Any]:
        return sorted(json.dumps(each["arguments"]) for each in submit(server, **body, seed=seed)["jobs"])

    first = drawn(1)
    assert first == drawn(1) != drawn(2)
    for each in map(json.loads, first):
        assert 0.01 <= each["x"] <= 10 and isinstance(each["n"], int) and 1 <= each["n"] <= 5


def test_jobs_are_compared_by_a_metric_of_their_runs_or_by_their_result(server: Server) -> None:
    done = finished(server, submit(server, task="tasks.tracked", space={"x": [1.5, 4]}, metric="loss", goal="min"))
    assert [each["value"] for each in done["jobs"]] == [0.5, 2]
    done = finished(server, submit(server, task="tasks.plain", space={"x": [1, 2]}))
    assert [each["value"] for each in done["jobs"]] == [-1, -2]


def test_a_sweep_has_a_stated_limit_and_says_what_is_wrong(server: Server) -> None:
    def refused(**body: Any) -> dict[str, Any]:
        answer = server.post("/api/v1/projects/swept/sweeps", {"task": "tasks.parabola", **body})
        assert answer.status_code == 400, answer.text
        return answer.json()

    assert "at most 500" in refused(space={"x": list(range(30)), "n": list(range(30))})["detail"]
    assert "at most 500" in refused(space={"x": [1]}, method="random", count=501)["detail"]
    assert refused(space={"x": ["a"]})["fields"] == {"x": "It is a number."}
    assert "x" in refused(space={"x": {"min": 0, "max": 1}})["fields"]
    assert "x" in refused(space={"x": {"min": 0, "max": 1, "steps": 2, "log": True}})["fields"]
    assert "space" in refused(space={})["fields"]
    assert "no method" in refused(space={"x": [1]}, method="odd")["detail"]
    assert ok(server, "GET", "/api/v1/jobs")["jobs"] == [], "all or none"
    assert server.get("/api/v1/sweeps/none").status_code == 404


def test_the_rest_of_a_sweep_is_stopped(server: Server) -> None:
    set_queue(server, concurrency=1)
    sweep = submit(server, task="tasks.waits", space={"x": [1, 2, 3]})
    path = f"/api/v1/sweeps/{sweep['sweep_id']}"
    harness.wait_until(lambda: ok(server, "GET", path)["states"].get("STARTED") == 1, 30, "one to run")
    assert ok(server, "POST", f"{path}/stop") == {"stopped": 2}
    assert ok(server, "GET", path)["states"] == {"STARTED": 1, "REVOKED": 2}
    assert ok(server, "POST", f"{path}/stop?running=true") == {"stopped": 1}
    assert finished(server, sweep)["states"] == {"REVOKED": 3}


def test_the_command_line_sweeps(server: Server) -> None:
    def cli(*words: str, code: int = 0) -> str:
        done = harness.run_cli(server.data_dir, *words)
        assert done.returncode == code, done.stderr
        return done.stdout if code == 0 else done.stderr

    words = ("sweeps", "run", "tasks.parabola", "--over", "x=1,2", "--over", "n=1..3/2", "-a", "shift=1",
             "--metric", "y", "--minimize", "--project", "swept")
    sweep_id = cli(*words).strip()
    done = finished(server, ok(server, "GET", f"/api/v1/sweeps/{sweep_id}"))
    assert [each["value"] for each in done["jobs"]] == [0, 0, 1, 1]
    table = [line.split("\t") for line in cli("sweeps", "show", sweep_id).splitlines()]
    assert table[0] == ["state", "y", "n", "x", "job"] and table[1][:2] == ["SUCCESS", "0.0"]
    assert sweep_id in cli("sweeps", "list")
    assert cli("sweeps", "stop", sweep_id).strip() == "0"
    assert "no range" in cli("sweeps", "run", "tasks.plain", "--over", "x=1..b", "--project", "1", code=2)
