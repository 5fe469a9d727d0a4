"""Shares room fairly: everybody gets the same, and what one does not need goes to the others. It may not know what is shared."""

from collections.abc import Callable, Sequence
from typing import TypeVar

Whom = TypeVar("Whom")
Got = TypeVar("Got")


def fairly(whom: Sequence[Whom], room: int, give: Callable[[Whom, int], list[Got]]) -> list[Got]:
    """All that `give(one, limit)` gave, `room` at most. Who got less than its limit has no more; where there is little room, the first come first."""
    given: list[Got] = []
    hungry = list(whom)
    while hungry and len(given) < room:
        share = max((room - len(given)) // len(hungry), 1)
        still = []
        for one in hungry:
            limit = min(share, room - len(given))
            got = give(one, limit) if limit > 0 else []
            given += got
            if limit > 0 and len(got) == limit:
                still.append(one)
        hungry = still
    return given
