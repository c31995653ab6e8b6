"""Wrong requests are refused with a reason, and leave nothing behind."""

from __future__ import annotations

import json
import socket
from pathlib import Path
from typing import Any

import pytest
from mlflow import MlflowClient

import raw
from harness import Server, wait_until

T0 = 1_700_000_000_000


def refused(answer: raw.Answer, status: int = 400, code: str | None = "INVALID_PARAMETER_VALUE") -> str:
    assert answer.status == status, answer
    error = json.loads(answer.body)
    if code:
        assert error["error_code"] == code, error
    assert error["message"]
    return error["message"]


BROKEN = [b"", b"{", b"[]", b"null", b'"text"', b"{'run_id': 1}", b'{"run_id": "x",}', b"\xff\xfe{}", b"\x00", b"NaN"]


@pytest.mark.branchline_only
@pytest.mark.parametrize("body", BROKEN, ids=repr)
@pytest.mark.parametrize("path", ["/runs/log-metric", "/runs/log-batch", "/runs/create", "/experiments/create"])
def test_malformed_json(server: Server, path: str, body: bytes) -> None:
    answer = raw.post_bytes(server, path, body)
    assert answer.status == 400, answer
    assert json.loads(answer.body)["message"]


@pytest.mark.parametrize("content_type", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data"])
def test_only_json_is_read(server: Server, run: str, content_type: str) -> None:
    """What a foreign page may post without asking first is never taken."""
    body = json.dumps({"run_id": run, "key": "k", "value": "v"}).encode()
    assert raw.post_bytes(server, "/runs/set-tag", body, content_type).status in (400, 415)
    tags = server.ok("GET", "/runs/get", {"run_id": run})["run"]["data"]["tags"]
    assert "k" not in [tag["key"] for tag in tags]


@pytest.mark.parametrize("content_type", ["application/json", "application/json; charset=utf-8"])
def test_json_under_its_names_is_read(server: Server, run: str, content_type: str) -> None:
    body = json.dumps({"run_id": run, "key": "k", "value": "v"}).encode()
    assert raw.post_bytes(server, "/runs/set-tag", body, content_type).status == 200


WRONG_TYPES: list[tuple[str, dict[str, Any]]] = [
    ("/experiments/create", {"name": 123}),
    ("/experiments/create", {"name": ["a"]}),
    ("/experiments/create", {"name": None}),
    ("/experiments/create", {"name": "a", "tags": "x"}),
    ("/experiments/search", {"max_results": "many"}),
    ("/experiments/search", {"max_results": 0}),
    ("/experiments/search", {"max_results": 10, "order_by": "name"}),
    ("/runs/create", {"experiment_id": "0", "start_time": "soon"}),
    ("/runs/search", {"experiment_ids": "0"}),
    ("/runs/search", {"experiment_ids": ["0"], "max_results": -1}),
    ("/runs/search", {"experiment_ids": ["0"], "max_results": 50001}),
    ("/runs/search", {"experiment_ids": ["0"], "run_view_type": "SOME"}),
    ("/runs/search", {"experiment_ids": ["0"], "filter": 5}),
    ("/runs/log-metric", {"run_id": "RUN", "key": "m", "value": "much", "timestamp": T0}),
    ("/runs/log-metric", {"run_id": "RUN", "key": "m", "value": 1, "timestamp": "now"}),
    ("/runs/log-metric", {"run_id": "RUN", "key": "m", "value": 1}),
    ("/runs/log-metric", {"run_id": "RUN", "key": "m", "timestamp": T0}),
    ("/runs/log-metric", {"run_id": "RUN", "value": 1, "timestamp": T0}),
    ("/runs/log-metric", {"key": "m", "value": 1, "timestamp": T0}),
    ("/runs/log-metric", {"run_id": "RUN", "key": "m", "value": 1, "timestamp": T0, "step": "one"}),
    ("/runs/log-metric", {"run_id": "RUN", "key": "m", "value": 1, "timestamp": -1}),
    ("/runs/log-metric", {"run_id": 5, "key": "m", "value": 1, "timestamp": T0}),
    ("/runs/log-batch", {"run_id": "RUN", "metrics": {"key": "m"}}),
    ("/runs/log-batch", {"run_id": "RUN", "metrics": ["m"]}),
    ("/runs/log-batch", {"run_id": "RUN", "metrics": [{"key": "m", "value": [], "timestamp": T0, "step": 0}]}),
    ("/runs/log-batch", {"run_id": "RUN", "params": [{"key": 5, "value": "x"}]}),
    ("/runs/log-batch", {"run_id": "RUN", "tags": [{"value": "x"}]}),
    ("/runs/update", {"run_id": "RUN", "status": "SLEEPING"}),
    ("/runs/update", {"run_id": "RUN", "end_time": "later"}),
    ("/runs/set-tag", {"run_id": "RUN"}),
    ("/registered-models/create", {"name": 5}),
    ("/registered-models/create", {}),
    ("/model-versions/create", {"name": "x"}),
]


@pytest.mark.branchline_only
@pytest.mark.parametrize(("path", "body"), WRONG_TYPES, ids=lambda part: part if isinstance(part, str) else json.dumps(part))
def test_wrong_types(server: Server, run: str, path: str, body: dict[str, Any]) -> None:
    body = {key: run if value == "RUN" else value for key, value in body.items()}
    answer = raw.post_bytes(server, path, json.dumps(body).encode())
    assert 400 <= answer.status < 500, answer
    error = json.loads(answer.body)
    assert error["error_code"] and error["message"]
    data = server.ok("GET", "/runs/get", {"run_id": run})["run"]
    assert "metrics" not in data["data"] and "params" not in data["data"]
    assert data["info"]["status"] == "RUNNING"


def test_unknown_things(server: Server) -> None:
    missing = "RESOURCE_DOES_NOT_EXIST"
    for method, path, body in [
        ("GET", "/experiments/get", {"experiment_id": "987654321"}),
        ("GET", "/experiments/get-by-name", {"experiment_name": "no such experiment"}),
        ("GET", "/runs/get", {"run_id": "0" * 32}),
        ("POST", "/runs/log-metric", {"run_id": "0" * 32, "key": "m", "value": 1, "timestamp": T0}),
        ("POST", "/runs/create", {"experiment_id": "987654321"}),
        ("GET", "/registered-models/get", {"name": "no such model"}),
        ("GET", "/model-versions/get", {"name": "no such model", "version": "1"}),
        ("GET", "/logged-models/m-" + "0" * 32, {}),
    ]:
        answer = server.mlflow(method, path, body)
        assert (answer.status_code, answer.json()["error_code"]) == (404, missing), (path, answer.text)


@pytest.mark.branchline_only
@pytest.mark.parametrize("bad", ["abc", "-1", "1.5", "9" * 30, "0x10", ""])
def test_experiment_ids_that_are_none(server: Server, bad: str) -> None:
    answer = server.mlflow("GET", "/experiments/get", {"experiment_id": bad})
    assert 400 <= answer.status_code < 500 and answer.json()["message"], answer.text


NUMBERS = ["NaN", "Infinity", "-Infinity"]


@pytest.mark.parametrize("number", NUMBERS)
@pytest.mark.parametrize("quoted", [True, pytest.param(False, marks=pytest.mark.branchline_only)])
def test_numbers_beyond_json(server: Server, run: str, number: str, quoted: bool) -> None:
    """Python writes them bare; the protocol says strings. Both arrive."""
    value = f'"{number}"' if quoted else number
    body = f'{{"run_id": "{run}", "key": "m", "value": {value}, "timestamp": {T0}, "step": 1}}'
    assert raw.post_bytes(server, "/runs/log-metric", body.encode()).status == 200
    answer = raw.send(server, "GET", f"/api/2.0/mlflow/runs/get?run_id={run}")
    strict = json.loads(answer.body, parse_constant=lambda name: pytest.fail(f"{name} is no JSON"))
    got = strict["run"]["data"]["metrics"][0]["value"]
    assert got == "NaN" if number == "NaN" else abs(float(got)) >= 1.79e308


BAD_KEYS = ["", "a" * 251, "/a", "a//b", "../a", "a/../b", ".", "a#b", "a\\b", "a\nb", "a;b", "x?y", "a=b"]


@pytest.mark.parametrize("key", BAD_KEYS, ids=lambda key: repr(key)[:20])
@pytest.mark.parametrize("kind", ["metric", "param", "tag"])
def test_bad_keys(server: Server, run: str, kind: str, key: str) -> None:
    path, body = {
        "metric": ("/runs/log-metric", {"key": key, "value": 1, "timestamp": T0}),
        "param": ("/runs/log-parameter", {"key": key, "value": "1"}),
        "tag": ("/runs/set-tag", {"key": key, "value": "1"}),
    }[kind]
    refused(raw.post_bytes(server, path, json.dumps(body | {"run_id": run}).encode()), code=None)


@pytest.mark.parametrize("key", ["a" * 250, "a/b", "a.b-c_d e", "größe", "数", "a:b"])
def test_good_keys(server: Server, run: str, key: str) -> None:
    server.ok("POST", "/runs/log-metric", {"run_id": run, "key": key, "value": 1, "timestamp": T0})
    metrics = server.ok("GET", "/runs/get", {"run_id": run})["run"]["data"]["metrics"]
    assert [metric["key"] for metric in metrics] == [key]


def stored(server: Server, run: str) -> tuple[int, int, int]:
    data = server.ok("GET", "/runs/get", {"run_id": run})["run"]["data"]
    tags = [tag for tag in data.get("tags", []) if not tag["key"].startswith("mlflow.")]
    return len(data.get("metrics", [])), len(data.get("params", [])), len(tags)


def point(key: str, **more: Any) -> dict[str, Any]:
    return {"key": key, "value": 1.0, "timestamp": T0, "step": 0} | more


SPOILED = {
    "a param twice": {"params": [{"key": "p", "value": "1"}, {"key": "p", "value": "1"}]},
    "a param changed": {"params": [{"key": "kept", "value": "other"}]},
    "a bad metric key": {"metrics": [point("m"), point("a//b")]},
    "a bad tag key": {"tags": [{"key": "ok", "value": "1"}, {"key": "", "value": "1"}]},
    "a metric without a time": {"metrics": [{"key": "m", "value": 1.0}]},
    "too many metrics": {"metrics": [point("m", step=i) for i in range(1001)]},
    "too many params": {"params": [{"key": f"p{i}", "value": "1"} for i in range(101)]},
    "too many tags": {"tags": [{"key": f"t{i}", "value": "1"} for i in range(101)]},
    "too many together": {
        "metrics": [point("m", step=i) for i in range(950)],
        "params": [{"key": f"p{i}", "value": "1"} for i in range(51)],
    },
}


@pytest.mark.branchline_only
@pytest.mark.parametrize("spoiled", SPOILED.values(), ids=SPOILED.keys())
def test_a_batch_is_stored_whole_or_not_at_all(server: Server, run: str, spoiled: dict[str, list]) -> None:
    server.ok("POST", "/runs/log-parameter", {"run_id": run, "key": "kept", "value": "1"})
    batch = {
        "metrics": [point("good")], "params": [{"key": "good", "value": "1"}], "tags": [{"key": "good", "value": "1"}],
    }
    for kind, entries in spoiled.items():
        batch[kind] = batch[kind] + entries
    answer = server.mlflow("POST", "/runs/log-batch", batch | {"run_id": run})
    assert answer.status_code == 400, answer.text
    assert answer.json()["error_code"] in ("INVALID_PARAMETER_VALUE", "BAD_REQUEST")
    assert stored(server, run) == (0, 1, 0)


def test_changed_param_names_old_and_new(server: Server, run: str) -> None:
    server.ok("POST", "/runs/log-parameter", {"run_id": run, "key": "lr", "value": "0.1"})
    body = {"run_id": run, "params": [{"key": "lr", "value": "0.2"}]}
    answer = server.mlflow("POST", "/runs/log-batch", body)
    assert answer.status_code == 400
    assert all(text in answer.json()["message"] for text in ("Changing param values", "lr", "0.1", "0.2"))


def test_writes_to_a_deleted_run(server: Server, run: str) -> None:
    server.ok("POST", "/runs/delete", {"run_id": run})
    for path, body in [
        ("/runs/log-metric", {"key": "m", "value": 1, "timestamp": T0}),
        ("/runs/log-parameter", {"key": "p", "value": "1"}),
        ("/runs/set-tag", {"key": "t", "value": "1"}),
        ("/runs/log-batch", {"tags": [{"key": "t", "value": "1"}]}),
        ("/runs/update", {"status": "FINISHED"}),
    ]:
        message = refused(raw.post_bytes(server, path, json.dumps(body | {"run_id": run}).encode()))
        assert "active" in message
    assert stored(server, run) == (0, 0, 0)


@pytest.mark.branchline_only
def test_deep_json_is_refused(server: Server) -> None:
    for text in (b'{"a":' * 100_000, b"[" * 200_000, b'{"run_id":' + b"[" * 50_000 + b"]" * 50_000 + b"}"):
        assert raw.post_bytes(server, "/runs/log-batch", text).status == 400
    assert server.get("/health").status_code == 200


@pytest.mark.branchline_only
def test_a_body_over_the_limit_is_refused_unread(server: Server) -> None:
    size = 512 * 1024 * 1024
    with raw.connect(server) as stream:
        fields = {"Content-Type": "application/json", "Content-Length": str(size)}
        stream.sendall(raw.head(server, "POST", "/api/2.0/mlflow/runs/log-batch", fields) + b'{"run_id": "' + b"x" * 1000)
        answer = raw.read_answer(stream)
    assert answer.status == 413 and json.loads(answer.body)["message"]


@pytest.mark.branchline_only
def test_an_endless_body_is_cut_off(server: Server) -> None:
    with raw.connect(server) as stream:
        fields = {"Content-Type": "application/json", "Transfer-Encoding": "chunked"}
        stream.sendall(raw.head(server, "POST", "/api/2.0/mlflow/runs/log-batch", fields))
        chunk = b"100000\r\n" + b" " * 0x100000 + b"\r\n"
        try:
            for _ in range(256):
                stream.sendall(chunk)
        except (BrokenPipeError, ConnectionResetError):
            pass
        else:
            assert raw.read_answer(stream).status == 413
    assert server.get("/health").status_code == 200


def test_unknown_routes_and_methods(server: Server) -> None:
    answer = server.get("/api/2.0/mlflow/no/such/route")
    assert answer.status_code == 404
    assert "RESOURCE_DOES_NOT_EXIST" not in answer.text
    assert server.request("DELETE", "/api/2.0/mlflow/runs/create").status_code == 405


def test_a_slash_too_many_leads_to_the_route(server: Server, run: str) -> None:
    answer = raw.send(server, "GET", f"//api/2.0//mlflow/runs/get?run_id={run}")
    assert answer.status == 308
    assert answer.headers["location"].endswith(f"/api/2.0/mlflow/runs/get?run_id={run}"), answer
    assert server.get(f"//api/2.0/mlflow/runs/get?run_id={run}").json()["run"]["info"]["run_id"] == run
    # The server's own host, whatever the path looks like.
    answer = raw.send(server, "GET", "//evil.example//x")
    assert "//evil" not in answer.headers.get("location", "")


def test_odd_query_strings(server: Server) -> None:
    for query in ("run_id=%ff%fe", "run_id=%00", "run_id=a&run_id=b", "=", "&&&", "run_id", "run_id=%"):
        answer = raw.send(server, "GET", f"/api/2.0/mlflow/runs/get?{query}")
        assert 400 <= answer.status < 500, (query, answer)


def artifact_path(server: Server, run: str) -> str:
    uri = server.ok("GET", "/runs/get", {"run_id": run})["run"]["info"]["artifact_uri"]
    return "/api/2.0/mlflow-artifacts/artifacts/" + uri.removeprefix("mlflow-artifacts:/")


@pytest.mark.branchline_only
def test_a_cut_upload_leaves_nothing(server: Server, client: MlflowClient, run: str) -> None:
    path = artifact_path(server, run)
    client.log_text(run, "before", "kept.txt")
    for name in ("new.bin", "kept.txt"):
        with raw.connect(server) as stream:
            stream.sendall(raw.head(server, "PUT", f"{path}/{name}", {"Content-Length": "10000000"}) + b"x" * 300_000)
            stream.shutdown(socket.SHUT_WR)
            raw_answer = stream.recv(4096)
        assert b" 200 " not in raw_answer[:20]
    files = [(each.path, each.file_size) for each in client.list_artifacts(run)]
    assert files == [("kept.txt", 6)]
    if server.data_dir:
        def leftovers() -> list[str]:
            return [p.name for p in Path(server.data_dir / "artifacts").rglob("*") if p.is_file() and "upload" in p.name]
        wait_until(lambda: not leftovers(), 10, "the temporary file to go")


@pytest.mark.branchline_only
def test_two_uploads_at_once_end_as_one_of_them(server: Server, client: MlflowClient, run: str) -> None:
    path = artifact_path(server, run)
    with raw.connect(server) as first, raw.connect(server) as second:
        for stream, letter in ((first, b"a"), (second, b"b")):
            stream.sendall(raw.head(server, "PUT", f"{path}/same.bin", {"Content-Length": "200000"}) + letter * 100_000)
        for stream, letter in ((first, b"a"), (second, b"b")):
            stream.sendall(letter * 100_000)
            assert raw.read_answer(stream).status == 200
    content = server.get("/get-artifact", params={"run_id": run, "path": "same.bin"}).content
    assert content in (b"a" * 200_000, b"b" * 200_000)
