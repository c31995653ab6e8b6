"""Clients that are slow, greedy or hostile: every answer says what is wrong, none takes the server along."""

from __future__ import annotations

import json
import os
import random
import re
import socket
from collections.abc import Callable
from typing import Any

import psutil
import pytest
import raw
from harness import ROOT, Server, wait_until

pytestmark = pytest.mark.branchline_only

FUZZ = int(os.environ.get("FUZZ_REQUESTS", "600"))
SEED = int(os.environ.get("FUZZ_SEED", "20260"))


def refused(server: Server, path: str, body: Any) -> str:
    answer = server.mlflow("POST", path, body)
    assert answer.status_code == 400, answer.text[:300]
    assert answer.json()["error_code"] in ("INVALID_PARAMETER_VALUE", "BAD_REQUEST")
    assert len(answer.text) < 20_000, "a refusal does not repeat the whole request"
    return answer.json()["message"]


HOSTILE = {
    "no end": "metrics.a > 1 AND " * 5000,
    "ten thousand ors": " OR ".join(f"metrics.m{n} > {n}" for n in range(10_000)),
    "deep": "(" * 20_000 + "metrics.a > 1" + ")" * 20_000,
    "negations": "NOT " * 20_000 + "metrics.a > 1",
    "one long word": "metrics." + "a" * 1_000_000 + " > 1",
    "a long list": "run_name IN (" + ",".join(f"'{n}'" for n in range(50_000)) + ")",
    "quotes": "params.a = '" + "''" * 10_000,
    "a digit too many": "metrics.a > " + "9" * 5000,
    "nothing but signs": "=" * 5000,
    "a zero byte": "params.a = '\x00'",
}


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE.keys())
@pytest.mark.parametrize("path", ["/runs/search", "/experiments/search", "/logged-models/search"])
def test_hostile_filters(server: Server, experiment: str, path: str, text: str) -> None:
    answer = server.mlflow("POST", path, {"experiment_ids": [experiment], "max_results": 5, "filter": text})
    assert answer.status_code in (200, 400), answer.text[:300]
    if answer.status_code == 400:
        assert answer.json()["error_code"] == "INVALID_PARAMETER_VALUE"
        assert len(answer.text) < 20_000, "a refusal does not repeat the whole request"


@pytest.mark.parametrize("size", [0, -1, 50_001, 2**31, 2**63 - 1, -(2**63), 2**80, 1e300, "many"])
@pytest.mark.parametrize("path", ["/runs/search", "/experiments/search", "/logged-models/search"])
def test_page_sizes_that_cannot_be(server: Server, experiment: str, path: str, size: Any) -> None:
    refused(server, path, {"experiment_ids": [experiment], "max_results": size})


@pytest.mark.parametrize("token", ["x", "eyJvZmZzZXQiOiAtMX0=", "\x00", "A" * 100_000, "é"])
@pytest.mark.parametrize("path", ["/runs/search", "/experiments/search", "/logged-models/search"])
def test_page_tokens_that_nobody_gave(server: Server, experiment: str, path: str, token: str) -> None:
    refused(server, path, {"experiment_ids": [experiment], "max_results": 5, "page_token": token})


@pytest.mark.parametrize("body", [b'{"name": "\xff\xfe"}', b'{"na\xc0\xaeme": 1}', b"\xff" * 1000, b'{"name": "\\ud800"}'])
def test_bytes_that_are_no_text(server: Server, body: bytes) -> None:
    headers = {"Content-Type": "application/json"}
    answer = server.request("POST", "/api/2.0/mlflow/experiments/create", data=body, headers=headers)
    assert answer.status_code == 400 and answer.json()["error_code"], answer.text


# --- slow clients ------------------------------------------------------------------


def is_alive(server: Server) -> bool:
    return server.get("/health", timeout=10).status_code == 200


def test_clients_that_do_not_go_on_hinder_nobody(server: Server, run: str) -> None:
    """Half a head, half a body, nothing at all: hundreds of them, and the others are answered."""
    begun = raw.head(server, "POST", "/api/2.0/mlflow/runs/log-batch", {"Content-Type": "application/json", "Content-Length": "1000"})
    streams = []
    try:
        for number in range(300):
            stream = raw.connect(server)
            stream.sendall([b"", begun[:40], begun, begun + b'{"run_id": "'][number % 4])
            streams.append(stream)
        assert is_alive(server)
        assert server.mlflow("POST", "/runs/log-metric", {"run_id": run, "key": "m", "value": 1, "timestamp": 1}).status_code == 200
    finally:
        for stream in streams:
            stream.close()
    assert server.ok("GET", "/runs/get", {"run_id": run})["run"]["data"]["metrics"][0]["value"] == 1


@pytest.mark.own_server
def test_a_reader_that_does_not_read_costs_no_memory(start: Callable[..., Server]) -> None:
    server = start("--no-auth")
    run = server.new_run()
    points = 300
    for batch in range(points):
        metrics = [{"key": "m", "value": 0.5, "timestamp": 1_700_000_000_000, "step": batch * 1000 + step} for step in range(1000)]
        server.ok("POST", "/runs/log-batch", {"run_id": run, "metrics": metrics})
    target = f"/api/2.0/mlflow/metrics/get-history?run_id={run}&metric_key=m"
    # One reader to the end, so that what the process keeps anyway is there before it is measured.
    assert len(server.get(target).json()["metrics"]) == points * 1000
    assert server.process is not None
    process = psutil.Process(server.process.pid)
    before = process.memory_info().rss
    streams: list[socket.socket] = []
    for _ in range(20):
        stream = raw.connect(server)
        stream.sendall(raw.head(server, "GET", target, {}))
        assert stream.recv(12) == b"HTTP/1.1 200"
        streams.append(stream)
    for step in range(20):
        assert server.mlflow("POST", "/runs/log-metric", {"run_id": run, "key": "n", "value": 1, "timestamp": step}).status_code == 200
    grown = process.memory_info().rss - before
    for stream in streams:
        stream.close()
    # Twenty whole answers would be over 400 MB.
    assert grown < 100 * 1024 * 1024, f"{grown / 2**20:.0f} MB for twenty readers that do not read"
    wait_until(lambda: is_alive(server), 10, "the server to answer")


# --- whatever is sent -----------------------------------------------------------------


def routes() -> list[tuple[str, str]]:
    """Every route of the page that is made from the router."""
    page = (ROOT / "docs/mlflow-compatibility.md").read_text()
    found = []
    for methods, path, versions in re.findall(r"^\| ([A-Z ]+) \| `(/[^`]+)` \| ([\d., ]*) \|$", page, re.MULTILINE):
        for version in versions.split(", "):
            place = f"/api/{version}{path}" if version.strip() else path
            found += [(method, place) for method in methods.split()]
    assert len(found) > 120
    return found


NAMES = [
    "run_id", "run_uuid", "experiment_id", "experiment_ids", "key", "value", "timestamp", "step", "metrics", "params", "tags", "name",
    "new_name", "filter", "order_by", "max_results", "page_token", "view_type", "run_view_type", "status", "end_time", "start_time",
    "model_id", "models", "datasets", "source", "version", "stage", "alias", "description", "trace", "trace_info", "trace_id", "trace_ids",
    "locations", "assessment", "update_mask", "request_ids", "records", "events", "url", "path", "metric_key", "run_ids", "serialized_scorer",
    "view_type", "metric_name", "aggregations", "filter_string", "dataset", "artifact_location", "max_timestamp_millis", "config",
]


def value(source: random.Random, known: list[str], depth: int = 0) -> Any:
    kind = source.randint(0, 9 if depth < 3 else 6)
    if kind == 0:
        return source.choice([0, -1, 1, 2**31, 2**63, -(2**63) - 1, 10**30, 1.5, 1e308, -0.0])
    if kind == 1:
        return source.choice([True, False, None])
    if kind == 2:
        return source.choice(["", "NaN", "Infinity", "x" * 3000, "\x00", "é\u202e", "../..", "1e999", "metrics.a > 1", "'", "a\nb"])
    if kind <= 6:
        return source.choice([*known, "OK", "ACTIVE_ONLY", "FINISHED", "name", "2023-11-14T22:00:00Z", "1", "0"])
    if kind == 7:
        return [value(source, known, depth + 1) for _ in range(source.randint(0, 3))]
    return {source.choice(NAMES): value(source, known, depth + 1) for _ in range(source.randint(0, 4))}


def test_random_json_is_always_answered(server: Server, run: str, experiment: str) -> None:
    source, known = random.Random(SEED), [run, experiment]
    wrong = []
    places = routes()
    for _ in range(FUZZ):
        method, path = source.choice(places)
        path = re.sub(r"\{\*?\w+\}", lambda _: source.choice([run, "x", "..%2f..", "%00", "1", "é"]), path)
        body = {source.choice(NAMES): value(source, known) for _ in range(source.randint(0, 6))}
        if method == "GET":
            arguments: dict[str, Any] = {"params": {key: item if isinstance(item, (str, int, float)) else json.dumps(item) for key, item in body.items()}}
        else:
            arguments = {"data": json.dumps(body), "headers": {"Content-Type": "application/json"}}
        # One connection each: a refusal that did not need the body may end its connection.
        arguments.setdefault("headers", {})["Connection"] = "close"
        answer = server.request(method, path, **arguments)
        documented = answer.status_code == 501 and "NOT_IMPLEMENTED" in answer.text
        if answer.status_code >= 500 and not documented and "INVALID_STATE" not in answer.text:
            wrong.append(f"{method} {path} {json.dumps(body)[:400]}: {answer.status_code} {answer.text[:200]}")
    assert wrong == [], f"seed {SEED}"
    assert is_alive(server)
    assert "panicked" not in server.log_text()
