"""`search_traces`: a table of the grammar, orders, paging, and what is too large."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

import mlflow
import pytest
from mlflow.exceptions import MlflowException

from conftest import point_mlflow_at
from harness import Server
from trace_table import T0, Table, fill, trace_id


@pytest.fixture(scope="module")
def table(server: Server) -> Iterator[Table]:
    yield fill(point_mlflow_at(server))


GRAMMAR = [
    ("", "abcdef"),
    ("attributes.client_request_id = 'req-1'", "a"),
    ("client_request_id LIKE 'req-%'", "ad"),
    ("client_request_id IN ('req-1', 'req-2')", "ad"),
    (f"timestamp_ms > {T0 + 20}", "def"),
    (f"timestamp >= {T0 + 20}", "cdef"),
    (f"trace.timestamp_ms = {T0 + 30}", "de"),
    (f"attributes.timestamp_ms < '{T0 + 10}'", "a"),
    ("execution_time_ms > 100", "be"),
    ("attributes.execution_time <= 100", "ad"),
    ("execution_time != 100", "bde"),
    (f"attributes.end_time_ms > {T0 + 100}", "be"),
    ("status = 'OK'", "ade"),
    ("trace.status != 'OK'", "bcf"),
    ("status IN ('OK', 'ERROR')", "abde"),
    ("status NOT IN ('OK', 'ERROR')", "cf"),
    ("status LIKE 'IN_%'", "c"),
    ("status RLIKE '^(OK|ERROR)$'", "abde"),
    ("name = 'chat'", "abf"),
    ("attributes.name != 'chat'", "ce"),
    ("trace.name LIKE 'tool%'", ""),
    ("trace.name ILIKE 'tool%'", "c"),
    ("name RLIKE '^[a-z]+$'", "abef"),
    ("tags.mlflow.traceName = 'summary'", "e"),
    ("tags.env = 'prod'", "ad"),
    ("tag.env != 'prod'", "bc"),
    ("tags.env LIKE 'd%'", "c"),
    ("tags.env ILIKE 'd%'", "bc"),
    ("tags.env RLIKE 'ro|ev$'", "abcd"),
    ("tags.env IS NULL", "ef"),
    ("tags.env IS NOT NULL", "abcd"),
    ("tags.`with space` = 'x'", "a"),
    ("metadata.k = 'v'", "a"),
    ("request_metadata.k ILIKE 'v'", "ae"),
    ("metadata.k != 'v'", "ce"),
    ("metadata.k IS NULL", "bdf"),
    ("metadata.`mlflow.trace.session` = 's1'", "ab"),
    ("metadata.`mlflow.trace.session` IS NULL", "def"),
    ("span.name = 'root'", "abe"),
    ("span.name != 'root'", "abc"),
    ("span.name IN ('tool', 'call')", "abc"),
    ("span.type = 'LLM'", "ab"),
    ("span.status = 'ERROR'", "a"),
    ("span.status = 'UNSET'", "c"),
    ("span.type LIKE 'T%'", "bc"),
    ("span.name RLIKE '^to'", "bc"),
    ("span.name = 'root' AND span.type = 'LLM'", "b"),
    ("span.type = 'LLM' AND tags.env = 'prod' AND span.status = 'ERROR'", "a"),
    ("span.attributes.model LIKE '%gpt%'", "ae"),
    ("span.attributes.model LIKE '%gpt-4%'", "a"),
    ("span.attributes.model ILIKE '%GPT%'", "ae"),
    ("span.attributes.query LIKE '%weather%'", "b"),
    ("span.attributes.model RLIKE '^gpt-[0-9]$'", "ae"),
    ("span.attributes.`model` LIKE '%claude%'", "b"),
    ("span.content LIKE '%what is new%'", "a"),
    ("trace.text LIKE '%gpt%'", "ae"),
    ("feedback.correct = 'true'", "ae"),
    ("feedback.correct != 'true'", "b"),
    ("feedback.label = 'good'", "a"),
    ("feedback.label ILIKE '%good%'", "ae"),
    ("feedback.label = '5'", "c"),
    ("feedback.label RLIKE '^.(good|bad).$'", "ab"),
    ("feedback.score > 1", "bc"),
    ("feedback.score >= 0.5", "abc"),
    ("feedback.score < 0", "e"),
    ("feedback.score = '2.0'", "b"),
    ("feedback.score = '0.5'", "af"),
    ("feedback.correct > 0", ""),
    ("feedback.label IS NULL", "df"),
    ("feedback.calm = 'yes'", "ab"),
    ("feedback.calm IS NULL", "cdef"),
    ("expectation.answer = 'nothing'", "a"),
    ("expectation.answer LIKE '%thing%'", "ac"),
    ("expectation.label = 'good'", ""),
    ("tags.env = 'prod' AND status = 'OK' AND name = 'chat'", "a"),
    ("tags.env = 'prod' and feedback.score > 0", "a"),
]


def identified(rows: list[Any]) -> list[str]:
    return [str(row[0]) or "(none)" for row in rows]


@pytest.mark.parametrize(("filter_string", "expected"), GRAMMAR, ids=identified(GRAMMAR))
def test_grammar(table: Table, filter_string: str, expected: str) -> None:
    assert table.found(filter_string) == expected


def test_ids_and_runs(table: Table) -> None:
    one, other = (trace_id(table.seed, name) for name in "ae")
    assert table.found(f"request_id = '{one}'") == "a"
    assert table.found(f"trace.request_id IN ('{one}', '{other}')") == "ae"
    # A run has the traces that it made and those that it was linked to.
    assert table.found(f"run_id = '{table.run}'") == "ab"
    assert table.found(f"metadata.mlflow.sourceRun = '{table.run}'") == "ab"
    assert table.found("run_id = 'nobody'") == ""


WIDER = [
    ("name = 'chat' OR tags.env = 'prod'", "abdf"),
    ("NOT name = 'chat'", "cde"),
    ("NOT span.name = 'root'", "cdf"),
    ("(span.name = 'root') AND (span.type = 'LLM' AND tags.env IS NOT NULL)", "b"),
    ("NOT NOT span.name = 'root' AND span.type = 'LLM'", "ab"),
    ("tags.env NOT IN ('prod')", "bc"),
    ("metadata.k IN ('v', 'w')", "ac"),
    ("execution_time IS NULL", "cf"),
    ("client_request_id IS NOT NULL", "ad"),
    ("span.attributes.model = 'gpt-4'", "a"),
    ("span.attributes.model != 'gpt-4'", "be"),
    ("span.attributes.temperature IS NOT NULL", "a"),
    ("feedback.score = 2", "b"),
    ("feedback.score != 2", "acef"),
    # MLflow takes these for the attributes of the same name.
    ("tags.name IS NULL", "abcdef"),
    ("feedback.text IS NOT NULL", "c"),
    ("text ILIKE '%WEATHER%'", "b"),
]


@pytest.mark.branchline_only
@pytest.mark.parametrize(("filter_string", "expected"), WIDER, ids=identified(WIDER))
def test_what_branchline_adds_to_the_grammar(table: Table, filter_string: str, expected: str) -> None:
    assert table.found(filter_string) == expected


REFUSED = [
    "metrics.a > 1", "params.a = 'x'", "attributes.nope = 'x'", "start_time > 1", "status > 'OK'", "status = OK",
    "timestamp_ms LIKE '1'", "tags.env = ", "tags.env", "tags.env = 5", "span.nope = 'x'", "span.attributes. = 'x'",
    "span.name > 'x'", "feedback.score > '1'", "feedback.score LIKE 1", "prompt = 'x'", "prompt LIKE 'a/1'",
    "issue.id LIKE 'x'", "tags.env = 'unclosed", "= 'x'", "expectation.answer > 'x'",
]


@pytest.mark.parametrize("filter_string", REFUSED)
def test_what_the_grammar_refuses(table: Table, filter_string: str) -> None:
    with pytest.raises(MlflowException) as refused:
        table.search(filter_string)
    assert refused.value.error_code == "INVALID_PARAMETER_VALUE", refused.value


HOSTILE = {
    "a pattern of 80,000 characters": "name LIKE '" + "%a" * 40_000 + "'",
    "an expression that grows": "name RLIKE '" + "(a|b)" * 9000 + "'",
    "a long list of prompts": "prompt IN (" + ",".join(["'a/1'"] * 9000) + ")",
    "a long list of values": "feedback.a IN (" + ",".join(["'a'"] * 12_000) + ")",
    "many comparisons": "name = 'x' AND " * 3000 + "name = 'y'",
    "many parentheses": "(" * 5000 + "name = 'x'" + ")" * 5000,
}


@pytest.mark.branchline_only
@pytest.mark.parametrize("filter_string", HOSTILE.values(), ids=HOSTILE.keys())
def test_what_is_too_large_is_refused(table: Table, filter_string: str) -> None:
    with pytest.raises(MlflowException) as refused:
        table.search(filter_string)
    assert refused.value.error_code == "INVALID_PARAMETER_VALUE", refused.value
    with pytest.raises(MlflowException) as refused:
        table.search(order_by=[f"tags.k{n}" for n in range(99)])
    assert refused.value.error_code == "INVALID_PARAMETER_VALUE", refused.value


@pytest.mark.branchline_only
def test_a_wrong_regular_expression_is_refused(table: Table) -> None:
    for pattern in ["(", "(?=a)", "(a{1000}){1000}"]:
        with pytest.raises(MlflowException, match="Invalid regular expression"):
            table.search(f"name RLIKE '{pattern}'")


ORDERS = [
    ([], "fdecba"),
    (["timestamp_ms ASC"], "abcdef"),
    (["timestamp DESC"], "fdecba"),
    (["attributes.timestamp_ms DESC", "request_id DESC"], "fedcba"),
    (["execution_time_ms ASC"], "dabefc"),
    (["execution_time DESC"], "ebadfc"),
    (["status", "timestamp_ms ASC"], "bcadef"),
    (["name ASC"], "cfbaed"),
    (["name DESC", "timestamp_ms ASC"], "eabfcd"),
    (["request_id DESC"], "fedcba"),
    (["tags.env"], "bcdafe"),
    (["tags.env DESC", "timestamp_ms ASC"], "adcbef"),
    (["metadata.k"], "eacfdb"),
    (["experiment_id", "timestamp_ms"], "abcdef"),
]


@pytest.mark.parametrize(("order_by", "expected"), ORDERS, ids=identified(ORDERS))
def test_order_and_pages(table: Table, order_by: list[str], expected: str) -> None:
    assert table.search(order_by=order_by)[0] == expected
    for size in (1, 2, 3, 5):
        seen, token = "", None
        while True:
            names, token = table.search(order_by=order_by, max_results=size, page_token=token)
            # A page that is full has a token, whether or not another follows.
            assert (token is not None) == (len(names) == size)
            seen += names
            if token is None:
                break
        assert seen == expected


@pytest.mark.parametrize("order_by", ["nope", "timestamp_ms SIDEWAYS", "span.name", "feedback.score", "a b c"])
def test_bad_orders_are_refused(table: Table, order_by: str) -> None:
    with pytest.raises(MlflowException):
        table.search(order_by=[order_by])


def test_pages_stay_put_while_traces_are_added(table: Table, server: Server, name: str) -> None:
    client = point_mlflow_at(server)
    other = fill(client, random.getrandbits(60))
    names, token = other.search(max_results=3)
    assert names == "fde"
    if server.is_branchline:
        late = trace_id(other.seed, "z")
        info = other.tracing.store.get_trace_info(trace_id(other.seed, "f"))
        info.trace_id, info.request_time, info.assessments = late, T0 + 1000, []
        other.tracing.store.start_trace(info)
    rest, _ = other.search(max_results=10, page_token=token)
    assert rest == "cba"


def test_the_whole_info_comes_back(table: Table) -> None:
    infos, _ = table.tracing.store.search_traces(
        locations=[table.experiment], filter_string="client_request_id = 'req-1'"
    )
    (info,) = infos
    assert info.trace_id == trace_id(table.seed, "a")
    assert info.experiment_id == table.experiment
    assert (info.request_time, info.execution_duration, info.state) == (T0, 100, "OK")
    assert info.tags["env"] == "prod" and info.tags["mlflow.traceName"] == "chat"
    assert info.trace_metadata["k"] == "v" and info.trace_metadata["mlflow.sourceRun"] == table.run
    values = {one.name: one.value for one in info.assessments}
    assert values == {"correct": True, "score": 0.5, "label": "good", "answer": "nothing"}


def test_search_traces_of_the_package(server: Server, table: Table) -> None:
    point_mlflow_at(server)

    def names(traces: list[mlflow.entities.Trace]) -> str:
        return "".join(table.name(trace.info) for trace in traces)

    here = [table.experiment]
    found = mlflow.search_traces(locations=here, return_type="list", include_spans=False)
    assert names(found) == "fdecba"
    assert all(trace.data.spans == [] for trace in found)
    whole = mlflow.search_traces(locations=here, filter_string="span.name = 'call'", return_type="list")
    assert names(whole) == "a" and [span.name for span in whole[0].data.spans] == ["root", "call"]
    assert names(mlflow.search_traces(locations=here, run_id=table.run, return_type="list")) == "ba"
    assert names(mlflow.search_traces(locations=here, model_id="m-1", return_type="list")) == "a"
    few = mlflow.search_traces(
        locations=here, max_results=2, order_by=["timestamp_ms ASC"], return_type="list", include_spans=False
    )
    assert names(few) == "ab"
    frame = mlflow.search_traces(locations=here, filter_string="name = 'chat'", include_spans=False)
    assert sorted(frame["trace_id"]) == [trace_id(table.seed, name) for name in "abf"]
    assert {"trace_id", "state", "request_time", "tags", "assessments"} <= set(frame.columns)
    mlflow.set_experiment(experiment_id=table.experiment)
    assert len(mlflow.search_traces(return_type="list", include_spans=False)) == 6


def test_several_experiments_at_once(table: Table, server: Server) -> None:
    other = fill(point_mlflow_at(server))
    names, _ = table.search("name = 'summary'", locations=[table.experiment, other.experiment])
    assert names == "ee"
    assert table.search(locations=["999999"])[0] == ""


def test_more_traces_than_a_page_holds(server: Server, name: str) -> None:
    client = point_mlflow_at(server)
    experiment = client.create_experiment(name)
    for n in range(130):
        info = {
            "trace_id": f"tr-{random.getrandbits(64):016x}{n:016x}",
            "trace_location": {"type": "MLFLOW_EXPERIMENT", "mlflow_experiment": {"experiment_id": experiment}},
            "request_time": "2023-11-14T22:13:20Z", "state": "OK",
        }
        made = server.post("/api/3.0/mlflow/traces", {"trace": {"trace_info": info}})
        assert made.status_code == 200, made.text
    found = mlflow.search_traces(locations=[experiment], return_type="list", include_spans=False)
    ids = [trace.info.trace_id for trace in found]
    assert len(ids) == 130 and ids == sorted(set(ids))


def test_the_limits_of_a_page(server: Server, table: Table) -> None:
    def ask(**body: Any) -> Any:
        place = {"type": "MLFLOW_EXPERIMENT", "mlflow_experiment": {"experiment_id": table.experiment}}
        return server.post("/api/3.0/mlflow/traces/search", {"locations": [place], **body})

    assert ask(max_results=500).status_code == 200
    for wrong in [{"max_results": 501}, {"max_results": 0}, {"filter": 5}, {"order_by": "x"}]:
        answer = ask(**wrong)
        assert answer.status_code == 400, (wrong, answer.text)
        assert answer.json()["error_code"] == "INVALID_PARAMETER_VALUE"
    assert ask(locations=[]).json() == {}
    assert "traces" not in ask(filter="name = 'nobody'").json()


def test_the_second_version(server: Server, table: Table) -> None:
    found = server.ok("GET", "/traces", {
        "experiment_ids": [table.experiment], "filter": "tags.env = 'prod'", "order_by": ["timestamp_ms ASC"],
        "max_results": 1,
    })
    (trace,) = found["traces"]
    assert trace["request_id"] == trace_id(table.seed, "a") and trace["status"] == "OK"
    assert (trace["timestamp_ms"], trace["execution_time_ms"]) == (T0, 100)
    assert {"key": "env", "value": "prod"} in trace["tags"]
    assert found["next_page_token"]
    assert server.mlflow("GET", "/traces").status_code == 400
