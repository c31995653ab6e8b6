"""Who may see and change what, operation by operation: each is tried by somebody without a
permission, and with READ, EDIT and MANAGE."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import mlflow
import pytest
import requests
from mlflow.exceptions import MlflowException
from stack import OWNER, Person, person, start
from test_otlp import PROTOBUF, Batch
from world import MLFLOW

from harness import Server

pytestmark = pytest.mark.own_server

V3 = "/api/3.0/mlflow"
AJAX = "/ajax-api/2.0/mlflow"
API = "/api/v1"
LEVELS = ["NOTHING", "READ", "EDIT", "MANAGE", "SUPERUSER"]
# Stands in everything that is made; nobody without a permission may ever be told it.
SECRET = "zebra"


class Things:
    """An experiment with everything that can be in one, and a model and a prompt beside it."""

    def __init__(self, owner: Person, name: str) -> None:
        self.owner, self.name = owner, f"{SECRET}-{name}"
        self.experiment = self.must("POST", f"{MLFLOW}/experiments/create", {"name": self.name})["experiment_id"]
        self.run = self.new_run()
        metric = {"run_id": self.run, "key": "loss", "value": 1.0, "timestamp": 1, "step": 0}
        self.must("POST", f"{MLFLOW}/runs/log-metric", metric)
        self.must("POST", f"{MLFLOW}/runs/log-parameter", {"run_id": self.run, "key": "word", "value": SECRET})
        self.trace = self.new_trace()
        batch = Batch()
        batch.trace = bytes.fromhex(self.trace.removeprefix("tr-"))
        batch.add(SECRET, 1)
        headers = {"Content-Type": PROTOBUF, "x-mlflow-experiment-id": self.experiment}
        assert owner.call("POST", "/v1/traces", data=batch.body, headers=headers).status_code == 200
        self.assessment = self.new_assessment()
        scorer = {"experiment_id": self.experiment, "name": SECRET, "serialized_scorer": json.dumps({"name": SECRET})}
        self.must("POST", f"{V3}/scorers/register", scorer)
        self.dataset = self.new_dataset()
        self.model = self.new_logged_model()
        self.root = f"/api/2.0/mlflow-artifacts/artifacts/{self.experiment}/{self.run}/artifacts"
        self.model_root = f"/api/2.0/mlflow-artifacts/artifacts/{self.experiment}/models/{self.model}/artifacts"
        for path in (f"{self.root}/model/MLmodel", f"{self.model_root}/MLmodel"):
            answer = owner.call("PUT", path, data=SECRET.encode())
            assert answer.status_code == 200, answer.text
        self.must("POST", f"{MLFLOW}/registered-models/create", {"name": self.name})
        version = {"name": self.name, "run_id": self.run}
        version["source"] = f"mlflow-artifacts:/{self.experiment}/{self.run}/artifacts/model"
        self.must("POST", f"{MLFLOW}/model-versions/create", version)
        self.prompt = f"{self.name}-prompt"
        is_prompt = [{"key": "mlflow.prompt.is_prompt", "value": "true"}]
        self.must("POST", f"{MLFLOW}/registered-models/create", {"name": self.prompt, "tags": is_prompt})
        self.prompt_version = {
            "name": self.prompt,
            "source": "dummy-source",
            "tags": [*is_prompt, {"key": "mlflow.prompt.text", "value": SECRET}],
        }
        self.must("POST", f"{MLFLOW}/model-versions/create", self.prompt_version)

    def must(self, method: str, path: str, body: Any) -> Any:
        answer = self.owner.call(method, path, json=body)
        assert answer.status_code in (200, 201), f"{path}: {answer.text}"
        return answer.json() if answer.content else None

    def new_run(self) -> str:
        body = {"experiment_id": self.experiment, "start_time": 1, "run_name": f"{SECRET}-run"}
        return self.must("POST", f"{MLFLOW}/runs/create", body)["run"]["info"]["run_id"]

    def trace_info(self, trace: str | None = None) -> dict[str, Any]:
        place = {"type": "MLFLOW_EXPERIMENT", "mlflow_experiment": {"experiment_id": self.experiment}}
        return {
            "trace_id": trace or f"tr-{os.urandom(16).hex()}",
            "trace_location": place,
            "request_time": "2026-01-02T03:04:05.678Z",
            "state": "OK",
            "request_preview": SECRET,
            "tags": {"word": SECRET},
        }

    def new_trace(self) -> str:
        info = self.trace_info()
        self.must("POST", f"{V3}/traces", {"trace": {"trace_info": info}})
        return info["trace_id"]

    def assessment_body(self) -> dict[str, Any]:
        source = {"source_type": "HUMAN", "source_id": SECRET}
        return {"assessment": {"assessment_name": SECRET, "source": source, "feedback": {"value": SECRET}}}

    def new_assessment(self) -> str:
        path = f"{V3}/traces/{self.trace}/assessments"
        return self.must("POST", path, self.assessment_body())["assessment"]["assessment_id"]

    def new_dataset(self) -> str:
        body = {"name": f"{SECRET}-data", "experiment_ids": [self.experiment]}
        made = self.must("POST", f"{V3}/datasets/create", body)["dataset"]["dataset_id"]
        self.must("POST", f"{V3}/datasets/{made}/records", {"records": json.dumps([{"inputs": {"q": SECRET}}])})
        return made

    def new_logged_model(self) -> str:
        body = {"experiment_id": self.experiment, "name": f"{SECRET}-logged"}
        return self.must("POST", f"{MLFLOW}/logged-models", body)["model"]["info"]["model_id"]


@dataclass
class Try:
    """One operation: what it needs, and how a person does it."""

    name: str
    needs: str
    call: Callable[[Things, Person], requests.Response]
    # How a refusal may look beside 403: nobody learns from a 404 that a thing is there.
    or_404: bool = False
    # Answers everybody with what they may see.
    filters: bool = False
    # Tells a reader first what else is wrong, or that there was nothing to do.
    reader_hears: int = 403
    extra: dict[str, Any] = field(default_factory=dict)


def get(path: Callable[[Things], str], /, **query: Callable[[Things], Any]) -> Callable[[Things, Person], requests.Response]:
    return lambda t, who: who.call("GET", path(t), params={key: value(t) for key, value in query.items()})


def send(method: str, path: Callable[[Things], str], body: Callable[[Things], Any]) -> Callable[[Things, Person], requests.Response]:
    return lambda t, who: who.call(method, path(t), json=body(t))


def post(path: str, body: Callable[[Things], Any]) -> Callable[[Things, Person], requests.Response]:
    return send("POST", lambda _: path, body)


def spans(t: Things, who: Person) -> requests.Response:
    batch = Batch(service__name=SECRET)
    batch.add("root", 1)
    headers = {"Content-Type": PROTOBUF, "x-mlflow-experiment-id": t.experiment}
    return who.call("POST", "/v1/traces", data=batch.body, headers=headers)


def upload(t: Things, who: Person) -> requests.Response:
    return who.call("POST", f"{AJAX}/upload-artifact", params={"run_uuid": t.run, "path": "up.txt"}, data=b"x")


def proxied(method: str) -> Callable[[Things, Person], requests.Response]:
    def call(t: Things, who: Person) -> requests.Response:
        if method == "DELETE":
            assert t.owner.call("PUT", f"{t.root}/gone.txt", data=b"x").status_code == 200
            return who.call("DELETE", f"{t.root}/gone.txt")
        return who.call(method, f"{t.root}/model/MLmodel", **({"data": SECRET.encode()} if method == "PUT" else {}))

    return call


def untagged(t: Things, who: Person) -> requests.Response:
    path = f"{MLFLOW}/traces/{t.trace}/tags"
    assert t.owner.call("PATCH", path, json={"key": "gone", "value": "b"}).status_code == 200
    return who.call("DELETE", path, json={"key": "gone"})


def more_params(t: Things, who: Person) -> requests.Response:
    model = t.new_logged_model()
    body = {"model_id": model, "params": [{"key": "a", "value": "b"}]}
    return who.call("POST", f"{MLFLOW}/logged-models/{model}/params", json=body)


def in_trash(t: Things, who: Person) -> requests.Response:
    run = t.new_run()
    t.must("POST", f"{MLFLOW}/runs/delete", {"run_id": run})
    return who.call("POST", f"{API}/trash/restore", json={"items": [{"kind": "run", "id": run}]})


def emptied(t: Things, who: Person) -> requests.Response:
    run = t.new_run()
    t.must("POST", f"{MLFLOW}/runs/delete", {"run_id": run})
    return who.call("POST", f"{API}/trash/delete", json={"items": [{"kind": "run", "id": run}]})


def deleted_and_restored(t: Things, who: Person) -> requests.Response:
    answer = who.call("POST", f"{MLFLOW}/experiments/delete", json={"experiment_id": t.experiment})
    if answer.status_code == 200:
        answer = who.call("POST", f"{MLFLOW}/experiments/restore", json={"experiment_id": t.experiment})
    return answer


def rewritten_rule(t: Things, who: Person) -> requests.Response:
    path = f"/rules/{who.ok('POST', '/rules', {'on': ['run.failed']}, status=201)['id']}"
    answer = who.api("PUT", path, {"on": ["run.failed"], "experiment_id": t.experiment})
    assert who.api("DELETE", path).status_code == 204
    return answer


def trace_place(t: Things) -> dict[str, Any]:
    return t.trace_info()["trace_location"]


def hook(_: Things) -> dict[str, Any]:
    events = [{"entity": "REGISTERED_MODEL", "action": "CREATED"}]
    return {"name": "hook", "url": "ftp://example.org/x", "events": events}


TRIES = [
    # Traces, in both versions, as spans, and in the own API.
    Try("v2 open", "EDIT", post(f"{MLFLOW}/traces", lambda t: {"experiment_id": t.experiment, "timestamp_ms": 1})),
    Try("v2 end", "EDIT", send("PATCH", lambda t: f"{MLFLOW}/traces/{t.trace}", lambda t: {"timestamp_ms": 2, "status": "OK"})),
    Try("v2 info", "READ", get(lambda t: f"{MLFLOW}/traces/{t.trace}/info")),
    Try("v2 search", "READ", get(lambda _: f"{MLFLOW}/traces", experiment_ids=lambda t: t.experiment), filters=True),
    Try("v2 tag", "EDIT", send("PATCH", lambda t: f"{MLFLOW}/traces/{t.trace}/tags", lambda t: {"key": "a", "value": "b"})),
    Try("v2 no tag", "EDIT", untagged),
    Try("v2 delete", "MANAGE", post(f"{MLFLOW}/traces/delete-traces", lambda t: {"experiment_id": t.experiment, "request_ids": [t.new_trace()]})),
    Try("v3 start", "EDIT", post(f"{V3}/traces", lambda t: {"trace": {"trace_info": t.trace_info()}})),
    Try("v3 again", "EDIT", post(f"{V3}/traces", lambda t: {"trace": {"trace_info": t.trace_info(t.trace)}})),
    Try("v3 info", "READ", get(lambda t: f"{V3}/traces/{t.trace}")),
    Try("v3 get", "READ", get(lambda _: f"{V3}/traces/get", trace_id=lambda t: t.trace, allow_partial=lambda _: "true"), or_404=True),
    Try("v3 batch", "READ", get(lambda _: f"{V3}/traces/batchGet", trace_ids=lambda t: t.trace), filters=True),
    Try("v3 infos", "READ", post(f"{V3}/traces/batchGetInfos", lambda t: {"trace_ids": [t.trace]}), filters=True),
    Try("v3 search", "READ", post(f"{V3}/traces/search", lambda t: {"locations": [trace_place(t)]}), filters=True),
    Try("v3 metrics", "READ", post(f"{V3}/traces/metrics", lambda t: {"experiment_ids": [t.experiment], "view_type": "TRACES", "metric_name": "trace_count", "aggregations": [{"aggregation_type": "COUNT"}], "dimensions": ["trace_name"]}), filters=True, extra={"quiet": True}),
    Try("v3 link to run", "EDIT", post(f"{MLFLOW}/traces/link-to-run", lambda t: {"trace_ids": [t.trace], "run_id": t.run})),
    Try("v3 link prompts", "EDIT", post(f"{MLFLOW}/traces/link-prompts", lambda t: {"trace_id": t.trace, "prompt_versions": [{"name": "p", "version": "1"}]})),
    Try("v3 file", "READ", get(lambda _: "/ajax-api/3.0/mlflow/get-trace-artifact", request_id=lambda t: t.trace), or_404=True),
    Try("v2 file", "READ", get(lambda _: f"{AJAX}/get-trace-artifact", request_id=lambda t: t.trace), or_404=True),
    Try("otlp", "EDIT", spans),
    Try("own trace", "READ", get(lambda t: f"{API}/traces/{t.trace}"), or_404=True),
    Try("own traces", "READ", post(f"{API}/traces/search", lambda t: {"experiment_ids": [t.experiment]}), filters=True),
    Try("own delete", "MANAGE", post(f"{API}/traces/delete", lambda t: {"experiment_id": t.experiment, "trace_ids": [t.new_trace()]})),
    # Assessments.
    Try("assess", "EDIT", send("POST", lambda t: f"{V3}/traces/{t.trace}/assessments", lambda t: t.assessment_body())),
    Try("assessment", "READ", get(lambda t: f"{V3}/traces/{t.trace}/assessments/{t.assessment}")),
    Try("reassess", "EDIT", send("PATCH", lambda t: f"{V3}/traces/{t.trace}/assessments/{t.assessment}", lambda t: {"assessment": {"rationale": "r"}, "update_mask": "rationale"})),
    Try("unassess", "EDIT", send("DELETE", lambda t: f"{V3}/traces/{t.trace}/assessments/{t.new_assessment()}", lambda _: {})),
    # Scorers.
    Try("scorer", "EDIT", post(f"{V3}/scorers/register", lambda t: {"experiment_id": t.experiment, "name": "new", "serialized_scorer": "{}"})),
    Try("scorers", "READ", get(lambda _: f"{V3}/scorers/list", experiment_id=lambda t: t.experiment)),
    Try("all scorers", "READ", get(lambda _: f"{V3}/scorers/list"), filters=True),
    Try("scorer versions", "READ", get(lambda _: f"{V3}/scorers/versions", experiment_id=lambda t: t.experiment, name=lambda _: SECRET)),
    Try("scorer version", "READ", get(lambda _: f"{V3}/scorers/get", experiment_id=lambda t: t.experiment, name=lambda _: SECRET)),
    Try("online scoring", "EDIT", send("PUT", lambda _: f"{V3}/scorers/online-config", lambda t: {"experiment_id": t.experiment, "name": SECRET, "sample_rate": 0})),
    Try("no scorer", "MANAGE", send("DELETE", lambda _: f"{V3}/scorers/delete", lambda t: {"experiment_id": t.experiment, "name": t.must("POST", f"{V3}/scorers/register", {"experiment_id": t.experiment, "name": "old", "serialized_scorer": "{}"})["name"]})),
    # Datasets for evaluation.
    Try("dataset", "EDIT", post(f"{V3}/datasets/create", lambda t: {"name": "d", "experiment_ids": [t.experiment]})),
    Try("datasets", "READ", post(f"{V3}/datasets/search", lambda t: {"experiment_ids": [t.experiment]}), filters=True),
    Try("one dataset", "READ", get(lambda t: f"{V3}/datasets/{t.dataset}")),
    Try("records", "READ", get(lambda t: f"{V3}/datasets/{t.dataset}/records")),
    Try("more records", "EDIT", send("POST", lambda t: f"{V3}/datasets/{t.dataset}/records", lambda _: {"records": "[{\"inputs\": {\"q\": 1}}]"})),
    Try("no records", "EDIT", send("DELETE", lambda t: f"{V3}/datasets/{t.dataset}/records", lambda _: {"dataset_record_ids": ["x"]}), reader_hears=200),
    Try("dataset tags", "EDIT", send("PATCH", lambda t: f"{V3}/datasets/{t.dataset}/tags", lambda _: {"tags": "{\"a\": \"b\"}"})),
    Try("dataset in", "READ", get(lambda t: f"{V3}/datasets/{t.dataset}/experiment-ids"), extra={"quiet": True}),
    Try("dataset out of", "EDIT", send("POST", lambda t: f"{V3}/datasets/{t.new_dataset()}/remove-experiments", lambda t: {"experiment_ids": ["0"]})),
    Try("no dataset", "MANAGE", send("DELETE", lambda t: f"{V3}/datasets/{t.new_dataset()}", lambda _: {})),
    # Logged models.
    Try("log model", "EDIT", post(f"{MLFLOW}/logged-models", lambda t: {"experiment_id": t.experiment, "name": "m"})),
    Try("logged model", "READ", get(lambda t: f"{MLFLOW}/logged-models/{t.model}")),
    Try("logged models", "READ", post(f"{MLFLOW}/logged-models/search", lambda t: {"experiment_ids": [t.experiment]}), filters=True),
    Try("finalize", "EDIT", send("PATCH", lambda t: f"{MLFLOW}/logged-models/{t.model}", lambda t: {"model_id": t.model, "status": "LOGGED_MODEL_READY"})),
    Try("model tags", "EDIT", send("PATCH", lambda t: f"{MLFLOW}/logged-models/{t.model}/tags", lambda _: {"tags": [{"key": "a", "value": "b"}]})),
    Try("model params", "EDIT", more_params),
    Try("no logged model", "MANAGE", send("DELETE", lambda t: f"{MLFLOW}/logged-models/{t.new_logged_model()}", lambda _: {})),
    Try("model files", "READ", get(lambda t: f"{MLFLOW}/logged-models/{t.model}/artifacts/directories"), extra={"quiet": True}),
    Try("model file", "READ", get(lambda t: f"{MLFLOW}/logged-models/{t.model}/artifacts/files", artifact_file_path=lambda _: "MLmodel")),
    Try("own model files", "READ", get(lambda t: f"{API}/logged-models/{t.model}/artifacts"), extra={"quiet": True}),
    Try("own model file", "READ", get(lambda t: f"{API}/logged-models/{t.model}/artifacts/content", path=lambda _: "MLmodel")),
    Try("models of run", "READ", get(lambda t: f"{API}/runs/{t.run}/models"), extra={"quiet": True}),
    # Prompts and models.
    Try("prompt", "READ", get(lambda _: f"{MLFLOW}/registered-models/get", name=lambda t: t.prompt)),
    Try("prompts", "READ", get(lambda _: f"{MLFLOW}/registered-models/search", filter=lambda _: "tags.`mlflow.prompt.is_prompt` = 'true'"), filters=True),
    Try("prompt version", "READ", get(lambda _: f"{MLFLOW}/model-versions/get", name=lambda t: t.prompt, version=lambda _: "1")),
    Try("new prompt version", "EDIT", post(f"{MLFLOW}/model-versions/create", lambda t: t.prompt_version)),
    Try("prompt alias", "EDIT", post(f"{MLFLOW}/registered-models/alias", lambda t: {"name": t.prompt, "alias": "a", "version": "1"})),
    Try("copy", "READ", lambda t, who: copied(t, who)),
    Try("version file", "READ", get(lambda _: "/model-versions/get-artifact", name=lambda t: t.name, version=lambda _: "1", path=lambda _: "MLmodel")),
    Try("own model", "READ", get(lambda t: f"{API}/models/{t.name}")),
    Try("own models", "READ", get(lambda _: f"{API}/models"), filters=True),
    Try("own prompts", "READ", get(lambda _: f"{API}/models", filter=lambda _: "tags.`mlflow.prompt.is_prompt` = 'true'"), filters=True),
    # Files.
    Try("list", "READ", get(lambda _: f"{MLFLOW}/artifacts/list", run_id=lambda t: t.run), or_404=True, extra={"quiet": True}),
    Try("file", "READ", get(lambda _: "/get-artifact", run_id=lambda t: t.run, path=lambda _: "model/MLmodel"), or_404=True),
    Try("upload", "EDIT", upload, or_404=True),
    Try("proxied", "READ", proxied("GET")),
    Try("proxied put", "EDIT", proxied("PUT")),
    Try("proxied delete", "EDIT", proxied("DELETE")),
    Try("own list", "READ", get(lambda t: f"{API}/runs/{t.run}/artifacts"), extra={"quiet": True}),
    Try("own file", "READ", get(lambda t: f"{API}/runs/{t.run}/artifacts/content", path=lambda _: "model/MLmodel")),
    # Histories.
    Try("bulk", "READ", get(lambda _: f"{AJAX}/metrics/get-history-bulk", run_id=lambda t: t.run, metric_key=lambda _: "loss"), filters=True, or_404=True, extra={"marker": '"value":1.0'}),
    Try("bulk interval", "READ", get(lambda _: f"{AJAX}/metrics/get-history-bulk-interval", run_ids=lambda t: t.run, metric_key=lambda _: "loss"), or_404=True, extra={"quiet": True}),
    Try("series", "READ", post(f"{API}/metrics/series", lambda t: {"run_ids": [t.run], "keys": ["loss"]}), filters=True, or_404=True, extra={"quiet": True}),
    # The trash.
    Try("trash", "MANAGE", deleted_and_restored),
    Try("run to trash", "MANAGE", post(f"{MLFLOW}/runs/delete", lambda t: {"run_id": t.new_run()})),
    Try("restore", "MANAGE", in_trash),
    Try("for good", "SUPERUSER", emptied),
    # Words.
    Try("words", "READ", get(lambda _: f"{API}/search", q=lambda _: SECRET), filters=True, extra={"marker": f"{SECRET}-run"}),
    Try("words of prompts", "READ", get(lambda _: f"{API}/search", q=lambda _: SECRET, kind=lambda _: "prompt"), filters=True),
    # What tells the world.
    Try("webhook", "SUPERUSER", post(f"{MLFLOW}/webhooks", hook), extra={"fails_with": 400}),
    Try("webhooks", "SUPERUSER", get(lambda _: f"{MLFLOW}/webhooks"), extra={"quiet": True}),
    Try("jobs", "SUPERUSER", get(lambda _: f"{API}/jobs"), extra={"quiet": True}),
    # Rules of one's own, about what one may see.
    Try("rule", "READ", post(f"{API}/rules", lambda t: {"on": ["run.failed"], "experiment_id": t.experiment})),
    Try("rule of a run", "READ", post(f"{API}/rules", lambda t: {"on": ["run.failed"], "subject_id": t.run}), extra={"quiet": True}),
    Try("rule becomes", "READ", rewritten_rule),
    # What a refusal may not tell: the value that is there.
    Try("param", "EDIT", post(f"{MLFLOW}/runs/log-parameter", lambda t: {"run_id": t.run, "key": "word", "value": "other"}), reader_hears=400, extra={"fails_with": 400}),
]


def copied(t: Things, who: Person) -> requests.Response:
    """A copy of a version into a model of one's own, and the copy's file."""
    own = f"copy-{os.urandom(4).hex()}"
    who.call("POST", f"{MLFLOW}/registered-models/create", json={"name": own})
    body = {"name": own, "source": f"models:/{t.name}/1"}
    answer = who.call("POST", f"{MLFLOW}/model-versions/create", json=body)
    if answer.status_code != 200:
        return answer
    return who.call("GET", "/model-versions/get-artifact", params={"name": own, "version": "1", "path": "MLmodel"})


@dataclass
class Stage:
    """The things, and somebody of each level."""

    url: str
    things: Things
    people: dict[str, Person]


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    data = tmp_path_factory.mktemp("surfaces") / "data"
    server = start(data, BRANCHLINE_DEFAULT_PERMISSION="NO_PERMISSIONS")
    owner = person(server.url, *OWNER)
    things = Things(owner, "things")
    people = {"SUPERUSER": owner}
    for level in LEVELS[:-1]:
        email = f"{level.lower()}@example.org"
        owner.ok("POST", "/users/", {"email": email, "password": "a-long-password"})
        people[level] = person(server.url, email, "a-long-password")
        kinds = [("experiment", things.experiment), ("registered_model", things.name), ("registered_model", things.prompt)]
        for kind, thing in kinds if level != "NOTHING" else []:
            body = {"email": email, "resource_type": kind, "resource_id": thing, "permission": level}
            owner.ok("PUT", "/permissions", body)
    yield Stage(server.url, things, people)
    assert server.stop() == 0
    assert "panicked" not in server.log_text()


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("one", TRIES, ids=[one.name for one in TRIES])
def test_an_operation_needs_its_permission(stage: Stage, one: Try, level: str) -> None:
    answer = one.call(stage.things, stage.people[level])
    told = f"{level}: {answer.status_code} {answer.text[:300]}"
    marker = one.extra.get("marker", SECRET)
    may = LEVELS.index(level) >= LEVELS.index(one.needs)
    if may:
        wanted = one.extra.get("fails_with")
        assert answer.status_code == wanted if wanted else answer.status_code < 300, told
        if one.needs == "READ" and not one.extra.get("quiet"):
            assert marker in answer.text, f"nothing is there to be hidden: {told}"
        return
    if level == "NOTHING":
        assert SECRET not in answer.text and marker not in answer.text, told
    if one.filters and answer.status_code == 200:
        return
    if answer.status_code == 404 and level == "NOTHING" and one.or_404:
        return
    if level == "READ" and one.reader_hears != 403:
        assert answer.status_code == one.reader_hears, told
        return
    assert answer.status_code == 403, told
    assert answer.json().get("error_code", answer.json().get("code")) == "PERMISSION_DENIED", told


def test_counts_are_of_what_one_may_see(stage: Stage) -> None:
    def counts(level: str) -> tuple[int, int]:
        info = stage.people[level].ok("GET", "/server")
        figures = stage.people[level].call("GET", "/metrics").text
        assert f"\nbranchline_runs {info['runs']}\n" in figures
        return info["experiments"], info["registered_models"]

    everything = counts("SUPERUSER")
    nobody = stage.people["NOTHING"]
    own = nobody.call("GET", f"{MLFLOW}/registered-models/search").json().get("registered_models", [])
    assert counts("NOTHING") == (0, len(own))
    assert everything[0] >= 2 and everything[1] > len(own)


def test_a_rule_is_its_users_alone(stage: Stage) -> None:
    owner = stage.people["SUPERUSER"]
    watched = {"on": ["run.failed"], "name": SECRET}
    rule = owner.ok("POST", "/rules", watched, status=201)["id"]
    path = f"/rules/{rule}"
    for level in LEVELS[:-1]:
        who = stage.people[level]
        for method, place in (("GET", path), ("PUT", path), ("DELETE", path), ("GET", f"{path}/history"), ("POST", f"{path}/test")):
            answer = who.api(method, place, watched if method == "PUT" else None)
            assert answer.status_code == 404, f"{level} {method} {place}: {answer.status_code} {answer.text}"
        assert rule not in who.api("GET", "/rules").text
    assert owner.ok("GET", path)["name"] == SECRET


def test_a_rule_tells_nothing_of_what_was_taken_away(stage: Stage) -> None:
    things, owner = stage.things, stage.people["SUPERUSER"]
    email = "guest@example.org"
    owner.ok("POST", "/users/", {"email": email, "password": "a-long-password"})
    guest = person(stage.url, email, "a-long-password")
    given = {"email": email, "resource_type": "experiment", "resource_id": things.experiment}
    owner.ok("PUT", "/permissions", given | {"permission": "READ"})
    rule = guest.ok("POST", "/rules", {"on": ["run.failed"], "experiment_id": things.experiment}, status=201)

    def fail_a_run() -> str:
        run = things.new_run()
        things.must("POST", f"{MLFLOW}/runs/update", {"run_id": run, "status": "FAILED"})
        return run

    first = fail_a_run()
    assert [entry["subject_id"] for entry in guest.ok("GET", "/notifications")["notifications"]] == [first]
    assert SECRET in guest.api("GET", f"/rules/{rule['id']}").text
    answer = owner.api("DELETE", "/permissions", params=given)
    assert answer.status_code in (200, 204), answer.text
    second = fail_a_run()
    for path in ("/rules", f"/rules/{rule['id']}"):
        answer = guest.api("GET", path)
        assert answer.status_code == 200 and SECRET not in answer.text, f"{path}: {answer.text}"
    for path in (f"/rules/{rule['id']}/history", "/notifications"):
        entries = guest.ok("GET", path)["notifications"]
        assert [entry["subject_id"] for entry in entries] == [first], "what was told stays told, and nothing is added"


def test_a_trace_is_not_taken_over(stage: Stage) -> None:
    """Whoever knows a trace's id cannot move it to where they may read it."""
    things, owner = stage.things, stage.people["SUPERUSER"]
    trace = things.new_trace()
    for level in ("NOTHING", "READ"):
        thief = stage.people[level]
        own = thief.call("POST", f"{MLFLOW}/experiments/create", json={"name": f"of-{level}"}).json()["experiment_id"]
        info = things.trace_info(trace)
        info["trace_location"]["mlflow_experiment"]["experiment_id"] = own
        assert thief.call("POST", f"{V3}/traces", json={"trace": {"trace_info": info}}).status_code == 403
        spans_of = Batch()
        spans_of.trace = bytes.fromhex(trace.removeprefix("tr-"))
        spans_of.add("root", 1)
        headers = {"Content-Type": PROTOBUF, "x-mlflow-experiment-id": own}
        body = spans_of.body
        assert thief.call("POST", "/v1/traces", data=body, headers=headers).status_code == 403
    place = owner.call("GET", f"{V3}/traces/{trace}").json()["trace"]["trace_info"]["trace_location"]
    assert place["mlflow_experiment"]["experiment_id"] == things.experiment


def test_a_version_is_not_made_of_what_one_may_not_read(stage: Stage) -> None:
    things, thief = stage.things, stage.people["NOTHING"]
    thief.call("POST", f"{MLFLOW}/registered-models/create", json={"name": "loot"})
    files = f"mlflow-artifacts:/{things.experiment}/{things.run}/artifacts/model"
    claims = [
        {"source": files},
        {"source": files, "run_id": things.run},
        {"source": f"mlflow-artifacts:/{things.experiment}/models/{things.model}/artifacts", "model_id": things.model},
        {"source": f"models:/{things.model}"},
        {"source": f"models:/{things.model}", "model_id": things.model},
        {"source": f"runs:/{things.run}/model", "run_id": things.run},
        {"source": f"models:/{things.name}/1"},
        {"source": f"models:/{things.name}@latest"},
    ]
    for claim in claims:
        for answer in (
            thief.call("POST", f"{MLFLOW}/model-versions/create", json={"name": "loot"} | claim),
            thief.api("POST", "/models/loot/versions", claim),
        ):
            assert answer.status_code in (400, 403, 404), f"{claim}: {answer.status_code} {answer.text}"
            assert SECRET not in answer.text
    found = thief.call("GET", f"{MLFLOW}/model-versions/search", params={"filter": "name = 'loot'"})
    assert not found.json().get("model_versions")


def test_a_dataset_of_ones_own_goes_nowhere_else(stage: Stage) -> None:
    things, maker, other = stage.things, stage.people["NOTHING"], stage.people["READ"]
    made = maker.call("POST", f"{V3}/datasets/create", json={"name": "mine"}).json()["dataset"]["dataset_id"]
    path = f"{V3}/datasets/{made}"
    assert maker.call("GET", path).status_code == 200
    assert other.call("GET", path).status_code == 403, "in no experiment it is its maker's"
    into = maker.call("POST", f"{path}/add-experiments", json={"experiment_ids": [things.experiment]})
    assert into.status_code == 403
    assert maker.call("DELETE", path, json={}).status_code == 200


def test_nobody_lays_an_experiment_over_anothers_files(stage: Stage) -> None:
    things = stage.things
    for level, may in (("NOTHING", False), ("READ", False), ("SUPERUSER", True)):
        places = ["mlflow-artifacts:/", f"mlflow-artifacts:/{things.experiment}/in/it"]
        for place in places if not may else places[1:]:
            body = {"name": f"over-{level}-{len(place)}", "artifact_location": place}
            answer = stage.people[level].call("POST", f"{MLFLOW}/experiments/create", json=body)
            assert (answer.status_code == 200) == may, f"{level} at {place}: {answer.text}"
    body = {"name": "elsewhere", "artifact_location": "mlflow-artifacts:/elsewhere"}
    assert stage.people["NOTHING"].call("POST", f"{MLFLOW}/experiments/create", json=body).status_code == 200
    assert stage.people["READ"].call("GET", f"{things.root}/model/MLmodel").status_code == 200


@pytest.mark.parametrize("level", ["NOTHING", "READ", "EDIT"])
def test_mlflows_own_client(stage: Stage, level: str, own_client: Any, tmp_path: Path) -> None:
    things, who = stage.things, stage.people[level]
    token = str(who.session.headers["Authorization"]).split()[1]
    client = own_client(Server("branchline", stage.url, token))

    def may(call: Callable[[], Any]) -> bool:
        try:
            call()
        except (MlflowException, requests.HTTPError) as error:
            # The client puts its own words around some.
            told = f"{error} {getattr(error, 'error_code', '')} {error.__cause__} {error.__context__}"
            assert "403" in told or "PERMISSION_DENIED" in told, told
            assert level != "NOTHING" or SECRET not in str(error).replace(things.name, "").replace(things.prompt, "")
            return False
        return True

    reads = [
        lambda: client.get_run(things.run),
        lambda: client.get_experiment(things.experiment),
        lambda: client.get_metric_history(things.run, "loss"),
        lambda: client.get_logged_model(things.model),
        lambda: client.get_registered_model(things.name),
        lambda: client.get_model_version(things.name, "1"),
        lambda: client.get_dataset(things.dataset),
        lambda: mlflow.artifacts.download_artifacts(
            artifact_uri=f"mlflow-artifacts:/{things.experiment}/{things.run}/artifacts/model/MLmodel",
            dst_path=str(tmp_path),
        ),
    ]
    writes = [
        lambda: client.log_metric(things.run, "m", 1.0),
        lambda: client.set_tag(things.run, "a", "b"),
        lambda: client.set_experiment_tag(things.experiment, "a", "b"),
        lambda: client.set_trace_tag(things.trace, "a", "b"),
        lambda: client.set_registered_model_tag(things.name, "a", "b"),
        lambda: client.set_logged_model_tags(things.model, {"a": "b"}),
        lambda: mlflow.log_feedback(trace_id=things.trace, name="f", value=1),
        lambda: client.create_run(things.experiment),
    ]
    assert [may(call) for call in reads] == [level != "NOTHING"] * len(reads)
    assert [may(call) for call in writes] == [level == "EDIT"] * len(writes)
    found = [
        len(client.search_runs([things.experiment])),
        len(client.search_traces(locations=[things.experiment])),
        len([one for one in client.search_registered_models() if one.name == things.name]),
        len([one for one in client.search_experiments() if one.experiment_id == things.experiment]),
        len(client.search_logged_models([things.experiment])),
    ]
    assert [count > 0 for count in found] == [level != "NOTHING"] * len(found), found
