"""Scorers: registered, listed and loaded by the real client; never run by the server."""

from __future__ import annotations

import json
from typing import Any

import pytest
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException
from mlflow.genai.scorers import (
    Guidelines,
    RelevanceToQuery,
    delete_scorer,
    get_scorer,
    list_scorers,
    scorer,
)
from mlflow.genai.scorers.registry import list_scorer_versions

from harness import Server

BASE = "/api/3.0/mlflow/scorers"


@scorer
def short(outputs: Any) -> bool:
    return len(str(outputs)) < 10


@scorer
def polite(outputs: Any) -> bool:
    return "please" in str(outputs)


def registered(server: Server, experiment: str, name: str, serialized: Any = None) -> Any:
    body = {"experiment_id": experiment, "name": name, "serialized_scorer": json.dumps(serialized or {"name": name})}
    return server.post(f"{BASE}/register", body)


def test_built_in_scorers_are_kept_and_loaded(client: MlflowClient, experiment: str) -> None:
    Guidelines(name="tone", guidelines=["Be kind"], model="openai:/gpt-4o").register(experiment_id=experiment)
    RelevanceToQuery(model="openai:/gpt-4o").register(experiment_id=experiment)
    Guidelines(name="tone", guidelines=["Be brief"], model="openai:/gpt-4o").register(experiment_id=experiment)
    assert sorted(each.name for each in list_scorers(experiment_id=experiment)) == ["relevance_to_query", "tone"]
    newest = get_scorer(name="tone", experiment_id=experiment)
    assert isinstance(newest, Guidelines) and newest.guidelines == ["Be brief"]
    assert get_scorer(name="tone", experiment_id=experiment, version=1).guidelines == ["Be kind"]
    versions = list_scorer_versions(name="tone", experiment_id=experiment)
    assert [number for _, number in versions] == [1, 2]
    delete_scorer(name="tone", experiment_id=experiment, version=1)
    assert [number for _, number in list_scorer_versions(name="tone", experiment_id=experiment)] == [2]
    delete_scorer(name="tone", experiment_id=experiment, version="all")
    with pytest.raises(MlflowException, match="not found") as caught:
        get_scorer(name="tone", experiment_id=experiment)
    assert caught.value.error_code == "RESOURCE_DOES_NOT_EXIST"


@pytest.mark.branchline_only
def test_own_scorers_are_kept_and_loaded(
    client: MlflowClient, experiment: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The client guards the loading of code; the server only keeps it."""
    short.register(name="brevity", experiment_id=experiment)
    polite.register(experiment_id=experiment)
    monkeypatch.setenv("MLFLOW_SERVER_ENABLE_CUSTOM_SCORERS", "true")
    assert sorted(each.name for each in list_scorers(experiment_id=experiment)) == ["brevity", "polite"]
    loaded = get_scorer(name="brevity", experiment_id=experiment)
    assert loaded.run(outputs="short") is True
    assert loaded.run(outputs="much longer than that") is False
    monkeypatch.delenv("MLFLOW_SERVER_ENABLE_CUSTOM_SCORERS")
    with pytest.raises(MlflowException, match="Custom scorer registration"):
        get_scorer(name="brevity", experiment_id=experiment)


def test_the_wire_of_a_scorer(server: Server, client: MlflowClient, experiment: str, name: str) -> None:
    first = registered(server, experiment, "s", {"a": 1}).json()
    assert first["version"] == 1 and first["experiment_id"] == experiment and first["name"] == "s"
    assert json.loads(first["serialized_scorer"]) == {"a": 1} and first["creation_time"] > 0
    second = registered(server, experiment, "s", {"a": 2}).json()
    assert (second["version"], second["scorer_id"]) == (2, first["scorer_id"])
    got = server.get(f"{BASE}/get", params={"experiment_id": experiment, "name": "s"}).json()["scorer"]
    assert got == {
        "experiment_id": int(experiment), "scorer_name": "s", "scorer_version": 2,
        "serialized_scorer": second["serialized_scorer"], "creation_time": second["creation_time"],
        "scorer_id": first["scorer_id"],
    }
    other = client.create_experiment(name + "-other")
    registered(server, other, "t")
    both = server.get(f"{BASE}/list", params={"experiment_ids": [experiment, other]}).json()["scorers"]
    assert [(each["experiment_id"], each["scorer_name"], each["scorer_version"]) for each in both] == [
        (int(experiment), "s", 2), (int(other), "t", 1)
    ]
    everywhere = server.get(f"{BASE}/list").json()["scorers"]
    assert {"s", "t"} <= {each["scorer_name"] for each in everywhere}
    client.delete_experiment(other)
    assert server.get(f"{BASE}/list", params={"experiment_ids": [other]}).json() == {}
    deleted = server.get(f"{BASE}/list", params={"experiment_id": other})
    assert (deleted.status_code, deleted.json()["error_code"]) == (400, "INVALID_PARAMETER_VALUE")


def test_a_version_is_one_more_than_the_highest(server: Server, client: MlflowClient, experiment: str) -> None:
    for _ in range(3):
        registered(server, experiment, "s")
    where = {"experiment_id": experiment, "name": "s"}
    assert server.request("DELETE", f"{BASE}/delete", json=where | {"version": 2}).json() == {}
    assert registered(server, experiment, "s").json()["version"] == 4
    gone = server.request("DELETE", f"{BASE}/delete", json=where | {"version": 2})
    assert (gone.status_code, gone.json()["error_code"]) == (404, "RESOURCE_DOES_NOT_EXIST")
    assert server.request("DELETE", f"{BASE}/delete", json=where).json() == {}
    assert server.get(f"{BASE}/versions", params=where).status_code == 404
    assert registered(server, experiment, "s").json()["version"] == 1


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"name": ""}, 400),
        ({"name": "  "}, 400),
        ({"serialized_scorer": "{"}, 400),
        ({"serialized_scorer": json.dumps({"builtin_scorer_pydantic_data": {"model": " "}})}, 400),
        ({"experiment_id": "999999"}, 404),
    ],
)
def test_what_is_no_scorer_is_refused(
    server: Server, client: MlflowClient, experiment: str, body: dict[str, str], status: int
) -> None:
    right = {"experiment_id": experiment, "name": "s", "serialized_scorer": "{}"}
    answer = server.post(f"{BASE}/register", right | body)
    assert answer.status_code == status, answer.text
    both = server.get(f"{BASE}/list", params={"experiment_id": experiment, "experiment_ids": [experiment]})
    assert both.status_code == 400


def test_scoring_as_traces_come_is_configured(server: Server, client: MlflowClient, experiment: str) -> None:
    scorer_id = registered(server, experiment, "s").json()["scorer_id"]
    assert server.get(f"{BASE}/online-configs", params={"scorer_ids": [scorer_id]}).json() == {"configs": []}
    body = {"experiment_id": experiment, "name": "s", "sample_rate": 0.0, "filter_string": "status = 'OK'"}
    made = server.request("PUT", f"{BASE}/online-config", json=body).json()["config"]
    assert made | {"online_scoring_config_id": ""} == {
        "online_scoring_config_id": "", "scorer_id": scorer_id, "sample_rate": 0.0,
        "experiment_id": experiment, "filter_string": "status = 'OK'",
    }
    again = server.request("PUT", f"{BASE}/online-config", json=body | {"filter_string": None}).json()["config"]
    found = server.get(f"{BASE}/online-configs", params={"scorer_ids": [scorer_id, "none"]}).json()["configs"]
    assert found == [again] and "filter_string" not in again
    for wrong, words in (({"sample_rate": 1.5}, "between 0.0 and 1.0"), ({"sample_rate": 0.5}, "gateway model"),
                         ({"filter_string": 5}, "filter_string")):
        answer = server.request("PUT", f"{BASE}/online-config", json=body | wrong)
        assert answer.status_code == 400 and words in answer.json()["message"], answer.text
    missing = server.request("PUT", f"{BASE}/online-config", json=body | {"name": "none"})
    assert (missing.status_code, missing.json()["error_code"]) == (404, "RESOURCE_DOES_NOT_EXIST")
    assert server.get(f"{BASE}/online-configs").status_code == 400
