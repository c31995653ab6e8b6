"""Notebooks and the console (J1 to J5), and notebooks as jobs."""

from __future__ import annotations

import json
import subprocess
import sys
import sysconfig
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import mlflow
import pytest
import requests
from mlflow import MlflowClient

import harness
from harness import Server
from jobs_help import ended, log, marked, ok, submit

pytestmark = [pytest.mark.own_server, pytest.mark.branchline_only]

NOTEBOOK = {
    "cells": [
        {"cell_type": "markdown", "id": "a", "metadata": {}, "source": "# A *title*\n"},
        {"cell_type": "code", "id": "b", "metadata": {"tags": ["parameters"]}, "execution_count": None, "outputs": [], "source": "alpha = 1\nname = 'x'\n"},
        {"cell_type": "code", "id": "c", "metadata": {}, "execution_count": None, "outputs": [], "source": "import os, mlflow\nwith mlflow.start_run():\n    mlflow.log_metric('twice', alpha * 2)\nprint('seen', alpha, name, os.path.basename(os.getcwd()))\n"},
        {"cell_type": "code", "id": "d", "metadata": {}, "execution_count": None, "outputs": [], "source": "assert alpha < 10, 'too much'\n"},
    ],
    "metadata": {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}, "language_info": {"name": "python"}},
    "nbformat": 4,
    "nbformat_minor": 5,
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    place = tmp_path / "nb project"
    (place / "notebooks").mkdir(parents=True)
    (place / "notebooks/train.ipynb").write_text(json.dumps(NOTEBOOK))
    (place / "local_module.py").write_text("WORD = 'from the project'\n")
    return place


@pytest.fixture
def server(administer: Callable[..., Server], folder: Path) -> Server:
    running = administer()
    ok(running, "POST", "/api/v1/projects", {"path": str(folder), "interpreter": sys.executable})
    return running


def bare(server: Server, tmp_path: Path) -> str:
    """A project whose Python has nothing."""
    place = tmp_path / "bare"
    place.mkdir()
    (place / "a.ipynb").write_text(json.dumps(NOTEBOOK))
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(place / ".venv")], check=True)
    ok(server, "POST", "/api/v1/projects", {"path": str(place)})
    return str(place.resolve() / ".venv/bin/python")


def test_j1_jupyterlab_runs_in_the_project_with_tracking_set_up(server: Server, folder: Path) -> None:
    started = ok(server, "POST", "/api/v1/projects/1/notebook-server?wait=120")
    assert started["url"], log(server, started["task_id"])["text"]
    assert started["url"].startswith("http://127.0.0.1:") and "token=" in started["url"]
    page = requests.get(started["url"], timeout=60)
    assert page.status_code == 200 and "JupyterLab" in page.text
    base, token = started["url"].split("lab?token=")
    assert requests.get(f"{base}api/contents", timeout=60).status_code == 403, "not without the token"
    headers = {"Authorization": f"token {token}"}
    listing = requests.get(f"{base}api/contents/notebooks", headers=headers, timeout=60).json()
    assert [each["name"] for each in listing["content"]] == ["train.ipynb"]
    again = ok(server, "POST", "/api/v1/projects/1/notebook-server?wait=60")
    assert again["task_id"] == started["task_id"] and again["url"] == started["url"], "one for each project"
    [listed] = ok(server, "GET", "/api/v1/notebook-servers")["servers"]
    assert listed["url"] == started["url"]
    # What its kernels are started with.
    pid = server.get(f"/api/v1/jobs/{started['task_id']}").json()["attempts"][0]["pid"]
    environment = Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    assert f"MLFLOW_TRACKING_URI={server.url}".encode() in environment
    assert any(each.startswith(b"MLFLOW_TRACKING_TOKEN=bl_") for each in environment)
    kernel = requests.post(f"{base}api/kernels", headers=headers, json={"name": "python3"}, timeout=60)
    assert kernel.status_code == 201
    runtime = str(server.data_dir / "jobs" / started["task_id"])
    assert marked(runtime), "a kernel names its connection file there"
    assert server.request("DELETE", f"/api/v1/notebook-servers/{started['task_id']}").status_code == 204
    assert ended(server, started["task_id"])["status"] == "REVOKED"
    assert not marked(runtime), "the kernel went with it"
    assert ok(server, "GET", "/api/v1/notebook-servers")["servers"] == []


def test_j1_without_jupyter_the_remedy_is_said(server: Server, tmp_path: Path) -> None:
    python = bare(server, tmp_path)
    answer = server.post("/api/v1/projects/bare/notebook-server")
    assert answer.status_code == 400 and "no JupyterLab" in answer.json()["detail"]
    assert f"{python} -m pip install jupyterlab" in answer.json()["hint"]
    answer = server.post("/api/v1/projects/bare/notebook/run?path=a.ipynb", {})
    assert answer.status_code == 400 and f"{python} -m pip install papermill ipykernel" in answer.json()["hint"]


def test_j1_the_command_line_starts_lists_and_stops(server: Server, folder: Path) -> None:
    def cli(*words: str) -> str:
        done = harness.run_cli(server.data_dir, *words)
        assert done.returncode == 0, done.stderr
        return done.stdout

    url = cli("notebook", "start", str(folder)).strip()
    assert requests.get(url, timeout=60).status_code == 200
    [server_line] = cli("notebook", "list").splitlines()[1:]
    task_id = server_line.split("\t")[0]
    assert url in server_line
    cli("notebook", "stop", task_id)
    assert ended(server, task_id)["status"] == "REVOKED"


def test_j2_a_notebook_is_read_and_nothing_outside_the_folder(server: Server, folder: Path, tmp_path: Path) -> None:
    answer = server.get("/api/v1/projects/1/notebook?path=notebooks/train.ipynb")
    assert answer.json() == NOTEBOOK
    (tmp_path / "outside.ipynb").write_text("{}")
    (folder / "link.ipynb").symlink_to(tmp_path / "outside.ipynb")
    for path in ("../outside.ipynb", "link.ipynb", "/etc/passwd", "notebooks", "no.ipynb", "local_module.py"):
        assert server.get("/api/v1/projects/1/notebook", params={"path": path}).status_code == 404, path


def run_notebook(server: Server, **arguments: Any) -> dict[str, Any]:
    answer = server.post("/api/v1/projects/1/notebook/run?path=notebooks/train.ipynb", {"arguments": arguments})
    assert answer.status_code == 201, answer.text
    return ended(server, answer.json()["task_id"], wait=240)


def executed(client: MlflowClient, run_id: str) -> dict[str, Any]:
    return json.loads(Path(client.download_artifacts(run_id, "train.ipynb")).read_text())


def printed(cell: dict[str, Any]) -> str:
    """What a cell printed, without the warnings of what it imported."""
    return "".join("".join(output["text"]) for output in cell["outputs"] if output.get("name") == "stdout")


def test_a_notebook_runs_with_parameters_and_its_copy_is_kept(
    server: Server, own_client: Callable[[Server], MlflowClient], folder: Path
) -> None:
    record = run_notebook(server, alpha=3, name="ä'\"")
    assert record["status"] == "SUCCESS", log(server, record["task_id"])["text"]
    client = own_client(server)
    run_id = record["result"]["run_id"]
    assert record["runs"] == [run_id]
    run = client.get_run(run_id)
    assert run.info.status == "FINISHED" and run.data.metrics == {"twice": 6.0}
    assert run.data.params == {"alpha": "3", "name": "ä'\""}
    copy = executed(client, run_id)
    tags = [cell["metadata"].get("tags", []) for cell in copy["cells"]]
    assert tags.index(["injected-parameters"]) == tags.index(["parameters"]) + 1
    assert printed(copy["cells"][3]).endswith("seen 3 ä'\" notebooks\n")
    assert json.loads((folder / "notebooks/train.ipynb").read_text()) == NOTEBOOK, "the notebook stays as it was"
    mlflow.set_tracking_uri("")


def test_a_notebook_that_fails_keeps_its_copy_and_says_what_failed(
    server: Server, own_client: Callable[[Server], MlflowClient]
) -> None:
    record = run_notebook(server, alpha=11)
    assert (record["status"], record["result"]["exc_type"]) == ("FAILURE", "AssertionError")
    assert record["message"] == "too much" and "assert alpha < 10" in record["traceback"]
    client = own_client(server)
    run = client.get_run(record["runs"][0])
    assert run.info.status == "FAILED"
    assert executed(client, run.info.run_id)["cells"][-1]["outputs"][0]["ename"] == "AssertionError"
    wrong = server.post("/api/v1/projects/1/notebook/run?path=notebooks/train.ipynb", {"arguments": {"a b": 1}})
    assert wrong.json()["fields"] == {"a b": "It is no name of a variable."}
    mlflow.set_tracking_uri("")


def test_without_papermill_nbclient_does_the_same(
    server: Server, own_client: Callable[[Server], MlflowClient], tmp_path: Path
) -> None:
    runner = tmp_path / "runner"
    runner.mkdir()
    text = (harness.ROOT / "src-tauri/crates/engine/python/branchline_notebook.py").read_text()
    (runner / "branchline_notebook.py").write_text(text)
    (runner / "papermill.py").write_text("raise ImportError('not here')\n")
    notebook = tmp_path / "nb project/notebooks/train.ipynb"
    task_id = submit(
        server, sys.executable, "-m", "branchline_notebook", str(notebook),
        kwargs={"alpha": 4}, cwd=str(notebook.parent), env={"PYTHONPATH": str(runner)},
    )
    record = ended(server, task_id, wait=240)
    assert record["status"] == "SUCCESS", log(server, task_id)["text"]
    client = own_client(server)
    copy = executed(client, record["result"]["run_id"])
    assert copy["cells"][2]["source"] in ("# Parameters\nalpha = 4\n", ["# Parameters\n", "alpha = 4\n"])
    assert printed(copy["cells"][3]).endswith("seen 4 x notebooks\n")
    assert record["meta"]["progress"] == 1.0
    mlflow.set_tracking_uri("")


def wheel(folder: Path) -> Path:
    """A package that needs no index."""
    path = folder / "j3_package-1.0-py3-none-any.whl"
    about = "j3_package-1.0.dist-info"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("j3_package.py", "WORD = 'from the package'\n")
        archive.writestr(f"{about}/METADATA", "Metadata-Version: 2.1\nName: j3-package\nVersion: 1.0\n")
        archive.writestr(f"{about}/WHEEL", "Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr(f"{about}/RECORD", "")
    return path


def test_j3_a_package_is_added_and_a_new_kernel_imports_it(server: Server, tmp_path: Path) -> None:
    place = tmp_path / "with env"
    place.mkdir()
    cell = {**NOTEBOOK["cells"][2], "source": "import j3_package\nprint(j3_package.WORD)"}
    (place / "a.ipynb").write_text(json.dumps({**NOTEBOOK, "cells": [cell]}))
    subprocess.run([sys.executable, "-m", "venv", str(place / ".venv")], check=True)
    # What runs notebooks comes from these tests' own environment.
    site = next(place.glob(".venv/lib/python*/site-packages"))
    (site / "tests.pth").write_text(sysconfig.get_paths()["purelib"] + "\n")
    project = ok(server, "POST", "/api/v1/projects", {"path": str(place)})["id"]
    path = f"/api/v1/projects/{project}/notebook/run?path=a.ipynb"

    def run() -> dict[str, Any]:
        return ended(server, ok(server, "POST", path, {})["task_id"], wait=240)

    assert run()["result"]["exc_type"] == "ModuleNotFoundError"
    package = wheel(tmp_path)
    done = harness.run_cli(
        server.data_dir, "notebook", "env", "add", str(package), "--project", "with env",
        PIP_NO_INDEX="1", PIP_DISABLE_PIP_VERSION_CHECK="1", UV_OFFLINE="1",
    )
    assert done.returncode == 0, done.stderr
    record = run()
    assert record["status"] == "SUCCESS", log(server, record["task_id"])["text"]
    unknown = harness.run_cli(server.data_dir, "notebook", "env", "add", "x", "--project", "none")
    assert unknown.returncode == 3
    failed = harness.run_cli(
        server.data_dir, "notebook", "env", "add", "no-such-package-anywhere", "--project", "with env",
        PIP_NO_INDEX="1", PIP_DISABLE_PIP_VERSION_CHECK="1", UV_OFFLINE="1",
    )
    assert failed.returncode == 1 and "install" in failed.stderr


def test_j4_the_console_has_the_project_mlflow_and_the_api(server: Server, folder: Path) -> None:
    code = (
        "import local_module\n"
        "user = api('POST', '/users/', {'email': 'kim@example.org', 'password': 'a-password'})\n"
        "task = api('POST', '/utils/queue-celery-task/', {'msg': 'hello'})\n"
        "done = api('GET', f\"/jobs/{task['task_id']}?wait=60\")\n"
        "print(local_module.WORD, user['email'], done['result'], mlflow.get_tracking_uri())\n"
        "print(len(mlflow.search_experiments()))\n"
    )
    done = harness.run_cli(server.data_dir, "console", "--project", "nb project", "--", "-c", code)
    assert done.returncode == 0, done.stderr
    assert done.stdout == f"from the project kim@example.org test task return hello {server.url}\n1\n"
    assert "console" not in json.dumps(ok(server, "GET", "/api/v1/tokens")), "its token ended with it"
    piped = subprocess.run(
        [str(harness.binary()), "console", "--project", "1"], input="print(6 * 7, mlflow.get_tracking_uri())\n",
        env=harness.clean_environment(BRANCHLINE_DATA_DIR=str(server.data_dir), TERM="dumb"),
        capture_output=True, text=True, timeout=120, check=False,
    )
    assert f"42 {server.url}" in piped.stdout, piped.stderr


def test_j5_a_command_runs_in_the_projects_environment(server: Server, folder: Path) -> None:
    code = "import os, sys; print(os.getcwd(), sys.prefix, os.environ['MLFLOW_TRACKING_URI'])"
    done = harness.run_cli(server.data_dir, "run", "--project", "1", "--", "python", "-c", code)
    assert done.returncode == 0, done.stderr
    assert done.stdout == f"{folder.resolve()} {sys.prefix} {server.url}\n"
    assert harness.run_cli(server.data_dir, "run", "--project", "none", "--", "true").returncode == 3
