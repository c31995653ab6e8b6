"""Jobs under control: limits of tasks (Q9, Q22), the machine (Q18), ending (Q27), answering after
the end (Q29), and the order of the list (F2)."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import requests

import harness
from harness import Server
from jobs_help import PYTHON, ended, job, log, ok, python, says, set_queue, submit

pytestmark = [pytest.mark.own_server, pytest.mark.branchline_only]


def cli(server: Server, *words: str) -> Any:
    done = harness.run_cli(server.data_dir, "--json", "jobs", *words)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def shut_down(server: Server, jobs: str) -> None:
    """As who can read `instance.json` may."""
    secret = json.loads((server.data_dir / "instance.json").read_text())["secret"]
    answer = requests.post(
        f"{server.url}/api/v1/shutdown?jobs={jobs}", headers={"Authorization": f"Bearer {secret}"}, timeout=30
    )
    assert answer.status_code == 202, answer.text


def waits_for(file: Path) -> str:
    """Code that ends when there is a file, and says where it is."""
    return f"import os, time\nprint('go')\nwhile not os.path.exists({str(file)!r}): time.sleep(0.02)"


def test_q9_a_busy_loop_ends_by_three_seconds_and_the_server_answers_meanwhile(administer: Callable[..., Server]) -> None:
    server = administer()
    task_id = cli(server, "submit", "--time-limit", "2", "--", PYTHON, "-c", "print('go')\nwhile True: pass")["task_id"]
    says(server, task_id, "go")
    slowest = 0.0
    while (record := job(server, task_id))["status"] == "STARTED":
        began = time.monotonic()
        assert server.get("/health").text == "OK"
        slowest = max(slowest, time.monotonic() - began)
    assert (record["status"], record["result"]["exc_type"]) == ("FAILURE", "TimeLimitExceeded")
    assert 2 <= record["runtime"] < 3, record["runtime"]
    assert slowest < 1


def test_q22_time_limits_of_a_task_are_of_jobs_that_say_nothing_themselves(administer: Callable[..., Server]) -> None:
    server = administer()
    assert cli(server, "control", "time-limit", "command", "--hard", "0.5")["time_limit"] == 0.5
    assert cli(server, "inspect", "conf")["time_limits"] == {"command": {"soft_time_limit": None, "time_limit": 0.5}}
    limited = ended(server, python(server, "while True: pass"))
    assert (limited["result"]["exc_type"], limited["time_limit"]) == ("TimeLimitExceeded", 0.5)
    own = ended(server, python(server, "import time; time.sleep(0.8)", time_limit=60))
    assert own["status"] == "SUCCESS", "what a job says itself counts"
    cli(server, "control", "time-limit", "command", "--soft", "0.5")
    soft = ended(server, python(server, "import time; time.sleep(600)"))
    assert soft["result"]["exc_type"] == "SoftTimeLimitExceeded"
    cli(server, "control", "time-limit", "command")
    assert ok(server, "GET", "/api/v1/job-limits")["limits"] == {}
    assert job(server, python(server, "pass"), wait=60)["time_limit"] is None
    assert server.request("PUT", "/api/v1/job-limits/x", json={"time_limit": -1}).status_code == 400
    assert server.request("PUT", "/api/v1/job-limits/x", json={"time_limit": 0}).status_code == 400


def test_q22_a_queue_that_follows_the_machine_says_how_many_that_are(administer: Callable[..., Server]) -> None:
    server = administer()
    processors = len(os.sched_getaffinity(0))
    follows = cli(server, "control", "autoscale", "q", "256")
    assert follows["autoscale"] == {"min": 1, "max": 256}
    assert follows["concurrency"] in {processors, 1}, "a job for each processor, or on battery one"
    assert cli(server, "control", "autoscale", "q", "200", "200")["concurrency"] == 200
    assert cli(server, "control", "autoscale", "q", "1", "1")["concurrency"] == 1
    ids = [submit(server, PYTHON, "-c", "print('go'); import time; time.sleep(600)", queue="q") for _ in range(2)]
    says(server, ids[0], "go")
    assert job(server, ids[1])["status"] == "PENDING"
    assert cli(server, "control", "pool-grow", "q")["concurrency"] == 2
    says(server, ids[1], "go")
    assert ok(server, "GET", "/api/v1/queues")["queues"][0]["autoscale"] is None, "a number is a number"
    for wrong in ({"min": 2, "max": 1}, {"min": 0, "max": 1}, {"min": 1, "max": 257}):
        assert server.request("PATCH", "/api/v1/queues/q", json={"autoscale": wrong}).status_code == 400
    both = {"autoscale": {"min": 1, "max": 2}, "concurrency": 2}
    assert server.request("PATCH", "/api/v1/queues/q", json=both).status_code == 400
    for task_id in ids:
        cli(server, "cancel", task_id)


def test_q22_and_q27_a_warm_shutdown_lets_what_runs_finish_and_starts_nothing(
    administer: Callable[..., Server], tmp_path: Path
) -> None:
    server = administer()
    set_queue(server, concurrency=4)
    running = python(server, waits_for(tmp_path / "done"))
    says(server, running, "go")
    assert cli(server, "control", "shutdown") == {"jobs": "finish"}
    queued = submit(server, task="branchline.noop")
    [queue] = ok(server, "GET", "/api/v1/queues")["queues"]
    assert queue["paused"] and "ends when what runs has ended" in queue["reason"]
    assert job(server, queued, wait=0.3)["status"] == "PENDING"
    (tmp_path / "done").touch()
    assert server.process.wait(30) == 0
    again = administer()
    assert job(again, running)["status"] == "SUCCESS"
    assert ended(again, queued)["status"] == "SUCCESS"


def test_q27_what_is_put_off_runs_after_the_next_start_whatever_it_asks_for(
    administer: Callable[..., Server], tmp_path: Path
) -> None:
    server = administer()
    running = python(server, waits_for(tmp_path / "done"))
    says(server, running, "go")
    shut_down(server, "later")
    assert server.process.wait(30) == 0
    (tmp_path / "done").touch()
    record = ended(administer(), running)
    assert (record["status"], len(record["attempts"]), record["retries"]) == ("SUCCESS", 2, 0)
    assert "it runs again" in record["attempts"][0]["reason"]


def test_q27_a_cold_shutdown_fails_what_does_not_run_again_by_itself(administer: Callable[..., Server]) -> None:
    server = administer()
    running = python(server, "print('go'); import time; time.sleep(600)")
    says(server, running, "go")
    assert cli(server, "control", "shutdown", "--now") == {"jobs": "stop"}
    assert server.process.wait(30) == 0
    assert job(administer(), running)["result"]["exc_type"] == "WorkerLostError"


def test_q29_inline_a_job_has_finished_when_the_post_returns(administer: Callable[..., Server]) -> None:
    server = administer("--jobs", "inline")
    answer = server.post("/api/v1/jobs", {"task": "app.worker.run_task", "args": ["x"], "countdown": 3600})
    assert answer.status_code == 201
    assert (answer.json()["status"], answer.json()["result"]) == ("SUCCESS", "test task return x")
    failed = server.post("/api/v1/jobs", {"command": [PYTHON, "-c", "raise SystemExit(3)"]}).json()
    assert failed["status"] == "FAILURE"
    stack = server.post("/api/v1/utils/queue-celery-task/", {"msg": "y"}).json()
    assert ok(server, "GET", f"/api/v1/utils/task-status/{stack['task_id']}")["task_status"] == "SUCCESS"
    word = {"job": {"task": "app.worker.run_task", "args": ["z"]}}
    graph = ok(server, "POST", "/api/v1/jobs/graph", {"chain": [word, word]})
    assert [job(server, task_id)["status"] for task_id in graph["task_ids"]] == ["SUCCESS"] * 2


def test_the_training_is_a_task_by_its_name(administer: Callable[..., Server], tmp_path: Path) -> None:
    folder = tmp_path / "mine"
    folder.mkdir()
    (folder / "tasks.py").write_text("def fit(alpha: float, l1_ratio: float) -> str: return f'{alpha} {l1_ratio}'\n")
    server = administer(BRANCHLINE_ML_PROJECT="mine")
    ok(server, "POST", "/api/v1/projects", {"path": str(folder), "interpreter": PYTHON})
    train = {"task": "app.worker.train_enet_diabetes_model"}
    assert train["task"] in ok(server, "GET", "/api/v1/jobs/tasks")["tasks"]
    for arguments in ({"args": [0.5, 0.25]}, {"kwargs": {"alpha": 0.5, "l1_ratio": 0.25}}, {"args": [0.5], "kwargs": {"l1_ratio": 0.25}}):
        record = ended(server, submit(server, **train, **arguments))
        assert record["result"] == "0.5 0.25", log(server, record["task_id"])["text"]
        assert (record["name"], record["command"]) == (train["task"], None)
    for wrong in ({}, {"args": [1]}, {"args": [1, 2, 3]}, {"kwargs": {"alpha": 1, "beta": 2}}):
        refused = server.post("/api/v1/jobs", {**train, **wrong})
        assert refused.status_code == 400 and "alpha and l1_ratio" in refused.json()["detail"]
    chain = {"chain": [{"job": {**train, "args": [1, 2]}}, {"job": {"task": "branchline.noop"}}]}
    queued = ok(server, "POST", "/api/v1/jobs/graph", chain)
    assert ended(server, queued["last"][0])["status"] == "SUCCESS"
    ok(server, "POST", "/api/v1/schedules", {"name": "nightly", "every": 3600, "job": {**train, "args": [3, 4]}})
    by_hand = ok(server, "POST", "/api/v1/schedules/nightly/run")["task_id"]
    assert ended(server, by_hand)["result"] in {"3 4", "3.0 4.0"}
    queued_by_cli = cli(server, "submit", "--task", train["task"], "--args", "[5, 6]")["task_id"]
    assert ended(server, queued_by_cli)["status"] == "SUCCESS"
    assert server.request("DELETE", "/api/v1/projects/1").status_code == 204
    lost = ended(server, submit(server, **train, args=[1, 2]))
    assert lost["result"]["exc_type"] == "NotStarted" and "mine" in lost["message"]


def test_f2_the_list_is_ordered_by_a_column_page_by_page(administer: Callable[..., Server]) -> None:
    server = administer()
    quick = ended(server, python(server, "pass"))["task_id"]
    slow = ended(server, python(server, "import time; time.sleep(0.6)"))["task_id"]
    waiting = submit(server, task="branchline.noop", queue="another", countdown=3600, priority=3)

    def listed(order: str) -> list[str]:
        ids, token = [], ""
        while True:
            page = ok(server, "GET", f"/api/v1/jobs?max_results=1&order_by={order}&page_token={token}")
            ids += [found["task_id"] for found in page["jobs"]]
            token = page["next_page_token"]
            if not token:
                return ids

    assert listed("runtime DESC") == [slow, quick, waiting]
    assert listed("runtime ASC") == [quick, slow, waiting]
    assert listed("queued_at ASC") == [quick, slow, waiting]
    assert listed("queue ASC")[0] == listed("priority DESC")[0] == listed("name ASC")[0] == waiting
    assert listed("status ASC") == [waiting, slow, quick]
    wrong = server.get("/api/v1/jobs?order_by=args")
    assert wrong.status_code == 400 and "queued_at" in wrong.json()["detail"]
    by_cli = harness.run_cli(server.data_dir, "jobs", "list", "--order-by", "runtime DESC", "--json")
    assert [found["task_id"] for found in json.loads(by_cli.stdout)["jobs"]] == [slow, quick, waiting]


def processor_ticks(pid: int) -> int:
    """Hundredths of a second that a process was on a processor."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return int(fields[11]) + int(fields[12])


def test_an_idle_server_does_nothing_whatever_waits(administer: Callable[..., Server]) -> None:
    server = administer()
    set_queue(server, "paused", paused=True)
    submit(server, task="branchline.noop", queue="paused")
    submit(server, task="branchline.noop", countdown=3600)
    submit(server, task="branchline.noop", expires=3600, queue="paused")
    ok(server, "POST", "/api/v1/schedules", {"name": "hourly", "every": 3600, "job": {"task": "branchline.noop"}})
    ended(server, submit(server, task="branchline.noop"))
    # What was just done settles: the disk is synced, ends of jobs are gathered.
    time.sleep(2)
    before = processor_ticks(server.process.pid)
    time.sleep(5)
    assert processor_ticks(server.process.pid) - before <= 2
