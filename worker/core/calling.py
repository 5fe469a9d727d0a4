"""How many callbacks arrive: what share of trainings ends without one, at most. It may not believe that what arrived for long arrives for ever."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import sqrt

RECENT = 60
"""Trainings that are looked back on: those before weigh nothing any more."""
_FADE = 0.92  # weight of a training relative to the next newer one: after twenty without a callback those before weigh a fifth
_DOUBT = 1.28  # standard deviations of the bound: in nine cases out of ten no more are missing
_LEAST = 0.05  # never rely on callbacks alone


@dataclass(frozen=True, slots=True)
class Ending:
    """A training that ended: when we learned of it, and when its callback came, if one came."""

    ended_at: datetime
    called_at: datetime | None


def missed_share(endings: Iterable[Ending], now: datetime, grace: timedelta) -> float:
    """The share of trainings whose end no callback tells, at most; newest first. One that ended less than `grace` ago may still be told of.

    A callback counts when it came about when the end was learned: an earlier one told of something else, and a later one told nothing new.
    """
    weights = missing = squares = 0.0
    weight = 1.0
    for one in endings:
        if one.called_at is None and now - one.ended_at < grace:
            continue
        if one.called_at is None or abs(one.called_at - one.ended_at) > grace:
            missing += weight
        weights += weight
        squares += weight * weight
        weight *= _FADE
    if not weights:
        return 1.0
    return max(_upper(missing / weights, weights * weights / squares), _LEAST)


def _upper(share: float, count: float) -> float:
    """Wilson's upper bound of a share that was seen in so many (E. B. Wilson, JASA 22, 1927)."""
    square = _DOUBT * _DOUBT / count
    around = _DOUBT * sqrt((share * (1.0 - share) + square / 4.0) / count)
    return min((share + square / 2.0 + around) / (1.0 + square), 1.0)
