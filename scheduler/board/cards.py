"""A job as the board shows it: a card or a row, and its story. It may not show an address, a token or a request, nor words that were not redacted."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from scheduler.board.bands import Band, band_of, part_of
from scheduler.board.buttons import Button, buttons_of
from worker.core.credits import entry_of
from worker.core.failures import POLICIES
from worker.core.job import Attempt, Job
from worker.core.rules import Rules
from worker.core.states import State
from worker.redaction import redacted
from worker.store.stories import Line

MOST_LINES = 100
"""Of a story, until somebody asks for all of it."""
_LONGEST = 600  # characters of what others said: the story of one job may not push all others off the page


@dataclass(frozen=True, slots=True)
class Card:
    """A job on the board. `told`: what its failure means and what to do; `detail`: what was said of it, by others. `since`: its last step or look."""

    id: str
    state: State
    account: str
    caller: str
    created_at: datetime
    due_at: datetime | None
    since: datetime | None
    progress: str | None
    part: float | None
    band: Band | None
    failure: str | None
    told: str | None
    detail: str | None
    buttons: Sequence[Button]

    @property
    def is_waiting(self) -> bool:
        """Whether it is to be looked at soon, for something that has no ETA."""
        return self.due_at is not None and self.state in {State.QUEUED, State.SUBMITTING, State.OPENING}


@dataclass(frozen=True, slots=True)
class Step:
    """A line of a story. `after`: how long after the one before it; None of the first."""

    number: int
    at: datetime
    event: str
    state: State
    before: State | None
    why: str
    after: timedelta | None

    @property
    def moves(self) -> bool:
        """Whether it led to another state."""
        return self.before is not self.state


@dataclass(frozen=True, slots=True)
class Try:
    """A submission, and what is known of its money."""

    number: int
    mark: str
    at: datetime
    outcome: str
    credit: str
    replica_id: str | None
    failure: str | None


def card_of(job: Job, rules: Rules, now: datetime) -> Card:
    """The card."""
    return Card(
        id=job.id,
        state=job.state,
        account=job.account,
        caller=job.caller,
        created_at=job.created_at,
        due_at=job.due_at,
        since=job.written_at,
        progress=_short(job.progress),
        part=part_of(job.progress),
        band=band_of(job, rules, now),
        failure=job.failure.value if job.failure else None,
        told=POLICIES[job.failure].told if job.failure else None,
        detail=_short(job.detail) if job.failure else None,
        buttons=buttons_of(job, rules, now),
    )


def steps_of(lines: Sequence[Line]) -> list[Step]:
    """The story, the newest step first."""
    before = [None, *(line.at for line in lines)]
    return [
        Step(number, line.at, line.event, line.to_state, line.from_state, _short(line.why) or "", line.at - earlier if earlier else None)
        for number, (line, earlier) in enumerate(zip(lines, before, strict=False), start=1)
    ][::-1]


def tries_of(attempts: Sequence[Attempt], now: datetime) -> list[Try]:
    """The submissions, the newest first."""
    return [
        Try(
            one.number, one.mark, one.intended_at, one.outcome.value, entry_of(one, now).value.replace("_", " "), one.replica_id,
            one.failure.value if one.failure else None,
        )
        for one in reversed(attempts)
    ]  # fmt: skip


def _short(text: str | None) -> str | None:
    """Others' words: without secrets, and no longer than a page can bear."""
    if not text:
        return None
    shown = redacted(text)
    return shown if len(shown) <= _LONGEST else f"{shown[:_LONGEST]}…"
