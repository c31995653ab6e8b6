"""Who may see and change what: on every surface, and with MLflow's own client of accounts."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from mlflow.exceptions import MlflowException
from stack import OWNER, PLAIN, start
from world import World, denied

pytestmark = pytest.mark.own_server


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    server = start(
        tmp_path_factory.mktemp("permissions") / "data", BRANCHLINE_DEFAULT_PERMISSION="NO_PERMISSIONS"
    )
    yield World(server.url, server.data_dir)
    assert server.stop() == 0
    assert "panicked" not in server.log_text()


READS = [
    ("GET", "/experiments/get", lambda t: {"experiment_id": t["experiment"]}),
    ("GET", "/experiments/get-by-name", lambda t: {"experiment_name": t["name"]}),
    ("GET", "/runs/get", lambda t: {"run_id": t["run"]}),
    ("GET", "/metrics/get-history", lambda t: {"run_id": t["run"], "metric_key": "loss"}),
    ("GET", "/registered-models/get", lambda t: {"name": t["name"]}),
    ("GET", "/model-versions/get", lambda t: {"name": t["name"], "version": "1"}),
    ("GET", "/model-versions/get-download-uri", lambda t: {"name": t["name"], "version": "1"}),
]


@pytest.mark.parametrize(("method", "path", "body"), READS, ids=[path for _, path, _ in READS])
def test_what_is_not_to_be_seen_is_denied(world: World, method: str, path: str, body: Any) -> None:
    assert denied(world.mlflow(world.ada, method, path, body(world.secret)))
    assert world.mlflow(world.ada, method, path, body(world.shared)).status_code == 200


WRITES = [
    ("POST", "/runs/create", lambda t: {"experiment_id": t["experiment"], "start_time": 1}),
    ("POST", "/runs/update", lambda t: {"run_id": t["run"], "status": "FINISHED"}),
    ("POST", "/runs/delete", lambda t: {"run_id": t["run"]}),
    ("POST", "/runs/set-tag", lambda t: {"run_id": t["run"], "key": "a", "value": "b"}),
    ("POST", "/runs/log-parameter", lambda t: {"run_id": t["run"], "key": "a", "value": "b"}),
    ("POST", "/runs/log-metric", lambda t: {"run_id": t["run"], "key": "m", "value": 1, "timestamp": 1, "step": 0}),
    ("POST", "/experiments/update", lambda t: {"experiment_id": t["experiment"], "new_name": "x"}),
    ("POST", "/experiments/delete", lambda t: {"experiment_id": t["experiment"]}),
    ("POST", "/experiments/set-experiment-tag", lambda t: {"experiment_id": t["experiment"], "key": "a", "value": "b"}),
    ("POST", "/logged-models", lambda t: {"experiment_id": t["experiment"], "name": "n"}),
    ("PATCH", "/registered-models/update", lambda t: {"name": t["name"], "description": "x"}),
    ("DELETE", "/registered-models/delete", lambda t: {"name": t["name"]}),
    ("POST", "/registered-models/set-tag", lambda t: {"name": t["name"], "key": "a", "value": "b"}),
    ("POST", "/registered-models/alias", lambda t: {"name": t["name"], "alias": "a", "version": "1"}),
    ("POST", "/model-versions/create", lambda t: {"name": t["name"], "source": "s3://b/m"}),
    ("PATCH", "/model-versions/update", lambda t: {"name": t["name"], "version": "1", "description": "x"}),
    ("DELETE", "/model-versions/delete", lambda t: {"name": t["name"], "version": "1"}),
]


@pytest.mark.parametrize("whose", ["secret", "shared"])
@pytest.mark.parametrize(("method", "path", "body"), WRITES, ids=[path for _, path, _ in WRITES])
def test_reading_is_not_writing(world: World, whose: str, method: str, path: str, body: Any) -> None:
    assert denied(world.mlflow(world.ada, method, path, body(getattr(world, whose))))


def everything(value: Any) -> str:
    return str(value)


def test_searches_leave_out_what_is_not_to_be_seen(world: World) -> None:
    ids = [world.secret["experiment"], world.shared["experiment"]]
    questions = [
        ("POST", "/experiments/search", {"max_results": 100}),
        ("POST", "/runs/search", {"experiment_ids": ids, "max_results": 100}),
        ("POST", "/runs/search", {"experiment_ids": ids, "order_by": ["metrics.loss DESC"], "filter": "metrics.loss > 0"}),
        ("POST", "/logged-models/search", {"experiment_ids": ids}),
        ("POST", "/experiments/search-datasets", {"experiment_ids": ids}),
        ("GET", "/registered-models/search", {"max_results": 100}),
        ("GET", "/model-versions/search", {"max_results": 100}),
    ]
    for method, path, body in questions:
        for who, secret in ((world.ada, False), (world.owner, True)):
            if path == "/experiments/search-datasets":
                answer = who.call("POST", "/ajax-api/2.0/mlflow/experiments/search-datasets", json=body)
            else:
                answer = world.mlflow(who, method, path, body)
            assert answer.status_code == 200, f"{path}: {answer.text}"
            found = answer.text
            assert world.shared["run"] in found or "shared" in found, path
            seen = world.secret["run"] in found or '"secret' in found
            assert seen == secret, f"{path}: {found[:400]}"


def test_the_own_api_and_text_search_leave_it_out_too(world: World) -> None:
    for path in ("/experiments", "/models", f"/search?q={world.secret['name']}", "/search?q=run"):
        answer = world.ada.api("GET", path)
        assert answer.status_code == 200, f"{path}: {answer.text}"
        assert world.secret["run"] not in answer.text and "secret-run" not in answer.text, path
        assert '"name":"secret"' not in answer.text, path
    for path in (f"/runs/{world.secret['run']}", "/models/secret"):
        assert denied(world.ada.api("GET", path))
    # Looked up as a list of one: not there for who may not see it.
    assert world.ada.api("GET", f"/experiments/{world.secret['experiment']}").status_code == 404
    assert denied(world.ada.api("GET", f"/runs/{world.secret['run']}/artifacts"))


def test_files_follow_their_experiment(world: World) -> None:
    assert denied(world.ada.call("GET", world.secret["file"]))
    assert denied(world.ada.call("PUT", world.secret["file"], data=b"x"))
    assert denied(world.ada.call("DELETE", world.secret["file"]))
    assert world.ada.call("GET", world.shared["file"]).content == b"words"
    assert denied(world.ada.call("PUT", world.shared["file"], data=b"x"))
    listing = "/api/2.0/mlflow-artifacts/artifacts"
    assert denied(world.ada.call("GET", listing, params={"path": world.secret["experiment"]}))
    assert denied(world.ada.call("GET", listing))
    for climbing in ("..%2f", "%2e%2e/"):
        path = f"/api/2.0/mlflow-artifacts/artifacts/{world.shared['experiment']}/{climbing}{world.secret['experiment']}"
        assert world.ada.call("GET", path).status_code >= 400
    query = {"run_id": world.secret["run"], "path": "a.txt"}
    assert world.ada.call("GET", "/get-artifact", params=query).status_code == 404


def test_who_makes_a_thing_manages_it(world: World) -> None:
    made = world.mlflow(world.ada, "POST", "/experiments/create", {"name": "ada's"}).json()["experiment_id"]
    assert world.mlflow(world.ada, "POST", "/runs/create", {"experiment_id": made, "start_time": 1}).status_code == 200
    assert world.mlflow(world.ada, "POST", "/registered-models/create", {"name": "ada-model"}).status_code == 200
    grants = world.ada.ok("GET", f"/permissions?resource_type=experiment&resource_id={made}")
    assert grants["permissions"][0]["permission"] == "MANAGE"
    body = {"email": OWNER[0], "resource_type": "experiment", "resource_id": made, "permission": "READ"}
    world.ada.ok("PUT", "/permissions", body)
    assert world.mlflow(world.ada, "POST", "/experiments/delete", {"experiment_id": made}).status_code == 200


def test_a_permission_counts_at_once_and_ends_at_once(world: World) -> None:
    thing = world.make("changing")
    asked = ("GET", "/runs/get", {"run_id": thing["run"]})
    write = ("POST", "/runs/set-tag", {"run_id": thing["run"], "key": "a", "value": "b"})
    delete = ("POST", "/runs/delete", {"run_id": thing["run"]})
    assert denied(world.mlflow(world.ada, *asked))
    world.give("experiment", thing["experiment"], "EDIT")
    assert world.mlflow(world.ada, *asked).status_code == 200
    assert world.mlflow(world.ada, *write).status_code == 200
    assert denied(world.mlflow(world.ada, *delete))
    world.give("experiment", thing["experiment"], "MANAGE")
    assert world.mlflow(world.ada, *delete).status_code == 200
    query = f"email={PLAIN[0]}&resource_type=experiment&resource_id={thing['experiment']}"
    world.owner.ok("DELETE", f"/permissions?{query}", status=204)
    assert denied(world.mlflow(world.ada, *asked))


def test_administration_is_for_superusers(world: World) -> None:
    for method, path in (("POST", "/db/query"), ("GET", "/outbox"), ("POST", "/signing-key/rotate")):
        answer = world.ada.api(method, path, {"sql": "SELECT 1"} if method == "POST" else None)
        assert answer.status_code == 403, f"{path}: {answer.status_code} {answer.text}"
    body = {"email": PLAIN[0], "resource_type": "experiment", "resource_id": world.secret["experiment"]}
    assert denied(world.ada.api("PUT", "/permissions", body | {"permission": "MANAGE"}))


def test_mlflows_client_of_accounts(world: World, auth: Any) -> None:
    owner = auth()
    user = owner.create_user("bob@example.org", "bobs-password")
    assert (user.username, user.is_admin) == ("bob@example.org", False)
    assert owner.get_user("bob@example.org").id == user.id
    thing = ("experiment", world.secret["experiment"])
    assert owner.get_user_permission("bob@example.org", *thing).permission == "NO_PERMISSIONS"
    owner.grant_user_permission("bob@example.org", *thing, "EDIT")
    found = owner.get_user_permission("bob@example.org", *thing)
    assert (found.permission, found.allowed) == ("EDIT", True)
    owner.revoke_user_permission("bob@example.org", *thing)
    owner.update_user_password("bob@example.org", "another-password")
    owner.update_user_admin("bob@example.org", True)
    assert owner.get_user("bob@example.org").is_admin
    owner.update_user_admin("bob@example.org", False)
    bob = auth(("bob@example.org", "another-password"))
    for refused in (
        lambda: bob.create_user("eve@example.org", "eves-password"),
        lambda: bob.update_user_admin("bob@example.org", True),
        lambda: bob.grant_user_permission("bob@example.org", *thing, "MANAGE"),
        lambda: bob.delete_user(OWNER[0]),
    ):
        with pytest.raises(MlflowException) as error:
            refused()
        assert error.value.error_code == "PERMISSION_DENIED"
    auth().delete_user("bob@example.org")
    with pytest.raises(MlflowException) as error:
        auth().get_user("bob@example.org")
    assert error.value.error_code == "RESOURCE_DOES_NOT_EXIST"


@pytest.mark.parametrize(("things", "key"), [("experiments", "experiment_id"), ("registered-models", "name")])
def test_the_permission_routes_of_older_clients(world: World, things: str, key: str) -> None:
    thing = world.make(f"older-{things}")
    body = {key: thing["experiment"] if key == "experiment_id" else thing["name"], "username": PLAIN[0]}
    made = world.must("POST", f"/{things}/permissions/create", body | {"permission": "READ"})
    (permission,) = made.values()
    assert permission[key] == body[key] and permission["permission"] == "READ"
    again = world.mlflow(world.owner, "POST", f"/{things}/permissions/create", body | {"permission": "READ"})
    assert again.json()["error_code"] == "RESOURCE_ALREADY_EXISTS"
    world.must("PATCH", f"/{things}/permissions/update", body | {"permission": "MANAGE"})
    (permission,) = world.must("GET", f"/{things}/permissions/get", body).values()
    assert permission["permission"] == "MANAGE"
    world.must("DELETE", f"/{things}/permissions/delete", body)
    gone = world.mlflow(world.owner, "GET", f"/{things}/permissions/get", body)
    assert gone.json()["error_code"] == "RESOURCE_DOES_NOT_EXIST"
    wrong = world.mlflow(world.owner, "POST", f"/{things}/permissions/create", body | {"permission": "ALL"})
    assert wrong.json()["error_code"] == "INVALID_PARAMETER_VALUE"
