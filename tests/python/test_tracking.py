"""Runs, parameters, tags and their life through the unmodified client."""

from __future__ import annotations

import re

import mlflow
import pytest
from mlflow import MlflowClient
from mlflow.entities import Metric, Param, RunTag, ViewType
from mlflow.exceptions import MlflowException


def test_fluent_run_end_to_end(client: MlflowClient, experiment: str) -> None:
    with mlflow.start_run(run_name="first", tags={"team": "red"}, description="what it is") as active:
        mlflow.log_param("lr", 0.01)
        mlflow.log_params({"epochs": 3, "opt": "adam"})
        for step in range(3):
            mlflow.log_metric("loss", 1.0 / (step + 1), step=step)
        mlflow.log_metrics({"acc": 0.9, "f1": 0.8}, step=2)
        mlflow.set_tags({"phase": "train", "n": 7})
    run = client.get_run(active.info.run_id)
    assert run.info.status == "FINISHED"
    assert run.info.run_name == run.data.tags["mlflow.runName"] == "first"
    assert run.info.experiment_id == experiment
    assert run.info.start_time <= run.info.end_time
    assert run.data.params == {"lr": "0.01", "epochs": "3", "opt": "adam"}
    assert run.data.metrics == {"loss": 1 / 3, "acc": 0.9, "f1": 0.8}
    assert run.data.tags["team"] == "red" and run.data.tags["n"] == "7"
    assert run.data.tags["mlflow.note.content"] == "what it is"


def test_failing_block_marks_the_run_failed(client: MlflowClient, experiment: str) -> None:
    with pytest.raises(ZeroDivisionError), mlflow.start_run() as active:
        1 / 0
    assert client.get_run(active.info.run_id).info.status == "FAILED"


def test_nested_runs_point_at_their_parent(client: MlflowClient, experiment: str) -> None:
    with mlflow.start_run() as parent:
        for alpha in (0.1, 0.2):
            with mlflow.start_run(nested=True):
                mlflow.log_param("alpha", alpha)
    children = client.search_runs([experiment], f"tags.`mlflow.parentRunId` = '{parent.info.run_id}'")
    assert sorted(child.data.params["alpha"] for child in children) == ["0.1", "0.2"]
    assert mlflow.get_parent_run(children[0].info.run_id).info.run_id == parent.info.run_id


def test_run_can_be_resumed(client: MlflowClient, experiment: str) -> None:
    with mlflow.start_run() as first:
        mlflow.log_metric("loss", 1, step=0)
    with mlflow.start_run(run_id=first.info.run_id):
        mlflow.log_metric("loss", 2, step=1)
        assert client.get_run(first.info.run_id).info.status == "RUNNING"
    assert [point.value for point in client.get_metric_history(first.info.run_id, "loss")] == [1, 2]


def test_names_are_made_up_when_none_is_given(client: MlflowClient, experiment: str) -> None:
    names = {client.create_run(experiment).info.run_name for _ in range(5)}
    assert all(re.fullmatch(r"[a-z]+-[a-z]+-\d{1,4}", each) and len(each) <= 20 for each in names)
    assert len(names) > 1


def test_rename_keeps_name_and_tag_in_step(client: MlflowClient, run: str) -> None:
    client.update_run(run, name="renamed")
    assert client.get_run(run).data.tags["mlflow.runName"] == "renamed"
    client.set_tag(run, "mlflow.runName", "by tag")
    assert client.get_run(run).info.run_name == "by tag"


def test_terminated_states(client: MlflowClient, experiment: str) -> None:
    for status in ("FINISHED", "FAILED", "KILLED", "SCHEDULED"):
        run_id = client.create_run(experiment).info.run_id
        client.set_terminated(run_id, status, end_time=1_700_000_123_456)
        info = client.get_run(run_id).info
        assert (info.status, info.end_time) == (status, 1_700_000_123_456)


def test_params_do_not_change(client: MlflowClient, run: str) -> None:
    client.log_param(run, "p", "1")
    client.log_param(run, "p", "1")
    with pytest.raises(MlflowException, match="Changing param values is not allowed"):
        client.log_param(run, "p", "2")
    assert client.get_run(run).data.params == {"p": "1"}


def test_tags_change_and_go(client: MlflowClient, run: str) -> None:
    client.set_tag(run, "t", "1")
    client.set_tag(run, "t", "2")
    assert client.get_run(run).data.tags["t"] == "2"
    client.delete_tag(run, "t")
    assert "t" not in client.get_run(run).data.tags
    with pytest.raises(MlflowException) as missing:
        client.delete_tag(run, "t")
    assert missing.value.error_code == "RESOURCE_DOES_NOT_EXIST"


def test_values_of_every_alphabet(client: MlflowClient, run: str) -> None:
    text = "größe 数 🚀 \"quoted\" 'single' back\\slash\ttab\nline"
    client.log_param(run, "größe/数", text)
    client.set_tag(run, "emoji", text)
    client.log_metric(run, "метрика", 1.5)
    data = client.get_run(run).data
    assert data.params["größe/数"] == text and data.tags["emoji"] == text
    assert data.metrics == {"метрика": 1.5}


def test_long_values_are_cut_as_mlflow_cuts(client: MlflowClient, run: str) -> None:
    client.log_param(run, "long", "é" * 7000)
    client.set_tag(run, "long", "é" * 9000)
    data = client.get_run(run).data
    assert data.params["long"] == "é" * 6000
    assert data.tags["long"] == "é" * 8000


def test_batch_of_everything(client: MlflowClient, run: str) -> None:
    metrics = [Metric(f"m{i % 10}", i / 3, 1_700_000_000_000 + i, i) for i in range(800)]
    params = [Param(f"p{i}", str(i)) for i in range(100)]
    tags = [RunTag(f"t{i}", str(i)) for i in range(100)]
    client.log_batch(run, metrics, params, tags)
    data = client.get_run(run).data
    assert data.metrics == {f"m{i}": (790 + i) / 3 for i in range(10)}
    assert data.params == {f"p{i}": str(i) for i in range(100)}
    assert {f"t{i}" for i in range(100)} <= set(data.tags)
    assert len(client.get_metric_history(run, "m3")) == 80


def test_same_batch_twice_is_one(client: MlflowClient, run: str) -> None:
    batch = [Metric("m", float(i), 1_700_000_000_000 + i, i) for i in range(50)]
    for _ in range(2):
        client.log_batch(run, metrics=batch, params=[Param("p", "1")])
    assert len(client.get_metric_history(run, "m")) == 50


def test_asynchronous_logging_arrives(client: MlflowClient, experiment: str) -> None:
    with mlflow.start_run() as active:
        for step in range(200):
            mlflow.log_metric("async", step, step=step, synchronous=False)
        mlflow.flush_async_logging()
    history = client.get_metric_history(active.info.run_id, "async")
    assert [point.step for point in history] == list(range(200))


def test_delete_and_restore_run(client: MlflowClient, experiment: str, run: str) -> None:
    client.log_metric(run, "m", 1)
    client.delete_run(run)
    client.delete_run(run)
    assert client.get_run(run).info.lifecycle_stage == "deleted"
    assert client.search_runs([experiment]) == []
    assert [each.info.run_id for each in client.search_runs([experiment], run_view_type=ViewType.DELETED_ONLY)] == [run]
    with pytest.raises(MlflowException, match="must be in the 'active' state"):
        client.log_metric(run, "m", 2)
    client.restore_run(run)
    client.log_metric(run, "m", 2, step=1)
    assert client.get_run(run).data.metrics == {"m": 2}


def test_unknown_run_is_said_to_be_missing(client: MlflowClient, experiment: str) -> None:
    with pytest.raises(MlflowException, match="f" * 32) as missing:
        client.get_run("f" * 32)
    assert missing.value.error_code == "RESOURCE_DOES_NOT_EXIST"
