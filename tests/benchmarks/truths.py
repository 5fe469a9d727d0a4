"""How long trainings might really take: a family of truths, drawn from by seed, and what a plan costs where one of them holds. It may not plan."""

import random
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from itertools import pairwise
from math import exp, log
from statistics import fmean

from worker.core import times
from worker.core.polling import Plan

HOUR = 3600.0
_REJECTED_AFTER = 150.0  # seconds, on average
_DRAWS = 20_000  # for the truth's own typical time


@dataclass(frozen=True, slots=True)
class Part:
    """Some trainings: their share, the middle of their times in seconds, and their spread in the logarithm. Without a spread: at any moment."""

    share: float
    middle: float
    spread: float | None = None
    well: bool = True


@dataclass(frozen=True, slots=True)
class Truth:
    """What trainings really take."""

    parts: tuple[Part, ...]

    def draw(self, chance: random.Random) -> tuple[float, bool]:
        """One training: how many seconds it took, and whether it ended well."""
        [part] = chance.choices(self.parts, [one.share for one in self.parts])
        seconds = chance.expovariate(1 / part.middle) if part.spread is None else chance.lognormvariate(log(part.middle), part.spread)
        return seconds, part.well


def truth(hours: float, spread: float, *, early: float = 0.04, tail: float = 0.02, second: float | None = None) -> Truth:
    """Trainings of about so many hours (half of them of `second`), some rejected early, and some that take much longer."""
    well = 1.0 - early
    middles = [hours] if second is None else [hours, second]
    main = [Part(well * (1.0 - tail) / len(middles), one * HOUR, spread) for one in middles]
    return Truth((Part(early, _REJECTED_AFTER, well=False), Part(well * tail, 1.6 * hours * HOUR, 0.25), *main))


PRIOR = truth(3.5, times.MAIN_SPREAD)
"""What Tavus documents: the prior is this, with a little left for the unheard-of."""

FAMILY: Mapping[str, Truth] = {
    **{f"{hours:g} h, spread {spread:.0%}": truth(hours, spread) for hours in (1, 2, 3.5, 5, 8) for spread in (0.03, 0.1, 0.25)},
    "no early failures": truth(3.5, 0.1, early=0.0),
    "20 % early failures": truth(3.5, 0.1, early=0.2),
    "no tail": truth(3.5, 0.08, tail=0.0),
    "15 % in the tail": truth(3.5, 0.08, tail=0.15),
    "3 h and 4 h": truth(3, 0.05, second=4),
    "2 h and 5 h": truth(2, 0.08, second=5),
    "1 h and 6 h": truth(1, 0.05, second=6),
}


@cache
def knowing(true: Truth) -> Plan:
    """The plan of who knows the truth. Its typical time is what the dial's percent is of: the mean of the middle half, as ours learns it."""
    chance = random.Random(0)
    drawn = sorted(log(seconds) for seconds, well in (true.draw(chance) for _ in range(_DRAWS)) if well)
    typical = exp(fmean(drawn[len(drawn) // 4 : -(len(drawn) // 4)]))
    mixed = times.mixed([(one.share, times.laid(_share(one, typical))) for one in true.parts])
    return Plan(timedelta(seconds=typical), times=mixed)


def cost(plan: Plan, true: Truth) -> float:
    """What the plan costs where this is true, in looks: those that it makes, and the delays at the dial's price. Exact, on the grid of times."""
    best = knowing(true)
    faster = best.typical / plan.typical
    looks, delay = 1.0, 0.0
    for (before, after), (begin, end) in zip(pairwise(best.times.shares), pairwise(times.GRID), strict=True):
        rate = plan._rate(min(int(times.place((begin + end) / 2 * faster)), len(times.GRID) - 2)) * faster
        looks += rate * (1.0 - before) * (end - begin)
        delay += (after - before) / (2.0 * rate)
    return looks + best.worth * 100.0 * delay


def _share(part: Part, typical: float) -> times.Share:
    middle = part.middle / typical
    return times.memoryless(middle) if part.spread is None else times.lognormal(middle, part.spread)
