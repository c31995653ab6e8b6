"""What goes beyond MLflow's search: many experiments, words in anything, aggregates."""

from __future__ import annotations

import sqlite3
import subprocess
from collections.abc import Callable

import pytest
from mlflow import MlflowClient
from mlflow.entities import Metric, Param, RunTag

import harness
from harness import Server

pytestmark = pytest.mark.branchline_only


def find(server: Server, text: str, **parameters: object) -> dict:
    answer = server.get("/api/v1/search", params={"q": text, **parameters})
    assert answer.status_code == 200, answer.text
    return answer.json()


def marked(result: dict) -> list[str]:
    """Fields with their text, words that were looked for in brackets."""
    show = lambda part: f"[{part['text']}]" if part["hit"] else part["text"]  # noqa: E731
    return [f"{match['field']}: {''.join(map(show, match['parts']))}" for match in result["matches"]]


def test_a_word_that_a_client_logged_is_found_at_once(
    server: Server, client: MlflowClient, experiment: str, name: str
) -> None:
    run = client.create_run(experiment, run_name="bold-cat-7").info.run_id
    client.log_batch(
        run,
        [Metric("secretmetric", 1.0, 1, 0)],
        [Param("optimizer", f"AdamW-{name}")],
        [RunTag("mlflow.note.content", "Tried a *wider* head.")],
    )
    [result] = find(server, f"adamw-{name}")["results"]
    assert (result["kind"], result["id"], result["experiment_id"]) == ("run", run, experiment)
    assert marked(result) == [f"param: optimizer=[AdamW-{name}]"]
    [result] = find(server, f"wider {name}")["results"]
    assert "note: Tried a *[wider]* head." in marked(result)
    assert find(server, "secretmetric")["results"] == [], "metrics are not words"
    client.delete_run(run)
    assert find(server, f"adamw-{name}")["results"] == []


def test_experiments_models_and_ids_are_found(
    server: Server, client: MlflowClient, experiment: str, run: str, name: str
) -> None:
    client.set_experiment_tag(experiment, "mlflow.note.content", f"about whales {name}")
    client.create_registered_model(f"model {name}", description=f"sees whales {name}")
    kinds = [result["kind"] for result in find(server, f"whales {name}")["results"]]
    assert kinds == ["experiment", "model"]
    assert [r["id"] for r in find(server, f"whales {name}", kind="model")["results"]] == [f"model {name}"]
    for text in (run, run[:12], run[:12].upper()):
        assert run in [result["id"] for result in find(server, text)["results"]], text


@pytest.mark.parametrize("text", ["", " ", '"', "''", "a AND", "NOT x", "*", "(", "\u0000", "ß" * 100, "%_"])
def test_any_text_is_a_question(server: Server, text: str) -> None:
    assert isinstance(find(server, text)["results"], list)


def test_a_text_without_end_is_refused(server: Server) -> None:
    answer = server.get("/api/v1/search", params={"q": "x" * 5000})
    assert answer.status_code == 400
    assert answer.json()["code"] == "INVALID_PARAMETER_VALUE"


def test_a_search_over_a_thousand_experiments_pages_to_the_end(client: MlflowClient, name: str) -> None:
    ids = [client.create_experiment(f"{name} {n}") for n in range(1000)]
    used = ids[::50]
    made = [
        client.create_run(experiment, start_time=1_000_000 + turn * 100 + n).info.run_id
        for turn in range(3)
        for n, experiment in enumerate(used)
    ]
    found, token = [], None
    while True:
        page = client.search_runs(ids, max_results=7, page_token=token)
        found += [run.info.run_id for run in page]
        token = page.token
        if not token:
            break
    assert found == made[::-1]


def test_runs_of_all_experiments_come_with_aggregates(
    server: Server, client: MlflowClient, experiment: str, run: str
) -> None:
    for step, value in enumerate((3.0, 1.0, float("nan"), 2.0)):
        client.log_metric(run, "loss", value, step=step)
    body = {"aggregates": True, "filter": f"attributes.run_id = '{run}' AND min(metrics.loss) < 1.5"}
    answer = server.post("/api/v1/runs/search", body)
    assert answer.status_code == 200, answer.text
    [found] = answer.json()["runs"]
    loss = found["metrics"]["loss"]
    assert (loss["value"], loss["min"], loss["max"], loss["mean"], loss["count"]) == (2.0, 1.0, 3.0, 2.0, 4)
    plain = server.post("/api/v1/runs/search", {"filter": f"attributes.run_id = '{run}'"}).json()
    assert "min" not in plain["runs"][0]["metrics"]["loss"]
    keys = server.get("/api/v1/runs/keys").json()
    assert "loss" in keys["metrics"]


@pytest.mark.own_server
def test_a_database_of_before_the_index_is_searched(
    start: Callable[..., Server], own_client: Callable[[Server], MlflowClient]
) -> None:
    server = start("--no-auth")
    client = own_client(server)
    for n in range(60):
        client.create_run("0", run_name=f"early-{n}")
    assert server.stop() == 0
    # Names that no change tells of, as in a database that never had an index.
    database = sqlite3.connect(server.data_dir / "branchline.db")
    database.execute("UPDATE run SET name = 'older' || substr(name, 6)")
    database.execute("UPDATE search_state SET built = 0")
    database.commit()
    database.close()
    again = start("--no-auth", data_dir=server.data_dir)
    assert len(find(again, "older-5")["results"]) == 8, "5 and 50 to 59, of which eight are told"
    command = [str(harness.binary()), "db", "reindex", "--data-dir", str(server.data_dir)]
    done = subprocess.run(command, capture_output=True, text=True, env=harness.clean_environment())
    assert done.returncode == 0, done.stderr
    assert [r["title"] for r in find(again, "older-42")["results"]] == ["older-42"]
