"""Artifacts up and down through the unmodified client."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import mlflow
import numpy as np
import pandas as pd
import psutil
import pytest
from mlflow import MlflowClient
from mlflow.artifacts import download_artifacts, load_dict, load_text

from harness import Server


def listed(client: MlflowClient, run: str, path: str | None = None) -> list[tuple[str, bool, int | None]]:
    # The client reads a size of 0 as none; folders have none.
    return [
        (each.path, each.is_dir, None if each.is_dir else each.file_size or 0)
        for each in client.list_artifacts(run, path)
    ]


def folder(path: Path) -> Path:
    path.mkdir()
    return path


def test_files_and_folders_round_trip(client: MlflowClient, run: str, tmp_path: Path) -> None:
    source = tmp_path / "source"
    (source / "deep/er/est").mkdir(parents=True)
    (source / "top.txt").write_text("top")
    (source / "empty.bin").write_bytes(b"")
    (source / "deep/er/est/leaf.txt").write_text("leaf")
    client.log_artifacts(run, str(source), "data")
    assert listed(client, run) == [("data", True, None)]
    assert listed(client, run, "data") == [
        ("data/deep", True, None), ("data/empty.bin", False, 0), ("data/top.txt", False, 3),
    ]
    assert listed(client, run, "data/deep/er/est") == [("data/deep/er/est/leaf.txt", False, 4)]
    assert listed(client, run, "data/top.txt") == []
    assert listed(client, run, "nothing/here") == []
    back = Path(client.download_artifacts(run, "data", str(tmp_path)))
    got = {str(p.relative_to(back)): p.read_bytes() for p in back.rglob("*") if p.is_file()}
    assert got == {"top.txt": b"top", "empty.bin": b"", "deep/er/est/leaf.txt": b"leaf"}


def test_log_helpers(client: MlflowClient, experiment: str) -> None:
    with mlflow.start_run() as active:
        mlflow.log_text("hello", "notes/a.txt")
        mlflow.log_dict({"a": [1, 2]}, "conf.json")
        mlflow.log_table(pd.DataFrame({"x": [1, 2]}), "table.json")
        mlflow.log_image(np.zeros((4, 4, 3), dtype=np.uint8), "black.png")
        uri = mlflow.get_artifact_uri()
    assert load_text(f"{uri}/notes/a.txt") == "hello"
    assert load_dict(f"runs:/{active.info.run_id}/conf.json") == {"a": [1, 2]}
    assert client.get_run(active.info.run_id).data.tags["mlflow.loggedArtifacts"]


def test_overwriting_replaces(client: MlflowClient, run: str) -> None:
    client.log_text(run, "a long first text", "f.txt")
    client.log_text(run, "second", "f.txt")
    assert listed(client, run) == [("f.txt", False, 6)]
    assert load_text(f"runs:/{run}/f.txt") == "second"


# The client itself cannot send '?', '#' or a percent escape in a name.
ODD = [
    "space in name.txt", "größe.txt", "数据/模型.txt", "emoji 🚀.txt", "plus+sign.txt", "100%.txt",
    "semi;colon.txt", "amp&er=sand.txt", "quote'.txt", "brackets[1](2){3}.txt", "tilde~@!$,.txt", ".hidden",
    "many.dots.in.name", "UPPER.txt", "upper.txt", "con.txt", "trailing.", "a" * 200 + ".txt",
    "star*.txt", 'double".txt', "colon:.txt", "pipe|lt<gt>.txt",
]


def test_odd_names(client: MlflowClient, run: str, tmp_path: Path) -> None:
    source = tmp_path / "odd"
    for name in ODD:
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        (source / name).write_text(name)
    client.log_artifacts(run, str(source))
    back = Path(client.download_artifacts(run, "", str(folder(tmp_path / "back"))))
    got = {str(p.relative_to(back)): p.read_text() for p in back.rglob("*") if p.is_file()}
    assert got == {name: name for name in ODD}


def test_many_files(client: MlflowClient, run: str, tmp_path: Path) -> None:
    source = tmp_path / "many"
    source.mkdir()
    for i in range(300):
        (source / f"{i:03}.txt").write_text(str(i))
    client.log_artifacts(run, str(source), "many")
    files = listed(client, run, "many")
    assert [path for path, _, _ in files] == [f"many/{i:03}.txt" for i in range(300)]
    back = Path(client.download_artifacts(run, "many", str(tmp_path)))
    assert sorted(p.read_text() for p in back.iterdir()) == sorted(str(i) for i in range(300))


def checksum(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


@pytest.mark.branchline_only
def test_a_big_file_is_streamed(server: Server, client: MlflowClient, run: str, tmp_path: Path) -> None:
    size = 192 * 1024 * 1024
    big = tmp_path / "big.bin"
    block = os.urandom(1024 * 1024)
    with big.open("wb") as stream:
        for number in range(size // len(block)):
            stream.write(number.to_bytes(8, "little") + block[8:])
    process = psutil.Process(server.process.pid) if server.process else None
    before = process.memory_info().rss if process else 0
    client.log_artifact(run, str(big))
    assert listed(client, run) == [("big.bin", False, size)]
    back = Path(client.download_artifacts(run, "big.bin", str(folder(tmp_path / "down"))))
    assert checksum(back) == checksum(big)
    if process:
        grown = process.memory_info().rss - before
        assert grown < size / 3, f"the server grew by {grown} bytes over a file of {size}"


def test_bytes_carry_their_type_and_never_run(server: Server, client: MlflowClient, run: str) -> None:
    client.log_text(run, "<script>alert(1)</script>", "page.html")
    uri = client.get_run(run).info.artifact_uri
    assert uri.startswith("mlflow-artifacts:/")
    for answer in (
        server.get(f"/api/2.0/mlflow-artifacts/artifacts/{uri.removeprefix('mlflow-artifacts:/')}/page.html"),
        server.get("/get-artifact", params={"run_id": run, "path": "page.html"}),
    ):
        assert answer.status_code == 200, answer.text
        assert answer.text == "<script>alert(1)</script>"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Content-Disposition"].startswith("attachment")


def test_missing_files_are_missing(server: Server, run: str) -> None:
    assert server.get("/get-artifact", params={"run_id": run, "path": "no.txt"}).status_code in (404, 500)
    assert server.get("/api/2.0/mlflow-artifacts/artifacts/no/such/file").status_code == 404


def test_delete_by_the_proxy(server: Server, client: MlflowClient, run: str) -> None:
    client.log_text(run, "x", "d/x.txt")
    path = client.get_run(run).info.artifact_uri.removeprefix("mlflow-artifacts:/")
    for _ in range(2):
        assert server.request("DELETE", f"/api/2.0/mlflow-artifacts/artifacts/{path}/d").status_code == 200
    assert listed(client, run) == []


@pytest.mark.branchline_only
def test_a_root_may_be_written_as_the_servers_address(start) -> None:
    """As servers were told to have it before `mlflow-artifacts:` was known."""
    route = "/api/2.0/mlflow-artifacts/artifacts/below"
    server = start("--no-auth", "--default-artifact-root", f"http://tracking.example{route}")
    experiment = server.ok("POST", "/experiments/create", {"name": "a"})["experiment_id"]
    info = server.ok("POST", "/runs/create", {"experiment_id": experiment})["run"]["info"]
    assert info["artifact_uri"] == f"http://tracking.example{route}/{experiment}/{info['run_id']}/artifacts"
    file = info["artifact_uri"].removeprefix("http://tracking.example") + "/folder/a.txt"
    assert server.request("PUT", file, data=b"words").status_code == 200
    listed = server.ok("GET", "/artifacts/list", {"run_id": info["run_id"], "path": "folder"})
    assert [file["path"] for file in listed["files"]] == ["folder/a.txt"]
    answer = server.get("/get-artifact", params={"run_id": info["run_id"], "path": "folder/a.txt"})
    assert answer.content == b"words"


@pytest.mark.branchline_only
def test_ranges(server: Server, client: MlflowClient, run: str) -> None:
    client.log_text(run, "0123456789", "digits.txt")
    url = f"/api/v1/runs/{run}/artifacts/content"

    def part(value: str) -> tuple[int, str]:
        answer = server.get(url, params={"path": "digits.txt"}, headers={"Range": value})
        return answer.status_code, answer.text

    assert part("bytes=2-4") == (206, "234")
    assert part("bytes=-3") == (206, "789")
    assert part("bytes=7-") == (206, "789")
    assert part("bytes=20-30")[0] == 416


def test_download_of_a_whole_run(client: MlflowClient, run: str, tmp_path: Path) -> None:
    client.log_text(run, "1", "a/1.txt")
    client.log_text(run, "2", "b/c/2.txt")
    back = Path(download_artifacts(run_id=run, dst_path=str(tmp_path)))
    assert sorted(p.name for p in back.rglob("*.txt")) == ["1.txt", "2.txt"]


@pytest.mark.branchline_only
@pytest.mark.own_server
@pytest.mark.parametrize("durability", ["balanced", "power-safe", "fast"])
def test_what_was_answered_outlives_the_process(start, own_client, durability: str) -> None:
    first = start("--durability", durability)
    client = own_client(first)
    run = client.create_run("0").info.run_id
    folder = client.get_run(run).info.artifact_uri.removeprefix("mlflow-artifacts:/")
    contents = {f"d{n % 7}/{n}.bin": os.urandom(10_000) for n in range(100)} | {"large": os.urandom(9_000_000)}
    for path, content in contents.items():
        url = f"/api/2.0/mlflow-artifacts/artifacts/{folder}/{path}"
        assert first.request("PUT", url, data=content).status_code == 200
    first.kill()
    second = start(token=first.token)
    own_client(second)
    for path, content in contents.items():
        assert second.get("/get-artifact", params={"run_id": run, "path": path}).content == content, path
