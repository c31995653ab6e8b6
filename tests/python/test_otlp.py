"""Spans as OpenTelemetry's exporters send them: OTLP over HTTP, in protobuf and JSON."""

from __future__ import annotations

import gzip
import json
import os
import zlib
from typing import Any

import pytest
import requests
from mlflow import MlflowClient
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, ArrayValue, KeyValue, KeyValueList
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor

from harness import Server

T0 = 1_700_000_000_000_000_000
PROTOBUF = "application/x-protobuf"


def value(of: Any) -> AnyValue:
    if isinstance(of, bool):
        return AnyValue(bool_value=of)
    if isinstance(of, int):
        return AnyValue(int_value=of)
    if isinstance(of, float):
        return AnyValue(double_value=of)
    if isinstance(of, bytes):
        return AnyValue(bytes_value=of)
    if isinstance(of, list):
        return AnyValue(array_value=ArrayValue(values=[value(one) for one in of]))
    if isinstance(of, dict):
        return AnyValue(kvlist_value=KeyValueList(values=pairs(of)))
    return AnyValue() if of is None else AnyValue(string_value=of)


def pairs(of: dict[str, Any]) -> list[KeyValue]:
    return [KeyValue(key=key, value=value(one)) for key, one in of.items()]


class Batch:
    """A request in the making, with ids that no other test uses."""

    def __init__(self, **resource: Any) -> None:
        self.request = ExportTraceServiceRequest()
        block = self.request.resource_spans.add()
        block.resource.attributes.extend(pairs({key.replace("__", "."): one for key, one in resource.items()}))
        self.spans = block.scope_spans.add().spans
        self.trace = os.urandom(16)

    @property
    def trace_id(self) -> str:
        return f"tr-{self.trace.hex()}"

    def add(
        self, name: str, number: int, parent: int = 0, start: int = 0, end: int = 1000, **attributes: Any
    ) -> Span:
        span = self.spans.add(
            trace_id=self.trace,
            span_id=number.to_bytes(8, "big"),
            parent_span_id=parent.to_bytes(8, "big") if parent else b"",
            name=name,
            start_time_unix_nano=T0 + start * 1_000_000,
            end_time_unix_nano=T0 + end * 1_000_000 if end else 0,
            attributes=pairs({key.replace("__", "."): one for key, one in attributes.items()}),
        )
        return span

    @property
    def body(self) -> bytes:
        return self.request.SerializeToString()


def send(
    server: Server, experiment: str | None, body: bytes, kind: str | None = PROTOBUF, **headers: str
) -> requests.Response:
    named = {key.replace("_", "-"): text for key, text in headers.items()}
    if experiment is not None:
        named["x-mlflow-experiment-id"] = experiment
    if kind:
        named["Content-Type"] = kind
    return server.request("POST", "/v1/traces", data=body, headers=named)


def accepted(answer: requests.Response) -> None:
    assert (answer.status_code, answer.content) == (200, b""), answer.text
    assert answer.headers["Content-Type"] == PROTOBUF


def test_values_of_every_type_come_back(server: Server, client: MlflowClient, experiment: str) -> None:
    given = {
        "text": "größe",
        "whole": -(2**62),
        "double": 0.1,
        "yes": True,
        "list": ["a", 1, None, [2.5]],
        "object": {"z": 1, "a": {"b": [False]}},
        "json": '{"made": ["before"]}',
        "number in a text": "1",
    }
    batch = Batch()
    span = batch.add("root", 1, **given)
    span.status.CopyFrom(Status(code=Status.STATUS_CODE_ERROR, message="broke"))
    span.events.add(name="log", time_unix_nano=T0 + 5, attributes=pairs({"level": "info", "n": [1]}))
    span.links.add(trace_id=b"\x01" * 16, span_id=b"\x02" * 8, attributes=pairs({"why": "follows"}))
    accepted(send(server, experiment, batch.body))
    trace = client.get_trace(batch.trace_id)
    [found] = trace.data.spans
    assert {key: found.get_attribute(key) for key in given} == given | {"json": {"made": ["before"]}}
    assert list(found.get_attribute("object")) == ["z", "a"]
    assert (found.status.status_code.value, found.status.description) == ("ERROR", "broke")
    [event] = found.events
    assert (event.name, event.timestamp, event.attributes) == ("log", T0 + 5, {"level": "info", "n": [1]})
    [link] = found.links
    assert (link.trace_id, link.span_id, link.attributes) == ("tr-" + "01" * 16, "02" * 8, {"why": "follows"})
    assert trace.info.state.value == "ERROR"
    assert trace.info.request_time == T0 // 1_000_000
    assert trace.info.execution_duration == 1000


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "raw deflate"])
def test_packed_bodies(server: Server, client: MlflowClient, experiment: str, encoding: str) -> None:
    batch = Batch()
    batch.add("packed", 1)
    raw = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    packed = {
        "gzip": gzip.compress(batch.body),
        "deflate": zlib.compress(batch.body),
        "raw deflate": raw.compress(batch.body) + raw.flush(),
    }[encoding]
    accepted(send(server, experiment, packed, Content_Encoding=encoding.split()[-1]))
    assert [span.name for span in client.get_trace(batch.trace_id).data.spans] == ["packed"]


@pytest.mark.branchline_only
@pytest.mark.parametrize("encoding", ["gzip", "deflate"])
def test_a_bomb_does_not_go_off(server: Server, experiment: str, encoding: str) -> None:
    pack = {"gzip": gzip.compress, "deflate": zlib.compress}[encoding]
    bomb = pack(b"\0" * 300_000_000)
    assert len(bomb) < 400_000
    for kind in (PROTOBUF, "application/json"):
        answer = send(server, experiment, bomb, kind, Content_Encoding=encoding)
        assert answer.status_code == 413, answer.text
        assert "when unpacked" in answer.json()["message"]


@pytest.mark.branchline_only
def test_a_small_body_does_not_become_a_large_structure(server: Server, experiment: str) -> None:
    spans = b"\x12\x00" * 5_000_000
    scope = b"\x12" + length(len(spans)) + spans
    block = b"\x0a" + length(len(scope)) + scope
    answer = send(server, experiment, block)
    assert answer.status_code in (400, 422), answer.text
    deep = b""
    for _ in range(200):
        inner = b"\x0a" + length(len(deep)) + deep
        deep = b"\x2a" + length(len(inner)) + inner
    batch = Batch()
    span = batch.add("deep", 1)
    attribute = b"\x0a\x01k\x12" + length(len(deep)) + deep
    grown = span.SerializeToString() + b"\x4a" + length(len(attribute)) + attribute
    scope = b"\x12" + length(len(grown)) + grown
    block = b"\x12" + length(len(scope)) + scope
    answer = send(server, experiment, b"\x0a" + length(len(block)) + block)
    assert answer.status_code == 400, answer.text


def length(size: int) -> bytes:
    out = b""
    while size > 0x7F:
        out += bytes([size & 0x7F | 0x80])
        size >>= 7
    return out + bytes([size])


def test_json_is_read(server: Server, client: MlflowClient, experiment: str) -> None:
    trace = os.urandom(16).hex()
    body = {
        "resourceSpans": [
            {
                "resource": {"attributes": [{"key": "service.name", "value": {"stringValue": "shop"}}]},
                "scopeSpans": [
                    {
                        "scope": {"name": "lib"},
                        "spans": [
                            {
                                "traceId": trace,
                                "spanId": "00000000000000aa",
                                "name": "root",
                                "kind": 1,
                                "startTimeUnixNano": str(T0),
                                "endTimeUnixNano": T0 + 5_000_000,
                                "attributes": [
                                    {"key": "n", "value": {"intValue": "7"}},
                                    {"key": "d", "value": {"doubleValue": 0.5}},
                                    {"key": "l", "value": {"arrayValue": {"values": [{"boolValue": True}, {}]}}},
                                    {
                                        "key": "m",
                                        "value": {
                                            "kvlistValue": {"values": [{"key": "a", "value": {"stringValue": "b"}}]}
                                        },
                                    },
                                ],
                                "events": [{"name": "e", "timeUnixNano": str(T0 + 1)}],
                                "status": {"code": 1},
                                "somethingNew": {},
                            },
                            {
                                "traceId": trace,
                                "spanId": "00000000000000ab",
                                "parentSpanId": "00000000000000aa",
                                "name": "child",
                                "startTimeUnixNano": T0,
                                "endTimeUnixNano": T0 + 1,
                                "status": {"code": "STATUS_CODE_ERROR", "message": "no"},
                            },
                        ],
                    }
                ],
            }
        ]
    }
    accepted(send(server, experiment, json.dumps(body).encode(), "application/json; charset=utf-8"))
    found = client.get_trace(f"tr-{trace}")
    root, child = found.data.spans
    assert (root.span_id, root.parent_id, child.parent_id) == ("00000000000000aa", None, "00000000000000aa")
    attributes = {key: root.get_attribute(key) for key in ("n", "d", "l", "m")}
    assert attributes == {"n": 7, "d": 0.5, "l": [True, None], "m": {"a": "b"}}
    assert (root.status.status_code.value, child.status.status_code.value) == ("OK", "ERROR")
    assert (found.info.state.value, found.info.execution_duration) == ("OK", 5)
    assert found.info.tags["service.name"] == "shop"


def test_opentelemetrys_own_exporter(server: Server, client: MlflowClient, experiment: str) -> None:
    headers = {"x-mlflow-experiment-id": experiment}
    if server.token:
        headers["Authorization"] = f"Bearer {server.token}"
    exporter = OTLPSpanExporter(endpoint=f"{server.url}/v1/traces", headers=headers)
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    with provider.get_tracer("t").start_as_current_span("outside", attributes={"k": "v"}) as span:
        trace_id = f"tr-{span.get_span_context().trace_id:032x}"
    provider.shutdown()
    [found] = client.get_trace(trace_id).data.spans
    assert (found.name, found.get_attribute("k")) == ("outside", "v")


def test_a_trace_grows_with_its_spans(server: Server, client: MlflowClient, experiment: str) -> None:
    batch = Batch()
    batch.add("child", 2, parent=1, start=100, end=300)
    accepted(send(server, experiment, batch.body))
    info = client.get_trace(batch.trace_id).info
    assert (info.state.value, info.execution_duration) == ("IN_PROGRESS", 200)
    del batch.spans[:]
    batch.add("root", 1, start=50, end=400, mlflow__spanInputs={"q": "x"}, mlflow__spanOutputs="y")
    accepted(send(server, experiment, batch.body))
    trace = client.get_trace(batch.trace_id)
    assert [span.name for span in trace.data.spans] == ["root", "child"]
    assert trace.info.state.value == "OK"
    assert trace.info.request_time == T0 // 1_000_000 + 50
    assert trace.info.execution_duration == 350
    assert (trace.info.request_preview, trace.info.response_preview) == ('{"q": "x"}', "y") or (
        trace.info.request_preview,
        trace.info.response_preview,
    ) == ('{"q": "x"}', '"y"')


def test_a_span_that_is_sent_again_is_written_over(server: Server, client: MlflowClient, experiment: str) -> None:
    usage = {"input_tokens": 1, "output_tokens": 2, "total_tokens": 3}
    batch = Batch()
    batch.add("first", 1, end=0, mlflow__chat__tokenUsage=usage)
    accepted(send(server, experiment, batch.body))
    [span] = client.get_trace(batch.trace_id).data.spans
    assert not span.end_time_ns
    del batch.spans[:]
    batch.add("second", 1, mlflow__chat__tokenUsage=usage)
    accepted(send(server, experiment, batch.body))
    trace = client.get_trace(batch.trace_id)
    assert [span.name for span in trace.data.spans] == ["second"]
    assert trace.info.token_usage == usage


def test_a_sum_on_a_parent_is_not_counted_twice(server: Server, client: MlflowClient, experiment: str) -> None:
    batch = Batch()
    for number in (2, 3):
        batch.add(
            "call",
            number,
            parent=1,
            mlflow__chat__tokenUsage={"input_tokens": 5, "output_tokens": 1, "total_tokens": 6},
        )
    accepted(send(server, experiment, batch.body))
    assert client.get_trace(batch.trace_id).info.token_usage["total_tokens"] == 12
    del batch.spans[:]
    both = {"input_tokens": 10, "output_tokens": 2, "total_tokens": 12}
    batch.add("agent", 1, mlflow__chat__tokenUsage=both)
    accepted(send(server, experiment, batch.body))
    assert client.get_trace(batch.trace_id).info.token_usage == both


def test_session_user_and_tags_are_taken_over(server: Server, client: MlflowClient, experiment: str) -> None:
    batch = Batch(service__name="shop", telemetry__sdk__name="python", mlflow__trace__spansLocation="X", replicas=3)
    attributes = {"session.id": "s-1", "user.id": "u-1", "mlflow.traceTag.team": "blue", "mlflow.traceTag.a//b": "x"}
    batch.add("root", 1, **attributes)
    accepted(send(server, experiment, batch.body))
    info = client.get_trace(batch.trace_id).info
    assert info.trace_metadata["mlflow.trace.session"] == "s-1"
    assert info.trace_metadata["mlflow.trace.user"] == "u-1"
    assert info.tags["service.name"] == "shop"
    assert info.tags["replicas"] == "3"
    assert info.tags["team"] == "blue"
    assert info.tags["mlflow.trace.spansLocation"] == "TRACKING_STORE"
    assert "telemetry.sdk.name" not in info.tags and "a//b" not in info.tags


@pytest.mark.branchline_only
def test_a_trace_of_spans_alone_has_its_roots_name(server: Server, client: MlflowClient, experiment: str) -> None:
    def name_of(batch: Batch) -> str | None:
        accepted(send(server, experiment, batch.body))
        return client.get_trace(batch.trace_id).info.tags.get("mlflow.traceName")

    plain = Batch()
    plain.add("inner", 2, parent=1)
    assert name_of(plain) is None, "its root is not here yet"
    del plain.spans[:]
    plain.add("answer", 1)
    assert name_of(plain) == "answer"
    assert [t.info.trace_id for t in client.search_traces(locations=[experiment], filter_string="tags.`mlflow.traceName` = 'answer'")] == [plain.trace_id]
    client.set_trace_tag(plain.trace_id, "mlflow.traceName", "mine")
    assert name_of(plain) == "mine", "sent again"
    named = Batch()
    named.add("root", 1, **{"mlflow.traceTag.mlflow.traceName": "said"})
    assert name_of(named) == "said"


CONVENTIONS = {
    "openinference": {
        "openinference.span.kind": "LLM",
        "input.value": "in",
        "output.value": "out",
        "llm.token_count.prompt": 3,
        "llm.token_count.completion": 4,
        "llm.model_name": "m-1",
        "llm.provider": "p-1",
    },
    "genai": {
        "gen_ai.operation.name": "text_completion",
        "gen_ai.input.messages": "in",
        "gen_ai.output.messages": "out",
        "gen_ai.usage.input_tokens": 3,
        "gen_ai.usage.output_tokens": 4,
        "gen_ai.request.model": "m-1",
        "gen_ai.provider.name": "p-1",
    },
    "traceloop": {
        "traceloop.span.kind": "task",
        "traceloop.entity.input": "in",
        "traceloop.entity.output": "out",
        "gen_ai.usage.prompt_tokens": 3,
        "gen_ai.usage.completion_tokens": 4,
        "gen_ai.response.model": "m-1",
        "gen_ai.system": "p-1",
    },
}


@pytest.mark.parametrize("convention", CONVENTIONS)
def test_other_conventions_are_understood(
    server: Server, client: MlflowClient, experiment: str, convention: str
) -> None:
    batch = Batch()
    batch.add("call", 1, **CONVENTIONS[convention])
    accepted(send(server, experiment, batch.body))
    trace = client.get_trace(batch.trace_id)
    [span] = trace.data.spans
    assert span.span_type == ("TASK" if convention == "traceloop" else "LLM")
    assert (span.inputs, span.outputs) == ("in", "out")
    assert (span.model_name, span.get_attribute("mlflow.llm.provider")) == ("m-1", "p-1")
    assert trace.info.token_usage == {"input_tokens": 3, "output_tokens": 4, "total_tokens": 7}


def test_traces_of_a_run(server: Server, client: MlflowClient, run: str, experiment: str) -> None:
    batch = Batch()
    batch.add("root", 1)
    accepted(send(server, experiment, batch.body, x_mlflow_run_id=run))
    accepted(send(server, experiment, batch.body, x_mlflow_run_id=run))
    accepted(send(server, experiment, batch.body, x_mlflow_run_id="0" * 32))
    assert client.get_trace(batch.trace_id).info.trace_id == batch.trace_id


def test_all_or_nothing(server: Server, client: MlflowClient, experiment: str) -> None:
    good, bad = Batch(), Batch()
    good.add("good", 1)
    bad.add("bad", 1).trace_id = b"\x01" * 17
    good.request.resource_spans.extend(bad.request.resource_spans)
    answer = send(server, experiment, good.body)
    assert answer.status_code == 422, answer.text
    assert server.get(f"/api/3.0/mlflow/traces/{good.trace_id}").status_code == 404


def test_several_traces_in_one_request(server: Server, client: MlflowClient, experiment: str) -> None:
    one, other = Batch(service__name="a"), Batch(service__name="b")
    one.add("one", 1)
    other.add("other", 1)
    one.request.resource_spans.extend(other.request.resource_spans)
    accepted(send(server, experiment, one.body))
    assert client.get_trace(one.trace_id).info.tags["service.name"] == "a"
    assert client.get_trace(other.trace_id).info.tags["service.name"] == "b"


def test_what_is_no_otlp_is_refused(server: Server, experiment: str) -> None:
    batch = Batch()
    batch.add("span", 1)
    no_ids = Batch()
    no_ids.add("span", 1).span_id = b""
    checks = [
        (send(server, None, batch.body), 422, "Field required"),
        (send(server, experiment, batch.body, "text/plain"), 400, "Invalid Content-Type"),
        (send(server, experiment, batch.body, None), 400, "Invalid Content-Type"),
        (send(server, experiment, b""), 400, "no spans found"),
        (send(server, experiment, b"\xff\xff\xff"), 400, "Invalid OpenTelemetry format"),
        (send(server, experiment, b"{", "application/json"), 400, "Invalid OpenTelemetry format"),
        (send(server, experiment, b"{}", "application/json"), 400, "no spans found"),
        (send(server, experiment, batch.body, Content_Encoding="br"), 400, "Unsupported Content-Encoding"),
        (send(server, experiment, batch.body, Content_Encoding="gzip"), 400, "Failed to decompress gzip"),
        (send(server, experiment, batch.body, Content_Encoding="deflate"), 400, "Failed to decompress deflate"),
        (send(server, experiment, no_ids.body), 422, "Cannot convert"),
        (send(server, "999999", batch.body), 404, "RESOURCE_DOES_NOT_EXIST"),
    ]
    for answer, status, words in checks:
        assert answer.status_code == status, (answer.status_code, answer.text, words)
        assert words in answer.text


@pytest.mark.branchline_only
def test_json_that_is_no_otlp_is_refused(server: Server, experiment: str) -> None:
    span = {"traceId": "01" * 16, "spanId": "02" * 8, "name": "x"}
    wrong: list[Any] = [
        [],
        5,
        {"resourceSpans": 5},
        {"resourceSpans": [{"scopeSpans": [{"spans": [5]}]}]},
        {"resourceSpans": [{"scopeSpans": [{"spans": [span | {"traceId": "xyz"}]}]}]},
        {"resourceSpans": [{"scopeSpans": [{"spans": [span | {"startTimeUnixNano": "x"}]}]}]},
        {"resourceSpans": [{"scopeSpans": [{"spans": [span | {"startTimeUnixNano": str(2**64 - 1)}]}]}]},
        {"resourceSpans": [{"scopeSpans": [{"spans": [span | {"attributes": [{"value": 5}]}]}]}]},
    ]
    for body in wrong:
        answer = send(server, experiment, json.dumps(body).encode(), "application/json")
        assert answer.status_code in (400, 422), (body, answer.text)


def test_an_unsigned_call_is_refused(server: Server, experiment: str) -> None:
    if not server.token:
        pytest.skip("this server asks nobody who they are")
    batch = Batch()
    batch.add("span", 1)
    headers = {"x-mlflow-experiment-id": experiment, "Content-Type": PROTOBUF}
    answer = requests.post(server.url + "/v1/traces", data=batch.body, headers=headers, timeout=30)
    assert answer.status_code == 401


