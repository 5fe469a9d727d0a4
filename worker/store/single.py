"""What is done for one job alone, in as few journeys to the database as it takes: a journey costs a worker more than all that is said in it.

It may not weaken what the transactions of `worker.store.jobs` promise: PostgreSQL does a statement whole or not at all, whatever it is made of.
SQLite, which is no journey away, knows no statement that writes three tables.
"""

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from sqlalchemy import CTE, ColumnElement, Connection, Dialect, Select, String, Table, bindparam, insert, literal, select, update

from worker.core.job import Terms
from worker.store.rows import terms_from
from worker.store.said import Said, rows
from worker.store.tables import METADATA

JOB, ATTEMPT, STORY, ACCOUNT, NOTIFICATION = (METADATA.tables[name] for name in ("job", "attempt", "story", "account", "notification"))
_JOB, _ATTEMPT, _STORY, _WORD = "job_", "attempt_", "story_", "word_"
_Names = tuple[str, ...]


def written(
    connection: Connection,
    same: tuple[str, int],
    job: Mapping[str, Any],
    attempt: Mapping[str, Any] | None,
    *,
    is_new: bool,
    story: Mapping[str, Any] | None,
    word: Mapping[str, Any] | None = None,
) -> bool:
    """Write a decision: whether the job was the `same`, of this id and version. Nothing is written otherwise. `word`: what its caller is told."""
    names = [None if one is None else tuple(one) for one in (attempt, story, word)]
    said = _decision(connection.dialect, tuple(job), is_new, *names)
    given = {"same_id": same[0], "same_version": same[1]} | _named(_JOB, job) | _named(_ATTEMPT, attempt) | _named(_STORY, story)
    given |= _named(_WORD, word)
    return bool(said.on(connection, given))


def surroundings(connection: Connection, job_id: str, account: str) -> tuple[list[dict[str, Any]], Terms]:
    """A job's attempts, in order, and the terms of its account."""
    found = rows(connection, _SURROUNDINGS, {"job_id": job_id, "account": account})
    middle = len(_OF_ATTEMPT)
    attempts = [dict(zip(_OF_ATTEMPT, row[:middle], strict=True)) for row in found if row[0] is not None]
    known = dict(zip(_OF_ACCOUNT, found[0][middle:], strict=True))
    return attempts, terms_from(known) if known["name"] is not None else Terms()


def _named(prefix: str, values: Mapping[str, Any] | None) -> dict[str, Any]:
    return {} if values is None else {f"{prefix}{name}": value for name, value in values.items()}


@lru_cache(maxsize=256)
def _decision(
    dialect: Dialect, job: _Names, is_new: bool, attempt: _Names | None, story: _Names | None, word: _Names | None  # noqa: FBT001 - a key of the cache
) -> Said:  # fmt: skip
    """The statement for a decision that changes these columns. There are some tens of them."""
    same = (JOB.c.id == bindparam("same_id"), JOB.c.version == bindparam("same_version"))
    fresh = update(JOB).where(*same).values({name: _given(JOB, _JOB, name) for name in job}).returning(JOB.c.id).cte("fresh")
    also: list[CTE] = []
    if attempt is not None:
        also.append(_added(ATTEMPT, _ATTEMPT, attempt, fresh) if is_new else _changed(attempt, fresh))
    if story is not None:
        also.append(_added(STORY, _STORY, story, fresh))
    if word is not None:
        also.append(_added(NOTIFICATION, _WORD, word, fresh))
    return Said(select(fresh.c.id).add_cte(*also), dialect)


def _added(table: Table, prefix: str, names: tuple[str, ...], fresh: CTE) -> CTE:
    row = select(*(_given(table, prefix, name).label(name) for name in names)).select_from(fresh)
    return insert(table).from_select(list(names), row, include_defaults=False).cte(f"added_{table.name}")


def _changed(names: tuple[str, ...], fresh: CTE) -> CTE:
    which = (ATTEMPT.c.job_id == fresh.c.id, ATTEMPT.c.number == _given(ATTEMPT, _ATTEMPT, "number"))
    return update(ATTEMPT).where(*which).values({name: _given(ATTEMPT, _ATTEMPT, name) for name in names}).cte("changed_attempt")


def _given(table: Table, prefix: str, name: str) -> ColumnElement[Any]:
    return bindparam(f"{prefix}{name}", type_=table.c[name].type)


def _around() -> Select[Any]:
    named = select(literal(1).label("one")).subquery("named")
    of_account = ACCOUNT.c.name == bindparam("account", type_=String)
    of_job = ATTEMPT.c.job_id == bindparam("job_id", type_=String)
    beside = named.outerjoin(ACCOUNT, of_account).outerjoin(ATTEMPT, of_job)
    return select(*ATTEMPT.c, *ACCOUNT.c).select_from(beside).order_by(ATTEMPT.c.number)


_OF_ATTEMPT, _OF_ACCOUNT = tuple(ATTEMPT.c.keys()), tuple(ACCOUNT.c.keys())
_SURROUNDINGS = _around()
