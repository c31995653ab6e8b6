"""What people, judges and code think of traces, with the real client."""

from __future__ import annotations

import mlflow
import pytest
from mlflow import MlflowClient
from mlflow.entities import AssessmentError, AssessmentSource, Expectation, Feedback
from mlflow.exceptions import RestException

from harness import Server


@pytest.fixture
def trace_id(client: MlflowClient, experiment: str) -> str:
    with mlflow.start_span("judged") as span:
        span.set_inputs("question")
    mlflow.flush_trace_async_logging()
    return span.trace_id


HUMAN = AssessmentSource(source_type="HUMAN", source_id="ann@example.com")


def test_feedback_of_every_type_comes_back(client: MlflowClient, trace_id: str) -> None:
    values = [True, 0.5, 3, "good", ["a", 1], {"score": 0.25, "why": "ü"}, None]
    for number, value in enumerate(values):
        mlflow.log_feedback(
            trace_id=trace_id,
            name=f"f{number}",
            value=value,
            error=AssessmentError("TIMEOUT", "too slow") if value is None else None,
            source=HUMAN,
            rationale="because",
            metadata={"k": "v"},
        )
    assessments = client.get_trace(trace_id).info.assessments
    assert [one.name for one in assessments] == [f"f{number}" for number in range(len(values))]
    assert [one.value for one in assessments] == values
    first, last = assessments[0], assessments[-1]
    assert (first.source.source_type, first.source.source_id) == ("HUMAN", "ann@example.com")
    assert (first.rationale, first.metadata, first.valid) == ("because", {"k": "v"}, True)
    assert (last.error.error_code, last.error.error_message) == ("TIMEOUT", "too slow")


def test_expectations_are_any_json(client: MlflowClient, trace_id: str) -> None:
    values = ["Paris", 7, 1.5, False, [1, "two"], {"city": "Paris", "facts": [None]}]
    for number, value in enumerate(values):
        mlflow.log_expectation(trace_id=trace_id, name=f"e{number}", value=value)
    assessments = client.get_trace(trace_id).info.assessments
    assert [one.value for one in assessments] == values
    assert all(isinstance(one, Expectation) for one in assessments)


def test_one_assessment_is_read_and_changed(client: MlflowClient, trace_id: str) -> None:
    made = mlflow.log_feedback(trace_id=trace_id, name="old", value=1, metadata={"a": "1", "b": "1"})
    found = mlflow.get_assessment(trace_id, made.assessment_id)
    assert (found.name, found.value) == ("old", 1)
    mlflow.update_assessment(
        trace_id,
        made.assessment_id,
        Feedback(name="new", value=2, rationale="better", metadata={"b": "2"}),
    )
    changed = mlflow.get_assessment(trace_id, made.assessment_id)
    assert (changed.name, changed.value, changed.rationale) == ("new", 2, "better")
    assert changed.metadata == {"a": "1", "b": "2"}
    assert changed.create_time_ms == found.create_time_ms
    assert changed.last_update_time_ms >= found.last_update_time_ms
    with pytest.raises(RestException, match="Cannot update expectation value on a Feedback"):
        mlflow.update_assessment(trace_id, made.assessment_id, Expectation(name="new", value=2))


def test_an_assessment_stands_in_for_another(client: MlflowClient, trace_id: str) -> None:
    first = mlflow.log_feedback(trace_id=trace_id, name="judge", value=1)
    second = mlflow.override_feedback(
        trace_id=trace_id, assessment_id=first.assessment_id, value=5, rationale="seen by a person"
    )
    assert second.overrides == first.assessment_id
    assert mlflow.get_assessment(trace_id, first.assessment_id).valid is False
    assert mlflow.get_assessment(trace_id, second.assessment_id).valid is True
    mlflow.delete_assessment(trace_id, second.assessment_id)
    assert mlflow.get_assessment(trace_id, first.assessment_id).valid is True


def test_an_assessment_is_removed(client: MlflowClient, trace_id: str) -> None:
    made = mlflow.log_expectation(trace_id=trace_id, name="gone", value="x")
    mlflow.delete_assessment(trace_id, made.assessment_id)
    mlflow.delete_assessment(trace_id, made.assessment_id)
    assert client.get_trace(trace_id).info.assessments == []
    with pytest.raises(RestException, match=f"Assessment with ID '{made.assessment_id}' not found"):
        mlflow.get_assessment(trace_id, made.assessment_id)


def test_a_span_is_judged(client: MlflowClient, trace_id: str) -> None:
    [span] = client.get_trace(trace_id).data.spans
    mlflow.log_feedback(trace_id=trace_id, name="step", value=True, span_id=span.span_id)
    [found] = client.get_trace(trace_id).info.assessments
    assert found.span_id == span.span_id


def test_an_issue_shows_in_a_trace(server: Server, trace_id: str) -> None:
    body = {
        "assessment": {
            "assessment_name": "iss-1",
            "source": {"source_type": "LLM_JUDGE", "source_id": "judge"},
            "issue": {"issue_name": "slow"},
            "rationale": "it took long",
        }
    }
    answer = server.post(f"/api/3.0/mlflow/traces/{trace_id}/assessments", body).json()["assessment"]
    assert (answer["assessment_name"], answer["issue"]) == ("iss-1", {"issue_name": "slow"})
    assert answer["assessment_id"].startswith("a-")
    assert answer["create_time"].endswith("Z")


@pytest.mark.branchline_only
def test_what_breaks_a_rule_is_refused(server: Server, trace_id: str) -> None:
    path = f"/api/3.0/mlflow/traces/{trace_id}/assessments"
    source = {"source_type": "HUMAN", "source_id": "me"}
    wrong = [
        {},
        {"assessment": {"assessment_name": "a", "source": source}},
        {"assessment": {"assessment_name": "a", "source": {"source_type": "CAT"}, "feedback": {"value": 1}}},
        {"assessment": {"assessment_name": "a", "source": source, "expectation": {}}},
        {
            "assessment": {
                "assessment_name": "a",
                "source": source,
                "expectation": {"serialized_value": {"serialization_format": "XML", "value": "1"}},
            }
        },
        {"assessment": 5},
    ]
    for body in wrong:
        answer = server.post(path, body)
        assert (answer.status_code, answer.json()["error_code"]) == (400, "INVALID_PARAMETER_VALUE"), body
    good = {"assessment": {"assessment_name": "a", "source": source, "feedback": {"value": 1}}}
    answer = server.post("/api/3.0/mlflow/traces/tr-missing/assessments", good)
    assert (answer.status_code, answer.json()["error_code"]) == (404, "RESOURCE_DOES_NOT_EXIST")
    good["assessment"]["overrides"] = "a-missing"
    answer = server.post(path, good)
    assert (answer.status_code, answer.json()["error_code"]) == (404, "RESOURCE_DOES_NOT_EXIST")
    assert server.get(path + "/a-missing").status_code == 404
    assert server.request("DELETE", path + "/a-missing", json={}).status_code == 200
    body = {"assessment": {"feedback": {"value": 1}}, "update_mask": "feedback"}
    assert server.request("PATCH", path + "/a-missing", json=body).status_code == 404


def test_assessments_come_with_a_trace(server: Server, experiment: str) -> None:
    place = {"type": "MLFLOW_EXPERIMENT", "mlflow_experiment": {"experiment_id": experiment}}
    assessment = {
        "assessment_id": f"a-{experiment}-with-its-trace",
        "assessment_name": "early",
        "source": {"source_type": "CODE", "source_id": "default"},
        "feedback": {"value": "yes"},
    }
    info = {
        "trace_id": f"tr-assessed-{experiment}",
        "trace_location": place,
        "state": "OK",
        "request_time": "2026-01-02T03:04:05Z",
        "assessments": [assessment],
    }
    for _ in range(2):
        answer = server.post("/api/3.0/mlflow/traces", {"trace": {"trace_info": info}}).json()
        [found] = answer["trace"]["trace_info"]["assessments"]
        assert found["feedback"] == {"value": "yes"}
        assert found["trace_id"] == info["trace_id"]
