"""What the live events tell somebody who may not see everything: nothing of the rest."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from typing import Any

import pytest
import websocket
from stack import OWNER, PLAIN, Person, person, start
from test_permission_surfaces import SECRET, Things
from world import MLFLOW

pytestmark = pytest.mark.own_server


class Socket:
    """An open socket; `until` reads up to a message that has to come."""

    def __init__(self, url: str, who: Person) -> None:
        header = [f"Authorization: {who.session.headers['Authorization']}"]
        address = url.replace("http", "ws") + "/api/v1/events"
        self.socket = websocket.create_connection(address, header=header, suppress_origin=True, timeout=60)

    def subscribe(self, topic: str, after: str | None = None) -> dict[str, Any] | None:
        message = {"op": "subscribe", "id": topic, "topic": topic}
        self.socket.send(json.dumps(message | ({"after": after} if after else {})))
        return self.next() if after is None else None

    def next(self) -> dict[str, Any]:
        text = self.socket.recv()
        assert text, "the socket was closed"
        return json.loads(text)

    def until(self, wanted: str) -> list[dict[str, Any]]:
        """Everything that came before the first message of a topic, and that message."""
        heard = [self.next()]
        while heard[-1]["id"] != wanted:
            heard.append(self.next())
        return heard

    def closed(self) -> bool:
        opcode, _ = self.socket.recv_data()
        while opcode == websocket.ABNF.OPCODE_TEXT:
            opcode, _ = self.socket.recv_data()
        return opcode == websocket.ABNF.OPCODE_CLOSE


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    server = start(tmp_path_factory.mktemp("live") / "data", BRANCHLINE_DEFAULT_PERMISSION="NO_PERMISSIONS")
    person(server.url, *OWNER).ok("POST", "/users/", {"email": PLAIN[0], "password": PLAIN[1]})
    yield server.url
    assert server.stop() == 0
    assert "panicked" not in server.log_text()


@pytest.fixture
def things(owner: Person) -> Things:
    return Things(owner, os.urandom(4).hex())


@pytest.fixture
def own(ada: Person) -> dict[str, str]:
    """What Ada may see, because she made it."""
    name = f"adas-{os.urandom(4).hex()}"
    made = ada.call("POST", f"{MLFLOW}/experiments/create", json={"name": name}).json()["experiment_id"]
    ada.call("POST", f"{MLFLOW}/registered-models/create", json={"name": name})
    return {"experiment": made, "model": name}


def shake(things: Things) -> None:
    """Changes everything, files too."""
    owner = things.owner
    for path, body in (
        (f"{MLFLOW}/experiments/set-experiment-tag", {"experiment_id": things.experiment, "key": "a", "value": SECRET}),
        (f"{MLFLOW}/runs/set-tag", {"run_id": things.run, "key": "a", "value": SECRET}),
        (f"{MLFLOW}/runs/log-metric", {"run_id": things.run, "key": "m", "value": 2, "timestamp": 1, "step": 1}),
        (f"{MLFLOW}/registered-models/set-tag", {"name": things.name, "key": "a", "value": SECRET}),
        (f"{MLFLOW}/model-versions/set-tag", {"name": things.name, "version": "1", "key": "a", "value": SECRET}),
        (f"{MLFLOW}/traces/delete-traces", {"experiment_id": things.experiment, "request_ids": [things.new_trace()]}),
    ):
        things.must("POST", path, body)
    assert owner.call("PUT", f"{things.root}/more.txt", data=b"x").status_code == 200
    gone = f"gone-{os.urandom(4).hex()}"
    things.must("POST", f"{MLFLOW}/registered-models/create", {"name": gone})
    assert owner.call("DELETE", f"{MLFLOW}/registered-models/delete", json={"name": gone}).status_code == 200


def topics(things: Things) -> list[str]:
    within = [f"experiment/{things.experiment}", f"experiment/{things.experiment}/traces"]
    return [*within, f"run/{things.run}", f"run/{things.run}/metrics", "experiments", "models"]


def test_what_is_hidden_is_not_heard_of(url: str, things: Things, own: dict[str, str], ada: Person) -> None:
    socket = Socket(url, ada)
    starts = {topic: socket.subscribe(topic) for topic in [*topics(things), f"experiment/{own['experiment']}/traces"]}
    assert all(answer["kind"] == "subscribed" for answer in starts.values()), starts
    shake(things)
    # Her own changes come after all of these; what is heard until then is hers.
    body = {"experiment_id": own["experiment"], "key": "a", "value": "b"}
    assert ada.call("POST", f"{MLFLOW}/experiments/set-experiment-tag", json=body).status_code == 200
    heard = socket.until("experiments")
    body = {"name": own["model"], "key": "a", "value": "b"}
    assert ada.call("POST", f"{MLFLOW}/registered-models/set-tag", json=body).status_code == 200
    heard += socket.until("models")
    told = json.dumps(heard)
    assert {message["id"] for message in heard} == {"experiments", "models"}, told
    assert heard[-1]["data"] == {"names": [own["model"]]}, told
    assert all(message["data"] == {"experiment_ids": [own["experiment"]]} for message in heard[:-1]), told
    # The same for who comes back and asks for what was missed.
    again = Socket(url, ada)
    for topic in topics(things):
        again.subscribe(topic, after=starts[topic]["cursor"])
    answers = [again.next(), again.next()]
    assert sorted(answer["id"] for answer in answers) == ["experiments", "models"], answers
    assert SECRET not in json.dumps(answers) and things.run not in json.dumps(answers)


def test_who_may_see_hears(url: str, things: Things) -> None:
    socket = Socket(url, things.owner)
    for topic in topics(things):
        socket.subscribe(topic)
    shake(things)
    waiting = set(topics(things))
    told = ""
    while waiting:
        message = socket.next()
        waiting.discard(message["id"])
        told += json.dumps(message)
    assert things.run in told and things.name in told
    # A version names its own model, whatever the numbers of their rows.
    assert "zebra" in told


def grant(things: Things, permission: str | None) -> None:
    query = f"email={PLAIN[0]}&resource_type=experiment&resource_id={things.experiment}"
    if permission is None:
        things.owner.ok("DELETE", f"/permissions?{query}", status=204)
        return
    body = {"email": PLAIN[0], "resource_type": "experiment", "resource_id": things.experiment, "permission": permission}
    things.owner.ok("PUT", "/permissions", body)


def test_a_permission_taken_away_stops_the_messages_at_once(
    url: str, things: Things, own: dict[str, str], ada: Person
) -> None:
    socket = Socket(url, ada)
    watched = [f"run/{things.run}", f"run/{things.run}/metrics", f"experiment/{things.experiment}"]
    for topic in [*watched, "models"]:
        socket.subscribe(topic)
    grant(things, "READ")
    shake(things)
    waiting = set(watched)
    while waiting:
        waiting.discard(socket.next()["id"])
    assert things.owner.call("PUT", f"{things.root}/seen.txt", data=b"x").status_code == 200
    while socket.next().get("kind") != "artifacts":
        pass
    grant(things, None)
    before = int(things.owner.ok("GET", "/server")["cursor"].split(":")[1])
    shake(things)
    body = {"name": own["model"], "key": "a", "value": "c"}
    assert ada.call("POST", f"{MLFLOW}/registered-models/set-tag", json=body).status_code == 200
    heard = socket.until("models")
    assert heard[-1]["data"] == {"names": [own["model"]]}
    assert all(message["seq"] <= before for message in heard[:-1]), heard


def test_jobs_are_for_superusers(url: str, owner: Person, ada: Person) -> None:
    socket = Socket(url, ada)
    refused = socket.subscribe("jobs")
    assert (refused["kind"], refused["code"]) == ("error", "PERMISSION_DENIED")
    made = owner.ok("POST", "/jobs", {"task": "app.worker.run_task", "args": ["hello"]}, status=201)["task_id"]
    refused = socket.subscribe(f"job/{made}/log")
    assert (refused["kind"], refused["code"]) == ("error", "RESOURCE_DOES_NOT_EXIST")
    assert ada.api("GET", f"/jobs/{made}").status_code == 404
    assert Socket(url, owner).subscribe("jobs")["kind"] == "subscribed"


def new_user(owner: Person, **more: Any) -> tuple[str, int]:
    email = f"{os.urandom(4).hex()}@example.org"
    body = {"email": email, "password": "a-long-password"} | more
    return email, owner.ok("POST", "/users/", body)["id"]


#: Changes of everything, who is here, and events of tasks.
SOCKETS = ["/api/v1/events", "/api/live", "/flower/api/task/events/task-succeeded/"]


def listening(url: str, who: Person, live: str) -> websocket.WebSocket:
    """A socket that was told something: it is open, and listens."""
    header = [f"Authorization: {who.session.headers['Authorization']}"]
    socket = websocket.create_connection(url.replace("http", "ws") + live, header=header, suppress_origin=True, timeout=10)
    if live == SOCKETS[0]:
        socket.send(json.dumps({"op": "subscribe", "id": "j", "topic": "jobs"}))
    elif live == SOCKETS[2]:
        who.ok("POST", "/jobs", {"task": "app.worker.run_task", "args": ["hello"]}, status=201)
    assert socket.recv()
    return socket


def ends_unauthenticated(socket: websocket.WebSocket) -> bool:
    while (frame := socket.recv_data())[0] == websocket.ABNF.OPCODE_TEXT:
        pass
    return frame[0] == websocket.ABNF.OPCODE_CLOSE and int.from_bytes(frame[1][:2], "big") == 4401


@pytest.mark.parametrize("change", [{"is_superuser": False}, {"is_active": False}, {"password": "another-password"}])
@pytest.mark.parametrize("live", SOCKETS)
def test_other_rights_end_open_sockets_at_once(url: str, owner: Person, change: dict[str, Any], live: str) -> None:
    email, number = new_user(owner, is_superuser=True)
    socket = listening(url, person(url, email, "a-long-password"), live)
    owner.ok("PUT", f"/users/{number}", change)
    assert ends_unauthenticated(socket)


def superuser_with_token(url: str, owner: Person) -> tuple[Person, int, Person, int]:
    """Somebody, their number, and the same with a token that has a number."""
    email, number = new_user(owner, is_superuser=True)
    who = person(url, email, "a-long-password")
    made = who.ok("POST", "/tokens", {"name": "t", "scope": "admin"}, status=201)
    return who, number, Person(url, made["secret"]), made["token"]["id"]


@pytest.mark.parametrize("live", SOCKETS)
def test_a_revoked_token_ends_its_sockets_at_once(url: str, owner: Person, live: str) -> None:
    who, _, program, token = superuser_with_token(url, owner)
    socket, other = listening(url, program, live), listening(url, who, live)
    who.ok("DELETE", f"/tokens/{token}", status=204)
    assert ends_unauthenticated(socket)
    # Whoever shows another credential goes on listening.
    other.ping()
    while (opcode := other.recv_data(control_frame=True)[0]) == websocket.ABNF.OPCODE_TEXT:
        pass
    assert opcode == websocket.ABNF.OPCODE_PONG


def test_a_token_that_outlives_the_rights_hears_of_no_task(url: str, owner: Person) -> None:
    _, number, program, _ = superuser_with_token(url, owner)
    socket = listening(url, program, SOCKETS[2])
    owner.ok("PUT", f"/users/{number}", {"is_superuser": False})
    assert ends_unauthenticated(socket)


def test_a_token_that_outlives_the_rights_hears_less(url: str, owner: Person) -> None:
    """Personal access tokens stay when rights change: what they may listen to does not."""
    _, number, program, _ = superuser_with_token(url, owner)
    socket = Socket(url, program)
    assert socket.subscribe("jobs")["kind"] == "subscribed"
    owner.ok("PUT", f"/users/{number}", {"is_superuser": False})
    told = socket.next()
    assert (told["id"], told["kind"], told["code"]) == ("jobs", "error", "PERMISSION_DENIED")
