"""Random calls of what came with generative AI, of the files that pass through the server and of webhooks.

They are a sequence of their own, so that the seeds of the other keep their meaning."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from .calls import TAGS, Sequence
from .compare import Call

DATASETS = "/api/3.0/mlflow/datasets"
SCORERS = "/api/3.0/mlflow/scorers"
FILES = "/api/2.0/mlflow-artifacts/artifacts"


class MoreCalls(Sequence):
    def __init__(self, seed: int) -> None:
        super().__init__(seed)
        # Names of its own: both sequences are sent to the same servers.
        self.prefix = f"more{seed}"
        self.made |= {kind: [] for kind in ("data", "hook")}

    def calls(self, length: int) -> list[Call]:
        made = [self.experiment(), self.experiment(), self.run(), self.dataset(), self.webhook()]
        while len(made) < length:
            made.append(self.random.choice(self.steps())())
        return made

    def experiment(self) -> Call:
        bound = self.new("exp")
        return Call("POST", "/experiments/create", {"name": f"{self.prefix}-{bound}"}, binds={bound: "experiment_id"})

    def steps(self) -> list[Callable[[], Call]]:
        return [
            self.dataset, self.dataset_read, self.dataset_read, self.dataset_change, self.dataset_change, self.records,
            self.records, self.records_read, self.search_evaluation, self.scorer, self.scorer, self.scorer_read,
            self.scorer_read, self.scorer_delete, self.put, self.put, self.get, self.list, self.delete, self.webhook,
            self.webhook_read, self.webhook_change, self.spans, self.spans, self.trace_of_spans,
        ]

    def json_tags(self) -> str:
        return json.dumps({tag["key"]: tag["value"] for tag in self.pairs(TAGS)})

    # --- datasets for evaluation ---------------------------------------------------
    def dataset(self) -> Call:
        body = {"name": f"{self.prefix}-{self.random.randint(0, 4)}", "experiment_ids": ["$exp1"]}
        if self.random.random() < 0.05:
            body["name"] = ""
        return Call("POST", f"{DATASETS}/create", self.maybe(0.5, body, tags=self.json_tags()),
                    binds={self.new("data"): "dataset.dataset_id"})

    def dataset_read(self) -> Call:
        path = self.random.choice(["", "/experiment-ids"])
        return Call("GET", f"{DATASETS}/{self.some('data')}{path}", unordered="experiment_ids" if path else None)

    def dataset_change(self) -> Call:
        path, kind = f"{DATASETS}/{self.some('data')}", self.random.random()
        if kind < 0.1:
            return Call("DELETE", path)
        if kind < 0.4:
            return Call("PATCH", f"{path}/tags", {"tags": self.json_tags()})
        if kind < 0.6:
            return Call("DELETE", f"{path}/tags/{self.random.choice(TAGS)}")
        which = self.random.choice(["add", "remove"])
        return Call("POST", f"{path}/{which}-experiments", {"experiment_ids": [self.some("exp")]})

    def records(self) -> Call:
        records = [
            self.maybe(0.5, {"inputs": {"question": self.text()}}, expectations={"answer": self.text()},
                       tags={"team": self.text()}, source={"source_type": "HUMAN", "source_data": {"by": "ann"}})
            for _ in range(self.random.choice([1, 1, 3]))
        ]
        return Call("POST", f"{DATASETS}/{self.some('data')}/records", {"records": json.dumps(records)})

    def records_read(self) -> Call:
        body = self.maybe(0.3, {}, max_results=1000)
        return Call("GET", f"{DATASETS}/{self.some('data')}/records", body, unordered="records")

    def search_evaluation(self) -> Call:
        own = f"name LIKE '{self.prefix}-%'"
        more = self.random.choice(["", " AND tags.team = 'blue'", " AND name ILIKE 'MORE%'", " AND name != 'x'",
                                   " AND tags.note LIKE '%e%'", " AND nothing = 1"])
        body = {"filter_string": own + more, "max_results": self.random.choice([1, 2, 100])}
        body = self.maybe(0.4, body, experiment_ids=[self.some("exp")])
        return Call("POST", f"{DATASETS}/search", body | {"order_by": ["created_time ASC"]}, pages="datasets")

    # --- scorers ------------------------------------------------------------------------
    def which_scorer(self) -> dict[str, Any]:
        return {"experiment_id": self.some("exp"), "name": self.random.choice(["safe", "short", "safe "])}

    def scorer(self) -> Call:
        kept = {"name": "safe", "mlflow_version": "3.17.2", "serialization_version": 1,
                "builtin_scorer_class": "Safety", "builtin_scorer_pydantic_data": {"name": self.text()}}
        text = "no json" if self.random.random() < 0.05 else json.dumps(kept)
        return Call("POST", f"{SCORERS}/register", self.which_scorer() | {"serialized_scorer": text})

    def scorer_read(self) -> Call:
        kind = self.random.random()
        if kind < 0.4:
            body = self.maybe(0.5, self.which_scorer(), version=self.random.choice([1, 2, 9]))
            return Call("GET", f"{SCORERS}/get", body)
        if kind < 0.7:
            return Call("GET", f"{SCORERS}/versions", self.which_scorer(), unordered="scorers")
        return Call("GET", f"{SCORERS}/list", {"experiment_id": self.some("exp")}, unordered="scorers")

    def scorer_delete(self) -> Call:
        body = self.maybe(0.7, self.which_scorer(), version=self.random.choice([1, 2, 9]))
        return Call("DELETE", f"{SCORERS}/delete", body)

    # --- files through the server ------------------------------------------------------------
    def place(self) -> str:
        name = self.random.choice(["a.txt", "dir/b.json", "dir/sub/c.bin", "ä b.txt", "dir", "../x", "dir/../../x", ""])
        return f"{FILES}/$exp0/$run0/artifacts/{name}"

    def put(self) -> Call:
        return Call("PUT", self.place(), raw=self.random.choice([b"", b"words", bytes(range(256)) * 20]))

    def get(self) -> Call:
        return Call("GET", self.place())

    def list(self) -> Call:
        place = self.random.choice(["", "/dir", "/dir/sub", "/nothing", "/a.txt"])
        return Call("GET", FILES, {"path": f"$exp0/$run0/artifacts{place}"}, unordered="files")

    def delete(self) -> Call:
        return Call("DELETE", self.place())

    # --- webhooks --------------------------------------------------------------------------------
    def webhook_body(self) -> dict[str, Any]:
        events = [{"entity": entity, "action": action} for entity, action in self.random.sample(
            [("REGISTERED_MODEL", "CREATED"), ("MODEL_VERSION", "CREATED"), ("MODEL_VERSION_TAG", "SET"),
             ("MODEL_VERSION_ALIAS", "DELETED"), ("PROMPT", "CREATED"), ("REGISTERED_MODEL", "DELETED")],
            self.random.choice([0, 1, 1, 2]))]
        return {
            "name": self.random.choice(["told", "it is", "x" * 300, ""]) if self.random.random() < 0.2 else "told",
            "url": self.random.choice(["ftp://example.com", "nothing", ""]) if self.random.random() < 0.1 else "https://8.8.8.8/hook",
            "events": events,
        }

    def webhook(self) -> Call:
        body = self.maybe(0.4, self.webhook_body(), description=self.text(), status=self.random.choice(["ACTIVE", "DISABLED"]))
        return Call("POST", "/webhooks", body, binds={self.new("hook"): "webhook.webhook_id"})

    def webhook_read(self) -> Call:
        if self.random.random() < 0.7:
            return Call("GET", f"/webhooks/{self.some('hook')}")
        return Call("GET", "/webhooks", {"max_results": self.random.choice([0, 1001, -1])})

    def webhook_change(self) -> Call:
        path = f"/webhooks/{self.some('hook')}"
        if self.random.random() < 0.3:
            return Call("DELETE", path)
        whole = self.webhook_body() | {"status": self.random.choice(["ACTIVE", "DISABLED"]), "description": self.text()}
        return Call("PATCH", path, {key: whole[key] for key in self.random.sample(sorted(whole), 2)})

    # --- spans over OTLP ----------------------------------------------------------------------------
    def spans(self) -> Call:
        """A whole trace: a root and its children."""
        # None that the other sequence of this seed makes, too.
        trace = f"{self.random.getrandbits(128) ^ 1:032x}"
        self.made["trace"].append(f"tr-{trace}")
        ids = [f"{self.random.getrandbits(64):016x}" for _ in range(self.random.choice([1, 2, 4]))]
        spans = [self.span(trace, own, ids[0] if at else "", at) for at, own in enumerate(ids)]
        body = {"resourceSpans": [{"scopeSpans": [{"spans": spans}]}]}
        raw = json.dumps(body).encode() if self.random.random() < 0.95 else self.random.choice([b"{}", b"no json", b"[]"])
        return Call("POST", "/v1/traces", {}, raw=raw,
                    headers={"content-type": "application/json", "x-mlflow-experiment-id": self.some("exp")})

    def span(self, trace: str, own: str, parent: str, at: int) -> dict[str, Any]:
        start = 1_700_000_000_000_000_000 + self.tick() % 10**6 * 10**6
        attributes = {"mlflow.spanInputs": json.dumps({"q": self.text()}), "mlflow.spanOutputs": json.dumps(self.text()),
                      "mlflow.spanType": json.dumps("LLM")}
        chosen = self.random.sample(sorted(attributes), self.random.randint(0, 3))
        return {
            "traceId": trace, "spanId": own, "parentSpanId": parent, "name": f"step {at}", "kind": 1,
            "startTimeUnixNano": str(start), "endTimeUnixNano": str(start + 10**6 * self.random.randint(0, 5000)),
            "attributes": [{"key": key, "value": {"stringValue": attributes[key]}} for key in chosen],
            "status": {"code": self.random.choice([0, 1, 2])},
        }

    def trace_of_spans(self) -> Call:
        trace = self.random.choice(self.made["trace"]) if self.made["trace"] else "tr-" + "0" * 32
        return Call("GET", f"/api/3.0/mlflow/traces/{trace}")
