"""The stack's routes to its worker: queue a word, ask after it, train."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import mlflow
import numpy as np
import pytest
from mlflow import MlflowClient

import harness
from harness import Server
from stack import OWNER, PLAIN, Person, person, said, start

pytestmark = [pytest.mark.own_server, pytest.mark.branchline_only]
GOLDEN = json.loads((Path(__file__).parent / "fixtures/golden_enet.json").read_text())
PRIVILEGES = (400, "The user doesn't have enough privileges")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    running = start(tmp_path_factory.mktemp("stack") / "data", BRANCHLINE_ML_PYTHON=sys.executable, MPLBACKEND="Agg")
    owner = person(running.url, *OWNER)
    owner.ok("POST", "/users/", {"email": PLAIN[0], "password": PLAIN[1]})
    yield running
    assert running.stop() == 0, running.log_text()


@pytest.fixture
def owner(server: Server) -> Person:
    return person(server.url, *OWNER)


def finished(owner: Person, task_id: str, wait: int = 240) -> dict:
    owner.ok("GET", f"/jobs/{task_id}?wait={wait}")
    status = owner.ok("GET", f"/utils/task-status/{task_id}")
    assert set(status) == {"task_id", "task_status", "task_result"} and status["task_id"] == task_id
    return status


def test_row_utils_queue_celery_task(server: Server, owner: Person) -> None:
    for path in ("/utils/queue-celery-task/", "/utils/queue-celery-task"):
        queued = owner.ok("POST", path, {"msg": "hello"}, status=201)
        assert queued["msg"] == "Word received" and set(queued) == {"msg", "task_id"}
        status = finished(owner, queued["task_id"])
        assert (status["task_status"], status["task_result"]) == ("SUCCESS", "test task return hello")
    assert said(person(server.url, *PLAIN).api("POST", path, {"msg": "x"})) == PRIVILEGES
    missing = owner.api("POST", "/utils/queue-celery-task/", {})
    assert missing.status_code == 422 and missing.json()["detail"][0]["loc"] == ["body", "msg"]
    record = owner.ok("GET", f"/jobs/{queued['task_id']}")
    assert (record["name"], record["queue"]) == ("app.worker.run_task", "main-queue")
    for field in ("status", "result", "traceback", "children", "date_done", "task_id"):
        assert field in record, "Celery's own"


def test_defect_10_test_celery_is_there_too(owner: Person) -> None:
    assert owner.ok("POST", "/utils/test-celery/", {"msg": "test"}, status=201) == {"msg": "Word received"}


def test_q5_an_unknown_id_is_pending_on_the_stacks_path_and_unknown_on_ours(server: Server, owner: Person) -> None:
    status = owner.ok("GET", "/utils/task-status/no-such-id")
    assert status == {"task_id": "no-such-id", "task_status": "PENDING", "task_result": None}
    assert owner.api("GET", "/jobs/no-such-id").status_code == 404
    assert said(person(server.url, *PLAIN).api("GET", "/utils/task-status/no-such-id")) == PRIVILEGES


def test_defect_3_work_that_waits_is_pending_with_null(owner: Person) -> None:
    owner.ok("PATCH", "/queues/main-queue", {"paused": True})
    task_id = owner.ok("POST", "/utils/queue-celery-task/", {"msg": "w"}, status=201)["task_id"]
    status = owner.ok("GET", f"/utils/task-status/{task_id}")
    assert (status["task_status"], status["task_result"]) == ("PENDING", None)
    owner.ok("PATCH", "/queues/main-queue", {"paused": False})
    assert finished(owner, task_id)["task_status"] == "SUCCESS"


def check_run(client: MlflowClient, run_id: str, case: dict) -> None:
    run = client.get_run(run_id)
    assert run.info.status == "FINISHED"
    assert float(run.data.params["alpha"]) == case["alpha"]
    assert float(run.data.params["l1_ratio"]) == case["l1_ratio"]
    for metric in ("rmse", "mae", "r2"):
        assert run.data.metrics[metric] == pytest.approx(case[metric], rel=1e-6)


@pytest.mark.parametrize("case", GOLDEN["cases"], ids=lambda case: f"{case['alpha']}-{case['l1_ratio']}")
def test_m6_row_ml_train_model_equals_the_golden_run(
    server: Server, owner: Person, own_client: Callable[[Server], MlflowClient], case: dict
) -> None:
    body = {"alpha": case["alpha"], "l1_ratio": case["l1_ratio"]}
    queued = owner.ok("POST", "/ml/train-model", body, status=201)
    assert queued["msg"] == "Training started."
    status = finished(owner, queued["task_id"])
    log = owner.ok("GET", f"/jobs/{queued['task_id']}/log?after=-4000")["text"]
    assert status["task_status"] == "SUCCESS", (status, log)
    server.session.headers["Authorization"] = owner.session.headers["Authorization"]
    server.token = str(owner.session.headers["Authorization"]).removeprefix("Bearer ")
    client = own_client(server)
    run_id = status["task_result"]
    check_run(client, run_id, case)
    loaded = mlflow.sklearn.load_model(f"runs:/{run_id}/model")
    assert loaded.coef_ == pytest.approx(case["coef"], rel=1e-6)
    flat = np.full((1, 10), 0.01)
    assert float(loaded.predict(flat)[0]) == pytest.approx(case["predict_all_0_01"], rel=1e-6)
    assert owner.ok("GET", f"/ml/runs/{run_id}")["info"]["status"] == "FINISHED"
    assert owner.ok("GET", f"/jobs/{queued['task_id']}")["runs"] == [run_id]


def test_train_from_the_console_prints_the_run(
    server: Server, owner: Person, own_client: Callable[[Server], MlflowClient]
) -> None:
    case = GOLDEN["cases"][1]
    done = harness.run_cli(server.data_dir, "ml", "train", "--alpha", str(case["alpha"]), "--l1-ratio", str(case["l1_ratio"]))
    assert done.returncode == 0, done.stderr
    server.token = str(owner.session.headers["Authorization"]).removeprefix("Bearer ")
    check_run(own_client(server), done.stdout.strip(), case)


def test_row_ml_train_model_refuses(server: Server, owner: Person) -> None:
    assert said(person(server.url, *PLAIN).api("POST", "/ml/train-model", {"alpha": 1, "l1_ratio": 1})) == PRIVILEGES
    wrong = owner.api("POST", "/ml/train-model", {"alpha": "x", "l1_ratio": 1})
    assert wrong.status_code == 422 and wrong.json()["detail"][0]["loc"] == ["body", "alpha"]


def test_without_a_python_that_can_train_the_remedy_is_said(
    administer: Callable[..., Server], tmp_path: Path
) -> None:
    bare = tmp_path / "bare"
    os.makedirs(bare)
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(bare / "env")], check=True)
    python = str(bare / "env/bin/python")
    named = administer(BRANCHLINE_ML_PYTHON=python)
    answer = named.post("/api/v1/ml/train-model", {"alpha": 1, "l1_ratio": 1})
    assert answer.status_code == 400 and f"'{python}'" in answer.json()["detail"]
    assert f"{python} -m pip install mlflow scikit-learn" in answer.json()["hint"]
    assert named.stop() == 0
    nothing = administer(PATH=str(bare / "env/bin"), VIRTUAL_ENV="")
    answer = nothing.post("/api/v1/ml/train-model", {"alpha": 1, "l1_ratio": 1})
    assert answer.status_code == 400 and "ml.python" in answer.json()["hint"]
    done = harness.run_cli(tmp_path / "data", "ml", "train")
    assert done.returncode == 2 and "ml.python" in done.stderr


def test_a_project_that_the_settings_name_trains(administer: Callable[..., Server], tmp_path: Path) -> None:
    folder = tmp_path / "mine"
    folder.mkdir()
    (folder / "tasks.py").write_text("def fit(alpha: float, l1_ratio: float, more: int = 1) -> str: return f'{alpha} {l1_ratio}'\n")
    server = administer(BRANCHLINE_ML_PROJECT="mine")
    unknown = server.post("/api/v1/ml/train-model", {"alpha": 1, "l1_ratio": 1})
    assert unknown.status_code == 404 and "ml.project" in unknown.json()["hint"]
    assert server.post("/api/v1/projects", {"path": str(folder), "interpreter": sys.executable}).status_code == 201
    queued = server.post("/api/v1/ml/train-model", {"alpha": 1, "l1_ratio": 2})
    assert queued.status_code == 201, queued.text
    record = server.get(f"/api/v1/jobs/{queued.json()['task_id']}?wait=60").json()
    assert record["result"] == "1.0 2.0" or record["result"] == "1 2"
