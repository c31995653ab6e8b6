"""The trash: what a client deleted is listed, restored, and removed for good with its files."""

from __future__ import annotations

import json
import sqlite3
import subprocess
from collections.abc import Callable
from pathlib import Path

import mlflow
import pytest
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException

import harness
from harness import Server

pytestmark = [pytest.mark.branchline_only, pytest.mark.own_server]


def gc(server: Server, *flags: str) -> dict:
    command = [str(harness.binary()), "db", "gc", "--json", *flags, "--data-dir", str(server.data_dir)]
    done = subprocess.run(command, capture_output=True, text=True, env=harness.clean_environment())
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def trash(server: Server, kind: str) -> dict:
    answer = server.get("/api/v1/trash", params={"kind": kind})
    assert answer.status_code == 200, answer.text
    return answer.json()


def run_with_file(client: MlflowClient, experiment: str) -> str:
    run = client.create_run(experiment)
    client.log_text(run.info.run_id, "0123456789", "notes/a.txt")
    for step in range(5):
        client.log_metric(run.info.run_id, "loss", 1.0 / (step + 1), step=step)
    return run.info.run_id


@pytest.fixture
def house(
    start: Callable[..., Server], own_client: Callable[[Server], MlflowClient]
) -> tuple[Server, MlflowClient]:
    server = start("--no-auth")
    return server, own_client(server)


def files_of(server: Server, run: str) -> list[Path]:
    return [path for path in (server.data_dir / "artifacts").rglob("*") if run in str(path) and path.is_file()]


def test_a_deleted_run_is_listed_restored_and_removed(house: tuple[Server, MlflowClient]) -> None:
    server, client = house
    run = run_with_file(client, "0")
    kept = run_with_file(client, "0")
    assert trash(server, "run")["items"] == []
    client.delete_run(run)
    [item] = trash(server, "run")["items"]
    assert (item["id"], item["artifact_bytes"], item["experiment_name"]) == (run, 10, "Default")
    assert item["database_bytes"] > 0
    things = {"items": [{"kind": "run", "id": run}]}
    assert server.post("/api/v1/trash/restore", things).json() == {"restored": 1}
    assert client.get_run(run).info.lifecycle_stage == "active"
    client.delete_run(run)

    plan = server.post("/api/v1/trash/delete", things | {"dry_run": True}).json()
    assert (plan["runs"], plan["artifact_bytes"]) == (1, 10)
    assert files_of(server, run), "a plan changes nothing"
    gone = server.post("/api/v1/trash/delete", things).json()
    assert gone == plan | {"dry_run": False}
    assert files_of(server, run) == []
    with pytest.raises(MlflowException, match="not found"):
        client.get_run(run)
    assert client.get_run(kept).data.metrics["loss"] == pytest.approx(0.2)
    assert files_of(server, kept)
    again = server.post("/api/v1/trash/delete", things)
    assert again.status_code == 404 and again.json()["hint"]


def test_gc_removes_only_what_was_deleted(house: tuple[Server, MlflowClient]) -> None:
    server, client = house
    experiment = client.create_experiment("going")
    run = run_with_file(client, experiment)
    kept = run_with_file(client, "0")
    with mlflow.start_run(experiment_id=experiment):
        model = mlflow.pyfunc.log_model(
            name="m", python_model=lambda model_input: model_input, pip_requirements=["mlflow"]
        )
    client.delete_experiment(experiment)

    assert gc(server, "--dry-run", "--older-than", "1h")["experiments"] == 0
    plan = gc(server, "--dry-run")
    assert (plan["experiments"], plan["runs"], plan["dry_run"]) == (1, 2, True)
    assert plan["artifact_bytes"] > 10
    gone = gc(server)
    assert gone == plan | {"dry_run": False}
    assert client.search_experiments(view_type=mlflow.entities.ViewType.DELETED_ONLY) == []
    assert not (server.data_dir / "artifacts" / experiment).exists()
    assert files_of(server, run) == [] and files_of(server, kept)
    with pytest.raises(MlflowException):
        client.get_logged_model(model.model_id)
    assert client.create_experiment("going") != experiment, "the name is free, the number is not"
    assert gc(server)["runs"] == 0


def test_a_deleted_logged_model_goes_and_comes_back(house: tuple[Server, MlflowClient]) -> None:
    server, client = house
    first = client.create_logged_model("0", name="first")
    second = client.create_logged_model("0", name="second")
    client.delete_logged_model(first.model_id)
    client.delete_logged_model(second.model_id)
    listed = trash(server, "logged_model")
    assert [item["name"] for item in listed["items"]] == ["second", "first"]
    assert listed["counts"] == {"experiments": 0, "runs": 0, "logged_models": 2}
    back = {"items": [{"kind": "logged_model", "id": first.model_id}]}
    assert server.post("/api/v1/trash/restore", back).json() == {"restored": 1}
    assert client.get_logged_model(first.model_id).name == "first"
    assert gc(server)["logged_models"] == 1
    assert client.get_logged_model(first.model_id).name == "first"


def test_what_a_registered_version_was_made_from_stays(house: tuple[Server, MlflowClient]) -> None:
    server, client = house
    run = run_with_file(client, "0")
    client.create_registered_model("m")
    client.create_model_version("m", f"runs:/{run}/notes", run_id=run)
    client.delete_run(run)
    gone = gc(server)
    assert (gone["runs"], gone["kept"]) == (0, 1)
    assert files_of(server, run)


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"items": [], "all": True},
        {"items": [{"kind": "run", "id": "x"}], "before": "2026-01-01T00:00:00Z"},
        {"items": [{"kind": "dog", "id": "x"}]},
        {"all": True, "before": "yesterday"},
        {"items": [{"kind": "run", "id": "x"}] * 1001},
    ],
)
def test_a_question_that_could_mean_anything_removes_nothing(server: Server, body: dict) -> None:
    answer = server.post("/api/v1/trash/delete", body)
    assert 400 <= answer.status_code < 500, answer.text
    assert answer.json()["detail"]


def test_files_that_a_crash_left_go_with_the_next_gc(
    house: tuple[Server, MlflowClient], start: Callable[..., Server]
) -> None:
    server, client = house
    lost = run_with_file(client, "0")
    used = run_with_file(client, "0")
    locations = [client.get_run(run).info.artifact_uri for run in (lost, used)]
    assert server.stop() == 0
    # As a crash leaves it between the commit and the files.
    database = sqlite3.connect(server.data_dir / "branchline.db")
    database.execute("PRAGMA foreign_keys = ON")
    database.execute("DELETE FROM run WHERE run_id = ?", [lost])
    for location in [*locations, "s3://bucket/x/artifacts"]:
        database.execute("INSERT INTO leftover (artifact_uri, since) VALUES (?, 0)", [location])
    database.commit()
    database.close()
    assert gc(server)["runs"] == 0
    assert files_of(server, lost) == [], "nobody has them any more"
    assert files_of(server, used), "a run has them"


def test_retention_is_off_unless_it_is_set(house: tuple[Server, MlflowClient], start: Callable[..., Server]) -> None:
    server, _ = house
    assert trash(server, "run")["retention_days"] is None
    assert server.stop() == 0
    again = start("--no-auth", data_dir=server.data_dir, BRANCHLINE_TRASH_RETENTION_DAYS="30")
    assert trash(again, "run")["retention_days"] == 30
