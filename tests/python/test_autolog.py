"""scikit-learn's autologging, the way most people meet MLflow."""

from __future__ import annotations

import mlflow
import numpy as np
import pytest
from mlflow import MlflowClient
from sklearn.linear_model import ElasticNet
from sklearn.model_selection import GridSearchCV


@pytest.fixture(autouse=True)
def autolog() -> object:
    mlflow.sklearn.autolog(log_models=True, log_datasets=True, silent=True, extra_tags={"by": "autolog"})
    yield
    mlflow.sklearn.autolog(disable=True)


def test_fit_is_logged_whole(client: MlflowClient, experiment: str) -> None:
    rng = np.random.default_rng(1)
    x = rng.normal(size=(60, 4))
    model = ElasticNet(alpha=0.1).fit(x, x @ [1.0, 2.0, 0.0, -1.0])
    model.score(x, x @ [1.0, 2.0, 0.0, -1.0])
    run = client.search_runs([experiment])[0]
    assert run.info.status == "FINISHED"
    assert run.data.params["alpha"] == "0.1"
    assert run.data.metrics["training_r2_score"] > 0.8
    assert run.data.tags["estimator_name"] == "ElasticNet" and run.data.tags["by"] == "autolog"
    assert run.inputs.dataset_inputs
    model_id = run.outputs.model_outputs[0].model_id
    loaded = mlflow.sklearn.load_model(f"models:/{model_id}")
    assert loaded.coef_ == pytest.approx(model.coef_)


def test_grid_search_makes_children(client: MlflowClient, experiment: str) -> None:
    rng = np.random.default_rng(2)
    x = rng.normal(size=(40, 3))
    GridSearchCV(ElasticNet(), {"alpha": [0.1, 1.0], "l1_ratio": [0.2, 0.8]}, cv=2).fit(x, x.sum(axis=1))
    runs = client.search_runs([experiment])
    children = [run for run in runs if "mlflow.parentRunId" in run.data.tags]
    assert len(children) == 4 and len(runs) == 5
    assert {(run.data.params["alpha"], run.data.params["l1_ratio"]) for run in children} == {
        ("0.1", "0.2"), ("0.1", "0.8"), ("1.0", "0.2"), ("1.0", "0.8"),
    }
    parent = next(run for run in runs if "mlflow.parentRunId" not in run.data.tags)
    assert "cv_results.csv" in [each.path for each in client.list_artifacts(parent.info.run_id)]
