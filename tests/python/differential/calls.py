"""Random sequences of calls; the same seed gives the same sequence."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

from .compare import NOTHING, Call

T0 = 1_700_000_000_000
KEYS = ["loss", "acc", "val/loss", "a b", "x.y", "m-1"]
PARAMS = ["lr", "depth", "opt/name"]
TAGS = ["team", "note", "env.x"]
TEXTS = ["blue", "Blue", "red", "0.1", "10", "", "it is", "50%", "ä_b"]
BAD_NAMES = ["", "a//b", "../x", "/a", "a/../b", "é!", "x" * 300, "a\tb"]
VALUES: list[Any] = [0, 1, -1.5, 0.25, 3, 1e300, "NaN", "Infinity", "-Infinity", "2.5"]
STAGES = ["Staging", "production", "Archived", "None", "staging"]
PATTERNS = ["%", "b%", "%e", "_lue", "%L%", "50\\%", "%é%"]


class Sequence:
    """Knows what was made so far, by name, and chooses what to ask next."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.seed = seed
        self.count = 0
        self.put_out: set[tuple[str, str]] = set()
        self.made: dict[str, list[str]] = {kind: [] for kind in ("exp", "run", "model", "reg", "ver", "trace", "ass")}

    def calls(self, length: int) -> list[Call]:
        made = [self.experiment(), self.run(), self.run(), self.registered()]
        while len(made) < length:
            made.append(self.random.choice(self.steps())())
        return made

    def steps(self) -> list[Callable[[], Call]]:
        return [
            self.experiment, self.experiment_change, self.experiment_tag, self.experiment_read, self.search_experiments,
            self.run, self.run, self.run_change, self.run_change, self.run_read, self.metric, self.metric, self.metric,
            self.param, self.tag, self.tag, self.batch, self.batch, self.history, self.history, self.bulk,
            self.search_runs, self.search_runs, self.search_runs, self.search_runs, self.inputs, self.outputs,
            self.search_datasets, self.model, self.model, self.model_change, self.model_read, self.search_models,
            self.registered, self.registered_change, self.registered_read, self.search_registered, self.version,
            self.version, self.version_change, self.version_change, self.version_read, self.search_versions,
            self.alias, self.trace, self.trace, self.trace_change, self.trace_read, self.search_traces, self.assess,
            self.assess_change, self.upload, self.list_files, self.strange,
        ]

    # --- small choices --------------------------------------------------------
    def new(self, kind: str) -> str:
        name = f"{kind}{len(self.made[kind])}"
        self.made[kind].append(name)
        return name

    def some(self, kind: str) -> str:
        """A reference to one that was made, now and then to nothing."""
        if not self.made[kind] or self.random.random() < 0.03:
            return NOTHING.get(kind, "0" * 32 if kind == "run" else "nothing")
        return "$" + self.random.choice(self.made[kind])

    def text(self) -> str:
        return self.random.choice(TEXTS)

    def tick(self) -> int:
        self.count += 1
        return T0 + self.count * 1000

    def name(self, good: list[str]) -> str:
        return self.random.choice(BAD_NAMES) if self.random.random() < 0.06 else self.random.choice(good)

    def maybe(self, chance: float, body: dict[str, Any], **more: Any) -> dict[str, Any]:
        return body | {key: value for key, value in more.items() if self.random.random() < chance}

    def pairs(self, keys: list[str], most: int = 3) -> list[dict[str, str]]:
        chosen = self.random.sample(keys, self.random.randint(0, min(most, len(keys))))
        return [{"key": key, "value": self.text()} for key in chosen]

    # --- experiments ------------------------------------------------------------
    def experiment(self) -> Call:
        taken = self.random.random() < 0.1
        name = f"e{self.seed}-0" if taken else f"e{self.seed}-{len(self.made['exp'])}"
        if taken and self.made["exp"]:
            return Call("POST", "/experiments/create", {"name": name})
        bound = self.new("exp")
        return Call(
            "POST", "/experiments/create", self.maybe(0.5, {"name": name}, tags=self.pairs(TAGS)),
            binds={bound: "experiment_id"},
        )

    def experiment_change(self) -> Call:
        exp = self.some("exp")
        # The first stays, for the others to have a place.
        if exp == "$exp0" or self.random.random() < 0.4:
            return Call("POST", "/experiments/update", {"experiment_id": exp, "new_name": f"n{self.seed}-{self.tick()}"})
        return Call("POST", f"/experiments/{self.random.choice(['delete', 'restore'])}", {"experiment_id": exp})

    def experiment_tag(self) -> Call:
        body = {"experiment_id": self.some("exp"), "key": self.name(TAGS)}
        if self.random.random() < 0.7:
            return Call("POST", "/experiments/set-experiment-tag", body | {"value": self.text()})
        return Call("POST", "/experiments/delete-experiment-tag", body)

    def experiment_read(self) -> Call:
        if self.random.random() < 0.7:
            return Call("GET", "/experiments/get", {"experiment_id": self.some("exp")})
        return Call("GET", "/experiments/get-by-name", {"experiment_name": f"e{self.seed}-0"})

    def search_experiments(self) -> Call:
        own = f"name LIKE '%{self.seed}-%'"
        more = self.random.choice([
            "", "tags.team = 'blue'", "tags.note LIKE '%e%'", "tags.`env.x` ILIKE 'B%'", "tags.team != 'red'",
            "name ILIKE 'E%'", "tags.team IS NULL", "tags.note IS NOT NULL", "creation_time > 5",
        ])
        body = {
            "max_results": self.random.choice([2, 3, 1000]),
            "filter": own + (f" AND {more}" if more else ""),
            "order_by": [self.random.choice(["name", "name DESC", "experiment_id", "experiment_id DESC"])],
        }
        view = self.random.choice(["ACTIVE_ONLY", "DELETED_ONLY", "ALL"])
        return Call("POST", "/experiments/search", self.maybe(0.5, body, view_type=view), pages="experiments")

    # --- runs ---------------------------------------------------------------------
    def run(self) -> Call:
        bound = self.new("run")
        body = {
            "experiment_id": self.some("exp"), "start_time": self.tick(), "user_id": self.random.choice(["ann", "bob", ""]),
            "run_name": f"{self.random.choice(['Quick', 'slow', 'blue'])}-{len(self.made['run'])}",
        }
        return Call("POST", "/runs/create", self.maybe(0.5, body, tags=self.pairs(TAGS)), binds={bound: "run.info.run_id"})

    def run_change(self) -> Call:
        run = self.some("run")
        kind = self.random.random()
        if kind < 0.15:
            return Call("POST", "/runs/delete", {"run_id": run})
        if kind < 0.35:
            return Call("POST", "/runs/restore", {"run_id": run})
        body = self.maybe(
            0.6, {"run_id": run}, status=self.random.choice(["FINISHED", "FAILED", "KILLED", "RUNNING", "SCHEDULED", 3]),
            end_time=self.tick(), run_name=self.random.choice(["renamed", "Quick-x", ""]),
        )
        return Call("POST", "/runs/update", body)

    def run_read(self) -> Call:
        return Call("GET", "/runs/get", {self.random.choice(["run_id", "run_uuid", "run_id"]): self.some("run")})

    def metric(self) -> Call:
        body = {
            "run_id": self.some("run"), "key": self.name(KEYS), "value": self.random.choice(VALUES),
            "timestamp": T0 + self.random.randint(0, 5),
        }
        if self.random.random() < 0.03:
            del body[self.random.choice(["key", "value", "timestamp"])]
        return Call("POST", "/runs/log-metric", self.maybe(0.7, body, step=self.random.randint(-1, 6)))

    def param(self) -> Call:
        return Call("POST", "/runs/log-parameter", {"run_id": self.some("run"), "key": self.name(PARAMS), "value": self.text()})

    def tag(self) -> Call:
        body = {"run_id": self.some("run"), "key": self.name(TAGS)}
        if self.random.random() < 0.75:
            return Call("POST", "/runs/set-tag", body | {"value": self.text()})
        return Call("POST", "/runs/delete-tag", body)

    def batch(self) -> Call:
        metrics = [
            {"key": self.name(KEYS), "value": self.random.choice(VALUES), "timestamp": T0 + self.random.randint(0, 9),
             "step": self.random.randint(0, 9)}
            for _ in range(self.random.choice([0, 1, 5, 20]))
        ]
        params = self.pairs(PARAMS)
        if params and self.random.random() < 0.05:
            params.append(params[0])
        return Call("POST", "/runs/log-batch", {"run_id": self.some("run"), "metrics": metrics, "params": params, "tags": self.pairs(TAGS)})

    def history(self) -> Call:
        body: dict[str, Any] = {"run_id": self.some("run"), "metric_key": self.random.choice(KEYS)}
        if self.random.random() < 0.6:
            body["max_results"] = self.random.choice([1, 2, 5, 0, 1000])
            return Call("GET", "/metrics/get-history", body, pages="metrics")
        return Call("GET", "/metrics/get-history", body)

    def bulk(self) -> Call:
        key = self.random.choice(KEYS)
        if self.random.random() < 0.5:
            body = {"run_ids": [self.some("run") for _ in range(self.random.randint(0, 1))], "metric_key": key}
            bounds = self.random.choice([{}, {"start_step": 1, "end_step": 5}, {"start_step": 1}, {"start_step": 5, "end_step": 1}])
            most = self.random.choice([1, 2, 5, 2500, 0, 2501])
            return Call("GET", "/metrics/get-history-bulk-interval", self.maybe(0.5, body | bounds, max_results=most))
        return Call("GET", "/ajax-api/2.0/mlflow/metrics/get-history-bulk", {"run_id": [self.some("run")], "metric_key": key})

    def condition(self) -> str:
        sign = self.random.choice([">", ">=", "=", "!=", "<", "<="])
        equal = self.random.choice(["=", "!=", "LIKE", "ILIKE"])
        like = self.random.choice(PATTERNS) if "LIKE" in equal else self.text()
        key = self.random.choice(KEYS)
        return self.random.choice([
            f"metrics.`{key}` {sign} {self.random.choice(['0', '0.25', '-1.5', '1e300', '3'])}",
            f"metrics.{self.random.choice(['loss', 'acc'])} {sign} 1", f"params.lr {equal} '{like}'",
            f'parameters."depth" {equal} \'{like}\'', f"tags.team {equal} '{like}'", f"tag.`env.x` {equal} \"{like}\"",
            f"attributes.status {self.random.choice(['=', '!='])} '{self.random.choice(['FINISHED', 'RUNNING', 'FAILED'])}'",
            f"run_name {equal} '{like}'", f"start_time {sign} {T0 + self.random.randint(0, 60) * 1000}",
            f"attributes.end_time {sign} {T0}", f"user_id {equal} '{self.random.choice(['ann', 'bob', 'a%'])}'",
            f"run_id {self.random.choice(['IN', 'NOT IN'])} ('{self.some('run')}', '{self.some('run')}')",
            f"params.depth IS {self.random.choice(['', 'NOT '])}NULL", f"tags.note IS {self.random.choice(['', 'NOT '])}NULL",
            f"dataset.name {equal} '{self.random.choice(['d1', 'd2', 'd%'])}'", f"datasets.context {equal} 'train'",
        ])

    def filter(self) -> tuple[str, bool]:
        if self.random.random() < 0.05:
            wrong = ["metrics.loss", "metrics.loss > 'x'", "params.lr > 3", "nothing = 'x'", "tags.team = blue", "= 'x'",
                     "metrics.loss LIKE 'x'", "status IS 'x'", "run_id = 'a' AND", "'x' = 'x'", "params.lr = 3"]
            return self.random.choice(wrong), False
        if self.random.random() < 0.08:
            return f"({self.condition()} OR {self.condition()})", True
        return " AND ".join(self.condition() for _ in range(self.random.choice([0, 1, 1, 2, 3]))), False

    def search_runs(self) -> Call:
        filter_string, beyond = self.filter()
        keys = ["metrics.loss", "metrics.`val/loss`", "params.lr", "tags.team", "start_time", "attributes.status",
                "run_name", "end_time", "metrics.nothing", "metrics.acc"]
        order = [f"{key} {self.random.choice(['ASC', 'DESC', ''])}".strip()
                 for key in self.random.sample(keys, self.random.choice([0, 1, 1, 2]))]
        body = {"experiment_ids": [self.some("exp") for _ in range(self.random.choice([0, 1, 1, 2, 3]))], "filter": filter_string,
                "max_results": self.random.choice([1, 2, 3, 100, 100])}
        body["experiment_ids"] = sorted(set(body["experiment_ids"]))
        view = self.random.choice(["ACTIVE_ONLY", "DELETED_ONLY", "ALL"])
        body = self.maybe(0.6, body, order_by=order, run_view_type=view)
        return Call("POST", "/runs/search", body, pages="runs", beyond=beyond)

    def inputs(self) -> Call:
        datasets = [
            {"dataset": {"name": f"d{number}", "digest": self.random.choice(["aa", "bb"]), "source_type": "local", "source": "s"},
             "tags": [{"key": "mlflow.data.context", "value": self.random.choice(["train", "eval"])}]}
            for number in self.random.sample([1, 2, 3], self.random.choice([0, 1, 2]))
        ]
        return Call("POST", "/runs/log-inputs", self.maybe(0.5, {"run_id": self.some("run"), "datasets": datasets},
                                                         models=[{"model_id": self.some("model")}]))

    def outputs(self) -> Call:
        # A model is put out once: what a second time means is a deviation of its own.
        run, model = self.some("run"), self.some("model")
        if (run, model) in self.put_out or not model.startswith("$"):
            return self.search_datasets()
        self.put_out.add((run, model))
        return Call("POST", "/runs/outputs", {"run_id": run, "models": [{"model_id": model, "step": self.random.randint(0, 3)}]})

    def search_datasets(self) -> Call:
        return Call("POST", "/ajax-api/2.0/mlflow/experiments/search-datasets", {"experiment_ids": [self.some("exp")]},
                    unordered="dataset_summaries")

    # --- logged models ------------------------------------------------------------
    def model(self) -> Call:
        body = {"experiment_id": self.some("exp"), "name": self.random.choice(["net", "tree", "a:b", "x.y", "Net"])}
        more = {"model_type": "agent", "tags": self.pairs(TAGS), "params": self.pairs(PARAMS), "source_run_id": self.some("run")}
        return Call("POST", "/logged-models", self.maybe(0.5, body, **more), binds={self.new("model"): "model.info.model_id"})

    def model_change(self) -> Call:
        model = self.some("model")
        kind = self.random.randint(0, 4)
        if kind == 0:
            return Call("DELETE", f"/logged-models/{model}")
        if kind == 1:
            return Call("PATCH", f"/logged-models/{model}/tags", {"tags": self.pairs(TAGS)})
        if kind == 2:
            return Call("DELETE", f"/logged-models/{model}/tags/{self.random.choice(TAGS)}")
        if kind == 3:
            return Call("POST", f"/logged-models/{model}/params", {"model_id": model, "params": self.pairs(PARAMS)})
        status = self.random.choice(["LOGGED_MODEL_READY", "LOGGED_MODEL_UPLOAD_FAILED", "LOGGED_MODEL_PENDING", 2])
        return Call("PATCH", f"/logged-models/{model}", {"model_id": model, "status": status})

    def model_read(self) -> Call:
        return Call("GET", f"/logged-models/{self.some('model')}")

    def search_models(self) -> Call:
        filters = ["", "name = 'net'", "name LIKE 'n%'", "name ILIKE 'N%'", "tags.team = 'blue'", "params.lr = '0.1'",
                   "status = 'READY'", "model_type = 'agent'", "metrics.loss > 0", "name != 'net' AND tags.note LIKE '%e%'", "nothing = 1"]
        body = {"experiment_ids": [self.some("exp")], "filter": self.random.choice(filters)}
        return Call("POST", "/logged-models/search", body, unordered="models")

    # --- the registry ----------------------------------------------------------------
    def registered(self) -> Call:
        name = f"r{self.seed}-{self.random.randint(0, 3)}"
        if name not in self.made["reg"]:
            self.made["reg"].append(name)
        return Call("POST", "/registered-models/create", self.maybe(0.5, {"name": name}, tags=self.pairs(TAGS), description=self.text()))

    def reg(self) -> str:
        return self.some("reg").removeprefix("$")

    def registered_change(self) -> Call:
        name, kind = self.reg(), self.random.random()
        if kind < 0.1:
            return Call("DELETE", "/registered-models/delete", {"name": name})
        if kind < 0.2:
            new = f"r{self.seed}-{self.random.randint(0, 5)}"
            if new not in self.made["reg"]:
                self.made["reg"].append(new)
            return Call("POST", "/registered-models/rename", {"name": name, "new_name": new})
        if kind < 0.4:
            return Call("PATCH", "/registered-models/update", {"name": name, "description": self.text()})
        if kind < 0.75:
            return Call("POST", "/registered-models/set-tag", {"name": name, "key": self.name(TAGS), "value": self.text()})
        return Call("DELETE", "/registered-models/delete-tag", {"name": name, "key": self.random.choice(TAGS)})

    def registered_read(self) -> Call:
        if self.random.random() < 0.5:
            return Call("GET", "/registered-models/get", {"name": self.reg()})
        stages = self.random.sample(STAGES, self.random.randint(0, 2))
        return Call("POST", "/registered-models/get-latest-versions", {"name": self.reg(), "stages": stages}, unordered="model_versions")

    def search_registered(self) -> Call:
        own = f"name LIKE 'r{self.seed}-%'"
        more = self.random.choice(["", " AND tags.team = 'blue'", " AND tags.note LIKE '%e%'", " AND name ILIKE 'R%'", " AND tags.team != 'red'"])
        body = {"filter": own + more, "max_results": self.random.choice([1, 2, 100])}
        return Call("GET", "/registered-models/search", self.maybe(0.4, body, order_by=["name DESC"]), pages="registered_models")

    def version(self) -> Call:
        body = {"name": self.reg(), "source": self.random.choice(["s3://bucket/model", "s3://bucket/m/../x", "/etc/passwd", "models:/m-1"])}
        if self.random.random() < 0.8:
            body["source"] = "s3://bucket/model"
        return Call("POST", "/model-versions/create", self.maybe(0.5, body, tags=self.pairs(TAGS), description=self.text(), run_link="l"))

    def number(self) -> str:
        return self.random.choice(["1", "1", "2", "2", "3", "9", "x"])

    def version_change(self) -> Call:
        version, kind = {"name": self.reg(), "version": self.number()}, self.random.randint(0, 5)
        if kind == 0 and self.random.random() < 0.5:
            return Call("DELETE", "/model-versions/delete", version)
        if kind == 1:
            return Call("PATCH", "/model-versions/update", version | {"description": self.text()})
        if kind <= 3:
            stage = {"stage": self.random.choice([*STAGES, "nowhere"]), "archive_existing_versions": self.random.random() < 0.3}
            return Call("POST", "/model-versions/transition-stage", version | stage)
        if kind == 4:
            return Call("DELETE", "/model-versions/delete-tag", version | {"key": self.random.choice(TAGS)})
        return Call("POST", "/model-versions/set-tag", version | {"key": self.name(TAGS), "value": self.text()})

    def version_read(self) -> Call:
        path = self.random.choice(["get", "get-download-uri"])
        return Call("GET", f"/model-versions/{path}", {"name": self.reg(), "version": self.number()})

    def search_versions(self) -> Call:
        filters = [f"name = '{self.reg()}'", f"name LIKE 'r{self.seed}-%'", f"name IN ('r{self.seed}-0','r{self.seed}-1')",
                   f"name = '{self.reg()}' AND tags.team = 'blue'", f"name = '{self.reg()}' AND version_number > 1",
                   f"name = '{self.reg()}' AND source_path = 's3://bucket/model'"]
        body = {"filter": self.random.choice(filters), "order_by": ["name ASC", f"version_number {self.random.choice(['ASC', 'DESC'])}"],
                "max_results": self.random.choice([1, 2, 100])}
        return Call("GET", "/model-versions/search", body, pages="model_versions")

    def alias(self) -> Call:
        body = {"name": self.reg(), "alias": self.random.choice(["best", "Champion", "latest", "v1", "a b"])}
        kind = self.random.random()
        if kind < 0.5:
            return Call("POST", "/registered-models/alias", body | {"version": self.number()})
        return Call("GET" if kind < 0.8 else "DELETE", "/registered-models/alias", body)

    # --- traces ------------------------------------------------------------------------
    def trace(self) -> Call:
        bound = self.new("trace")
        identity = "tr-" + f"{self.random.getrandbits(128):032x}"
        seconds = self.count = self.count + 1
        info = {
            "trace_id": identity, "request_time": f"2023-11-14T22:{seconds // 60 % 60:02d}:{seconds % 60:02d}.{self.random.randint(1, 999):03d}Z",
            "execution_duration": self.random.choice(["0.1s", "1s", "2.5s"]), "state": self.random.choice(["OK", "ERROR", "IN_PROGRESS"]),
            "trace_location": {"type": "MLFLOW_EXPERIMENT", "mlflow_experiment": {"experiment_id": "$exp0"}},
            "tags": {"team": self.text()}, "trace_metadata": {"k": self.text()}, "request_preview": "in", "response_preview": "out",
        }
        return Call("POST", "/api/3.0/mlflow/traces", {"trace": {"trace_info": self.maybe(0.95, info, client_request_id=f"c-{seconds}")}},
                    binds={bound: "trace.trace_info.trace_id"})

    def trace_change(self) -> Call:
        trace, version = self.some("trace"), self.random.choice(["2.0", "3.0"])
        path, key = f"/api/{version}/mlflow/traces/{trace}/tags", self.random.choice([*TAGS, "mlflow.trace.spansLocation"])
        if self.random.random() < 0.6:
            return Call("PATCH", path, {"key": key, "value": self.text()})
        if self.random.random() < 0.15:
            return Call("POST", f"/api/{version}/mlflow/traces/delete-traces", {"experiment_id": "$exp0", "request_ids": [trace]})
        return Call("DELETE", path, {"key": key})

    def trace_read(self) -> Call:
        if self.random.random() < 0.5:
            return Call("POST", "/api/3.0/mlflow/traces/batchGetInfos", {"trace_ids": [self.some("trace"), self.some("trace")]},
                        unordered="trace_infos")
        return Call("GET", self.random.choice([f"/api/3.0/mlflow/traces/{self.some('trace')}", f"/traces/{self.some('trace')}/info"]))

    def search_traces(self) -> Call:
        filters = ["", "status = 'OK'", "tags.team LIKE 'b%'", "metadata.k = 'red'", "execution_time_ms > 500",
                   "client_request_id LIKE 'c-%'", "timestamp_ms > 5 AND status != 'ERROR'", "nothing = 1", "tags.team IS NULL"]
        body = {"locations": [{"type": "MLFLOW_EXPERIMENT", "mlflow_experiment": {"experiment_id": "$exp0"}}],
                "filter": self.random.choice(filters), "max_results": self.random.choice([1, 3, 100])}
        order = [self.random.choice(["timestamp_ms ASC", "timestamp_ms DESC", "execution_time_ms DESC", "status"])]
        return Call("POST", "/api/3.0/mlflow/traces/search", self.maybe(0.5, body, order_by=order), pages="traces")

    def assess(self) -> Call:
        trace = self.some("trace")
        value: dict[str, Any] = self.random.choice([
            {"feedback": {"value": self.random.choice([True, 0.5, "good", ["a"], {"b": 1}])}}, {"expectation": {"value": "yes"}}, {},
        ])
        body = {"assessment": {"assessment_name": "right", "trace_id": trace, "source": {"source_type": "HUMAN", "source_id": "ann"},
                               "rationale": self.text(), **value}}
        return Call("POST", f"/api/3.0/mlflow/traces/{trace}/assessments", body, binds={self.new("ass"): "assessment.assessment_id"})

    def assess_change(self) -> Call:
        path = f"/api/3.0/mlflow/traces/{self.some('trace')}/assessments/{self.some('ass')}"
        return Call(self.random.choice(["GET", "DELETE"]), path)

    # --- files ---------------------------------------------------------------------------
    def file(self) -> str:
        return self.random.choice(["a.txt", "dir/b.json", "dir/sub/c.bin", "../x", "ä b.txt"])

    def upload(self) -> Call:
        body = {"run_uuid": self.some("run"), "path": self.file()}
        return Call("POST", "/ajax-api/2.0/mlflow/upload-artifact", body, raw=self.random.choice([b"x", b"", b"123" * 100]))

    def list_files(self) -> Call:
        if self.random.random() < 0.5:
            return Call("GET", "/get-artifact", {"run_id": self.some("run"), "path": self.file()})
        return Call("GET", "/artifacts/list", self.maybe(0.5, {"run_id": self.some("run")}, path=self.random.choice(["dir", "dir/sub", "nothing", "..", "a.txt"])))

    # --- what no client sends ------------------------------------------------------------
    def strange(self) -> Call:
        path = self.random.choice(["/runs/create", "/runs/log-metric", "/runs/log-batch", "/runs/search", "/experiments/create",
                                   "/runs/set-tag", "/registered-models/create", "/model-versions/create", "/runs/update"])
        field = self.random.choice(["run_id", "key", "value", "timestamp", "step", "name", "metrics", "tags", "max_results", "experiment_id",
                                    "experiment_ids", "order_by", "start_time", "run_name", "filter", "status"])
        value = self.random.choice([5, -1, 1.5, True, "x", [], {}, [5], {"a": 1}, "", "5"])
        return Call("POST", path, {"run_id": self.some("run"), field: value})
