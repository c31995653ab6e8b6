"""The stack's API, row by row of its table, with each defect of the original."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
from stack import OWNER, PLAIN, Person, log_in, person, said, start

pytestmark = pytest.mark.own_server
PRIVILEGES = (400, "The user doesn't have enough privileges")


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    server = start(tmp_path_factory.mktemp("stack") / "data")
    owner = person(server.url, *OWNER)
    owner.ok("POST", "/users/", {"email": PLAIN[0], "password": PLAIN[1], "full_name": "Ada"})
    yield server.url
    assert server.stop() == 0, server.log_text()
    words = server.log_text()
    assert "panicked" not in words
    for secret in (OWNER[1], PLAIN[1], "eyJ"):
        assert secret not in words, "a secret in the log"
        for log in (server.data_dir / "logs").glob("*"):
            assert secret not in log.read_text(errors="replace"), f"a secret in {log}"


@pytest.fixture
def anybody(url: str) -> Person:
    return Person(url)


def new_user(owner: Person, email: str, **fields: object) -> dict:
    return owner.ok("POST", "/users/", {"email": email, "password": "a-password", **fields})


def test_row_login_access_token(url: str) -> None:
    answer = log_in(url, *PLAIN)
    assert answer.status_code == 200
    assert answer.json()["token_type"] == "bearer"
    assert said(log_in(url, PLAIN[0], "wrong-password")) == (400, "Incorrect email or password")
    assert said(log_in(url, "nobody@example.org", "wrong-password")) == (400, "Incorrect email or password")
    missing = requests.post(f"{url}/api/v1/login/access-token", data={"username": "x"}, timeout=60)
    assert missing.status_code == 422
    assert missing.json()["detail"][0] == {
        "loc": ["body", "password"],
        "msg": "field required",
        "type": "value_error.missing",
    }


def test_defect_8_the_cookie_is_one(url: str) -> None:
    cookie = log_in(url, *PLAIN).headers["Set-Cookie"]
    assert cookie.startswith("token=eyJ")
    for part in ("Path=/", "HttpOnly", "SameSite=Strict", "Max-Age=691200"):
        assert part in cookie
    assert "expires" not in cookie.lower()


def test_row_login_test_token(owner: Person, ada: Person, anybody: Person, url: str) -> None:
    assert ada.ok("POST", "/login/test-token")["email"] == PLAIN[0]
    assert said(anybody.api("POST", "/login/test-token")) == (401, "Not authenticated")
    assert said(Person(url, "nonsense").api("POST", "/login/test-token"))[0] == 403
    user = new_user(owner, "off@example.org")
    off = person(url, "off@example.org", "a-password")
    owner.ok("PUT", f"/users/{user['id']}", {"is_active": False})
    assert off.ok("POST", "/login/test-token")["is_active"] is False
    assert said(off.api("GET", "/users/me")) == (400, "Inactive user")
    assert said(log_in(url, "off@example.org", "a-password")) == (400, "Inactive user")


def test_auth_says_what_is_wrong_with_a_token(owner: Person, anybody: Person, url: str) -> None:
    assert said(anybody.api("GET", "/users/me")) == (401, "Not authenticated")
    assert said(Person(url, "a.b.c").api("GET", "/users/me")) == (403, "Could not validate credentials")
    user = new_user(owner, "gone@example.org")
    gone = person(url, "gone@example.org", "a-password")
    assert owner.ok("DELETE", f"/users/{user['id']}")["email"] == "gone@example.org"
    assert said(gone.api("GET", "/users/me")) == (404, "User not found")


def test_row_users_list(owner: Person, ada: Person) -> None:
    users = owner.ok("GET", "/users/")
    assert [user["email"] for user in users][:2] == [OWNER[0], PLAIN[0]]
    assert set(users[0]) == {"id", "email", "full_name", "is_active", "is_superuser"}
    assert owner.ok("GET", "/users/?skip=1&limit=1")[0]["email"] == PLAIN[0]
    assert owner.api("GET", "/users").status_code == 200
    assert said(ada.api("GET", "/users/")) == PRIVILEGES
    assert owner.api("GET", "/users/?skip=x").status_code == 422


def test_row_users_create(owner: Person, ada: Person) -> None:
    body = {"email": PLAIN[0], "password": "another-one"}
    taken = (400, "The user with this username already exists in the system.")
    assert said(owner.api("POST", "/users/", body)) == taken
    assert said(ada.api("POST", "/users/", body)) == PRIVILEGES
    assert owner.api("POST", "/users/", {"email": "x@example.org"}).status_code == 422


def test_row_users_me(ada: Person) -> None:
    me = ada.ok("GET", "/users/me")
    assert me["email"] == PLAIN[0] and me["is_superuser"] is False


def test_row_users_me_put_and_defect_1_without_a_password(ada: Person) -> None:
    assert ada.ok("PUT", "/users/me", {"full_name": "Ada L."})["full_name"] == "Ada L."
    assert ada.ok("GET", "/users/me")["full_name"] == "Ada L."


def test_row_users_open_is_closed(anybody: Person) -> None:
    body = {"email": "new@example.org", "password": "a-password"}
    refused = (403, "Open user registration is forbidden on this server")
    assert said(anybody.api("POST", "/users/open", body)) == refused


def test_row_users_open_when_switched_on(tmp_path: Path) -> None:
    server = start(tmp_path / "data", BRANCHLINE_OPEN_REGISTRATION="true")
    try:
        anybody = Person(server.url)
        body = {"email": "new@example.org", "password": "a-password", "full_name": "New"}
        assert anybody.ok("POST", "/users/open", body)["is_superuser"] is False
        taken = (400, "The user with this username already exists in the system")
        assert said(anybody.api("POST", "/users/open", body)) == taken
    finally:
        server.stop()


def test_row_users_read_and_defect_5_unknown(owner: Person, ada: Person) -> None:
    me = ada.ok("GET", "/users/me")["id"]
    assert ada.ok("GET", f"/users/{me}")["email"] == PLAIN[0]
    assert owner.ok("GET", f"/users/{me}")["email"] == PLAIN[0]
    assert said(ada.api("GET", "/users/1")) == PRIVILEGES
    assert said(owner.api("GET", "/users/99999")) == (404, "User not found")
    assert owner.api("GET", "/users/x").json()["detail"][0]["type"] == "type_error.integer"


def test_row_users_update_and_defect_1_without_a_password(owner: Person, ada: Person) -> None:
    user = new_user(owner, "edit@example.org")
    assert owner.ok("PUT", f"/users/{user['id']}", {"full_name": "Edited"})["full_name"] == "Edited"
    unknown = (404, "The user with this username does not exist in the system")
    assert said(owner.api("PUT", "/users/99999", {})) == unknown
    assert said(ada.api("PUT", f"/users/{user['id']}", {})) == PRIVILEGES


def test_a_deactivated_superuser_does_nothing_any_more(owner: Person, url: str) -> None:
    user = new_user(owner, "second@example.org", is_superuser=True)
    second = person(url, "second@example.org", "a-password")
    second.ok("GET", "/users/")
    owner.ok("PUT", f"/users/{user['id']}", {"is_active": False})
    assert second.api("GET", "/users/").status_code == 400


def test_somebody_remains_who_may_do_everything(owner: Person) -> None:
    me = owner.ok("GET", "/users/me")["id"]
    for update in ({"is_active": False}, {"is_superuser": False}):
        assert owner.api("PUT", f"/users/{me}", update).status_code == 409
    assert owner.api("DELETE", f"/users/{me}").status_code == 409


def test_defect_12_another_password_ends_tokens_and_sessions(owner: Person, url: str) -> None:
    new_user(owner, "change@example.org")
    before, other = (person(url, "change@example.org", "a-password") for _ in range(2))
    assert len(before.ok("GET", "/sessions")["sessions"]) == 2
    before.ok("PUT", "/users/me", {"password": "another-password"})
    for ended in (before, other):
        assert said(ended.api("GET", "/users/me")) == (403, "Could not validate credentials")
    assert log_in(url, "change@example.org", "a-password").status_code == 400
    person(url, "change@example.org", "another-password").ok("GET", "/users/me")


def test_sessions_are_listed_and_revoked(url: str, ada: Person) -> None:
    other = person(url, *PLAIN)
    sessions = ada.ok("GET", "/sessions")["sessions"]
    mine = [session for session in sessions if session["current"]]
    assert len(mine) == 1 and mine[0]["kind"] == "api" and "python-requests" in mine[0]["agent"]
    theirs = other.ok("GET", "/sessions")["sessions"]
    ada.ok("DELETE", f"/sessions/{[s for s in theirs if s['current']][0]['id']}", status=204)
    assert other.api("GET", "/users/me").status_code == 403
    assert ada.api("DELETE", "/sessions/99999").status_code == 404


def test_row_items(owner: Person, ada: Person) -> None:
    item = ada.ok("POST", "/items/", {"title": "A note", "description": "**bold**"})
    assert {"id", "title", "description", "owner_id"} <= set(item)
    assert ada.ok("GET", f"/items/{item['id']}")["title"] == "A note"
    assert ada.ok("PUT", f"/items/{item['id']}", {"title": "Another"})["description"] == "**bold**"
    theirs = owner.ok("POST", "/items/", {"title": "Owner's"})
    assert [i["title"] for i in ada.ok("GET", "/items/")] == ["Another"]
    assert {"Another", "Owner's"} <= {i["title"] for i in owner.ok("GET", "/items/")}
    for method in ("GET", "PUT", "DELETE"):
        body = {} if method == "PUT" else None
        assert said(ada.api(method, f"/items/{theirs['id']}", body)) == (400, "Not enough permissions")
        assert said(ada.api(method, "/items/99999", body)) == (404, "Item not found")
    assert ada.ok("DELETE", f"/items/{item['id']}")["title"] == "Another"
    assert ada.api("POST", "/items/", {"title": ""}).status_code == 422
    assert ada.api("POST", "/items/", {"title": "x" * 256}).status_code == 422


def test_items_point_to_what_they_are_about(ada: Person, url: str) -> None:
    created = ada.call("POST", "/api/2.0/mlflow/experiments/create", json={"name": "linked"})
    link = {"kind": "experiment", "id": created.json()["experiment_id"]}
    item = ada.ok("POST", "/items/", {"title": "About it", "link": link})
    assert item["link"] == link
    query = f"/items/?link_kind=experiment&link_id={link['id']}"
    assert [i["id"] for i in ada.ok("GET", query)] == [item["id"]]
    assert ada.ok("GET", "/items/?text=about")[0]["id"] == item["id"]
    assert ada.ok("PUT", f"/items/{item['id']}", {"link": None})["link"] is None
    missing = {"title": "x", "link": {"kind": "run", "id": "0" * 32}}
    assert ada.api("POST", "/items/", missing).status_code == 400


def logged_run(owner: Person) -> str:
    body = {"experiment_id": "0", "start_time": 1_700_000_000_000}
    run = owner.call("POST", "/api/2.0/mlflow/runs/create", json=body).json()["run"]["info"]["run_id"]
    metric = {"run_id": run, "key": "rmse", "value": 0.5, "timestamp": 1, "step": 0}
    owner.call("POST", "/api/2.0/mlflow/runs/log-metric", json=metric)
    owner.call("POST", "/api/2.0/mlflow/runs/log-parameter", json={"run_id": run, "key": "alpha", "value": "0.1"})
    return run


def test_row_ml_runs(owner: Person, ada: Person) -> None:
    run, deleted = logged_run(owner), logged_run(owner)
    owner.call("POST", "/api/2.0/mlflow/runs/delete", json={"run_id": deleted})
    infos = {info["run_id"]: info for info in owner.ok("GET", "/ml/runs")}
    assert {run, deleted} <= set(infos)
    assert set(infos[run]) == {"artifact_uri", "start_time", "end_time", "run_id", "status", "user_id"}
    assert infos[run]["status"] == "RUNNING"
    assert said(ada.api("GET", "/ml/runs")) == PRIVILEGES


def test_row_ml_run(owner: Person) -> None:
    run = logged_run(owner)
    found = owner.ok("GET", f"/ml/runs/{run}")
    assert found["data"]["metrics"] == {"rmse": 0.5} and found["data"]["params"] == {"alpha": "0.1"}
    assert found["info"]["run_id"] == run
    assert said(owner.api("GET", "/ml/runs/" + "0" * 32)) == (404, "Run does not exist.")


def test_row_ml_register_model_and_registered_models(owner: Person) -> None:
    run = logged_run(owner)
    for number in ("1", "2"):
        version = owner.ok("POST", f"/ml/run/{run}/register-model", {"name": "my enet model"})
        assert version["name"] == "my-enet-model" and version["version"] == number
        assert version["current_stage"] == "None" and version["run_id"] == run
    models = {model["name"]: model for model in owner.ok("GET", "/ml/registered-models")}
    assert models["my-enet-model"]["latest_versions"][0]["version"] == "2"
    missing = owner.api("POST", f"/ml/run/{'0' * 32}/register-model", {"name": "x"})
    assert said(missing) == (404, "Run does not exist.")


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_row_ml_archive_with_defects_4_7_and_11(owner: Person, method: str) -> None:
    run, name = logged_run(owner), f"archived-by-{method}"
    for _ in range(2):
        owner.ok("POST", f"/ml/run/{run}/register-model", {"name": name})

    def stages() -> dict[str, str]:
        filters = {"filter": f"name='{name}'"}
        found = owner.call("GET", "/api/2.0/mlflow/model-versions/search", params=filters).json()
        return {version["version"]: version["current_stage"] for version in found["model_versions"]}

    answer = owner.api(method, f"/ml/model/{name}/archive")
    assert (answer.status_code, answer.content) == (204, b""), "defect 7: no body"
    assert stages() == {"1": "None", "2": "Archived"}, "defect 4: the live version"
    owner.ok(method, f"/ml/model/{name}/archive", status=204)
    assert said(owner.api(method, f"/ml/model/{name}/archive")) == (
        422,
        "Model does not have an unarchived version.",
    )
    owner.ok(method, f"/ml/model/{name}/unarchive", status=204)
    assert stages() == {"1": "Archived", "2": "None"}
    owner.ok(method, f"/ml/model/{name}/unarchive", status=204)
    assert said(owner.api(method, f"/ml/model/{name}/unarchive")) == (
        422,
        "Model does not have an archived version.",
    )
    assert said(owner.api(method, "/ml/model/none/archive")) == (404, "Model with name none does not exist.")


def test_defect_11_a_link_changes_nothing(owner: Person, url: str) -> None:
    run = logged_run(owner)
    owner.ok("POST", f"/ml/run/{run}/register-model", {"name": "by-link"})
    token = owner.session.headers["Authorization"].removeprefix("Bearer ")
    by_cookie = requests.get(f"{url}/api/v1/ml/model/by-link/archive", cookies={"token": token}, timeout=60)
    assert by_cookie.status_code == 403


def test_row_ml_predict_says_that_it_waits(owner: Person, ada: Person) -> None:
    answer = owner.api("POST", "/ml/model/any/predict", [])
    assert answer.status_code == 501 and "not offered yet" in answer.json()["detail"]
    assert said(ada.api("POST", "/ml/model/any/predict", [])) == PRIVILEGES


def test_the_token_cookie_counts_for_the_stack_only(url: str) -> None:
    cookies = {"token": log_in(url, *PLAIN).json()["access_token"]}
    assert requests.get(f"{url}/api/v1/users/me", cookies=cookies, timeout=60).status_code == 200
    assert requests.get(f"{url}/api/v1/me", cookies=cookies, timeout=60).status_code == 401
    listing = f"{url}/api/2.0/mlflow/experiments/get?experiment_id=0"
    assert requests.get(listing, cookies=cookies, timeout=60).status_code == 401


def test_a_signed_token_works_on_every_surface(ada: Person) -> None:
    assert ada.call("GET", "/api/v1/me").status_code == 200
    assert ada.call("GET", "/api/2.0/mlflow/experiments/get?experiment_id=0").status_code == 200


def test_throttling_survives_a_restart(tmp_path: Path) -> None:
    server = start(tmp_path / "data")
    for _ in range(6):
        log_in(server.url, OWNER[0], "wrong-password")
    assert log_in(server.url, *OWNER).status_code == 429
    server.kill()
    server = start(tmp_path / "data")
    try:
        for _ in range(4):
            answer = log_in(server.url, OWNER[0], "wrong-password")
        assert answer.status_code == 429, "starting again forgives nothing"
    finally:
        server.stop()


def test_another_signing_key_ends_all_tokens(tmp_path: Path) -> None:
    server = start(tmp_path / "data")
    try:
        owner = person(server.url, *OWNER)
        key = server.data_dir / "secrets" / "jwt.key"
        before = key.read_bytes()
        assert key.stat().st_mode & 0o077 == 0
        owner.ok("POST", "/signing-key/rotate", status=204)
        assert key.read_bytes() != before
        assert owner.api("GET", "/users/me").status_code == 403
        person(server.url, *OWNER).ok("GET", "/users/me")
        assert server.get("/api/v1/me").status_code == 200, "personal access tokens stay"
    finally:
        server.stop()
