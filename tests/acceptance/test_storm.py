"""A storm of 429s, and a budget: no job is lost or paid twice, submissions go on all the time, and Tavus never sees more than the budget."""

import itertools
import logging
import time
from datetime import UTC, datetime
from pathlib import Path

from tests.acceptance.cases import Case, copies
from tests.acceptance.figures import finish
from tests.acceptance.stack import Stack
from tests.sandbox.faults import Fault, Kind
from worker.core.job import Terms

JOBS = 60
BUDGET = 60  # in a window of a second, see `SCALED`
WINDOW = 1.0
_GAP = 10 * WINDOW

log = logging.getLogger(__name__)


def test_a_storm_of_429s_loses_no_job_starves_no_submission_and_the_budget_holds(tmp_path: Path) -> None:
    with Stack(tmp_path) as stack:
        arrived = _arrivals(stack)
        stack.tavus.set_faults({"on": "*", "kind": "429", "rate": 0.3})
        stack.ledger.set_terms("default", Terms(requests_a_minute=BUDGET), datetime.now(UTC))
        stack.start("beat")
        stack.start("worker")
        stack.start("worker")
        cases = copies(JOBS, Case(key="storm"))
        stack.send(case.document(stack.tavus.origin) for case in cases)
        log.info("%s", finish(stack, cases))
    moments = [moment for moment, _ in arrived]
    assert max(sum(start <= moment < start + WINDOW for moment in moments) for start in moments) <= BUDGET + 1
    submitted = [moment for moment, kind in arrived if kind is Kind.CREATE_REPLICA]
    assert max(after - before for before, after in itertools.pairwise(submitted)) < _GAP


def _arrivals(stack: Stack) -> list[tuple[float, Kind]]:
    """When each request reached Tavus, and what for."""
    found, ledger = list[tuple[float, Kind]](), stack.tavus.world.ledger
    asked = ledger.asked

    def noted(kind: Kind, fault: Fault | None) -> None:
        found.append((time.monotonic(), kind))
        asked(kind, fault)

    ledger.asked = noted  # type: ignore[method-assign]
    return found
