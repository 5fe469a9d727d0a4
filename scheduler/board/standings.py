"""The accounts as the board shows them: stopped or not, their pace, slots and breakers, and their credits of this month. It may not show a key."""

import threading
import time
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from scheduler import accounts
from scheduler.board.words import span
from scheduler.views import month_document
from worker.assembly import Parts
from worker.core.failures import POLICIES
from worker.core.job import Terms
from worker.pacing.kinds import Kind, Reason
from worker.pacing.pacer import Standing
from worker.store.book import Month

_FRESH = 10.0  # seconds: the book counts every attempt of the account, and changes a few times an hour
_CALLS = {Kind.SUBMIT: "submissions", Kind.CONVERSE: "conversations", Kind.LOOK: "looks", Kind.OTHER: "other calls"}


@dataclass(frozen=True, slots=True)
class Account:
    """One of them. `breakers`: those that are not closed, in words. `credits`: `month_document` of this month; None: nothing was submitted in it."""

    name: str
    stopped_at: datetime | None
    stopped_for: str | None
    pace: Standing
    breakers: list[str]
    terms: Terms
    running: int
    credits: dict[str, object] | None

    @property
    def is_slowed(self) -> bool:
        """Whether Tavus has slowed it down, or has it wait."""
        return self.pace.allowed != self.pace.limit or bool(self.pace.pause)


@dataclass
class Book:
    """The credit book of this month, read seldom however many look. Thread-safe."""

    parts: Parts
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _until: float = 0.0
    _months: dict[str, Month] = field(default_factory=dict)

    def of(self, account: str, now: datetime) -> Month | None:
        """The account's line."""
        with self._lock:
            if time.monotonic() >= self._until:
                month = f"{now:%Y-%m}"
                self._months = {one.account: one for one in self.parts.ledger.book(now, month=month)}
                self._until = time.monotonic() + _FRESH
            return self._months.get(account)


def accounts_of(parts: Parts, book: Book, now: datetime) -> list[Account]:
    """All of them, those that are stopped first."""
    shown = []
    for name, stop in accounts.standings(parts).items():
        pace, month = parts.pace.standing(name), book.of(name, now)
        shown.append(
            Account(
                name=name,
                stopped_at=stop.at if stop else None,
                stopped_for=POLICIES[stop.failure].told if stop else None,
                pace=pace,
                breakers=[_breaker(kind, *pace.breaks[kind]) for kind in sorted(pace.breaks)],
                terms=parts.ledger.terms(name),
                running=parts.ledger.running(name, now, parts.engine.rules),
                credits=month_document(month) if month else None,
            )
        )
    return sorted(shown, key=lambda one: (one.stopped_at is None, one.name))


def _breaker(kind: Kind, reason: Reason, wait: timedelta) -> str:
    what = "Every conversation slot is taken" if reason is Reason.FULL else f"Calls for {_CALLS[kind]} fail"
    return f"{what}; {f'tried again in {span(wait)}' if wait else 'one call is trying'}"
