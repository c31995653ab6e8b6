"""Projects: what is found in a folder, and what of it runs as jobs."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import websocket

import harness
from harness import Server
from jobs_help import ended, job, log, ok, submit

pytestmark = [pytest.mark.own_server, pytest.mark.branchline_only]

TASKS = '''"""Tasks."""
import asyncio, json, os
from typing import Literal, Optional
import not_installed_anywhere

LEFT = not_installed_anywhere.x
'''

GOOD = '''"""Tasks."""
import asyncio, json, os, sys
from typing import Annotated, Literal, Optional

import helper


def train(alpha: float, l1_ratio: float = 0.5, mode: Literal["fast", "slow"] = "fast",
          n: Optional[int] = None, flags: dict = {}, xs: list[int] = [1], twice: bool = False,
          note: "str | None" = None, other: Annotated[float, "x"] = helper.ONE):
    """Trains.

    alpha is the penalty."""
    return {"alpha": alpha, "l1_ratio": l1_ratio, "mode": mode, "n": n, "flags": flags, "xs": xs,
            "twice": twice, "note": note, "other": other, "python": sys.executable, "cwd": os.getcwd()}


def fails(word: str) -> None:
    raise LookupError(f"no {word}")


def unserialisable() -> object:
    return {1, 2}


async def later(n: int) -> int:
    await asyncio.sleep(0)
    return n + 1


def progresses(steps: int) -> str:
    for step in range(steps):
        with open(os.environ["BRANCHLINE_PROGRESS_FILE"], "a") as file:
            file.write(json.dumps({"progress": (step + 1) / steps, "text": f"step {step}"}) + "\\n")
    return "done"


def _private(a: int): ...


def without_annotations(a): ...


class NotATask: ...
'''


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    place = tmp_path / "my project"
    place.mkdir()
    (place / "tasks.py").write_text(GOOD)
    (place / "helper.py").write_text("ONE = 1.0\n")
    return place


def add(server: Server, folder: Path, **more: Any) -> dict[str, Any]:
    return ok(server, "POST", "/api/v1/projects", {"path": str(folder), "interpreter": sys.executable, **more})


def run(server: Server, task: str, project: Any = 1, kind: str = "tasks", **arguments: Any) -> dict[str, Any]:
    answer = server.post(f"/api/v1/projects/{project}/{kind}/{task}", {"arguments": arguments})
    assert answer.status_code == 201, answer.text
    return ended(server, answer.json()["task_id"])


def test_a_folder_says_what_it_offers_without_being_imported(administer: Callable[..., Server], folder: Path) -> None:
    server = administer()
    (folder / "tasks.py").write_text(TASKS + GOOD)
    (folder / "notebooks").mkdir()
    (folder / "notebooks/a.ipynb").write_text("{}")
    project = add(server, folder)
    assert (project["name"], project["path"]) == ("my project", str(folder.resolve()))
    assert project["python"]["kind"] == "chosen" and project["python"]["version"].count(".") == 2
    assert {"mlflow", "sklearn"} <= set(project["python"]["packages"])
    assert project["notebooks"] == ["notebooks/a.ipynb"]
    assert [task["name"] for task in project["tasks"]] == [
        "tasks.train", "tasks.fails", "tasks.unserialisable", "tasks.later", "tasks.progresses",
    ]
    train = project["tasks"][0]
    assert train["doc"].startswith("Trains.")
    kinds = {parameter["name"]: parameter["kind"] for parameter in train["parameters"]}
    assert kinds == {
        "alpha": "float", "l1_ratio": "float", "mode": "choice", "n": "int", "flags": "dict",
        "xs": "list", "twice": "bool", "note": "str", "other": "float",
    }
    by_name = {parameter["name"]: parameter for parameter in train["parameters"]}
    assert by_name["alpha"]["required"] and not by_name["l1_ratio"]["required"]
    assert by_name["mode"]["choices"] == ["fast", "slow"]
    assert by_name["n"]["optional"] and by_name["note"]["optional"] and not by_name["alpha"]["optional"]
    assert by_name["xs"]["default"] == [1]
    assert "default" not in by_name["other"] and by_name["other"]["default_text"] == "helper.ONE"


def test_a_changed_file_is_read_again_and_a_mistake_names_file_and_line(
    administer: Callable[..., Server], folder: Path
) -> None:
    server = administer()
    add(server, folder)
    (folder / "tasks.py").write_text("def a(): pass\n\ndef b(:\n")
    project = ok(server, "GET", "/api/v1/projects/1")
    assert project["tasks"] == []
    problem = project["problems"][0]
    assert (problem["file"], problem["line"]) == ("tasks.py", 3) and "SyntaxError" in problem["message"]
    answer = server.post("/api/v1/projects/1/tasks/tasks.train", {"arguments": {}})
    assert answer.status_code == 404 and "tasks.py, line 3" in answer.json()["hint"]
    (folder / "tasks.py").write_text("def a(): pass\n")
    assert [task["name"] for task in ok(server, "GET", "/api/v1/projects/1")["tasks"]] == ["tasks.a"]


def test_branchline_toml_names_the_files(administer: Callable[..., Server], folder: Path) -> None:
    server = administer()
    (folder / "jobs").mkdir()
    (folder / "jobs/night.py").write_text("import beside\ndef clean(days: int = 3) -> int: return days + beside.TWO\n")
    (folder / "jobs/beside.py").write_text("TWO = 2\n")
    (folder / "branchline.toml").write_text('[tasks]\nfiles = ["jobs/night.py", "../x.py"]\n')
    project = add(server, folder)
    assert [task["name"] for task in project["tasks"]] == ["jobs.night.clean"]
    assert "'../x.py'" in project["problems"][0]["message"]
    assert run(server, "jobs.night.clean", days=4)["result"] == 6


def test_a_function_runs_with_checked_arguments_and_its_value_is_the_result(
    administer: Callable[..., Server], folder: Path
) -> None:
    server = administer()
    add(server, folder)
    record = run(server, "tasks.train", alpha=1, mode="slow", n=3.0, flags={"a": [1]}, note="ä\n'\"")
    assert record["status"] == "SUCCESS", log(server, record["task_id"])["text"]
    result = record["result"]
    assert result.pop("python") == sys.executable
    assert result.pop("cwd") == str(folder.resolve())
    assert result == {
        "alpha": 1, "l1_ratio": 0.5, "mode": "slow", "n": 3, "flags": {"a": [1]}, "xs": [1],
        "twice": False, "note": "ä\n'\"", "other": 1.0,
    }
    assert (record["name"], record["project_id"]) == ("tasks.train", 1)
    assert run(server, "tasks.later", n=1)["result"] == 2
    listed = ok(server, "GET", "/api/v1/jobs?project=1")["jobs"]
    assert {each["name"] for each in listed} == {"tasks.train", "tasks.later"}
    large = run(server, "tasks.train", alpha=1, note="x" * 300_000)
    assert len(large["result"]["note"]) == 300_000, "more than a variable may hold"


def test_wrong_arguments_are_told_field_by_field(administer: Callable[..., Server], folder: Path) -> None:
    server = administer()
    add(server, folder)
    body = {"arguments": {"l1_ratio": "x", "mode": "odd", "n": 1.5, "beta": 1, "twice": None}}
    answer = server.post("/api/v1/projects/1/tasks/tasks.train", body)
    assert answer.status_code == 400
    assert answer.json()["fields"] == {
        "alpha": "It has to be given.",
        "l1_ratio": "It is a number.",
        "mode": 'It is one of "fast", "slow".',
        "n": "It is a whole number.",
        "twice": "It is true or false.",
        "beta": "There is no such parameter; there are: alpha, l1_ratio, mode, n, flags, xs, twice, note, other.",
    }
    assert server.post("/api/v1/projects/1/tasks/tasks.train", {"arguments": {}, "odd": 1}).status_code == 400
    assert ok(server, "GET", "/api/v1/jobs")["jobs"] == []


def test_an_exception_is_the_jobs_and_what_is_no_json_is_said_so(
    administer: Callable[..., Server], folder: Path
) -> None:
    server = administer()
    add(server, folder)
    record = run(server, "tasks.fails", word="bread")
    assert record["status"] == "FAILURE"
    assert (record["result"]["exc_type"], record["message"]) == ("LookupError", "no bread")
    assert 'raise LookupError(f"no {word}")' in record["traceback"]
    record = run(server, "tasks.unserialisable")
    assert record["result"]["exc_type"] == "ResultNotJson"
    assert "unserialisable returned what JSON has no word for, a set" in record["message"]


def test_q25_progress_needs_no_package(administer: Callable[..., Server], folder: Path) -> None:
    server = administer()
    add(server, folder)
    record = run(server, "tasks.progresses", steps=4)
    assert (record["result"], record["meta"]) == ("done", {"progress": 1.0, "text": "step 3"})


def test_an_mlproject_runs_its_entry_points(administer: Callable[..., Server], folder: Path) -> None:
    server = administer()
    (folder / "MLproject").write_text(
        "name: x\nentry_points:\n  main:\n    parameters:\n      alpha: {type: float, default: 0.5}\n      word: string\n"
        "    command: \"python -c 'import sys; print(sys.executable, sys.argv[1:])' {alpha} {word}\"\n"
    )
    project = add(server, folder)
    [entry] = project["entry_points"]
    assert [parameter["kind"] for parameter in entry["parameters"]] == ["float", "str"]
    record = run(server, "main", kind="entry-points", word="two words; $HOME")
    written = log(server, record["task_id"])["text"]
    assert record["status"] == "SUCCESS", written
    assert "['0.5', 'two words; $HOME']" in written
    assert written.startswith(str(Path(sys.executable).parent)), "the project's own Python"
    answer = server.post("/api/v1/projects/1/entry-points/main", {"arguments": {"alpha": "x"}})
    assert set(answer.json()["fields"]) == {"alpha", "word"}


def test_the_environment_in_the_folder_is_found(administer: Callable[..., Server], folder: Path) -> None:
    server = administer()
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder / ".venv")], check=True)
    project = ok(server, "POST", "/api/v1/projects", {"path": str(folder)})
    assert project["python"]["kind"] == "venv" and "'.venv'" in project["python"]["how"]
    assert run(server, "tasks.train", alpha=1)["result"]["python"] == str(folder.resolve() / ".venv/bin/python")
    chosen = ok(server, "PATCH", "/api/v1/projects/1", {"interpreter": sys.executable})
    assert chosen["python"]["kind"] == "chosen"
    assert ok(server, "PATCH", "/api/v1/projects/1", {"interpreter": None})["python"]["kind"] == "venv"
    assert server.request("PATCH", "/api/v1/projects/1", json={"interpreter": "/no"}).json()["fields"]["interpreter"]


def test_projects_are_a_superusers_and_have_rules(administer: Callable[..., Server], folder: Path, tmp_path: Path) -> None:
    server = administer()
    add(server, folder)
    again = server.post("/api/v1/projects", {"path": str(folder)})
    assert again.status_code == 400 and again.json()["code"] == "RESOURCE_ALREADY_EXISTS"
    assert "path" in server.post("/api/v1/projects", {"path": str(tmp_path / "no")}).json()["fields"]
    assert "path" in server.post("/api/v1/projects", {"path": "relative"}).json()["fields"]
    weak = {"Authorization": f"Bearer {harness.mint_token(tmp_path / 'data', scope='log')}"}
    for method, path in (("GET", ""), ("POST", ""), ("GET", "/1"), ("POST", "/1/tasks/tasks.train")):
        body = {"path": str(tmp_path)} if not path else {}
        answer = server.request(method, f"/api/v1/projects{path}", headers=weak, json=body)
        assert answer.status_code == 403, (method, path, answer.text)
    assert server.request("DELETE", "/api/v1/projects/my%20project").status_code == 204
    assert server.get("/api/v1/projects/1").status_code == 404
    assert folder.exists()


def test_the_command_line_runs_a_task(administer: Callable[..., Server], folder: Path, tmp_path: Path) -> None:
    data = tmp_path / "data"

    def cli(*words: str, code: int = 0) -> str:
        done = harness.run_cli(data, *words)
        assert done.returncode == code, done.stderr
        return done.stdout if code == 0 else done.stderr

    added = cli("projects", "add", str(folder), "--python", sys.executable)
    assert "task\ttasks.train(alpha: float, l1_ratio: float = 0.5" in added
    assert str(folder) in cli("projects", "list")
    queued = cli("tasks", "run", "tasks.later", "-a", "n=41", "--project", str(folder)).strip()
    server = administer()
    assert ended(server, queued)["result"] == 42, "queued without a server, run by the next"
    shown = json.loads(cli("tasks", "run", "tasks.train", "--arg", "alpha=0.1", "--arg", "note=7",
                           "--project", "my project", "--wait", "60"))
    assert (shown["alpha"], shown["note"]) == (0.1, "7")
    assert "alpha: It has to be given." in cli("tasks", "run", "tasks.train", "--project", "1", code=2)
    assert "LookupError: no x" in cli("tasks", "run", "tasks.fails", "-a", "word=x", "--project", "1", "--wait", "60", code=1)
    assert "Trains." in cli("tasks", "list", "--project", "1")
    cli("projects", "scan", "1")
    cli("projects", "remove", "my project")
    assert "no project" in cli("projects", "show", "my project", code=3)


def test_q20_a_job_past_its_memory_is_killed_and_says_so(administer: Callable[..., Server]) -> None:
    server = administer()
    code = "import time; held = bytearray(200_000_000); held[:] = b'x' * len(held); time.sleep(600)"
    task_id = submit(server, sys.executable, "-c", code, memory_limit=100_000_000)
    record = ended(server, task_id)
    assert (record["status"], record["result"]["exc_type"]) == ("FAILURE", "MemoryLimitExceeded")
    assert "its limit is 95 MB" in record["message"]


def test_q20_each_attempt_is_a_process_of_its_own(administer: Callable[..., Server]) -> None:
    server = administer()
    task_id = submit(server, sys.executable, "-c", "raise SystemExit(1)", max_retries=2, retry_delay=0.01)
    pids = [attempt["pid"] for attempt in ended(server, task_id)["attempts"]]
    assert len(pids) == len(set(pids)) == 3


def test_gpu_slots_are_shared_out(administer: Callable[..., Server]) -> None:
    server = administer(BRANCHLINE_JOBS_GPU_SLOTS="2")
    ok(server, "PATCH", "/api/v1/queues/main-queue", {"concurrency": 8})
    code = "import os; print(os.environ['CUDA_VISIBLE_DEVICES']); input()"
    waits = "import os,time; print(os.environ['CUDA_VISIBLE_DEVICES']); time.sleep(600)"
    first = [submit(server, sys.executable, "-c", waits, gpus=1) for _ in range(2)]
    harness.wait_until(lambda: all(job(server, one)["status"] == "STARTED" for one in first), 20, "two to start")
    assert sorted(job(server, one)["attempts"][0]["gpu_slots"] for one in first) == [[0], [1]]
    third = submit(server, sys.executable, "-c", code, gpus=1)
    none = ended(server, submit(server, sys.executable, "-c", code.removesuffix("; input()")))
    assert none["status"] == "SUCCESS" and log(server, none["task_id"])["text"] == "\n", "sees none, and does not wait"
    assert job(server, third)["status"] == "PENDING"
    ok(server, "POST", f"/api/v1/jobs/{first[1]}/cancel")
    freed = ended(server, third)
    assert freed["attempts"][0]["gpu_slots"] == job(server, first[1])["attempts"][0]["gpu_slots"]
    refused = server.post("/api/v1/jobs", {"command": ["true"], "gpus": 3})
    assert refused.status_code == 400 and "jobs.gpu_slots" in refused.json()["hint"]
    ok(server, "POST", f"/api/v1/jobs/{first[0]}/cancel")


def test_those_who_watch_are_told_of_projects_and_of_files_that_changed(
    administer: Callable[..., Server], folder: Path, tmp_path: Path
) -> None:
    server = administer()
    address = server.url.replace("http", "ws") + "/api/v1/events"

    def dial(token: str) -> websocket.WebSocket:
        socket = websocket.create_connection(
            address, timeout=30, origin=server.url, header=[f"Authorization: Bearer {token}"]
        )
        socket.send(json.dumps({"op": "subscribe", "id": "p", "topic": "projects"}))
        return socket

    socket = dial(server.token)
    assert json.loads(socket.recv())["kind"] == "subscribed"
    heard = lambda: (lambda message: (message["kind"], message["data"]))(json.loads(socket.recv()))  # noqa: E731
    project = add(server, folder)["id"]
    told = ("changed", {"project_ids": [project]})
    assert heard() == told
    ok(server, "GET", f"/api/v1/projects/{project}")
    (folder / "tasks.py").write_text("def another(a: int) -> int: return a\n")
    assert [task["name"] for task in ok(server, "GET", f"/api/v1/projects/{project}")["tasks"]] == ["tasks.another"]
    assert heard() == told, "it offers something else"
    ok(server, "POST", f"/api/v1/projects/{project}/scan")
    ok(server, "PATCH", f"/api/v1/projects/{project}", {"name": "renamed"})
    assert heard() == told, "reading the same again was no news"
    assert server.request("DELETE", f"/api/v1/projects/{project}").status_code == 204
    assert heard() == told
    socket.close()
