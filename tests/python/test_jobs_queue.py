"""The job queue over HTTP, row by row of what Celery's users could do (Q1 to Q25)."""

from __future__ import annotations

import json
import re
import sqlite3
from collections.abc import Callable
from contextlib import closing
from datetime import datetime
from pathlib import Path

import pytest

import harness
from harness import Server
from jobs_help import ended, job, ok, python, set_queue, states, submit

pytestmark = [pytest.mark.own_server, pytest.mark.branchline_only]


def at(text: str) -> float:
    return datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()


def noop(server: Server, **options: object) -> str:
    return submit(server, task="branchline.noop", **options)


def run_task(server: Server, word: str, **options: object) -> str:
    return submit(server, task="app.worker.run_task", args=[word], **options)


def test_q1_a_job_that_was_answered_runs_after_a_kill(administer: Callable[..., Server], tmp_path: Path) -> None:
    server = administer()
    set_queue(server, paused=True)
    task_id = run_task(server, "hello")
    server.kill()
    again = administer()
    assert job(again, task_id)["status"] == "PENDING"
    set_queue(again, paused=False)
    assert ended(again, task_id)["result"] == "test task return hello"


def test_q2_the_same_id_twice_is_one_job(administer: Callable[..., Server]) -> None:
    server = administer()
    body = {"task": "app.worker.run_task", "args": ["a"], "task_id": "my-own-id"}
    first = server.post("/api/v1/jobs", body)
    ended(server, "my-own-id")
    second = server.post("/api/v1/jobs", {**body, "args": ["b"]})
    assert (first.status_code, second.status_code) == (201, 200)
    assert second.json()["args"] == ["a"]
    assert job(server, "my-own-id")["attempt"] == 1
    assert server.post("/api/v1/jobs", {**body, "task_id": "../x"}).status_code == 400


def test_q3_states_of_a_job_with_one_retry(administer: Callable[..., Server], tmp_path: Path) -> None:
    server = administer()
    code = f"import os,sys; p={str(tmp_path / 'mark')!r}\nif not os.path.exists(p): open(p,'w'); sys.exit(3)"
    task_id = python(server, code, max_retries=2, retry_delay=0.01)
    assert ended(server, task_id)["status"] == "SUCCESS"
    assert states(server, task_id) == ["RECEIVED", "STARTED", "RETRY", "RECEIVED", "STARTED", "SUCCESS"]


def test_q4_the_record_has_the_fields_of_celery(administer: Callable[..., Server]) -> None:
    server = administer()
    good = ended(server, run_task(server, "x"))
    celery = {"status", "result", "traceback", "children", "date_done", "task_id"}
    assert celery | {"name", "args", "kwargs", "worker", "retries", "queue", "runtime"} <= set(good)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}", good["date_done"])
    assert (good["children"], good["traceback"], good["retries"]) == ([], None, 0)
    bad = ended(server, submit(server, task="app.worker.run_task"))
    assert bad["status"] == "FAILURE"
    assert set(bad["result"]) == {"exc_type", "exc_message", "exc_module"}


def test_q5_an_unknown_id_is_not_found(administer: Callable[..., Server]) -> None:
    assert administer().get("/api/v1/jobs/nobody").status_code == 404


def test_q6_a_wait_ends_with_the_job_and_a_job_is_forgotten(administer: Callable[..., Server]) -> None:
    server = administer()
    task_id = submit(server, "sleep", "60")
    still = job(server, task_id, wait=0.2)
    assert still["status"] in {"PENDING", "RECEIVED", "STARTED"}
    assert server.request("DELETE", f"/api/v1/jobs/{task_id}").status_code == 409
    ok(server, "POST", f"/api/v1/jobs/{task_id}/cancel")
    assert ended(server, task_id)["status"] == "REVOKED"
    assert server.request("DELETE", f"/api/v1/jobs/{task_id}").status_code == 204
    assert server.get(f"/api/v1/jobs/{task_id}").status_code == 404


def test_q7_a_job_that_fails_twice_succeeds_at_the_third(administer: Callable[..., Server], tmp_path: Path) -> None:
    server = administer()
    code = (
        f"import sys; f=open({str(tmp_path / 'tries')!r},'a+'); f.write('x'); f.seek(0)\n"
        "sys.exit(0 if len(f.read())>2 else 1)"
    )
    task_id = python(server, code, max_retries=3, retry_delay=0.2, retry_jitter=False)
    record = ended(server, task_id)
    assert (record["status"], record["retries"], len(record["attempts"])) == ("SUCCESS", 2, 3)
    attempts = record["attempts"]
    waits = [at(b["received_at"]) - at(a["ended_at"]) for a, b in zip(attempts, attempts[1:])]
    assert waits[0] >= 0.19 and waits[1] >= 0.39, waits


def test_q7_a_failed_job_is_tried_again_by_hand(administer: Callable[..., Server]) -> None:
    server = administer()
    task_id = python(server, "raise SystemExit(4)")
    record = ended(server, task_id)
    assert record["status"] == "FAILURE" and record["attempts"][0]["exit_code"] == 4
    ok(server, "POST", f"/api/v1/jobs/{task_id}/retry")
    assert len(ended(server, task_id)["attempts"]) == 2


def test_q10_a_rate_spreads_the_starts(administer: Callable[..., Server]) -> None:
    server = administer()
    set_queue(server, concurrency=20, paused=True)
    assert server.request("PUT", "/api/v1/job-rates/branchline.noop", json={"rate": "10/s"}).status_code == 204
    ids = [noop(server) for _ in range(20)]
    set_queue(server, paused=False)
    records = [ended(server, task_id) for task_id in ids]
    starts = sorted(at(record["started_at"]) for record in records)
    assert starts[-1] - starts[0] >= 1.85
    assert ok(server, "GET", "/api/v1/job-rates")["rates"] == {"branchline.noop": "10/s"}


def test_q11_a_paused_queue_keeps_its_jobs_and_others_go_on(administer: Callable[..., Server]) -> None:
    server = administer()
    set_queue(server, "slow", paused=True)
    kept = noop(server, queue="slow")
    assert ended(server, noop(server, queue="fast"))["status"] == "SUCCESS"
    assert job(server, kept)["status"] == "PENDING"
    set_queue(server, "slow", paused=False)
    assert ended(server, kept)["status"] == "SUCCESS"


def test_q12_the_highest_priority_starts_first(administer: Callable[..., Server]) -> None:
    server = administer()
    set_queue(server, concurrency=1, paused=True)
    ids = {priority: noop(server, priority=priority) for priority in (0, 3, 9)}
    waiting = ok(server, "GET", "/api/v1/queues/main-queue/jobs")["task_ids"]
    assert waiting == [ids[9], ids[3], ids[0]]
    set_queue(server, paused=False)
    started = {p: at(ended(server, i)["started_at"]) for p, i in ids.items()}
    assert started[9] <= started[3] <= started[0]


def test_q13_eta_and_countdown(administer: Callable[..., Server]) -> None:
    server = administer()
    record = ended(server, noop(server, countdown=0.5))
    waited = at(record["started_at"]) - at(record["queued_at"])
    assert 0.5 <= waited
    later = noop(server, eta="2020-01-01T00:00:00Z")
    assert ended(server, later)["status"] == "SUCCESS"
    held = noop(server, countdown=3600)
    assert job(server, held)["status"] == "PENDING"
    assert server.post("/api/v1/jobs", {"task": "branchline.noop", "countdown": 1, "eta": "2030-01-01T00:00:00Z"}).status_code == 400


def test_q13_what_became_due_while_the_program_was_closed_runs_at_the_next_start(
    administer: Callable[..., Server], tmp_path: Path
) -> None:
    server = administer()
    task_id = noop(server, countdown=3600)
    assert server.stop() == 0
    with closing(sqlite3.connect(tmp_path / "data" / "branchline.db")) as database, database:
        database.execute("UPDATE job SET due_at = 1")
    assert ended(administer(), task_id)["status"] == "SUCCESS"


def test_q14_an_expired_job_never_starts(administer: Callable[..., Server]) -> None:
    server = administer()
    set_queue(server, concurrency=1)
    blocker = submit(server, "sleep", "60")
    expired = noop(server, expires=0.2)
    record = ended(server, expired)
    assert (record["status"], record["attempts"]) == ("REVOKED", [])
    assert record["result"]["exc_type"] == "Expired"
    ok(server, "POST", f"/api/v1/jobs/{blocker}/cancel")


def add_up(numbers: str) -> str:
    return f"import os,json; open(os.environ['BRANCHLINE_RESULT_FILE'],'w').write(json.dumps({{'result': {numbers}}}))"


def command(code: str) -> dict[str, object]:
    import sys

    return {"job": {"command": [sys.executable, "-c", code]}}


def test_q15_a_chord_adds_up_and_a_chain_passes_on(administer: Callable[..., Server]) -> None:
    server = administer()
    before = "json.loads(os.environ['BRANCHLINE_PARENT_RESULTS'])"
    graph = {
        "chain": [
            {"chord": [command(add_up(str(n))) for n in range(1, 11)], "body": command(add_up(f"sum({before})"))},
            command(add_up(f"{before}[0] * 2")),
        ]
    }
    queued = ok(server, "POST", "/api/v1/jobs/graph", graph)
    assert len(queued["task_ids"]) == 12
    assert ended(server, queued["last"][0])["result"] == 110
    body = job(server, queued["task_ids"][10])
    assert body["result"] == 55 and len(body["parents"]) == 10 and body["children"] == queued["last"]
    assert {body["root_id"]} == {queued["root_id"]} == {queued["task_ids"][0]}


def test_q15_a_failing_member_fails_the_chord_and_runs_its_link_error(administer: Callable[..., Server]) -> None:
    server = administer()
    noop_job = {"task": "branchline.noop"}
    graph = {
        "chord": [command("raise SystemExit(1)"), {"job": noop_job}],
        "body": {"job": noop_job, "link_error": [{"task": "app.worker.run_task", "args": ["sorry"]}]},
    }
    ids = ok(server, "POST", "/api/v1/jobs/graph", graph)["task_ids"]
    assert ended(server, ids[2])["status"] == "FAILURE"
    assert job(server, ids[2])["result"]["exc_type"] == "UpstreamError"
    assert ended(server, ids[3])["result"] == "test task return sorry"
    fine = ok(server, "POST", "/api/v1/jobs/graph", {"job": noop_job, "link_error": [noop_job]})["task_ids"]
    assert ended(server, fine[0])["status"] == "SUCCESS"
    assert ended(server, fine[1])["status"] == "REVOKED", "nothing failed"


def test_q17_a_cancelled_job_never_starts_also_after_a_restart(administer: Callable[..., Server]) -> None:
    server = administer()
    set_queue(server, paused=True)
    task_id = noop(server)
    assert ok(server, "POST", f"/api/v1/jobs/{task_id}/cancel")["status"] == "REVOKED"
    server.kill()
    again = administer()
    set_queue(again, paused=False)
    ended(again, noop(again))
    assert job(again, task_id)["attempts"] == []


def test_q18_concurrency_is_changed_live(administer: Callable[..., Server], tmp_path: Path) -> None:
    server = administer()
    set_queue(server, concurrency=1)
    # Each waits for the other: both end only if both run at a time.
    code = (
        f"import os; d={str(tmp_path)!r}; me,other=os.environ['A'],os.environ['B']\n"
        "os.mkfifo(d+'/'+me) if me=='a' else None\n"
        "open(d+'/a','r' if me=='a' else 'w').close()"
    )
    first = python(server, code, env={"A": "a", "B": "b"})
    second = python(server, code, env={"A": "b", "B": "a"})
    assert job(server, second, wait=0.3)["status"] == "PENDING"
    assert set_queue(server, concurrency=2)["concurrency"] == 2
    assert [ended(server, first)["status"], ended(server, second)["status"]] == ["SUCCESS", "SUCCESS"]
    assert server.request("PATCH", "/api/v1/queues/main-queue", json={"concurrency": 0}).status_code == 400


def test_q19_no_worker_idles_while_a_job_waits(administer: Callable[..., Server]) -> None:
    server = administer()
    set_queue(server, concurrency=2)
    long = submit(server, "sleep", "60")
    short = [ended(server, noop(server))["status"] for _ in range(5)]
    assert short == ["SUCCESS"] * 5 and job(server, long)["status"] == "STARTED"
    ok(server, "POST", f"/api/v1/jobs/{long}/cancel")


def test_q22_inspect_and_control(administer: Callable[..., Server], tmp_path: Path) -> None:
    server = administer()
    data_dir = tmp_path / "data"

    def cli(*arguments: str) -> object:
        done = harness.run_cli(data_dir, "jobs", *arguments, "--json")
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    running = submit(server, "sleep", "60", queue="one")
    job(server, running, wait=0.5)
    later = noop(server, countdown=3600)
    cli("control", "pause", "two")
    reserved = noop(server, queue="two")
    revoked = noop(server, queue="two")
    ok(server, "POST", f"/api/v1/jobs/{revoked}/cancel")
    ids = lambda what: [found["task_id"] for found in cli("inspect", what)]  # noqa: E731
    assert ids("active") == [running]
    assert ids("scheduled") == [later]
    assert ids("reserved") == [reserved]
    assert ids("revoked") == [revoked]
    assert "app.worker.run_task" in cli("inspect", "registered")["tasks"]
    assert cli("inspect", "stats")["states"]["REVOKED"] == 1
    assert cli("inspect", "ping")["ok"] == "pong"
    assert cli("inspect", "query-task", running)["task_id"] == running
    assert cli("control", "concurrency", "two", "7")["concurrency"] == 7
    assert cli("control", "rate-limit", "branchline.noop", "5/m")["rate"] == "5/m"
    cli("cancel", running)
    assert ended(server, running)["status"] == "REVOKED"


def test_q23_a_queue_is_listed_in_order_and_purged(administer: Callable[..., Server]) -> None:
    server = administer()
    set_queue(server, concurrency=1)
    running = submit(server, "sleep", "60")
    assert job(server, running, wait=0.3)["status"] == "STARTED"
    ids = [noop(server) for _ in range(12)]
    assert ok(server, "GET", "/api/v1/queues/main-queue/jobs")["task_ids"] == ids
    assert ok(server, "POST", "/api/v1/queues/main-queue/purge")["purged"] == 12
    queue = ok(server, "GET", "/api/v1/queues")["queues"][0]
    assert (queue["ready"], queue["running"]) == (0, 1)
    assert job(server, running)["status"] == "STARTED"
    ok(server, "POST", f"/api/v1/jobs/{running}/cancel")


def test_q24_the_command_line_shows_the_same_record(administer: Callable[..., Server], tmp_path: Path) -> None:
    server = administer()
    task_id = run_task(server, "x")
    record = ended(server, task_id)
    done = harness.run_cli(tmp_path / "data", "jobs", "show", task_id, "--json")
    assert json.loads(done.stdout) == record


def test_q25_a_job_reports_its_progress(administer: Callable[..., Server]) -> None:
    server = administer()
    code = (
        "import os,json,urllib.request as u\n"
        "e=os.environ; r=u.Request(e['BRANCHLINE_URL']+'/api/v1/jobs/'+e['BRANCHLINE_JOB_ID']+'/report',"
        "json.dumps({'progress':0.5,'text':'half'}).encode(),"
        "{'Authorization':'Bearer '+e['BRANCHLINE_TOKEN'],'Content-Type':'application/json'})\n"
        "u.urlopen(r)"
    )
    record = ended(server, python(server, code))
    assert record["status"] == "SUCCESS", record
    assert record["meta"] == {"progress": 0.5, "text": "half"}


def test_one_of_a_unique_key_lives_at_a_time(administer: Callable[..., Server]) -> None:
    server = administer()
    set_queue(server, paused=True)
    first = noop(server, unique_key="nightly")
    assert noop(server, unique_key="nightly") == first
    set_queue(server, paused=False)
    ended(server, first)
    assert noop(server, unique_key="nightly") != first


def test_the_list_is_filtered_and_paged(administer: Callable[..., Server]) -> None:
    server = administer()
    ids = [noop(server) for _ in range(5)]
    for task_id in ids:
        ended(server, task_id)
    page = ok(server, "GET", "/api/v1/jobs?max_results=3&state=SUCCESS")
    rest = ok(server, "GET", f"/api/v1/jobs?max_results=3&state=SUCCESS&page_token={page['next_page_token']}")
    assert [j["task_id"] for j in page["jobs"] + rest["jobs"]] == ids[::-1]
    assert ok(server, "GET", "/api/v1/jobs?state=FAILURE")["jobs"] == []
    assert server.get("/api/v1/jobs?state=ODD").status_code == 400
