"""`kill -9` of the worker, over and over, on a line that is cut and a Tavus that fails after its work: no job is lost and none is paid twice."""

import logging
from pathlib import Path

from tests.acceptance.cases import mixed
from tests.acceptance.figures import finish, reach
from tests.acceptance.stack import Stack

JOBS = 80
_KILLS = ({"payments": 8}, {"payments": 40}, {"conversations": 8}, {"conversations": 40})
# Before the work and after it, so that what is lost was sometimes done and sometimes not. And slow, so that each kill finds calls under way.
_FAULTS = [
    {"on": kind, "kind": harm, "moment": moment, "rate": rate, "seconds": 0.4}
    for kind in ("create_replica", "create_conversation")
    for harm, moment, rate in (("cut", "after", 0.05), ("500", "after", 0.05), ("cut", "before", 0.05), ("slow", "after", 1.0))
]

log = logging.getLogger(__name__)


def test_every_job_ends_and_is_paid_once_though_its_worker_is_killed_again_and_again(tmp_path: Path) -> None:
    with Stack(tmp_path) as stack:
        stack.tavus.set_faults(*_FAULTS)
        stack.start("beat")
        worker = stack.start("worker")
        cases = mixed(JOBS, "killed")
        stack.send(case.document(stack.tavus.origin) for case in cases)
        for moment in _KILLS:
            reach(stack, **moment)
            stack.kill(worker)
            worker = stack.start("worker")
        spent = finish(stack, cases)
        struck, orphaned = told(stack, "SubmissionLost"), told(stack, "MarkFound") - told(stack, "SubmissionLost")
        log.info("%s; %s submissions were lost on the line, %s with their worker", spent, len(struck), len(orphaned))
        assert struck, "no fault struck, so nothing is proven"
        assert orphaned, "no kill found a payment under way, so nothing is proven"


def told(stack: Stack, event: str) -> set[str]:
    """The jobs whose story has this event."""
    return {key for key, job in stack.jobs().items() if any(line.event == event for line in stack.ledger.story(job.id))}
