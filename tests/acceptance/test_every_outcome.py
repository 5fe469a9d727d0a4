"""Two hundred jobs with every outcome that the vendor has: each ends where its policy says, for the payments that it says."""

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.acceptance.cases import TWO_STAGE, Case, copies, every_code
from tests.acceptance.figures import finish
from tests.acceptance.stack import Stack
from tests.postgres import Postgres
from worker.core.request import Start

JOBS = 200

log = logging.getLogger(__name__)


@pytest.fixture(params=("sqlite", "postgresql"))
def running(request: pytest.FixtureRequest, tmp_path: Path, postgres: Postgres) -> Iterator[Stack]:
    """One worker and one beat, over each database."""
    url = None if request.param == "sqlite" else postgres.fresh()
    with Stack(tmp_path, url) as stack:
        stack.start("worker")
        stack.start("beat")
        yield stack
    if url is not None:
        postgres.drop(url)


def two_hundred() -> list[Case]:
    """Every failure, and as many that train in every way there is; these first, for they take longest."""
    failing = list(every_code())
    trained = [
        *copies(4, Case(key="two-stage", model=TWO_STAGE)),
        *copies(4, Case(key="older", model="phoenix-3")),
        *copies(4, Case(key="video", is_image=False)),
        *copies(4, Case(key="on-demand", start=Start.ON_DEMAND)),
        *copies(4, Case(key="no-conversation", start=Start.NONE)),
    ]
    return trained + copies(JOBS - len(failing) - len(trained), Case(key="plain")) + failing


def test_each_of_200_jobs_ends_where_its_policy_says_and_is_paid_once(running: Stack) -> None:
    cases = two_hundred()
    running.send(case.document(running.tavus.origin) for case in cases)
    log.info("%s", finish(running, cases))
    assert len(running.jobs()) == JOBS
