"""Which accounts are stopped, as this process knows it: asked for once in a while, for every conversation that opens at once wants to know.

It may not say why an account is stopped, nor let one through that this process itself has stopped.
"""

import time
from collections.abc import Callable, Iterable
from threading import Lock

_KEPT = 2.0  # seconds: who is stopped elsewhere so lately may have had a call on its way there as well


class KnownStops:
    """Thread-safe. `ask`: reads the names from the ledger."""

    def __init__(self, ask: Callable[[], Iterable[str]], clock: Callable[[], float] = time.monotonic) -> None:
        """Know nothing yet."""
        self._ask, self._clock, self._lock = ask, clock, Lock()
        self._known, self._asked, self._forgotten = frozenset[str](), float("-inf"), 0

    def __contains__(self, account: object) -> bool:
        """Whether the account is stopped, or was two seconds ago at most."""
        with self._lock:
            forgotten = self._forgotten
            if (now := self._clock()) - self._asked < _KEPT:
                return account in self._known
        known = frozenset(self._ask())
        with self._lock:
            if forgotten == self._forgotten:  # else it was read before what is to be known
                self._known, self._asked = known, now
        return account in known

    def forget(self) -> None:
        """They are others now."""
        with self._lock:
            self._asked, self._forgotten = float("-inf"), self._forgotten + 1
