"""What is done when, as people ask for it: each entry with what it is for, when it was last done, and when it is next. It may not ring for anything.

When something was last done says the ledger, where whoever did it has left a note; beat's own memory says only when it rang.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from scheduler import auditing, beat, keeping, learn, recurring
from worker.assembly import Parts
from worker.counted import CANARIES, SWEEPS
from worker.durations import show_duration
from worker.settings import Settings
from worker.store.rounds import Round

SWEPT = "sweep"
_OFF = "off: REPLICAS_RETENTION is unset"


@dataclass(frozen=True, slots=True)
class Entry:
    """An entry of the schedule. `by`: the entry that does it along the way; None: it has a task of its own. `every` None: at the moment it is due."""

    name: str
    what: str
    every: timedelta | None
    by: str | None = None
    is_off: bool = False


def entries(settings: Settings) -> tuple[Entry, ...]:
    """All of them."""
    recurs, daily, is_kept = timedelta(seconds=beat.RECURRING), keeping.EVERY, settings.retention is None
    erases = "erase what was asked for, and the story, of jobs that have been over for "
    return (
        Entry(SWEPT, "ring for whatever is due", settings.sweep_interval),
        Entry("settle scans", "look for submissions and conversations whose answer was lost: such jobs are due rows", None, SWEPT),
        Entry("notifications", "tell callers what became of their jobs: each is a due row", None, SWEPT),
        Entry(
            "roll-over",
            "let jobs go on that wait for the month's budget: they are due at the next refund, or when the next month begins",
            None,
            SWEPT,
        ),
        Entry("voices", "read the stock voices of every account", settings.voices_refresh),
        Entry(learn.NAME, "learn from finished trainings and callbacks when to look", settings.learn_interval),
        Entry("canary", "see that workers take messages, and reach the ledger", settings.canary_interval),
        Entry(recurring.NAME, "enqueue jobs that recur: `replicas recurring list`", recurs),
        Entry(auditing.NAME, "check what must always hold of every job, and compare short lists with Tavus", auditing.EVERY),
        Entry(keeping.TIDYING, "delete what is of no more use: old notifications, letters, tokens, tallies", daily),
        Entry(keeping.RETENTION, _OFF if settings.retention is None else erases + show_duration(settings.retention), daily, is_off=is_kept),
    )


def timetable(parts: Parts) -> list[dict[str, Any]]:
    """Each entry as JSON: `last` and `next` are moments in UTC; null where there is none to be told. Raises one of UNREACHABLE."""
    known = dict(_last_of(parts))
    rounds = parts.ledger.rounds.every()
    return [_document(one, known, rounds.get(one.name)) for one in entries(parts.settings)]


def _document(one: Entry, known: dict[str, datetime | None], done: Round | None) -> dict[str, Any]:
    last, due_at = (done.ended_at, done.due_at) if done is not None else (None, None)
    last = known.get(one.by or one.name, last)
    following = due_at or (last + one.every if last is not None and one.every is not None else None)
    return {
        "name": one.name,
        "what": one.what,
        "every_seconds": one.every.total_seconds() if one.every is not None else None,
        "by": one.by,
        "last": last.isoformat() if last is not None else None,
        "next": following.isoformat() if following is not None and not one.is_off else None,
        "under_way_since": done.begun_at.isoformat() if done is not None and done.begun_at is not None else None,
        "outcome": dict(done.outcome) if done is not None and done.outcome is not None else None,
    }


def _last_of(parts: Parts) -> Iterator[tuple[str, datetime | None]]:
    """Of what leaves its note elsewhere."""
    ledger = parts.ledger
    of: dict[str, Callable[[], datetime | None]] = {
        SWEPT: lambda: ledger.gauges.last(SWEEPS),
        "canary": lambda: ledger.gauges.last(CANARIES),
        "voices": ledger.voices_read_at,
    }
    return ((name, last()) for name, last in of.items())
