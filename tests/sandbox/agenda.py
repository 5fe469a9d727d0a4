"""What is still to happen at a known moment: refunds, timeouts, webhooks. It runs what is due when told the time, and never waits."""

import heapq
from collections.abc import Callable
from datetime import datetime
from itertools import count


class Agenda:
    """A queue of acts in the order of their moments; each act is given the moment it was meant for, however late it runs."""

    def __init__(self) -> None:
        """Begin empty."""
        # The number breaks ties: acts of one moment run in the order they were noted, and callables are never compared.
        self._queue: list[tuple[datetime, int, Callable[[datetime], None]]] = []
        self._number = count()

    @property
    def next_at(self) -> datetime | None:
        """The moment of the next act, for whoever keeps a timer."""
        return self._queue[0][0] if self._queue else None

    def note(self, when: datetime, act: Callable[[datetime], None]) -> None:
        """Have `act` run at `when`."""
        heapq.heappush(self._queue, (when, next(self._number), act))

    def settle(self, now: datetime) -> None:
        """Run all that is due by `now`, in order."""
        while self._queue and self._queue[0][0] <= now:
            when, _, act = heapq.heappop(self._queue)
            act(when)
