"""What is printed and written of a benchmark's figures."""

import io
import json
from pathlib import Path

import pytest
from rich.console import Console

from tests.benchmarks.__main__ import main
from tests.benchmarks.catalogue import ALL
from tests.benchmarks.figures import Figure, show, write
from tests.benchmarks.storm import busiest

_MET = Figure("lag", "noticed late", 0.9, "% of T", most=1.0)
_MISSED = Figure("lag", "noticed late", 1.1, "% of T", most=1.0)
_PLAIN = Figure("lag", "noticed late", 4.0, "% of T", "naive")


def test_a_missed_aim_is_a_row_that_says_no() -> None:
    screen = io.StringIO()
    show([_MET, _MISSED, _PLAIN], Console(file=screen, width=160))
    rows = [line for line in screen.getvalue().splitlines() if "noticed late" in line]
    assert [line.split("│")[-2].strip() for line in rows] == ["yes", "no", ""]


def test_what_is_written_says_which_aims_are_met(tmp_path: Path) -> None:
    write([_MET, _MISSED, _PLAIN], tmp_path / "new" / "figures.json")
    assert [one["met"] for one in json.loads((tmp_path / "new" / "figures.json").read_text())] == [True, False, None]


@pytest.mark.parametrize("name", list(ALL))
def test_every_benchmark_is_found_without_what_only_benchmarks_need(name: str) -> None:
    assert callable(ALL[name].find())


def test_a_benchmark_that_nobody_knows_is_refused() -> None:
    with pytest.raises(SystemExit):
        main(["pipelin"])


def test_the_busiest_minute_is_any_minute_and_not_one_of_the_clock() -> None:
    assert busiest([0.0, 50.0, 59.0, 61.0, 62.0, 120.0], 60.0) == 4
    assert busiest([], 60.0) == 0
