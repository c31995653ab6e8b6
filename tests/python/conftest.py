"""Fixtures: a server for the session, an experiment of its own for each test."""

from __future__ import annotations

import itertools
import os
import sys
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

os.environ.setdefault("MPLBACKEND", "Agg")
os.environ["MLFLOW_HTTP_REQUEST_MAX_RETRIES"] = "1"
os.environ["MLFLOW_HTTP_REQUEST_TIMEOUT"] = "60"
os.environ["MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR"] = "false"
os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"
os.environ["GIT_PYTHON_REFRESH"] = "quiet"
sys.path.insert(0, str(Path(__file__).resolve().parent))

import mlflow  # noqa: E402
import pytest  # noqa: E402
from mlflow import MlflowClient  # noqa: E402

import harness  # noqa: E402
from harness import Server  # noqa: E402
from stack import OWNER, PLAIN, Person, person  # noqa: E402
from world import World  # noqa: E402

PEER = os.environ.get("BRANCHLINE_TEST_PEER")
GIVEN_URL = os.environ.get("BRANCHLINE_TEST_URL")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leaves out what cannot hold for the server that was asked for."""
    left_out = []
    for item in items:
        own = item.get_closest_marker("own_server") and (GIVEN_URL or PEER)
        ours = item.get_closest_marker("branchline_only") and PEER
        if own or ours:
            left_out.append(item)
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if item not in left_out]


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """The server that most tests share."""
    if GIVEN_URL:
        yield Server("branchline", GIVEN_URL.rstrip("/"), os.environ.get("BRANCHLINE_TEST_TOKEN"))
        return
    data_dir = tmp_path_factory.mktemp("server") / "data"
    running = harness.start_mlflow(data_dir) if PEER == "mlflow" else harness.start_branchline(data_dir)
    yield running
    code = running.stop()
    if running.is_branchline:
        assert code == 0, running.log_text()
        assert "panicked" not in running.log_text()


def point_mlflow_at(server: Server) -> MlflowClient:
    """Makes the `mlflow` package of this process talk to that server."""
    while mlflow.active_run() is not None:
        mlflow.end_run()
    os.environ.pop("MLFLOW_TRACKING_TOKEN", None)
    os.environ.pop("MLFLOW_EXPERIMENT_ID", None)
    if server.token:
        os.environ["MLFLOW_TRACKING_TOKEN"] = server.token
    mlflow.set_tracking_uri(server.url)
    mlflow.set_registry_uri(server.url)
    return MlflowClient(server.url, server.url)


@pytest.fixture
def client(server: Server) -> Iterator[MlflowClient]:
    """The real client, talking to the shared server."""
    yield point_mlflow_at(server)
    while mlflow.active_run() is not None:
        mlflow.end_run()


@pytest.fixture
def own_client() -> Iterator[Callable[[Server], MlflowClient]]:
    """The real client for a server that a test started itself."""
    yield point_mlflow_at
    while mlflow.active_run() is not None:
        mlflow.end_run()


NUMBERS = itertools.count(1)


@pytest.fixture
def name(request: pytest.FixtureRequest) -> str:
    """A name that no other test uses."""
    return f"{request.node.name[:60]}-{next(NUMBERS)}-{os.getpid()}".replace("/", "_").replace(":", "_")


@pytest.fixture
def experiment(client: MlflowClient, name: str) -> str:
    """An experiment of this test's own, also the active one of the `mlflow` package."""
    experiment_id = client.create_experiment(name)
    mlflow.set_experiment(experiment_id=experiment_id)
    return experiment_id


@pytest.fixture
def run(client: MlflowClient, experiment: str) -> str:
    """A running run in it."""
    return client.create_run(experiment).info.run_id


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Server]]:
    """Starts Branchline servers that end with the test."""
    running: list[Server] = []

    def begin(*flags: str, data_dir: Path | None = None, **arguments: str) -> Server:
        server = harness.start_branchline(data_dir or tmp_path / "data", *flags, **arguments)
        running.append(server)
        return server

    yield begin
    for server in running:
        if server.process and server.process.poll() is None:
            server.kill()


@pytest.fixture
def administer(start: Callable[..., Server], tmp_path: Path) -> Callable[..., Server]:
    """Starts servers, again and again on the same folder, with a token that may do everything."""

    def begin(*flags: str, **arguments: str) -> Server:
        return start(*flags, token=harness.mint_token(tmp_path / "data", scope="admin"), **arguments)

    return begin


@pytest.fixture
def owner(url: str) -> Person:
    """The owner of the server at the module's `url`."""
    return person(url, *OWNER)


@pytest.fixture
def ada(url: str) -> Person:
    """Somebody without rights of their own, on the same server."""
    return person(url, *PLAIN)


@pytest.fixture
def auth(world: World) -> Iterator[Callable[..., Any]]:
    """MLflow's own client of accounts, as somebody, for the module's `world`."""
    warnings.simplefilter("ignore")
    from mlflow.server.auth.client import AuthServiceClient  # noqa: PLC0415

    def client(who: tuple[str, str] = OWNER) -> Any:
        os.environ["MLFLOW_TRACKING_USERNAME"], os.environ["MLFLOW_TRACKING_PASSWORD"] = who
        os.environ.pop("MLFLOW_TRACKING_TOKEN", None)
        return AuthServiceClient(world.url)

    yield client
    for name in ("MLFLOW_TRACKING_USERNAME", "MLFLOW_TRACKING_PASSWORD"):
        os.environ.pop(name, None)
