"""Experiments whose files lie in a folder that the client writes itself."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import mlflow
import pytest
from mlflow import MlflowClient

import harness
from harness import Server

pytestmark = [pytest.mark.branchline_only, pytest.mark.own_server]


@pytest.fixture(params=["path", "uri"])
def house(
    request: pytest.FixtureRequest, start: Callable[..., Server],
    own_client: Callable[[Server], MlflowClient], tmp_path: Path,
) -> tuple[Server, MlflowClient, str, Path]:
    root = tmp_path / "shared runs ü"
    root.mkdir()
    server = start("--no-auth", BRANCHLINE_ALLOWED_ROOTS=str(root))
    client = own_client(server)
    location = str(root / "e") if request.param == "path" else (root / "e").as_uri()
    return server, client, client.create_experiment("direct", artifact_location=location), root


def names(server: Server, run: str, path: str = "") -> list[str]:
    answer = server.ok("GET", "/artifacts/list", {"run_id": run} | ({"path": path} if path else {}))
    return [each["path"] for each in answer.get("files", [])]


def gc(server: Server, root: Path, *flags: str) -> dict:
    command = [str(harness.binary()), "db", "gc", "--json", *flags, "--data-dir", str(server.data_dir)]
    environment = harness.clean_environment(BRANCHLINE_ALLOWED_ROOTS=str(root))
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_what_the_client_writes_is_served(house: tuple[Server, MlflowClient, str, Path], tmp_path: Path) -> None:
    server, client, experiment, root = house
    run = client.create_run(experiment).info.run_id
    client.log_text(run, "0123456789", "notes/ä b.txt")
    assert (root / "e" / run / "artifacts/notes/ä b.txt").read_text() == "0123456789"
    assert not any((server.data_dir / "artifacts").rglob("*.txt"))
    assert names(server, run) == ["notes"] and names(server, run, "notes") == ["notes/ä b.txt"]
    got = server.get("/get-artifact", params={"run_id": run, "path": "notes/ä b.txt"})
    assert (got.status_code, got.text) == (200, "0123456789")
    part = server.get(
        f"/api/v1/runs/{run}/artifacts/content", params={"path": "notes/ä b.txt"}, headers={"Range": "bytes=2-4"}
    )
    assert (part.status_code, part.text) == (206, "234")
    up = server.request(
        "POST", "/ajax-api/2.0/mlflow/upload-artifact", params={"run_uuid": run, "path": "new/ui.txt"}, data=b"by us"
    )
    assert up.status_code == 200, up.text
    assert Path(client.download_artifacts(run, "new/ui.txt", str(tmp_path))).read_text() == "by us"
    assert server.mlflow("POST", "/artifacts/presigned-download-url", {"run_id": run, "path": "x"}).status_code == 501


def test_models_are_loaded_from_there(house: tuple[Server, MlflowClient, str, Path]) -> None:
    server, client, experiment, root = house
    with mlflow.start_run(experiment_id=experiment):
        model = mlflow.pyfunc.log_model(
            name="m", python_model=lambda model_input: model_input, pip_requirements=["mlflow"],
            registered_model_name="direct",
        )
    assert (root / "e/models" / model.model_id / "artifacts/MLmodel").is_file()
    assert mlflow.pyfunc.load_model("models:/direct/1").predict(["x"]) == ["x"]
    got = server.get("/model-versions/get-artifact", params={"name": "direct", "version": "1", "path": "MLmodel"})
    assert got.status_code == 200 and "python_function" in got.text


def test_the_trash_knows_and_frees_it(house: tuple[Server, MlflowClient, str, Path]) -> None:
    server, client, experiment, root = house
    going, kept = (client.create_run(experiment).info.run_id for _ in range(2))
    for run in (going, kept):
        client.log_text(run, "0123456789", "notes/a.txt")
    client.delete_run(going)
    [item] = server.get("/api/v1/trash", params={"kind": "run"}).json()["items"]
    assert (item["id"], item["artifact_bytes"]) == (going, 10)
    things = {"items": [{"kind": "run", "id": going}]}
    assert server.post("/api/v1/trash/delete", things).json()["artifact_bytes"] == 10
    assert not (root / "e" / going).exists() and (root / "e" / kept / "artifacts/notes/a.txt").is_file()
    client.delete_run(kept)
    assert server.stop() == 0
    assert gc(server, root)["artifact_bytes"] == 10
    assert root.is_dir() and not list(root.rglob("*.txt"))


def test_nothing_outside_is_reached(house: tuple[Server, MlflowClient, str, Path], tmp_path: Path) -> None:
    server, client, experiment, root = house
    run = client.create_run(experiment).info.run_id
    client.log_text(run, "in", "in.txt")
    secret = tmp_path / "secret.txt"
    secret.write_text("secret")
    place = root / "e" / run / "artifacts"
    (place / "link.txt").symlink_to(secret)
    (place / "up").symlink_to(tmp_path)
    assert names(server, run) == ["in.txt"]
    for path in ("link.txt", "up/secret.txt", "../../../../secret.txt"):
        got = server.get("/get-artifact", params={"run_id": run, "path": path})
        assert got.status_code == 400, path
        up = server.request(
            "POST", "/ajax-api/2.0/mlflow/upload-artifact", params={"run_uuid": run, "path": path}, data=b"x"
        )
        assert up.status_code == 400, path
    assert secret.read_text() == "secret"
    client.delete_run(run)
    things = {"items": [{"kind": "run", "id": run}]}
    assert server.post("/api/v1/trash/delete", things).status_code == 200
    assert secret.read_text() == "secret" and not place.exists()


def test_a_folder_that_is_not_allowed_is_told_with_the_remedy(
    house: tuple[Server, MlflowClient, str, Path], tmp_path: Path
) -> None:
    server, client, _, _ = house
    experiment = client.create_experiment("outside", artifact_location=str(tmp_path / "elsewhere"))
    run = client.create_run(experiment).info.run_id
    client.log_text(run, "kept by the client", "a.txt")
    answer = server.mlflow("GET", "/artifacts/list", {"run_id": run})
    assert answer.status_code == 400 and "artifacts.allowed_roots" in answer.text
    client.delete_run(run)
    [item] = server.get("/api/v1/trash", params={"kind": "run"}).json()["items"]
    assert item["artifact_bytes"] is None
    gone = server.post("/api/v1/trash/delete", {"items": [{"kind": "run", "id": run}]}).json()
    assert gone["elsewhere"] == 1
    assert list((tmp_path / "elsewhere").rglob("a.txt")), "not ours to remove"
