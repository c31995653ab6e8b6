"""`search_runs`: a table of the grammar, the order of what is missing or no number, paging."""

from __future__ import annotations

import math
import random
from collections.abc import Iterator

import pytest
from mlflow import MlflowClient
from mlflow.entities import Dataset, DatasetInput, InputTag, Metric, Param, RunTag
from mlflow.exceptions import MlflowException

from conftest import point_mlflow_at
from harness import Server

T0 = 1_700_000_000_000
RUNS = {
    # name: (start offset, status, metrics, params, tags)
    "a": (0, "FINISHED", {"loss": 0.1, "acc": 0.9}, {"opt": "Adam", "depth": "3"}, {"env": "prod"}),
    "b": (1, "FINISHED", {"loss": 0.2, "acc": 0.8}, {"opt": "sgd", "depth": "10"}, {"env": "dev"}),
    "c": (2, "FAILED", {"loss": math.nan}, {"opt": "adamw"}, {"env": "Prod"}),
    "d": (3, "RUNNING", {}, {"opt": "100%_sure"}, {}),
    "e": (4, "KILLED", {"loss": math.inf, "space key": 1.0}, {}, {"env": "dev", "with.dot": "1"}),
    "f": (5, "FINISHED", {"loss": -math.inf, "a/b": -2.0}, {"opt": "it's"}, {"quote": "it's"}),
}


@pytest.fixture(scope="module")
def table(server: Server) -> Iterator[tuple[MlflowClient, str]]:
    """Six runs that differ in everything one can search for."""
    client = point_mlflow_at(server)
    experiment = client.create_experiment(f"search table {random.random()}")
    for name, (offset, status, metrics, params, tags) in RUNS.items():
        run = client.create_run(experiment, start_time=T0 + offset, run_name=name).info.run_id
        client.log_batch(
            run,
            [Metric(key, value, T0, 0) for key, value in metrics.items()],
            [Param(key, value) for key, value in params.items()],
            [RunTag(key, value) for key, value in tags.items()],
        )
        if status != "RUNNING":
            client.set_terminated(run, status, end_time=T0 + 1000 + offset)
    first = client.search_runs([experiment], "attributes.run_name = 'a'")[0].info.run_id
    data = Dataset("train set", "d1gest", "local", "{}", None, None)
    client.log_inputs(first, [DatasetInput(data, [InputTag("mlflow.data.context", "training")])])
    yield client, experiment


def found(table: tuple[MlflowClient, str], filter_string: str, **arguments: object) -> str:
    client, experiment = table
    page = client.search_runs([experiment], filter_string, **arguments)
    return "".join(run.info.run_name for run in page)


GRAMMAR = [
    ("", "abcdef"),
    ("metrics.loss < 0.15", "af"),
    ("metrics.loss <= 0.1", "af"),
    ("metrics.loss > 0.1", "be"),
    ("metrics.loss >= 0.2", "be"),
    ("metrics.loss = 0.1", "a"),
    ("metrics.loss != 0.1", "bcef"),
    ("metric.acc > 1e-3", "ab"),
    ("metrics.acc > .5 AND metrics.acc < 0.85", "b"),
    ("metrics.acc > 0.5 and params.opt = 'sgd'", "b"),
    ('metrics."space key" = 1', "e"),
    ("metrics.`space key` = 1", "e"),
    ("metrics.`a/b` = -2", "f"),
    ("metrics.nothing > 0", ""),
    ("params.opt = 'Adam'", "a"),
    ('params.opt = "Adam"', "a"),
    ("parameter.opt = 'Adam'", "a"),
    ("params.opt != 'Adam'", "bcdf"),
    ("params.opt LIKE 'adam%'", "c"),
    ("params.opt ILIKE 'adam%'", "ac"),
    ("params.opt LIKE '%\\%'", ""),
    ("params.opt LIKE '100%'", "d"),
    ("params.depth = '10'", "b"),
    ('params.opt = "it\'s"', "f"),
    ("params.opt IS NULL", "e"),
    ("params.depth IS NOT NULL", "ab"),
    ("tags.env = 'prod'", "a"),
    ("tag.env ILIKE 'PROD'", "ac"),
    ("tags.env LIKE 'p%d'", "a"),
    ("tags.env LIKE '_ev'", "be"),
    ("tags.env != 'dev'", "ac"),
    ("tags.`with.dot` = '1'", "e"),
    ("tags.env IS NULL", "df"),
    ("attributes.status = 'FINISHED'", "abf"),
    ("attribute.status != 'FINISHED'", "cde"),
    ("attr.status = 'RUNNING'", "d"),
    ("run.status = 'KILLED'", "e"),
    ("status = 'FAILED'", "c"),
    (f"attributes.start_time >= {T0 + 4}", "ef"),
    (f"start_time < {T0 + 1}", "a"),
    (f"created = {T0 + 2}", "c"),
    (f"attributes.end_time > {T0 + 1003}", "ef"),
    ("attributes.run_name = 'b'", "b"),
    ('attributes."Run name" = "b"', "b"),
    ("run_name LIKE '%c%'", "c"),
    ("run_name ILIKE 'D'", "d"),
    ("attributes.artifact_uri LIKE '%artifacts'", "abcdef"),
    ("datasets.name = 'train set'", "a"),
    ("dataset.name LIKE 'train%'", "a"),
    ("dataset.digest = 'd1gest'", "a"),
    ("dataset.context = 'training'", "a"),
    ("datasets.name IN ('train set', 'other')", "a"),
    ("datasets.name = 'other'", ""),
    # Comparisons that follow each other without AND count as if it stood there.
    ("metrics.loss < 0.15 params.opt = 'Adam'", "a"),
    ("metrics.loss = 0.1 AND", "a"),
]


@pytest.mark.parametrize(("filter_string", "expected"), GRAMMAR, ids=[text or "(blank)" for text, _ in GRAMMAR])
def test_grammar(table: tuple[MlflowClient, str], filter_string: str, expected: str) -> None:
    assert "".join(sorted(found(table, filter_string))) == expected


def test_run_ids(table: tuple[MlflowClient, str]) -> None:
    client, experiment = table
    runs = {run.info.run_name: run.info.run_id for run in client.search_runs([experiment])}
    two = f"'{runs['a']}', '{runs['c']}'"
    assert sorted(found(table, f"attributes.run_id IN ({two})")) == ["a", "c"]
    assert sorted(found(table, f"run_id NOT IN ({two})")) == ["b", "d", "e", "f"]
    assert found(table, f"run_id = '{runs['e']}'") == "e"


WIDER = [
    ("metrics.loss = 0.1 OR params.opt = 'sgd'", "ab"),
    ("NOT attributes.status = 'FINISHED'", "cde"),
    ("(metrics.loss < 1 OR status = 'FAILED') AND params.opt ILIKE 'adam%'", "ac"),
    ("params.opt IN ('Adam', 'sgd')", "ab"),
    ("tags.env NOT IN ('dev')", "ac"),
    ("status IN ('FAILED', 'KILLED')", "ce"),
    ("metrics.loss IS NULL", "d"),
    ("attributes.end_time IS NULL", "d"),
]


@pytest.mark.branchline_only
@pytest.mark.parametrize(("filter_string", "expected"), WIDER, ids=[text for text, _ in WIDER])
def test_what_branchline_adds_to_the_grammar(
    table: tuple[MlflowClient, str], filter_string: str, expected: str
) -> None:
    assert "".join(sorted(found(table, filter_string))) == expected


REFUSED = [
    "metrics.loss = 'x'", "metrics.loss LIKE 'x'", "metrics.loss > ", "metrics.loss",
    "params.opt = 5", "params.opt > 'a'", "params.opt = Adam", "nope.key = 'x'", "attributes.nope = 'x'",
    "tags.env = ", "tags.env = 'unclosed", "attributes.start_time = 'soon'", "status LIKE", "= 'x'",
    "datasets.nope = 'x'", "status > 'FINISHED'",
]


@pytest.mark.parametrize("filter_string", REFUSED)
def test_what_the_grammar_refuses(table: tuple[MlflowClient, str], filter_string: str) -> None:
    with pytest.raises(MlflowException) as refused:
        found(table, filter_string)
    assert refused.value.error_code == "INVALID_PARAMETER_VALUE", refused.value


ORDERS = [
    ([], "fedcba"),
    (["start_time ASC"], "abcdef"),
    (["attributes.start_time DESC"], "fedcba"),
    (["metrics.loss ASC"], "fabecd"),
    (["metrics.loss"], "fabecd"),
    (["metrics.loss DESC"], "ebafcd"),
    (["params.opt ASC"], "dacfbe"),
    (["params.opt DESC"], "bfcade"),
    (["tags.env ASC", "start_time ASC"], "cbeadf"),
    (["tags.env DESC", "start_time ASC"], "abecdf"),
    (["attributes.status", "start_time"], "cabfed"),
    (["attributes.end_time ASC"], "abcefd"),
    (["attributes.end_time DESC"], "fecbad"),
    (["run_name DESC"], "fedcba"),
    (["metrics.nothing", "run_name ASC"], "abcdef"),
    (['metrics."space key" DESC', "run_name asc"], "eabcdf"),
]


@pytest.mark.parametrize(("order_by", "expected"), ORDERS, ids=[", ".join(order) or "(none)" for order, _ in ORDERS])
def test_order(table: tuple[MlflowClient, str], order_by: list[str], expected: str) -> None:
    assert found(table, "", order_by=order_by) == expected


@pytest.mark.parametrize("order_by", ["nope.key", "metrics.loss SIDEWAYS", "metrics.loss ASC DESC", "attributes.nope"])
def test_bad_orders_are_refused(table: tuple[MlflowClient, str], order_by: str) -> None:
    with pytest.raises(MlflowException):
        found(table, "", order_by=[order_by])


@pytest.mark.parametrize(("order_by", "expected"), ORDERS, ids=[", ".join(order) or "(none)" for order, _ in ORDERS])
@pytest.mark.parametrize("size", [1, 2, 5])
def test_pages_follow_the_order(
    table: tuple[MlflowClient, str], order_by: list[str], expected: str, size: int
) -> None:
    client, experiment = table
    seen, token = "", None
    while True:
        page = client.search_runs([experiment], "", max_results=size, order_by=order_by, page_token=token)
        assert len(page) <= size
        seen += "".join(run.info.run_name for run in page)
        token = page.token
        if not token:
            break
    assert seen == expected


def test_page_token_of_nonsense_is_refused(table: tuple[MlflowClient, str]) -> None:
    with pytest.raises(MlflowException) as refused:
        found(table, "", page_token="not a token")
    assert refused.value.error_code in ("INVALID_PARAMETER_VALUE", "INTERNAL_ERROR")


def test_no_experiment_is_no_run(table: tuple[MlflowClient, str]) -> None:
    assert table[0].search_runs([]) == []


def test_several_experiments_at_once(table: tuple[MlflowClient, str], name: str) -> None:
    client, experiment = table
    other = client.create_experiment(name)
    client.create_run(other, start_time=T0 + 100, run_name="z")
    names = [run.info.run_name for run in client.search_runs([experiment, other], max_results=3)]
    assert names == ["z", "f", "e"]


@pytest.mark.branchline_only
def test_an_open_parenthesis_is_refused(table: tuple[MlflowClient, str]) -> None:
    with pytest.raises(MlflowException):
        found(table, "(status = 'FAILED'")


@pytest.mark.branchline_only
def test_the_error_says_where(server: Server) -> None:
    text = "metrics.loss < 1 AND params.opt ~ 'x'"
    answer = server.mlflow("POST", "/runs/search", {"experiment_ids": ["0"], "filter": text})
    assert answer.status_code == 400
    assert answer.json()["error_code"] == "INVALID_PARAMETER_VALUE"
    checked = server.post("/api/v1/filter/check", {"entity": "runs", "filter": text})
    assert checked.status_code == 200, checked.text
    body = checked.json()
    assert body["ok"] is False and body["detail"]
    assert text.index("~") - 1 <= body["position"] <= text.index("~") + 1
    assert server.post("/api/v1/filter/check", {"entity": "runs", "filter": "metrics.loss < 1"}).json() == {"ok": True}
