"""`/api/live`: the handshake, the messages, and who hears them."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
import websocket
from stack import OWNER, PLAIN, Person, log_in, person, start

pytestmark = pytest.mark.own_server


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    server = start(tmp_path_factory.mktemp("live") / "data", "--cors-allowed-origins", "http://localhost:5173")
    person(server.url, *OWNER).ok("POST", "/users/", {"email": PLAIN[0], "password": PLAIN[1]})
    yield server.url
    assert server.stop() == 0


def connect(url: str, query: str = "", **arguments: object) -> websocket.WebSocket:
    arguments.setdefault("suppress_origin", "origin" not in arguments)
    return websocket.create_connection(url.replace("http", "ws") + "/api/live" + query, timeout=30, **arguments)


def token(url: str, who: tuple[str, str]) -> str:
    return log_in(url, *who).json()["access_token"]


def heard(socket: websocket.WebSocket) -> dict:
    return json.loads(socket.recv())


def status(intent: str, by: str, message: str) -> dict:
    return {"scope": "chat", "intent": intent, "by": by, "message": message}


@pytest.mark.parametrize("cookie", [None, "token=nonsense"])
def test_row_live_refuses_whoever_shows_nothing(url: str, cookie: str | None) -> None:
    with pytest.raises(websocket.WebSocketBadStatusException) as refused:
        connect(url, cookie=cookie)
    assert refused.value.status_code == 403


def test_row_live_messages_reach_everybody(url: str) -> None:
    owner = connect(url, cookie=f"token={token(url, OWNER)}")
    joined = f"User #{OWNER[0]} has entered the chat."
    assert heard(owner) == status("connection_status", OWNER[0], joined)
    ada = connect(url, cookie=f"token={token(url, PLAIN)}")
    joined = status("connection_status", PLAIN[0], f"User #{PLAIN[0]} has entered the chat.")
    assert heard(owner) == joined and heard(ada) == joined
    people = person(url, *OWNER).ok("GET", "/activity")["people"]
    assert people == sorted([OWNER[0], PLAIN[0]])
    ada.send("hello")
    for socket in (owner, ada):
        assert heard(socket) == status("user_message", PLAIN[0], "hello")
    ada.close()
    assert heard(owner) == status("connection_status", PLAIN[0], f"User #{PLAIN[0]} has left the chat.")
    owner.close()


def test_a_dead_peer_keeps_nothing_from_the_others(url: str) -> None:
    owner = connect(url, cookie=f"token={token(url, OWNER)}")
    heard(owner)
    dead = connect(url, cookie=f"token={token(url, PLAIN)}")
    heard(owner)
    dead.sock.close()
    owner.send("still here")
    said = [heard(owner), heard(owner)]
    assert status("user_message", OWNER[0], "still here") in said
    owner.close()


def test_a_token_in_the_first_message_or_as_subprotocol(url: str) -> None:
    secret = token(url, PLAIN)
    first = connect(url, "?auth=message")
    first.send(json.dumps({"op": "auth", "token": secret}))
    assert heard(first)["by"] == PLAIN[0]
    second = connect(url, subprotocols=["bearer", secret])
    assert second.subprotocol == "bearer"
    assert heard(second)["by"] == PLAIN[0]
    third = connect(url, "?auth=message")
    third.send("hello")
    assert third.recv_data()[0] == websocket.ABNF.OPCODE_CLOSE
    for socket in (first, second, third):
        socket.close()


def test_pages_of_other_sites_are_refused_and_allowed_ones_are_not(url: str) -> None:
    cookie = f"token={token(url, PLAIN)}"
    with pytest.raises(websocket.WebSocketBadStatusException) as refused:
        connect(url, cookie=cookie, origin="http://evil.example")
    assert refused.value.status_code == 403
    connect(url, cookie=cookie, origin="http://localhost:5173").close()


def test_a_person_who_is_nobody_hears_nothing(url: str) -> None:
    assert Person(url).api("GET", "/activity").status_code == 401
