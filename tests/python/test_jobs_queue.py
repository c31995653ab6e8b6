"""The job queue over HTTP, row by row of what Celery's users could do (Q1 to Q25)."""

from __future__ import annotations

import json
import os
import re
import sqlite3
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import datetime
from pathlib import Path

import pytest
import websocket

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


def test_q6_a_wait_is_over_within_100_ms_of_the_end(administer: Callable[..., Server], tmp_path: Path) -> None:
    server = administer()
    late = []
    for number in range(5):
        pipe = tmp_path / f"pipe{number}"
        os.mkfifo(pipe)
        task_id = submit(server, "cat", str(pipe))
        with ThreadPoolExecutor(1) as pool:
            waiting = pool.submit(lambda: (job(server, task_id, wait=60), time.time()))
            pipe.write_text("")
            record, now = waiting.result(60)
        assert record["status"] == "SUCCESS"
        late.append(now - at(record["ended_at"]))
    assert min(late) < 0.1, late


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


def test_q11_tasks_go_to_the_queues_that_the_settings_name(administer: Callable[..., Server]) -> None:
    server = administer(BRANCHLINE_JOBS_ROUTES="app.worker.*=slow, command = programs")
    set_queue(server, "slow", paused=True)
    routed = run_task(server, "x")
    assert (job(server, routed)["queue"], job(server, routed)["status"]) == ("slow", "PENDING")
    assert job(server, submit(server, "true"))["queue"] == "programs"
    assert job(server, noop(server))["queue"] == "main-queue"
    assert job(server, run_task(server, "x", queue="named"))["queue"] == "named", "what is said counts"
    graph = ok(server, "POST", "/api/v1/jobs/graph", {"map": {"task": "app.worker.run_task"}, "over": ["a"]})
    assert job(server, graph["task_ids"][0])["queue"] == "slow"
    ok(server, "POST", "/api/v1/schedules", {"name": "s", "every": 3600, "job": {"task": "app.worker.run_task"}})
    assert ok(server, "POST", "/api/v1/schedules/s/run")["queue"] == "slow"


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
    # It counts from when it is asked for; times are whole milliseconds.
    asked = int(time.time() * 1000)
    record = ended(server, noop(server, countdown=0.5))
    waited = round(at(record["started_at"]) * 1000) - asked
    assert 500 <= waited
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


def test_q15_map_starmap_and_chunks_are_groups_with_a_join(administer: Callable[..., Server]) -> None:
    server = administer()
    word = {"task": "app.worker.run_task"}
    before = "json.loads(os.environ['BRANCHLINE_PARENT_RESULTS'])"
    graph = {"chord": [{"map": word, "over": ["a", "b", "c"]}], "body": command(add_up(f"''.join(x[-1] for x in {before})"))}
    queued = ok(server, "POST", "/api/v1/jobs/graph", graph)
    assert ended(server, queued["last"][0])["result"] == "abc"
    own = "json.loads(os.environ['BRANCHLINE_ARGS'])"
    one = command(add_up(own))["job"]
    starmap = ok(server, "POST", "/api/v1/jobs/graph", {"starmap": {**one, "args": [0]}, "over": [[1, 2], [3]]})
    assert [ended(server, task_id)["result"] for task_id in starmap["task_ids"]] == [[0, 1, 2], [0, 3]]
    chunks = ok(server, "POST", "/api/v1/jobs/graph", {"map": one, "over": [1, 2, 3, 4, 5], "size": 2})
    assert [ended(server, task_id)["result"] for task_id in chunks["task_ids"]] == [[[1, 2]], [[3, 4]], [[5]]]
    assert server.post("/api/v1/jobs/graph", {"map": word, "over": ["a"], "size": 0}).status_code == 400


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


def test_q21_the_stream_has_each_transition_once_in_order_and_goes_on_from_a_cursor(
    administer: Callable[..., Server], tmp_path: Path
) -> None:
    server = administer()

    def dial(**after: str) -> websocket.WebSocket:
        socket = websocket.create_connection(
            server.url.replace("http", "ws") + "/api/v1/events",
            timeout=30, origin=server.url, header=[f"Authorization: Bearer {server.token}"],
        )
        socket.send(json.dumps({"op": "subscribe", "id": "j", "topic": "jobs", **after}))
        return socket

    def until_ended(socket: websocket.WebSocket, task_id: str) -> tuple[list[str], str]:
        seen: list[str] = []
        while True:
            message = json.loads(socket.recv())
            news = message.get("data", {}).get("jobs", [])
            seen += [change["state"] for change in news if change["task_id"] == task_id]
            if seen and seen[-1] in {"SUCCESS", "FAILURE", "REVOKED"}:
                return seen, message["cursor"]

    socket = dial()
    assert json.loads(socket.recv())["kind"] == "subscribed"
    code = f"import os,sys; p={str(tmp_path / 'mark')!r}\nif not os.path.exists(p): open(p,'w'); sys.exit(3)"
    first = python(server, code, max_retries=1, retry_delay=0.01)
    seen, cursor = until_ended(socket, first)
    assert seen == ["PENDING", "RECEIVED", "STARTED", "RETRY", "RECEIVED", "STARTED", "SUCCESS"]
    socket.close()
    second = run_task(server, "while nobody listened")
    ended(server, second)
    again = dial(after=cursor)
    seen, _ = until_ended(again, second)
    assert seen == ["PENDING", "RECEIVED", "STARTED", "SUCCESS"]
    again.close()


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
    assert cli("control", "pool-grow", "two", "3")["concurrency"] == 5
    assert cli("control", "pool-shrink", "two", "4")["concurrency"] == 1
    assert cli("control", "add-consumer", "two")["paused"] is False
    assert cli("control", "cancel-consumer", "two")["paused"] is True
    assert {queue["name"] for queue in cli("inspect", "conf")["queues"]} >= {"one", "two"}
    report = cli("inspect", "report")
    assert [found["task_id"] for found in report["active"]] == [running]
    assert report["states"]["REVOKED"] == 1 and "branchline.noop" in report["registered"]
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


def test_f2_ten_thousand_jobs_are_filtered_quickly(administer: Callable[..., Server], tmp_path: Path) -> None:
    server = administer()
    set_queue(server, "q", paused=True)
    group = {"group": [{"map": {"task": "app.worker.run_task", "queue": "q"}, "over": [f"word {n}" for n in range(9000)]}]}
    ok(server, "POST", "/api/v1/jobs/graph", group)
    failed = submit(server, task="app.worker.run_task", kwargs={"lr": 0.125})
    ended(server, failed)

    def found(text: str) -> tuple[list[str], float]:
        began = time.monotonic()
        page = ok(server, "GET", f"/api/v1/jobs?filter={text}")
        return [one["task_id"] for one in page["jobs"]], time.monotonic() - began

    ids, took = min((found("state:failure+name:run_task") for _ in range(3)), key=lambda pair: pair[1])
    assert ids == [failed] and took < 0.2, took
    assert found("kwargs:0.125")[0] == [failed] and found("result:TypeError")[0] == [failed]
    assert len(found("args:%22word%208999%22+queue:q")[0]) == 1 and found("args:%22word%208999%22+queue:other")[0] == []
    assert found(f"id:{failed[:8]}")[0] == [failed] and found("nothing-like-this")[0] == []
    assert server.get("/api/v1/jobs?filter=state:odd").status_code == 400


@pytest.mark.parametrize("setting", ["count", "days"])
def test_f10_the_oldest_jobs_are_forgotten(administer: Callable[..., Server], tmp_path: Path, setting: str) -> None:
    data = tmp_path / "data"
    if setting == "count":
        server = administer(BRANCHLINE_JOBS_KEEP_COUNT="5")
        ids = [run_task(server, str(n)) for n in range(6)]
        for task_id in ids:
            ended(server, task_id)
        waiting = noop(server, countdown=3600)
        harness.wait_until(lambda: server.get(f"/api/v1/jobs/{ids[0]}").status_code == 404, 20, "the oldest to go")
        left = {found["task_id"] for found in ok(server, "GET", "/api/v1/jobs")["jobs"]}
        assert left == {*ids[1:], waiting}
        return
    server = administer()
    old, young = (submit(server, "echo", "x") for _ in range(2))
    for task_id in (old, young):
        ended(server, task_id)
    assert (data / "jobs" / old).is_dir() and server.stop() == 0
    with closing(sqlite3.connect(data / "branchline.db")) as database, database:
        database.execute("UPDATE job SET ended_at = 1 WHERE task_id = ?", [old])
    again = administer(BRANCHLINE_JOBS_KEEP_DAYS="30")
    harness.wait_until(lambda: again.get(f"/api/v1/jobs/{old}").status_code == 404, 20, "the old one to go")
    assert job(again, young)["status"] == "SUCCESS"
    harness.wait_until(lambda: not (data / "jobs" / old).exists(), 20, "its folder to go")


def test_a_full_disk_stops_the_queues_and_says_so(administer: Callable[..., Server], tmp_path: Path) -> None:
    full = tmp_path / "full"
    server = administer(BRANCHLINE_FAILPOINTS=f"store::commit=full:{full}")
    set_queue(server, paused=True)
    task_id = run_task(server, "later")
    set_queue(server, paused=False, concurrency=2)
    ended(server, task_id)
    # Held until its time, which comes while the disk is full.
    held = noop(server, countdown=1)
    full.touch()
    queue = lambda: ok(server, "GET", "/api/v1/queues")["queues"][0]  # noqa: E731
    harness.wait_until(lambda: queue()["reason"], 20, "the reason")
    assert queue()["paused"] and "no space left" in queue()["reason"]
    assert server.post("/api/v1/jobs", {"task": "branchline.noop"}).status_code == 507
    full.unlink()
    assert ended(server, held)["status"] == "SUCCESS"
    assert queue()["reason"] is None and not queue()["paused"]
    assert server.log_text().count("Queues stand still") == 1
