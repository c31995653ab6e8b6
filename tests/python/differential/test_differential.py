"""The same random calls to a stock MLflow server and to this one have the same answers.

`DIFFERENTIAL_SEEDS=500` asks for that many fresh seeds instead of a few; a seed that once
failed belongs into seeds.txt. `DIFFERENTIAL_SEED=7` repeats one."""

from __future__ import annotations

import os
import random
from collections.abc import Iterator
from pathlib import Path

import harness
import pytest

from .calls import Sequence
from .compare import Call, Side, deviations, difference, is_known
from .file_calls import faults, things
from .more_calls import MoreCalls

pytestmark = [pytest.mark.own_server, pytest.mark.branchline_only]

LENGTH = int(os.environ.get("DIFFERENTIAL_LENGTH", "100"))
CORPUS = Path(__file__).with_name("seeds.txt")


def seeds() -> list[int]:
    if one := os.environ.get("DIFFERENTIAL_SEED"):
        return [int(one)]
    kept = [int(line.split()[0]) for line in CORPUS.read_text().splitlines() if line and not line.startswith("#")]
    fresh = os.environ.get("DIFFERENTIAL_SEEDS")
    return kept + [random.randrange(10**6) for _ in range(int(fresh))] if fresh else kept


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[harness.Server, harness.Server]]:
    folder = tmp_path_factory.mktemp("differential")
    ours = harness.start_branchline(folder / "ours", "--no-auth")
    theirs = harness.start_mlflow(folder / "theirs")
    yield ours, theirs
    theirs.stop()
    assert ours.stop() == 0
    assert "panicked" not in ours.log_text()


@pytest.mark.parametrize("sequence", [Sequence, MoreCalls])
@pytest.mark.parametrize("seed", seeds())
def test_the_same_calls_have_the_same_answers(
    pair: tuple[harness.Server, harness.Server], seed: int, sequence: type[Sequence]
) -> None:
    ours, theirs = (Side(server) for server in pair)
    known = deviations()
    different = []
    for number, call in enumerate(sequence(seed).calls(LENGTH)):
        here, there = ours.send(call), theirs.send(call)
        assert here.status < 500 or here.code in ("INVALID_STATE", "INTERNAL_ERROR") and there.status == 500, f"{call}: {here}"
        found = difference(call, here, there)
        if found and not is_known(call, here, there, known):
            different.append(f"{number}: {found}")
    assert not different, f"seed {seed}\n" + "\n".join(different)


def test_files_asked_for_in_a_wrong_way_are_refused_the_same(pair: tuple[harness.Server, harness.Server]) -> None:
    ours, theirs = (Side(server) for server in pair)
    for call in things():
        for side in (ours, theirs):
            assert (answer := side.send(call)).status == 200, f"{call}: {answer}"
    known = deviations()
    different = []
    for call in faults():
        here, there = ours.send(call), theirs.send(call)
        found = difference(call, here, there)
        if found and not is_known(call, here, there, known):
            different.append(found)
    assert not different, "\n".join(different)


@pytest.mark.parametrize("entry", [entry for entry in deviations() if "seen" in entry], ids=lambda entry: entry["id"])
def test_a_deviation_is_as_it_is_written(pair: tuple[harness.Server, harness.Server], entry: dict) -> None:
    *before, last = [Call(**call) for call in entry["example"]]
    ours, theirs = (Side(server) for server in pair)
    for call in before:
        for side in (ours, theirs):
            assert (answer := side.send(call)).status == 200, answer
    here, there = ours.send(last), theirs.send(last)
    assert difference(last, here, there), f"both answer {here.short}"
    assert is_known(last, here, there, [entry]), difference(last, here, there)


@pytest.mark.parametrize("entry", [entry for entry in deviations() if "test" in entry], ids=lambda entry: entry["id"])
def test_a_deviation_names_a_test_that_exists(entry: dict) -> None:
    path, name = entry["test"].split("::")
    assert f"fn {name}(" in (text := (harness.ROOT / path).read_text()) or f"def {name}(" in text
