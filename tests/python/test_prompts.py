"""Prompts: models with a tag, as the real client registers, loads and searches them."""

from __future__ import annotations

import json

import mlflow
import pytest
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException
from pydantic import BaseModel

from harness import Server


class Answer(BaseModel):
    """What a prompt asks for."""

    title: str
    score: float


def named(name: str) -> str:
    """Prompts allow fewer characters in their names than tests do."""
    return "".join(each if each.isalnum() or each in "_.-" else "_" for each in name)


def test_a_text_prompt_and_its_versions(client: MlflowClient, experiment: str, name: str) -> None:
    name = named(name)
    first = mlflow.genai.register_prompt(
        name=name, template="Hello {{ who }}!", commit_message="first", tags={"task": "greet"}
    )
    assert (first.name, str(first.version), first.template) == (name, "1", "Hello {{ who }}!")
    second = mlflow.genai.register_prompt(name=name, template="Good day, {{who}}.")
    assert str(second.version) == "2"
    loaded = mlflow.genai.load_prompt(f"prompts:/{name}/1")
    assert loaded.format(who="you") == "Hello you!" and loaded.variables == {"who"}
    assert loaded.commit_message == "first" and loaded.tags["task"] == "greet"
    assert not any(key.startswith("mlflow.prompt") for key in loaded.tags)
    assert loaded.creation_timestamp and loaded.is_text_prompt
    newest = mlflow.genai.load_prompt(name)
    assert str(newest.version) == "2"
    assert mlflow.genai.load_prompt(f"prompts:/{name}@latest").template == "Good day, {{who}}."
    assert mlflow.genai.load_prompt(name, allow_missing=True).name == name
    assert mlflow.genai.load_prompt(name + "-none", allow_missing=True) is None
    with pytest.raises(MlflowException, match="not found"):
        mlflow.genai.load_prompt(name, version=9)


def test_a_chat_prompt_with_a_format_and_a_model(client: MlflowClient, experiment: str, name: str) -> None:
    name = named(name)
    messages = [{"role": "system", "content": "You are {{style}}."}, {"role": "user", "content": "{{ question }}"}]
    mlflow.genai.register_prompt(
        name=name, template=messages, response_format=Answer,
        model_config={"model_name": "gpt-4o", "temperature": 0.25, "extra_params": {"seed": 7}},
    )
    loaded = mlflow.genai.load_prompt(name, version=1)
    assert loaded.template == messages and not loaded.is_text_prompt
    assert loaded.format(style="brief", question="Why?")[1] == {"role": "user", "content": "Why?"}
    assert set(loaded.response_format["properties"]) == {"title", "score"}
    assert loaded.model_config["model_name"] == "gpt-4o" and loaded.model_config["temperature"] == 0.25
    mlflow.genai.set_prompt_model_config(name=name, version=1, model_config={"model_name": "other"})
    assert mlflow.genai.load_prompt(name, version=1, cache_ttl_seconds=0).model_config["model_name"] == "other"
    mlflow.genai.delete_prompt_model_config(name=name, version=1)
    assert mlflow.genai.load_prompt(name, version=1, cache_ttl_seconds=0).model_config is None


def test_aliases_move_and_go(client: MlflowClient, experiment: str, name: str) -> None:
    name = named(name)
    for template in ("one", "two"):
        mlflow.genai.register_prompt(name=name, template=template)
    mlflow.genai.set_prompt_alias(name, alias="live", version=1)
    assert mlflow.genai.load_prompt(f"prompts:/{name}@live", cache_ttl_seconds=0).template == "one"
    mlflow.genai.set_prompt_alias(name, alias="live", version=2)
    loaded = mlflow.genai.load_prompt(f"prompts:/{name}@live", cache_ttl_seconds=0)
    assert loaded.template == "two" and loaded.aliases == ["live"]
    mlflow.genai.delete_prompt_alias(name, alias="live")
    with pytest.raises(MlflowException, match="not found"):
        mlflow.genai.load_prompt(f"prompts:/{name}@live", cache_ttl_seconds=0)
    with pytest.raises(MlflowException, match="latest"):
        mlflow.genai.set_prompt_alias(name, alias="latest", version=1)


def test_tags_of_prompts_and_versions(client: MlflowClient, experiment: str, name: str) -> None:
    name = named(name)
    mlflow.genai.register_prompt(name=name, template="x", tags={"v": "1"})
    mlflow.genai.set_prompt_tag(name, "owner", "ann")
    assert mlflow.genai.get_prompt_tags(name)["owner"] == "ann"
    mlflow.genai.delete_prompt_tag(name, "owner")
    assert "owner" not in mlflow.genai.get_prompt_tags(name)
    mlflow.genai.set_prompt_version_tag(name, 1, "v", "2")
    mlflow.genai.set_prompt_version_tag(name, 1, "w", "3")
    mlflow.genai.delete_prompt_version_tag(name, 1, "v")
    tags = mlflow.genai.load_prompt(name, version=1, cache_ttl_seconds=0).tags
    assert tags["w"] == "3" and "v" not in tags


def test_prompts_are_searched(client: MlflowClient, experiment: str, name: str) -> None:
    name = named(name)
    for i in range(3):
        mlflow.genai.register_prompt(name=f"{name}-{i}", template=f"t{i}")
        mlflow.genai.set_prompt_tag(f"{name}-{i}", "part", str(i % 2))
    client.create_registered_model(f"{name}-model")

    def found(text: str) -> list[str]:
        return sorted(each.name for each in mlflow.genai.search_prompts(filter_string=text))

    assert found(f"name LIKE '{name}%'") == [f"{name}-{i}" for i in range(3)]
    assert found(f"name LIKE '{name}%' AND tags.part = '0'") == [f"{name}-0", f"{name}-2"]
    assert found(f"name = '{name}-1'") == [f"{name}-1"]
    models = mlflow.search_registered_models(filter_string=f"name LIKE '{name}%'")
    assert [each.name for each in models] == [f"{name}-model"]
    assert client.search_model_versions(f"name LIKE '{name}%'") == []
    assert f"{name}-0" not in {each.name for each in mlflow.search_registered_models(max_results=1000)}
    page = mlflow.genai.search_prompts(filter_string=f"experiment_id = '{experiment}'")
    assert {each.name for each in page} <= {f"{name}-{i}" for i in range(3)}
    assert [str(each.version) for each in client.search_prompt_versions(f"{name}-1")] == ["1"]


def test_a_model_is_no_prompt_and_a_prompt_no_model(client: MlflowClient, experiment: str, name: str) -> None:
    name = named(name)
    mlflow.genai.register_prompt(name=name, template="x")
    with pytest.raises(MlflowException) as caught:
        client.create_registered_model(name)
    assert caught.value.error_code == "RESOURCE_ALREADY_EXISTS"
    client.create_registered_model(name + "-model")
    with pytest.raises(MlflowException):
        mlflow.genai.register_prompt(name=name + "-model", template="x")
    with pytest.raises(MlflowException):
        client.get_registered_model(name)
    with pytest.raises(MlflowException, match="name"):
        mlflow.genai.register_prompt(name="not/allowed", template="x")


def test_prompts_and_versions_are_deleted(client: MlflowClient, experiment: str, name: str) -> None:
    name = named(name)
    for template in ("one", "two"):
        mlflow.genai.register_prompt(name=name, template=template)
    client.delete_prompt_version(name, "1")
    assert mlflow.genai.load_prompt(name, version=1, allow_missing=True, cache_ttl_seconds=0) is None
    client.delete_prompt_version(name, "2")
    client.delete_prompt(name)
    assert client.get_prompt(name) is None
    assert [each.name for each in mlflow.genai.search_prompts(filter_string=f"name = '{name}'")] == []


def test_a_prompt_is_linked_to_a_run(client: MlflowClient, experiment: str, name: str) -> None:
    name = named(name)
    mlflow.genai.register_prompt(name=name, template="x")
    with mlflow.start_run() as active:
        mlflow.genai.load_prompt(name, version=1, cache_ttl_seconds=0)
        client.link_prompt_version_to_run(active.info.run_id, f"prompts:/{name}/1")
    linked = json.loads(client.get_run(active.info.run_id).data.tags["mlflow.linkedPrompts"])
    assert {"name": name, "version": "1"} in linked


def test_the_source_of_a_prompt_is_a_placeholder(server: Server, client: MlflowClient, experiment: str, name: str) -> None:
    name = named(name)
    tags = [{"key": "mlflow.prompt.is_prompt", "value": "true"}]
    server.ok("POST", "/registered-models/create", {"name": name, "tags": tags})
    version = tags + [{"key": "mlflow.prompt.text", "value": "x"}]
    for source, status in (("dummy-source", 200), ("prompt-template", 200), ("/etc/passwd", 400), ("s3://b/x", 400)):
        body = {"name": name, "source": source, "tags": version}
        answer = server.mlflow("POST", "/model-versions/create", body)
        assert answer.status_code == status, (source, answer.text)


def test_prompts_are_not_counted_as_models(server: Server, client: MlflowClient, experiment: str, name: str) -> None:
    before = server.request("GET", "/api/v1/server").json()["registered_models"]
    mlflow.genai.register_prompt(name=named(name), template="Hello")
    assert server.request("GET", "/api/v1/server").json()["registered_models"] == before
    client.create_registered_model(named(name) + "-model")
    assert server.request("GET", "/api/v1/server").json()["registered_models"] == before + 1
