"""What a process counts while it works. It may not do I/O: `worker.reporting` adds it to what all processes counted.

To count costs a microsecond: a series is a word that is written once, and what it grew by a number in a dictionary (prometheus_client's own counters
take ten times as long, and are made to be asked by the process that has them). No label holds an id, an address or a caller: each is a word of a
fixed list, or an account that has a key here.
"""

import threading
from bisect import bisect_left
from collections.abc import Mapping
from datetime import datetime, timedelta
from functools import lru_cache

from worker.core.job import Attempt, Job, Outcome
from worker.core.rules import Rules
from worker.counted import (
    BOUNDS,
    CALLBACKS,
    DETECTION,
    ETA_ERROR,
    FAILURES,
    JOBS,
    MOVES,
    NOTIFICATIONS,
    REQUESTS,
    SECONDS,
    SWEEPS,
    SWEPT,
    TASKS,
    TRAININGS,
    UNSENT,
    About,
    Told,
    series,
)
from worker.pacing.kinds import Kind


class Counts:
    """One a process, used from any number of threads."""

    def __init__(self) -> None:
        self._grown: dict[str, float] = {}
        self._lock = threading.Lock()

    def take(self) -> dict[str, float]:
        """What was counted since the last time, by series."""
        with self._lock:
            grown, self._grown = self._grown, {}
        return grown

    def give_back(self, grown: Mapping[str, float]) -> None:
        """What was taken, and could be told nobody."""
        for one, by in grown.items():
            self._add(one, by)

    def requested(self, account: str, kind: Kind, outcome: str, seconds: float) -> None:
        """A request to Tavus is over."""
        self._add(series(REQUESTS, account, kind.value, outcome))
        if outcome != UNSENT:
            self._observe(SECONDS, seconds, kind.value)

    def accepted(self, jobs: int) -> None:
        """New jobs are stored."""
        if jobs:
            self._add(JOBS, jobs)

    def moved(self, before: Job, after: Job, rules: Rules) -> None:
        """A decision about a job is written."""
        if after.state is not before.state:
            self._add(series(MOVES, after.state.value))
        if after.failure is not None and (after.failure is not before.failure or after.tries > before.tries):
            self._add(series(FAILURES, after.failure.value))
        if after.attempts is not before.attempts:
            for was, now in zip(before.attempts, after.attempts, strict=False):
                if was.ended_at is None and now.ended_at is not None:
                    self._ended(before, now, now.ended_at, rules)

    def _ended(self, before: Job, attempt: Attempt, ended_at: datetime, rules: Rules) -> None:
        """A training ended, and was expected to end."""
        self._add(series(TRAININGS, before.account, attempt.outcome.value))
        known_to_run = max(before.written_at or attempt.intended_at, attempt.intended_at)
        self._observe(DETECTION, max((ended_at - known_to_run).total_seconds(), 0.0))
        if attempt.outcome is Outcome.TRAINED:
            expected = rules.plan_for(before.request, before.account).eta(timedelta(0)).p50
            self._observe(ETA_ERROR, (ended_at - attempt.intended_at) / expected - 1.0)

    def told(self, what: Told) -> None:
        """A caller was told something, or could not be."""
        self._add(series(NOTIFICATIONS, what.value))

    def called_back(self, about: About) -> None:
        """Tavus called."""
        self._add(series(CALLBACKS, about.value))

    def swept(self, seconds: float) -> None:
        """A sweep is over."""
        self._add(SWEEPS)
        self._add(SWEPT, seconds)

    def worked(self, queue: str) -> None:
        """A task is over."""
        self._add(series(TASKS, queue))

    def _add(self, one: str, by: float = 1.0) -> None:
        with self._lock:
            self._grown[one] = self._grown.get(one, 0.0) + by

    def _observe(self, histogram: str, value: float, *labels: str) -> None:
        for bucket in _buckets(histogram, bisect_left(BOUNDS[histogram], value), *labels):
            self._add(bucket)
        self._add(series(f"{histogram}_count", *labels))
        if BOUNDS[histogram][0] >= 0:  # of numbers that may be negative a sum does not only grow
            self._add(series(f"{histogram}_sum", *labels), value)


@lru_cache(10_000)
def _buckets(histogram: str, first: int, *labels: str) -> tuple[str, ...]:
    """Those that hold a value: each bucket holds what the smaller ones hold."""
    bounds = (*map(str, BOUNDS[histogram][first:]), "+Inf")
    return tuple(series(f"{histogram}_bucket", *labels, bound) for bound in bounds)


UNCOUNTED = Counts()
"""For whoever works without being watched: what is counted here nobody reads."""
