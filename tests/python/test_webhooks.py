"""Webhooks: made by the real client, and told of what happens in the registry."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import queue
import sqlite3
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import mlflow
import pytest
from mlflow import MlflowClient
from mlflow.entities.webhook import WebhookStatus
from mlflow.exceptions import MlflowException

import harness
from harness import Server, wait_until

ANYWHERE = {
    "BRANCHLINE_WEBHOOK_ALLOWED_SCHEMES": "http,https",
    "BRANCHLINE_WEBHOOK_ALLOW_PRIVATE_IPS": "true",
}
SECONDS = 30
SECRET = "a secret that stands nowhere else"


@dataclass
class Told:
    """A request that a receiver got."""

    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def content(self) -> dict[str, Any]:
        return json.loads(self.body)

    @property
    def event(self) -> str:
        return f"{self.content['entity']}.{self.content['action']}"

    def signed_with(self, secret: str) -> bool:
        delivery, at = self.headers["x-mlflow-delivery-id"], self.headers["x-mlflow-timestamp"]
        signed = f"{delivery}.{at}.".encode() + self.body
        digest = base64.b64encode(hmac.new(secret.encode(), signed, hashlib.sha256).digest()).decode()
        return hmac.compare_digest(self.headers["x-mlflow-signature"], f"v1,{digest}")


class Receiver:
    """Takes what webhooks are told, and answers what it is asked to."""

    def __init__(self, port: int = 0) -> None:
        told: queue.Queue[Told] = queue.Queue()
        answers: queue.Queue[tuple[int, dict[str, str]]] = queue.Queue()

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                try:
                    status, headers = answers.get_nowait()
                except queue.Empty:
                    status, headers = 200, {}
                told.put(Told(self.path, {key.lower(): value for key, value in self.headers.items()}, body))
                self.send_response(status)
                for key, value in headers.items():
                    self.send_header(key, value)
                self.send_header("Content-Length", "5")
                self.end_headers()
                self.wfile.write(b"taken")

            def log_message(self, *_: Any) -> None:
                pass

        self.told, self.answers = told, answers
        self.server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
        self.port = self.server.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}/hook?a=b"
        Thread(target=self.server.serve_forever, daemon=True).start()

    def next(self) -> Told:
        return self.told.get(timeout=SECONDS)

    def stop(self) -> None:
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    here = Receiver()
    yield here
    here.stop()


@pytest.fixture
def begin(start: Callable[..., Server]) -> Callable[..., Server]:
    """Starts servers, and deals with them as their administrator."""

    def administered(**arguments: Any) -> Server:
        server = start(**arguments)
        assert server.data_dir
        server.token = harness.mint_token(server.data_dir, scope="admin")
        server.session.headers["Authorization"] = f"Bearer {server.token}"
        return server

    return administered


@pytest.fixture
def open_server(begin: Callable[..., Server]) -> Server:
    """A server that tells webhooks on this machine."""
    return begin(**ANYWHERE)


pytestmark = pytest.mark.own_server


def test_webhooks_are_made_changed_and_deleted(
    open_server: Server, own_client: Callable[[Server], MlflowClient], receiver: Receiver
) -> None:
    client = own_client(open_server)
    made = client.create_webhook(
        "first", receiver.url, ["registered_model.created", "prompt_alias.deleted"], description="tell me", secret=SECRET
    )
    assert (made.name, made.url, made.description, made.status) == ("first", receiver.url, "tell me", WebhookStatus.ACTIVE)
    assert {str(each) for each in made.events} == {"registered_model.created", "prompt_alias.deleted"}
    assert made.secret is None and made.creation_timestamp == made.last_updated_timestamp
    changed = client.update_webhook(made.webhook_id, name="other", events=["model_version.created"], status="DISABLED")
    assert (changed.name, changed.status, changed.description) == ("other", WebhookStatus.DISABLED, "tell me")
    assert [str(each) for each in changed.events] == ["model_version.created"]
    assert client.get_webhook(made.webhook_id).name == "other"
    for i in range(4):
        client.create_webhook(f"more-{i}", receiver.url, ["prompt.created"])
    first = client.list_webhooks(max_results=3)
    rest = client.list_webhooks(max_results=3, page_token=first.token)
    names = [each.name for each in first] + [each.name for each in rest]
    assert names == ["more-3", "more-2", "more-1", "more-0", "other"] and not rest.token
    assert len(client.list_webhooks()) == 5
    client.delete_webhook(made.webhook_id)
    for call in (client.get_webhook, client.delete_webhook, client.test_webhook):
        with pytest.raises(MlflowException, match="not found") as caught:
            call(made.webhook_id)
        assert caught.value.error_code == "RESOURCE_DOES_NOT_EXIST"


def test_what_is_no_webhook_is_refused(open_server: Server, receiver: Receiver) -> None:
    right = {"name": "n", "url": receiver.url, "events": [{"entity": "PROMPT", "action": "CREATED"}]}
    assert open_server.mlflow("POST", "/webhooks", right).status_code == 200
    for wrong in (
        {"name": ""}, {"name": "-n"}, {"name": "a b"}, {"url": ""}, {"url": "ftp://x/"}, {"url": "nothing"},
        {"url": "http://user:pw@127.0.0.1/"}, {"events": []}, {"events": [{"entity": "PROMPT", "action": "DELETED"}]},
        {"events": [{"entity": "NOTHING", "action": "SET"}]}, {"status": "ASLEEP"}, {"secret": "x" * 20_000},
    ):
        answer = open_server.mlflow("POST", "/webhooks", right | wrong)
        assert (answer.status_code, answer.json()["error_code"]) == (400, "INVALID_PARAMETER_VALUE"), (wrong, answer.text)
    assert open_server.mlflow("GET", "/webhooks", {"max_results": 1001}).status_code == 400
    assert open_server.mlflow("GET", "/webhooks", {"page_token": "x"}).status_code == 400


def test_only_https_and_public_addresses_unless_allowed(begin: Callable[..., Server]) -> None:
    server = begin()
    body = {"name": "n", "events": [{"entity": "PROMPT", "action": "CREATED"}]}
    for url, words in (
        ("http://93.184.216.34/", "scheme"), ("https://127.0.0.1/", "non-public"), ("https://localhost/", "non-public"),
        ("https://[::1]/", "non-public"), ("https://[::ffff:10.0.0.1]/", "non-public"),
        ("https://169.254.169.254/latest/meta-data", "non-public"), ("https://127.1/", "canonical"),
        ("https://no-such-host.invalid/", "Cannot resolve"),
    ):
        answer = server.mlflow("POST", "/webhooks", body | {"url": url})
        assert answer.status_code == 400 and words in answer.json()["message"], (url, answer.text)


def test_an_address_is_checked_again_when_it_is_told(begin: Callable[..., Server], tmp_path: Path, receiver: Receiver) -> None:
    server = begin(data_dir=tmp_path / "data", **ANYWHERE)
    body = {"name": "n", "url": receiver.url, "events": [{"entity": "REGISTERED_MODEL", "action": "CREATED"}]}
    webhook = server.ok("POST", "/webhooks", body)["webhook"]["webhook_id"]
    assert server.ok("POST", f"/webhooks/{webhook}/test")["result"]["success"] is True
    receiver.next()
    assert server.stop() == 0
    strict = begin(data_dir=tmp_path / "data")
    result = strict.ok("POST", f"/webhooks/{webhook}/test")["result"]
    assert result["success"] is False and "scheme" in result["error_message"]
    assert receiver.told.empty()


def test_a_test_sends_an_example(
    open_server: Server, own_client: Callable[[Server], MlflowClient], receiver: Receiver
) -> None:
    client = own_client(open_server)
    webhook = client.create_webhook("n", receiver.url, ["model_version_alias.created", "prompt.created"], secret=SECRET)
    result = client.test_webhook(webhook.webhook_id)
    assert (result.success, result.response_status, result.response_body) == (True, 200, "taken")
    told = receiver.next()
    assert told.event == "model_version_alias.created" and told.signed_with(SECRET)
    assert told.content["data"] == {"name": "example_model", "alias": "example_alias", "version": "1"}
    assert told.path == "/hook?a=b" and told.headers["content-type"] == "application/json"
    receiver.answers.put((418, {}))
    refused = client.test_webhook(webhook.webhook_id, event="prompt_version.created")
    assert (refused.success, refused.response_status) == (False, 418)
    assert receiver.next().content["data"]["template"] == "Hello {{name}}!"
    receiver.stop()
    down = client.test_webhook(webhook.webhook_id)
    assert not down.success and down.error_message


def test_the_registry_tells_what_happens(
    open_server: Server, own_client: Callable[[Server], MlflowClient], receiver: Receiver
) -> None:
    client = own_client(open_server)
    events = [
        "registered_model.created", "model_version.created", "model_version_tag.set", "model_version_tag.deleted",
        "model_version_alias.created", "model_version_alias.deleted",
    ]
    client.create_webhook("models", receiver.url, events, secret=SECRET)
    client.create_registered_model("m", tags={"team": "a"}, description="words")
    told = receiver.next()
    assert told.event == "registered_model.created" and told.signed_with(SECRET)
    assert not told.signed_with("another")
    assert told.content["data"] == {"name": "m", "tags": {"team": "a"}, "description": "words"}
    assert told.content["timestamp"].endswith("+00:00")
    assert abs(int(told.headers["x-mlflow-timestamp"]) - time.time()) < 60
    client.create_model_version("m", "s3://bucket/model", tags={"k": "v"})
    assert receiver.next().content["data"] == {
        "name": "m", "version": "1", "source": "s3://bucket/model", "run_id": None, "tags": {"k": "v"}, "description": None,
    }
    client.set_model_version_tag("m", "1", "a", "b")
    assert receiver.next().content["data"] == {"name": "m", "version": "1", "key": "a", "value": "b"}
    client.delete_model_version_tag("m", "1", "a")
    assert receiver.next().content["data"] == {"name": "m", "version": "1", "key": "a"}
    client.set_registered_model_alias("m", "live", 1)
    assert receiver.next().content["data"] == {"name": "m", "alias": "live", "version": "1"}
    client.set_registered_model_tag("m", "untold", "1")
    client.delete_registered_model_alias("m", "live")
    last = receiver.next()
    assert (last.event, last.content["data"]) == ("model_version_alias.deleted", {"name": "m", "alias": "live"})
    mlflow.genai.register_prompt(name="p", template="x")
    with pytest.raises(MlflowException):
        client.create_registered_model("m")
    client.create_registered_model("m2")
    assert receiver.next().content["data"]["name"] == "m2", "what was refused, and prompts, are not told"


def test_prompts_tell_what_happens(
    open_server: Server, own_client: Callable[[Server], MlflowClient], receiver: Receiver
) -> None:
    client = own_client(open_server)
    events = [
        "prompt.created", "prompt_version.created", "prompt_tag.set", "prompt_tag.deleted", "prompt_version_tag.set",
        "prompt_version_tag.deleted", "prompt_alias.created", "prompt_alias.deleted",
    ]
    client.create_webhook("prompts", receiver.url, events)
    client.create_prompt("p", description="words", tags={"team": "a"})
    told = receiver.next()
    assert "x-mlflow-signature" not in told.headers
    assert (told.event, told.content["data"]["name"], told.content["data"]["tags"]) == ("prompt.created", "p", {"team": "a"})
    client.create_prompt_version("p", "Hello {{who}}", tags={"k": "v"})
    data = receiver.next().content["data"]
    assert data == {"name": "p", "version": "1", "template": "Hello {{who}}", "tags": {"k": "v"}, "description": None}
    client.set_prompt_tag("p", "a", "1")
    assert receiver.next().content["data"] == {"name": "p", "key": "a", "value": "1"}
    client.delete_prompt_tag("p", "a")
    assert receiver.next().event == "prompt_tag.deleted"
    client.set_prompt_version_tag("p", "1", "b", "2")
    assert receiver.next().content["data"] == {"name": "p", "version": "1", "key": "b", "value": "2"}
    client.delete_prompt_version_tag("p", "1", "b")
    assert receiver.next().event == "prompt_version_tag.deleted"
    client.set_prompt_alias("p", "live", 1)
    assert receiver.next().event == "prompt_alias.created"
    client.delete_prompt_alias("p", "live")
    assert receiver.next().event == "prompt_alias.deleted"


def test_a_delivery_is_tried_again_as_the_same(
    open_server: Server, own_client: Callable[[Server], MlflowClient], receiver: Receiver
) -> None:
    client = own_client(open_server)
    client.create_webhook("n", receiver.url, ["registered_model.created"], secret=SECRET)
    receiver.answers.put((503, {"Retry-After": "0"}))
    receiver.answers.put((500, {}))
    client.create_registered_model("m")
    told = [receiver.next() for _ in range(3)]
    assert len({each.headers["x-mlflow-delivery-id"] for each in told}) == 1
    assert len({each.body for each in told}) == 1 and all(each.signed_with(SECRET) for each in told)
    receiver.answers.put((404, {}))
    client.create_registered_model("refused")
    client.create_registered_model("last")
    names = sorted(receiver.next().content["data"]["name"] for _ in range(2))
    assert names == ["last", "refused"], "a receiver that says no is not asked again"
    wait_until(lambda: owed(open_server) == 0, SECONDS, "nothing to be owed")
    assert receiver.told.empty()


def owed(server: Server) -> int:
    assert server.data_dir
    with sqlite3.connect(f"file:{server.data_dir}/branchline.db?mode=ro", uri=True) as database:
        return database.execute("SELECT count(*) FROM delivery").fetchone()[0]


def test_what_is_owed_outlives_the_server(
    begin: Callable[..., Server], own_client: Callable[[Server], MlflowClient], tmp_path: Path
) -> None:
    receiver = Receiver()
    port = receiver.port
    server = begin(data_dir=tmp_path / "data", **ANYWHERE, BRANCHLINE_WEBHOOK_REQUEST_MAX_RETRIES="50")
    own_client(server).create_webhook("n", receiver.url, ["registered_model.created"], secret=SECRET)
    receiver.stop()
    server.ok("POST", "/registered-models/create", {"name": "m"})
    assert owed(server) == 1
    server.kill()
    again = Receiver(port)
    try:
        begin(data_dir=tmp_path / "data", **ANYWHERE, BRANCHLINE_WEBHOOK_REQUEST_MAX_RETRIES="50")
        told = again.next()
        assert told.content["data"]["name"] == "m" and told.signed_with(SECRET)
    finally:
        again.stop()


def test_a_disabled_webhook_is_told_nothing(
    open_server: Server, own_client: Callable[[Server], MlflowClient], receiver: Receiver
) -> None:
    client = own_client(open_server)
    quiet = client.create_webhook("quiet", receiver.url, ["registered_model.created"], status="DISABLED")
    client.create_registered_model("unheard")
    client.update_webhook(quiet.webhook_id, status="ACTIVE")
    client.create_registered_model("heard")
    assert receiver.next().content["data"]["name"] == "heard"


def test_a_writer_does_not_wait_for_a_receiver(
    begin: Callable[..., Server], own_client: Callable[[Server], MlflowClient]
) -> None:
    """One that accepts and says nothing, and more events than may be owed."""
    import socket

    with socket.create_server(("127.0.0.1", 0)) as silent:
        server = begin(**ANYWHERE)
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/"
        body = {"name": "n", "url": url, "events": [{"entity": "MODEL_VERSION_TAG", "action": "SET"}]}
        server.ok("POST", "/webhooks", body)
        server.ok("POST", "/registered-models/create", {"name": "m"})
        server.ok("POST", "/model-versions/create", {"name": "m", "source": "s3://b/x"})
        for i in range(1100):
            server.ok("POST", "/model-versions/set-tag", {"name": "m", "version": "1", "key": "k", "value": str(i)})
        assert owed(server) == 1000
        assert "is owed too much" in server.log_text()
        assert server.stop() == 0


def test_the_secret_is_nowhere_in_the_open(
    open_server: Server, own_client: Callable[[Server], MlflowClient], receiver: Receiver
) -> None:
    client = own_client(open_server)
    webhook = client.create_webhook("n", receiver.url, ["registered_model.created"], secret=SECRET)
    client.create_registered_model("m")
    assert receiver.next().signed_with(SECRET)
    client.update_webhook(webhook.webhook_id, secret=SECRET + "2")
    client.create_registered_model("m2")
    assert receiver.next().signed_with(SECRET + "2")
    answers = open_server.mlflow("GET", "/webhooks").text + open_server.mlflow("GET", f"/webhooks/{webhook.webhook_id}").text
    assert SECRET not in answers and "secret" not in answers
    assert open_server.stop() == 0
    assert open_server.data_dir
    for file in open_server.data_dir.rglob("*"):
        if file.is_file():
            assert SECRET.encode() not in file.read_bytes(), file
    assert SECRET not in open_server.log_text()
    key = open_server.data_dir / "secrets" / "vault.key"
    assert key.stat().st_mode & 0o077 == 0 and len(key.read_bytes()) == 32


def test_a_lost_key_is_said_and_stops_nothing(
    begin: Callable[..., Server], own_client: Callable[[Server], MlflowClient], tmp_path: Path, receiver: Receiver
) -> None:
    server = begin(data_dir=tmp_path / "data", **ANYWHERE)
    client = own_client(server)
    webhook = client.create_webhook("signed", receiver.url, ["registered_model.created"], secret=SECRET)
    client.create_webhook("plain", receiver.url, ["registered_model.created"])
    assert server.stop() == 0
    (tmp_path / "data" / "secrets" / "vault.key").unlink()
    server = begin(data_dir=tmp_path / "data", **ANYWHERE)
    client = own_client(server)
    client.create_registered_model("m")
    assert "x-mlflow-signature" not in receiver.next().headers, "nothing goes out unsigned that should be signed"
    wait_until(lambda: owed(server) == 0, SECONDS, "the lost one to be given up")
    assert receiver.told.empty() and "secrets/vault.key" in server.log_text()
    client.update_webhook(webhook.webhook_id, secret="new")
    client.create_registered_model("m2")
    assert any(each.headers.get("x-mlflow-signature") and each.signed_with("new") for each in (receiver.next(), receiver.next()))


def test_webhooks_need_an_administrator(open_server: Server) -> None:
    assert open_server.data_dir
    token = harness.mint_token(open_server.data_dir, scope="log")
    limited = Server("branchline", open_server.url, token)
    assert limited.mlflow("GET", "/webhooks").status_code == 403
    body = {"name": "n", "url": "https://127.0.0.1/", "events": [{"entity": "PROMPT", "action": "CREATED"}]}
    assert limited.mlflow("POST", "/webhooks", body).status_code == 403
