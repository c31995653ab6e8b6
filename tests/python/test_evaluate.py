"""`mlflow.genai.evaluate` with local scorers: traces, assessments, metrics and datasets at work together."""

from __future__ import annotations

import json
from typing import Any

import mlflow
import pytest
from mlflow import MlflowClient
from mlflow.entities import Feedback
from mlflow.genai.datasets import create_dataset, get_dataset
from mlflow.genai.scorers import scorer


@scorer
def exact(outputs: Any, expectations: dict[str, Any]) -> bool:
    return outputs == expectations["expected"]


@scorer
def length(outputs: Any) -> int:
    return len(str(outputs))


@scorer
def judged(inputs: dict[str, Any], outputs: Any) -> list[Feedback]:
    return [
        Feedback(name="kind", value="yes", rationale=f"asked {inputs['question']}"),
        Feedback(name="brief", value=len(str(outputs)) < 4),
    ]


@scorer
def broken(outputs: Any) -> bool:
    raise ValueError("this scorer does not work")


def answer(question: str) -> str:
    """The application under evaluation."""
    with mlflow.start_span("lookup") as span:
        span.set_inputs({"question": question})
        found = {"1+1": "2", "2+2": "4", "3+3": "7"}[question]
        span.set_outputs(found)
    return found


ROWS = [
    {"inputs": {"question": "1+1"}, "expectations": {"expected": "2"}},
    {"inputs": {"question": "2+2"}, "expectations": {"expected": "4"}},
    {"inputs": {"question": "3+3"}, "expectations": {"expected": "6"}},
]


def assessments_of(experiment: str, run: str) -> dict[str, dict[str, Any]]:
    """By question: each assessment's value."""
    mlflow.flush_trace_async_logging()
    traces = mlflow.search_traces(locations=[experiment], run_id=run, return_type="list")
    return {
        trace.data.spans[0].inputs["question"]: {
            each.name: (each.feedback or each.expectation).value for each in trace.info.assessments
        }
        for trace in traces
    }


def test_answers_that_are_there_are_judged(client: MlflowClient, experiment: str) -> None:
    rows = [row | {"outputs": "2"} for row in ROWS]
    result = mlflow.genai.evaluate(data=rows, scorers=[exact, length])
    assert result.metrics["exact/mean"] == pytest.approx(1 / 3) and result.metrics["length/mean"] == 1.0
    run = client.get_run(result.run_id)
    assert run.info.status == "FINISHED" and run.info.experiment_id == experiment
    assert run.data.metrics["exact/mean"] == pytest.approx(1 / 3)
    found = assessments_of(experiment, result.run_id)
    assert set(found) == {"1+1", "2+2", "3+3"}
    assert found["1+1"] == {"exact": True, "length": 1, "expected": "2"}
    assert found["3+3"]["exact"] is False
    assert len(result.result_df) == 3


def test_an_application_is_run_and_traced(client: MlflowClient, experiment: str) -> None:
    result = mlflow.genai.evaluate(data=ROWS, predict_fn=answer, scorers=[exact, judged])
    assert result.metrics["exact/mean"] == pytest.approx(2 / 3) and result.metrics["brief/mean"] == 1.0
    found = assessments_of(experiment, result.run_id)
    assert {question: each["exact"] for question, each in found.items()} == {"1+1": True, "2+2": True, "3+3": False}
    assert all(each["kind"] == "yes" and each["brief"] is True for each in found.values())
    traces = mlflow.search_traces(locations=[experiment], run_id=result.run_id, return_type="list")
    assert all([span.name for span in trace.data.spans] == ["lookup"] for trace in traces)
    kind = next(each for each in traces[0].info.assessments if each.name == "kind")
    assert kind.rationale.startswith("asked ") and kind.source.source_type == "CODE"


def test_an_evaluation_dataset_is_evaluated_and_named(client: MlflowClient, experiment: str, name: str) -> None:
    dataset = create_dataset(name=name, experiment_id=experiment)
    dataset.merge_records(ROWS)
    result = mlflow.genai.evaluate(data=get_dataset(dataset_id=dataset.dataset_id), predict_fn=answer, scorers=[exact])
    assert result.metrics["exact/mean"] == pytest.approx(2 / 3)
    assert len(assessments_of(experiment, result.run_id)) == 3
    used = client.get_run(result.run_id).inputs.dataset_inputs
    assert [each.dataset.name for each in used] == [name]
    assert json.loads(used[0].dataset.source)["dataset_id"] == dataset.dataset_id


def test_traces_become_records_and_are_judged_later(client: MlflowClient, experiment: str, name: str) -> None:
    traced = mlflow.trace(answer)
    for row in ROWS:
        traced(**row["inputs"])
        trace_id = mlflow.get_last_active_trace_id()
        mlflow.flush_trace_async_logging()
        mlflow.log_expectation(trace_id=trace_id, name="expected", value=row["expectations"]["expected"])
    mlflow.flush_trace_async_logging()
    traces = mlflow.search_traces(locations=[experiment], return_type="list")
    assert len(traces) == 3
    dataset = create_dataset(name=name, experiment_id=experiment)
    dataset.merge_records(traces)
    records = client.get_dataset(dataset.dataset_id).records
    assert {record.source_type for record in records} == {"TRACE"}
    assert {record.source_id for record in records} == {trace.info.trace_id for trace in traces}
    assert {record.inputs["question"]: record.expectations["expected"] for record in records} == {
        "1+1": "2", "2+2": "4", "3+3": "6"
    }
    dataset.merge_records(mlflow.search_traces(locations=[experiment]))
    assert len(client.get_dataset(dataset.dataset_id).records) == 3
    judged_later = mlflow.genai.evaluate(data=mlflow.search_traces(locations=[experiment]), scorers=[exact])
    assert judged_later.metrics["exact/mean"] == pytest.approx(2 / 3)


def test_a_scorer_that_fails_is_noted_and_stops_nothing(client: MlflowClient, experiment: str) -> None:
    rows = [{"inputs": {"question": "1+1"}, "outputs": "2"}]
    result = mlflow.genai.evaluate(data=rows, scorers=[broken, length])
    assert result.metrics["length/mean"] == 1.0
    mlflow.flush_trace_async_logging()
    (trace,) = mlflow.search_traces(locations=[experiment], run_id=result.run_id, return_type="list")
    noted = next(each for each in trace.info.assessments if each.name == "broken")
    assert "does not work" in noted.feedback.error.error_message
