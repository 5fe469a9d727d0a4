"""One clock for all hosts: that of the ledger's server. It may not measure how long something takes, for it may be set right in between.

A lease, a settle time and a hold are written by one host and judged by another. A host that is minutes ahead would take jobs from those who work on
them, put off by minutes what it touches, and look too soon whether a payment has arrived; so nobody goes by a clock of his own.
"""

import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import structlog

from worker.store.database import UNREACHABLE

_FRESH_SECONDS = 60.0  # two clocks do not part by more than milliseconds in that time
_AGAIN_SECONDS = 5.0  # after a question that was not answered: the threads of a process are not to wait for the same silence one by one
_JUMP_SECONDS = 1.0  # a step of the own clock, or a host that was suspended: what was learned before means nothing now
_SLOW = timedelta(seconds=0.5)  # an answer that took longer tells the time too roughly
_WORTH_TELLING = timedelta(seconds=2)  # what a host without a time server is off by after some days

log = structlog.get_logger("clock")


Clock = Callable[[], datetime]


def utc_now() -> datetime:
    """The clock on this host's wall."""
    return datetime.now(UTC)


class LedgerClock:
    """Call it for the time. One a process, used from any number of threads."""

    def __init__(
        self, there: Callable[[], datetime | None], own: Callable[[], datetime] = utc_now, steady: Callable[[], float] = time.monotonic
    ) -> None:
        """`there`: asks the ledger's server; None when the ledger is on this host, whose clock is right then."""
        self._there, self.own, self._steady = there, own, steady
        self._off: timedelta | None = None
        self._ask_at = 0.0
        self._stood = 0.0
        self._lock = threading.Lock()

    def __call__(self) -> datetime:
        """The time. Raises one of UNREACHABLE when the ledger never said: who cannot ask it cannot write to it either."""
        with self._lock:
            if self._off is None or self._steady() >= self._ask_at or abs(self._standing() - self._stood) > _JUMP_SECONDS:
                self._ask()
            return self.own() + (self._off or timedelta(0))

    def _ask(self) -> None:
        before = self.own()
        try:
            there = self._there()
        except UNREACHABLE:
            self._ask_at = self._steady() + _AGAIN_SECONDS
            if self._off is None:
                raise
            return
        took = self.own() - before
        if there is None:
            self._learn(timedelta(0))
        elif self._off is None or took <= _SLOW:
            self._learn(there - before - took / 2)
        if took > _SLOW:
            self._ask_at = self._steady() + _AGAIN_SECONDS

    def _learn(self, off: timedelta) -> None:
        if abs(off - (self._off or timedelta(0))) > _WORTH_TELLING:
            log.warning("this host's clock is off; the ledger's counts", seconds=-off.total_seconds())
        self._off, self._stood = off, self._standing()
        self._ask_at = self._steady() + _FRESH_SECONDS

    def _standing(self) -> float:
        """Stands still as long as the own clock runs evenly."""
        return self.own().timestamp() - self._steady()
