"""Datasets and logged models as inputs and outputs of a run."""

from __future__ import annotations

import mlflow
import numpy as np
import pandas as pd
from mlflow import MlflowClient
from mlflow.entities import Dataset, DatasetInput, InputTag, LoggedModelInput, LoggedModelOutput

from harness import Server


def test_log_input(client: MlflowClient, experiment: str) -> None:
    frame = pd.DataFrame({"x": [1.0, 2.0], "y": [3, 4]})
    data = mlflow.data.from_pandas(frame, source="https://example.org/data.csv", name="pairs", targets="y")
    with mlflow.start_run() as active:
        mlflow.log_input(data, context="training", tags={"part": "1"})
        mlflow.log_input(mlflow.data.from_numpy(np.ones((3, 2)), name="ones"), context="eval")
    inputs = client.get_run(active.info.run_id).inputs.dataset_inputs
    by_name = {each.dataset.name: each for each in inputs}
    assert set(by_name) == {"pairs", "ones"}
    pairs = by_name["pairs"]
    assert pairs.dataset.digest == data.digest and pairs.dataset.source_type == "http"
    assert "mlflow_colspec" in pairs.dataset.schema and "num_rows" in pairs.dataset.profile
    assert {tag.key: tag.value for tag in pairs.tags} == {"mlflow.data.context": "training", "part": "1"}
    assert mlflow.data.get_source(by_name["pairs"]).url == "https://example.org/data.csv"


def test_the_same_dataset_again_is_one_edge(client: MlflowClient, run: str) -> None:
    data = Dataset("d", "1", "local", "{}", None, None)
    client.log_inputs(run, [DatasetInput(data, [InputTag("mlflow.data.context", "first")])])
    client.log_inputs(run, [DatasetInput(data, [InputTag("mlflow.data.context", "second")])])
    inputs = client.get_run(run).inputs.dataset_inputs
    assert len(inputs) == 1
    assert [tag.value for tag in inputs[0].tags] == ["first"]


def test_datasets_of_an_experiment(server: Server, client: MlflowClient, experiment: str) -> None:
    for digest in ("1", "2"):
        run = client.create_run(experiment).info.run_id
        data = Dataset("d", digest, "local", "{}", None, None)
        client.log_inputs(run, [DatasetInput(data, [InputTag("mlflow.data.context", "training")])])
    answer = server.post("/ajax-api/2.0/mlflow/experiments/search-datasets", {"experiment_ids": [experiment]})
    assert answer.status_code == 200, answer.text
    rows = sorted((each["name"], each["digest"], each["context"]) for each in answer.json()["dataset_summaries"])
    assert rows == [("d", "1", "training"), ("d", "2", "training")]


def test_models_go_in_and_out(client: MlflowClient, experiment: str) -> None:
    with mlflow.start_run() as producing:
        model = mlflow.initialize_logged_model(name="net", params={"depth": "3"}, source_run_id=producing.info.run_id)
        client.log_outputs(producing.info.run_id, [LoggedModelOutput(model.model_id, 7)])
    with mlflow.start_run() as consuming:
        client.log_inputs(consuming.info.run_id, models=[LoggedModelInput(model.model_id)])
    outputs = client.get_run(producing.info.run_id).outputs.model_outputs
    assert [(each.model_id, each.step) for each in outputs] == [(model.model_id, 7)]
    inputs = client.get_run(consuming.info.run_id).inputs.model_inputs
    assert [each.model_id for each in inputs] == [model.model_id]
