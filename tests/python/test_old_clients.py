"""Programs of earlier MLflow releases: the last 1.x and the last 2.x from PyPI."""

from __future__ import annotations

import subprocess

import harness
import pytest
from harness import ROOT, Server


@pytest.mark.parametrize("release", ["1", "2"])
def test_the_last_client_of(release: str, server: Server, name: str) -> None:
    environment = harness.clean_environment(
        MLFLOW_TRACKING_URI=server.url, MLFLOW_HTTP_REQUEST_MAX_RETRIES="1", GIT_PYTHON_REFRESH="quiet",
        MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR="false", **({"MLFLOW_TRACKING_TOKEN": server.token} if server.token else {}),
    )
    interpreter, script = ROOT / f".venv-{release}x/bin/python", ROOT / f"tests/python/client_{release}x.py"
    ended = subprocess.run(
        [str(interpreter), str(script), name], env=environment, capture_output=True, text=True, timeout=120, check=False
    )
    assert ended.returncode == 0, ended.stderr[-3000:]
    assert ended.stdout.splitlines()[-1].startswith(f"{release}.")


# --- Early 1.x, which PyPI has only for Pythons of its time: its requests as recorded. It sends both
# `run_id` and the older `run_uuid`, and 64-bit numbers as text.


@pytest.fixture
def experiment_1x(server: Server, name: str) -> str:
    return server.ok("POST", "/experiments/create", {"name": name})["experiment_id"]


def test_early_1_x_tracks(server: Server, experiment_1x: str, name: str) -> None:
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
