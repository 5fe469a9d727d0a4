"""Durations as people write them: `30s`, `3h30m`, `3h 30m`, `0.5s`. It may not guess: a number without a unit is refused."""

import re
from datetime import timedelta

_UNITS = {"d": "days", "h": "hours", "m": "minutes", "s": "seconds", "ms": "milliseconds"}
_PART = re.compile(r"([0-9]+(?:\.[0-9]+)?)(ms|d|h|m|s)")
_WHOLE = re.compile(rf"{_PART.pattern}(?: ?{_PART.pattern})*")


def parse_duration(text: str) -> timedelta:
    """Read `3h30m`, `90s`, `0.5s`, `1d`, `250ms`. Raises ValueError for anything else, or for nothing at all."""
    if not _WHOLE.fullmatch(text.strip()):
        message = f"{text!r} is not a duration: write it as 30s, 3h30m, 0.5s, 1d or 250ms"
        raise ValueError(message)
    try:
        return sum((timedelta(**{_UNITS[unit]: float(amount)}) for amount, unit in _PART.findall(text)), timedelta(0))
    except OverflowError:
        message = f"{text!r} is longer than any clock can count"
        raise ValueError(message) from None


def show_duration(duration: timedelta) -> str:
    """Write a duration for people, in its two largest units: `3h 30m`, `45s`, `0.5s`."""
    seconds = duration.total_seconds()
    if seconds < 0:
        return f"-{show_duration(-duration)}"
    if seconds < 10:  # noqa: PLR2004 - below ten seconds tenths are worth a look
        return f"{seconds:.1f}s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    parts = [f"{amount}{unit}" for amount, unit in ((days, "d"), (hours, "h"), (minutes, "m"), (rest, "s")) if amount]
    return " ".join(parts[:2])
