"""What is done for one job alone, in as few journeys to the database as it takes: a journey costs a worker more than all that is said in it.

It may not weaken what the transactions of `worker.store.jobs` promise: PostgreSQL does a statement whole or not at all, whatever it is made of.
SQLite, which is no journey away, knows no statement that writes three tables.
"""

from collections.abc import Mapping
from functools import cache
from itertools import accumulate, pairwise
from typing import Any

from sqlalchemy import CTE, ColumnElement, Connection, Select, Table, bindparam, insert, select, update

from worker.core.job import Job, Terms
from worker.store import claims
from worker.store.rows import job_from, terms_from
from worker.store.tables import METADATA

JOB, ATTEMPT, STORY, ACCOUNT = (METADATA.tables[name] for name in ("job", "attempt", "story", "account"))
_JOB, _ATTEMPT, _STORY = "job_", "attempt_", "story_"


def written(
    connection: Connection,
    same: tuple[str, int],
    job: Mapping[str, Any],
    attempt: Mapping[str, Any] | None,
    *,
    is_new: bool,
    story: Mapping[str, Any] | None,
) -> bool:
    """Write a decision: whether the job was the `same`, of this id and version. Nothing is written otherwise."""
    said = _decision(tuple(job), None if attempt is None else tuple(attempt), is_new, None if story is None else tuple(story))
    given = {"same_id": same[0], "same_version": same[1]} | _named(_JOB, job) | _named(_ATTEMPT, attempt) | _named(_STORY, story)
    return connection.execute(said, given).first() is not None


def taken(connection: Connection, given: Mapping[str, object]) -> Job | None:
    """Take the job `ids` as `claims.take` does, and read it whole; None: it is not to be had. `given`: `ids` of one, `now` and `new_due_at`."""
    found = connection.execute(_taking(), given).all()
    if not found:
        return None
    job, attempts, account = (slice(*part) for part in pairwise(accumulate((0, len(_OF_JOB), len(_OF_ATTEMPT), len(_OF_ACCOUNT)))))
    known = dict(zip(_OF_ACCOUNT, found[0][account], strict=True))
    told = [dict(zip(_OF_ATTEMPT, row[attempts], strict=True)) for row in found]
    return job_from(
        dict(zip(_OF_JOB, found[0][job], strict=True)),
        [attempt for attempt in told if attempt["job_id"] is not None],
        terms_from(known) if known["name"] is not None else Terms(),
    )


def _named(prefix: str, values: Mapping[str, Any] | None) -> dict[str, Any]:
    return {} if values is None else {f"{prefix}{name}": value for name, value in values.items()}


@cache
def _decision(job: tuple[str, ...], attempt: tuple[str, ...] | None, is_new: bool, story: tuple[str, ...] | None) -> Select[Any]:  # noqa: FBT001 - a key of the cache
    """The statement for a decision that changes these columns. There are some tens of them."""
    same = (JOB.c.id == bindparam("same_id"), JOB.c.version == bindparam("same_version"))
    fresh = update(JOB).where(*same).values({name: _given(JOB, _JOB, name) for name in job}).returning(JOB.c.id).cte("fresh")
    also: list[CTE] = []
    if attempt is not None:
        also.append(_added(ATTEMPT, _ATTEMPT, attempt, fresh) if is_new else _changed(attempt, fresh))
    if story is not None:
        also.append(_added(STORY, _STORY, story, fresh))
    return select(fresh.c.id).add_cte(*also)


def _added(table: Table, prefix: str, names: tuple[str, ...], fresh: CTE) -> CTE:
    row = select(*(_given(table, prefix, name).label(name) for name in names)).select_from(fresh)
    return insert(table).from_select(list(names), row, include_defaults=False).cte(f"added_{table.name}")


def _changed(names: tuple[str, ...], fresh: CTE) -> CTE:
    which = (ATTEMPT.c.job_id == fresh.c.id, ATTEMPT.c.number == _given(ATTEMPT, _ATTEMPT, "number"))
    return update(ATTEMPT).where(*which).values({name: _given(ATTEMPT, _ATTEMPT, name) for name in names}).cte("changed_attempt")


def _given(table: Table, prefix: str, name: str) -> ColumnElement[Any]:
    return bindparam(f"{prefix}{name}", type_=table.c[name].type)


@cache
def _taking() -> Select[Any]:
    job = claims.taking("postgresql").cte("taken")
    whole = job.outerjoin(ACCOUNT, ACCOUNT.c.name == job.c.account).outerjoin(ATTEMPT, ATTEMPT.c.job_id == job.c.id)
    return select(*job.c, *ATTEMPT.c, *ACCOUNT.c).select_from(whole).order_by(ATTEMPT.c.number)


_OF_JOB, _OF_ATTEMPT, _OF_ACCOUNT = (tuple(table.c.keys()) for table in (JOB, ATTEMPT, ACCOUNT))
