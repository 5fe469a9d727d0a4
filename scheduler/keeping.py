"""What is of no more use is deleted, and what must not be kept is erased: both daily, in portions. It may not say which rows those are."""

import time
from collections import Counter
from collections.abc import Callable
from datetime import timedelta

import structlog
from celery import Celery

from worker.app import RETAIN, TIDY
from worker.assembly import Parts
from worker.core.job import JobId
from worker.store.tidying import KINDS

TIDYING, RETENTION, EVERY = "clean-up", "retention", timedelta(days=1)
"""What the schedule calls them, and how often they are done."""
JOBS = "jobs"
"""Under this the outcome of retention has how many jobs were erased."""
PORTION = 5.0
"""Seconds: sweeps come as often, and must not wait for it where few tasks are done at once."""

log = structlog.get_logger("keeping")


def tidy(parts: Parts, seconds: float = PORTION) -> bool:
    """Delete what is of no more use, where that is due and nobody else does; whether anything was done."""
    rounds, clock = parts.ledger.rounds, parts.engine.clock
    held = rounds.claim(TIDYING, clock(), parts.settings.visibility_timeout)
    if held is None:
        return False
    found, left, until = Counter(held.found), list(KINDS), time.monotonic() + seconds
    while left and time.monotonic() < until:
        deleted = parts.ledger.tidying.some(left[0], clock())
        found[left[0]] += deleted
        left = left if deleted else left[1:]
    if left:
        rounds.leave(held, left[0], found, clock())
    elif rounds.end(held, +found, clock(), (held.begun_at or clock()) + EVERY):
        log.info("what is of no more use is deleted", count=found.total())
    return True


def retain(parts: Parts, seconds: float = PORTION) -> bool:
    """Erase what must not be kept for longer, where that is due and nobody else does; whether anything was done."""
    keep, rounds, clock = parts.settings.retention, parts.ledger.rounds, parts.engine.clock
    held = None if keep is None else rounds.claim(RETENTION, clock(), parts.settings.visibility_timeout)
    if keep is None or held is None:
        return False
    erased, until = held.found.get(JOBS, 0), time.monotonic() + seconds
    place = JobId(held.place) if held.place else None
    goes_on, watched = True, 2 * parts.engine.rules.training_deadline
    while goes_on and time.monotonic() < until:
        last, count = parts.ledger.retention.some(place, clock(), keep, watched)
        place, erased, goes_on = last or place, erased + count, last is not None
    if goes_on:
        rounds.leave(held, place or "", {JOBS: erased}, clock())
    elif rounds.end(held, {JOBS: erased}, clock(), (held.begun_at or clock()) + EVERY):
        log.info("what must not be kept for longer is erased", jobs=erased)
    return True


def add_keeping(app: Celery, parts: Callable[[], Parts]) -> None:
    """Register the tasks that beat sends; `parts` gives those of the process that runs them."""

    @app.task(name=TIDY, shared=False)
    def scheduler_tidy() -> None:
        """Delete some of what is of no more use, where the day's clean-up is not through."""
        tidy(parts())

    @app.task(name=RETAIN, shared=False)
    def scheduler_retain() -> None:
        """Erase some jobs that are long over, where that is wanted and the day's retention is not through."""
        retain(parts())
