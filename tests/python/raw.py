"""Requests that no well-behaved client would send, byte by byte."""

from __future__ import annotations

import socket
from dataclasses import dataclass
from urllib.parse import urlsplit

from harness import Server


@dataclass
class Answer:
    """What came back over one connection."""

    status: int
    headers: dict[str, str]
    body: bytes


def connect(server: Server) -> socket.socket:
    address = urlsplit(server.url)
    assert address.hostname and address.port
    return socket.create_connection((address.hostname, address.port), timeout=30)


def head(server: Server, method: str, target: str, headers: dict[str, str]) -> bytes:
    lines = {"Host": urlsplit(server.url).netloc, "Connection": "close"}
    if server.token:
        lines["Authorization"] = f"Bearer {server.token}"
    lines |= headers
    text = f"{method} {target} HTTP/1.1\r\n" + "".join(f"{key}: {value}\r\n" for key, value in lines.items())
    return text.encode() + b"\r\n"


def read_answer(stream: socket.socket) -> Answer:
    data = b""
    while True:
        try:
            part = stream.recv(65536)
        except ConnectionResetError:
            break
        if not part:
            break
        data += part
    top, _, body = data.partition(b"\r\n\r\n")
    first, *rest = top.decode("latin-1").split("\r\n")
    headers = {key.strip().lower(): value.strip() for key, _, value in (line.partition(":") for line in rest)}
    return Answer(int(first.split(" ")[1]), headers, body)


def send(server: Server, method: str, target: str, body: bytes = b"", **headers: str) -> Answer:
    """One request with exactly this target and body; header names use '_' for '-'."""
    named = {key.replace("_", "-"): value for key, value in headers.items()}
    if body or method in ("POST", "PUT", "PATCH"):
        named = {"Content-Length": str(len(body))} | named
    with connect(server) as stream:
        stream.sendall(head(server, method, target, named) + body)
        return read_answer(stream)


def post_bytes(server: Server, path: str, body: bytes, content_type: str = "application/json") -> Answer:
    return send(server, "POST", f"/api/2.0/mlflow{path}", body, Content_Type=content_type)
