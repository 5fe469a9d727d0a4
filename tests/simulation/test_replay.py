"""A seed is enough to see again what was seen: its story is the same each time, in any process, and over either ledger."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.simulation.ledgers import KINDS, MEMORY, SQLITE
from tests.simulation.pipeline import of_seed

_ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("kind", KINDS)
def test_a_seed_tells_the_same_story_twice(kind: str) -> None:
    first, second = of_seed(3, kind, told=True), of_seed(3, kind, told=True)
    assert first.story
    assert first.story == second.story


def test_writing_the_story_down_changes_nothing() -> None:
    assert of_seed(3, told=True).figures == of_seed(3).figures


@pytest.mark.parametrize("hashes", ["1", "2"])
def test_another_process_tells_the_same_story(hashes: str) -> None:
    told = subprocess.run(
        [sys.executable, "-m", "tests.simulation", "--seed", "3"],
        capture_output=True, check=False, text=True, cwd=_ROOT, env=os.environ | {"PYTHONHASHSEED": hashes},
    )  # fmt: skip
    assert told.returncode == 0, told.stderr
    assert told.stdout.strip().splitlines() == [line for told in of_seed(3, told=True).story for line in told.splitlines()]


@pytest.mark.parametrize("seed", range(40, 43))
def test_both_ledgers_tell_the_same_story(seed: int) -> None:
    assert of_seed(seed, MEMORY, told=True).story == of_seed(seed, SQLITE, told=True).story
