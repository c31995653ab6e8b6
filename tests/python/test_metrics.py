"""Metric points: what counts as latest, order, NaN and the infinities, paging."""

from __future__ import annotations

import math
import random

import pytest
from mlflow import MlflowClient
from mlflow.entities import Metric

from harness import Server

T0 = 1_700_000_000_000


def test_latest_is_greatest_step_then_time_then_value(client: MlflowClient, run: str) -> None:
    points = [(5, T0, 1.0), (3, T0 + 100, 9.0), (5, T0 - 1, 8.0), (5, T0, 0.5), (-2, T0 + 500, 7.0)]
    for step, time, value in points:
        client.log_metric(run, "m", value, timestamp=time, step=step)
    assert client.get_run(run).data.metrics["m"] == 1.0


def test_history_is_ordered_by_time_step_value(client: MlflowClient, run: str) -> None:
    rows = [(T0 + i // 7, i % 5, float(i)) for i in range(60)]
    shuffled = random.Random(7).sample(rows, len(rows))
    client.log_batch(run, [Metric("m", value, time, step) for time, step, value in shuffled])
    got = [(point.timestamp, point.step, point.value) for point in client.get_metric_history(run, "m")]
    assert got == sorted(rows)


def test_nan_and_infinities_come_back(client: MlflowClient, run: str) -> None:
    for key, value in {"nan": math.nan, "inf": math.inf, "ninf": -math.inf}.items():
        client.log_metric(run, key, value, timestamp=T0, step=0)
    metrics = client.get_run(run).data.metrics
    assert math.isnan(metrics["nan"])
    assert metrics["inf"] >= 1.7976931348623157e308 and metrics["ninf"] <= -1.7976931348623157e308
    assert math.isnan(client.get_metric_history(run, "nan")[0].value)


def test_nan_takes_part_as_zero_in_latest(client: MlflowClient, run: str) -> None:
    client.log_metric(run, "m", math.nan, timestamp=T0, step=1)
    client.log_metric(run, "m", -1.0, timestamp=T0, step=1)
    assert math.isnan(client.get_run(run).data.metrics["m"])
    client.log_metric(run, "m", 1.0, timestamp=T0, step=1)
    assert client.get_run(run).data.metrics["m"] == 1.0


def test_exact_repeat_is_one_point(client: MlflowClient, run: str) -> None:
    for _ in range(3):
        client.log_metric(run, "m", 1.25, timestamp=T0, step=4)
    client.log_metric(run, "m", 1.5, timestamp=T0, step=4)
    assert [point.value for point in client.get_metric_history(run, "m")] == [1.25, 1.5]


def test_doubles_survive_exactly(client: MlflowClient, run: str) -> None:
    values = [0.1 + 0.2, 5e-324, 1.7976931348623157e308, -0.0, 2**53 + 2.0, 1 / 3, 1e22, 123456789.12345679]
    client.log_batch(run, [Metric("m", value, T0 + i, i) for i, value in enumerate(values)])
    got = [point.value for point in client.get_metric_history(run, "m")]
    assert [value.hex() for value in got if value] == [value.hex() for value in values if value]


@pytest.mark.parametrize("step", [-(2**31), -1, 0, 2**31 - 1, 2**53 + 1])
def test_steps_are_whole_numbers_of_any_size(client: MlflowClient, run: str, step: int) -> None:
    client.log_metric(run, "m", 1.0, timestamp=T0, step=step)
    assert client.get_metric_history(run, "m")[0].step == step


def test_history_pages_meet_without_gap_or_overlap(server: Server, client: MlflowClient, run: str) -> None:
    for start in range(0, 2500, 1000):
        count = min(1000, 2500 - start)
        client.log_batch(run, [Metric("m", 0.5, T0 + (start + i) // 3, start + i) for i in range(count)])
    steps: list[int] = []
    token, pages = None, 0
    while True:
        query = {"run_id": run, "metric_key": "m", "max_results": 700}
        answer = server.ok("GET", "/metrics/get-history", query | ({"page_token": token} if token else {}))
        steps += [point["step"] for point in answer["metrics"]]
        pages += 1
        token = answer.get("next_page_token")
        if not token:
            break
    assert steps == list(range(2500)) and pages == 4


def test_unknown_metric_has_an_empty_history(client: MlflowClient, run: str) -> None:
    assert client.get_metric_history(run, "nothing") == []


def test_sampled_history_keeps_first_and_last(server: Server, client: MlflowClient, run: str) -> None:
    client.log_batch(run, [Metric("m", float(i), T0 + i, i) for i in range(1000)])
    query = {"run_ids": run, "metric_key": "m", "max_results": 50}
    answer = server.get("/ajax-api/2.0/mlflow/metrics/get-history-bulk-interval", params=query)
    assert answer.status_code == 200, answer.text
    steps = [point["step"] for point in answer.json()["metrics"]]
    assert steps[0] == 0 and steps[-1] == 999 and steps == sorted(steps)
    assert 40 <= len(steps) <= 60


def test_a_sample_holds_as_many_points_as_asked_for(server: Server, client: MlflowClient, run: str) -> None:
    """However alike they are; those that MLflow chooses."""
    client.log_batch(run, [Metric("flat", 10.0, 1, step) for step in range(10)])
    for most, expected in [(5, [0, 2, 4, 6, 9]), (4, [0, 3, 6, 9]), (1, [9]), (10, list(range(10)))]:
        query = {"run_ids": run, "metric_key": "flat", "max_results": most}
        answer = server.get("/ajax-api/2.0/mlflow/metrics/get-history-bulk-interval", params=query)
        assert [point["step"] for point in answer.json()["metrics"]] == expected


def test_model_and_dataset_of_a_point(server: Server, run: str) -> None:
    body = {
        "run_id": run, "key": "m", "value": 1.0, "timestamp": T0, "step": 1,
        "dataset_name": "train", "dataset_digest": "abc",
    }
    server.ok("POST", "/runs/log-metric", body)
    point = server.ok("GET", "/runs/get", {"run_id": run})["run"]["data"]["metrics"][0]
    assert point["value"] == 1.0 and point["step"] == 1 and point["timestamp"] == T0
