"""Roles, with MLflow's own client of accounts, and what they let people see and change."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from mlflow.exceptions import MlflowException
from stack import OWNER, PLAIN, start
from world import MLFLOW, World

pytestmark = pytest.mark.own_server


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    server = start(tmp_path_factory.mktemp("roles") / "data", BRANCHLINE_DEFAULT_PERMISSION="NO_PERMISSIONS")
    yield World(server.url, server.data_dir)
    assert server.stop() == 0
    assert "panicked" not in server.log_text()


@pytest.fixture
def role(auth: Any) -> Iterator[Any]:
    """A role that Ada has."""
    owner = auth()
    made = owner.create_role("default", f"role-{os.urandom(4).hex()}", "for a test")
    owner.assign_role(PLAIN[0], made.id)
    yield made
    auth().delete_role(made.id)


def refused(call: Callable[[], Any]) -> str:
    with pytest.raises(MlflowException) as error:
        call()
    return error.value.error_code


def may(world: World, method: str, path: str, body: Any) -> bool:
    answer = world.mlflow(world.ada, method, path, body)
    assert answer.status_code in (200, 403), answer.text
    return answer.status_code == 200


def sees(world: World, thing: dict[str, str]) -> bool:
    return may(world, "GET", "/runs/get", {"run_id": thing["run"]})


def changes(world: World, thing: dict[str, str]) -> bool:
    return may(world, "POST", "/runs/set-tag", {"run_id": thing["run"], "key": "a", "value": "b"})


def test_a_role_is_made_changed_and_removed(auth: Any, world: World) -> None:
    owner = auth()
    made = owner.create_role("default", "readers", "They read.")
    assert (made.name, made.workspace, made.description, made.permissions) == ("readers", "default", "They read.", [])
    assert refused(lambda: owner.create_role("default", "readers")) == "RESOURCE_ALREADY_EXISTS"
    assert refused(lambda: owner.create_role("elsewhere", "x")) == "INVALID_PARAMETER_VALUE"
    for odd in (" ", "__user_7__"):
        assert refused(lambda odd=odd: owner.create_role("default", odd)) == "INVALID_PARAMETER_VALUE"
    changed = owner.update_role(made.id, name="watchers")
    assert (changed.name, changed.description) == ("watchers", "They read.")
    assert owner.update_role(made.id, description="They watch.").description == "They watch."
    other = owner.create_role("default", "readers")
    assert refused(lambda: owner.update_role(other.id, name="watchers")) == "RESOURCE_ALREADY_EXISTS"
    assert refused(lambda: owner.update_role(made.id)) == "INVALID_PARAMETER_VALUE"
    assert [one.name for one in owner.list_roles("default")] == ["watchers", "readers"]
    assert [one.name for one in owner.list_all_roles()] == ["watchers", "readers"]
    assert owner.list_roles("elsewhere") == []
    for one in (made, other):
        owner.delete_role(one.id)
    assert refused(lambda: owner.get_role(made.id)) == "RESOURCE_DOES_NOT_EXIST"
    assert refused(lambda: owner.delete_role(made.id)) == "RESOURCE_DOES_NOT_EXIST"


def test_permissions_of_a_role(auth: Any, role: Any) -> None:
    owner = auth()
    given = owner.add_role_permission(role.id, "experiment", "*", "READ")
    assert (given.role_id, given.resource_type, given.resource_pattern) == (role.id, "experiment", "*")
    again = lambda: owner.add_role_permission(role.id, "experiment", "*", "EDIT")  # noqa: E731
    assert refused(again) == "RESOURCE_ALREADY_EXISTS"
    assert owner.update_role_permission(given.id, "EDIT").permission == "EDIT"
    owner.add_role_permission(role.id, "registered_model", "a-name", "DENY")
    assert [(one.resource_pattern, one.permission) for one in owner.list_role_permissions(role.id)] == [
        ("*", "EDIT"), ("a-name", "DENY"),
    ]
    assert [one.permission for one in owner.get_role(role.id).permissions] == ["EDIT", "DENY"]
    wrong = [
        ("experiment", "*", "ALL"),
        ("experiment", "*", "NO_PERMISSIONS"),
        ("experiment", "by name", "READ"),
        ("workspace", "*", "READ"),
        ("workspace", "default", "MANAGE"),
        ("gateway_endpoint", "*", "READ"),
        ("run", "*", "DENY"),
    ]
    for resource, pattern, permission in wrong:
        call = lambda r=resource, p=pattern, q=permission: owner.add_role_permission(role.id, r, p, q)  # noqa: E731
        assert refused(call) == "INVALID_PARAMETER_VALUE", (resource, pattern, permission)
    owner.remove_role_permission(given.id)
    assert refused(lambda: owner.remove_role_permission(given.id)) == "RESOURCE_DOES_NOT_EXIST"
    assert refused(lambda: owner.update_role_permission(given.id, "READ")) == "RESOURCE_DOES_NOT_EXIST"
    assert refused(lambda: owner.add_role_permission(10**6, "experiment", "*", "READ")) == "RESOURCE_DOES_NOT_EXIST"


def test_who_has_a_role(auth: Any, role: Any) -> None:
    owner = auth()
    [member] = owner.list_role_users(role.id)
    assert member.role_id == role.id and member.user_id == owner.get_user(PLAIN[0]).id
    assert [one.id for one in owner.list_user_roles(PLAIN[0])] == [role.id]
    assert refused(lambda: owner.assign_role(PLAIN[0], role.id)) == "RESOURCE_ALREADY_EXISTS"
    assert refused(lambda: owner.assign_role("nobody@example.org", role.id)) == "RESOURCE_DOES_NOT_EXIST"
    assert refused(lambda: owner.assign_role(PLAIN[0], 10**6)) == "RESOURCE_DOES_NOT_EXIST"
    owner.unassign_role(PLAIN[0], role.id)
    assert refused(lambda: owner.unassign_role(PLAIN[0], role.id)) == "RESOURCE_DOES_NOT_EXIST"
    assert owner.list_user_roles(PLAIN[0]) == [] == owner.list_role_users(role.id)


def test_a_role_opens_one_thing_or_all_of_them_and_closes_them_at_once(auth: Any, world: World, role: Any) -> None:
    owner, thing, other = auth(), world.make(f"one-{role.id}"), world.make(f"other-{role.id}")
    assert not sees(world, thing)
    one = owner.add_role_permission(role.id, "experiment", thing["experiment"], "READ")
    assert sees(world, thing) and not changes(world, thing) and not sees(world, other)
    owner.update_role_permission(one.id, "EDIT")
    assert changes(world, thing)
    every = owner.add_role_permission(role.id, "experiment", "*", "READ")
    assert sees(world, other) and not changes(world, other)
    later = world.make(f"later-{role.id}")
    assert sees(world, later), "what is made later is one of all"
    owner.remove_role_permission(every.id)
    assert not sees(world, other) and changes(world, thing)
    owner.unassign_role(PLAIN[0], role.id)
    assert not sees(world, thing)


def test_a_refusal_wins_over_everything_but_the_workspace(auth: Any, world: World, role: Any) -> None:
    owner, thing = auth(), world.make(f"refused-{role.id}")
    owner.add_role_permission(role.id, "experiment", "*", "MANAGE")
    assert changes(world, thing)
    denied = owner.add_role_permission(role.id, "experiment", thing["experiment"], "DENY")
    assert not sees(world, thing)
    owner.grant_user_permission(PLAIN[0], "experiment", thing["experiment"], "EDIT")
    assert not sees(world, thing)
    found = owner.get_user_permission(PLAIN[0], "experiment", thing["experiment"])
    assert (found.permission, found.allowed) == ("DENY", False)
    owner.add_role_permission(role.id, "workspace", "*", "MANAGE")
    assert changes(world, thing)
    owner.remove_role_permission(denied.id)
    assert owner.get_user_permission(PLAIN[0], "experiment", thing["experiment"]).permission == "MANAGE"


def test_models_and_prompts_are_told_apart(auth: Any, world: World, role: Any) -> None:
    owner, model, prompt = auth(), f"model-{role.id}", f"prompt-{role.id}"
    world.must("POST", "/registered-models/create", {"name": model})
    is_prompt = [{"key": "mlflow.prompt.is_prompt", "value": "true"}]
    world.must("POST", "/registered-models/create", {"name": prompt, "tags": is_prompt})

    def seen() -> tuple[bool, bool]:
        return tuple(may(world, "GET", "/registered-models/get", {"name": name}) for name in (model, prompt))

    models = owner.add_role_permission(role.id, "registered_model", "*", "READ")
    assert seen() == (True, False)
    prompts = owner.add_role_permission(role.id, "prompt", "*", "READ")
    assert seen() == (True, True)
    owner.remove_role_permission(models.id)
    assert seen() == (False, True)
    owner.remove_role_permission(prompts.id)
    owner.add_role_permission(role.id, "registered_model", prompt, "READ")
    assert seen() == (False, False), "a prompt of that name is no model"
    owner.add_role_permission(role.id, "prompt", prompt, "EDIT")
    owner.add_role_permission(role.id, "registered_model", model, "USE")
    assert seen() == (True, True)
    assert may(world, "PATCH", "/registered-models/update", {"name": prompt, "description": "x"})
    assert not may(world, "PATCH", "/registered-models/update", {"name": model, "description": "x"})


def test_searches_and_files_follow_roles(auth: Any, world: World, role: Any) -> None:
    thing = world.make(f"found-{role.id}")
    asked = {"experiment_ids": [thing["experiment"]], "max_results": 10}

    def found() -> list[Any]:
        return world.mlflow(world.ada, "POST", "/runs/search", asked).json().get("runs", [])

    assert found() == [] and world.ada.call("GET", thing["file"]).status_code == 403
    auth().add_role_permission(role.id, "experiment", thing["experiment"], "READ")
    assert len(found()) == 1 and world.ada.call("GET", thing["file"]).content == b"words"
    assert world.ada.call("PUT", thing["file"], data=b"x").status_code == 403


def test_roles_are_for_who_manages_the_workspace(auth: Any, world: World, role: Any) -> None:
    ada = auth(PLAIN)
    assert [one.id for one in ada.list_roles("default")] == [role.id]
    assert ada.get_role(role.id).id == role.id and ada.list_role_permissions(role.id) == []
    assert [one.id for one in ada.list_user_roles(PLAIN[0])] == [role.id]
    for call in (
        lambda: ada.create_role("default", "mine"),
        lambda: ada.update_role(role.id, name="mine"),
        lambda: ada.delete_role(role.id),
        lambda: ada.add_role_permission(role.id, "experiment", "*", "MANAGE"),
        lambda: ada.assign_role(PLAIN[0], role.id),
        lambda: ada.unassign_role(PLAIN[0], role.id),
        lambda: ada.list_role_users(role.id),
        lambda: ada.list_user_roles(OWNER[0]),
        lambda: ada.update_role_permission(10**6, "READ"),
        lambda: ada.remove_role_permission(10**6),
    ):
        assert refused(call) == "PERMISSION_DENIED"
    auth().add_role_permission(role.id, "workspace", "*", "MANAGE")
    ada = auth(PLAIN)
    made = ada.create_role("default", f"by-ada-{role.id}")
    ada.assign_role(PLAIN[0], made.id)
    ada.delete_role(made.id)
    assert refused(lambda: ada.create_user("eve@example.org", "eves-password")) == "PERMISSION_DENIED"
    assert world.ada.call("GET", f"{MLFLOW}/webhooks").status_code == 403, "a workspace is not the server"


def test_who_has_no_role_sees_none(auth: Any) -> None:
    ada = auth(PLAIN)
    assert refused(lambda: ada.list_roles("default")) == "PERMISSION_DENIED"
    assert ada.list_user_roles(PLAIN[0]) == []


def test_permissions_are_listed_with_their_roles(auth: Any, world: World, role: Any) -> None:
    thing = world.make(f"listed-{role.id}")
    owner = auth()
    owner.add_role_permission(role.id, "experiment", thing["experiment"], "DENY")
    owner.grant_user_permission(PLAIN[0], "registered_model", thing["name"], "READ")
    again = lambda: owner.grant_user_permission(PLAIN[0], "registered_model", thing["name"], "EDIT")  # noqa: E731
    assert refused(again) == "RESOURCE_ALREADY_EXISTS"
    every = lambda: owner.grant_user_permission(PLAIN[0], "experiment", "*", "READ")  # noqa: E731
    assert refused(every) == "INVALID_PARAMETER_VALUE", "that is what a role is for"
    number = owner.get_user(PLAIN[0]).id
    for who, path in (
        (world.ada, "/users/current/permissions"),
        (world.owner, f"/users/permissions/list?username={PLAIN[0]}"),
    ):
        told = who.call("GET", f"/api/3.0/mlflow{path}").json()
        assert told["is_admin"] is False
        rows = told["permissions"]
        assert all(row["workspace"] == "default" for row in rows)
        mine = [row for row in rows if row["role_id"] == role.id]
        assert [(row["role_name"], row["resource_pattern"], row["permission"]) for row in mine] == [
            (role.name, thing["experiment"], "DENY")
        ]
        alone = [row for row in rows if row["role_name"] == f"__user_{number}__" and row["resource_pattern"] == thing["name"]]
        assert [(row["resource_type"], row["permission"]) for row in alone] == [("registered_model", "READ")]
    users = world.mlflow(world.owner, "GET", "/users/list").json()["users"]
    roles = {user["username"]: [one["name"] for one in user["roles"]] for user in users}
    assert roles[PLAIN[0]] == [role.name] and roles[OWNER[0]] == []


def test_ones_own_password_needs_the_present_one(auth: Any, world: World) -> None:
    owner = auth()
    who = ("own@example.org", "the-first-password")
    owner.create_user(*who)
    own = auth(who)
    new = "another-password"
    assert refused(lambda: own.update_user_password(who[0], new)) == "INVALID_PARAMETER_VALUE"
    wrong = lambda: own.update_user_password(who[0], new, current_password="wrong-password")  # noqa: E731
    assert refused(wrong) == "INVALID_PARAMETER_VALUE"
    same = lambda: own.update_user_password(who[0], who[1], current_password=who[1])  # noqa: E731
    assert refused(same) == "INVALID_PARAMETER_VALUE"
    own.update_user_password(who[0], new, current_password=who[1])
    assert auth((who[0], new)).get_user(who[0]).username == who[0]
    assert refused(lambda: auth(OWNER).delete_user(OWNER[0])) == "BAD_REQUEST"
    auth(OWNER).delete_user(who[0])


@pytest.mark.parametrize("default", ["READ", "EDIT"])
def test_what_is_given_takes_nothing_from_the_default(tmp_path: Any, auth: Any, default: str) -> None:
    server = start(tmp_path / "data", BRANCHLINE_DEFAULT_PERMISSION=default)
    try:
        small = World(server.url, server.data_dir)
        assert sees(small, small.secret) and sees(small, small.shared)
        assert changes(small, small.shared) == (default == "EDIT"), "READ was given, and more is the default"
        small.give("experiment", small.shared["experiment"], "NO_PERMISSIONS")
        assert not sees(small, small.shared)
    finally:
        assert server.stop() == 0
