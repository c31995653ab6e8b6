"""Files asked for in every wrong way, one fault or two at once."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from typing import Any

from .compare import Call

PROXY = "/api/2.0/mlflow-artifacts"
# A path, or none; what is here, what is not, and what could leave the root.
PATHS = [None, "", "m", "m/f.txt", "m/g.txt", "m/f.txt/x", "../x", "/etc/passwd", "%2e%2e/x", "a#b"]


def without_nothing(**fields: Any) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value is not None}


def things() -> Iterator[Call]:
    """A run, a logged model and versions of a model, with a file each; and deleted ones."""
    for run in ("run0", "run1"):
        yield Call("POST", "/runs/create", {"experiment_id": "0"}, binds={run: "run.info.run_id"})
        yield Call("PUT", f"{PROXY}/artifacts/0/${run}/artifacts/m/f.txt", raw=b"x")
    for model in ("model0", "model1"):
        yield Call("POST", "/logged-models", {"experiment_id": "0"}, binds={model: "model.info.model_id"})
        yield Call("PUT", f"{PROXY}/artifacts/0/models/${model}/artifacts/m/f.txt", raw=b"x")
    yield Call("POST", "/registered-models/create", {"name": "files"})
    for _ in range(2):
        yield Call("POST", "/model-versions/create", {"name": "files", "source": "mlflow-artifacts:/0/$run0/artifacts", "run_id": "$run0"})
    yield Call("DELETE", "/model-versions/delete", {"name": "files", "version": "2"})
    yield Call("DELETE", "/logged-models/$model1")
    yield Call("POST", "/runs/delete", {"run_id": "$run1"})


def faults() -> Iterator[Call]:
    for path, run in product(PATHS, ["$run0", "$run1", "nope", "", None]):
        yield Call("GET", "/get-artifact", without_nothing(run_id=run, path=path))
        yield Call("GET", "/artifacts/list", without_nothing(run_id=run, path=path))
        for content in (b"", b"x"):
            yield Call("POST", "/ajax-api/2.0/mlflow/upload-artifact", without_nothing(run_uuid=run, path=path), raw=content)
    for path, name, version in product(PATHS, ["files", "nope", "a/b", " ", "..", "", None], ["1", "2", "9", "-1", "x", "", None]):
        yield Call("GET", "/model-versions/get-artifact", without_nothing(path=path, name=name, version=version))
    for path, model in product(PATHS, ["$model0", "$model1", "m-nope"]):
        of_model = f"/ajax-api/2.0/mlflow/logged-models/{model}/artifacts"
        yield Call("GET", f"{of_model}/files", without_nothing(artifact_file_path=path))
        yield Call("GET", f"{of_model}/directories", without_nothing(artifact_directory_path=path))
    for path, owner in product(PATHS, [{}, {"run_id": "nope"}, {"model_id": "m-nope"}, {"run_id": "$run0"}, {"run_id": "nope", "model_id": "m-nope"}]):
        yield Call("POST", "/artifacts/presigned-upload-url", without_nothing(path=path) | owner)
        yield Call("POST", "/artifacts/presigned-download-url", without_nothing(path=path) | owner)
    for folder, what in product(["0", "%252e%252e/x", "a%23b"], ["create", "complete", "abort"]):
        for body in ({}, {"path": "f.txt"}, {"path": "f.txt", "upload_id": "u", "parts": [{"part_number": 1, "etag": "e"}]}):
            yield Call("POST", f"{PROXY}/mpu/{what}/{folder}", body)
        yield Call("GET", f"{PROXY}/presigned/{folder}/f.txt")
    for doubled in ("0/doubled//a.txt", "nowhere//a.txt"):
        for method, raw in (("PUT", b"x"), ("GET", None)):
            yield Call(method, f"{PROXY}/artifacts/{doubled}", raw=raw)
    for name in ("a/b", "a:b", "..", " "):
        yield from of_models(name)


def of_models(name: str) -> Iterator[Call]:
    """Whatever looks for a registered model by its name."""
    model, version = {"name": name}, {"name": name, "version": "1"}
    yield Call("GET", "/registered-models/get", model)
    yield Call("PATCH", "/registered-models/update", model | {"description": "d"})
    yield Call("POST", "/registered-models/rename", model | {"new_name": "new"})
    yield Call("POST", "/registered-models/get-latest-versions", model)
    yield Call("POST", "/registered-models/set-tag", model | {"key": "k", "value": "v"})
    yield Call("DELETE", "/registered-models/delete-tag", model | {"key": "k"})
    yield Call("POST", "/registered-models/alias", version | {"alias": "best"})
    yield Call("GET", "/registered-models/alias", model | {"alias": "best"})
    yield Call("DELETE", "/registered-models/alias", model | {"alias": "best"})
    yield Call("DELETE", "/registered-models/delete", model)
    for route in ("get", "get-download-uri"):
        yield Call("GET", f"/model-versions/{route}", version)
    yield Call("PATCH", "/model-versions/update", version | {"description": "d"})
    yield Call("POST", "/model-versions/transition-stage", version | {"stage": "Staging"})
    yield Call("POST", "/model-versions/set-tag", version | {"key": "k", "value": "v"})
    yield Call("DELETE", "/model-versions/delete-tag", version | {"key": "k"})
    yield Call("DELETE", "/model-versions/delete", version)
