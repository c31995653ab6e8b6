"""How the server is reached: TLS with the configured certificate, settings, other origins."""

from __future__ import annotations

import datetime
import ipaddress
import json
import ssl
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
import requests
import websocket
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

import harness
from harness import Server
from stack import OWNER, PLAIN, person, start

pytestmark = pytest.mark.own_server
FRONTEND = "http://localhost:5173"


def certificate(folder: Path, name: str) -> tuple[Path, Path]:
    """A certificate for this machine that vouches for itself, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.datetime.now(datetime.UTC)
    names = [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=30))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem, private = folder / f"{name}.pem", folder / f"{name}.key"
    pem.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    form = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    private.write_bytes(key.private_bytes(*form))
    return pem, private


def secure(server: Server) -> str:
    return server.url.replace("http://", "https://")


def test_the_handshake_shows_the_configured_certificate(tmp_path: Path) -> None:
    pem, key = certificate(tmp_path, "lab")
    server = start(tmp_path / "data", BRANCHLINE_TLS_CERTIFICATE=str(pem), BRANCHLINE_TLS_KEY=str(key))
    try:
        port = int(server.url.rsplit(":", 1)[1])
        shown = ssl.get_server_certificate(("127.0.0.1", port), ca_certs=str(pem))
        assert shown.strip() == pem.read_text().strip()
        with pytest.raises(requests.exceptions.SSLError):
            requests.get(f"{secure(server)}/health", timeout=60)

        session = requests.Session()
        session.verify = str(pem)
        session.trust_env = False  # The environment may name other certificates.
        for name in ("127.0.0.1", "localhost"):
            url = f"https://{name}:{port}"
            signed_in = session.post(
                f"{url}/api/v1/session",
                json={"email": OWNER[0], "password": OWNER[1]},
                headers={"Origin": url},
                timeout=60,
            )
            assert signed_in.status_code == 200, signed_in.text
            assert "; Secure" in signed_in.headers["Set-Cookie"]
        # Many bytes over one connection, both ways.
        blob = bytes(range(256)) * 4096
        place = f"{secure(server)}/api/2.0/mlflow-artifacts/artifacts/0/blob"
        headers = {"Authorization": f"Bearer {server.token}"}
        assert session.put(place, data=blob, headers=headers, timeout=60).status_code == 200
        assert session.get(place, headers=headers, timeout=60).content == blob

        live = websocket.create_connection(
            f"wss://localhost:{port}/api/live",
            sslopt={"ca_certs": str(pem)},
            header=[f"Authorization: Bearer {server.token}"],
            timeout=60,
        )
        assert "has entered the chat" in live.recv()
        live.close()
        # Programs of this machine may go on without: nobody listens in between.
        assert server.get("/api/v1/server").status_code == 200
    finally:
        assert server.stop() == 0, server.log_text()


@pytest.mark.parametrize(
    ("certificate_of", "key_of", "words"),
    [
        ("lab", "other", "does not belong to the certificate"),
        ("lab", "none", "private key '{folder}/none.key' cannot be read"),
        ("none", "lab", "certificate '{folder}/none.pem' cannot be read"),
        ("lab", "", "needs its private key"),
    ],
)
def test_a_certificate_that_cannot_be_shown_is_named(
    tmp_path: Path, certificate_of: str, key_of: str, words: str
) -> None:
    for name in ("lab", "other"):
        certificate(tmp_path, name)
    settings = {"BRANCHLINE_TLS_CERTIFICATE": str(tmp_path / f"{certificate_of}.pem")}
    if key_of:
        settings["BRANCHLINE_TLS_KEY"] = str(tmp_path / f"{key_of}.key")
    ended = harness.run_cli(tmp_path / "data", "serve", "--port", "0", **settings)
    assert ended.returncode == 2, ended.stderr
    assert words.format(folder=tmp_path) in ended.stderr
    assert not (tmp_path / "data/branchline.db").exists()


@pytest.fixture
def at_home(tmp_path: Path) -> Callable[[], Server]:
    home = tmp_path / "home"
    home.mkdir()
    return lambda: start(tmp_path / "data", BRANCHLINE_CONFIG_DIR=str(home))


def test_network_settings_are_checked_kept_and_used_at_the_next_start(
    at_home: Callable[[], Server], tmp_path: Path
) -> None:
    server = at_home()
    owner = person(server.url, *OWNER)
    owner.ok("POST", "/users/", {"email": PLAIN[0], "password": PLAIN[1]})
    ada = person(server.url, *PLAIN)
    for method in ("GET", "PATCH"):
        assert ada.api(method, "/settings/network", {}).status_code == 403
    before = owner.ok("GET", "/settings/network")
    assert (before["url"], before["tls"]) == (server.url, False)
    hosts = next(one for one in before["settings"] if one["name"] == "server.allowed_hosts")
    assert (hosts["value"], hosts["source"], hosts["overruled"]) == ("", "default", False)

    wrong = {"server.port": "5006", "server.cors_allowed_origins": "localhost:5173"}
    refused = owner.api("PATCH", "/settings/network", wrong)
    assert refused.status_code == 400
    assert "no address" in refused.json()["detail"]
    assert owner.ok("GET", "/settings/network") == before, "nothing of it was kept"
    pem, key = certificate(tmp_path, "lab")
    alone = owner.api("PATCH", "/settings/network", {"server.tls_certificate": str(pem)})
    assert "needs its private key" in alone.json()["detail"]

    changes = {"server.allowed_hosts": "ml.test", "server.tls_certificate": str(pem), "server.tls_key": str(key)}
    after = owner.ok("PATCH", "/settings/network", changes)
    values = {one["name"]: one["value"] for one in after["settings"]}
    assert values["server.allowed_hosts"] == "ml.test"
    assert 'allowed_hosts = ["ml.test"]' in Path(after["file"]).read_text()
    as_ml = {"Host": "ml.test"}
    assert requests.get(f"{server.url}/version", headers=as_ml, timeout=60).status_code == 403
    assert server.stop() == 0

    again = at_home()
    try:
        assert requests.get(f"{again.url}/version", headers=as_ml, timeout=60).status_code == 200
        assert requests.get(f"{secure(again)}/version", verify=str(pem), timeout=60).status_code == 200
        owner = person(again.url, *OWNER)
        assert owner.ok("GET", "/settings/network")["tls"] is True
        back = owner.ok("PATCH", "/settings/network", dict.fromkeys(changes))
        assert all(one["source"] == "default" for one in back["settings"])
    finally:
        assert again.stop() == 0


def test_a_frontend_in_development_signs_in_and_opens_the_sockets(tmp_path: Path) -> None:
    server = start(tmp_path / "data", BRANCHLINE_CORS_ALLOWED_ORIGINS=FRONTEND)
    try:
        login = f"{server.url}/api/v1/login/access-token"
        asked = {"Origin": FRONTEND, "Access-Control-Request-Method": "POST"}
        assert requests.options(login, headers=asked, timeout=60).status_code == 204
        form = {"username": OWNER[0], "password": OWNER[1]}
        answer = requests.post(login, data=form, headers={"Origin": FRONTEND}, timeout=60)
        assert answer.headers["Access-Control-Allow-Origin"] == FRONTEND
        assert answer.headers["Access-Control-Allow-Credentials"] == "true"
        token = answer.json()["access_token"]

        base = server.url.replace("http://", "ws://")
        said = json.dumps({"op": "auth", "token": token})
        by_message = websocket.create_connection(f"{base}/api/live?auth=message", origin=FRONTEND, timeout=60)
        by_message.send(said)
        assert OWNER[0] in by_message.recv()
        by_protocol = websocket.create_connection(
            f"{base}/api/live", origin=FRONTEND, subprotocols=["bearer", token], timeout=60
        )
        assert OWNER[0] in by_protocol.recv()
        events = websocket.create_connection(f"{base}/api/v1/events", origin=FRONTEND, timeout=60)
        events.send(said)
        events.send(json.dumps({"op": "subscribe", "id": "a", "topic": "models"}))
        assert json.loads(events.recv())["kind"] == "subscribed"
        for socket in (by_message, by_protocol, events):
            socket.close()

        foreign = "http://localhost:5174"
        refused = requests.post(login, data=form, headers={"Origin": foreign}, timeout=60)
        assert refused.status_code == 403
        for path in ("/api/live?auth=message", "/api/v1/events"):
            with pytest.raises(websocket.WebSocketBadStatusException) as error:
                websocket.create_connection(f"{base}{path}", origin=foreign, timeout=60)
            assert error.value.status_code == 403
    finally:
        assert server.stop() == 0, server.log_text()


def test_the_network_hears_only_tls(tmp_path: Path) -> None:
    found = subprocess.run(["hostname", "-I"], capture_output=True, text=True, check=False).stdout.split()
    outside = next((address for address in found if ":" not in address), None)
    if outside is None:
        return  # A machine without a network has nobody to keep out.
    pem, key = certificate(tmp_path, "lab")
    settings = {"BRANCHLINE_TLS_CERTIFICATE": str(pem), "BRANCHLINE_TLS_KEY": str(key)}
    server = start(tmp_path / "data", "--host", "0.0.0.0", "--allowed-hosts", outside, **settings)
    try:
        port = server.url.rsplit(":", 1)[1]
        plain = requests.get(f"http://{outside}:{port}/health", timeout=60)
        assert (plain.status_code, plain.text) == (426, "This server speaks TLS: use an https address")
        # Its name is not in the certificate, which is not what is looked at here.
        answer = requests.get(f"https://{outside}:{port}/version", verify=False, timeout=60)
        assert answer.status_code == 200
    finally:
        assert server.stop() == 0, server.log_text()
