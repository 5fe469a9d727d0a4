"""Looks at trainings that go on: claimed, read and put off, many in each statement. It may not write anything that has a story.

They are most of all that happens, and who comes second to one of them has nothing to say: so rows that another writes at this moment are passed over,
and nobody waits here.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from functools import cache
from operator import attrgetter
from typing import Any

from sqlalchemy import Connection, DateTime, FromClause, Integer, Select, String, bindparam, column, func, or_, select, update
from sqlalchemy.types import TypeEngine

from worker.core.decision import Decision
from worker.core.job import Job, JobId
from worker.core.looking import Look
from worker.core.states import State
from worker.store import claims
from worker.store.columns import Moment
from worker.store.database import Array, one_of, portions
from worker.store.rows import storable
from worker.store.said import rows
from worker.store.tables import METADATA

JOB, ATTEMPT = METADATA.tables["job"], METADATA.tables["attempt"]
_MOVED = ("due_at", "progress", "tries")
"""The columns that a look without news moves."""
_id = attrgetter("id")
_same = attrgetter(*(field.name for field in fields(Job) if field.name not in _MOVED))


def is_no_news(before: Job, decision: Decision) -> bool:
    """Whether the decision is to look again, and nothing else."""
    if decision.why or decision.effects:
        return False
    return decision.job.due_at is not None and bool(_same(before) == _same(decision.job))


@dataclass(frozen=True, slots=True)
class Claimed:
    """Jobs that one call answers for: looks, as far as a look says all of them, and others, of which more is to be read."""

    looks: tuple[Look, ...] = ()
    others: tuple[JobId, ...] = ()

    @property
    def ids(self) -> tuple[JobId, ...]:
        """All of them."""
        return (*(look.id for look in self.looks), *self.others)


def due(connection: Connection, job_ids: Sequence[JobId], now: datetime) -> list[Look]:
    """The looks at those of the jobs that `claims.take` would give, as far as a look says all; nobody is fenced from them."""
    return _looks(rows(connection, _due(connection.dialect.name), {"ids": job_ids, "now": now}))


def claim(connection: Connection, account: str, now: datetime, until: datetime, lease: timedelta, limit: int) -> Claimed:
    """Claim up to `limit` of the account's trainings: if any is due, those that are, and then those that are by `until`."""
    if connection.dialect.name == "sqlite":
        found = claims.claim_due(connection, [State.TRAINING], account, now, lease, limit)
        found += claims.claim_nearly(connection, account, now, until, lease, limit - len(found)) if found else []
        ids = [one.job_id for one in found]
        looks = due(connection, ids, now) if ids else []
    else:
        given = {"whose": account, "now": now, "until": until, "limit": limit, "new_due_at": now + lease}
        claimed = rows(connection, _claiming(), given)
        ids, looks = list(dict.fromkeys(row[0] for row in claimed)), _looks(claimed)
    known = {look.id for look in looks}
    return Claimed(tuple(looks), tuple(sorted(one for one in ids if one not in known)))


def _looks(found: Sequence[Any]) -> list[Look]:
    """The looks, by id, of the rows of `_look`: of each job that has one attempt, of which nothing is amiss."""
    attempts = Counter(row[0] for row in found)
    return sorted((Look(*row[:-1]) for row in found if not row[-1] and attempts[row[0]] == 1), key=_id)


def put_off(connection: Connection, looks: Sequence[tuple[Job, Job] | tuple[Look, Look]], now: datetime) -> set[JobId]:
    """Write when these jobs are looked at next: each as it was read, and as it is to be. Those that were written; the others are not as they were."""
    write = _one_by_one if connection.dialect.name == "sqlite" else _at_once
    return {job_id for part in portions(connection, looks) for job_id in write(connection, part, now)}


def _at_once(connection: Connection, looks: Sequence[tuple[Job, Job] | tuple[Look, Look]], now: datetime) -> list[JobId]:
    given = {
        "given_id": [after.id for _, after in looks],
        "given_version": [before.version for before, _ in looks],
        "given_due_at": [after.due_at for _, after in looks],
        "given_progress": [storable(after.progress) for _, after in looks],
        "given_tries": [after.tries for _, after in looks],
        "now": now,
    }
    return [JobId(one) for (one,) in rows(connection, _MANY, given)]


def _one_by_one(connection: Connection, looks: Sequence[tuple[Job, Job] | tuple[Look, Look]], now: datetime) -> set[JobId]:
    # Nobody else writes meanwhile.
    stands = {JobId(row.id): row.version for row in connection.execute(_VERSIONS, {"ids": [before.id for before, _ in looks]})}
    fresh = {before.id: after for before, after in looks if stands.get(before.id) == before.version}
    if fresh:
        moved = [{name: storable(getattr(after, name)) for name in _MOVED} | {"job": job_id, "now": now} for job_id, after in fresh.items()]
        connection.execute(_ONE, moved)
    return set(fresh)


_OF_JOB = ("id", "account", "version", "due_at", "tries", "progress", "watched_since")
_OF_ATTEMPT = ("replica_id", "subject", "intended_at")


def _look(job: FromClause) -> Select[Any]:
    """Rows of a job and its attempts, with the columns of a look in the order of its fields; the last says whether it is none."""
    odd = or_(job.c.missing_since.is_not(None), ATTEMPT.c.vanished_at.is_not(None), ATTEMPT.c.replica_id.is_(None), ATTEMPT.c.subject == "")
    columns = *(job.c[name] for name in _OF_JOB), *(ATTEMPT.c[name] for name in _OF_ATTEMPT)
    return select(*columns, odd).select_from(job.outerjoin(ATTEMPT, ATTEMPT.c.job_id == job.c.id))


@cache
def _due(dialect: str) -> Select[Any]:
    return _look(JOB).where(JOB.c.state == State.TRAINING.value, claims.answering(dialect), claims.not_stopped())


@cache
def _claiming() -> Select[Any]:
    """For PostgreSQL, where a journey takes longer than the rest: see `claims._claimed`."""
    now, until = bindparam("now", type_=Moment), bindparam("until", type_=Moment)
    soon = or_(JOB.c.due_at <= now, JOB.c.rung_at.is_(None))
    mine = (JOB.c.state == State.TRAINING.value, JOB.c.account == bindparam("whose", type_=String), JOB.c.due_at <= until, soon)
    wanted = select(JOB.c.id, JOB.c.due_at).where(*mine).order_by(JOB.c.due_at).limit(bindparam("limit", type_=Integer))
    first = claims.going_on(wanted.with_for_update(skip_locked=True), (State.TRAINING,), None).cte("first")
    is_any_due = select(func.min(first.c.due_at) <= now).scalar_subquery()
    change = update(JOB).where(JOB.c.id == first.c.id, is_any_due).values(due_at=bindparam("new_due_at", type_=Moment), rung_at=now)
    claimed = change.returning(*(JOB.c[name] for name in (*_OF_JOB, "missing_since"))).cte("claimed")
    return _look(claimed)


_SAME: dict[str, Any] = {"version": JOB.c.version + 1, "rung_at": None, "updated_at": bindparam("now", type_=Moment)}
_VERSIONS = select(JOB.c.id, JOB.c.version).where(one_of("sqlite", JOB.c.id, "ids"))
_ONE = update(JOB).where(JOB.c.id == bindparam("job")).values(**{name: bindparam(name) for name in _MOVED}, **_SAME)
_GIVEN: dict[str, TypeEngine[Any]] = {
    "id": String(), "version": Integer(), "due_at": DateTime(timezone=True), "progress": String(), "tries": Integer(),
}  # fmt: skip
_ROWS = (
    func.unnest(*(bindparam(f"given_{name}", type_=Array(kind)) for name, kind in _GIVEN.items()))
    .table_valued(*map(column, _GIVEN), name="given")
    .render_derived()
)
# Locked first and changed then: what a change meets that somebody else has locked, it waits for.
_FREE = (
    select(*(_ROWS.c[name] for name in ("id", *_MOVED)))
    .where(JOB.c.id == _ROWS.c.id, JOB.c.version == _ROWS.c.version)
    .with_for_update(of=JOB, skip_locked=True)
    .cte("free")
)
_MANY = update(JOB).where(JOB.c.id == _FREE.c.id).values(**{name: _FREE.c[name] for name in _MOVED}, **_SAME).returning(JOB.c.id)
