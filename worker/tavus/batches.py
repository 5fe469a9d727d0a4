"""How many replicas one list call may name: learned for each account from what its answers leave out. It may not call anybody.

The filter `replica_ids` is documented (Tavus, List Replicas, 2026-06), how many ids it takes is not.
"""

import threading
import time
from collections.abc import Callable, Collection, Sequence
from math import comb

import structlog

from worker.core.job import ReplicaId

MOST = 100
"""Ids in one call, until an answer says otherwise: what Tavus' own command line asks for in one page."""
_AGAIN_SECONDS = 3600.0  # a limit is believed for so long, then the whole is tried again: one call that is answered in part
_NO_CHANCE = 1000  # to one: that those which the list does not show yet are by chance just the last ones that were asked for
_MANY = 0.25  # of those that were asked for: a list that is a little behind leaves out fewer

log = structlog.get_logger("batches")


class Batches:
    """One a process, used from any number of threads."""

    def __init__(self, steady: Callable[[], float] = time.monotonic) -> None:
        """Believe the documentation."""
        self._steady, self._lock = steady, threading.Lock()
        self._learned: dict[str, tuple[int, float]] = {}

    def most(self, account: str) -> int:
        """How many ids a call for this account may name."""
        with self._lock:
            most, until = self._learned.get(account, (MOST, 0.0))
            return most if self._steady() < until else MOST

    def learn(self, account: str, asked: Sequence[ReplicaId], shown: Collection[ReplicaId]) -> bool:
        """Learn from an answer that left out a replica which is there. Whether smaller batches are asked for from now on.

        A list may also be a little behind: then those that are new are missing, and no call shows them sooner.
        """
        most = _most_of(asked, shown)
        if most is None:
            return False
        with self._lock:
            self._learned[account] = (most, self._steady() + _AGAIN_SECONDS)
        log.warning(
            "a list does not show all replicas it was asked for; from now on fewer at once", account=account, asked=len(asked), at_once=most
        )
        return True


def _most_of(asked: Sequence[ReplicaId], shown: Collection[ReplicaId]) -> int | None:
    """How many ids the filter seems to take; None: it may have taken them all."""
    if not set(shown) <= set(asked):
        return 1  # others are shown: the filter was not taken at all
    got = len(shown)
    if set(shown) == set(asked[:got]) and comb(len(asked), got) >= _NO_CHANCE:
        return got
    return len(asked) // 2 if len(asked) - got > len(asked) * _MANY and len(asked) >= MOST // 4 else None
