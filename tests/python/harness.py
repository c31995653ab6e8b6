"""Starts and stops the servers under test; nothing here knows pytest."""

from __future__ import annotations

import json
import os
import select
import signal
import socket
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import requests

ROOT = Path(__file__).resolve().parents[2]
START_SECONDS = 60


def binary() -> Path:
    """The `branchline` binary under test."""
    path = Path(os.environ.get("BRANCHLINE_BIN") or ROOT / "target/debug/branchline")
    if not path.exists():
        raise RuntimeError(f"{path} is missing: run `cargo build -p branchline-cli` first")
    return path


def free_port() -> int:
    """A port that nobody listened on a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def clean_environment(**extra: str) -> dict[str, str]:
    """The environment without what would point a program at another server, or at a person's keyring."""
    environment = {
        key: value
        for key, value in os.environ.items()
        if not key.startswith(("MLFLOW_", "BRANCHLINE_", "FIRST_SUPERUSER"))
    }
    return environment | {"BRANCHLINE_KEYRING": "false"} | extra


def read_line(process: subprocess.Popen[bytes], seconds: float) -> str:
    """The first line of a program's stdout, or '' when it ended without one."""
    assert process.stdout is not None
    descriptor = process.stdout.fileno()
    text = b""
    deadline = time.monotonic() + seconds
    while not text.endswith(b"\n"):
        left = deadline - time.monotonic()
        if left <= 0 or not select.select([descriptor], [], [], left)[0]:
            raise TimeoutError(f"no line on stdout within {seconds} s, got {text!r}")
        byte = os.read(descriptor, 1)
        if not byte:
            break
        text += byte
    return text.decode()


@dataclass
class Server:
    """A tracking server that answers, and what one needs to talk to it."""

    kind: str
    url: str
    token: str | None
    data_dir: Path | None = None
    process: subprocess.Popen[bytes] | None = None
    log: Path | None = None
    session: requests.Session = field(default_factory=requests.Session)

    def __post_init__(self) -> None:
        if self.token:
            self.session.headers["Authorization"] = f"Bearer {self.token}"

    @property
    def is_branchline(self) -> bool:
        return self.kind == "branchline"

    def request(self, method: str, path: str, **arguments: Any) -> requests.Response:
        arguments.setdefault("timeout", 60)
        return self.session.request(method, self.url + path, **arguments)

    def get(self, path: str, **arguments: Any) -> requests.Response:
        return self.request("GET", path, **arguments)

    def post(self, path: str, body: Any = None, **arguments: Any) -> requests.Response:
        return self.request("POST", path, json=body, **arguments)

    def mlflow(self, method: str, path: str, body: Any = None, **arguments: Any) -> requests.Response:
        """A call of MLflow's REST interface below `/api/2.0/mlflow`."""
        if method != "GET":
            arguments["json"] = {} if body is None else body
        elif body:
            arguments["params"] = body
        return self.request(method, f"/api/2.0/mlflow{path}", **arguments)

    def ok(self, method: str, path: str, body: Any = None) -> dict[str, Any]:
        """The same, which has to succeed."""
        answer = self.mlflow(method, path, body)
        assert answer.status_code == 200, f"{method} {path}: {answer.status_code} {answer.text}"
        return answer.json()

    def new_run(self, experiment: str = "0") -> str:
        body = {"experiment_id": experiment, "start_time": 1_700_000_000_000}
        return self.ok("POST", "/runs/create", body)["run"]["info"]["run_id"]

    def log_text(self) -> str:
        return self.log.read_text(errors="replace") if self.log and self.log.exists() else ""

    def kill(self) -> None:
        """Ends it without a chance to tidy up."""
        assert self.process is not None
        self.process.kill()
        self.process.wait(30)

    def stop(self) -> int:
        """Asks it to end and answers its exit code."""
        assert self.process is not None
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        return self.process.wait(60)


def run_cli(data_dir: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Runs one command of the binary under test to its end."""
    return subprocess.run(
        [str(binary()), *arguments],
        env=clean_environment(BRANCHLINE_DATA_DIR=str(data_dir), **environment),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def mint_token(data_dir: Path, *, scope: str | None = None, expires: str | None = None) -> str:
    """A personal access token, made as a person would make it."""
    arguments = ["tokens", "create", "--name", "tests", "--json"]
    arguments += ["--scope", scope] if scope else []
    arguments += ["--expires", expires] if expires else []
    made = run_cli(data_dir, *arguments)
    assert made.returncode == 0, made.stderr
    return json.loads(made.stdout)["secret"]


def spawn_branchline(data_dir: Path, *flags: str, **environment: str) -> tuple[subprocess.Popen[bytes], Path]:
    """Starts `branchline serve`; its words go to a file beside the data folder."""
    log = data_dir.with_name(data_dir.name + ".stderr")
    with log.open("ab") as words:
        process = subprocess.Popen(
            [str(binary()), "serve", "--port", "0", "--data-dir", str(data_dir), *flags],
            stdout=subprocess.PIPE,
            stderr=words,
            env=clean_environment(**environment),
        )
    return process, log


def start_branchline(data_dir: Path, *flags: str, token: str | None = None, **environment: str) -> Server:
    """A running Branchline on a free port, with a token unless `--no-auth` is given."""
    process, log = spawn_branchline(data_dir, *flags, **environment)
    try:
        url = read_line(process, START_SECONDS).strip()
        if not url.startswith("http://"):
            raise RuntimeError(f"not an address on stdout: {url!r}; {log.read_text(errors='replace')}")
        if token is None and "--no-auth" not in flags:
            token = mint_token(data_dir)
    except BaseException:
        process.kill()
        process.wait()
        raise
    return Server("branchline", url.rstrip("/"), token, data_dir, process, log)


def start_mlflow(data_dir: Path) -> Server:
    """A stock `mlflow server` from this interpreter's environment, to check the tests against."""
    data_dir.mkdir(parents=True, exist_ok=True)
    port = free_port()
    log = data_dir.with_name(data_dir.name + ".stderr")
    with log.open("ab") as words:
        process = subprocess.Popen(
            [
                sys.executable, "-m", "mlflow", "server", "--port", str(port), "--workers", "1",
                "--backend-store-uri", f"sqlite:///{data_dir}/mlflow.db",
                "--artifacts-destination", str(data_dir / "artifacts"),
                "--uvicorn-opts", "--loop uvloop --http httptools",
            ],
            stdout=words,
            stderr=words,
            cwd=data_dir,
            env=clean_environment(MLFLOW_SERVER_ENABLE_JOB_EXECUTION="false"),
        )
    server = Server("mlflow", f"http://127.0.0.1:{port}", None, data_dir, process, log)
    wait_until(lambda: answers(server), START_SECONDS, "mlflow server to answer", process)
    return server


def answers(server: Server) -> bool:
    try:
        return server.get("/health", timeout=2).status_code == 200
    except requests.ConnectionError:
        return False


def wait_until(condition: Any, seconds: float, what: str, process: subprocess.Popen[bytes] | None = None) -> Any:
    """Polls a condition of another process; for what has no event to wait on."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        value = condition()
        if value:
            return value
        if process is not None and process.poll() is not None:
            raise RuntimeError(f"ended with {process.returncode} while waiting for {what}")
        select.select([], [], [], 0.02)
    raise TimeoutError(f"waited {seconds} s for {what}")
