"""Processes of jobs: how they are started, watched, cut and ended."""

from __future__ import annotations

import fcntl
import json
import os
import signal
import subprocess
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import mlflow
import pytest
from mlflow import MlflowClient

import harness
from harness import Server
from jobs_help import PYTHON, ended, job, log, marked, ok, python, says, submit

pytestmark = [pytest.mark.own_server, pytest.mark.branchline_only]

IGNORES = "import signal,time,sys; [signal.signal(s, signal.SIG_IGN) for s in (2,15)]; print('ready'); time.sleep(600)"


def gone(mark: str) -> None:
    harness.wait_until(lambda: not marked(mark), 20, f"{mark} to be gone")


def test_q8_a_kill_runs_a_late_job_again_and_fails_an_early_one(
    administer: Callable[..., Server], tmp_path: Path
) -> None:
    server = administer()
    mark = f"mark-{uuid.uuid4().hex}"
    late_file = tmp_path / "late"
    code = f"import os,time; p={str(late_file)!r}; n=os.path.exists(p); open(p,'w').close(); print('go'); n or time.sleep(600)"
    late = submit(server, PYTHON, "-c", code, mark, acks_late=True)
    early = submit(server, PYTHON, "-c", "import time; print('go'); time.sleep(600)", mark)
    says(server, late, "go"), says(server, early, "go")
    server.kill()
    gone_or_late = administer()
    record = ended(gone_or_late, early)
    assert (record["status"], record["result"]["exc_type"]) == ("FAILURE", "WorkerLostError")
    record = ended(gone_or_late, late)
    assert (record["status"], len(record["attempts"]), record["retries"]) == ("SUCCESS", 2, 0)
    gone(mark)


def test_processes_of_jobs_give_way(administer: Callable[..., Server]) -> None:
    """And what they start; the server itself does not."""
    code = "import os,subprocess,sys; print(os.nice(0)); subprocess.run([sys.executable, '-c', 'import os; print(os.nice(0))'])"
    own = os.nice(0)
    for setting, expected in [(None, min(own + 5, 19)), ("19", 19), ("0", own)]:
        server = administer(**({"BRANCHLINE_JOBS_NICENESS": setting} if setting else {}))
        task = python(server, code)
        assert ended(server, task)["status"] == "SUCCESS"
        assert log(server, task)["text"].split() == [str(expected)] * 2
        assert os.getpriority(os.PRIO_PROCESS, server.process.pid) == own
        server.stop()


def test_q9_time_limits(administer: Callable[..., Server]) -> None:
    server = administer()
    busy = ended(server, python(server, "while True: pass", time_limit=0.5))
    assert (busy["status"], busy["result"]["exc_type"]) == ("FAILURE", "TimeLimitExceeded")
    assert busy["attempts"][0]["signal"] == signal.SIGKILL
    soft = ended(server, python(server, "import time; time.sleep(600)", soft_time_limit=0.5))
    assert soft["result"]["exc_type"] == "SoftTimeLimitExceeded"
    tidy = "import time\ntry: time.sleep(600)\nexcept KeyboardInterrupt: print('tidied')"
    assert ended(server, python(server, tidy, soft_time_limit=1.5))["status"] == "SUCCESS"


def test_q17_a_job_that_ignores_signals_dies_with_its_whole_tree(administer: Callable[..., Server]) -> None:
    server = administer(BRANCHLINE_JOBS_GRACE_SECONDS="0")
    mark = f"mark-{uuid.uuid4().hex}"
    # A grandchild in a session of its own, which no process group reaches.
    tree = f"import subprocess; subprocess.Popen([{PYTHON!r},'-c',{IGNORES!r},{mark!r}], start_new_session=True)\n{IGNORES}"
    task_id = submit(server, PYTHON, "-c", tree, mark)
    says(server, task_id, "ready")
    assert marked(mark)
    ok(server, "POST", f"/api/v1/jobs/{task_id}/cancel")
    assert ended(server, task_id)["status"] == "REVOKED"
    assert not marked(mark)


def test_nothing_that_a_job_started_outlives_it(administer: Callable[..., Server]) -> None:
    server = administer()
    mark = f"mark-{uuid.uuid4().hex}"
    code = f"import subprocess; subprocess.Popen([{PYTHON!r},'-c',{IGNORES!r},{mark!r}], start_new_session=True)"
    assert ended(server, submit(server, PYTHON, "-c", code, mark))["status"] == "SUCCESS"
    assert not marked(mark)


def test_a_supervisor_that_is_killed_takes_its_job_along(administer: Callable[..., Server]) -> None:
    server = administer()
    task_id = submit(server, PYTHON, "-c", IGNORES)
    says(server, task_id, "ready")
    pid = job(server, task_id)["attempts"][0]["pid"]
    parent = int(Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[1])
    os.kill(parent, signal.SIGKILL)
    record = ended(server, task_id)
    assert (record["status"], record["result"]["exc_type"]) == ("FAILURE", "WorkerLostError")
    harness.wait_until(lambda: not Path(f"/proc/{pid}").exists(), 10, "the job to die")


def supervisor_of(server: Server, **options: object) -> tuple[int, dict[str, object]]:
    """The process above a short job's, and the job's first attempt."""
    task_id = python(server, "import os; print(os.getppid())", **options)
    attempt = ended(server, task_id)["attempts"][0]
    return int(log(server, task_id)["text"]), attempt


def test_a_supervisor_is_used_again_while_jobs_follow_and_gone_when_none_do(
    administer: Callable[..., Server],
) -> None:
    server = administer()
    busy = python(server, "import time\nwhile time.process_time() < 0.6: pass")
    assert ended(server, busy)["attempts"][0]["cpu_ms"] >= 500
    first, attempt = supervisor_of(server)
    assert attempt["cpu_ms"] < 400, "of this job, not of the one before"
    second, _ = supervisor_of(server)
    assert first == second
    os.kill(second, signal.SIGKILL)
    third, attempt = supervisor_of(server)
    assert third != second and attempt["reason"] is None, "one that is killed while it waits is no job's misfortune"
    harness.wait_until(lambda: not Path(f"/proc/{third}").exists(), 10, "the supervisor to end")


def test_a_supervisor_that_waits_ends_with_its_owner(administer: Callable[..., Server]) -> None:
    server = administer()
    pid, _ = supervisor_of(server)
    server.kill()
    harness.wait_until(lambda: not Path(f"/proc/{pid}").exists(), 10, "the supervisor to end with the pipe")


def test_a_job_whose_owner_went_while_its_supervisor_waited_is_not_started(tmp_path: Path) -> None:
    ran, folder = tmp_path / "ran", tmp_path / "job"
    folder.mkdir()
    orders = {"command": ["touch", str(ran)], "cwd": str(tmp_path), "env": [], "folder": str(folder)}
    limits = {"log_bytes": 1000, "grace_ms": 1000, "niceness": 0, "soft_limit_ms": None, "hard_limit_ms": None, "memory_limit": None}
    for owner_stays in (False, True):
        held = os.open(folder, os.O_RDONLY)
        fcntl.flock(held, fcntl.LOCK_EX)  # the supervisor of the attempt before
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
        supervisor = subprocess.Popen([harness.binary(), "__supervise"], text=True, **pipes)
        supervisor.stdin.write(json.dumps({"run": orders | limits}) + "\n")
        supervisor.stdin.flush()
        waiting = f"-> FLOCK  ADVISORY  WRITE {supervisor.pid} "
        harness.wait_until(lambda waiting=waiting: waiting in locks(), 10, "the supervisor to wait")
        if not owner_stays:
            supervisor.stdin.close()
        os.close(held)
        if owner_stays:
            assert "started" in supervisor.stdout.readline()
            harness.wait_until(ran.exists, 10, "the job to run")
            supervisor.stdin.close()
        assert supervisor.wait(10) == 0
        assert ran.exists() == owner_stays
        supervisor.stdout.close()


def locks() -> str:
    return Path("/proc/locks").read_text()


def memory(pid: int) -> int:
    """Resident bytes."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def test_a_gigabyte_of_log_in_one_line_is_cut_and_holds_no_memory(administer: Callable[..., Server]) -> None:
    server = administer(BRANCHLINE_JOBS_LOG_MEGABYTES="1")
    ended(server, submit(server, "true"))
    before = memory(server.process.pid)
    code = "import sys\nfor _ in range(1024): sys.stdout.write('x'*1048576)"
    task_id = python(server, code)
    record = ended(server, task_id, wait=250)
    assert record["status"] == "SUCCESS", record
    assert memory(server.process.pid) - before < 30 * 1024 * 1024
    size = log(server, task_id)["size"]
    assert 1024 * 1024 < size < 1024 * 1024 + 200
    assert "the log is cut here" in log(server, task_id, after=-100)["text"]


def test_q26_lines_belong_to_their_job(administer: Callable[..., Server], tmp_path: Path) -> None:
    server = administer()
    first = python(server, "import os,sys; print('Task picked up'); print(os.environ['MLFLOW_TRACKING_URI'], file=sys.stderr)")
    second = python(server, "print('other')")
    ended(server, first), ended(server, second)
    assert log(server, first)["text"] == f"Task picked up\n{server.url}\n"
    assert log(server, second)["text"] == "other\n"
    for words in (("jobs", "logs", "-f", first), ("logs", "--job", first), ("logs", "-f", "--job", first)):
        shown = harness.run_cli(tmp_path / "data", *words)
        assert shown.stdout == f"Task picked up\n{server.url}\n", words
    assert "Task picked up" not in harness.run_cli(tmp_path / "data", "logs").stdout
    assert harness.run_cli(tmp_path / "data", "logs", "--job", "nobody").returncode == 3


def test_the_environment_is_what_is_listed(administer: Callable[..., Server]) -> None:
    server = administer(AWS_SECRET_ACCESS_KEY="s3cret")
    task_id = python(server, "import os; print('\\n'.join(sorted(os.environ)))", env={"MINE": "1"})
    ended(server, task_id)
    names = log(server, task_id)["text"].split()
    assert "AWS_SECRET_ACCESS_KEY" not in names and "BRANCHLINE_DATA_DIR" not in names
    assert {"PATH", "MINE", "BRANCHLINE_JOB_ID", "MLFLOW_TRACKING_URI", "MLFLOW_TRACKING_TOKEN"} <= set(names)


def test_the_jobs_token_can_log_and_ends_with_it(administer: Callable[..., Server]) -> None:
    server = administer()
    task_id = python(server, "import os; print(os.environ['BRANCHLINE_TOKEN'])")
    ended(server, task_id)
    secret = log(server, task_id)["text"].strip()
    answer = server.request("GET", "/api/v1/me", headers={"Authorization": f"Bearer {secret}"})
    assert answer.status_code == 401


def test_a_jobs_run_is_linked_and_never_running_after_it(
    administer: Callable[..., Server], own_client: Callable[[Server], MlflowClient]
) -> None:
    server = administer()
    client = own_client(server)
    code = "import mlflow,os,time\nwith mlflow.start_run() as r: mlflow.log_metric('m',1); print('logged', r.info.run_id); {}"
    died = python(server, code.format("os.kill(os.getpid(), 9)"))
    record = ended(server, died, wait=120)
    assert record["status"] == "FAILURE" and record["attempts"][0]["signal"] == 9
    run = client.get_run(record["runs"][0])
    assert run.data.tags["branchline.job_id"] == died
    assert run.info.status == "KILLED" and run.info.end_time
    left = python(server, code.format("os._exit(3)"))
    assert client.get_run(ended(server, left, wait=120)["runs"][0]).info.status == "FAILED"
    fine = python(server, code.format("pass"))
    assert client.get_run(ended(server, fine, wait=120)["runs"][0]).info.status == "FINISHED"
    mlflow.set_tracking_uri("")


@pytest.mark.parametrize("acks_late", [False, True])
def test_a_run_whose_job_went_with_the_server_is_marked_at_the_next_start(
    administer: Callable[..., Server], own_client: Callable[[Server], MlflowClient], tmp_path: Path, acks_late: bool
) -> None:
    server = administer()
    code = (
        f"import mlflow, os, time\nagain = os.path.exists({str(tmp_path / 'again')!r})\n"
        "if not again:\n    with mlflow.start_run() as r: print('logged ' + r.info.run_id, flush=True); time.sleep(600)"
    )
    task_id = python(server, code, acks_late=acks_late)
    run_id = says(server, task_id, "logged").split("logged ")[1].split()[0]
    assert own_client(server).get_run(run_id).info.status == "RUNNING"
    (tmp_path / "again").touch()
    server.kill()
    again = administer()
    record = ended(again, task_id)
    assert record["status"] == ("SUCCESS" if acks_late else "FAILURE")
    run = own_client(again).get_run(run_id)
    assert run.info.status == "FAILED" and run.info.end_time, "its process died; another attempt has runs of its own"
    mlflow.set_tracking_uri("")


def test_a_program_that_is_not_there_fails_with_the_reason(administer: Callable[..., Server]) -> None:
    server = administer()
    task_id = submit(server, "no-such-program-anywhere")
    assert ended(server, task_id)["attempts"][0]["exit_code"] == 127
    assert "cannot run 'no-such-program-anywhere'" in log(server, task_id)["text"]
    nowhere = ended(server, submit(server, "true", cwd="/no/such/folder"))
    assert nowhere["result"]["exc_type"] == "NotStarted"
    assert "/no/such/folder" in nowhere["message"]


def test_a_result_and_a_traceback_are_kept(administer: Callable[..., Server]) -> None:
    server = administer()
    write = "import os,json; json.dump({}, open(os.environ['BRANCHLINE_RESULT_FILE'],'w'))"
    good = ended(server, python(server, write.format("{'result': {'rmse': 1.5}}")))
    assert good["result"] == {"rmse": 1.5}
    failed = "{'exception': 'ValueError', 'message': 'no', 'traceback': 'Traceback …'}"
    bad = ended(server, python(server, write.format(failed)))
    assert (bad["status"], bad["result"]["exc_type"], bad["traceback"]) == ("FAILURE", "ValueError", "Traceback …")


def test_q27_a_server_that_stops_ends_its_jobs_and_late_ones_run_after(
    administer: Callable[..., Server], tmp_path: Path
) -> None:
    server = administer()
    mark = f"mark-{uuid.uuid4().hex}"
    code = f"import os,time; p={str(tmp_path / 'm')!r}; n=os.path.exists(p); open(p,'w').close(); print('go'); n or time.sleep(600)"
    task_id = submit(server, PYTHON, "-c", code, mark, acks_late=True)
    says(server, task_id, "go")
    assert server.stop() == 0
    assert not marked(mark)
    assert ended(administer(), task_id)["status"] == "SUCCESS"


def test_commands_need_an_administrator(administer: Callable[..., Server], tmp_path: Path) -> None:
    server = administer()
    token = harness.mint_token(tmp_path / "data", scope="log")
    body = {"command": ["true"]}
    answer = server.request("POST", "/api/v1/jobs", json=body, headers={"Authorization": f"Bearer {token}"})
    assert answer.status_code == 403
    assert server.post("/api/v1/jobs", {"command": "true; rm -rf x"}).status_code == 400
    assert server.post("/api/v1/jobs", {}).status_code == 400


def test_a_command_that_owns_the_folder_queues_and_a_server_runs_it(
    administer: Callable[..., Server], tmp_path: Path
) -> None:
    data_dir = tmp_path / "data"
    queued = harness.run_cli(data_dir, "jobs", "submit", "--priority", "3", "--", "sh", "-c", "pwd")
    assert queued.returncode == 0, queued.stderr
    task_id = queued.stdout.strip()
    assert "server" in queued.stderr
    record = ended(administer(), task_id)
    assert (record["status"], record["priority"]) == ("SUCCESS", 3)
    assert harness.run_cli(data_dir, "jobs", "show", "nobody").returncode == 3


def test_without_a_server_jobs_are_read_and_nothing_waits_for_one(tmp_path: Path) -> None:
    data_dir = tmp_path / "data"

    def cli(*arguments: str) -> subprocess.CompletedProcess[str]:
        return harness.run_cli(data_dir, "jobs", *arguments)

    def read(*arguments: str) -> Any:
        done = cli(arguments[0], "--json", *arguments[1:])
        assert done.returncode == 0, f"{arguments}: {done.stderr}"
        return json.loads(done.stdout)

    task_id = read("submit", "--", "echo", "hi")["task_id"]
    assert [found["task_id"] for found in read("list")["jobs"]] == [task_id]
    assert read("stats")["states"]["PENDING"] == 1
    assert read("inspect", "report")["states"]["PENDING"] == 1
    assert [queue["name"] for queue in read("queue", "list")["queues"]] == ["main-queue"]
    assert cli("logs", task_id).stdout == ""
    began = time.monotonic()
    assert read("show", task_id, "--wait", "60")["status"] == "PENDING"
    following = cli("logs", "--follow", task_id)
    assert time.monotonic() - began < 20, "nothing would come"
    for refused in (following, cli("inspect", "ping"), cli("control", "shutdown")):
        assert refused.returncode == 1 and "branchline serve" in refused.stderr
    assert read("cancel", task_id)["status"] == "REVOKED"
