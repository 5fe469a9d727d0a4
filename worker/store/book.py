"""The credit book by account and month, counted in the database. It may not read an attempt in another way than `worker.core.credits` does."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, case, extract, func, literal, or_, select

from worker.core.credits import Entry
from worker.core.job import Outcome
from worker.store import accounts
from worker.store.tables import METADATA

ATTEMPT, JOB = METADATA.tables["attempt"], METADATA.tables["job"]
_MONTH = re.compile(r"(\d{4})-(\d{2})")


@dataclass(slots=True)
class Month:
    """What an account's attempts of a month are in the book. `failed`: whatever became of the refund. `strays`: paid beside an attempt's replica."""

    account: str
    month: str
    price: Decimal | None
    entries: dict[Entry, int] = field(default_factory=lambda: dict.fromkeys(Entry, 0))
    failed: int = 0
    strays: int = 0


def months(
    connection: Connection, now: datetime, *, account: str | None = None, month: str | None = None, caller: str | None = None
) -> list[Month]:
    """The book, newest month first and then by account. `month`: `YYYY-MM`, in UTC. Raises ValueError for what is none.

    `caller`: only what this caller's jobs did.
    """
    year_of, month_of = _calendar(connection)
    of_book, is_failed = entry(now), case((ATTEMPT.c.outcome == Outcome.FAILED.value, 1), else_=0)
    counted = select(ATTEMPT.c.account, year_of, month_of, of_book, func.count(), func.sum(is_failed), func.sum(strays()))
    counted = counted.where(*_chosen(account, month, year_of, month_of)).group_by(ATTEMPT.c.account, year_of, month_of, of_book)
    if caller is not None:
        counted = counted.where(ATTEMPT.c.job_id.in_(select(JOB.c.id).where(JOB.c.caller == caller)))
    book: dict[tuple[str, str], Month] = {}
    found = connection.execute(counted).all()
    known = accounts.known(connection)
    for name, year, number, kind, count, failed, strayed in found:
        key = (f"{int(year):04}-{int(number):02}", name)
        one = book.setdefault(key, Month(name, key[0], known.terms_of(name).price))
        one.entries[Entry(kind)] += count
        one.failed, one.strays = one.failed + int(failed), one.strays + int(strayed)
    return [book[key] for key in sorted(book, key=lambda key: (-int(key[0].replace("-", "")), key[1]))]


def strays() -> ColumnElement[int]:
    """How many replicas were paid for beside an attempt's own, in SQL."""
    without_commas = func.replace(ATTEMPT.c.strays, ",", "")
    return case((ATTEMPT.c.strays.is_(None), 0), else_=func.length(ATTEMPT.c.strays) - func.length(without_commas) + 1)


def _calendar(connection: Connection) -> tuple[ColumnElement[Any], ColumnElement[Any]]:
    """The year and the month of an attempt in UTC, whatever zone a session is in."""
    at: Any = ATTEMPT.c.intended_at
    if connection.dialect.name == "postgresql":
        at = func.timezone("UTC", at)
    return extract("year", at), extract("month", at)


def _chosen(account: str | None, month: str | None, year_of: ColumnElement[Any], month_of: ColumnElement[Any]) -> list[ColumnElement[bool]]:
    chosen: list[ColumnElement[bool]] = [] if account is None else [ATTEMPT.c.account == account]
    if month is not None:
        parts = _MONTH.fullmatch(month)
        if parts is None:
            raise ValueError(f"{month[:20]!r} is no month like 2026-11")
        chosen += [year_of == int(parts[1]), month_of == int(parts[2])]
    return chosen


def entry(now: datetime) -> ColumnElement[str]:
    """`worker.core.credits.entry_of`, in SQL; a test holds the two against each other."""
    of: Mapping[str, ColumnElement[bool]] = {outcome.value: ATTEMPT.c.outcome == outcome.value for outcome in Outcome}
    gone_early = or_(
        ATTEMPT.c.deletable_at.is_(None), ATTEMPT.c.deleted_at < ATTEMPT.c.deletable_at, ATTEMPT.c.vanished_at < ATTEMPT.c.deletable_at
    )
    lost = or_(and_(of["charged"], ATTEMPT.c.vanished_at.is_not(None)), and_(of["failed"], gone_early))
    return case(
        (of["reserved"], literal(Entry.RESERVED.value)),
        (or_(of["refused"], of["absent"]), literal(Entry.NOT_CHARGED.value)),
        (lost, literal(Entry.AT_RISK.value)),
        (or_(of["charged"], of["trained"]), literal(Entry.CHARGED.value)),
        (ATTEMPT.c.deletable_at > now, literal(Entry.REFUND_EXPECTED.value)),
        else_=literal(Entry.REFUND_ASSUMED.value),
    )
