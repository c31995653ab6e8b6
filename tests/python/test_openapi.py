"""The document is right: each operation is used as it says, and then with whatever else fits it.

Schemathesis makes the requests and judges the answers: no 5xx, no status that is not declared,
and bodies as declared. First as the owner, once for each operation, with what is there: all of
them have to do their work. Then with generated values, as the owner and as a plain user.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import hypothesis
import pytest
import requests
import schemathesis
from aiosmtpd.controller import Controller
from aiosmtpd.handlers import Sink
from openapi_spec_validator import OpenAPIV31SpecValidator
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.core.failures import FailureGroup
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

import harness
from harness import Server
from stack import OWNER, PLAIN, person, start

pytestmark = pytest.mark.own_server

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
DOCUMENT = json.loads((harness.ROOT / "docs/openapi.json").read_text())
#: Generated requests for each operation and caller: such as the document allows, and others.
FITTING, UNFIT = {"owner": 3, "plain": 2}, {"owner": 2, "plain": 1}
#: What has an answer of 501 until models are kept in memory.
NOT_OFFERED = {"predict"}
#: What would take the server or every credential away from those that come after.
ENDS = {"shut_down", "rotate_key"}
#: What only who can read the data folder may do.
AT_HOME = {"shut_down", "issue_secret"}
NUMBERS = itertools.count(1)


class World:
    """A server with one of everything."""

    def __init__(self, folder: Path) -> None:
        home = folder / "home"
        home.mkdir()
        self.folder = folder
        self.postman = Controller(Sink(), hostname="127.0.0.1", port=harness.free_port())
        self.postman.start()
        self.server = start(
            folder / "data",
            HOME=str(home),
            BRANCHLINE_OPEN_REGISTRATION="true",
            BRANCHLINE_SMTP_HOST="127.0.0.1",
            BRANCHLINE_SMTP_PORT=str(self.postman.port),
            BRANCHLINE_SMTP_TLS="false",
            BRANCHLINE_MAIL_FROM="lab@example.org",
        )
        instance = json.loads((folder / "data/instance.json").read_text())
        #: Who can read the data folder.
        self.at_home = Server("branchline", self.server.url, instance["secret"])
        token = harness.mint_token(folder / "data", scope="admin")
        self.owner = Server("branchline", self.server.url, token)
        self.new_user(*PLAIN)
        ada = person(self.server.url, *PLAIN)
        made = ada.ok("POST", "/tokens", {"name": "tests", "scope": "admin"}, 201)
        self.plain = Server("branchline", self.server.url, made["secret"])
        self.experiment = self.new_experiment()
        self.run = self.new_run()
        self.model = self.new_model()
        self.logged = self.new_logged_model()
        self.trace = self.new_trace()
        self.item = self.new_item()
        self.job = self.new_job()
        self.project = self.new_project()
        # A mail in the outbox.
        self.done("POST", f"/password-recovery/{PLAIN[0]}")

    def done(self, method: str, path: str, body: Any = None) -> Any:
        answer = self.owner.request(method, f"/api/v1{path}", json=body)
        assert answer.ok, f"{method} {path}: {answer.status_code} {answer.text}"
        return answer.json() if answer.content else None

    def name(self) -> str:
        return f"thing-{next(NUMBERS)}"

    def new_experiment(self) -> str:
        return self.owner.ok("POST", "/experiments/create", {"name": self.name()})["experiment_id"]

    def new_run(self) -> str:
        run = self.owner.new_run(self.experiment)
        for step in range(3):
            point = {"run_id": run, "key": "loss", "value": 1 / (step + 1), "timestamp": step, "step": step}
            self.owner.ok("POST", "/runs/log-metric", point)
        self.owner.ok("POST", "/runs/log-parameter", {"run_id": run, "key": "alpha", "value": "0.5"})
        self.put(f"{self.experiment}/{run}/artifacts/model/MLmodel", b"flavors: {}")
        return run

    def put(self, place: str, body: bytes) -> None:
        answer = self.owner.request("PUT", f"/api/2.0/mlflow-artifacts/artifacts/{place}", data=body)
        assert answer.status_code == 200, answer.text

    def new_model(self, versions: int = 1) -> str:
        name = self.name()
        self.done("POST", "/models", {"name": name})
        for _ in range(versions):
            self.done("POST", f"/models/{name}/versions", {"run_id": self.run, "source": f"runs:/{self.run}/model"})
        self.done("PUT", f"/models/{name}/aliases/best", {"version": 1})
        return name

    def archived_model(self) -> str:
        name = self.new_model()
        self.done("POST", f"/ml/model/{name}/archive")
        return name

    def new_logged_model(self) -> str:
        body = {"experiment_id": self.experiment, "name": self.name(), "source_run_id": self.run}
        made = self.owner.ok("POST", "/logged-models", body)
        model = made["model"]["info"]["model_id"]
        self.put(f"{self.experiment}/models/{model}/artifacts/MLmodel", b"flavors: {}")
        return model

    def new_trace(self) -> str:
        trace = f"{next(NUMBERS):032x}"
        span = {
            "traceId": trace,
            "spanId": "00000000000000aa",
            "name": "ask",
            "startTimeUnixNano": "1764000000000000000",
            "endTimeUnixNano": "1764000000090000000",
            "attributes": [{"key": "mlflow.spanInputs", "value": {"stringValue": '{"question": 1}'}}],
        }
        headers = {"x-mlflow-experiment-id": self.experiment}
        body = {"resourceSpans": [{"scopeSpans": [{"spans": [span]}]}]}
        answer = self.owner.request("POST", "/v1/traces", json=body, headers=headers)
        assert answer.ok, answer.text
        return f"tr-{trace}"

    def new_item(self) -> int:
        return self.done("POST", "/items/", {"title": self.name()})["id"]

    def new_user(self, email: str | None = None, password: str = "a-password") -> int:
        email = email or f"{self.name()}@example.org"
        return self.done("POST", "/users/", {"email": email, "password": password})["id"]

    def new_job(self, ended: bool = True, **options: Any) -> str:
        body = {"task": "app.worker.run_task", "args": ["hello"], **options}
        job = self.done("POST", "/jobs", body)["task_id"]
        if ended:
            self.done("GET", f"/jobs/{job}?wait=20")
        return job

    def schedule(self) -> dict[str, Any]:
        return {"name": self.name(), "every": 3600, "job": {"task": "branchline.noop"}}

    def new_schedule(self) -> str:
        return self.done("POST", "/schedules", self.schedule())["name"]

    def new_rule(self) -> str:
        return self.done("POST", "/rules", {"on": ["job.failed"]})["id"]

    def project_folder(self) -> str:
        folder = self.folder / self.name()
        folder.mkdir()
        (folder / "tasks.py").write_text("def double(number: int = 1) -> int:\n    return 2 * number\n")
        (folder / "MLproject").write_text(f"name: x\nentry_points:\n  main:\n    command: \"{sys.executable} -c 1\"\n")
        notebook = {"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
        (folder / "a.ipynb").write_text(json.dumps(notebook))
        return str(folder)

    def new_project(self) -> int:
        return self.done("POST", "/projects", {"path": self.project_folder(), "interpreter": sys.executable})["id"]

    def new_sweep(self) -> str:
        body = {"task": "tasks.double", "space": {"number": [1, 2]}}
        return self.done("POST", f"/projects/{self.project}/sweeps", body)["sweep_id"]

    def notebooks(self) -> str:
        return self.done("POST", f"/projects/{self.project}/notebook-server")["task_id"]

    def waiting_job(self) -> str:
        return self.new_job(ended=False, countdown=3600)

    def running_job(self) -> str:
        command = [sys.executable, "-c", "import time; print('here', flush=True); time.sleep(600)"]
        job = self.done("POST", "/jobs", {"command": command})["task_id"]
        self.done("GET", f"/jobs/{job}/log?wait=20")
        return job

    def other_session(self) -> int:
        person(self.server.url, *OWNER)
        with requests.Session() as session:
            session.headers["Authorization"] = f"Bearer {self.owner.token}"
            return session.get(f"{self.server.url}/api/v1/sessions", timeout=60).json()["sessions"][0]["id"]

    def new_token(self) -> int:
        return self.done("POST", "/tokens", {"name": self.name(), "scope": "read"})["token"]["id"]

    def deleted_run(self) -> str:
        run = self.new_run()
        self.done("DELETE", f"/runs/{run}")
        return run

    def deleted_experiment(self) -> str:
        experiment = self.new_experiment()
        self.done("DELETE", f"/experiments/{experiment}")
        return experiment

    def reset_token(self) -> str:
        """The one in the newest mail about it: mails that set passwords are throttled."""
        newest = next(mail for mail in self.done("GET", "/outbox")["mail"] if mail["kind"] == "recovery")
        return self.done("GET", f"/outbox/{newest['id']}")["text"].split("token=")[1].split()[0]

    def granted(self) -> dict[str, str]:
        grant = {"email": PLAIN[0], "resource_type": "experiment", "resource_id": self.new_experiment()}
        self.done("PUT", "/permissions", {**grant, "permission": "EDIT"})
        return grant


Use = dict[str, Any]


def path(**values: Any) -> Use:
    return {"path_parameters": values}


def body(content: Any, **values: Any) -> Use:
    return {"body": content, **(path(**values) if values else {})}


def query(values: dict[str, Any], **names: Any) -> Use:
    return {"query": values, **(path(**names) if names else {})}


def version(w: World, **content: Any) -> Use:
    return body(content, name=w.model, version=1) if content else path(name=w.new_model(), version=1)


#: How each operation is used well; those that are not here need nothing.
USES: dict[str, Callable[[World], Use]] = {
    "access_token": lambda w: body({"username": OWNER[0], "password": OWNER[1]}),
    "add_project": lambda w: body({"path": w.project_folder()}),
    "archive_model": lambda w: path(name=w.new_model()),
    "archive_model_by_get": lambda w: path(name=w.new_model()),
    "backup_database": lambda w: body({"path": str(w.folder / f"{w.name()}.db")}),
    "bulk_runs": lambda w: body({"run_ids": [w.new_run()], "action": "delete"}),
    "cancel_job": lambda w: path(id=w.waiting_job()),
    "check_filter": lambda w: body({"entity": "runs", "filter": "metrics.loss < 1"}),
    "connect": lambda w: body({"write": False}),
    "change_schedule": lambda w: body({"enabled": False}, id=w.new_schedule()),
    "create_rule": lambda w: body({"on": ["metric.above"], "name": "loss", "threshold": 3}),
    "delete_rule": lambda w: path(id=w.new_rule()),
    "get_rule": lambda w: path(id=w.new_rule()),
    "read_notifications": lambda w: body({}),
    "replace_rule": lambda w: body({"on": ["run.failed"]}, id=w.new_rule()),
    "rule_history": lambda w: path(id=w.new_rule()),
    "test_rule": lambda w: path(id=w.new_rule()),
    "create_schedule": lambda w: body(w.schedule()),
    "delete_schedule": lambda w: path(id=w.new_schedule()),
    "get_schedule": lambda w: path(id=w.new_schedule()),
    "job_usage": lambda w: path(id=w.job),
    "run_schedule": lambda w: path(id=w.new_schedule()),
    "schedule_history": lambda w: path(id=w.new_schedule()),
    "create_experiment": lambda w: body({"name": w.name()}),
    "create_item": lambda w: body({"title": "a", "link": {"kind": "run", "id": w.run}}),
    "create_model": lambda w: body({"name": w.name()}),
    "create_token": lambda w: body({"name": w.name(), "scope": "log"}),
    "create_user": lambda w: body({"email": f"{w.name()}@example.org", "password": "a-password"}),
    "create_version": lambda w: body({"run_id": w.run, "source": f"runs:/{w.run}/model"}, name=w.model),
    "delete_alias": lambda w: path(name=w.new_model(), alias="best"),
    "delete_experiment": lambda w: path(id=w.new_experiment()),
    "delete_item": lambda w: path(id=w.new_item()),
    "delete_model": lambda w: path(name=w.new_model()),
    "delete_permission": lambda w: query(w.granted()),
    "delete_run": lambda w: path(id=w.new_run()),
    "delete_traces": lambda w: body({"experiment_id": w.experiment, "trace_ids": [w.new_trace()]}),
    "delete_user": lambda w: path(id=w.new_user()),
    "delete_version": lambda w: version(w),
    "empty_trash": lambda w: body({"items": [{"kind": "run", "id": w.deleted_run()}]}),
    "forget_job": lambda w: path(id=w.new_job()),
    "get_experiment": lambda w: path(id=w.experiment),
    "get_job": lambda w: path(id=w.job),
    "get_mail": lambda w: path(id=1),
    "get_notebook_server": lambda w: path(id=w.notebooks()),
    "get_project": lambda w: path(id=w.project),
    "get_sweep": lambda w: path(id=w.new_sweep()),
    "get_metric_series": lambda w: body({"run_ids": [w.run], "keys": ["loss"]}),
    "get_model": lambda w: path(name=w.model),
    "get_model_artifact": lambda w: query({"path": "MLmodel"}, id=w.logged),
    "get_run": lambda w: path(id=w.run),
    "get_run_artifact": lambda w: query({"path": "model/MLmodel"}, id=w.run),
    "get_trace": lambda w: path(id=w.trace),
    "job_log": lambda w: path(id=w.job),
    "list_experiment_keys": lambda w: path(id=w.experiment),
    "list_model_artifacts": lambda w: path(id=w.logged),
    "list_permissions": lambda w: query({"resource_type": "experiment", "resource_id": w.experiment}),
    "list_run_artifacts": lambda w: path(id=w.run),
    "list_run_metrics": lambda w: path(id=w.run),
    "list_run_models": lambda w: path(id=w.run),
    "list_trash": lambda w: query({"kind": "run"}),
    "open_user": lambda w: body({"email": f"{w.name()}@example.org", "password": "a-password"}),
    "patch_project": lambda w: body({"name": w.name()}, id=w.new_project()),
    "preview_schedule": lambda w: query({"cron": "30 2 * * *", "zone": "Europe/Berlin"}),
    "purge_queue": lambda w: path(name="main-queue"),
    "put_me": lambda w: body({"full_name": "The owner"}),
    "put_permission": lambda w: body({**w.granted(), "permission": "READ"}),
    "query_database": lambda w: body({"sql": "SELECT 1, 'a', NULL, 2.5"}),
    "queue_celery_task": lambda w: body({"msg": "hello"}),
    "read_item": lambda w: path(id=w.item),
    "read_notebook": lambda w: query({"path": "a.ipynb"}, id=w.project),
    "read_stack_run": lambda w: path(run_id=w.run),
    "read_user": lambda w: path(id=w.new_user()),
    "recover_password": lambda w: path(email=PLAIN[0]),
    "register_model_of_run": lambda w: body({"name": w.name()}, run_id=w.run),
    "remove_project": lambda w: path(id=w.new_project()),
    "report_job": lambda w: body({"progress": 0.5}, id=w.running_job()),
    "reset_password": lambda w: body({"token": w.reset_token(), "new_password": PLAIN[1]}),
    "restore_experiment": lambda w: path(id=w.deleted_experiment()),
    "restore_run": lambda w: path(id=w.deleted_run()),
    "restore_trash": lambda w: body({"items": [{"kind": "run", "id": w.deleted_run()}]}),
    "retry_job": lambda w: path(id=w.new_job()),
    "revoke_session": lambda w: path(id=w.other_session()),
    "revoke_token": lambda w: path(id=w.new_token()),
    "run_entry_point": lambda w: body({"arguments": {}}, id=w.project, name="main"),
    "run_notebook": lambda w: query({"path": "a.ipynb"}, id=w.project) | {"body": {"arguments": {}}},
    "run_project_task": lambda w: body({"arguments": {"number": 2}}, id=w.project, name="tasks.double"),
    "scan_project": lambda w: path(id=w.project),
    "search": lambda w: query({"q": "thing"}),
    "search_runs": lambda w: body({"experiment_ids": [w.experiment]}),
    "search_traces": lambda w: body({"experiment_ids": [w.experiment]}),
    "set_alias": lambda w: body({"version": 1}, name=w.model, alias="other"),
    "set_network": lambda w: body({"server.allowed_hosts": "ml.example.org", "server.port": None}),
    "set_password": lambda w: body({"current": OWNER[1], "new": OWNER[1]}),
    "set_queue": lambda w: body({"concurrency": 2}, name="main-queue"),
    "set_rate": lambda w: body({"rate": "100/s"}, task="branchline.noop"),
    "set_time_limit": lambda w: body({"time_limit": 60}, task="a.task"),
    "sign_in": lambda w: body({"email": OWNER[0], "password": OWNER[1]}),
    "start_notebooks": lambda w: path(id=w.project),
    "stop_notebook_server": lambda w: path(id=w.notebooks()),
    "stop_sweep": lambda w: path(id=w.new_sweep()),
    "submit_graph": lambda w: body({"chain": [{"job": {"task": "branchline.noop"}}]}),
    "submit_job": lambda w: body({"task": "branchline.noop"}),
    "submit_sweep": lambda w: body({"task": "tasks.double", "space": {"number": [1, 2]}}, id=w.project),
    "task_status": lambda w: path(task_id=w.job),
    "test_celery": lambda w: body({"msg": "hello"}),
    "test_email": lambda w: query({"email_to": "bob@example.org"}),
    "train_model": lambda w: body({"alpha": 0.1, "l1_ratio": 0.1}),
    "unarchive_model": lambda w: path(name=w.archived_model()),
    "unarchive_model_by_get": lambda w: path(name=w.archived_model()),
    "update_experiment": lambda w: body({"note": "words"}, id=w.experiment),
    "update_item": lambda w: body({"title": "b"}, id=w.item),
    "update_me": lambda w: body({"full_name": "The owner"}),
    "update_model": lambda w: body({"description": "words"}, name=w.model),
    "update_preferences": lambda w: body({"theme": "dark"}),
    "update_run": lambda w: body({"note": "words"}, id=w.run),
    "update_user": lambda w: body({"full_name": "Bob"}, id=w.new_user()),
    "update_version": lambda w: version(w, description="words"),
    "waiting_jobs": lambda w: path(name="main-queue"),
}


def ident(operation: Any) -> str:
    return operation.definition.raw["operationId"]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    world = World(tmp_path_factory.mktemp("openapi"))
    yield world
    assert world.server.stop() == 0, world.server.log_text()
    world.postman.stop()
    assert "panicked" not in world.server.log_text()


@pytest.fixture(scope="module")
def operations(world: World) -> list[Any]:
    schema = schemathesis.openapi.from_dict(DOCUMENT)
    schema.config.update(base_url=world.server.url)
    found = [result.ok() for result in schema.get_all_operations()]
    return sorted(found, key=ident)


def test_the_document_is_openapi(world: World) -> None:
    OpenAPIV31SpecValidator(DOCUMENT).validate()
    served = world.owner.get("/api/v1/openapi.json").json()
    cookie = served["components"]["securitySchemes"]["session"].pop("name")
    signed_in = requests.post(
        f"{world.server.url}/api/v1/session", json={"email": OWNER[0], "password": OWNER[1]}, timeout=60
    )
    assert cookie in signed_in.cookies, "the document names the cookie"
    committed = json.loads(json.dumps(DOCUMENT))
    committed["components"]["securitySchemes"]["session"].pop("name")
    assert served == committed


def judged(case: Any, caller: Server) -> tuple[int, list[str]]:
    """The status, and what is wrong with the answer."""
    answer = case.call(session=caller.session, timeout=60)
    try:
        case.validate_response(answer, checks=CHECKS)
    except FailureGroup as group:
        wrong = [f"{failure.title}: {failure.message}".replace("\n", " ") for failure in group.exceptions]
        sent = f"{case.method} {answer.request.path_url} {str(case.body)[:300]}"
        return answer.status_code, [f"{sent}\n    {words[:400]}\n    {answer.text[:300]}" for words in wrong]
    return answer.status_code, []


def test_every_operation_does_its_work(world: World, operations: list[Any]) -> None:
    complaints = []
    for operation in operations:
        name = ident(operation)
        if name in ENDS | NOT_OFFERED:
            continue
        caller = world.at_home if name in AT_HOME else world.owner
        status, wrong = judged(operation.Case(**USES.get(name, lambda _: {})(world)), caller)
        complaints += wrong
        if not 200 <= status < 300:
            complaints.append(f"{name} answered {status}: say in USES how it is used well")
    assert not complaints, "\n".join(complaints)


def without(value: Any, key: str) -> None:
    """Takes a key out of objects, however deep they lie."""
    if isinstance(value, dict):
        value.pop(key, None)
    for part in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        without(part, key)


def tame(case: Any, world: World, name: str, real: Use) -> None:
    """Keeps a generated request from waiting, and from taking away who asks."""
    if "wait" in (case.query or {}):
        case.query["wait"] = 0
    if isinstance(case.body, dict):
        # No program is run, and no file is written outside of the test's folder.
        without(case.body, "command")
        if name == "backup_database" and str(case.body.get("path", "")).startswith("/"):
            case.body = real["body"]
        if name == "connect":
            case.body.pop("write", None)
    users = name in {"update_user", "delete_user", "revoke_token", "revoke_session"}
    if users and case.path_parameters:
        case.path_parameters = real["path_parameters"]


def fuzzed(operation: Any, world: World, who: str, count: Counter[int]) -> list[str]:
    """What was wrong with answers to generated requests."""
    name = ident(operation)
    caller: Server = getattr(world, who)
    real = USES.get(name, lambda _: {})(world)
    turns = itertools.count()
    complaints: list[str] = []

    def ask(case: Any) -> None:
        # Every other request is about something that is there.
        if next(turns) % 2 == 0 and "path_parameters" in real:
            case.path_parameters = dict(real["path_parameters"])
        tame(case, world, name, real)
        status, wrong = judged(case, caller)
        count[status // 100] += 1
        complaints.extend(wrong)

    bounds = {
        "deadline": None,
        "database": None,
        "derandomize": True,
        "phases": [hypothesis.Phase.generate],
        "suppress_health_check": list(hypothesis.HealthCheck),
    }
    modes = [(GenerationMode.POSITIVE, FITTING[who])]
    if operation.definition.raw.get("parameters") or operation.definition.raw.get("requestBody"):
        modes.append((GenerationMode.NEGATIVE, UNFIT[who]))
    for mode, examples in modes:
        strategy = operation.as_strategy(generation_mode=mode)
        # Whatever is sent as a text in a path, say, fits: then nothing unfit can be made.
        with contextlib.suppress(*[hypothesis.errors.Unsatisfiable] * (mode is GenerationMode.NEGATIVE)):
            hypothesis.settings(max_examples=examples, **bounds)(hypothesis.given(strategy)(ask))()
    return complaints


@pytest.mark.parametrize("who", ["owner", "plain"])
def test_no_request_is_answered_in_undeclared_ways(who: str, world: World, operations: list[Any]) -> None:
    caller: Server = getattr(world, who)
    shares, complaints = [], []
    began = time.monotonic()
    for operation in operations:
        if ident(operation) in ENDS | NOT_OFFERED:
            continue
        count: Counter[int] = Counter()
        complaints += fuzzed(operation, world, who, count)
        total = sum(count.values())
        shares.append(f"{ident(operation):28} {count[2] / total:4.0%} of {total}")
        still = caller.get("/api/v1/users/me")
        assert still.status_code == 200, f"{ident(operation)} took the caller away: {still.text}"
    print(f"\nAs {who}, {time.monotonic() - began:.0f} s; 2xx of generated requests:", *shares, sep="\n  ")
    assert not complaints, f"{len(complaints)} complaints\n" + "\n".join(complaints[:60])


def test_what_ends_everything_is_declared_so(world: World, operations: list[Any]) -> None:
    by_name = {ident(operation): operation for operation in operations}
    last = [by_name["rotate_key"], by_name["shut_down"]]
    assert {ident(operation) for operation in last} == ENDS
    for operation in last:
        refused, wrong = judged(operation.Case(), world.plain)
        assert (refused, wrong) == (403, []), f"{ident(operation)} by a plain user"
    for operation in last:
        status, wrong = judged(operation.Case(), world.at_home if ident(operation) in AT_HOME else world.owner)
        assert (status // 100, wrong) == (2, []), ident(operation)
    assert world.server.process is not None
    assert world.server.process.wait(60) == 0
