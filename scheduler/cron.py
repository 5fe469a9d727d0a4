"""Cron expressions in UTC: read by Celery's parser, and asked when they come next. It may not read a clock.

Five fields: minute, hour, day of the month, month, day of the week. Where both kinds of day are named, both must hold (as with Celery; cron itself
takes either).
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from functools import lru_cache

from celery.schedules import ParseException, crontab_parser

_FIELDS = (
    ("minute", 60, 0), ("hour", 24, 0), ("day of the month", 31, 1), ("month", 12, 1), ("day of the week", 7, 0),
)  # fmt: skip
_EXAMPLE = "write minute, hour, day of the month, month and day of the week, such as '0 3 1 * *': 03:00 UTC on the first of each month"
_HUGE = re.compile(r"\d{3}")  # the parser writes every number of a range down
_AHEAD = timedelta(days=366 * 28)  # by then every day of a month has met every day of the week, the 29th of February too
_MINUTE, _DAY = timedelta(minutes=1), timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Cron:
    """An expression that was read."""

    minutes: frozenset[int]
    hours: frozenset[int]
    days: frozenset[int]
    months: frozenset[int]
    weekdays: frozenset[int]

    def after(self, moment: datetime) -> datetime:
        """The next time after that moment. Raises ValueError for an expression that never comes."""
        first = _whole_minute(moment) + _MINUTE
        for day in range(_AHEAD.days):
            for one in self._times_of(first + day * _DAY):
                if one >= first:
                    return one
        raise ValueError("it never comes: no such day of the month is in those months, or none is such a day of the week")

    def last(self, moment: datetime, since: datetime) -> datetime | None:
        """The last time at that moment or before it, and no earlier than `since`."""
        day = _whole_minute(moment)
        while day.date() >= since.date():
            for one in reversed(list(self._times_of(day))):
                if since <= one <= moment:
                    return one
            day -= _DAY
        return None

    def _times_of(self, moment: datetime) -> Iterator[datetime]:
        """All of that moment's day."""
        if moment.month in self.months and moment.day in self.days and moment.isoweekday() % 7 in self.weekdays:
            for hour in sorted(self.hours):
                for minute in sorted(self.minutes):
                    yield datetime.combine(moment.date(), time(hour, minute), UTC)


@lru_cache(maxsize=256)
def read(text: str) -> Cron:
    """The expression. Raises ValueError that says which field is wrong, and how one is written."""
    fields = text.split()
    if len(fields) != len(_FIELDS):
        raise ValueError(f"{text[:60]!r} is no cron expression: it has {len(fields)} fields; {_EXAMPLE}")
    found = [_read(field, *of) for field, of in zip(fields, _FIELDS, strict=True)]
    cron = Cron(*found)
    cron.after(datetime(2000, 1, 1, tzinfo=UTC))
    return cron


def _read(field: str, name: str, many: int, first: int) -> frozenset[int]:
    last = first + many - 1
    try:
        numbers = frozenset() if _HUGE.search(field) else frozenset(crontab_parser(many, first).parse(field.lower()))
    except (ParseException, ValueError, ZeroDivisionError):
        numbers = frozenset()
    if not numbers or not all(first <= number <= last for number in numbers):
        raise ValueError(
            f"the {name}, {field[:30]!r}, is not made of numbers from {first} to {last}, *, ranges (1-5), lists (1,15) or steps (*/5)"
        )
    return numbers


def _whole_minute(moment: datetime) -> datetime:
    return moment.astimezone(UTC).replace(second=0, microsecond=0)
