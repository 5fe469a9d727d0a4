"""The places of answers that go on and on: each is a connection that stays. They may not all be one caller's, for the others follow jobs too."""

from collections import Counter

from scheduler.api.guard import Caller
from scheduler.api.problems import ProblemError

SHARE = 0.25
"""Of the places, what one caller has at most; the owner has as many as are free."""


class Places:
    """So many of a process. Used from its event loop. `full`: what is said when there is none."""

    def __init__(self, most: int, full: str) -> None:
        self._most, self._each, self._full = most, max(int(most * SHARE), 1), full
        self._taken: Counter[str] = Counter()

    def take(self, caller: Caller) -> None:
        """Take one. Raises ProblemError: 503, when all are taken, or all that this caller may have."""
        own = caller.sees is not None and self._taken[caller.name] >= self._each
        if own or self._taken.total() >= self._most:
            raise ProblemError(503, "too-many-streams", self._full)
        self._taken[caller.name] += 1

    def give(self, caller: Caller) -> None:
        """Give it back."""
        self._taken[caller.name] -= 1
        self._taken += Counter()  # forgets who has none
