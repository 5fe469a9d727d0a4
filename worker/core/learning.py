"""What finished trainings teach of those to come: a distribution of their times, blended with the prior. It may not read them, nor trust one alone.

Each observation is a kernel in the logarithm of time, as wide as its neighbours are far: a truth with two modes keeps both. What was seen once, far
from all else, does not count before it is seen again. The prior weighs as much as a handful of observations; it moves to where the trainings of the
project end, and keeps a tail, for what was never seen may come all the same. Times are seen up to one look late: that is not corrected, for who has
learned them so looks densely there, and sees the next ones nearly as they are.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from itertools import accumulate
from math import erf, exp, inf, log, sqrt
from statistics import NormalDist, fmean, median

from worker.core import times
from worker.core.polling import Plan
from worker.core.times import Shares, Times

MOST = 200
"""Observations of either outcome that a lesson holds: more would change nothing, and newer ones know more than older."""
_PRIOR = 5.0  # observations that the prior weighs as much as
_EXPECTED = tuple(NormalDist(0.0, times.MAIN_SPREAD).inv_cdf((number + 0.5) / _PRIOR) for number in range(int(_PRIOR)))
_DOUBT = 2.5  # the same of the prior's idea of when rejections come: they have less in common with each other
_WIDTHS = (0.015, 0.4)  # of kernels: a training of a fixed length still differs by that; and what stands alone means little
_EARLY_WIDTHS = (0.2, 0.8)  # the same of those in error
_NEAR, _WIDE = 1.0, 1.0  # which neighbour counts, in square roots of how many there are; and the kernel's width in distances to it
_REACH = 4.0  # widths of a kernel on either side, past which there is nothing of it
# Logarithms between an observation and the next, past which it is alone; rejections are scattered more widely.
_ALONE, _EARLY_ALONE = 0.3, 1.5
_NORMAL = 1.4826  # standard deviations of a normal distribution to its median deviation
PER_UNIT = 1000  # logarithms are kept in thousandths: a tenth of a percent of the time
_SHORTEST = 0.001  # seconds: what took no time has no logarithm
_TAIL = 0.01  # the share of long trainings that is always thought possible


@dataclass(frozen=True, slots=True)
class Lesson:
    """Observed times, in thousandths of the logarithm of seconds: of trainings that ended well, and of those that ended in an error.

    `errors`: what share ended so, where there were more than are here; None: as these themselves say.
    """

    trained: tuple[int, ...] = ()
    failed: tuple[int, ...] = ()
    errors: float | None = None

    def plan(self, prior: Plan) -> Plan:
        """The poll plan that the lesson makes of the prior's. Without observations that count it is the prior's."""
        unit = log(prior.typical.total_seconds())
        trained = _in_company([one / PER_UNIT - unit for one in self.trained], _EXPECTED, _ALONE)
        failed = _in_company([one / PER_UNIT - unit for one in self.failed], [log(times.EARLY_MEAN)], _EARLY_ALONE)
        if not trained and not failed:
            return prior
        shift = _middle([*_EXPECTED, *trained])
        errors = len(failed) / (len(trained) + len(failed)) if self.errors is None else self.errors
        learned = _times([one - shift for one in trained], [one - shift for one in failed], shift, errors)
        return Plan(prior.typical * exp(shift), prior.worth, learned, prior.missed)


def _in_company(points: Sequence[float], expected: Sequence[float], apart: float) -> list[float]:
    """Those that are not alone: what was seen once, far from all else, is an accident until it is seen again."""
    every = sorted((*points, *expected))
    known = {
        one for before, one, after in zip([-inf, *every], every, [*every[1:], inf], strict=False) if min(one - before, after - one) <= apart
    }
    return [one for one in points if one in known]


def _middle(points: Sequence[float]) -> float:
    """The mean of the middle half. Not the median: where half take an hour and half take six, that is the one or the other by chance."""
    every = sorted(points)
    quarter = len(every) // 4
    return fmean(every[quarter : len(every) - quarter])


def _times(trained: Sequence[float], failed: Sequence[float], shift: float, share: float) -> Times:
    """Observations and prior as one; all in logarithms of the learned typical time, which is by `shift` off the prior's. `share`: of errors."""
    seen, errors = len(trained), len(failed)
    early = (share * (seen + errors) + _PRIOR * times.EARLY) / (seen + errors + _PRIOR)
    well = 1.0 - early
    tail = _TAIL + (times.TAIL - _TAIL) * _PRIOR / (seen + _PRIOR)
    main = well * (1.0 - tail - times.ODD)
    return times.mixed(
        (
            (early * _DOUBT / (errors + _DOUBT), times.laid(times.memoryless(times.EARLY_MEAN * exp(-shift)))),
            (early * errors / (errors + _DOUBT), _kernels(failed, _EARLY_WIDTHS)),
            (main * _PRIOR / (seen + _PRIOR), times.laid(times.lognormal(1.0, _spread(trained)))),
            (main * seen / (seen + _PRIOR), _kernels(trained, _WIDTHS)),
            (well * tail, times.LONG),
            (well * times.ODD, times.STRANGE),
        )
    )


def _spread(trained: Sequence[float]) -> float:
    """The usual distance from the typical time, of the prior's handful and what was seen."""
    usual = _NORMAL * median(abs(one) for one in (*_EXPECTED, *trained))
    return min(max(usual, _WIDTHS[0]), _WIDTHS[1])


def lesson_of(seen: Iterable[tuple[timedelta, bool]]) -> Lesson:
    """The lesson of trainings, newest first: how long each took, and whether it ended well. Neither outcome crowds the other out."""
    kept = [(round(PER_UNIT * log(max(took.total_seconds(), _SHORTEST))), well) for took, well in seen]
    trained, failed = ([one for one, well in kept if well is outcome] for outcome in (True, False))
    errors = len(failed) / len(kept) if max(len(trained), len(failed)) > MOST else None
    return Lesson(tuple(trained[:MOST]), tuple(failed[:MOST]), errors)


def _kernels(points: Sequence[float], bounds: tuple[float, float]) -> Shares:
    """The share that is over by each time of the grid: one kernel for each observation, as wide as its nearest neighbours are far."""
    at = sorted(points)
    if not at:
        return times.NOTHING
    near = max(round(_NEAR * sqrt(len(at))), 1)
    steps = [0.0] * len(times.GRID)
    for number, point in enumerate(at):
        others = at[max(number - near, 0) : number + near + 1]
        away = sorted(abs(point - other) for other in others)
        width = min(max(_WIDE * away[min(near, len(away) - 1)] if len(away) > 1 else bounds[1], bounds[0]), bounds[1])
        _add_kernel(steps, point, width)
    return tuple(one / len(at) for one in accumulate(steps))


def _add_kernel(steps: list[float], point: float, width: float) -> None:
    """Spread one observation over the steps of the grid around it; what lies past the grid's ends stands at them."""
    low, high = (max(int(times.place(exp(point + side * _REACH * width))), 1) for side in (-1, 1))
    before = 0.0
    for number in range(low, high + 1):
        over = 0.5 * (1.0 + erf((times.logarithm(number) - point) / (width * sqrt(2.0)))) if number < high else 1.0
        steps[number] += over - before
        before = over
