"""No path that a client names leads out of the artifact folder."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import quote

import pytest
from mlflow import MlflowClient

import raw
from harness import Server

SECRET = b"the secret beside the artifact folder"

# As the server would see them after one percent-decoding.
ESCAPES = [
    "../secret.txt", "../../secret.txt", "../../../secret.txt", "../../../../secret.txt", "a/../../secret.txt",
    "a/../../../../secret.txt", "..", "../", "..\\..\\secret.txt", "a\\..\\..\\..\\secret.txt", "/etc/passwd",
    "//etc/passwd", "\\\\host\\share\\secret.txt", "C:\\secret.txt", "C:/secret.txt", "c:secret.txt",
    "file:///etc/passwd", "file:/etc/passwd", "%2e%2e/secret.txt", "%2e%2e%2f%2e%2e%2fsecret.txt", "..%2fsecret.txt",
    "%252e%252e%252fsecret.txt", "%25252e%25252e%25252fsecret.txt", "..%5c..%5csecret.txt", "%2fetc%2fpasswd",
    "a/%2e%2e/%2e%2e/%2e%2e/secret.txt", "..%00/secret.txt", "secret.txt\x00.png", "a\x00/../../secret.txt",
    "%C0%AE%C0%AE/secret.txt", "....//secret.txt", ".../secret.txt", "a#/../../secret.txt", "..;/secret.txt",
    "\u2025/secret.txt", "\uff0e\uff0e/secret.txt",
]
# Names that are odd but lead nowhere; they may be answered 404.
HARMLESS = {"....//secret.txt", ".../secret.txt", "..;/secret.txt", "\u2025/secret.txt", "\uff0e\uff0e/secret.txt", "%C0%AE%C0%AE/secret.txt"}


@pytest.fixture(scope="module")
def secret(server: Server) -> Path | None:
    """A file that an escape would find."""
    if server.data_dir is None:
        return None
    path = server.data_dir / "secret.txt"
    path.write_bytes(SECRET)
    (server.data_dir / "artifacts").mkdir(exist_ok=True)
    (server.data_dir.parent / "secret.txt").write_bytes(SECRET)
    return path


def held(server: Server, answer: raw.Answer, escape: str) -> None:
    assert SECRET not in answer.body and b"root:" not in answer.body, escape
    if server.is_branchline:
        assert answer.status in ((400, 404) if escape in HARMLESS else (400,)), (escape, answer)


@pytest.mark.parametrize("escape", ESCAPES, ids=repr)
def test_queries(server: Server, run: str, secret: Path | None, escape: str) -> None:
    path = quote(escape, safe="")
    for target in (
        f"/api/2.0/mlflow/artifacts/list?run_id={run}&path={path}",
        f"/get-artifact?run_id={run}&path={path}",
        f"/api/2.0/mlflow-artifacts/artifacts?path={path}",
    ):
        answer = raw.send(server, "GET", target)
        if answer.status == 200 and escape in HARMLESS:
            assert b"secret" not in answer.body.replace(escape.encode(), b"")
            continue
        held(server, answer, escape)


@pytest.mark.branchline_only
@pytest.mark.parametrize("escape", ESCAPES, ids=repr)
def test_queries_of_the_own_interface(server: Server, run: str, secret: Path | None, escape: str) -> None:
    path = quote(escape, safe="")
    for target in (
        f"/api/v1/runs/{run}/artifacts/content?path={path}",
        f"/api/v1/runs/{run}/artifacts?path={path}",
    ):
        answer = raw.send(server, "GET", target)
        if answer.status == 200 and escape in HARMLESS:
            continue
        held(server, answer, escape)


@pytest.mark.parametrize("encode", [lambda text: quote(text, safe="/:"), lambda text: quote(text, safe="")], ids=["slashes", "escaped"])
@pytest.mark.parametrize("escape", ESCAPES, ids=repr)
def test_proxied_paths(server: Server, run: str, secret: Path | None, escape: str, encode: object) -> None:
    target = f"/api/2.0/mlflow-artifacts/artifacts/{encode(escape)}"
    got = raw.send(server, "GET", target)
    assert SECRET not in got.body and b"root:" not in got.body
    # A raw `//` or `..` may be tidied away by the router before anybody looks.
    assert 300 <= got.status < 500 or not server.is_branchline, got
    put = raw.send(server, "PUT", target, b"overwritten")
    assert put.status >= 300 or escape in HARMLESS or not server.is_branchline, (escape, put)
    if secret:
        assert secret.read_bytes() == SECRET
        assert (secret.parent.parent / "secret.txt").read_bytes() == SECRET
        assert not (secret.parent.parent.parent / "secret.txt").exists()
    deleted = raw.send(server, "DELETE", target)
    if secret:
        assert secret.read_bytes() == SECRET, (escape, deleted)


@pytest.mark.branchline_only
def test_links_that_lead_out_are_not_followed(server: Server, client: MlflowClient, run: str, secret: Path | None) -> None:
    if secret is None:
        return
    client.log_text(run, "inside", "inside.txt")
    folder = next((server.data_dir / "artifacts").rglob("inside.txt")).parent
    assert run in str(folder)
    (folder / "link.txt").symlink_to(secret)
    (folder / "out").symlink_to(secret.parent, target_is_directory=True)
    for path in ("link.txt", "out/secret.txt", "out/branchline.db", "out/artifacts/../secret.txt"):
        for target in (
            f"/get-artifact?run_id={run}&path={quote(path)}",
            f"/api/v1/runs/{run}/artifacts/content?path={quote(path)}",
        ):
            answer = raw.send(server, "GET", target)
            assert answer.status in (400, 403, 404) and SECRET not in answer.body, (target, answer.status)
    uri = client.get_run(run).info.artifact_uri.removeprefix("mlflow-artifacts:/")
    proxied = f"/api/2.0/mlflow-artifacts/artifacts/{uri}"
    assert raw.send(server, "PUT", f"{proxied}/out/planted.txt", b"planted").status >= 400
    assert not (secret.parent / "planted.txt").exists()
    raw.send(server, "DELETE", f"{proxied}/out/secret.txt")
    raw.send(server, "DELETE", f"{proxied}/out")
    assert secret.read_bytes() == SECRET
    listed = raw.send(server, "GET", f"/api/2.0/mlflow/artifacts/list?run_id={run}&path=out")
    assert b"branchline.db" not in listed.body
    assert raw.send(server, "GET", f"/get-artifact?run_id={run}&path=inside.txt").body == b"inside"


SOURCES = ["file:///etc", "/etc/passwd", "runs:/{other}/model", "mlflow-artifacts:/../secret", "http://evil.example/x",
           "mlflow-artifacts:/%2e%2e/secret", "models:/m-00000000000000000000000000000000", "{uri}/../../../secret",
           "{uri}/%2e%2e/%2e%2e/secret", "{uri}/%252e%252e/secret"]


@pytest.mark.parametrize("source", SOURCES)
def test_model_versions_take_no_foreign_source(
    server: Server, client: MlflowClient, experiment: str, run: str, name: str, source: str
) -> None:
    client.create_registered_model(name)
    uri = client.get_run(run).info.artifact_uri
    source = source.format(other=client.create_run(experiment).info.run_id, uri=uri)
    answer = server.mlflow("POST", "/model-versions/create", {"name": name, "source": source, "run_id": run})
    assert answer.status_code == 400, answer.text
    assert client.search_model_versions(f"name = '{name}'") == []
