"""Programs of earlier MLflow releases: the last 2.x from PyPI, and 1.x by its recorded requests."""

from __future__ import annotations

import subprocess

import harness
import pytest
from harness import ROOT, Server

INTERPRETER = ROOT / ".venv-2x/bin/python"


def test_the_last_2_x_client(server: Server, name: str) -> None:
    environment = harness.clean_environment(
        MLFLOW_TRACKING_URI=server.url, MLFLOW_HTTP_REQUEST_MAX_RETRIES="1", GIT_PYTHON_REFRESH="quiet",
        MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR="false", **({"MLFLOW_TRACKING_TOKEN": server.token} if server.token else {}),
    )
    script = ROOT / "tests/python/old_client.py"
    ended = subprocess.run(
        [str(INTERPRETER), str(script), name], env=environment, capture_output=True, text=True, timeout=120, check=False
    )
    assert ended.returncode == 0, ended.stderr[-3000:]
    assert ended.stdout.splitlines()[-1].startswith("2.")


# --- 1.x: its requests as mlflow 1.21's RestStore writes them (message_to_json), the fields as its
# entities read them (from_proto). It sends both `run_id` and
# the older `run_uuid`, and early ones write 64-bit numbers as text.


@pytest.fixture
def experiment_1x(server: Server, name: str) -> str:
    return server.ok("POST", "/experiments/create", {"name": name})["experiment_id"]


def test_1_x_tracks(server: Server, experiment_1x: str, name: str) -> None:
    made = server.ok("POST", "/runs/create", {
        "experiment_id": experiment_1x, "user_id": "ann", "start_time": 1_600_000_000_000,
        "tags": [{"key": "mlflow.user", "value": "ann"}, {"key": "mlflow.source.type", "value": "LOCAL"}],
    })["run"]
    info = made["info"]
    run = info["run_id"]
    assert info["run_uuid"] == run and info["experiment_id"] == experiment_1x
    assert info["status"] == "RUNNING" and info["lifecycle_stage"] == "active" and info["user_id"] == "ann"
    assert info["start_time"] == 1_600_000_000_000 and info["artifact_uri"].endswith(f"/{run}/artifacts")

    both = {"run_uuid": run, "run_id": run}
    assert server.ok("POST", "/runs/log-metric", both | {"key": "m", "value": 0.5, "timestamp": "1600000000001", "step": "0"}) == {}
    assert server.ok("POST", "/runs/log-parameter", both | {"key": "p", "value": "1"}) == {}
    assert server.ok("POST", "/runs/set-tag", both | {"key": "t", "value": "x"}) == {}
    batch = {
        "run_id": run, "metrics": [{"key": "m", "value": 0.25, "timestamp": 1_600_000_000_002, "step": 1}],
        "params": [{"key": "q", "value": "2"}], "tags": [{"key": "u", "value": "y"}],
    }
    assert server.ok("POST", "/runs/log-batch", batch) == {}
    assert server.ok("POST", "/runs/delete-tag", {"run_id": run, "key": "u"}) == {}

    known = server.ok("GET", "/runs/get", both)["run"]
    assert known["data"]["metrics"] == [{"key": "m", "value": 0.25, "timestamp": 1_600_000_000_002, "step": 1}]
    assert {param["key"]: param["value"] for param in known["data"]["params"]} == {"p": "1", "q": "2"}
    assert {"key": "t", "value": "x"} in known["data"]["tags"]
    # 1.x knows no names of runs but the tag.
    assert "mlflow.runName" in {tag["key"] for tag in known["data"]["tags"]}

    history = server.ok("GET", "/metrics/get-history", both | {"metric_key": "m"})["metrics"]
    assert [(point["value"], point["step"]) for point in history] == [(0.5, 0), (0.25, 1)]

    ended = server.ok("POST", "/runs/update", both | {"status": "FINISHED", "end_time": 1_600_000_000_009})["run_info"]
    assert ended["status"] == "FINISHED" and ended["end_time"] == 1_600_000_000_009


def test_1_x_searches_with_view_types(server: Server, experiment_1x: str) -> None:
    kept, gone = server.new_run(experiment_1x), server.new_run(experiment_1x)
    server.ok("POST", "/runs/delete", {"run_id": gone})
    for view, expected in (("ACTIVE_ONLY", {kept}), ("DELETED_ONLY", {gone}), ("ALL", {kept, gone})):
        body = {"experiment_ids": [experiment_1x], "filter": "", "run_view_type": view, "max_results": 1000}
        found = server.ok("POST", "/runs/search", body).get("runs", [])
        assert {run["info"]["run_id"] for run in found} == expected, view
    server.ok("POST", "/runs/restore", {"run_id": gone})


def test_1_x_experiments(server: Server, experiment_1x: str, name: str) -> None:
    known = server.ok("GET", "/experiments/get", {"experiment_id": experiment_1x})["experiment"]
    assert known["name"] == name and known["lifecycle_stage"] == "active" and known["artifact_location"]
    assert server.ok("GET", "/experiments/get-by-name", {"experiment_name": name})["experiment"]["experiment_id"] == experiment_1x
    assert server.ok("POST", "/experiments/set-experiment-tag", {"experiment_id": experiment_1x, "key": "k", "value": "v"}) == {}
    assert server.ok("POST", "/experiments/update", {"experiment_id": experiment_1x, "new_name": name + "-2"}) == {}
    assert server.ok("POST", "/experiments/delete", {"experiment_id": experiment_1x}) == {}
    assert server.ok("POST", "/experiments/restore", {"experiment_id": experiment_1x}) == {}


def test_1_x_lists_experiments_as_mlflow_answers_it_today(server: Server) -> None:
    """`experiments/list` went away with MLflow 2.0; a server of 3.x answers that it is not there."""
    assert server.mlflow("GET", "/experiments/list", {"view_type": "ACTIVE_ONLY"}).status_code == 404


def test_1_x_registry_with_stages(server: Server, experiment_1x: str, name: str) -> None:
    run = server.new_run(experiment_1x)
    model = server.ok("POST", "/registered-models/create", {"name": name})["registered_model"]
    assert model["name"] == name and model["creation_timestamp"] and model["last_updated_timestamp"]
    for number in ("1", "2"):
        source = f"mlflow-artifacts:/{experiment_1x}/{run}/artifacts/model"
        body = {"name": name, "source": source, "run_id": run}
        version = server.ok("POST", "/model-versions/create", body)["model_version"]
        assert version["version"] == number and version["current_stage"] == "None" and version["status"] == "READY"
        assert version["run_id"] == run and version["source"] == source
    moved = {"name": name, "version": "1", "stage": "Production", "archive_existing_versions": False}
    assert server.ok("POST", "/model-versions/transition-stage", moved)["model_version"]["current_stage"] == "Production"
    latest = server.ok("GET", "/registered-models/get-latest-versions", {"name": name, "stages": ["Production"]})["model_versions"]
    assert [version["version"] for version in latest] == ["1"]
    moved |= {"version": "2", "archive_existing_versions": True}
    server.ok("POST", "/model-versions/transition-stage", moved)
    known = server.ok("GET", "/registered-models/get", {"name": name})["registered_model"]
    assert {version["current_stage"]: version["version"] for version in known["latest_versions"]} == {"Production": "2", "Archived": "1"}
    assert server.ok("GET", "/model-versions/get-download-uri", {"name": name, "version": "2"})["artifact_uri"] == source
    found = server.ok("GET", "/model-versions/search", {"filter": f"name='{name}'"})["model_versions"]
    assert {version["version"] for version in found} == {"1", "2"}
    renamed = server.ok("POST", "/registered-models/rename", {"name": name, "new_name": name + "-2"})["registered_model"]
    assert renamed["name"] == name + "-2"
    assert server.ok("DELETE", "/model-versions/delete", {"name": name + "-2", "version": "1"}) == {}
    assert server.ok("DELETE", "/registered-models/delete", {"name": name + "-2"}) == {}
