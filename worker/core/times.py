"""How long trainings take: shares of them that are over by a time, on a grid of typical times. It may not know what a look costs, nor read a clock.

The grid is logarithmic, for everything here is: rejections come within minutes, trainings within hours, and the odd ones within a day.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import erf, exp, log, sqrt
from operator import mul

STEP = 0.005  # of the grid: half a percent, a tenth of the narrowest spread that is worth following
_FIRST = 0.0005  # typical times: six seconds of a training of hours
_STEPS = 2100
GRID = (0.0, *(_FIRST * exp(STEP * number) for number in range(_STEPS)))
"""The times of the grid, in typical times. The last is some eighteen: past the deadline of any training that is typical."""

Share = Callable[[float], float]
"""The share of something that is over by a time."""
Shares = tuple[float, ...]
"""The same at each time of the grid."""


@dataclass(frozen=True, slots=True, eq=False)
class Times:
    """When trainings end. `shares`: of all trainings those that are over, at each time of the grid. One is equal to itself alone: it is made once."""

    shares: Shares


def place(time: float) -> float:
    """Where on the grid a time lies, between its numbers; never before the first nor past the last."""
    if time <= GRID[1]:
        return max(time, 0.0) / GRID[1]
    return min(1.0 + log(time / _FIRST) / STEP, float(_STEPS))


def logarithm(number: int) -> float:
    """The logarithm of a time of the grid, given its number from 1."""
    return log(_FIRST) + STEP * (number - 1)


def laid(share: Share) -> Shares:
    """It, on the grid."""
    return tuple(share(time) for time in GRID)


def mixed(parts: Sequence[tuple[float, Shares]]) -> Times:
    """Times that are a mixture: each part with its weight."""
    whole = sum(weight for weight, _ in parts)
    weights = [weight / whole for weight, _ in parts]
    return Times(tuple(sum(map(mul, weights, column)) for column in zip(*(shares for _, shares in parts), strict=True)))


def memoryless(mean: float) -> Share:
    """Exponential: rejections, which come at any moment of the first minutes."""
    return lambda time: 1.0 - exp(-time / mean)


def lognormal(median: float, spread: float) -> Share:
    """Around the median, with a spread in shares of it."""
    return lambda time: 0.5 * (1.0 + erf(log(time / median) / (spread * sqrt(2.0)))) if time > 0.0 else 0.0


def without_scale(begin: float) -> Share:
    """Pareto: of those that still run at any time past `begin`, half still run at twice that time."""
    return lambda time: 1.0 - begin / time if time > begin else 0.0


# The prior, in shares of all trainings and in typical times: 3-4 hours, rejections within minutes, a few that take much longer
# (Tavus, Train from an Image, 2026-06), and the very few of which nobody can say anything.
EARLY, EARLY_MEAN = 0.04, 0.012
MAIN_SPREAD = 0.095
TAIL, TAIL_MEDIAN, TAIL_SPREAD = 0.018, 1.6, 0.25
ODD, ODD_FROM = 0.002, 1.5
NOTHING = (0.0,) * len(GRID)
LONG = laid(lognormal(TAIL_MEDIAN, TAIL_SPREAD))
STRANGE = laid(without_scale(ODD_FROM))
PRIOR = mixed(
    (
        (EARLY, laid(memoryless(EARLY_MEAN))),
        (1.0 - EARLY - TAIL - ODD, laid(lognormal(1.0, MAIN_SPREAD))),
        (TAIL, LONG),
        (ODD, STRANGE),
    )
)
"""What is believed of trainings before any was seen."""
