"""Logged models and the model registry through the unmodified client."""

from __future__ import annotations

from typing import Any

import mlflow
import numpy as np
import pytest
from mlflow import MlflowClient
from mlflow.entities import LoggedModelStatus, Metric
from mlflow.exceptions import MlflowException
from mlflow.pyfunc import PythonModel
from sklearn.linear_model import LinearRegression


class Doubler(PythonModel):
    """A model small enough to log in every test."""

    def predict(self, context: Any, model_input: list[float]) -> list[float]:
        return [2 * each for each in model_input]


def log_doubler(**arguments: Any) -> mlflow.models.model.ModelInfo:
    return mlflow.pyfunc.log_model(python_model=Doubler(), pip_requirements=["cloudpickle"], **arguments)


def test_model_from_log_to_prediction(client: MlflowClient, experiment: str, name: str) -> None:
    x = np.arange(10.0).reshape(-1, 1)
    with mlflow.start_run() as active:
        info = mlflow.sklearn.log_model(
            LinearRegression().fit(x, 3 * x.ravel() + 1), name="model", input_example=x[:2],
            pip_requirements=["scikit-learn"], registered_model_name=name,
        )
    client.set_registered_model_alias(name, "champion", 1)
    version = client.get_model_version_by_alias(name, "champion")
    assert (str(version.version), version.run_id) == ("1", active.info.run_id)
    assert version.status == "READY" and version.aliases == ["champion"]
    loaded = mlflow.pyfunc.load_model(f"models:/{name}@champion")
    assert loaded.predict(np.array([[100.0]])) == pytest.approx([301.0])
    assert loaded.metadata.signature is not None
    assert mlflow.sklearn.load_model(f"models:/{name}/1").coef_ == pytest.approx([3.0])
    assert mlflow.pyfunc.load_model(f"runs:/{active.info.run_id}/model").predict(np.array([[1.0]])) == pytest.approx([4.0])
    tags = client.get_logged_model(info.model_id).tags
    assert tags["mlflow.modelVersions"].startswith(f'[{{"name": "{name}", "version": 1}}')


def test_life_of_a_logged_model(client: MlflowClient, experiment: str, run: str) -> None:
    model = client.create_logged_model(
        experiment, name="net", source_run_id=run, tags={"t": "1"}, params={f"p{i}": str(i) for i in range(150)},
        model_type="demo",
    )
    assert model.model_id.startswith("m-") and len(model.model_id) == 34
    assert model.status == LoggedModelStatus.PENDING
    assert len(client.get_logged_model(model.model_id).params) == 150
    assert client.finalize_logged_model(model.model_id, LoggedModelStatus.READY).status == LoggedModelStatus.READY
    client.set_logged_model_tags(model.model_id, {"t": "2", "u": "3"})
    client.delete_logged_model_tag(model.model_id, "u")
    assert client.get_logged_model(model.model_id).tags["t"] == "2"
    client.log_metric(run, "acc", 0.5, step=3, model_id=model.model_id, dataset_name="d", dataset_digest="1")
    read = client.get_logged_model(model.model_id)
    assert [(m.key, m.value, m.step, m.dataset_name) for m in read.metrics] == [("acc", 0.5, 3, "d")]
    assert read.source_run_id == run and read.experiment_id == experiment and read.model_type == "demo"
    client.delete_logged_model(model.model_id)
    with pytest.raises(MlflowException):
        client.get_logged_model(model.model_id)


def test_a_param_of_a_logged_model_never_changes(client: MlflowClient, experiment: str) -> None:
    model = client.create_logged_model(experiment, name="m", params={"lr": "0.1"})
    for _ in range(2):
        client.log_model_params(model.model_id, {"lr": "0.1", "depth": "3"})
    with pytest.raises(MlflowException, match="'lr' was already logged with value='0.1'"):
        client.log_model_params(model.model_id, {"new": "1", "lr": "0.2"})
    assert client.get_logged_model(model.model_id).params == {"lr": "0.1", "depth": "3"}, "all or nothing"


def test_search_logged_models(client: MlflowClient, experiment: str, run: str) -> None:
    made = {}
    for index, letter in enumerate("abcd"):
        model = client.create_logged_model(experiment, name=letter, params={"depth": str(index)}, tags={"odd": str(index % 2)})
        if letter != "d":
            point = Metric("acc", index / 10, 1_700_000_000_000, 0, model_id=model.model_id)
            client.log_batch(run, metrics=[point])
        made[letter] = model.model_id

    def found(filter_string: str | None = None, **arguments: Any) -> str:
        page = client.search_logged_models([experiment], filter_string, **arguments)
        return "".join(model.name for model in page)

    by_name = [{"field_name": "name", "ascending": True}]
    assert found(order_by=by_name) == "abcd"
    assert found() == "dcba"
    assert found("params.depth = '2'") == "c"
    assert found("tags.odd = '1'", order_by=by_name) == "bd"
    assert found("metrics.acc >= 0.1", order_by=by_name) == "bc"
    assert found("name = 'a'") == "a"
    assert found("name LIKE '%b%'") == "b"
    assert found(f"model_id = '{made['d']}'") == "d"
    assert found(order_by=[{"field_name": "metrics.acc", "ascending": False}]) == "cbad"
    client.log_metric(run, "acc", 0.9, model_id=made["b"], dataset_name="train", dataset_digest="1")
    train = [{"dataset_name": "train", "dataset_digest": "1"}]
    assert found(datasets=train) == found("name != 'z'", datasets=train) == "b"
    assert found("metrics.acc < 0.5", datasets=train) == found(datasets=[train[0] | {"dataset_digest": "2"}]) == ""
    first = client.search_logged_models([experiment], max_results=3, order_by=by_name)
    assert first.token
    rest = client.search_logged_models([experiment], max_results=3, order_by=by_name, page_token=first.token)
    assert [model.name for model in rest] == ["d"] and not rest.token
    with pytest.raises(MlflowException):
        found("nope ~ 1")


def test_registry_life(client: MlflowClient, name: str) -> None:
    made = client.create_registered_model(name, tags={"t": "1"}, description="first words")
    assert made.name == name and made.creation_timestamp > 0
    for _ in range(2):
        with pytest.raises(MlflowException) as taken:
            client.create_registered_model(name)
        assert taken.value.error_code == "RESOURCE_ALREADY_EXISTS"
    client.update_registered_model(name, "other words")
    client.set_registered_model_tag(name, "t", "2")
    client.set_registered_model_tag(name, "gone", "x")
    client.delete_registered_model_tag(name, "gone")
    client.rename_registered_model(name, name + ".new")
    renamed = client.get_registered_model(name + ".new")
    assert renamed.description == "other words" and renamed.tags == {"t": "2"}
    with pytest.raises(MlflowException):
        client.get_registered_model(name)
    client.delete_registered_model(name + ".new")
    with pytest.raises(MlflowException) as missing:
        client.get_registered_model(name + ".new")
    assert missing.value.error_code == "RESOURCE_DOES_NOT_EXIST"


def test_versions(client: MlflowClient, experiment: str, run: str, name: str) -> None:
    client.create_registered_model(name)
    source = client.get_run(run).info.artifact_uri + "/model"
    for number in (1, 2, 3):
        version = client.create_model_version(name, source, run, tags={"n": str(number)}, description=f"v{number}")
        assert str(version.version) == str(number)
    client.delete_model_version(name, "3")
    assert str(client.create_model_version(name, source, run).version) == "4"
    client.update_model_version(name, "1", "changed")
    client.set_model_version_tag(name, "1", "k", "v")
    read = client.get_model_version(name, "1")
    assert read.description == "changed" and read.tags == {"n": "1", "k": "v"}
    assert read.source == source and read.run_id == run
    client.delete_model_version_tag(name, "1", "k")
    assert client.get_model_version(name, "1").tags == {"n": "1"}
    assert client.get_model_version_download_uri(name, "1") == source
    with pytest.raises(MlflowException):
        client.get_model_version(name, "3")
    found = client.search_model_versions(f"name = '{name}'", order_by=["version_number ASC"])
    assert [str(each.version) for each in found] == ["1", "2", "4"]
    assert len(client.search_model_versions(f"run_id = '{run}'")) == 3
    assert [str(each.version) for each in client.search_model_versions(f"name = '{name}' AND tags.n = '2'")] == ["2"]


def test_aliases(client: MlflowClient, run: str, name: str) -> None:
    client.create_registered_model(name)
    source = client.get_run(run).info.artifact_uri
    for _ in range(2):
        client.create_model_version(name, source, run)
    client.set_registered_model_alias(name, "champion", "1")
    client.set_registered_model_alias(name, "champion", "2")
    assert str(client.get_model_version_by_alias(name, "champion").version) == "2"
    assert {alias: str(version) for alias, version in client.get_registered_model(name).aliases.items()} == {"champion": "2"}
    client.delete_registered_model_alias(name, "champion")
    client.delete_registered_model_alias(name, "champion")
    with pytest.raises(MlflowException) as missing:
        client.get_model_version_by_alias(name, "champion")
    assert missing.value.error_code == "INVALID_PARAMETER_VALUE"
    for bad in ("latest", "v1", "with space", "x" * 256):
        with pytest.raises(MlflowException):
            client.set_registered_model_alias(name, bad, "1")
    with pytest.raises(MlflowException):
        client.set_registered_model_alias(name, "ghost", "9")


def test_stages_still_work(client: MlflowClient, run: str, name: str) -> None:
    client.create_registered_model(name)
    source = client.get_run(run).info.artifact_uri
    for _ in range(2):
        client.create_model_version(name, source, run)
    client.transition_model_version_stage(name, "1", "Production")
    client.transition_model_version_stage(name, "2", "production", archive_existing_versions=True)
    stages = {str(each.version): each.current_stage for each in client.search_model_versions(f"name = '{name}'")}
    assert stages == {"1": "Archived", "2": "Production"}
    latest = client.get_latest_versions(name, ["Production"])
    assert [str(each.version) for each in latest] == ["2"]


def test_search_registered_models(client: MlflowClient, name: str) -> None:
    for letter in ("b", "a", "C"):
        client.create_registered_model(f"{name}-{letter}", tags={"letter": letter})
    mine = f"name LIKE '{name}%'"

    def found(filter_string: str = mine, **arguments: Any) -> list[str]:
        return [each.name.removeprefix(name) for each in client.search_registered_models(filter_string, **arguments)]

    assert found() == ["-C", "-a", "-b"]
    assert found(order_by=["name DESC"]) == ["-b", "-a", "-C"]
    assert found(f"{mine} AND tags.letter = 'a'") == ["-a"]
    assert found(f"name = '{name}-b'") == ["-b"]
    assert found(f"name ILIKE '{name}-c'") == ["-C"]
    first = client.search_registered_models(mine, max_results=2)
    assert len(first) == 2 and first.token
    second = client.search_registered_models(mine, max_results=2, page_token=first.token)
    assert len(second) == 1 and not second.token
    with pytest.raises(MlflowException):
        found("nope = 'x'")


@pytest.mark.parametrize("bad", ["", "with/slash", "with:colon"])
def test_bad_model_names_are_refused(client: MlflowClient, bad: str) -> None:
    with pytest.raises(MlflowException):
        client.create_registered_model(bad)


def test_copied_version_keeps_its_origin(client: MlflowClient, experiment: str, name: str) -> None:
    with mlflow.start_run():
        log_doubler(name="model", registered_model_name=name)
    copy = client.copy_model_version(f"models:/{name}/1", name + "-prod")
    assert str(copy.version) == "1"
    assert mlflow.pyfunc.load_model(f"models:/{name}-prod/1").predict([4.0]) == [8.0]


def test_prompts_share_the_registry_but_not_the_list(client: MlflowClient, name: str) -> None:
    mlflow.genai.register_prompt(name=name, template="Say {{word}}")
    assert mlflow.genai.load_prompt(f"prompts:/{name}/1").template == "Say {{word}}"
    assert client.search_registered_models(f"name = '{name}'") == []
