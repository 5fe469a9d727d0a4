"""The words for moments, spans and events on the board. It may not mark anything up: templates do, and escape what comes from here."""

import re
from datetime import UTC, datetime, timedelta

from worker.durations import show_duration

_SECOND, _MINUTE, _HOUR = timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=1)


def span(duration: timedelta) -> str:
    """For people: in whole seconds, and from an hour on in whole minutes."""
    unit = _SECOND if abs(duration) < _HOUR else _MINUTE
    return show_duration(round(duration / unit) * unit).replace(".0s", "s")


def moment(at: datetime) -> str:
    """To the second, in UTC."""
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


def ago(at: datetime, now: datetime) -> str:
    """How far from now, on either side."""
    if abs(at - now) < _SECOND:
        return "now"
    return f"{span(now - at)} ago" if at < now else f"in {span(at - now)}"


def word(event: str) -> str:
    """The name of an event as words: `SubmissionAccepted` is `Submission accepted`."""
    words = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", event).lower()
    return words[:1].upper() + words[1:]
