"""What a program written for MLflow 2.x does; run by the interpreter of `.venv-2x`.

The address stands in MLFLOW_TRACKING_URI. Ends with 0 when everything was as a 2.x client
expects it, and prints the version it ran with."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import mlflow
from mlflow import MlflowClient
from mlflow.entities import Metric, Param, RunTag, ViewType
from refusals import refused


def tracking(client: MlflowClient, name: str) -> str:
    experiment = client.create_experiment(name, tags={"team": "blue"})
    assert client.get_experiment_by_name(name).experiment_id == experiment
    assert [found.name for found in client.search_experiments(filter_string=f"name = '{name}'")] == [name]
    mlflow.set_experiment(name)
    with mlflow.start_run(run_name="first", tags={"kind": "old"}) as active:
        run = active.info.run_id
        mlflow.log_params({"lr": 0.1, "depth": 3})
        for step in range(5):
            mlflow.log_metric("loss", 1 / (step + 1), step=step)
        mlflow.log_metrics({"acc": 0.5, "f1": 0.25})
        mlflow.set_tag("note", "hello")
        dataset = mlflow.data.from_pandas(__import__("pandas").DataFrame({"x": [1.0, 2.0]}), name="table")
        mlflow.log_input(dataset, context="training")
    client.log_batch(run, metrics=[Metric("late", 1.5, 1, 0)], params=[Param("p", "v")], tags=[RunTag("t", "u")])
    known = client.get_run(run)
    assert known.info.status == "FINISHED" and known.info.run_name == "first"
    assert known.data.params == {"lr": "0.1", "depth": "3", "p": "v"}
    assert known.data.metrics == {"loss": 0.2, "acc": 0.5, "f1": 0.25, "late": 1.5}
    assert known.inputs.dataset_inputs[0].dataset.name == "table"
    assert [point.value for point in client.get_metric_history(run, "loss")] == [1 / (step + 1) for step in range(5)]
    frame = mlflow.search_runs([experiment], filter_string="metrics.loss < 1 and params.lr = '0.1' and tags.kind = 'old'")
    assert list(frame["run_id"]) == [run] and frame["metrics.acc"][0] == 0.5
    client.delete_run(run)
    assert client.search_runs([experiment]) == []
    assert client.search_runs([experiment], run_view_type=ViewType.DELETED_ONLY)[0].info.run_id == run
    client.restore_run(run)
    refused("INVALID_PARAMETER_VALUE", client.log_param, run, "lr", "0.2")
    refused("RESOURCE_DOES_NOT_EXIST", client.get_run, "0" * 32)
    return run


def artifacts(client: MlflowClient, run: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "deep").mkdir()
        (Path(folder) / "deep/b.bin").write_bytes(b"\x00\x01" * 50_000)
        (Path(folder) / "a.txt").write_text("hello")
        client.log_artifacts(run, folder, "files")
    client.log_text(run, "words", "note.txt")
    client.log_dict(run, {"a": 1}, "data.json")
    assert sorted(file.path for file in client.list_artifacts(run)) == ["data.json", "files", "note.txt"]
    assert sorted(file.path for file in client.list_artifacts(run, "files")) == ["files/a.txt", "files/deep"]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(client.download_artifacts(run, "files", folder))
        assert (path / "deep/b.bin").read_bytes() == b"\x00\x01" * 50_000


class Doubles(mlflow.pyfunc.PythonModel):
    def predict(self, context, model_input):
        return model_input * 2


def registry(client: MlflowClient, name: str) -> None:
    with mlflow.start_run():
        logged = mlflow.pyfunc.log_model("model", python_model=Doubles(), registered_model_name=name)
    assert [version.version for version in client.search_model_versions(f"name = '{name}'")] == ["1"]
    client.create_model_version(name, logged.model_uri, run_id=logged.run_id)
    client.transition_model_version_stage(name, "1", "Production")
    client.transition_model_version_stage(name, "2", "Staging")
    assert client.get_latest_versions(name, ["Production"])[0].version == "1"
    client.transition_model_version_stage(name, "2", "Production", archive_existing_versions=True)
    assert client.get_model_version(name, "1").current_stage == "Archived"
    client.set_registered_model_alias(name, "best", "2")
    assert client.get_model_version_by_alias(name, "best").version == "2"
    client.set_model_version_tag(name, "2", "checked", "yes")
    client.update_model_version(name, "2", "the second")
    client.update_registered_model(name, "a model")
    known = client.get_registered_model(name)
    assert known.description == "a model" and known.aliases == {"best": "2"}
    table = __import__("pandas").DataFrame({"x": [1, 2]})
    for uri in (f"models:/{name}@best", f"models:/{name}/Production", f"models:/{name}/1"):
        assert list(mlflow.pyfunc.load_model(uri).predict(table)["x"]) == [2, 4]
    client.rename_registered_model(name, name + "-renamed")
    client.delete_model_version(name + "-renamed", "1")
    client.delete_registered_model(name + "-renamed")


def main() -> None:
    client, name = MlflowClient(), sys.argv[1]
    run = tracking(client, name)
    artifacts(client, run)
    registry(client, name)
    client.delete_experiment(client.get_experiment_by_name(name).experiment_id)
    print(mlflow.__version__)


if __name__ == "__main__":
    main()
