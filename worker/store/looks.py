"""Looks that brought no news: they move nothing but the time of the next one, all in one statement. It may not write anything that has a story.

They are most of all that happens, and who comes second to one of them has nothing to say: so rows that another writes at this moment are passed over,
and nobody waits here.
"""

from collections.abc import Sequence
from dataclasses import fields
from datetime import datetime
from functools import cache
from operator import attrgetter
from typing import Any

from sqlalchemy import ARRAY, Connection, DateTime, Integer, Select, String, bindparam, column, func, select, update
from sqlalchemy.types import TypeEngine

from worker.core.decision import Decision
from worker.core.job import Job, JobId
from worker.store.database import one_of, portions
from worker.store.rows import storable
from worker.store.tables import METADATA, Moment

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
    fresh: set[JobId] = set()
    read = {before.id: before.version for before, _ in looks}
    for part in portions(connection, list(read)):
        versions = connection.execute(_versions(connection.dialect.name), {"ids": part})
        fresh |= {JobId(row.id) for row in versions if read[JobId(row.id)] == row.version}
    moved = [
        {"job": after.id, "due_at": after.due_at, "progress": storable(after.progress), "tries": after.tries}
        for _, after in looks
        if after.id in fresh
    ]
    if moved:
        _write(connection, moved, now)
    return fresh


def _write(connection: Connection, moved: Sequence[dict[str, Any]], now: datetime) -> None:
    if connection.dialect.name == "sqlite":
        connection.execute(_ONE, [one | {"now": now} for one in moved])
    else:
        connection.execute(_MANY, {name: [one[name] for one in moved] for name in ("job", *_MOVED)} | {"now": now})


@cache
def _versions(dialect: str) -> Select[Any]:
    return select(JOB.c.id, JOB.c.version).where(one_of(dialect, JOB.c.id, "ids")).with_for_update(skip_locked=True)


_SAME: dict[str, Any] = {"version": JOB.c.version + 1, "rung_at": None, "updated_at": bindparam("now", type_=Moment)}
_ONE = update(JOB).where(JOB.c.id == bindparam("job")).values(**{name: bindparam(name) for name in _MOVED}, **_SAME)
_ARRAYS: dict[str, TypeEngine[Any]] = {"job": String(), "due_at": DateTime(timezone=True), "progress": String(), "tries": Integer()}
_ROWS = (
    func.unnest(*(bindparam(name, type_=ARRAY(kind)) for name, kind in _ARRAYS.items()))
    .table_valued(*map(column, _ARRAYS), name="moved")
    .render_derived()
)
_MANY = update(JOB).where(JOB.c.id == _ROWS.c.job).values(**{name: _ROWS.c[name] for name in _MOVED}, **_SAME)
