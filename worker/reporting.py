"""Adds what this process counted to what all have counted, every few seconds. It may not keep anybody waiting, nor fail what it reports on."""

import atexit
import threading
from collections.abc import Callable, Mapping
from datetime import datetime

import structlog

from worker.counts import Counts
from worker.store.database import UNREACHABLE

EVERY = 10.0
"""Seconds: the most that a process that is killed forgets, and how old the newest number may be. Prometheus asks as often, or less."""

log = structlog.get_logger("reporting")


class Reporter:
    """One a process. Whoever lives long starts it; whoever does not reports when he closes it."""

    def __init__(self, counts: Counts, add: Callable[[Mapping[str, float], datetime], None], clock: Callable[[], datetime]) -> None:
        """`add`: see `Ledger.add_tallies`."""
        self._counts, self._add, self._clock = counts, add, clock
        self._over = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Report from now on, until the process ends or this is closed."""
        self._thread = threading.Thread(target=self._go_on, name="reporting", daemon=True)
        self._thread.start()
        atexit.register(self.report)

    def close(self) -> None:
        """Report for the last time."""
        self._over.set()
        if self._thread is not None:
            self._thread.join()
            atexit.unregister(self.report)
        self.report()

    def report(self) -> None:
        """Add what was counted since the last time. What the ledger does not take now is added with the next."""
        if not (grown := self._counts.take()):
            return
        try:
            self._add(grown, self._clock())
        except UNREACHABLE as error:
            self._counts.give_back(grown)
            log.debug("the ledger takes no counts now; the next report adds them", error=type(error).__name__)

    def _go_on(self) -> None:
        while not self._over.wait(EVERY):
            self.report()
