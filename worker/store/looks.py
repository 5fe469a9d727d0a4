"""Looks that brought no news: they move nothing but the time of the next one, all in one statement. It may not write anything that has a story.

They are most of all that happens, and who comes second to one of them has nothing to say: so rows that another writes at this moment are passed over,
and nobody waits here.
"""

from collections.abc import Sequence
from dataclasses import fields
from datetime import datetime
from operator import attrgetter
from typing import Any

from sqlalchemy import Connection, DateTime, Integer, String, bindparam, column, func, select, update
from sqlalchemy.types import TypeEngine

from worker.core.decision import Decision
from worker.core.job import Job, JobId
from worker.store.columns import Moment
from worker.store.database import Array, one_of, portions
from worker.store.rows import storable
from worker.store.tables import METADATA

JOB = METADATA.tables["job"]
_MOVED = ("due_at", "progress", "tries")
"""The columns that a look without news moves."""
_same = attrgetter(*(field.name for field in fields(Job) if field.name not in _MOVED))


def is_no_news(before: Job, decision: Decision) -> bool:
    """Whether the decision is to look again, and nothing else."""
    if decision.why or decision.effects:
        return False
    return decision.job.due_at is not None and bool(_same(before) == _same(decision.job))


def put_off(connection: Connection, looks: Sequence[tuple[Job, Job]], now: datetime) -> set[JobId]:
    """Write when these jobs are looked at next: each as it was read, and as it is to be. Those that were written; the others are not as they were."""
    write = _one_by_one if connection.dialect.name == "sqlite" else _at_once
    return {job_id for part in portions(connection, looks) for job_id in write(connection, part, now)}


def _at_once(connection: Connection, looks: Sequence[tuple[Job, Job]], now: datetime) -> list[JobId]:
    given = {
        "given_id": [after.id for _, after in looks],
        "given_version": [before.version for before, _ in looks],
        "given_due_at": [after.due_at for _, after in looks],
        "given_progress": [storable(after.progress) for _, after in looks],
        "given_tries": [after.tries for _, after in looks],
        "now": now,
    }
    return [JobId(one) for one in connection.execute(_MANY, given).scalars().all()]


def _one_by_one(connection: Connection, looks: Sequence[tuple[Job, Job]], now: datetime) -> set[JobId]:
    # Nobody else writes meanwhile.
    stands = {JobId(row.id): row.version for row in connection.execute(_VERSIONS, {"ids": [before.id for before, _ in looks]})}
    fresh = {before.id: after for before, after in looks if stands.get(before.id) == before.version}
    if fresh:
        moved = [{name: storable(getattr(after, name)) for name in _MOVED} | {"job": job_id, "now": now} for job_id, after in fresh.items()]
        connection.execute(_ONE, moved)
    return set(fresh)


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
