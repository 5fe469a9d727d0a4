"""When to look next, and when to expect the end: a poll plan from the hazard rate. It may not know a job's state or read a clock.

The classical inspection problem (Barlow, Hunter and Proschan, J. SIAM 11, 1963): with c1 the cost of a look and c2 the cost of a unit of delay, looks
per second proportional to sqrt(c2 * h(t) / (2 * c1)) are near-optimal, h being the hazard of finishing now, given not finished yet. A capped
exponential backoff does the opposite: it is sparsest exactly when completion is likeliest.
"""

from bisect import bisect_left, bisect_right
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import accumulate, pairwise
from math import erf, exp, log, sqrt

# The prior, as shares of all trainings and in multiples of the typical time: 3-4 hours, and rejections within minutes
# (Tavus, Train from an Image, 2026-06).
_EARLY, _EARLY_MEAN = 0.04, 0.012
_MAIN, _MAIN_SPREAD = 0.94, 0.095
_TAIL, _TAIL_MEDIAN, _TAIL_SPREAD = 0.02, 1.6, 0.25
_GRID = 400  # steps of the table per typical time: finer than any look is apart
_REACH = 4.0  # typical times covered by the table; past it the last rate goes on
_SPARSEST = 0.1  # typical times: never look more seldom than this, in case the prior is wrong
_DENSEST = 0.002  # typical times: never more often than this


def _normal_cdf(x: float) -> float:
    return 0.5 * (1.0 + erf(x / sqrt(2.0)))


def _finished_share(t: float) -> float:
    """The share of trainings over by `t` typical times."""
    if t <= 0:
        return 0.0
    early = 1.0 - exp(-t / _EARLY_MEAN)
    return _EARLY * early + _MAIN * _normal_cdf(log(t) / _MAIN_SPREAD) + _TAIL * _normal_cdf(log(t / _TAIL_MEDIAN) / _TAIL_SPREAD)


@dataclass(frozen=True, slots=True)
class Eta:
    """When a training that still runs may be expected to end, counted from now: half of them sooner than `p50`, nine in ten than `p90`."""

    p50: timedelta
    p90: timedelta


@dataclass(frozen=True, slots=True)
class Plan:
    """A poll plan. `typical`: the usual training time. `worth`: looks one would pay to know one percent of it sooner (the one dial)."""

    typical: timedelta = timedelta(hours=3, minutes=30)
    worth: float = 40.0
    _share: tuple[float, ...] = field(init=False, repr=False, compare=False)
    _looks: tuple[float, ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Lay the tables: the finished share and the looks due, by grid step."""
        share = tuple(_finished_share(step / _GRID) for step in range(int(_REACH * _GRID) + 1))
        object.__setattr__(self, "_share", share)
        object.__setattr__(self, "_looks", tuple(accumulate(self._rates(share), initial=0.0)))

    def _rates(self, share: tuple[float, ...]) -> tuple[float, ...]:
        """Looks in each grid step."""
        hazards = [(after - before) * _GRID / max(1.0 - before, 1e-9) for before, after in pairwise(share)]
        wanted = [sqrt(self.worth * 100.0 * hazard / 2.0) for hazard in hazards]
        return tuple(min(max(rate, 1.0 / _SPARSEST), 1.0 / _DENSEST) / _GRID for rate in wanted)

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

    def _looks_at(self, t: float) -> float:
        step = max(t, 0.0) * _GRID  # a worker whose clock is behind sees a training that has not begun
        low = min(int(step), len(self._looks) - 2)
        return self._looks[low] + (step - low) * (self._looks[low + 1] - self._looks[low])

    def _time_of(self, looks: float) -> float:
        high = min(max(bisect_left(self._looks, looks), 1), len(self._looks) - 1)
        before, after = self._looks[high - 1], self._looks[high]
        return (high - 1 + (looks - before) / (after - before)) / _GRID

    def _share_at(self, t: float) -> float:
        return self._share[min(max(int(t * _GRID), 0), len(self._share) - 1)]

    def _quantile(self, share: float) -> float:
        return min(bisect_right(self._share, share), len(self._share) - 1) / _GRID
