"""Random filters over traces, asked of Branchline and of a stock MLflow server."""

from __future__ import annotations

import os
import random
from collections.abc import Iterator
from pathlib import Path

import pytest
from mlflow.exceptions import MlflowException

import harness
from conftest import point_mlflow_at
from trace_table import T0, Table, fill

SEED = int(os.environ.get("BRANCHLINE_TEST_SEED", "20231114"))
FILTERS = int(os.environ.get("BRANCHLINE_TEST_FILTERS", "300"))

pytestmark = [pytest.mark.own_server, pytest.mark.branchline_only]


@pytest.fixture(scope="module")
def tables(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Table, Table]]:
    """The same traces on both servers."""
    folder = Path(tmp_path_factory.mktemp("peer"))
    # The client knows one token at a time, so neither server asks for any.
    ours = harness.start_branchline(folder / "ours", "--no-auth")
    theirs = harness.start_mlflow(folder / "theirs")
    yield fill(point_mlflow_at(ours), SEED), fill(point_mlflow_at(theirs), SEED)
    ours.stop()
    theirs.stop()


TEXTS = [
    "chat", "Tool run", "summary", "prod", "dev", "Dev", "x", "v", "w", "s1", "s2", "root", "call", "tool", "LLM",
    "CHAIN", "OK", "ERROR", "IN_PROGRESS", "UNSET", "req-1", "nobody", "true", "false", "good", "5", "0.5", "yes", "",
]
PATTERNS = ["%a%", "c%", "%t", "_ev", "%", "r__t", "%1", "CHAT", "%OO%", "d%v", "%0.5%", "%true%"]
EXPRESSIONS = ["^c", "a|e", "[0-9]+$", "^$", ".", "o{2}", r"\\d", "ev$", "^(OK|ERROR)$", "t.*n"]


def condition(random: random.Random) -> str:
    """One comparison, mostly of those that MLflow knows."""
    text = random.choice(TEXTS)
    compared = random.choice([
        f"= '{text}'", f"!= '{text}'", f"LIKE '{random.choice(PATTERNS)}'", f"ILIKE '{random.choice(PATTERNS)}'",
        f"RLIKE '{random.choice(EXPRESSIONS)}'",
    ])
    listed = random.choice(["IN", "NOT IN"]) + f" ('{text}', '{random.choice(TEXTS)}')"
    null = random.choice(["IS NULL", "IS NOT NULL"])
    sign = random.choice([">", ">=", "<", "<=", "=", "!="])
    kind = random.choice(["text", "listed", "key", "time", "span", "attribute", "content", "assessment", "number"])
    if kind == "text":
        return f"{random.choice(['status', 'name', 'trace.status', 'client_request_id'])} {compared}"
    if kind == "listed":
        return f"{random.choice(['status', 'client_request_id', 'span.name', 'span.type'])} {listed}"
    if kind == "key":
        key = random.choice(["tags.env", "tag.`with space`", "metadata.k", "metadata.`mlflow.trace.session`"])
        return f"{key} {random.choice([compared, compared, null])}"
    if kind == "time":
        begin = random.choice(["timestamp_ms", "trace.timestamp", "end_time_ms"])
        if random.random() < 0.5:
            return f"{begin} {sign} {T0 + random.choice([-5, 0, 10, 25, 30, 100, 500])}"
        return f"execution_time_ms {sign} {random.choice([0, 50, 100, 300, 999])}"
    if kind == "span":
        return f"{random.choice(['span.name', 'span.type', 'span.status'])} {compared}"
    if kind == "attribute":
        # MLflow also finds what stands in another attribute: each is asked for its own words.
        words = {"model": ["gpt", "gpt-4", "claude"], "question": ["sum", "what"], "query": ["weather", "sure"]}
        key = random.choice(list(words))
        return f"span.attributes.{key} LIKE '%{random.choice(words[key])}%'"
    if kind == "content":
        word = random.choice(["gpt", "weather", "Weather", "sum up", "root", "CHAIN"])
        return f"{random.choice(['span.content', 'trace.text'])} {random.choice(['LIKE', 'ILIKE'])} '%{word}%'"
    name = random.choice(["correct", "score", "label", "calm", "nothing"])
    entity = random.choice(["feedback", "feedback", "feedback", "expectation"])
    if kind == "assessment":
        name = "answer" if entity == "expectation" else name
        return f"{entity}.{name} {random.choice([compared, compared, null])}"
    return f"{entity}.{name} {random.choice(['>', '>=', '<', '<='])} {random.choice(['0', '0.5', '2', '-1.5', '1e1'])}"


def orders(random: random.Random) -> list[str]:
    keys = ["timestamp_ms", "execution_time_ms", "status", "name", "request_id", "tags.env", "metadata.k"]
    return [f"{key} {random.choice(['ASC', 'DESC'])}" for key in random.sample(keys, random.randint(0, 3))]


def answer(table: Table, filter_string: str, order_by: list[str], size: int) -> str:
    """All pages as one text, or the code of the refusal."""
    seen, token = [], None
    try:
        while True:
            names, token = table.search(filter_string, order_by=order_by, max_results=size, page_token=token)
            seen.append(names)
            if token is None:
                return "|".join(seen)
    except MlflowException as refusal:
        return refusal.error_code


def test_random_filters_mean_the_same(tables: tuple[Table, Table]) -> None:
    ours, theirs = tables
    source = random.Random(SEED)
    different, answered = [], 0
    for _ in range(FILTERS):
        filter_string = " AND ".join(condition(source) for _ in range(source.choice([1, 1, 2, 2, 3])))
        order_by, size = orders(source), source.choice([2, 3, 100])
        here, there = (answer(table, filter_string, order_by, size) for table in (ours, theirs))
        # What MLflow refuses may mean something here.
        if there not in ("INVALID_PARAMETER_VALUE", "INTERNAL_ERROR"):
            answered += 1
            if here != there:
                different.append((filter_string, order_by, size, here, there))
    assert different == []
    assert answered > FILTERS // 2, "most filters have to be ones that MLflow answers"
