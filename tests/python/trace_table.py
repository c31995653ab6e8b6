"""Traces that differ in everything one can search for, the same for every server."""

from __future__ import annotations

import base64
import json
import random
from dataclasses import dataclass, field
from typing import Any

from mlflow import MlflowClient
from mlflow.entities import Expectation, Feedback, Span, TraceInfo, TraceLocation, TraceState
from mlflow.entities.assessment import AssessmentSource
from mlflow.tracing.client import TracingClient

T0 = 1_700_000_000_000


@dataclass
class Row:
    """One trace: when it began (after T0), how it went, what hangs on it."""

    offset: int
    state: str = "OK"
    duration: int | None = None
    client_request_id: str | None = None
    tags: dict[str, str] = field(default_factory=dict)
    metadata: dict[str, str] = field(default_factory=dict)
    # (name, type, status, attributes) of each span; the first is the root.
    spans: list[tuple[str, str, str, dict[str, Any]]] = field(default_factory=list)
    feedback: dict[str, Any] = field(default_factory=dict)
    expectations: dict[str, Any] = field(default_factory=dict)
    # Feedback that is about the whole session.
    session_feedback: dict[str, Any] = field(default_factory=dict)


ROWS = {
    "a": Row(
        0, duration=100, client_request_id="req-1",
        tags={"mlflow.traceName": "chat", "env": "prod", "with space": "x"},
        metadata={"mlflow.trace.session": "s1", "mlflow.modelId": "m-1", "k": "v"},
        spans=[
            ("root", "CHAIN", "OK", {"question": "what is new", "depth": 1}),
            ("call", "LLM", "ERROR", {"model": "gpt-4", "temperature": 0.5}),
        ],
        feedback={"correct": True, "score": 0.5, "label": "good"},
        expectations={"answer": "nothing"},
    ),
    "b": Row(
        10, "ERROR", 300,
        tags={"mlflow.traceName": "chat", "env": "Dev"},
        metadata={"mlflow.trace.session": "s1"},
        spans=[("root", "LLM", "OK", {"model": "claude"}), ("tool", "TOOL", "OK", {"query": "weather"})],
        feedback={"correct": False, "score": 2, "label": "bad"},
        session_feedback={"calm": "yes"},
    ),
    "c": Row(
        20, "IN_PROGRESS",
        tags={"mlflow.traceName": "Tool run", "env": "dev", "quote": 'say "hi"'},
        metadata={"mlflow.trace.session": "s2", "k": "w"},
        spans=[("tool", "TOOL", "UNSET", {"query": "100% sure_thing"})],
        feedback={"score": 7, "label": "5", "text": "yes"},
        expectations={"answer": "something"},
    ),
    "d": Row(30, duration=50, client_request_id="req-2", tags={"env": "prod"}),
    "e": Row(
        30, duration=1000,
        tags={"mlflow.traceName": "summary"},
        metadata={"k": "V"},
        spans=[("root", "CHAIN", "OK", {"model": "gpt-3", "question": "sum up"})],
        feedback={"score": -1.5, "correct": True, "label": "Good"},
    ),
    "f": Row(40, "STATE_UNSPECIFIED", tags={"mlflow.traceName": "chat"}, feedback={"score": "0.5"}),
}


def trace_id(seed: int, name: str) -> str:
    """An id that sorts by name and tells tables apart."""
    return f"tr-{seed:016x}{ord(name):016x}"


def span(trace: str, number: int, start: int, described: tuple[str, str, str, dict[str, Any]]) -> Span:
    name, kind, status, attributes = described
    encoded = {key: json.dumps(value) for key, value in attributes.items()}
    code = {"OK": "STATUS_CODE_OK", "ERROR": "STATUS_CODE_ERROR", "UNSET": "STATUS_CODE_UNSET"}[status]

    def id_of(n: int) -> str:
        return base64.b64encode(n.to_bytes(8, "big")).decode()

    return Span.from_dict({
        "trace_id": base64.b64encode(bytes.fromhex(trace.removeprefix("tr-"))).decode(),
        "span_id": id_of(number),
        "parent_span_id": id_of(1) if number > 1 else "",
        "name": name,
        "start_time_unix_nano": (start + number) * 1_000_000,
        "end_time_unix_nano": (start + number + 5 * number) * 1_000_000,
        "events": [],
        "status": {"code": code, "message": ""},
        "attributes": {
            "mlflow.traceRequestId": json.dumps(trace), "mlflow.spanType": json.dumps(kind), **encoded,
        },
    })


@dataclass
class Table:
    """The rows as they stand in one experiment of one server."""

    client: MlflowClient
    tracing: TracingClient
    experiment: str
    run: str
    seed: int

    def name(self, info: TraceInfo) -> str:
        return chr(int(info.trace_id[-4:], 16))

    def search(self, filter_string: str = "", **arguments: Any) -> tuple[str, str | None]:
        """The names of one page, in order, and the token."""
        arguments.setdefault("max_results", 100)
        arguments.setdefault("locations", [self.experiment])
        infos, token = self.tracing.store.search_traces(filter_string=filter_string, **arguments)
        return "".join(self.name(info) for info in infos), token

    def found(self, filter_string: str) -> str:
        return "".join(sorted(self.search(filter_string)[0]))


def fill(client: MlflowClient, seed: int | None = None) -> Table:
    """Writes the rows into an experiment of their own."""
    seed = random.getrandbits(60) if seed is None else seed
    experiment = client.create_experiment(f"traces {seed}")
    run = client.create_run(experiment).info.run_id
    tracing = TracingClient(client.tracking_uri)
    store = tracing.store
    for name, row in ROWS.items():
        trace = trace_id(seed, name)
        start = T0 + row.offset
        if row.spans:
            spans = [span(trace, n, start, one) for n, one in enumerate(row.spans, 1)]
            store.log_spans(experiment, spans)
        store.start_trace(TraceInfo(
            trace_id=trace,
            trace_location=TraceLocation.from_experiment_id(experiment),
            request_time=start,
            state=TraceState(row.state),
            client_request_id=row.client_request_id,
            execution_duration=row.duration,
            trace_metadata=dict(row.metadata) | ({"mlflow.sourceRun": run} if name == "a" else {}),
            tags=dict(row.tags),
        ))
        source = AssessmentSource("HUMAN", "tester")
        for key, value in row.feedback.items():
            store.create_assessment(Feedback(name=key, value=value, source=source, trace_id=trace))
        for key, value in row.expectations.items():
            store.create_assessment(Expectation(name=key, value=value, source=source, trace_id=trace))
        for key, value in row.session_feedback.items():
            session = {"mlflow.trace.session": row.metadata["mlflow.trace.session"]}
            given = Feedback(name=key, value=value, source=source, trace_id=trace, metadata=session)
            store.create_assessment(given)
    store.link_traces_to_run([trace_id(seed, "b")], run)
    return Table(client, tracing, experiment, run, seed)
