"""Artifacts in S3-compatible storage: through the server and beside it, with the real client."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import mlflow
import psutil
import pytest
import requests
from mlflow import MlflowClient

import buckets
import harness
from buckets import S3
from harness import Server

pytestmark = [pytest.mark.branchline_only, pytest.mark.own_server]


@pytest.fixture(scope="module")
def s3() -> Iterator[S3]:
    with buckets.running() as service:
        yield service


@pytest.fixture
def bucket(s3: S3, name: str) -> str:
    return s3.bucket("b-" + hashlib.sha256(name.encode()).hexdigest()[:20])


@pytest.fixture
def proxied(
    s3: S3, bucket: str, start: Callable[..., Server], own_client: Callable[[Server], MlflowClient]
) -> tuple[Server, MlflowClient]:
    """A server that keeps in the bucket what passes through it."""
    server = start("--no-auth", "--artifacts-destination", f"s3://{bucket}/some/where", **s3.environment())
    return server, own_client(server)


@pytest.fixture
def beside(
    s3: S3, bucket: str, start: Callable[..., Server], own_client: Callable[[Server], MlflowClient]
) -> Iterator[tuple[Server, MlflowClient, str]]:
    """A server, and an experiment whose files the client moves itself."""
    server = start("--no-auth", **s3.environment())
    client = own_client(server)
    with buckets.pointed_at(s3):
        yield server, client, client.create_experiment("beside", artifact_location=f"s3://{bucket}/team/e")


def listed(client: MlflowClient, run: str, path: str | None = None) -> list[tuple[str, bool, int | None]]:
    return [
        (each.path, each.is_dir, None if each.is_dir else each.file_size or 0)
        for each in client.list_artifacts(run, path)
    ]


def gc(server: Server, s3: S3, bucket: str, *flags: str) -> dict[str, Any]:
    command = [str(harness.binary()), "db", "gc", "--json", *flags, "--data-dir", str(server.data_dir)]
    kept_in = {"BRANCHLINE_ARTIFACTS_DESTINATION": f"s3://{bucket}/some/where"}
    environment = harness.clean_environment(**s3.environment(**kept_in))
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def checksum(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


ODD = [
    "space in name.txt", "größe.txt", "数据/模型.txt", "emoji 🚀.txt", "plus+sign.txt", "100%.txt",
    "semi;colon.txt", "amp&er=sand.txt", "quote'.txt", "brackets[1](2){3}.txt", "tilde~@!$,.txt", ".hidden",
    "UPPER.txt", "upper.txt", "con.txt", "trailing.", "a" * 200 + ".txt", "star*.txt", "pipe|lt<gt>.txt",
]


def test_files_pass_through_into_the_bucket(
    proxied: tuple[Server, MlflowClient], s3: S3, bucket: str, tmp_path: Path
) -> None:
    server, client = proxied
    run = client.create_run("0")
    assert run.info.artifact_uri.startswith("mlflow-artifacts:/")
    run_id = run.info.run_id
    source = tmp_path / "source"
    for name in ODD:
        (source / "odd" / name).parent.mkdir(parents=True, exist_ok=True)
        (source / "odd" / name).write_text(name)
    (source / "empty.bin").write_bytes(b"")
    client.log_artifacts(run_id, str(source), "data")
    assert listed(client, run_id) == [("data", True, None)]
    assert listed(client, run_id, "data") == [("data/empty.bin", False, 0), ("data/odd", True, None)]
    assert listed(client, run_id, "data/empty.bin") == [] == listed(client, run_id, "none")
    assert len(listed(client, run_id, "data/odd")) == len(ODD)
    prefix = f"some/where/0/{run_id}/artifacts/data/"
    keys = s3.keys(bucket, prefix)
    assert set(keys) == {prefix + "empty.bin"} | {f"{prefix}odd/{name}" for name in ODD}, "as they are called"
    assert not list((server.data_dir / "artifacts").rglob("*.txt"))
    (tmp_path / "down").mkdir()
    back = Path(client.download_artifacts(run_id, "data", str(tmp_path / "down")))
    got = {str(p.relative_to(back)): p.read_text() for p in back.rglob("*") if p.is_file()}
    assert got == {f"odd/{name}": name for name in ODD} | {"empty.bin": ""}

    answer = server.get("/get-artifact", params={"run_id": run_id, "path": "data/odd/UPPER.txt"})
    assert (answer.status_code, answer.text) == (200, "UPPER.txt")
    assert server.get("/get-artifact", params={"run_id": run_id, "path": "data/none"}).status_code == 404
    assert server.get("/get-artifact", params={"run_id": run_id, "path": "data/odd"}).status_code == 400
    proxy = f"/api/2.0/mlflow-artifacts/artifacts/0/{run_id}/artifacts"
    for _ in range(2):
        assert server.request("DELETE", f"{proxy}/data/odd").status_code == 200
    assert set(s3.keys(bucket, prefix)) == {prefix + "empty.bin"}
    assert server.request("DELETE", "/api/2.0/mlflow-artifacts/artifacts/%252e").status_code == 400
    assert server.request("PUT", f"{proxy}/a%0Ab", data=b"x").status_code == 400, "no key can be called so"


def test_ranges_and_our_own_interface(proxied: tuple[Server, MlflowClient]) -> None:
    server, client = proxied
    run = client.create_run("0").info.run_id
    client.log_text(run, "0123456789", "d/digits.txt")
    url = f"/api/v1/runs/{run}/artifacts/content"

    def part(value: str) -> tuple[int, str]:
        answer = server.get(url, params={"path": "d/digits.txt"}, headers={"Range": value})
        return answer.status_code, answer.text

    assert part("bytes=2-4") == (206, "234")
    assert part("bytes=-3") == (206, "789")
    assert part("bytes=7-") == (206, "789")
    assert part("bytes=20-30")[0] == 416
    whole = server.get(url, params={"path": "d/digits.txt"})
    assert (whole.text, whole.headers["Content-Length"]) == ("0123456789", "10")
    same = server.get(url, params={"path": "d/digits.txt"}, headers={"If-None-Match": whole.headers["ETag"]})
    assert same.status_code == 304
    folder = server.get(f"/api/v1/runs/{run}/artifacts").json()
    assert [(each["name"], each["is_dir"]) for each in folder["files"]] == [("d", True)]
    assert "local_path" not in folder, "it has no place on this machine"


def test_a_big_file_is_streamed_both_ways(
    proxied: tuple[Server, MlflowClient], s3: S3, bucket: str, tmp_path: Path
) -> None:
    server, client = proxied
    run = client.create_run("0").info.run_id
    size = 150 * 1024 * 1024 + 7
    big = tmp_path / "big.bin"
    block = os.urandom(1024 * 1024)
    with big.open("wb") as stream:
        for number in range(size // len(block)):
            stream.write(number.to_bytes(8, "little") + block[8:])
        stream.write(b"the end")
    process = psutil.Process(server.process.pid)
    before = process.memory_info().rss
    client.log_artifact(run, str(big))
    grown = process.memory_info().rss - before
    assert listed(client, run) == [("big.bin", False, size)]
    (tmp_path / "down").mkdir()
    back = Path(client.download_artifacts(run, "big.bin", str(tmp_path / "down")))
    assert checksum(back) == checksum(big)
    assert max(grown, process.memory_info().rss - before) < size / 2
    assert s3.uploads(bucket) == []


def test_an_upload_that_breaks_off_leaves_nothing(
    proxied: tuple[Server, MlflowClient], s3: S3, bucket: str
) -> None:
    server, client = proxied
    run = client.create_run("0").info.run_id

    def breaking() -> Iterator[bytes]:
        for _ in range(20):
            yield os.urandom(1024 * 1024)
        raise RuntimeError("the client goes away")

    with pytest.raises((RuntimeError, requests.ConnectionError)):
        server.request(
            "PUT", f"/api/2.0/mlflow-artifacts/artifacts/0/{run}/artifacts/cut.bin", data=breaking()
        )
    harness.wait_until(lambda: s3.uploads(bucket) == [], 30, "the parts to be given up")
    assert s3.keys(bucket) == {}


def test_the_client_moves_parts_itself(
    proxied: tuple[Server, MlflowClient], s3: S3, bucket: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server, client = proxied
    info = server.get("/api/3.0/mlflow/server-info").json()
    assert info["multipart_uploads_enabled"] and info["multipart_downloads_enabled"]
    monkeypatch.setenv("MLFLOW_ENABLE_PROXY_MULTIPART_UPLOAD", "true")
    monkeypatch.setenv("MLFLOW_ENABLE_PROXY_MULTIPART_DOWNLOAD", "true")
    monkeypatch.setenv("MLFLOW_MULTIPART_UPLOAD_MINIMUM_FILE_SIZE", str(6 * 1024 * 1024))
    monkeypatch.setenv("MLFLOW_MULTIPART_UPLOAD_CHUNK_SIZE", str(5 * 1024 * 1024))
    monkeypatch.setenv("MLFLOW_MULTIPART_DOWNLOAD_MINIMUM_FILE_SIZE", str(6 * 1024 * 1024))
    monkeypatch.setenv("MLFLOW_MULTIPART_DOWNLOAD_CHUNK_SIZE", str(5 * 1024 * 1024))
    run = client.create_run("0").info.run_id
    big = tmp_path / "parts ü.bin"
    big.write_bytes(os.urandom(17 * 1024 * 1024))
    client.log_artifact(run, str(big), "in")
    key = f"some/where/0/{run}/artifacts/in/parts ü.bin"
    found = s3.client.head_object(Bucket=bucket, Key=key)
    assert found["ETag"].strip('"').endswith("-4"), "it came in four parts"
    assert listed(client, run, "in") == [("in/parts ü.bin", False, 17 * 1024 * 1024)]
    (tmp_path / "down").mkdir()
    back = Path(client.download_artifacts(run, "in/parts ü.bin", str(tmp_path / "down")))
    assert checksum(back) == checksum(big)
    address = server.get(f"/api/2.0/mlflow-artifacts/presigned/0/{run}/artifacts/in/parts ü.bin").json()
    assert address["file_size"] == 17 * 1024 * 1024 and address["headers"] == {}
    assert hashlib.sha256(requests.get(address["url"], timeout=60).content).hexdigest() == checksum(big)
    assert buckets.SECRET not in address["url"]
    assert server.get(f"/api/2.0/mlflow-artifacts/presigned/0/{run}/none").status_code == 404


def test_where_clients_do_not_reach_the_bucket_all_passes_through(
    s3: S3, bucket: str, start: Callable[..., Server], own_client: Callable[[Server], MlflowClient], tmp_path: Path
) -> None:
    environment = s3.environment(BRANCHLINE_S3_PRESIGNED="false")
    server = start("--no-auth", "--artifacts-destination", f"s3://{bucket}", **environment)
    client = own_client(server)
    info = server.get("/api/3.0/mlflow/server-info").json()
    assert not info["multipart_uploads_enabled"] and not info["multipart_downloads_enabled"]
    run = client.create_run("0").info.run_id
    client.log_text(run, "through", "a.txt")
    assert set(s3.keys(bucket)) == {f"0/{run}/artifacts/a.txt"}
    (tmp_path / "down").mkdir()
    assert Path(client.download_artifacts(run, "a.txt", str(tmp_path / "down"))).read_text() == "through"
    folder = f"0/{run}/artifacts"
    refused = server.post(f"/api/2.0/mlflow-artifacts/mpu/create/{folder}", {"path": "x", "num_parts": 1})
    assert refused.status_code == 501
    assert server.get(f"/api/2.0/mlflow-artifacts/presigned/{folder}/a.txt").status_code == 501
    assert server.request("DELETE", "/api/2.0/mlflow-artifacts/artifacts/0").status_code == 200
    assert s3.keys(bucket) == {}


def test_parts_are_given_up_and_wrong_ones_refused(
    proxied: tuple[Server, MlflowClient], s3: S3, bucket: str
) -> None:
    server, client = proxied
    run = client.create_run("0").info.run_id
    mpu = "/api/2.0/mlflow-artifacts/mpu"
    folder = f"0/{run}/artifacts"
    made = server.post(f"{mpu}/create/{folder}", {"path": "/tmp/x.bin", "num_parts": 2}).json()
    assert [each["part_number"] for each in made["credentials"]] == [1, 2]
    assert s3.uploads(bucket) == [f"some/where/{folder}/x.bin"]
    etag = requests.put(made["credentials"][0]["url"], data=b"x" * 10, timeout=60).headers["ETag"]
    end = {"path": "/tmp/x.bin", "upload_id": made["upload_id"]}
    wrong = [{"part_number": 2, "etag": etag}]
    assert server.post(f"{mpu}/complete/{folder}", end | {"parts": wrong}).status_code == 400
    never = [{"part_number": 1, "etag": etag}, {"part_number": 2, "etag": "never"}]
    refused = server.post(f"{mpu}/complete/{folder}", end | {"parts": never})
    assert 400 <= refused.status_code < 500, refused.text
    assert server.post(f"{mpu}/abort/{folder}", end).status_code == 200
    assert s3.uploads(bucket) == [] and s3.keys(bucket) == {}
    for count in (0, 10_001):
        answer = server.post(f"{mpu}/create/{folder}", {"path": "x", "num_parts": count})
        assert answer.status_code == 400, answer.text


def test_a_local_root_has_no_parts_and_the_client_does_without(
    start: Callable[..., Server], own_client: Callable[[Server], MlflowClient], tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("MLFLOW_ENABLE_PROXY_MULTIPART_UPLOAD", "true")
    monkeypatch.setenv("MLFLOW_MULTIPART_UPLOAD_MINIMUM_FILE_SIZE", "1000")
    monkeypatch.setenv("MLFLOW_MULTIPART_UPLOAD_CHUNK_SIZE", "1000")
    server = start("--no-auth")
    client = own_client(server)
    run = client.create_run("0").info.run_id
    file = tmp_path / "f.bin"
    file.write_bytes(os.urandom(5000))
    client.log_artifact(run, str(file))
    assert listed(client, run) == [("f.bin", False, 5000)]
    answer = server.post("/api/2.0/mlflow-artifacts/mpu/create/0/x", {"path": "f", "num_parts": 1})
    assert answer.status_code == 501
    assert answer.json()["message"].startswith("Multipart upload is not supported for the current artifact")


def test_what_a_client_put_in_the_bucket_itself_is_seen(
    beside: tuple[Server, MlflowClient, str], s3: S3, bucket: str, tmp_path: Path
) -> None:
    server, client, experiment = beside
    run = client.create_run(experiment)
    assert run.info.artifact_uri == f"s3://{bucket}/team/e/{run.info.run_id}/artifacts"
    run_id = run.info.run_id
    client.log_text(run_id, "0123456789", "notes/ä b.txt")
    client.log_text(run_id, "top", "top.txt")
    assert set(s3.keys(bucket)) == {
        f"team/e/{run_id}/artifacts/notes/ä b.txt", f"team/e/{run_id}/artifacts/top.txt",
    }
    answer = server.ok("GET", "/artifacts/list", {"run_id": run_id})
    assert answer["root_uri"] == run.info.artifact_uri
    assert [(each["path"], each["is_dir"]) for each in answer["files"]] == [("notes", True), ("top.txt", False)]
    got = server.get("/get-artifact", params={"run_id": run_id, "path": "notes/ä b.txt"})
    assert (got.status_code, got.text) == (200, "0123456789")
    up = server.request(
        "POST", "/ajax-api/2.0/mlflow/upload-artifact", params={"run_uuid": run_id, "path": "ui.txt"}, data=b"by us"
    )
    assert up.status_code == 200, up.text
    assert Path(client.download_artifacts(run_id, "ui.txt", str(tmp_path))).read_text() == "by us"
    body = {"run_id": run_id, "path": "signed.txt"}
    put = server.ok("POST", "/artifacts/presigned-upload-url", body)
    assert requests.put(put["presigned_url"], data=b"signed", headers=put.get("headers"), timeout=60).ok
    address = server.ok("POST", "/artifacts/presigned-download-url", body)
    assert requests.get(address["presigned_url"], timeout=60).content == b"signed"
    assert int(address["file_size"]) == 6
    assert server.mlflow("POST", "/artifacts/presigned-download-url", body | {"expiration": 0}).status_code == 400


def test_models_in_a_bucket_are_registered_and_loaded(
    beside: tuple[Server, MlflowClient, str], s3: S3, bucket: str
) -> None:
    server, client, experiment = beside
    with mlflow.start_run(experiment_id=experiment):
        model = mlflow.pyfunc.log_model(
            name="m", python_model=lambda model_input: model_input, pip_requirements=["mlflow"],
            registered_model_name="in a bucket",
        )
    uri = client.get_model_version_download_uri("in a bucket", "1")
    assert uri.startswith(f"s3://{bucket}/team/e/models/{model.model_id}")
    assert mlflow.pyfunc.load_model("models:/in a bucket/1").predict(["x"]) == ["x"]
    got = server.get(
        "/model-versions/get-artifact", params={"name": "in a bucket", "version": "1", "path": "MLmodel"}
    )
    assert got.status_code == 200 and "python_function" in got.text


@pytest.mark.parametrize("way", ["proxied", "beside"])
def test_the_trash_knows_and_frees_what_is_in_the_bucket(
    way: str, s3: S3, bucket: str, request: pytest.FixtureRequest
) -> None:
    server, client, *more = request.getfixturevalue(way)
    experiment = more[0] if more else "0"
    going = client.create_run(experiment).info.run_id
    kept = client.create_run(experiment).info.run_id
    for run in (going, kept):
        client.log_text(run, "0123456789", "notes/a.txt")
        client.log_text(run, "01234", "b.txt")
    client.delete_run(going)
    [item] = server.get("/api/v1/trash", params={"kind": "run"}).json()["items"]
    assert (item["id"], item["artifact_bytes"]) == (going, 15)
    plan = gc(server, s3, bucket, "--dry-run")
    assert (plan["runs"], plan["artifact_bytes"]) == (1, 15)
    assert len(s3.keys(bucket)) == 4, "a plan changes nothing"
    assert server.stop() == 0
    assert gc(server, s3, bucket) == plan | {"dry_run": False}
    assert all(kept in key for key in s3.keys(bucket)) and len(s3.keys(bucket)) == 2
    assert buckets.SECRET not in server.log_text()


def test_what_is_wrong_is_said_with_the_remedy(
    s3: S3, bucket: str, start: Callable[..., Server], own_client: Callable[[Server], MlflowClient], tmp_path: Path
) -> None:
    def ask(name: str, uri: str, **environment: str) -> requests.Response:
        server = start("--no-auth", data_dir=tmp_path / name, **environment)
        client = own_client(server)
        experiment = client.create_experiment(name, artifact_location=uri)
        run = client.create_run(experiment).info.run_id
        answer = server.mlflow("GET", "/artifacts/list", {"run_id": run})
        for path in ("/get-artifact", "/ajax-api/2.0/mlflow/upload-artifact"):
            method = "GET" if path == "/get-artifact" else "POST"
            params = {"run_id": run, "run_uuid": run, "path": "x"}
            other = server.request(method, path, params=params, data=b"x")
            assert other.status_code != 500, other.text
        assert server.stop() == 0
        for text in (answer.text, server.log_text()):
            assert buckets.SECRET not in text
        return answer

    there = f"s3://{bucket}/x"
    none = ask("none", there)
    assert none.status_code == 501 and "s3.access_key_id" in none.text and "AWS_ACCESS_KEY_ID" in none.text
    nobody = s3.environment(MLFLOW_S3_ENDPOINT_URL=f"http://127.0.0.1:{harness.free_port()}")
    unreachable = ask("unreachable", there, **nobody)
    assert unreachable.status_code == 503 and "s3.endpoint" in unreachable.text
    absent = ask("absent", "s3://no-such-bucket/x", **s3.environment())
    assert absent.status_code == 404 and "no-such-bucket" in absent.text
    elsewhere = ask("elsewhere", there, **s3.environment(BRANCHLINE_S3_BUCKETS="s3://other,s3://another/in"))
    assert elsewhere.status_code == 400 and "s3.buckets" in elsewhere.text
    clear = ask("clear", there, **s3.environment(MLFLOW_S3_ENDPOINT_URL="http://192.0.2.1:9000"))
    assert clear.status_code == 400 and "s3.allow_http" in clear.text


def test_a_key_that_may_not_is_told_so_and_nothing_is_kept(
    s3: S3, bucket: str, start: Callable[..., Server], tmp_path: Path
) -> None:
    """A key that the service does not know, one that may only read, and one that may write."""
    reader = s3.key("reader", "s3:ListBucket", "s3:GetObject")
    writer = s3.key("writer", "s3:*")
    path = "/api/2.0/mlflow-artifacts/artifacts/some/note.txt"

    def put(name: str, **key: str) -> tuple[requests.Response, requests.Response]:
        flags = ("--no-auth", "--artifacts-destination", f"s3://{bucket}/kept")
        server = start(*flags, data_dir=tmp_path / name, **s3.environment(**key))
        answers = server.request("PUT", path, data=b"words"), server.request("GET", path)
        assert server.stop() == 0
        for text in (*(each.text for each in answers), server.log_text()):
            assert key.get("AWS_SECRET_ACCESS_KEY", buckets.SECRET) not in text
        return answers

    with s3.guarded():
        for name, key in (("unknown", {}), ("reader", reader)):
            written, _ = put(name, **key)
            assert written.status_code == 403, written.text
            assert bucket in written.text and "s3.access_key_id" in written.text
        written, read = put("writer", **writer)
        assert written.status_code == 200 and read.content == b"words", written.text + read.text
        assert put("reader again", **reader)[1].content == b"words", "what it may do it does"
    assert list(s3.keys(bucket)) == ["kept/some/note.txt"]


def test_settings_are_listed_without_secrets(s3: S3, tmp_path: Path) -> None:
    done = harness.run_cli(tmp_path, "config", "list", "--json", **s3.environment())
    assert done.returncode == 0, done.stderr
    assert "s3.secret_access_key" in done.stdout and buckets.SECRET not in done.stdout + done.stderr
    refused = harness.run_cli(tmp_path, "serve", "--port", "0", "--artifacts-destination", "gs://bucket/x")
    assert refused.returncode != 0 and "s3://bucket/prefix" in refused.stderr
