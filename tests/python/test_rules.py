"""Rules: a run says NaN or a job fails, and who asked to be told is: once, and nobody else."""

from __future__ import annotations

import json
import math
import sqlite3
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import jobs_help
import pytest
import requests
from mlflow import MlflowClient
from stack import OWNER, PLAIN, Person, person, start
from test_permission_live import Socket
from test_stack_mail import Postman, postman  # noqa: F401
from test_webhooks import ANYWHERE, SECRET, Receiver, receiver  # noqa: F401
from world import MLFLOW

import harness
from harness import Server, wait_until

pytestmark = pytest.mark.own_server

NAN = ["metric.not_finite"]


@pytest.fixture
def house(tmp_path: Path, postman: tuple[Postman, int]) -> Iterator[Server]:  # noqa: F811
    """A server with a mail server, that may tell webhooks on this machine."""
    env_file = tmp_path / "mail.env"
    env_file.write_text(
        f"SMTP_HOST=127.0.0.1\nSMTP_PORT={postman[1]}\nSMTP_TLS=False\n"
        "EMAILS_FROM_EMAIL=lab@example.org\nPROJECT_NAME=The Lab\n"
    )
    server = start(tmp_path / "data", "--env-file", str(env_file), **ANYWHERE)
    yield server
    server.stop()
    assert "panicked" not in server.log_text()


@pytest.fixture
def owner(house: Server) -> Person:
    return person(house.url, *OWNER)


def make(who: Person, **rule: Any) -> dict[str, Any]:
    return who.ok("POST", "/rules", rule, status=201)


def told(who: Person) -> list[dict[str, Any]]:
    return who.ok("GET", "/notifications")["notifications"]


def history(who: Person, rule: dict[str, Any]) -> list[dict[str, Any]]:
    return who.ok("GET", f"/rules/{rule['id']}/history")["notifications"]


def settled(who: Person, rule: dict[str, Any]) -> dict[str, Any]:
    """The newest of what a rule told, once nothing of it is owed any more."""

    def newest() -> dict[str, Any] | None:
        entries = history(who, rule)
        return entries[0] if entries and "owed" not in (entries[0]["webhook"], entries[0]["email"]) else None

    return wait_until(newest, 30, "everything to be told")


def new_run(who: Person, experiment: str = "0", name: str = "bold-ox") -> str:
    body = {"experiment_id": experiment, "run_name": name, "start_time": 1}
    answer = who.call("POST", f"{MLFLOW}/runs/create", json=body)
    assert answer.ok, answer.text
    return answer.json()["run"]["info"]["run_id"]


def log(who: Person, run: str, key: str, value: float | str, step: int = 0) -> None:
    body = {"run_id": run, "key": key, "value": value, "timestamp": 1 + step, "step": step}
    answer = who.call("POST", f"{MLFLOW}/runs/log-metric", json=body)
    assert answer.ok, answer.text


def test_a_run_says_nan_and_window_webhook_and_mail_are_told(
    house: Server,
    owner: Person,
    postman: tuple[Postman, int],  # noqa: F811
    receiver: Receiver,  # noqa: F811
    own_client: Callable[[Server], MlflowClient],
) -> None:
    client = own_client(house)
    socket = Socket(house.url, owner)
    assert socket.subscribe("notifications")["kind"] == "subscribed"
    rule = make(owner, on=NAN, webhook=receiver.url, secret=SECRET, email="ada@example.org", experiment_id="0")
    assert rule["words"] == "Any metric in Default becomes NaN or infinite" and rule["signed"] is True
    assert socket.next()["data"]["rule_ids"] == [rule["id"]]
    run = client.create_run("0", run_name="bold-ox").info.run_id
    client.log_metric(run, "loss", 0.5, step=1)
    client.log_metric(run, "loss", math.nan, step=2)
    client.log_metric(run, "loss", 0.4, step=3)

    heard = socket.next()["data"]
    (entry,) = told(owner)
    assert heard["notification_ids"] == [str(entry["id"])]
    assert (entry["title"], entry["subject_id"], entry["on"]) == ("loss is NaN", run, "metric.not_finite")
    request = receiver.next()
    assert request.event == "metric.not_finite" and request.signed_with(SECRET)
    data = request.content["data"]
    assert (data["metric"], data["run"]["id"]) == ({"key": "loss", "value": "NaN", "step": 2, "threshold": None}, run)
    link = f"{house.url}/#/experiments/0/runs/{run}"
    assert request.content["text"].splitlines() == ["loss is NaN", entry["text"], link]
    mail = postman[0].mail.get(timeout=30)
    assert (mail["Subject"], mail["To"]) == ("The Lab - loss is NaN", "ada@example.org")
    assert link in next(mail.iter_parts()).get_content()
    became = settled(owner, rule)
    assert (became["webhook"], became["email"]) == ("told", "told")

    for step in range(4, 10):
        client.log_metric(run, "loss", math.nan, step=step)
    assert len(told(owner)) == 1 and receiver.told.empty() and postman[0].mail.empty(), "once, until it comes back"
    assert owner.ok("GET", "/notifications")["unread"] == 1
    assert owner.ok("POST", "/notifications/read", {"ids": [entry["id"]]}) == {"unread": 0}
    assert told(owner)[0]["read_at"] is not None


def test_a_job_that_fails_is_told_of_once(house: Server, owner: Person) -> None:
    house.session.headers.update(owner.session.headers)
    make(owner, on=["job.failed", "job.lost"], queue="main-queue")
    make(owner, on=["job.finished"], name="train.*")
    job = jobs_help.python(house, "raise SystemExit(3)", max_retries=1, retry_delay=0)
    assert jobs_help.ended(house, job)["status"] == "FAILURE"
    fine = jobs_help.python(house, "print(1)")
    assert jobs_help.ended(house, fine)["status"] == "SUCCESS"
    (entry,) = told(owner)
    assert entry["subject_id"] == job and entry["title"].endswith(" failed"), entry
    assert entry["on"] == "job.failed" and entry["text"]


def test_tell_me_when_this_job_ends(house: Server, owner: Person, tmp_path: Path) -> None:
    house.session.headers.update(owner.session.headers)
    gate = tmp_path / "gate"
    wait = f"import pathlib, time\nwhile not pathlib.Path({str(gate)!r}).exists(): time.sleep(0.05)"
    job = jobs_help.python(house, wait)
    ends = ["job.finished", "job.failed", "job.revoked"]
    rule = make(owner, on=ends, subject_id=job, once=True)
    gate.touch()
    assert jobs_help.ended(house, job)["status"] == "SUCCESS"
    (entry,) = told(owner)
    assert entry["title"].endswith(" finished")
    assert owner.ok("GET", f"/rules/{rule['id']}")["enabled"] is False
    late = owner.api("POST", "/rules", {"on": ends, "subject_id": job, "once": True})
    assert late.status_code == 409 and "has ended" in late.json()["detail"]


def test_whoever_may_not_see_is_not_told(tmp_path: Path) -> None:
    server = start(tmp_path / "data", BRANCHLINE_DEFAULT_PERMISSION="NO_PERMISSIONS")
    try:
        owner = person(server.url, *OWNER)
        owner.ok("POST", "/users/", {"email": PLAIN[0], "password": PLAIN[1]})
        ada = person(server.url, *PLAIN)
        rule = make(ada, on=NAN)
        refused = ada.api("POST", "/rules", {"on": NAN, "experiment_id": "0"})
        assert refused.status_code == 403, "what she may not see is not named either"
        assert ada.api("POST", "/rules", {"on": NAN, "webhook": "https://example.org/"}).status_code == 403
        assert ada.api("POST", "/rules", {"on": NAN, "email": OWNER[0]}).status_code == 403
        assert owner.api("GET", f"/rules/{rule['id']}").status_code == 404
        own = ada.call("POST", f"{MLFLOW}/experiments/create", json={"name": "adas"}).json()["experiment_id"]
        log(owner, new_run(owner), "loss", "NaN")
        mine = new_run(ada, own)
        log(ada, mine, "loss", "NaN")
        (entry,) = told(ada)
        assert entry["subject_id"] == mine and told(owner) == []
        entry_of_hers = owner.api("POST", "/notifications/read", {"ids": [entry["id"]]})
        assert entry_of_hers.status_code == 200 and told(ada)[0]["read_at"] is None
    finally:
        server.stop()


def owed(server: Server) -> int:
    with sqlite3.connect(f"file:{server.data_dir}/branchline.db?mode=ro", uri=True) as database:
        return database.execute("SELECT count(*) FROM delivery").fetchone()[0]


def test_what_is_owed_outlives_a_crash_and_is_told_once(tmp_path: Path) -> None:
    closed = Receiver()
    port = closed.port
    patient = {**ANYWHERE, "BRANCHLINE_WEBHOOK_REQUEST_MAX_RETRIES": "50"}
    server = start(tmp_path / "data", **patient)
    owner = person(server.url, *OWNER)
    rule = make(owner, on=NAN, webhook=closed.url)
    closed.stop()
    run = new_run(owner)
    log(owner, run, "loss", "NaN")
    assert owed(server) == 1
    server.kill()
    again = Receiver(port)
    server = start(tmp_path / "data", **patient)
    try:
        owner = person(server.url, *OWNER)
        assert again.next().content["data"]["run"]["id"] == run
        assert settled(owner, rule)["webhook"] == "told"
        log(owner, run, "loss", "NaN", step=1)
        assert len(told(owner)) == 1 and owed(server) == 0 and again.told.empty()
    finally:
        again.stop()
        server.stop()


def test_a_crash_before_the_commit_tells_nobody(tmp_path: Path) -> None:
    server = start(tmp_path / "data")
    owner = person(server.url, *OWNER)
    rule = make(owner, on=NAN)
    run = new_run(owner)
    token = harness.mint_token(tmp_path / "data", scope="admin")
    assert server.stop() == 0
    dying = start(tmp_path / "data", BRANCHLINE_FAILPOINTS="rule::told=abort")
    with pytest.raises(requests.ConnectionError):
        log(Person(dying.url, token), run, "loss", "NaN")
    assert dying.process is not None
    dying.process.wait(30)
    server = start(tmp_path / "data")
    try:
        owner = person(server.url, *OWNER)
        assert history(owner, rule) == [], "the point was not kept either"
        log(owner, run, "loss", "NaN")
        assert len(history(owner, rule)) == 1
    finally:
        server.stop()


def test_an_address_is_guarded_as_a_webhooks(tmp_path: Path) -> None:
    server = start(tmp_path / "data")
    try:
        owner = person(server.url, *OWNER)
        for url, why in (("http://example.org/", "scheme"), ("https://127.0.0.1/", "non-public"), ("nonsense", "URL")):
            refused = owner.api("POST", "/rules", {"on": NAN, "webhook": url})
            assert refused.status_code == 400 and why in refused.json()["detail"], refused.text
        for body, field in (
            ({"on": []}, "'on'"),
            ({"on": ["job.lunch"]}, "'on'"),
            ({"on": ["metric.above"], "name": "loss"}, "'threshold'"),
            ({"on": NAN, "queue": "q"}, "'queue'"),
            ({"on": NAN, "desktop": False}, "nobody"),
            ({"on": NAN, "email": "nobody"}, "'email'"),
            ({"on": NAN, "secret": "s"}, "'secret'"),
        ):
            refused = owner.api("POST", "/rules", body)
            assert refused.status_code == 400 and field in refused.json()["detail"], refused.text
        assert owner.ok("GET", "/rules") == {"rules": []}
    finally:
        server.stop()


def test_a_test_says_what_became_of_it(house: Server, owner: Person, receiver: Receiver) -> None:  # noqa: F811
    rule = make(owner, on=NAN, webhook=receiver.url, email="refused@example.org")
    receiver.answers.put((500, {}))
    became = owner.ok("POST", f"/rules/{rule['id']}/test")
    assert became["webhook"] == "It answered 500." and "no such mailbox" in became["email"]
    assert receiver.next().content["text"].startswith("A test\n")
    assert told(owner)[0]["title"] == "A test" and told(owner)[0]["on"] is None
    assert owner.ok("POST", f"/rules/{rule['id']}/test")["webhook"] == "told"
    changed = {"on": ["run.failed"], "desktop": True, "enabled": False}
    assert owner.ok("PUT", f"/rules/{rule['id']}", changed)["words"] == "A run fails"
    owner.ok("DELETE", f"/rules/{rule['id']}", status=204)
    assert owner.ok("GET", "/rules") == {"rules": []} and len(told(owner)) == 2, "what was told stays"


def cli(data_dir: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return harness.run_cli(data_dir, "rules", *arguments)


@pytest.mark.parametrize("guest", [False, True], ids=["owner", "guest"])
def test_the_command_line(tmp_path: Path, guest: bool) -> None:
    data_dir = tmp_path / "data"
    server = harness.start_branchline(data_dir) if guest else None
    try:
        made = cli(data_dir, "add", "job.failed", "job.lost", "--queue", "gpu")
        assert made.returncode == 0 and "A job in queue gpu fails or is lost" in made.stderr, made.stderr
        rule = made.stdout.strip()
        wrong = cli(data_dir, "add", "metric.above", "--name", "loss")
        assert wrong.returncode != 0 and "threshold" in wrong.stderr and "limit" in wrong.stderr
        assert "window" in cli(data_dir, "list").stdout
        assert cli(data_dir, "test", rule).stdout == "window\ttold\n"
        assert "A test" in cli(data_dir, "history", rule).stdout
        assert "off" in cli(data_dir, "disable", rule).stdout
        listed = json.loads(cli(data_dir, "list", "--json").stdout)["rules"]
        assert [(one["id"], one["enabled"], one["on"]) for one in listed] == [(rule, False, ["job.failed", "job.lost"])]
        assert cli(data_dir, "enable", rule).returncode == 0
        assert cli(data_dir, "remove", rule).returncode == 0
        assert json.loads(cli(data_dir, "list", "--json").stdout)["rules"] == []
        gone = cli(data_dir, "remove", rule)
        assert gone.returncode != 0 and "no rule" in gone.stderr
    finally:
        if server:
            server.stop()
