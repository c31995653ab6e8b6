"""Fixtures: one display for the session, one app with its own home for each test."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

os.environ["MLFLOW_HTTP_REQUEST_MAX_RETRIES"] = "1"
os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"
os.environ["GIT_PYTHON_REFRESH"] = "quiet"

import pytest  # noqa: E402
from desktop import App, Desktop  # noqa: E402


@pytest.fixture(scope="session")
def desktop() -> Iterator[Desktop]:
    """The display that all tests share."""
    shown = Desktop()
    yield shown
    shown.close()


@pytest.fixture
def app(desktop: Desktop, tmp_path: Path) -> Iterator[App]:
    """An app that was never started, in a home of its own."""
    one = App(desktop, tmp_path / "home")
    yield one
    one.discard()
    # Shown by pytest when the test failed.
    print(one.output())
