"""Tracing with the real client: spans out, traces back, tags, links and deletion."""

from __future__ import annotations

import json
import uuid

import mlflow
import pytest
from mlflow import MlflowClient
from mlflow.entities import SpanEvent, SpanStatusCode, SpanType, TraceState
from mlflow.exceptions import MlflowException, RestException

from harness import Server


@pytest.fixture(params=[True, False], ids=["async", "sync"])
def export(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both ways in which the client sends its traces."""
    monkeypatch.setenv("MLFLOW_ENABLE_ASYNC_TRACE_LOGGING", str(request.param).lower())


@mlflow.trace(span_type=SpanType.TOOL, attributes={"unit": "m", "tries": 3})
def measure(length: float) -> dict[str, object]:
    span = mlflow.get_current_active_span()
    assert span is not None
    span.add_event(SpanEvent("read", attributes={"sensor": "a", "values": [1, 2]}))
    return {"length": length * 2, "notes": [None, True, "größe"]}


@mlflow.trace
def answer(question: str, length: float = 1.5) -> str:
    return f"{question}: {measure(length)['length']}"


def last_trace() -> str:
    mlflow.flush_trace_async_logging()
    trace_id = mlflow.get_last_active_trace_id()
    assert trace_id is not None
    return trace_id


def traced(question: str = "how long") -> str:
    answer(question)
    return last_trace()


def test_nested_spans_come_back_whole(export: None, client: MlflowClient, experiment: str) -> None:
    trace = mlflow.get_trace(traced("wie groß"))
    assert trace is not None
    assert trace.info.state == TraceState.OK
    assert trace.info.experiment_id == experiment
    assert trace.info.execution_duration is not None
    assert trace.info.request_preview == '{"question": "wie groß", "length": 1.5}'
    assert trace.info.response_preview == '"wie groß: 3.0"'
    assert trace.info.tags["mlflow.traceName"] == "answer"
    assert trace.info.tags["mlflow.trace.spansLocation"] == "TRACKING_STORE"
    root, tool = trace.data.spans
    assert (root.name, root.parent_id, root.status.status_code) == ("answer", None, SpanStatusCode.OK)
    assert (tool.name, tool.parent_id, tool.span_type) == ("measure", root.span_id, "TOOL")
    assert tool.inputs == {"length": 1.5}
    assert tool.outputs == {"length": 3.0, "notes": [None, True, "größe"]}
    assert (tool.get_attribute("unit"), tool.get_attribute("tries")) == ("m", 3)
    assert root.start_time_ns <= tool.start_time_ns <= tool.end_time_ns <= root.end_time_ns
    [event] = tool.events
    assert (event.name, event.attributes) == ("read", {"sensor": "a", "values": [1, 2]})


def test_an_exception_ends_a_trace_with_an_error(export: None, client: MlflowClient, experiment: str) -> None:
    @mlflow.trace
    def fails() -> None:
        raise ValueError("no such length")

    with pytest.raises(ValueError, match="no such length"):
        fails()
    trace = mlflow.get_trace(last_trace())
    assert trace is not None
    assert trace.info.state == TraceState.ERROR
    [span] = trace.data.spans
    assert span.status.status_code == SpanStatusCode.ERROR
    assert "no such length" in span.status.description
    [event] = span.events
    assert event.name == "exception"
    assert event.attributes["exception.message"] == "no such length"


def test_the_current_trace_is_updated(export: None, client: MlflowClient, experiment: str) -> None:
    @mlflow.trace
    def chat() -> str:
        mlflow.update_current_trace(
            tags={"stage": "test"},
            metadata={"mlflow.trace.session": "s-1", "mlflow.trace.user": "u-1", "own": "x"},
            client_request_id="request-7",
            request_preview="asked",
            response_preview="answered",
        )
        return "done"

    chat()
    info = client.get_trace(last_trace()).info
    assert info.client_request_id == "request-7"
    assert (info.request_preview, info.response_preview) == ("asked", "answered")
    assert info.tags["stage"] == "test"
    assert info.trace_metadata["mlflow.trace.session"] == "s-1"
    assert info.trace_metadata["mlflow.trace.user"] == "u-1"
    assert info.trace_metadata["own"] == "x"


def test_a_trace_within_a_run_names_it(export: None, client: MlflowClient, run: str) -> None:
    with mlflow.start_run(run_id=run):
        trace_id = traced()
    assert client.get_trace(trace_id).info.trace_metadata["mlflow.sourceRun"] == run


def test_usage_and_cost_are_summed_up(export: None, client: MlflowClient, experiment: str) -> None:
    with mlflow.start_span("agent") as agent:
        agent.set_inputs({"messages": [{"role": "user", "content": "hi"}]})
        for name in ("one", "two"):
            with mlflow.start_span(name, span_type=SpanType.LLM) as call:
                call.set_attribute(
                    "mlflow.chat.tokenUsage",
                    {"input_tokens": 10, "output_tokens": 5, "total_tokens": 15},
                )
                call.set_attribute(
                    "mlflow.llm.cost", {"input_cost": 0.5, "output_cost": 0.25, "total_cost": 0.75}
                )
    info = client.get_trace(last_trace()).info
    assert info.token_usage == {"input_tokens": 20, "output_tokens": 10, "total_tokens": 30}
    assert json.loads(info.trace_metadata["mlflow.trace.cost"]) == {
        "input_cost": 1.0,
        "output_cost": 0.5,
        "total_cost": 1.5,
    }
    assert info.request_preview == "hi"


def test_spans_of_other_threads_and_deep_nesting(client: MlflowClient, experiment: str) -> None:
    @mlflow.trace
    def down(levels: int) -> int:
        return down(levels - 1) + 1 if levels else 0

    assert down(60) == 60
    trace = mlflow.get_trace(last_trace())
    assert trace is not None
    assert len(trace.data.spans) == 61
    assert [span.parent_id for span in trace.data.spans if span.parent_id is None] == [None]


def test_a_trace_written_by_hand(client: MlflowClient, experiment: str) -> None:
    root = client.start_trace("by hand", inputs={"a": 1}, experiment_id=experiment, tags={"k": "v"})
    child = client.start_span(
        "step", trace_id=root.trace_id, parent_id=root.span_id, inputs=[1, 2], attributes={"x": "y"}
    )
    client.end_span(root.trace_id, child.span_id, outputs={"b": 2}, status="ERROR")
    client.end_trace(root.trace_id, outputs="end")
    mlflow.flush_trace_async_logging()
    trace = client.get_trace(root.trace_id)
    assert trace.info.tags["k"] == "v"
    first, second = trace.data.spans
    assert (first.inputs, first.outputs) == ({"a": 1}, "end")
    assert (second.inputs, second.outputs) == ([1, 2], {"b": 2})
    assert second.status.status_code == SpanStatusCode.ERROR


def test_tags_are_set_and_removed(client: MlflowClient, experiment: str) -> None:
    trace_id = traced()
    client.set_trace_tag(trace_id, "team", "ä")
    mlflow.set_trace_tag(trace_id, "mlflow.traceName", "renamed")
    tags = client.get_trace(trace_id).info.tags
    assert (tags["team"], tags["mlflow.traceName"]) == ("ä", "renamed")
    client.delete_trace_tag(trace_id, "team")
    assert "team" not in client.get_trace(trace_id).info.tags
    with pytest.raises(MlflowException, match="No trace tag with key 'team'"):
        client.delete_trace_tag(trace_id, "team")


@pytest.mark.branchline_only
def test_a_trace_that_is_not_there_has_no_tags(client: MlflowClient) -> None:
    with pytest.raises(RestException, match="RESOURCE_DOES_NOT_EXIST"):
        client.set_trace_tag("tr-" + "0" * 32, "team", "x")


def test_the_servers_own_tags_do_not_change(server: Server, client: MlflowClient, experiment: str) -> None:
    trace_id = traced()
    for version in ("2.0", "3.0"):
        path = f"/api/{version}/mlflow/traces/{trace_id}/tags"
        body = {"key": "mlflow.trace.spansLocation", "value": "ARTIFACT_REPO"}
        answer = server.request("PATCH", path, json=body)
        assert (answer.status_code, answer.json()["error_code"]) == (400, "INVALID_PARAMETER_VALUE")
        answer = server.request("DELETE", path, json={"key": "mlflow.trace.spansLocation"})
        assert answer.status_code == 400
        assert server.request("PATCH", path, json={"key": "v", "value": version}).json() == {}
        assert client.get_trace(trace_id).info.tags["v"] == version
        assert server.request("DELETE", path, json={"key": "v"}).json() == {}
    assert server.request("PATCH", path, json={"value": "x"}).status_code == 400
    assert server.request("PATCH", path, json={"key": "a//b", "value": "x"}).status_code == 400


def test_a_long_tag_is_cut(client: MlflowClient, experiment: str) -> None:
    trace_id = traced()
    client.set_trace_tag(trace_id, "long", "ü" * 9000)
    assert client.get_trace(trace_id).info.tags["long"].startswith("ü" * 250)


def test_traces_link_to_a_run(server: Server, client: MlflowClient, run: str) -> None:
    trace_id = traced()
    client.link_traces_to_run([trace_id], run)
    client.link_traces_to_run([trace_id], run)
    with pytest.raises(MlflowException, match="more than 100"):
        client.link_traces_to_run([f"tr-{n}" for n in range(101)], run)
    body = {"trace_ids": [f"tr-{n}" for n in range(101)], "run_id": run}
    answer = server.mlflow("POST", "/traces/link-to-run", body)
    assert answer.status_code == 400
    assert "Cannot link more than 100 traces" in answer.json()["message"]
    assert server.mlflow("POST", "/traces/link-to-run", {"run_id": run}).status_code == 400


def test_a_trace_links_to_a_run_before_it_comes(server: Server, client: MlflowClient, run: str) -> None:
    """Clients export in the background, and link meanwhile."""
    experiment = client.get_run(run).info.experiment_id
    trace_id = f"tr-{uuid.uuid4().hex}"
    for _ in range(2):
        client.link_traces_to_run([trace_id], run)
    assert server.get(f"/api/3.0/mlflow/traces/{trace_id}").status_code == 404
    made = server.request("POST", "/api/3.0/mlflow/traces", json=info_of(trace_id, experiment))
    assert made.status_code == 200, made.text
    found = client.search_traces(locations=[experiment], filter_string=f"attribute.run_id = '{run}'", include_spans=False)
    assert [trace.info.trace_id for trace in found] == [trace_id]
    for odd in ("../x", "", "x" * 1000):
        body = {"trace_ids": [trace_id, odd], "run_id": run}
        assert server.mlflow("POST", "/traces/link-to-run", body).status_code == 400 or not server.is_branchline
    nowhere = {"trace_ids": [trace_id], "run_id": "0" * 32}
    assert server.mlflow("POST", "/traces/link-to-run", nowhere).status_code == 404


def test_prompts_link_to_a_trace(server: Server, client: MlflowClient, experiment: str, name: str) -> None:
    prompt = mlflow.genai.register_prompt(name="p-" + name[:40], template="Say {{ what }}")
    trace_id = traced()
    client.link_prompt_versions_to_trace([prompt], trace_id)
    tags = client.get_trace(trace_id).info.tags
    assert json.loads(tags["mlflow.linkedPrompts"]) == [{"name": prompt.name, "version": "1"}]
    body = {"trace_id": trace_id, "prompt_versions": [{"name": prompt.name, "version": "1"}]}
    assert server.mlflow("POST", "/traces/link-prompts", body).json() == {}
    body["trace_id"] = "tr-missing"
    assert server.mlflow("POST", "/traces/link-prompts", body).status_code == 404


def test_traces_are_deleted_by_id(server: Server, client: MlflowClient, experiment: str) -> None:
    kept, gone = traced(), traced()
    mlflow.log_feedback(trace_id=gone, name="good", value=True)
    assert client.delete_traces(experiment, trace_ids=[gone, "tr-missing"]) == 1
    assert server.get(f"/api/3.0/mlflow/traces/{gone}").status_code == 404
    assert client.get_trace(kept).info.trace_id == kept
    assert client.delete_traces(experiment, trace_ids=[gone]) == 0


def test_the_oldest_traces_are_deleted_first(client: MlflowClient, experiment: str) -> None:
    first, second, third = traced(), traced(), traced()
    now = client.get_trace(third).info.request_time + 1
    assert client.delete_traces(experiment, max_timestamp_millis=now, max_traces=1) == 1
    assert client.delete_traces(experiment, max_timestamp_millis=0) == 0
    assert mlflow.get_trace(first, silent=True) is None
    assert mlflow.get_trace(second) is not None
    assert client.delete_traces(experiment, max_timestamp_millis=now) == 2


def test_one_way_to_say_what_to_delete(server: Server, experiment: str) -> None:
    for wrong in (
        {},
        {"request_ids": ["a"], "max_timestamp_millis": 5},
        {"request_ids": ["a"], "max_traces": 5},
        {"max_timestamp_millis": 5, "max_traces": 0},
    ):
        for version in ("2.0", "3.0"):
            path = f"/api/{version}/mlflow/traces/delete-traces"
            answer = server.post(path, {"experiment_id": experiment} | wrong)
            assert answer.status_code == 400, wrong


def test_many_traces_at_once(server: Server, client: MlflowClient, experiment: str) -> None:
    ids = [traced(), traced()]
    query = [("trace_ids", one) for one in [*reversed(ids), "tr-missing", ids[0]]]
    traces = server.get("/api/3.0/mlflow/traces/batchGet", params=query).json()["traces"]
    assert sorted(one["trace_info"]["trace_id"] for one in traces) == sorted(ids)
    assert all(len(one["spans"]) == 2 for one in traces)
    path = "/api/3.0/mlflow/traces/batchGetInfos"
    infos = server.post(path, {"trace_ids": ids, "experiment_ids": [experiment]}).json()["trace_infos"]
    assert sorted(one["trace_id"] for one in infos) == sorted(ids)
    assert server.post(path, {"trace_ids": ids, "experiment_ids": ["0"]}).json() == {}
    assert server.post(path, {"trace_ids": []}).json() == {}
    assert server.post(path, {}).status_code == 400
    assert server.get("/api/3.0/mlflow/traces/batchGet").status_code == 400


def test_what_is_not_there_is_not_found(server: Server) -> None:
    for path in (
        "/api/3.0/mlflow/traces/tr-missing",
        "/api/3.0/mlflow/traces/get?trace_id=tr-missing",
        "/api/2.0/mlflow/traces/tr-missing/info",
        "/ajax-api/2.0/mlflow/get-trace-artifact?request_id=tr-missing",
        "/ajax-api/3.0/mlflow/get-trace-artifact?request_id=tr-missing",
    ):
        answer = server.get(path)
        assert (answer.status_code, answer.json()["error_code"]) == (404, "RESOURCE_DOES_NOT_EXIST"), path


def info_of(trace_id: str, experiment: str, **more: object) -> dict[str, object]:
    place = {"type": "MLFLOW_EXPERIMENT", "mlflow_experiment": {"experiment_id": experiment}}
    info = {"trace_id": trace_id, "trace_location": place, "state": "OK"}
    return {"trace": {"trace_info": info | {"request_time": "2026-01-02T03:04:05.678Z"} | more}}


def test_a_traces_info_is_merged(server: Server, experiment: str) -> None:
    trace_id = f"tr-{uuid.uuid4().hex}"
    path = "/api/3.0/mlflow/traces"
    first = info_of(
        trace_id,
        experiment,
        execution_duration="0.162s",
        request_preview="in",
        trace_metadata={"a": "1", "b": "1"},
        tags={"x": "1"},
    )
    answer = server.post(path, first).json()["trace"]["trace_info"]
    assert answer["request_time"] == "2026-01-02T03:04:05.678Z"
    assert answer["execution_duration"] == "0.162s"
    assert answer["trace_metadata"]["mlflow.trace.infoFinalized"] == "true"
    assert answer["tags"]["mlflow.artifactLocation"].endswith(f"/traces/{trace_id}/artifacts")
    second = info_of(
        trace_id, experiment, state="ERROR", response_preview="out", trace_metadata={"b": "2"}, tags={"y": "2"}
    )
    answer = server.post(path, second).json()["trace"]["trace_info"]
    assert (answer["state"], answer["request_preview"], answer["response_preview"]) == ("ERROR", "in", "out")
    assert (answer["trace_metadata"]["a"], answer["trace_metadata"]["b"]) == ("1", "2")
    answer = server.get(f"{path}/{trace_id}").json()["trace"]["trace_info"]
    assert (answer["tags"]["x"], answer["tags"]["y"]) == ("1", "2")
    assert "execution_duration" not in answer


def test_spans_that_are_not_in_the_store(server: Server, experiment: str) -> None:
    """The client branches on exactly this answer: it reads the trace's file then."""
    trace_id = f"tr-{uuid.uuid4().hex}"
    server.post("/api/3.0/mlflow/traces", info_of(trace_id, experiment))
    for path in (f"traces/get?trace_id={trace_id}", f"traces/batchGet?trace_ids={trace_id}"):
        answer = server.get(f"/api/3.0/mlflow/{path}")
        assert answer.status_code == 500
        assert answer.json()["error_code"] == "INTERNAL_ERROR"
        assert answer.json()["message"] == "Trace data not stored in tracking store"


def test_a_trace_whose_spans_are_in_its_file(server: Server, client: MlflowClient, experiment: str) -> None:
    spans = client.get_trace(traced()).data.spans
    trace_id = f"tr-{uuid.uuid4().hex}"
    info = server.post("/api/3.0/mlflow/traces", info_of(trace_id, experiment)).json()
    location = info["trace"]["trace_info"]["tags"]["mlflow.artifactLocation"]
    path = location.removeprefix("mlflow-artifacts:/")
    content = json.dumps({"spans": [span.to_dict() for span in spans]})
    url = f"/api/2.0/mlflow-artifacts/artifacts/{path}/traces.json"
    assert server.request("PUT", url, data=content).status_code == 200
    answer = server.get("/ajax-api/2.0/mlflow/get-trace-artifact", params={"request_id": trace_id})
    assert [span["name"] for span in answer.json()["spans"]] == ["answer", "measure"]
    trace = client.get_trace(trace_id)
    assert [span.name for span in trace.data.spans] == ["answer", "measure"]


def test_attachments(server: Server, client: MlflowClient, experiment: str) -> None:
    trace_id = traced()
    location = client.get_trace(trace_id).info.tags["mlflow.artifactLocation"]
    name = str(uuid.uuid4())
    path = location.removeprefix("mlflow-artifacts:/")
    url = f"/api/2.0/mlflow-artifacts/artifacts/{path}/attachments/{name}"
    assert server.request("PUT", url, data=b"\x00\x01picture").status_code == 200
    for version in ("2.0", "3.0"):
        place = f"/ajax-api/{version}/mlflow/get-trace-artifact"
        answer = server.get(place, params={"request_id": trace_id, "path": name})
        assert (answer.status_code, answer.content) == (200, b"\x00\x01picture")
        for wrong in ("../traces.json", name.upper(), "x"):
            answer = server.get(place, params={"request_id": trace_id, "path": wrong})
            assert answer.status_code == 400, wrong
        assert server.get(place).status_code == 400
        spans = server.get(place, params={"request_id": trace_id}).json()["spans"]
        assert [span["name"] for span in spans] == ["answer", "measure"]
        assert spans[1]["attributes"]["unit"] == '"m"'


def test_a_trace_that_is_not_all_here(server: Server, experiment: str) -> None:
    trace_id = f"tr-{uuid.uuid4().hex}"
    body = info_of(
        trace_id,
        experiment,
        tags={"mlflow.trace.spansLocation": "TRACKING_STORE"},
        trace_metadata={"mlflow.trace.sizeStats": json.dumps({"num_spans": 2})},
    )
    server.post("/api/3.0/mlflow/traces", body)
    path = f"/api/3.0/mlflow/traces/get?trace_id={trace_id}"
    answer = server.get(path)
    assert answer.status_code == 404
    assert "is not fully exported yet" in answer.json()["message"]
    assert server.get(path + "&allow_partial=true").json()["trace"]["trace_info"]["trace_id"] == trace_id
    answer = server.get("/api/3.0/mlflow/traces/batchGet", params={"trace_ids": trace_id})
    assert answer.json() == {}


@pytest.mark.branchline_only
def test_what_breaks_a_rule_is_refused(server: Server, experiment: str) -> None:
    path = "/api/3.0/mlflow/traces"
    good = info_of("tr-1", experiment)
    wrong = [
        {},
        {"trace": {}},
        {"trace": {"trace_info": {"trace_id": "tr-1"}}},
        info_of("tr-1", "999999"),
        info_of("tr-1", experiment, trace_location={"type": "INFERENCE_TABLE"}),
        info_of("tr-1", experiment, state="LATE"),
        info_of("tr-1", experiment, request_time="yesterday"),
        info_of("tr-1", experiment, execution_duration="long"),
        info_of("tr-1", experiment, tags=[1]),
        info_of("tr-1", experiment, trace_metadata={"a": {"b": 1}}),
        good | {"trace": 5},
    ]
    for body in wrong:
        answer = server.post(path, body)
        assert answer.status_code in (400, 404), (body, answer.text)
        assert answer.json()["error_code"] in ("INVALID_PARAMETER_VALUE", "RESOURCE_DOES_NOT_EXIST")


@pytest.mark.branchline_only
def test_a_trace_id_cannot_leave_its_folder(server: Server, experiment: str) -> None:
    for trace_id in ("", "..", "../../0", "a/b", "a\\b", "a\0b", "%2e%2e", "x" * 300):
        answer = server.post("/api/3.0/mlflow/traces", info_of(trace_id, experiment))
        assert (answer.status_code, answer.json()["error_code"]) == (400, "INVALID_PARAMETER_VALUE"), trace_id


def test_nothing_is_traced_into_a_deleted_experiment(
    server: Server, client: MlflowClient, experiment: str
) -> None:
    client.delete_experiment(experiment)
    answer = server.post("/api/3.0/mlflow/traces", info_of("tr-in-the-trash", experiment))
    assert (answer.status_code, answer.json()["error_code"]) == (400, "INVALID_PARAMETER_VALUE")


def test_the_second_version(server: Server, experiment: str) -> None:
    started = server.ok(
        "POST",
        "/traces",
        {
            "experiment_id": experiment,
            "timestamp_ms": "1000",
            "request_metadata": [{"key": "a", "value": "1"}],
            "tags": [{"key": "mlflow.traceName", "value": "old"}],
        },
    )["trace_info"]
    assert started["status"] == "IN_PROGRESS"
    assert started["timestamp_ms"] == 1000
    trace_id = started["request_id"]
    ended = server.ok(
        "PATCH",
        f"/traces/{trace_id}",
        {
            "timestamp_ms": 1250,
            "status": "OK",
            "request_metadata": [{"key": "b", "value": "2"}],
            "tags": [{"key": "t", "value": "v"}],
        },
    )["trace_info"]
    assert (ended["status"], ended["execution_time_ms"]) == ("OK", 250)
    info = server.ok("GET", f"/traces/{trace_id}/info")["trace_info"]
    assert {"key": "a", "value": "1"} in info["request_metadata"]
    assert {"key": "b", "value": "2"} in info["request_metadata"]
    tags = {tag["key"]: tag["value"] for tag in info["tags"]}
    assert (tags["mlflow.traceName"], tags["t"]) == ("old", "v")
    assert tags["mlflow.artifactLocation"].endswith(f"/traces/{trace_id}/artifacts")
    third = server.get(f"/api/3.0/mlflow/traces/{trace_id}").json()["trace"]["trace_info"]
    assert third["execution_duration"] == "0.250s"
    assert server.mlflow("PATCH", "/traces/missing", {"timestamp_ms": 1, "status": "OK"}).status_code == 404
