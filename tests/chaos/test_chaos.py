"""A small chaos in every test run: each kind of fault strikes once, over the one ledger or the other, and every promise is kept."""

import logging
import os
from itertools import pairwise
from pathlib import Path

import pytest

from tests.chaos.faults import Kind, kinds
from tests.chaos.plan import draw
from tests.chaos.run import run

JOBS = 40
_SPAN = 15.0
_SEED = 3
_LEDGERS = ("sqlite", "postgresql")
# As many tests as the runner has processes share the host: each has its part of what a whole one does in a second.
_SHARE = 1 / int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
_FIRST = 11  # of the kinds that both ledgers know; the others strike over the second

log = logging.getLogger(__name__)


def chosen(ledger: str) -> list[Kind]:
    """The kinds for this ledger: its own, and its share of those of both."""
    shared = [kind for kind in kinds(ledger) if kind.only is None]
    return [kind for kind in kinds(ledger) if kind.only] + (shared[:_FIRST] if ledger == _LEDGERS[0] else shared[_FIRST:])


@pytest.mark.parametrize("ledger", _LEDGERS)
def test_every_job_is_paid_once_and_comes_to_rest_in_time_whatever_fails(ledger: str, tmp_path: Path) -> None:
    struck = chosen(ledger)
    verdict = run(tmp_path, ledger, count=JOBS, kinds=struck, faults=len(struck), span=_SPAN, seed=_SEED, say=log.info, share=_SHARE)
    log.info("%s", verdict)
    assert verdict.wrong == [], str(verdict)


def test_every_kind_of_fault_strikes_over_one_ledger_or_the_other() -> None:
    assert {kind.name for ledger in _LEDGERS for kind in chosen(ledger)} == {kind.name for ledger in _LEDGERS for kind in kinds(ledger)}


@pytest.mark.parametrize("ledger", _LEDGERS)
def test_a_seed_draws_the_same_faults_each_time_with_every_kind_and_one_at_a_time_for_each_part(ledger: str) -> None:
    faults = draw(7, kinds(ledger), 200, 240.0)
    assert faults == draw(7, kinds(ledger), 200, 240.0)
    assert len(faults) == 200
    assert {fault.kind.name for fault in faults} == {kind.name for kind in kinds(ledger)}
    for part in sorted({fault.on for fault in faults}):
        of_part = [fault for fault in faults if fault.on == part]
        assert all(before.ends < after.begins for before, after in pairwise(of_part))


def test_a_span_without_room_is_refused() -> None:
    with pytest.raises(ValueError, match="too short"):
        draw(1, kinds("sqlite"), 20, 3.0)
