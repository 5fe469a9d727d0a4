"""FLUSHALL of the broker, over and over: the ledger knows every job, so a message that is gone costs a sweep and never a job."""

import logging
from pathlib import Path

from tests.acceptance.cases import mixed
from tests.acceptance.figures import finish, reach
from tests.acceptance.stack import Stack

JOBS = 80
_FLUSHES = ({"payments": 1}, {"payments": 20}, {"payments": 60}, {"conversations": 1}, {"conversations": 20}, {"conversations": 50})

log = logging.getLogger(__name__)


def test_every_job_ends_and_is_paid_once_though_the_broker_forgets_everything_again_and_again(tmp_path: Path) -> None:
    with Stack(tmp_path) as stack:
        stack.start("beat")
        stack.start("worker")
        cases = mixed(JOBS, "flushed")
        stack.send(case.document(stack.tavus.origin) for case in cases)
        # Until its row is there a request is the caller's, who may send it again under the same key; from then on it is ours.
        stack.wait_until(lambda: len(stack.jobs()) == JOBS, "every job is recorded")
        for moment in _FLUSHES:
            reach(stack, **moment)
            stack.flush_broker()
        log.info("%s", finish(stack, cases))
