"""Experiments: their life, tags, search and paging."""

from __future__ import annotations

import pytest
from mlflow import MlflowClient
from mlflow.entities import ViewType
from mlflow.exceptions import MlflowException


def names(page: list) -> list[str]:
    return [each.name for each in page]


def test_default_exists(client: MlflowClient) -> None:
    default = client.get_experiment("0")
    assert default.name == "Default" and default.lifecycle_stage == "active"


def test_create_read_rename(client: MlflowClient, name: str) -> None:
    made = client.create_experiment(name, tags={"team": "red"})
    read = client.get_experiment_by_name(name)
    assert read.experiment_id == made and made.isdecimal()
    assert read.tags["team"] == "red" and read.creation_time > 0
    assert read.artifact_location
    client.rename_experiment(made, name + " renamed")
    assert client.get_experiment(made).name == name + " renamed"
    assert client.get_experiment_by_name(name) is None


def test_a_relative_location_starts_from_the_servers_folder(server: Server, client: MlflowClient, name: str) -> None:
    """As everywhere, the client's folder is not the server's."""
    place = "my location/of it"
    for location, head in [(place, ""), (f"file:{place}", "file://")]:
        made = client.create_experiment(f"{name} {head}", artifact_location=location)
        read = client.get_experiment(made).artifact_location
        assert read.startswith(f"{head}/") and read.endswith(f"/{place}"), read
    for kept in ["/tmp/a/../b", "file:///tmp/a", "s3://bucket/a", "mlflow-artifacts:/x"]:
        made = client.create_experiment(f"{name} {kept}", artifact_location=kept)
        assert client.get_experiment(made).artifact_location == kept


def test_names_are_taken_even_by_the_deleted(client: MlflowClient, name: str) -> None:
    made = client.create_experiment(name)
    for _ in range(2):
        with pytest.raises(MlflowException) as taken:
            client.create_experiment(name)
        assert taken.value.error_code == "RESOURCE_ALREADY_EXISTS"
        if client.get_experiment(made).lifecycle_stage == "active":
            client.delete_experiment(made)


def test_delete_takes_the_runs_and_restore_brings_them_back(client: MlflowClient, experiment: str) -> None:
    runs = {client.create_run(experiment).info.run_id for _ in range(3)}
    client.delete_experiment(experiment)
    assert client.get_experiment(experiment).lifecycle_stage == "deleted"
    with pytest.raises(MlflowException):
        client.create_run(experiment)
    assert all(client.get_run(run).info.lifecycle_stage == "deleted" for run in runs)
    with pytest.raises(MlflowException) as again:
        client.delete_experiment(experiment)
    assert again.value.error_code == "RESOURCE_DOES_NOT_EXIST"
    client.restore_experiment(experiment)
    assert {run.info.run_id for run in client.search_runs([experiment])} == runs
    with pytest.raises(MlflowException) as restored:
        client.restore_experiment(experiment)
    assert restored.value.error_code == "RESOURCE_DOES_NOT_EXIST"


def test_tags_of_an_experiment(client: MlflowClient, experiment: str) -> None:
    client.set_experiment_tag(experiment, "k", "1")
    client.set_experiment_tag(experiment, "k", "2")
    assert client.get_experiment(experiment).tags["k"] == "2"
    client.delete_experiment_tag(experiment, "k")
    assert "k" not in client.get_experiment(experiment).tags
    with pytest.raises(MlflowException) as missing:
        client.delete_experiment_tag(experiment, "k")
    assert missing.value.error_code == "RESOURCE_DOES_NOT_EXIST"


def test_search_filter_order_and_views(client: MlflowClient, name: str) -> None:
    ids = [client.create_experiment(f"{name} {word}", tags={"word": word}) for word in ("alpha", "Beta", "gamma")]
    client.delete_experiment(ids[2])
    mine = f"name LIKE '{name}%'"
    assert names(client.search_experiments(filter_string=mine)) == [f"{name} Beta", f"{name} alpha"]
    assert names(client.search_experiments(filter_string=mine, order_by=["name DESC"])) == [f"{name} alpha", f"{name} Beta"]
    assert names(client.search_experiments(ViewType.DELETED_ONLY, filter_string=mine)) == [f"{name} gamma"]
    assert len(client.search_experiments(ViewType.ALL, filter_string=mine)) == 3
    assert names(client.search_experiments(filter_string=f"{mine} AND tags.word = 'Beta'")) == [f"{name} Beta"]
    assert names(client.search_experiments(filter_string=f"{mine} AND tags.word ILIKE 'BET%'")) == [f"{name} Beta"]
    assert names(client.search_experiments(filter_string=f"{mine} AND name != '{name} alpha'")) == [f"{name} Beta"]
    created = client.get_experiment(ids[0]).creation_time
    assert len(client.search_experiments(filter_string=f"{mine} AND creation_time >= {created}")) == 2
    assert client.search_experiments(filter_string=f"{mine} AND creation_time < {created}") == []


def test_search_pages(client: MlflowClient, name: str) -> None:
    made = [f"{name} {i:02}" for i in range(25)]
    for each in made:
        client.create_experiment(each)
    seen: list[str] = []
    token = None
    while True:
        page = client.search_experiments(
            filter_string=f"name LIKE '{name}%'", max_results=10, order_by=["name ASC"], page_token=token
        )
        seen += names(page)
        token = page.token
        if not token:
            break
    assert seen == made


@pytest.mark.parametrize("bad", ["nope = 'x'", "name > 'x'", "name = x", "tags.a LIKE 5", "name LIKE"])
def test_bad_filters_are_refused(client: MlflowClient, bad: str) -> None:
    with pytest.raises(MlflowException) as refused:
        client.search_experiments(filter_string=bad)
    assert refused.value.error_code == "INVALID_PARAMETER_VALUE"


@pytest.mark.parametrize("bad", ["", "x" * 501])
def test_bad_names_are_refused(client: MlflowClient, bad: str) -> None:
    with pytest.raises(MlflowException):
        client.create_experiment(bad)
