"""Numbers over traces, and which filters go together."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import pytest

from conftest import point_mlflow_at
from harness import Server
from trace_table import T0, Table, fill


@pytest.fixture(scope="module")
def table(server: Server) -> Iterator[Table]:
    yield fill(point_mlflow_at(server))


def ask(server: Server, table: Table, view: str, metric: str, how: list[Any], **more: Any) -> Any:
    """The answer as `{dimensions: values}`, or the refusal."""
    aggregations = [
        {"aggregation_type": one} if isinstance(one, str)
        else {"aggregation_type": "PERCENTILE", "percentile_value": one}
        for one in how
    ]
    answer = server.post("/api/3.0/mlflow/traces/metrics", {
        "experiment_ids": [table.experiment], "view_type": view, "metric_name": metric,
        "aggregations": aggregations, **more,
    })
    assert answer.status_code in (200, 400), answer.text
    if answer.status_code == 400:
        assert answer.json()["error_code"] in ("INVALID_PARAMETER_VALUE", "BAD_REQUEST")
        return answer.json()["message"]
    points = answer.json().get("data_points", [])
    assert all(point["metric_name"] == metric for point in points)
    return {tuple(sorted(point.get("dimensions", {}).items())): point["values"] for point in points}


def by(**dimensions: str) -> tuple[tuple[str, str], ...]:
    return tuple(sorted(dimensions.items()))


def test_traces(server: Server, table: Table) -> None:
    assert ask(server, table, "TRACES", "trace_count", ["COUNT"]) == {(): {"COUNT": 6.0}}
    assert ask(server, table, "TRACES", "session_count", ["COUNT"]) == {(): {"COUNT": 2.0}}
    assert ask(server, table, "TRACES", "trace_count", ["COUNT"], dimensions=["trace_status"]) == {
        by(trace_status="OK"): {"COUNT": 3.0}, by(trace_status="ERROR"): {"COUNT": 1.0},
        by(trace_status="IN_PROGRESS"): {"COUNT": 1.0}, by(trace_status="STATE_UNSPECIFIED"): {"COUNT": 1.0},
    }
    latency = ask(server, table, "TRACES", "latency", ["AVG", "MIN", "MAX", 50, 99.9])
    assert latency[()].keys() == {"AVG", "MIN", "MAX", "P50.0", "P99.9"}
    assert (latency[()]["MIN"], latency[()]["MAX"], latency[()]["P50.0"]) == (50, 1000, 200)
    assert math.isclose(latency[()]["P99.9"], 300 + 0.997 * 700)
    named = ask(server, table, "TRACES", "latency", ["MAX"], dimensions=["trace_name"])
    assert named == {by(trace_name="chat"): {"MAX": 300.0}, by(trace_name="summary"): {"MAX": 1000.0}}


def test_time(server: Server, table: Table) -> None:
    whole = {"time_interval_seconds": 60, "start_time_ms": T0 - 1, "end_time_ms": T0 + 1}
    begin = "2023-11-14T22:13:00+00:00"
    assert ask(server, table, "TRACES", "trace_count", ["COUNT"], **whole) == {
        by(time_bucket=begin): {"COUNT": 1.0}
    }
    span = {"start_time_ms": T0 + 10, "end_time_ms": T0 + 30}
    assert ask(server, table, "TRACES", "trace_count", ["COUNT"], **span) == {(): {"COUNT": 4.0}}
    both = ask(
        server, table, "TRACES", "trace_count", ["COUNT"], dimensions=["trace_name"],
        time_interval_seconds=3600, start_time_ms=0, end_time_ms=T0 + 1000,
    )
    assert both[by(time_bucket="2023-11-14T22:00:00+00:00", trace_name="chat")] == {"COUNT": 3.0}
    alone = ask(server, table, "TRACES", "trace_count", ["COUNT"], time_interval_seconds=60)
    assert "start_time_ms and end_time_ms are required" in alone


def test_spans(server: Server, table: Table) -> None:
    assert ask(server, table, "SPANS", "span_count", ["COUNT"]) == {(): {"COUNT": 6.0}}
    assert ask(server, table, "SPANS", "span_count", ["COUNT"], dimensions=["span_type"]) == {
        by(span_type="CHAIN"): {"COUNT": 2.0}, by(span_type="LLM"): {"COUNT": 2.0},
        by(span_type="TOOL"): {"COUNT": 2.0},
    }
    two = ask(server, table, "SPANS", "span_count", ["COUNT"], dimensions=["span_name", "span_status"])
    assert two[by(span_name="call", span_status="ERROR")] == {"COUNT": 1.0}
    latency = ask(server, table, "SPANS", "latency", ["MIN", "MAX"])
    assert latency == {(): {"MIN": 5.0, "MAX": 10.0}}
    narrowed = ask(server, table, "SPANS", "span_count", ["COUNT"], filters=["span.name = 'root'"])
    assert narrowed == {(): {"COUNT": 3.0}}
    late = ask(server, table, "SPANS", "span_count", ["COUNT"], start_time_ms=T0 + 20)
    assert late == {(): {"COUNT": 2.0}}


def test_assessments(server: Server, table: Table) -> None:
    counts = ask(server, table, "ASSESSMENTS", "assessment_count", ["COUNT"], dimensions=["assessment_name"])
    assert {dict(key)["assessment_name"]: value["COUNT"] for key, value in counts.items()} == {
        "answer": 2, "calm": 1, "correct": 3, "label": 4, "score": 5, "text": 1,
    }
    values = ask(server, table, "ASSESSMENTS", "assessment_value", ["AVG", "MAX"], dimensions=["assessment_name"])
    assert values[by(assessment_name="correct")] == pytest.approx({"AVG": 2 / 3, "MAX": 1.0})
    assert values[by(assessment_name="score")] == {"AVG": 2.0, "MAX": 7.0}
    assert values[by(assessment_name="calm")] == {"AVG": 1.0, "MAX": 1.0}
    assert by(assessment_name="label") not in values
    told = ask(
        server, table, "ASSESSMENTS", "assessment_count", ["COUNT"], dimensions=["assessment_value"],
        filters=["assessment.name = 'correct'"],
    )
    assert told == {by(assessment_value="true"): {"COUNT": 2.0}, by(assessment_value="false"): {"COUNT": 1.0}}
    kinds = ask(
        server, table, "ASSESSMENTS", "assessment_count", ["COUNT"], filters=["assessment.type = 'expectation'"]
    )
    assert kinds == {(): {"COUNT": 2.0}}


def test_filters(server: Server, table: Table) -> None:
    def count(*filters: str, view: str = "TRACES", metric: str = "trace_count") -> Any:
        found = ask(server, table, view, metric, ["COUNT"], filters=list(filters))
        return found[()]["COUNT"] if isinstance(found, dict) else found

    assert count("trace.status = 'OK'") == 3
    assert count("trace.tag.env = 'prod'") == 2
    assert count("trace.tag.`with space` = 'x'") == 1
    assert count("trace.tag.mlflow.traceName = 'chat'") == 3
    assert count("trace.metadata.k = 'v'") == 1
    assert count("trace.metadata.`mlflow.trace.session` = 's1'") == 2
    assert count(f"trace.metadata.mlflow.sourceRun = '{table.run}'") == 2
    assert count("trace.status = 'OK'", "trace.tag.env = 'prod'") == 2
    assert count("trace.status = 'OK'", view="SPANS", metric="span_count") == 3
    assert count("trace.tag.env = 'prod'", view="ASSESSMENTS", metric="assessment_count") == 4
    for wrong in [
        "span.name = 'root'", "assessment.name = 'x'", "trace.nope = 'x'", "tags.env = 'x'", "trace.tag = 'x'",
        "trace.status.x = 'y'", "trace.status = 5", "status = 'OK'", "trace.status",
    ]:
        assert isinstance(count(wrong), str), wrong


def test_what_cannot_be_measured_is_refused(server: Server, table: Table) -> None:
    for view, metric, how, more in [
        ("TRACES", "nope", ["COUNT"], {}),
        ("TRACES", "span_count", ["COUNT"], {}),
        ("TRACES", "trace_count", ["AVG"], {}),
        ("TRACES", "latency", ["SUM"], {}),
        ("TRACES", "latency", [], {}),
        ("SPANS", "latency", ["AVG"], {"dimensions": ["span_type"]}),
        ("TRACES", "session_count", ["COUNT"], {"dimensions": ["trace_name"]}),
    ]:
        assert isinstance(ask(server, table, view, metric, how, **more), str), (view, metric, how, more)


@pytest.mark.branchline_only
def test_groups_come_in_pages(server: Server, table: Table) -> None:
    body = {
        "experiment_ids": [table.experiment], "view_type": "ASSESSMENTS", "metric_name": "assessment_count",
        "aggregations": [{"aggregation_type": "COUNT"}], "dimensions": ["assessment_name"], "max_results": 4,
    }
    first = server.post("/api/3.0/mlflow/traces/metrics", body).json()
    rest = server.post("/api/3.0/mlflow/traces/metrics", body | {"page_token": first["next_page_token"]}).json()
    names = [
        point["dimensions"]["assessment_name"] for page in (first, rest) for point in page["data_points"]
    ]
    assert names == ["answer", "calm", "correct", "label", "score", "text"]
    assert "next_page_token" not in rest
    wrong = server.post("/api/3.0/mlflow/traces/metrics", body | {"page_token": "nonsense"})
    assert wrong.status_code == 400
    percentile = {"aggregation_type": "PERCENTILE", "percentile_value": 101}
    wrong = server.post("/api/3.0/mlflow/traces/metrics", body | {"aggregations": [percentile]})
    assert wrong.status_code == 400


def correlation(server: Server, table: Table, first: str, second: str, **more: Any) -> dict[str, Any]:
    body = {"experiment_ids": [table.experiment], "filter_string1": first, "filter_string2": second, **more}
    answer = server.post("/api/3.0/mlflow/traces/calculate-filter-correlation", body)
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_filters_that_go_together(server: Server, table: Table) -> None:
    found = correlation(server, table, "name = 'chat'", "status = 'OK'")
    assert [found[key] for key in ("filter1_count", "filter2_count", "joint_count", "total_count")] == [3, 3, 1, 6]
    assert found["npmi"] == pytest.approx(math.log(1 * 6 / (3 * 3)) / math.log(6))
    assert found["npmi_smoothed"] == pytest.approx(-0.1718555092427256)
    always = correlation(server, table, "feedback.correct = 'true'", "feedback.correct = 'true'")
    assert always["npmi"] == 1.0
    never = correlation(server, table, "status = 'OK'", "status = 'ERROR'")
    assert never["npmi"] == -1.0
    nothing = correlation(server, table, "status = 'OK'", "name = 'nobody'")
    assert "npmi" not in nothing and nothing["filter2_count"] == 0
    based = correlation(server, table, "name = 'chat'", "status = 'OK'", base_filter="tags.env = 'prod'")
    assert [based[key] for key in ("filter1_count", "filter2_count", "joint_count", "total_count")] == [1, 2, 1, 2]
    missing = server.post(
        "/api/3.0/mlflow/traces/calculate-filter-correlation", {"experiment_ids": [table.experiment]}
    )
    assert missing.status_code == 400
