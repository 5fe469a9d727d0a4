"""How jobs are chosen on the command line: by what they are and by their age. It may not read any."""

from datetime import UTC, datetime
from typing import Annotated

import typer

from worker.core.states import State
from worker.durations import parse_duration

InState = Annotated[State | None, typer.Option(help="Only jobs in this state.")]
OfAccount = Annotated[str | None, typer.Option(help="Only jobs of this Tavus account.")]
MOMENTS = "24h for so long ago, or 2026-11-01T12:00:00Z (UTC if unsaid)"


def moment_of(text: str | None, now: datetime, option: str) -> datetime | None:
    """The moment that is meant. Raises BadParameter for what is none."""
    if text is None:
        return None
    try:
        return now - parse_duration(text) if text.strip()[-1:] in "dhms" else _written(text)
    except (ValueError, OverflowError) as error:
        raise typer.BadParameter(f"{text[:60]!r} is no moment; write {MOMENTS}", param_hint=option) from error


def _written(text: str) -> datetime:
    moment = datetime.fromisoformat(text.strip())
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
