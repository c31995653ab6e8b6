"""The diabetes example against the golden figures, from its command line to a prediction."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import mlflow
import numpy as np
import pandas as pd
import pytest
from mlflow import MlflowClient
from mlflow.artifacts import load_text

import harness
from harness import Server

EXAMPLE = harness.ROOT / "examples/diabetes"
GOLDEN = json.loads((Path(__file__).parent / "fixtures/golden_enet.json").read_text())
FEATURES = ["age", "sex", "bmi", "bp", "s1", "s2", "s3", "s4", "s5", "s6"]


def train(server: Server, experiment: str, *arguments: str) -> str:
    """Runs the example as a person would and answers the run id that it prints."""
    variables = {"MLFLOW_TRACKING_URI": server.url, "MLFLOW_EXPERIMENT_NAME": experiment}
    if server.token:
        variables["MLFLOW_TRACKING_TOKEN"] = server.token
    ended = subprocess.run(
        [sys.executable, "train.py", *arguments],
        cwd=EXAMPLE, env=harness.clean_environment(MPLBACKEND="Agg", **variables),
        capture_output=True, text=True, timeout=180, check=False,
    )
    assert ended.returncode == 0, ended.stderr
    return ended.stdout.strip().splitlines()[-1]


@pytest.mark.parametrize("case", GOLDEN["cases"], ids=lambda case: f"{case['alpha']}-{case['l1_ratio']}")
def test_golden_case(server: Server, client: MlflowClient, name: str, case: dict) -> None:
    run_id = train(server, name, "--alpha", str(case["alpha"]), "--l1-ratio", str(case["l1_ratio"]))
    run = client.get_run(run_id)
    assert run.info.status == "FINISHED"
    assert float(run.data.params["alpha"]) == case["alpha"]
    assert float(run.data.params["l1_ratio"]) == case["l1_ratio"]
    for metric in ("rmse", "mae", "r2"):
        assert run.data.metrics[metric] == pytest.approx(case[metric], rel=1e-6)
    curve = client.get_metric_history(run_id, "train_loss")
    assert [point.step for point in curve] == list(range(len(curve))) and len(curve) > 1
    assert curve[-1].value <= curve[0].value
    assert {"ElasticNet-paths.png", "diabetes.txt"} <= {each.path for each in client.list_artifacts(run_id)}
    rows = load_text(f"runs:/{run_id}/diabetes.txt").splitlines()
    assert len(rows) == 443
    loaded = mlflow.sklearn.load_model(f"runs:/{run_id}/model")
    assert loaded.coef_ == pytest.approx(case["coef"], rel=1e-6)
    assert loaded.intercept_ == pytest.approx(case["intercept"], rel=1e-6)
    served = mlflow.pyfunc.load_model(f"runs:/{run_id}/model")
    flat = pd.DataFrame([[0.01] * 10], columns=FEATURES)
    assert float(np.ravel(served.predict(flat))[0]) == pytest.approx(case["predict_all_0_01"], rel=1e-6)
    bmi = pd.DataFrame([[0.06 if feature == "bmi" else 0.01 for feature in FEATURES]], columns=FEATURES)
    assert float(np.ravel(served.predict(bmi))[0]) == pytest.approx(case["predict_bmi_0_06"], rel=1e-6)
    assert served.metadata.signature is not None
    assert served.input_example is not None


def test_register_and_alias(server: Server, client: MlflowClient, name: str) -> None:
    """The numbers by position, as the stack's trainer took them."""
    run_id = train(server, name, "0.01", "1.0", "--register", name, "--alias", "champion")
    version = client.get_model_version_by_alias(name, "champion")
    assert (str(version.version), version.run_id) == ("1", run_id)
    model = mlflow.pyfunc.load_model(f"models:/{name}@champion")
    flat = pd.DataFrame([[0.01] * 10], columns=FEATURES)
    assert float(np.ravel(model.predict(flat))[0]) == pytest.approx(160.91891198948713, rel=1e-6)
