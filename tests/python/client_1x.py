"""What a program written for MLflow 1.x does; run by the interpreter of `.venv-1x`.

The address stands in MLFLOW_TRACKING_URI. Ends with 0 when everything was as a 1.x client
expects it, and prints the version it ran with."""

from __future__ import annotations

import math
import sys
import tempfile
from pathlib import Path

import mlflow
from mlflow.entities import Metric, Param, RunTag, ViewType
from mlflow.tracking import MlflowClient
from refusals import refused


def experiments(client: MlflowClient, name: str) -> str:
    experiment = client.create_experiment(name, tags={"team": "blue"})
    known = client.get_experiment_by_name(name)
    assert known.experiment_id == experiment and known.tags["team"] == "blue"
    assert client.get_experiment_by_name(name + "-other") is None
    client.set_experiment_tag(experiment, "k", "v")
    found = client.search_experiments(filter_string=f"name = '{name}'", order_by=["name ASC"], max_results=10)
    assert [one.tags["k"] for one in found] == ["v"]
    assert name in {one.name for one in mlflow.list_experiments()}
    assert len(client.list_experiments(max_results=1)) == 1
    refused("RESOURCE_ALREADY_EXISTS", client.create_experiment, name)
    client.rename_experiment(experiment, name + "-2")
    client.delete_experiment(experiment)
    assert client.get_experiment(experiment).lifecycle_stage == "deleted"
    assert experiment in {one.experiment_id for one in mlflow.list_experiments(ViewType.DELETED_ONLY)}
    client.restore_experiment(experiment)
    client.rename_experiment(experiment, name)
    return experiment


def tracking(client: MlflowClient, experiment: str) -> str:
    mlflow.set_experiment(experiment_id=experiment)
    with mlflow.start_run(run_name="first", tags={"kind": "old"}, description="of 1.x") as active:
        run = active.info.run_id
        mlflow.log_params({"lr": 0.1, "depth": 3})
        for step in range(5):
            mlflow.log_metric("loss", 1 / (step + 1), step=step)
        mlflow.log_metrics({"acc": 0.5, "never": float("nan"), "most": float("inf")})
        mlflow.set_tag("note", "hello")
        with mlflow.start_run(nested=True) as child:
            mlflow.log_param("inner", "yes")
    client.log_batch(run, [Metric("late", 1.5, 1, 0)], [Param("p", "v")], [RunTag("t", "u")])
    client.delete_tag(run, "t")
    known = client.get_run(run)
    assert known.info.status == "FINISHED" and known.info.run_name == "first" and known.info.end_time
    assert known.data.params == {"lr": "0.1", "depth": "3", "p": "v"}
    assert math.isnan(known.data.metrics.pop("never"))
    # Infinity is kept as the greatest number, as MLflow's own server keeps it.
    assert known.data.metrics == {"loss": 0.2, "acc": 0.5, "late": 1.5, "most": sys.float_info.max}
    assert known.data.tags["note"] == "hello" and "t" not in known.data.tags
    assert [point.value for point in client.get_metric_history(run, "loss")] == [1 / (step + 1) for step in range(5)]
    filtered = "metrics.loss < 1 and params.lr = '0.1' and tags.kind LIKE 'o%' and attributes.status = 'FINISHED'"
    assert [one.info.run_id for one in client.search_runs([experiment], filtered)] == [run]
    first = client.search_runs([experiment], order_by=["attribute.start_time ASC"], max_results=1)
    rest = client.search_runs([experiment], order_by=["attribute.start_time ASC"], max_results=1, page_token=first.token)
    assert [one.info.run_id for one in (*first, *rest)] == [run, child.info.run_id]
    client.delete_run(run)
    assert [one.info.run_id for one in client.search_runs([experiment], "", ViewType.DELETED_ONLY)] == [run]
    client.restore_run(run)
    client.update_run(run, status="FAILED", name="renamed")
    again = client.get_run(run).info
    assert (again.status, again.run_name) == ("FAILED", "renamed")
    left_open = client.create_run(experiment, tags={"mlflow.runName": "by tag"})
    assert left_open.info.run_name == "by tag"
    client.set_terminated(left_open.info.run_id, "KILLED")
    refused("INVALID_PARAMETER_VALUE", client.log_param, run, "lr", "0.2")
    refused("RESOURCE_DOES_NOT_EXIST", client.get_run, "0" * 32)
    return run


def artifacts(client: MlflowClient, run: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "deep").mkdir()
        (Path(folder) / "deep/b.bin").write_bytes(b"\x00\x01" * 50_000)
        (Path(folder) / "a.txt").write_text("hello")
        client.log_artifacts(run, folder, "files")
        client.log_artifact(run, f"{folder}/a.txt")
    client.log_text(run, "words", "note.txt")
    client.log_dict(run, {"a": 1}, "data.json")
    assert [file.path for file in client.list_artifacts(run)] == ["a.txt", "data.json", "files", "note.txt"]
    inner = client.list_artifacts(run, "files")
    assert [(file.path, file.is_dir, file.file_size) for file in inner] == [("files/a.txt", False, 5), ("files/deep", True, None)]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(client.download_artifacts(run, "files", folder))
        assert (path / "deep/b.bin").read_bytes() == b"\x00\x01" * 50_000
        assert Path(client.download_artifacts(run, "note.txt", folder)).read_text() == "words"
    assert mlflow.artifacts.load_dict(f"runs:/{run}/data.json") == {"a": 1}


def registry(client: MlflowClient, run: str, name: str) -> None:
    made = client.create_registered_model(name, tags={"a": "b"}, description="a model")
    assert (made.name, made.tags, made.description) == (name, {"a": "b"}, "a model")
    refused("RESOURCE_ALREADY_EXISTS", client.create_registered_model, name)
    source = f"{client.get_run(run).info.artifact_uri}/files"
    for number in ("1", "2"):
        version = client.create_model_version(name, source, run, tags={"n": number}, description=number)
        assert (version.version, version.current_stage, version.status) == (number, "None", "READY")
    client.transition_model_version_stage(name, "1", "Production")
    client.transition_model_version_stage(name, "2", "Staging")
    latest = client.get_latest_versions(name)
    assert {version.current_stage: version.version for version in latest} == {"Production": "1", "Staging": "2"}
    client.transition_model_version_stage(name, "2", "Production", archive_existing_versions=True)
    assert [version.version for version in client.get_latest_versions(name, ["Production"])] == ["2"]
    assert client.get_model_version(name, "1").current_stage == "Archived"
    assert set(client.get_model_version_stages(name, "1")) == {"None", "Staging", "Production", "Archived"}
    assert client.get_model_version_download_uri(name, "2") == source
    client.set_model_version_tag(name, "2", "checked", "yes")
    client.delete_model_version_tag(name, "2", "n")
    client.update_model_version(name, "2", "the second")
    version = client.get_model_version(name, "2")
    assert (version.tags, version.description, version.run_id) == ({"checked": "yes"}, "the second", run)
    client.set_registered_model_tag(name, "c", "d")
    client.delete_registered_model_tag(name, "a")
    client.update_registered_model(name, "still a model")
    known = client.get_registered_model(name)
    assert (known.tags, known.description) == ({"c": "d"}, "still a model")
    assert [model.name for model in client.search_registered_models(f"name = '{name}'")] == [name]
    assert name in {model.name for model in client.list_registered_models()}
    assert {version.version for version in client.search_model_versions(f"name = '{name}'")} == {"1", "2"}
    assert {version.version for version in client.search_model_versions(f"run_id = '{run}'")} == {"1", "2"}
    with tempfile.TemporaryDirectory() as folder:
        path = mlflow.artifacts.download_artifacts(f"models:/{name}/Production", dst_path=folder)
        assert (Path(path) / "a.txt").read_text() == "hello"
    client.rename_registered_model(name, name + "-renamed")
    client.delete_model_version(name + "-renamed", "1")
    client.delete_registered_model(name + "-renamed")
    refused("RESOURCE_DOES_NOT_EXIST", client.get_registered_model, name)


def main() -> None:
    client, name = MlflowClient(), sys.argv[1]
    experiment = experiments(client, name)
    run = tracking(client, experiment)
    artifacts(client, run)
    registry(client, run, name)
    client.delete_experiment(experiment)
    print(mlflow.__version__)


if __name__ == "__main__":
    main()
