"""Who may call: Host, Origin, and every kind of credential, on HTTP and WebSocket."""

from __future__ import annotations

import base64
import json
import re
from urllib.parse import urlsplit

import pytest
import requests
import websocket

import harness
import raw
from harness import Server

pytestmark = pytest.mark.branchline_only
PROTECTED = "/api/2.0/mlflow/experiments/get?experiment_id=0"
EVENTS = "/api/v1/events"


@pytest.fixture(scope="module")
def admin(server: Server) -> Server:
    """The shared server with a token that may administer."""
    if server.data_dir is None:
        return server
    return Server(server.kind, server.url, harness.mint_token(server.data_dir, scope="admin"), server.data_dir)


def port(server: Server) -> int:
    return urlsplit(server.url).port


def hosts(server: Server) -> dict[str, bool]:
    number = port(server)
    return {
        f"127.0.0.1:{number}": True,
        f"localhost:{number}": True,
        f"LOCALHOST:{number}": True,
        f"[::1]:{number}": True,
        f"evil.example:{number}": False,
        "evil.example": False,
        f"127.0.0.1.evil.example:{number}": False,
        f"localhost.evil.example:{number}": False,
        f"evil.example@127.0.0.1:{number}": False,
        f"127.0.0.1:{number}.evil.example": False,
        "": False,
    }


def test_host(server: Server) -> None:
    for host, allowed in hosts(server).items():
        for path in (PROTECTED, "/api/v1/experiments", "/"):
            status = raw.send(server, "GET", path, Host=host).status
            # Built without its pages, the server says so with 503; what counts is that it talks.
            fine = (200, 503) if path == "/" else (200,)
            assert status in (fine if allowed else (400, 403)), (host, path, status)
        assert raw.send(server, "GET", "/health", Host=host or "x").status == 200


def origins(server: Server) -> dict[str, bool]:
    number = port(server)
    return {
        f"http://127.0.0.1:{number}": True,
        "http://evil.example": False,
        f"http://evil.example:{number}": False,
        f"https://127.0.0.1:{number}": False,
        f"http://127.0.0.1:{number + 1}": False,
        "http://127.0.0.1": False,
        f"http://127.0.0.1:{number}.evil.example": False,
        "null": False,
        "file://": False,
    }


def test_origin_of_unsafe_requests(server: Server, run: str) -> None:
    body = json.dumps({"run_id": run, "key": "t", "value": "1"}).encode()
    for origin, allowed in origins(server).items():
        answer = raw.send(
            server, "POST", "/api/2.0/mlflow/runs/set-tag", body, Content_Type="application/json", Origin=origin
        )
        assert answer.status == (200 if allowed else 403), (origin, answer)
        assert answer.headers.get("access-control-allow-origin") in (None, origin if allowed else None)


def test_preflight_of_a_stranger_is_not_granted(server: Server) -> None:
    answer = raw.send(
        server, "OPTIONS", "/api/2.0/mlflow/runs/set-tag", Origin="http://evil.example",
        Access_Control_Request_Method="POST", Access_Control_Request_Headers="content-type",
    )
    assert "access-control-allow-origin" not in answer.headers


def basic(user: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


def email(server: Server) -> str:
    return server.get("/api/v1/session").json()["user"]["email"]


def test_credentials(server: Server) -> None:
    token = server.token
    table = {
        f"Bearer {token}": 200,
        f"bearer {token}": 200,
        basic(email(server), token): 200,
        "": 401,
        "Bearer": 401,
        "Bearer ": 401,
        "Bearer bl_" + "x" * 43: 401,
        f"Bearer {token}x": 401,
        f"Bearer {token[:-1]}": 401,
        f"Bearer {token.upper()}": 401,
        basic(email(server), "wrong"): 401,
        basic("nobody@example.org", token): 401,
        basic("", ""): 401,
        "Basic ????": 401,
        "Digest x": 401,
    }
    for header, status in table.items():
        answer = raw.send(server, "GET", PROTECTED, Authorization=header)
        assert answer.status == status, (header[:12], answer)
        if status == 401:
            assert json.loads(answer.body)["error_code"] == "UNAUTHENTICATED"
            assert token.encode() not in answer.body


def test_nothing_private_without_a_credential(server: Server) -> None:
    bare = requests.Session()
    for method, path in [
        ("GET", "/api/v1/experiments"), ("GET", "/api/v1/server"), ("POST", "/api/v1/runs/search"),
        ("GET", "/api/v1/tokens"), ("POST", "/api/v1/tokens"), ("POST", "/api/v1/connect"), ("GET", "/api/v1/logs"),
        ("POST", "/api/v1/db/query"), ("POST", "/api/v1/shutdown"), ("GET", "/api/2.0/mlflow/experiments/search?max_results=1"),
        ("GET", "/ajax-api/2.0/mlflow/runs/get?run_id=x"), ("GET", "/get-artifact?run_id=x&path=y"),
        ("GET", "/api/2.0/mlflow-artifacts/artifacts"), ("PUT", "/api/2.0/mlflow-artifacts/artifacts/x"),
        ("DELETE", "/api/2.0/mlflow-artifacts/artifacts/x"), ("GET", "/api/v1/me"), ("GET", "/api/v1/preferences"),
    ]:
        answer = bare.request(method, server.url + path, json={} if method == "POST" else None, timeout=30)
        assert answer.status_code == 401, (method, path, answer.status_code, answer.text[:200])
    for path in ("/health", "/version", "/api/v1/openapi.json"):
        assert bare.get(server.url + path, timeout=30).status_code == 200, path
    assert bare.get(server.url + "/", timeout=30).status_code in (200, 503)


def test_shutdown_takes_only_the_local_secret(server: Server) -> None:
    assert server.post("/api/v1/shutdown").status_code == 403
    assert server.get("/health").status_code == 200


def test_scopes(admin: Server, run: str) -> None:
    def call(scope: str, method: str, path: str, body: object = None) -> int:
        made = admin.post("/api/v1/tokens", {"name": scope, "scope": scope})
        assert made.status_code in (200, 201), made.text
        headers = {"Authorization": f"Bearer {made.json()['secret']}"}
        return requests.request(method, admin.url + path, json=body, headers=headers, timeout=30).status_code

    tag = {"run_id": run, "key": "t", "value": "1"}
    assert call("read", "GET", PROTECTED) == 200
    assert call("read", "POST", "/api/2.0/mlflow/runs/search", {"experiment_ids": ["0"]}) == 200
    assert call("read", "POST", "/api/2.0/mlflow/runs/set-tag", tag) == 403
    assert call("read", "PUT", "/api/2.0/mlflow-artifacts/artifacts/0/x/artifacts/y.txt") == 403
    assert call("log", "POST", "/api/2.0/mlflow/runs/set-tag", tag) == 200
    assert call("log", "POST", "/api/v1/tokens", {"name": "more", "scope": "admin"}) == 403
    assert call("log", "POST", "/api/v1/db/query", {"sql": "SELECT 1"}) == 403
    assert call("admin", "POST", "/api/v1/db/query", {"sql": "SELECT 1"}) == 200


def test_revoked_token_ends_at_once(admin: Server) -> None:
    made = admin.post("/api/v1/tokens", {"name": "short", "scope": "log"}).json()
    header = f"Bearer {made['secret']}"
    assert raw.send(admin, "GET", PROTECTED, Authorization=header).status == 200
    listed = admin.get("/api/v1/tokens").json()["tokens"]
    assert "short" in [each["name"] for each in listed] and made["secret"] not in json.dumps(listed)
    assert admin.request("DELETE", f"/api/v1/tokens/{made['token']['id']}").status_code == 204
    assert raw.send(admin, "GET", PROTECTED, Authorization=header).status == 401


def test_expired_token_is_refused(admin: Server) -> None:
    body = {"name": "old", "scope": "log", "expires_at": "2020-01-01T00:00:00Z"}
    made = admin.post("/api/v1/tokens", body)
    if made.status_code >= 400:
        assert made.status_code in (400, 422)
        return
    assert raw.send(admin, "GET", PROTECTED, Authorization=f"Bearer {made.json()['secret']}").status == 401


def test_query_reads_only(admin: Server) -> None:
    for sql in ("DELETE FROM token", "PRAGMA journal_mode=DELETE", "ATTACH '/etc/passwd' AS x", "DROP TABLE run",
                "SELECT 1; DELETE FROM token", "VACUUM", "UPDATE user SET is_superuser = 1"):
        assert admin.post("/api/v1/db/query", {"sql": sql}).status_code in (400, 403), sql
    assert admin.get(PROTECTED).status_code == 200


def dial(server: Server, **options: object) -> websocket.WebSocket:
    options.setdefault("origin", server.url)
    return websocket.create_connection(server.url.replace("http", "ws") + EVENTS, timeout=30, **options)


def subscribed(socket: websocket.WebSocket) -> bool:
    socket.send(json.dumps({"op": "subscribe", "id": "1", "topic": "experiments"}))
    answer = json.loads(socket.recv())
    if answer["kind"] == "authenticated":
        answer = json.loads(socket.recv())
    return answer["id"] == "1" and answer["kind"] == "subscribed" and ":" in answer["cursor"]


def bearer(server: Server) -> list[str]:
    return [f"Authorization: Bearer {server.token}"]


def test_websocket_origin(server: Server) -> None:
    for origin, allowed in origins(server).items():
        if allowed:
            socket = dial(server, origin=origin, header=bearer(server))
            assert subscribed(socket)
            socket.close()
        else:
            with pytest.raises(websocket.WebSocketBadStatusException) as refused:
                dial(server, origin=origin, header=bearer(server))
            assert refused.value.status_code == 403, origin


def test_websocket_host(server: Server) -> None:
    with pytest.raises(websocket.WebSocketBadStatusException) as refused:
        dial(server, host="evil.example", header=bearer(server))
    assert refused.value.status_code in (400, 403)


def test_websocket_by_first_message(server: Server) -> None:
    socket = dial(server)
    socket.send(json.dumps({"op": "auth", "token": server.token}))
    assert subscribed(socket)
    socket.close()


@pytest.mark.parametrize("first", ['{"op":"auth","token":"bl_wrong"}', '{"op":"subscribe","id":"1","topic":"experiments"}', "nonsense", "{}"])
def test_websocket_without_a_credential_is_closed(server: Server, first: str) -> None:
    try:
        socket = dial(server)
    except websocket.WebSocketBadStatusException as refused:
        assert refused.status_code == 401
        return
    socket.send(first)
    try:
        while frame := socket.recv():
            assert "cursor" not in json.loads(frame), frame
    except websocket.WebSocketConnectionClosedException:
        pass


def test_websocket_with_a_wrong_credential(server: Server) -> None:
    with pytest.raises(websocket.WebSocketBadStatusException) as refused:
        dial(server, header=["Authorization: Bearer bl_" + "x" * 43])
    assert refused.value.status_code == 401


@pytest.mark.own_server
def test_sign_in_link_works_once(start, tmp_path) -> None:
    server = start()
    link = re.search(r"http://\S+/#/signin\?secret=(\S+)", server.log_text())
    assert link, server.log_text()
    session = requests.Session()
    first = session.post(server.url + "/api/v1/session", json={"secret": link[1]}, timeout=30)
    assert first.status_code == 200, first.text
    cookie = first.headers["Set-Cookie"]
    assert cookie.startswith("bl_") and "HttpOnly" in cookie and "SameSite=Strict" in cookie
    assert session.get(server.url + "/api/v1/session", timeout=30).status_code == 200
    again = requests.post(server.url + "/api/v1/session", json={"secret": link[1]}, timeout=30)
    assert again.status_code in (400, 401, 403), again.text
    header = {"Cookie": cookie.split(";")[0], "Origin": "http://evil.example"}
    crossed = requests.post(server.url + "/api/v1/experiments", json={"name": "x"}, headers=header, timeout=30)
    assert crossed.status_code == 403
    socket = dial(server, cookie=cookie.split(";")[0])
    assert subscribed(socket)
    socket.close()
    assert session.delete(server.url + "/api/v1/session", timeout=30).status_code == 204
    assert session.get(server.url + "/api/v1/session", timeout=30).status_code == 401
    old = requests.get(server.url + "/api/v1/session", headers={"Cookie": cookie.split(";")[0]}, timeout=30)
    assert old.status_code == 401


@pytest.mark.own_server
def test_first_superuser_signs_in_by_password(start, tmp_path) -> None:
    server = start(FIRST_SUPERUSER="ada@example.org", FIRST_SUPERUSER_PASSWORD="correct horse battery")
    wrong = requests.post(server.url + "/api/v1/session", json={"email": "ada@example.org", "password": "no"}, timeout=30)
    assert wrong.status_code in (400, 401)
    right = {"email": "ada@example.org", "password": "correct horse battery"}
    assert requests.post(server.url + "/api/v1/session", json=right, timeout=30).status_code == 200
    header = {"Authorization": basic(right["email"], right["password"])}
    assert requests.get(server.url + PROTECTED, headers=header, timeout=30).status_code == 200
    assert "correct horse" not in server.log_text()


@pytest.mark.own_server
def test_no_auth_still_checks_host_and_origin(start) -> None:
    server = start("--no-auth")
    assert raw.send(server, "GET", PROTECTED).status == 200
    assert raw.send(server, "GET", PROTECTED, Host="evil.example").status == 403
    body = b'{"name": "x"}'
    crossed = raw.send(server, "POST", "/api/2.0/mlflow/experiments/create", body,
                       Content_Type="application/json", Origin="http://evil.example")
    assert crossed.status == 403
    with pytest.raises(websocket.WebSocketBadStatusException):
        dial(server, origin="http://evil.example")
    assert subscribed(dial(server))


@pytest.mark.own_server
def test_allowed_hosts_and_origins(start) -> None:
    server = start("--allowed-hosts", "lab.example,10.0.0.7:5005", "--cors-allowed-origins", "https://app.example")
    assert raw.send(server, "GET", PROTECTED, Host="lab.example").status == 200
    assert raw.send(server, "GET", PROTECTED, Host="10.0.0.7:5005").status == 200
    assert raw.send(server, "GET", PROTECTED, Host="other.example").status == 403
    body = b'{"name": "by cors"}'
    allowed = raw.send(server, "POST", "/api/2.0/mlflow/experiments/create", body,
                       Content_Type="application/json", Origin="https://app.example")
    assert allowed.status == 200
    assert allowed.headers["access-control-allow-origin"] == "https://app.example"


@pytest.mark.own_server
def test_connect_prints_what_a_client_needs(start, tmp_path, own_client) -> None:
    server = start()
    ended = harness.run_cli(server.data_dir, "connect", "--json")
    assert ended.returncode == 0, ended.stderr
    told = json.loads(ended.stdout)
    assert told["tracking_uri"] == server.url
    assert told["environment"]["MLFLOW_TRACKING_URI"] == server.url
    client = own_client(Server("branchline", told["tracking_uri"], told["environment"]["MLFLOW_TRACKING_TOKEN"]))
    assert client.get_experiment("0").name == "Default"
