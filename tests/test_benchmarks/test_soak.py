"""What a soak concludes from what it saw: what grows is seen, what is flat is not called growth, and a promise that broke is a figure that missed."""

import time
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from tests.benchmarks.figures import Figure
from tests.soak.host import Host, Stall
from tests.soak.samples import Sample, Taken, growth, percentile
from tests.soak.verdict import End, Soaked, figures

_HOURS = 2 * 3600.0
_BOOKS = {
    "requests": {"total": 90_000}, "faults": {"total": 9_000}, "trainings": {"charged": 36_000, "refunded": 1_800}, "paid_twice": [],
    "conversations_twice": [], "refunds_lost": [], "deleted_while_training": [],
}  # fmt: skip
_END = End(
    wanted=36_000, sent=36_000, failed=Counter(), unanswered=Counter(), looked=Counter(), told=Counter(), quiet=True, states={"done": 36_000},
    books=_BOOKS, findings=[], processor=1800.0,
)  # fmt: skip


def soaked(memory: Callable[[float], float] = lambda _: 100.0, handles: Callable[[float], float] = lambda _: 40.0) -> Soaked:
    """Two hours in which all went well, and a worker had so much at each moment."""
    samples = [
        Sample(at, {"worker-0": Taken(memory(at), 150.0, int(handles(at)), 20)}, {}, 30, 1.0, 0.01, at / 7200)
        for at in map(float, range(0, 7200, 30))
    ]
    return Soaked(samples, [1.0] * 1440, sweep=1.2, warm_up=1800.0, lasted=_HOURS, end=_END)


def missed(found: list[Figure]) -> set[str]:
    return {one.what for one in found if one.is_met is False}


def test_a_soak_in_which_all_went_well_misses_nothing() -> None:
    assert missed(figures(soaked())) == set()


def test_memory_and_handles_that_grow_are_seen_and_their_pace_is_told() -> None:
    leaky = figures(soaked(lambda at: 100 + at / 3600 * 12, lambda at: 40 + at / 60))
    assert missed(leaky) == {"memory grows by", "file handles grow by"}
    assert next(one.value for one in leaky if one.what == "memory grows by") == pytest.approx(12)


def test_what_grows_while_it_warms_up_is_no_leak() -> None:
    assert missed(figures(soaked(lambda at: min(50 + at / 20, 140)))) == set()


def test_one_high_look_is_no_growth() -> None:
    assert missed(figures(soaked(lambda at: 130 if at == 5400 else 100))) == set()


def test_a_short_one_shows_growth_and_is_held_to_none() -> None:
    short = figures(replace(soaked(lambda at: 100 + at), lasted=180.0))
    assert next(one for one in short if one.what == "memory grows by").is_met is None


def test_the_worst_of_the_host_is_told_beside_the_oldest_row() -> None:
    told = {one.what: one for one in figures(soaked()) if one.of == "host"}
    assert [round(one.value, 2) for one in told.values()] == [0.01, 1.0]
    assert {one.is_met for one in told.values()} == {None}


def test_a_host_is_looked_at_until_the_end_and_its_worst_told_once(tmp_path: Path) -> None:
    with Host(tmp_path / "there" / "page") as host:
        time.sleep(1.0)
        worst = host.worst()
        assert 0.0 < worst.kept < 60.0
        assert 0.0 <= worst.late < 60.0
    assert not host._thread.is_alive()
    host.worst()
    assert host.worst() == Stall()


def test_an_old_row_is_told_in_sweeps() -> None:
    found = figures(replace(soaked(), ages=[1.2] * 99 + [6.0]))
    assert missed(found) == {"oldest due row, oldest"}
    assert next(one.value for one in found if one.what == "oldest due row, oldest") == pytest.approx(5)


@pytest.mark.parametrize("name", ["paid_twice", "conversations_twice", "refunds_lost", "deleted_while_training"])
def test_money_that_was_lost_is_a_figure_that_missed(name: str) -> None:
    found = figures(replace(soaked(), end=replace(_END, books=_BOOKS | {name: ["one"]})))
    assert missed(found) == {name.replace("_", " ")}


def test_jobs_that_are_lost_or_never_rest_and_findings_are_figures_that_missed() -> None:
    worst = replace(_END, sent=30_000, states={"done": 29_999}, quiet=False, findings=[{"check": "story"}], failed=Counter({"500": 1}))
    assert missed(figures(replace(soaked(), end=worst))) == {
        "jobs asked for",
        "jobs in the ledger",
        "all at rest in the end",
        "findings of the audit",
        "requests for a job that failed",
    }


def test_a_line_goes_through_what_lies_on_it() -> None:
    line = growth([(0.0, 1.0), (3600.0, 3.0), (7200.0, 5.0)])
    assert (line.first, line.last, line.an_hour) == pytest.approx((1.0, 5.0, 2.0))


def test_percentiles_are_values_that_were_seen() -> None:
    assert [percentile([3.0, 1.0, 2.0], part) for part in (0.0, 0.5, 1.0)] == [1.0, 2.0, 3.0]
