"""The server as a process: restart, a full disk, a taken port, a second owner, other databases."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import stat
import subprocess
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
from mlflow import MlflowClient
from mlflow.entities import Metric, Param

import harness
from harness import Server

pytestmark = [pytest.mark.own_server, pytest.mark.branchline_only]
T0 = 1_700_000_000_000


def fill(client: MlflowClient) -> str:
    """One of everything; answers the run."""
    experiment = client.create_experiment("kept", tags={"k": "v"})
    run = client.create_run(experiment, run_name="kept run").info.run_id
    client.log_batch(run, [Metric("m", i / 7, T0 + i, i) for i in range(500)], [Param("p", "1")])
    client.log_text(run, "content", "folder/file.txt")
    client.create_registered_model("kept model")
    client.create_model_version("kept model", client.get_run(run).info.artifact_uri, run)
    client.set_registered_model_alias("kept model", "champion", "1")
    client.delete_run(client.create_run(experiment).info.run_id)
    return run


def look(client: MlflowClient, run: str) -> list[object]:
    """Everything that `fill` made, as one value to compare."""
    read = client.get_run(run)
    return [
        dict(client.get_experiment_by_name("kept")), read.info.run_name, read.data.to_dictionary(),
        [(p.step, p.timestamp, p.value) for p in client.get_metric_history(run, "m")],
        [each.path for each in client.list_artifacts(run, "folder")],
        str(client.get_model_version_by_alias("kept model", "champion").version),
        len(client.search_runs([read.info.experiment_id])),
        len(client.search_runs([read.info.experiment_id], run_view_type=3)),
    ]


@pytest.mark.parametrize("end", ["stop", "kill"])
def test_restart_keeps_everything(start, own_client, tmp_path: Path, end: str) -> None:
    first = start()
    client = own_client(first)
    run = fill(client)
    before = look(client, run)
    if end == "stop":
        assert first.stop() == 0, first.log_text()
        assert not (first.data_dir / "instance.json").exists()
        assert not (first.data_dir / "branchline.db-wal").exists()
    else:
        first.kill()
    second = start(token=first.token)
    assert look(own_client(second), run) == before


def test_a_moved_folder_works_where_it_is(start, own_client, tmp_path: Path) -> None:
    first = start()
    client = own_client(first)
    run = fill(client)
    before = look(client, run)
    first.stop()
    shutil.move(tmp_path / "data", tmp_path / "else where ö")
    second = start(data_dir=tmp_path / "else where ö")
    client = own_client(second)
    assert look(client, run) == before
    assert Path(client.download_artifacts(run, "folder/file.txt", str(tmp_path))).read_text() == "content"


def test_files_belong_to_their_owner_alone(start) -> None:
    server = start()
    for name in ("instance.json", "secrets"):
        mode = stat.S_IMODE((server.data_dir / name).stat().st_mode)
        assert mode & 0o077 == 0, (name, oct(mode))


def test_a_second_process_says_who_holds_the_folder(start, tmp_path: Path) -> None:
    server = start()
    second, log = harness.spawn_branchline(server.data_dir)
    assert second.wait(60) == 4
    words = log.read_text()
    assert str(server.process.pid) in words or server.url in words
    assert server.get("/health").status_code == 200


def test_a_taken_port_is_named(start, tmp_path: Path) -> None:
    server = start()
    port = server.url.rsplit(":", 1)[1]
    ended = subprocess.run(
        [str(harness.binary()), "serve", "--port", port, "--data-dir", str(tmp_path / "other")],
        env=harness.clean_environment(), capture_output=True, text=True, timeout=60, check=False,
    )
    assert ended.returncode == 4 and port in ended.stderr, ended
    assert ended.stdout == ""


def test_port_fallback_takes_another(start, tmp_path: Path) -> None:
    server = start()
    port = server.url.rsplit(":", 1)[1]
    log = (tmp_path / "words").open("wb")
    process = subprocess.Popen(
        [str(harness.binary()), "serve", "--port", port, "--port-fallback", "--data-dir", str(tmp_path / "other")],
        env=harness.clean_environment(), stdout=subprocess.PIPE, stderr=log,
    )
    try:
        url = harness.read_line(process, 60).strip()
        assert url.startswith("http://127.0.0.1:") and not url.endswith(f":{port}")
    finally:
        process.terminate()
        assert process.wait(60) == 0


def test_a_newer_database_is_left_alone(start, tmp_path: Path) -> None:
    server = start()
    server.stop()
    database = server.data_dir / "branchline.db"
    with closing(sqlite3.connect(database)) as base:
        base.execute(
            "INSERT INTO refinery_schema_history (version, name, applied_on, checksum)"
            " VALUES (9999, 'from_the_future', '2099-01-01T00:00:00Z', '1')"
        )
        base.commit()
    before = database.read_bytes()
    process, log = harness.spawn_branchline(server.data_dir)
    assert process.wait(60) not in (0, None)
    assert "newer" in log.read_text().lower()
    assert database.read_bytes() == before


def test_a_file_that_is_no_database(tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir()
    (data / "branchline.db").write_bytes(b"this is a letter, not a database" * 100)
    process, log = harness.spawn_branchline(data)
    assert process.wait(60) not in (0, None)
    assert "branchline.db" in log.read_text() and "panicked" not in log.read_text()
    assert (data / "branchline.db").read_bytes().startswith(b"this is a letter")


def test_backup_and_restore(start, own_client, tmp_path: Path) -> None:
    server = start()
    client = own_client(server)
    run = fill(client)
    before = look(client, run)
    copy = tmp_path / "backup.db"
    assert harness.run_cli(server.data_dir, "db", "backup", str(copy)).returncode == 0
    client.set_tag(run, "later", "1")
    busy = harness.run_cli(server.data_dir, "db", "restore", str(copy))
    assert busy.returncode == 4, busy
    server.stop()
    restored = harness.run_cli(server.data_dir, "db", "restore", str(copy))
    assert restored.returncode == 0, restored.stderr
    assert look(own_client(start()), run) == before


def log_until_full(server: Server, run: str) -> tuple[int, dict]:
    """Logs batches until one is refused; how many were taken, and the refusal."""
    for number in range(100_000):
        metrics = [
            {"key": f"k{i % 20}", "value": number + i / 1000, "timestamp": T0 + number, "step": number * 50 + i // 20}
            for i in range(1000)
        ]
        answer = server.mlflow("POST", "/runs/log-batch", {"run_id": run, "metrics": metrics})
        if answer.status_code != 200:
            return number, {"status": answer.status_code} | answer.json()
    raise AssertionError("the disk never filled up")


def points(server: Server, run: str) -> int:
    total = 0
    for key in range(20):
        answer = server.ok("GET", "/metrics/get-history", {"run_id": run, "metric_key": f"k{key}"})
        total += len(answer.get("metrics", []))
    return total


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 24 MB of its own, where the person running the tests may mount one."""
    place = tmp_path / "small"
    place.mkdir()
    mounted = os.geteuid() == 0 and subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=24m", "branchline-test", str(place)], capture_output=True, check=False
    ).returncode == 0
    if not mounted:
        pytest.skip("mounting a small disk needs root; the fail-point test covers the rest")
    yield place
    subprocess.run(["umount", "-l", str(place)], check=True)


def test_a_full_disk_loses_nothing_and_heals(start, small_disk: Path) -> None:
    server = start(data_dir=small_disk / "data")
    ballast = small_disk / "ballast"
    ballast.write_bytes(b"x" * 8 * 1024 * 1024)
    run = server.new_run()
    taken, refusal = log_until_full(server, run)
    assert refusal["status"] == 507 and refusal["error_code"] == "STORAGE_FULL", refusal
    assert "space" in refusal["message"].lower()
    assert server.get("/health").status_code == 200
    assert points(server, run) == taken * 1000
    path = server.ok("GET", "/runs/get", {"run_id": run})["run"]["info"]["artifact_uri"].removeprefix("mlflow-artifacts:/")
    upload = server.request("PUT", f"/api/2.0/mlflow-artifacts/artifacts/{path}/big.bin", data=b"x" * 20_000_000)
    assert upload.status_code == 507, upload.text
    assert server.ok("GET", "/artifacts/list", {"run_id": run}).get("files", []) == []
    ballast.unlink()
    body = {"run_id": run, "key": "after", "value": 1, "timestamp": T0}
    server.ok("POST", "/runs/log-metric", body)
    assert harness.run_cli(server.data_dir, "db", "check").returncode == 0
    assert server.stop() == 0
    again = start(data_dir=small_disk / "data")
    assert points(again, run) == taken * 1000
    assert again.ok("GET", "/metrics/get-history", {"run_id": run, "metric_key": "after"})["metrics"]


@pytest.mark.parametrize(("action", "status"), [("full", 507), ("error", 500)])
def test_a_commit_that_fails_is_not_acknowledged(start, action: str, status: int) -> None:
    first = start("--no-auth")
    run = first.new_run()
    first.ok("POST", "/runs/log-metric", {"run_id": run, "key": "m", "value": 1, "timestamp": T0})
    first.stop()
    broken = start("--no-auth", BRANCHLINE_FAILPOINTS=f"store::commit={action}")
    answer = broken.mlflow("POST", "/runs/log-metric", {"run_id": run, "key": "m", "value": 2, "timestamp": T0 + 1})
    assert answer.status_code == status and answer.json()["message"], answer.text
    read = broken.ok("GET", "/metrics/get-history", {"run_id": run, "metric_key": "m"})["metrics"]
    assert [point["value"] for point in read] == [1.0]
    broken.kill()
    healed = start("--no-auth")
    read = healed.ok("GET", "/metrics/get-history", {"run_id": run, "metric_key": "m"})["metrics"]
    assert [point["value"] for point in read] == [1.0]
    assert harness.run_cli(healed.data_dir, "db", "check").returncode == 0


def test_what_the_disk_did_not_confirm_is_not_acknowledged(start, tmp_path: Path) -> None:
    """The registry waits for the disk, a metric does not."""
    refuses = tmp_path / "refuses"
    server = start("--no-auth", BRANCHLINE_FAILPOINTS=f"store::sync=full:{refuses}")
    run = server.new_run()
    server.ok("POST", "/registered-models/create", {"name": "before"})
    refuses.touch()
    server.ok("POST", "/runs/log-metric", {"run_id": run, "key": "m", "value": 1, "timestamp": T0})
    answer = server.mlflow("POST", "/registered-models/create", {"name": "during"})
    assert answer.status_code == 500 and "did not confirm" in answer.json()["message"], answer.text
    # A request that changes nothing has nothing to wait for.
    again = server.mlflow("POST", "/registered-models/create", {"name": "before"})
    assert again.json()["error_code"] == "RESOURCE_ALREADY_EXISTS", again.text
    refuses.unlink()
    # It was committed, and who asks again is told so.
    again = server.mlflow("POST", "/registered-models/create", {"name": "during"})
    assert again.json()["error_code"] == "RESOURCE_ALREADY_EXISTS", again.text


def test_an_upload_that_fails_leaves_nothing(start) -> None:
    server = start("--no-auth", BRANCHLINE_FAILPOINTS="artifacts::rename=error")
    run = server.new_run()
    path = server.ok("GET", "/runs/get", {"run_id": run})["run"]["info"]["artifact_uri"].removeprefix("mlflow-artifacts:/")
    answer = server.request("PUT", f"/api/2.0/mlflow-artifacts/artifacts/{path}/f.txt", data=b"x")
    assert answer.status_code == 500
    assert [p for p in (server.data_dir / "artifacts").rglob("*") if p.is_file()] == []


def test_query_plans_and_bytes_per_point(start) -> None:
    """What must not rot unseen: a search reads its index, a point stays small."""
    server = start("--no-auth")
    runs = [server.new_run() for _ in range(4)]
    for run in runs:
        for start_step in range(0, 10_000, 1000):
            metrics = [
                {"key": "loss", "value": 1 / (step + 1), "timestamp": T0 + step * 100, "step": step}
                for step in range(start_step, start_step + 1000)
            ]
            server.ok("POST", "/runs/log-batch", {"run_id": run, "metrics": metrics})
    server.stop()
    size = (server.data_dir / "branchline.db").stat().st_size
    empty = start("--no-auth", data_dir=server.data_dir.with_name("empty"))
    empty.stop()
    grown = size - (empty.data_dir / "branchline.db").stat().st_size
    assert grown / 40_000 <= 40, f"{grown / 40_000:.1f} bytes a point"

    def plan(sql: str) -> str:
        ended = harness.run_cli(server.data_dir, "db", "query", "--json", f"EXPLAIN QUERY PLAN {sql}")
        assert ended.returncode == 0, ended.stderr
        return ended.stdout

    newest = "SELECT id FROM run WHERE experiment_id = 1 AND deleted = 0 ORDER BY start_time DESC, run_id LIMIT 100"
    assert "run_by_start" in plan(newest) and "TEMP B-TREE" not in plan(newest)
    best = "SELECT run_id FROM latest_metric WHERE experiment_id = 1 AND key = 1 AND is_nan = 0 ORDER BY value LIMIT 100"
    assert "latest_metric_by_value" in plan(best) and "TEMP B-TREE" not in plan(best)
    history = "SELECT step FROM metric WHERE run_id = 1 AND key = 1 ORDER BY step, timestamp"
    assert "PRIMARY KEY" in plan(history) and "TEMP B-TREE" not in plan(history)
