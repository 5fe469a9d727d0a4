"""Leases: which jobs are due, and who has them. It may not look at what a job is about.

Two steps. The sweep *claims* due rows (`due_at` goes one lease ahead, `rung_at` says that a message is out) and rings; the worker that answers
*takes* the job (`version` goes up: the fence), and nobody else can write to it until the lease runs out. A message that is lost costs one lease; one
that is doubled, late or stale takes nothing.

Everybody who locks several rows and waits for them locks them by id, and who claims does not wait: so no two can wait for each other.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, and_, not_, or_, select, update

from worker.core.failures import Failure
from worker.core.job import JobId
from worker.core.states import State
from worker.store.accounts import stopped
from worker.store.database import portions
from worker.store.tables import METADATA

JOB = METADATA.tables["job"]


@dataclass(frozen=True, slots=True)
class Claim:
    """A job that was claimed, and what is needed to ring for it. `asks`: its conversation was asked for, and may be there."""

    job_id: JobId
    account: str
    state: State
    asks: bool = False


def claim_due(
    connection: Connection, states: Iterable[State], now: datetime, lease: timedelta, limit: int, *, rung_before: datetime | None = None
) -> list[Claim]:
    """Claim up to `limit` due jobs in `states`, highest priority first, then the longest due. Safe for any number of callers at once.

    `rung_before`: also those that were rung for before that moment and are still not taken, their lease run out or not.
    """
    ready = JOB.c.due_at <= now
    if rung_before is not None:
        # Who is rung for falls due one lease later, so the index on `due_at` finds these rows too, with the few others that are out on a lease.
        ready = and_(JOB.c.due_at <= now + lease, or_(ready, JOB.c.rung_at <= rung_before))
    wanted = list(states)
    due = _claimable(connection, JOB.c.state.in_([state.value for state in wanted]), ready, states=wanted)
    return _claim(connection, due.limit(limit), now, lease)


def claim_these(connection: Connection, job_ids: Sequence[JobId], now: datetime, lease: timedelta) -> list[Claim]:
    """Claim those of the named jobs that are due, in the same order."""
    return _claim(connection, _claimable(connection, JOB.c.id.in_(job_ids), JOB.c.due_at <= now), now, lease)


def _claimable(connection: Connection, *which: ColumnElement[bool], states: Sequence[State] = tuple(State)) -> Select[Any]:
    wanted = select(JOB.c.id, JOB.c.account, JOB.c.state).where(*which, *_not_stopped(connection, states))
    # PostgreSQL: what another claims at this moment is passed over. SQLite has one writer at a time anyway.
    return wanted.order_by(JOB.c.priority.desc(), JOB.c.due_at).with_for_update(skip_locked=True)


def _claim(connection: Connection, wanted: Select[Any], now: datetime, lease: timedelta) -> list[Claim]:
    # Two statements and not an UPDATE over a subquery: a planner may run such a subquery again for each row, and then its LIMIT limits nothing.
    found = [Claim(JobId(row.id), row.account, State(row.state)) for row in connection.execute(wanted)]
    _change(connection, [claim.job_id for claim in found], due_at=now + lease, rung_at=now)
    asking = _asking(connection, [claim.job_id for claim in found if claim.state is State.OPENING])
    return [replace(claim, asks=True) if claim.job_id in asking else claim for claim in found]


def _asking(connection: Connection, job_ids: Sequence[JobId]) -> set[JobId]:
    """Those whose conversation may be there. Asked for these alone: the index has all that the claim itself needs, and not this."""
    found: set[JobId] = set()
    for part in portions(job_ids):
        asked = select(JOB.c.id).where(JOB.c.id.in_(part), JOB.c.conversation_intended_at.is_not(None))
        found |= {JobId(job_id) for job_id in connection.execute(asked).scalars()}
    return found


def wake(connection: Connection, account: str, failures: Iterable[Failure], now: datetime, *, limit: int | None = None) -> None:
    """Make queued jobs of the account due that wait for one of these reasons: the first `limit`, or all. Claimed ones are passed over."""
    waiting = (
        JOB.c.account == account,
        JOB.c.state == State.QUEUED.value,
        JOB.c.failure.in_([one.value for one in failures]),
        JOB.c.due_at > now,
        JOB.c.rung_at.is_(None),
    )
    first = select(JOB.c.id).where(*waiting).order_by(JOB.c.priority.desc(), JOB.c.id).limit(limit).with_for_update(skip_locked=True)
    _change(connection, [JobId(job_id) for job_id in connection.execute(first).scalars()], due_at=now)


def unclaim(connection: Connection, job_ids: Sequence[JobId], now: datetime) -> None:
    """Give claims back: the message could not be sent, so the jobs are due at once."""
    _change(connection, _lock(connection, job_ids, JOB.c.rung_at.is_not(None)), due_at=now, rung_at=None)


def take(connection: Connection, job_ids: Sequence[JobId], now: datetime, lease: timedelta) -> list[JobId]:
    """Take those of the named jobs that were rung for or are due; the others are somebody else's, or the message is stale."""
    wanted = or_(and_(JOB.c.rung_at.is_not(None), JOB.c.due_at.is_not(None)), JOB.c.due_at <= now)
    taken = _lock(connection, job_ids, wanted, *_not_stopped(connection))
    _change(connection, taken, version=JOB.c.version + 1, due_at=now + lease, rung_at=None)
    return taken


def _lock(connection: Connection, job_ids: Sequence[JobId], *which: ColumnElement[bool]) -> list[JobId]:
    """Those of the named jobs that answer, locked: who holds one of them is waited for, and what he left is looked at."""
    found = select(JOB.c.id).where(JOB.c.id.in_(job_ids), *which).order_by(JOB.c.id).with_for_update()
    return [JobId(job_id) for job_id in connection.execute(found).scalars()]


def _change(connection: Connection, job_ids: Sequence[JobId], **values: Any) -> None:  # noqa: ANN401 - columns of JOB
    for part in portions(job_ids):
        connection.execute(update(JOB).where(JOB.c.id.in_(part)).values(**values))


def _not_stopped(connection: Connection, states: Sequence[State] = tuple(State)) -> list[ColumnElement[bool]]:
    """Leave the line of a stopped account alone: what may pay, and everything where the key itself is not accepted."""
    names, deaf = stopped(connection)
    if not names:
        return []
    paying = JOB.c.state == State.QUEUED.value
    if State.OPENING in states:
        # One that may be open is looked for all the same: it bills, and it is not among the active ones for long.
        paying = or_(paying, and_(JOB.c.state == State.OPENING.value, JOB.c.conversation_intended_at.is_(None)))
    return [not_(or_(and_(JOB.c.account.in_(names), paying), JOB.c.account.in_(deaf)))]
