"""Two beats and three workers at once cost what one of each costs, though every sweep may meet another and every message comes several times."""

import logging
from collections.abc import Callable
from pathlib import Path

from tests.acceptance.cases import mixed
from tests.acceptance.figures import Figures, finish
from tests.acceptance.stack import Stack

JOBS = 50
_MORE_POLLS = 4  # two beats sweep twice as often, and some looks are made alone: fewer share a call. A storm would be tens

log = logging.getLogger(__name__)


def test_two_beats_and_three_workers_pay_and_open_what_one_of_each_does(tmp_path: Path, postgres_url: Callable[[], str]) -> None:
    with Stack(tmp_path, postgres_url()) as stack:
        stack.start("beat")
        stack.start("worker")
        one_of_each = run(stack, "one")
        for name in ("beat", "worker", "worker"):
            stack.start(name)
        stack.wait_for_workers(3)
        stack.tavus.reset()
        many = run(stack, "many", rings=3)
    log.info("one of each: %s; many: %s", one_of_each, many)
    assert (many.payments, many.conversations) == (one_of_each.payments, one_of_each.conversations)
    assert many.polls <= _MORE_POLLS * one_of_each.polls


def run(stack: Stack, name: str, rings: int = 0) -> Figures:
    """What the jobs cost, rung for so often beside what the system rings itself."""
    cases = mixed(JOBS, name)
    stack.send(case.document(stack.tavus.origin) for case in cases)
    stack.wait_until(lambda: {case.key for case in cases} <= set(stack.jobs()), "every job is recorded")
    ids = [job.id for key, job in stack.jobs().items() if key in {case.key for case in cases}]
    for job_id in ids * rings:
        stack.app.send_task("replicas.submit", [job_id], queue="replicas.submit")
    return finish(stack, cases)
