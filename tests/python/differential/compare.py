"""One call, sent to two servers; the answers without what may differ."""

from __future__ import annotations

import json
import re
import tomllib
from dataclasses import dataclass, field
from typing import Any

from harness import ROOT, Server

DEVIATIONS = ROOT / "docs/mlflow-deviations.toml"

ABSENT = "(absent)"
NOTHING = {
    "exp": "999999", "model": "m-" + "0" * 32, "trace": "tr-" + "0" * 32, "ass": "a-" + "0" * 32, "data": "d-" + "0" * 32,
    "hook": "00000000-0000-4000-8000-000000000000",
}
# Moments that the server chose, and what follows from them.
MOMENTS = {
    "creation_time", "last_update_time", "creation_timestamp", "last_updated_timestamp",
    "creation_timestamp_ms", "last_updated_timestamp_ms", "create_time", "created_time",
}
TOKENS = {"next_page_token"}
# Texts that hold JSON.
JSON_TEXTS = {"records", "tags", "profile", "schema"}
# Lists whose order means nothing.
SETS = {"tags", "params", "aliases", "dataset_inputs", "latest_versions", "model_inputs", "model_outputs", "events"}
MADE_ID = re.compile(r"\b(?:(?:m-|tr-|a-|d-|dr-)?[0-9a-f]{32}|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})\b")


@dataclass
class Call:
    """What is asked. `$name` in any text stands for what an earlier answer bound."""

    method: str
    path: str
    body: Any = None
    # Name → where in the answer the value stands, as keys joined by dots.
    binds: dict[str, str] = field(default_factory=dict)
    # The list in the answer, when all pages of it are to be read.
    pages: str | None = None
    # The list in the answer whose order is not said.
    unordered: str | None = None
    # The filter says what only this server understands.
    beyond: bool = False
    raw: bytes | str | None = None
    headers: dict[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        return f"{self.method} {self.path} {json.dumps(self.body)}"


@dataclass
class Answer:
    status: int
    code: str
    body: Any
    text: str

    @property
    def short(self) -> str:
        return f"{self.status} {self.code}".strip()


def full_path(path: str) -> str:
    """Paths without a version are those of 2.0."""
    return path if path.startswith(("/api", "/ajax-api", "/get-artifact", "/model-versions/get-artifact", "/v1")) else f"/api/2.0/mlflow{path}"


class Side:
    """One server, and what the names of a sequence stand for there."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.names: dict[str, str] = {}
        self.ids: dict[str, str] = {}

    def filled(self, value: Any) -> Any:
        if isinstance(value, str):
            # What could not be made on either side is nothing that could be found.
            return re.sub(r"\$([a-z]+)\d*", lambda name: self.names.get(name[0][1:], NOTHING.get(name[1], "0" * 32)), value)
        if isinstance(value, list):
            return [self.filled(item) for item in value]
        if isinstance(value, dict):
            return {key: self.filled(item) for key, item in value.items()}
        return value

    def send(self, call: Call) -> Answer:
        """All pages, when the call is for pages."""
        answer = self.once(call, {})
        if call.pages and answer.status == 200:
            pages = [answer.body.get(call.pages, [])]
            token = answer.body.get("next_page_token")
            while token and len(pages) < 200:
                more = self.once(call, {"page_token": token})
                if more.status != 200:
                    return more
                # A full last page may promise one more, which is then empty.
                pages += [more.body[call.pages]] if more.body.get(call.pages) else []
                token = more.body.get("next_page_token")
            answer.body = {"pages": pages}
        for name, place in call.binds.items():
            value = answer.body
            for key in place.split("."):
                value = value.get(key, {}) if isinstance(value, dict) else {}
            if isinstance(value, str):
                self.names[name] = value
                self.ids[value] = f"${name}"
        answer.body = self.plain(answer.body)
        if call.unordered and isinstance(answer.body, dict):
            items = answer.body.get(call.unordered, [])
            answer.body[call.unordered] = sorted(items, key=lambda item: json.dumps(item, sort_keys=True))
        return answer

    def once(self, call: Call, extra: dict[str, Any]) -> Answer:
        body = self.filled(call.body)
        arguments: dict[str, Any] = {}
        if call.raw is not None:
            arguments = {"data": call.raw, "params": body}
        elif call.method == "GET":
            arguments["params"] = (body or {}) | extra
        else:
            arguments["json"] = (body or {}) | extra if isinstance(body, dict | None) else body
        if call.headers:
            arguments["headers"] = self.filled(call.headers)
        reply = self.server.request(call.method, full_path(self.filled(call.path)), **arguments)
        if reply.status_code >= 500:
            # MLflow may have left the body unread and is about to close the connection.
            self.server.session.close()
        try:
            answer = reply.json()
        except ValueError:
            answer = reply.text
        code = answer.get("error_code", "") if isinstance(answer, dict) and reply.status_code != 200 else ""
        # What is wrong is compared by its code; the words are each server's own.
        kept = answer if reply.status_code == 200 else None
        return Answer(reply.status_code, code, kept, reply.text)

    def plain(self, value: Any, key: str = "") -> Any:
        if key in MOMENTS:
            return "MOMENT"
        if key in TOKENS:
            return "TOKEN"
        if key in JSON_TEXTS and isinstance(value, str) and value[:1] in ("[", "{"):
            return self.plain(json.loads(value), key)
        if isinstance(value, str):
            return MADE_ID.sub(lambda found: self.ids.get(found[0], "ID"), value)
        if isinstance(value, list):
            plain = [self.plain(item, key) for item in value]
            # Sets, written as lists.
            return sorted(plain, key=lambda item: json.dumps(item, sort_keys=True)) if key in SETS else plain
        if isinstance(value, dict):
            inner = {name: self.plain(item, name) for name, item in value.items()}
            if "dataset_id" in inner and "digest" in inner:
                # Of the name and the moment of the last change.
                inner["digest"] = "MOMENT"
            if key == "data" and "metrics" in inner:
                inner["metrics"] = sorted(inner["metrics"], key=lambda item: item["key"])
            return inner
        return value


def deviations() -> list[dict[str, Any]]:
    return tomllib.loads(DEVIATIONS.read_text())["deviation"]


def is_known(call: Call, ours: Answer, theirs: Answer, known: list[dict[str, Any]]) -> bool:
    """Whether the deviations name every part of this difference."""
    # What MLflow refuses may mean something here, in filters that say so.
    if call.beyond and theirs.short == "400 INVALID_PARAMETER_VALUE" and ours.status == 200:
        return True
    request = json.dumps(call.body, separators=(",", ":"))
    fitting = [
        entry["seen"]
        for entry in known
        if "seen" in entry
        and re.fullmatch(entry["seen"]["route"], f"{call.method} {call.path}")
        and re.search(entry["seen"].get("request", ""), request)
    ]
    if (ours.status, ours.code) != (theirs.status, theirs.code):
        return any(
            "field" not in seen and re.fullmatch(seen["mlflow"], theirs.short) and re.fullmatch(seen["ours"], ours.short)
            for seen in fitting
        )
    # The same status: each place that differs has to be named, with both of its values.
    return all(
        any("field" in seen and re.fullmatch(seen["field"], place) and re.fullmatch(seen["ours"], str(here))
            and re.fullmatch(seen["mlflow"], str(there)) for seen in fitting)
        for place, here, there in places(ours.body, theirs.body)
    )


def difference(call: Call, ours: Answer, theirs: Answer) -> str | None:
    """What differs, in words for a person."""
    if (ours.status, ours.code) != (theirs.status, theirs.code):
        return f"{call}\n  ours:   {ours.short} {ours.text[:300]}\n  MLflow: {theirs.short} {theirs.text[:300]}"
    found = [f"{place}: ours {str(here)[:200]} · MLflow {str(there)[:200]}" for place, here, there in places(ours.body, theirs.body)]
    return f"{call}\n  " + "\n  ".join(found[:6]) if found else None


def places(ours: Any, theirs: Any, path: str = "") -> list[tuple[str, Any, Any]]:
    """The places at which two answers differ, with what stands there."""
    if isinstance(ours, dict) and isinstance(theirs, dict):
        keys = sorted(ours.keys() | theirs.keys())
        return [found for key in keys for found in places(ours.get(key, ABSENT), theirs.get(key, ABSENT), f"{path}.{key}")]
    if isinstance(ours, list) and isinstance(theirs, list) and len(ours) == len(theirs):
        return [found for at, pair in enumerate(zip(ours, theirs)) for found in places(*pair, f"{path}[{at}]")]
    # NaN differs from itself.
    return [] if ours == theirs or str(ours) == str(theirs) == "nan" else [(path, ours, theirs)]
