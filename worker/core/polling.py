"""When to look next, and when to expect the end: a poll plan from the hazard rate. It may not know a job's state or read a clock.

The classical inspection problem (Barlow, Hunter and Proschan, J. SIAM 11, 1963): with c1 the cost of a look and c2 the cost of a unit of delay, looks
per second proportional to sqrt(c2 * h(t) / (2 * c1)) are near-optimal, h being the hazard of finishing now, given not finished yet. A capped
exponential backoff does the opposite: it is sparsest exactly when completion is likeliest.
"""

from bisect import bisect_left, bisect_right
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from functools import lru_cache
from itertools import pairwise
from math import sqrt

from worker.core.times import GRID, PRIOR, Times, place

_SPARSEST = 0.3  # typical times: never look more seldom than this, in case what is known of the times is wrong
_DENSEST = 0.002  # typical times: never more often than this
_PATIENCE = 0.04  # when so few still run, the impatience for them is halved: it bounds the looks at a training that never ends
_LATE, _STUCK = 0.95, 0.995  # of all trainings: those that were over sooner than one that is late, or stuck


class Verdict(StrEnum):
    """What the time that a training has taken says of it. Its progress is no sign: Tavus' may stand still for hours in a training that goes well."""

    PLAUSIBLE = "plausible"
    LATE = "late"  # nineteen in twenty are over by then
    STUCK = "stuck"  # all but one in two hundred are over by then


@dataclass(frozen=True, slots=True)
class Eta:
    """When a training that still runs may be expected to end, counted from now: half of them sooner than `p50`, nine in ten than `p90`."""

    p50: timedelta
    p90: timedelta


@dataclass(frozen=True, slots=True)
class Plan:
    """A poll plan. `typical`: the usual training time. `worth`: looks one would pay to know one percent of it sooner (the one dial).

    `times`: how long trainings take, in typical times. `missed`: the share of ends that only a look will notice, since no callback tells of them.
    """

    typical: timedelta = timedelta(hours=3, minutes=30)
    worth: float = 165.0
    times: Times = field(default=PRIOR, repr=False)
    missed: float = 1.0
    _looks: tuple[float, ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Lay the table of the looks that are due by each time of the grid."""
        object.__setattr__(self, "_looks", _laid(self.times, self.worth * self.missed))

    def next_look(self, elapsed: timedelta, phase: float) -> timedelta:
        """How long after the start of a training to look next, having looked at `elapsed`.

        `phase` in [0, 1) shifts a job's looks between its neighbours', so that jobs enqueued together are not asked for together.
        """
        at = self._looks_at(elapsed / self.typical)
        wanted = int(at - phase + 1.0) + phase
        if wanted - at < 0.5:  # a look just made for another reason counts: the next is a whole one away, or nearly  # noqa: PLR2004 - half a look
            wanted += 1.0
        return self.typical * self._time_of(wanted)

    def eta(self, elapsed: timedelta) -> Eta:
        """The honest ETA of a training that has run for `elapsed` and is not over."""
        now = elapsed / self.typical
        done = self._share_at(now)
        return Eta(*(max(self._quantile(done + part * (1.0 - done)) - now, 0.0) * self.typical for part in (0.5, 0.9)))

    def verdict(self, elapsed: timedelta) -> Verdict:
        """What is to be thought of a training that has run for `elapsed` and is not over."""
        share = self._share_at(elapsed / self.typical)
        return Verdict.STUCK if share > _STUCK else Verdict.LATE if share > _LATE else Verdict.PLAUSIBLE

    def _looks_at(self, time: float) -> float:
        low = min(int(place(time)), len(GRID) - 2)  # a worker whose clock is behind sees a training that has not begun: nothing is due
        return self._looks[low] + (max(time, 0.0) - GRID[low]) * self._rate(low)

    def _time_of(self, looks: float) -> float:
        low = min(max(bisect_left(self._looks, looks), 1), len(GRID) - 1) - 1
        return GRID[low] + (looks - self._looks[low]) / self._rate(low)

    def _rate(self, low: int) -> float:
        """Looks per typical time in a step of the grid; past the last step its rate goes on."""
        return (self._looks[low + 1] - self._looks[low]) / (GRID[low + 1] - GRID[low])

    def _share_at(self, time: float) -> float:
        exact = place(time)
        low = min(int(exact), len(GRID) - 2)
        shares = self.times.shares
        return shares[low] + (exact - low) * (shares[low + 1] - shares[low])

    def _quantile(self, share: float) -> float:
        return GRID[min(bisect_right(self.times.shares, share), len(GRID) - 1)]


@lru_cache(maxsize=8)  # the same prior is laid again and again; what was learned is laid once
def _laid(times: Times, worth: float) -> tuple[float, ...]:
    """The looks that are due by each time of the grid."""
    due = 0.0
    looks = [due]
    for (before, after), (begin, end) in zip(pairwise(times.shares), pairwise(GRID), strict=True):
        due += _rate(before, after, end - begin, worth) * (end - begin)
        looks.append(due)
    return tuple(looks)


def _rate(before: float, after: float, width: float, worth: float) -> float:
    """Looks per typical time in a step at whose begin and end these shares are over."""
    running = max(1.0 - before, 1e-9)
    hazard = max(after - before, 0.0) / width / running
    patient = running / (running + _PATIENCE)
    return min(max(sqrt(worth * 100.0 * hazard * patient / 2.0), 1.0 / _SPARSEST), 1.0 / _DENSEST)
