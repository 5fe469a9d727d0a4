"""Leases: which jobs are due, and who has them. It may not look at what a job is about.

Two steps. The sweep *claims* due rows (`due_at` goes one lease ahead, `rung_at` says that a message is out) and rings; the worker that answers
*takes* the job (`version` goes up: the fence), and nobody else can write to it until the lease runs out. A message that is lost costs one lease; one
that is doubled, late or stale takes nothing.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, Connection, and_, not_, or_, select, update

from worker.core.job import JobId
from worker.core.states import State
from worker.store.accounts import stopped
from worker.store.tables import METADATA

JOB = METADATA.tables["job"]
PAYING = (State.QUEUED, State.OPENING)
"""States whose next step may cost money: what a stopped account must not do."""


@dataclass(frozen=True, slots=True)
class Claim:
    """A job that was claimed, and what is needed to ring for it."""

    job_id: JobId
    account: str
    state: State


def claim_due(connection: Connection, states: Iterable[State], now: datetime, lease: timedelta, limit: int) -> list[Claim]:
    """Claim up to `limit` due jobs in `states`, highest priority first, then the longest due. Safe for any number of callers at once."""
    due = (
        select(JOB.c.id)
        .where(JOB.c.state.in_([state.value for state in states]), JOB.c.due_at <= now, _not_stopped(connection))
        .order_by(JOB.c.priority.desc(), JOB.c.due_at)
        .limit(limit)
        .with_for_update(skip_locked=True)  # PostgreSQL; SQLite has one writer at a time anyway
    )
    return _claim(connection, JOB.c.id.in_(due.scalar_subquery()), now, lease)


def claim_these(connection: Connection, job_ids: Sequence[JobId], now: datetime, lease: timedelta) -> list[Claim]:
    """Claim those of the named jobs that are due."""
    return _claim(connection, and_(JOB.c.id.in_(job_ids), JOB.c.due_at <= now, _not_stopped(connection)), now, lease)


def _claim(connection: Connection, which: ColumnElement[bool], now: datetime, lease: timedelta) -> list[Claim]:
    claimed = (
        update(JOB).where(which).values(due_at=now + lease, rung_at=now).returning(JOB.c.id, JOB.c.account, JOB.c.state, JOB.c.priority)
    )
    found = sorted(connection.execute(claimed), key=lambda row: (-row.priority, row.id))
    return [Claim(JobId(row.id), row.account, State(row.state)) for row in found]


def unclaim(connection: Connection, job_ids: Sequence[JobId], now: datetime) -> None:
    """Give claims back: the message could not be sent, so the jobs are due at once."""
    connection.execute(update(JOB).where(JOB.c.id.in_(job_ids), JOB.c.rung_at.is_not(None)).values(due_at=now, rung_at=None))


def take(connection: Connection, job_ids: Sequence[JobId], now: datetime, lease: timedelta) -> list[JobId]:
    """Take those of the named jobs that were rung for or are due; the others are somebody else's, or the message is stale."""
    wanted = or_(and_(JOB.c.rung_at.is_not(None), JOB.c.due_at.is_not(None)), JOB.c.due_at <= now)
    taken = (
        update(JOB)
        .where(JOB.c.id.in_(job_ids), wanted, _not_stopped(connection))
        .values(version=JOB.c.version + 1, due_at=now + lease, rung_at=None)
        .returning(JOB.c.id)
    )
    return [JobId(row.id) for row in connection.execute(taken)]


def _not_stopped(connection: Connection) -> ColumnElement[bool]:
    """Leave the line of a stopped account alone: what may pay, and everything where the key itself is not accepted."""
    names, deaf = stopped(connection)
    paying = and_(JOB.c.account.in_(names), JOB.c.state.in_([state.value for state in PAYING]))
    return not_(or_(paying, JOB.c.account.in_(deaf)))
