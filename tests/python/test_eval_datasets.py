"""Evaluation datasets through `mlflow.genai.datasets`."""

from __future__ import annotations

import json
from typing import Any

import mlflow
import numpy as np
import pandas as pd
import pytest
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException
from mlflow.genai.datasets import (
    add_dataset_to_experiments,
    create_dataset,
    delete_dataset,
    delete_dataset_tag,
    get_dataset,
    remove_dataset_from_experiments,
    search_datasets,
    set_dataset_tags,
)

from harness import Server

BASE = "/api/3.0/mlflow/datasets"


def made(name: str, experiment: str, **arguments: Any) -> Any:
    return create_dataset(name=name, experiment_id=experiment, **arguments)


def records_of(dataset: Any) -> list[Any]:
    return MlflowClient().get_dataset(dataset.dataset_id).records


def by_input(dataset: Any) -> dict[str, Any]:
    return {record.inputs["q"]: record for record in records_of(dataset)}


def test_a_dataset_is_made_found_and_deleted(client: MlflowClient, experiment: str, name: str) -> None:
    dataset = made(name, experiment, tags={"team": "a", "mlflow.user": "ann"})
    assert dataset.dataset_id.startswith("d-") and len(dataset.dataset_id) == 34
    assert len(dataset.digest) == 8 and dataset.experiment_ids == [experiment]
    assert (dataset.schema, dataset.profile) == (None, None)
    found = get_dataset(dataset_id=dataset.dataset_id)
    assert (found.name, found.digest, found.tags["team"]) == (name, dataset.digest, "a")
    assert (found.created_by, found.last_updated_by) == ("ann", "ann")
    assert found.created_time == found.last_update_time == dataset.created_time
    assert found.experiment_ids == [experiment]
    assert get_dataset(name=name).dataset_id == dataset.dataset_id
    assert found.to_df().empty
    delete_dataset(dataset_id=dataset.dataset_id)
    delete_dataset(dataset_id=dataset.dataset_id)
    with pytest.raises(MlflowException, match="not found") as caught:
        get_dataset(dataset_id=dataset.dataset_id)
    assert caught.value.error_code == "RESOURCE_DOES_NOT_EXIST"


def test_records_with_the_same_inputs_are_merged(client: MlflowClient, experiment: str, name: str) -> None:
    dataset = made(name, experiment)
    first = get_dataset(dataset_id=dataset.dataset_id)
    dataset.merge_records([
        {"inputs": {"q": "1", "n": 1.5}, "expectations": {"a": "x", "b": 1}, "tags": {"t": "1", "u": "2"}},
        {"inputs": {"q": "2"}, "outputs": {"answer": [1, 2]}},
    ])
    dataset.merge_records([
        {"inputs": {"n": 1.5, "q": "1"}, "expectations": {"a": "y", "c": None}, "tags": {"t": "3", "mlflow.user": "bob"}},
        {"inputs": {"q": "2"}, "outputs": "plain"},
        {"inputs": {"q": "3"}, "outputs": None, "source": {"source_type": "document", "source_data": {"source_id": "doc"}}},
    ])
    records = by_input(dataset)
    assert set(records) == {"1", "2", "3"}
    assert records["1"].expectations == {"a": "y", "b": 1, "c": None}
    assert records["1"].tags | {"mlflow.user": "bob"} == {"t": "3", "u": "2", "mlflow.user": "bob"}
    assert records["1"].last_updated_by == "bob" and records["1"].inputs["n"] == 1.5
    assert records["2"].outputs == "plain" and records["3"].outputs is None
    assert all(record.dataset_record_id.startswith("dr-") for record in records.values())
    assert [records[q].source_type for q in "123"] == ["HUMAN", "CODE", "DOCUMENT"]
    assert records["3"].source_id == "doc" and records["3"].source.source_data == {"source_id": "doc"}
    after = get_dataset(dataset_id=dataset.dataset_id)
    assert json.loads(after.profile) == {"num_records": 3}
    schema = json.loads(after.schema)
    assert schema["inputs"] == {"q": "string", "n": "float"}
    assert schema["outputs"] == {"answer": "array"} and schema["version"] == "1.0"
    assert schema["expectations"] == {"a": "string", "b": "integer", "c": "null"}
    assert after.digest != first.digest and after.last_update_time > first.last_update_time


def test_a_table_becomes_records_and_a_table_again(client: MlflowClient, experiment: str, name: str) -> None:
    dataset = made(name, experiment)
    frame = pd.DataFrame({
        "inputs": [{"q": "a", "score": np.nan}, {"q": "b", "score": 2.0}],
        "expectations": [{"expected": "A"}, {"expected": "B"}],
    })
    dataset.merge_records(frame)
    back = get_dataset(dataset_id=dataset.dataset_id).to_df()
    assert [row["q"] for row in back["inputs"]] == ["a", "b"]
    assert pd.isna(back["inputs"][0]["score"]) and back["inputs"][1]["score"] == 2.0
    assert list(back["source_type"]) == ["HUMAN", "HUMAN"]
    assert [row["expected"] for row in back["expectations"]] == ["A", "B"]
    assert list(back["outputs"]) == [{}, {}]


def test_many_records_come_in_pages(server: Server, client: MlflowClient, experiment: str, name: str) -> None:
    dataset = made(name, experiment)
    dataset.merge_records([{"inputs": {"q": str(i)}} for i in range(2500)])
    records = records_of(dataset)
    assert len({record.inputs["q"] for record in records}) == 2500
    token, seen = None, []
    while True:
        parameters = {"max_results": 999} | ({"page_token": token} if token else {})
        answer = server.get(f"{BASE}/{dataset.dataset_id}/records", params=parameters).json()
        seen.append(len(json.loads(answer["records"])))
        token = answer.get("next_page_token")
        if not token:
            break
    assert seen == [999, 999, 502]
    gone = records[0].dataset_record_id
    assert dataset.delete_records([gone, "dr-none"]) == 1
    after = get_dataset(dataset_id=dataset.dataset_id)
    assert json.loads(after.profile) == {"num_records": 2499}
    assert gone not in {record.dataset_record_id for record in records_of(dataset)}


def test_tags_are_set_and_deleted(client: MlflowClient, experiment: str, name: str) -> None:
    dataset = made(name, experiment, tags={"a": "1"})
    set_dataset_tags(dataset_id=dataset.dataset_id, tags={"a": "2", "b": 3, "c": None})
    tags = get_dataset(dataset_id=dataset.dataset_id).tags
    assert (tags["a"], tags["b"]) == ("2", "3") and "c" not in tags
    delete_dataset_tag(dataset_id=dataset.dataset_id, key="a")
    delete_dataset_tag(dataset_id=dataset.dataset_id, key="a")
    assert "a" not in get_dataset(dataset_id=dataset.dataset_id).tags
    with pytest.raises(MlflowException) as caught:
        set_dataset_tags(dataset_id="d-" + "0" * 32, tags={"a": "1"})
    assert caught.value.error_code == "RESOURCE_DOES_NOT_EXIST"


def test_a_dataset_belongs_to_several_experiments(client: MlflowClient, experiment: str, name: str) -> None:
    other = client.create_experiment(name + "-other")
    dataset = made(name, experiment)
    add_dataset_to_experiments(dataset_id=dataset.dataset_id, experiment_ids=[other, experiment])
    assert set(get_dataset(dataset_id=dataset.dataset_id).experiment_ids) == {experiment, other}
    assert [each.name for each in search_datasets(experiment_ids=[other])] == [name]
    remove_dataset_from_experiments(dataset_id=dataset.dataset_id, experiment_ids=[experiment])
    remove_dataset_from_experiments(dataset_id=dataset.dataset_id, experiment_ids=[experiment])
    assert get_dataset(dataset_id=dataset.dataset_id).experiment_ids == [other]
    assert search_datasets(experiment_ids=[experiment]) == []
    with pytest.raises(MlflowException, match="No Experiment with id=999999") as caught:
        add_dataset_to_experiments(dataset_id=dataset.dataset_id, experiment_ids=["999999"])
    assert caught.value.error_code == "RESOURCE_DOES_NOT_EXIST"


def test_datasets_are_searched(client: MlflowClient, experiment: str, name: str) -> None:
    names = [f"{name}-{i}" for i in range(5)]
    for i, each in enumerate(names):
        made(each, experiment, tags={"part": str(i % 2), "mlflow.user": f"user{i}"})

    def found(text: str, **arguments: Any) -> list[str]:
        return [each.name[-1] for each in search_datasets(experiment_ids=[experiment], filter_string=text, **arguments)]

    assert found(f"name = '{names[2]}'") == ["2"]
    assert found(f"name LIKE '%{name[5:]}-%'", order_by=["name ASC"]) == list("01234")
    assert found(f"name IN ('{names[0]}', '{names[3]}')", order_by=["name DESC"]) == ["3", "0"]
    assert sorted(found("tags.part = '1'")) == ["1", "3"]
    assert sorted(found("tags.part != '1'")) == ["0", "2", "4"]
    assert found("created_by = 'user4' AND tags.part = '0'") == ["4"]
    assert found("created_time > 0 AND last_update_time < 1000") == []
    assert len(found("", max_results=3)) == 3
    for wrong in ("params.a = 'x'", "nope = 'x'"):
        with pytest.raises(MlflowException) as caught:
            found(wrong)
        assert caught.value.error_code == "INVALID_PARAMETER_VALUE", wrong
    with pytest.raises(MlflowException):
        found("", order_by=["tags.part"])


def test_a_search_goes_on_where_it_stopped(server: Server, client: MlflowClient, experiment: str, name: str) -> None:
    for i in range(5):
        made(f"{name}-{i}", experiment)
    token, seen = None, []
    while True:
        body = {"experiment_ids": [experiment], "max_results": 2} | ({"page_token": token} if token else {})
        answer = server.post(f"{BASE}/search", body)
        assert answer.status_code == 200, answer.text
        seen += [each["name"] for each in answer.json()["datasets"]]
        token = answer.json().get("next_page_token")
        if not token:
            break
    assert sorted(seen) == [f"{name}-{i}" for i in range(5)]
    got = server.get(f"{BASE}/search", params={"experiment_ids": [experiment], "max_results": 1})
    assert len(got.json()["datasets"]) == 1


def test_what_cannot_be_understood_is_refused(server: Server, client: MlflowClient, experiment: str, name: str) -> None:
    dataset = made(name, experiment)
    records = f"{BASE}/{dataset.dataset_id}/records"
    assert server.post(f"{BASE}/create", {}).status_code == 400
    assert server.post(records, {}).status_code == 400


@pytest.mark.branchline_only
def test_bad_records_leave_nothing_behind(server: Server, client: MlflowClient, experiment: str, name: str) -> None:
    dataset = made(name, experiment)
    records = f"{BASE}/{dataset.dataset_id}/records"
    good = {"inputs": {"q": "1"}}
    for bad in ("{", "5", "[5]", json.dumps([good, {"inputs": []}]), "[" * 1000,
                json.dumps([good, {"inputs": {}, "source": {"source_type": "dream"}}])):
        answer = server.post(records, {"records": bad})
        assert (answer.status_code, answer.json()["error_code"]) == (400, "INVALID_PARAMETER_VALUE"), bad
    assert server.get(records).json() == {"records": "[]"}
    unknown = server.post(f"{BASE}/d-none/records", {"records": "[]"})
    assert (unknown.status_code, unknown.json()["error_code"]) == (404, "RESOURCE_DOES_NOT_EXIST")
    assert server.get(f"{BASE}/d-none/records").status_code == 404
    wrong = server.get(records, params={"page_token": "xyz"})
    assert (wrong.status_code, wrong.json()["error_code"]) == (400, "INVALID_PARAMETER_VALUE")
    assert server.post(f"{BASE}/create", {"name": "x", "tags": "[]"}).status_code == 400
    missing = server.post(f"{BASE}/create", {"name": "x", "experiment_ids": ["999999"]})
    assert missing.status_code == 404
