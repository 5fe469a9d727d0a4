"""Durations as people write them: `3h30m`, `0.5s`, `90`. It reads and writes text, and knows nothing of clocks."""

import re
from datetime import timedelta

# Milliseconds before minutes and seconds, or `5ms` would be read as five minutes and a stray letter.
_PART = re.compile(r"(\d+(?:\.\d+)?)(ms|d|h|m|s)")
_UNIT = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}


def duration(text: str) -> timedelta:
    """Read `3h30m`, `45s`, `0.5s`, `200ms`, or a bare number of seconds. Anything else is a ValueError that quotes it."""
    bare = text.strip().lower()
    try:
        return timedelta(seconds=float(bare))
    except ValueError:
        pass
    parts = _PART.findall(bare)
    if not parts or "".join(number + unit for number, unit in parts) != bare:
        message = f"not a duration: {text!r} (write 3h30m, 45s, 0.5s or a number of seconds)"
        raise ValueError(message)
    return timedelta(seconds=sum(float(number) * _UNIT[unit] for number, unit in parts))
