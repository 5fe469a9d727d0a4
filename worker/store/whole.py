"""Jobs read whole: the row, its attempts and its account's terms. It may not write, nor say which jobs are meant: the ids are given.

Jobs are read by the thousand, for looks that bring no news: what is done here for each is most of what such a look costs.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import Connection, Select, Update, select

from worker.core.job import Job, JobId
from worker.store import accounts, claims, rows, said
from worker.store.accounts import Known
from worker.store.database import one_of, portions
from worker.store.sealing import sealer_of
from worker.store.tables import METADATA

JOB, ATTEMPT = METADATA.tables["job"], METADATA.tables["attempt"]

# Jobs with their attempts, a row for each attempt: nearly all jobs have one, and a statement more costs more than what some have twice in it.
# A job's id comes first, and an attempt's last.
_OF_JOB = ("id", *(one.name for one in JOB.columns if one.name not in {"id", "fingerprint", "rung_at"}))
_OF_ATTEMPT = (*(one.name for one in ATTEMPT.columns if one.name not in {"account", "subject", "job_id"}), "job_id")
# Built once: to build one takes longer than the database takes to answer it.
_WITH_ATTEMPTS = (
    select(*(JOB.c[name] for name in _OF_JOB), *(ATTEMPT.c[name] for name in _OF_ATTEMPT))
    .select_from(JOB.outerjoin(ATTEMPT, ATTEMPT.c.job_id == JOB.c.id))
    .order_by(ATTEMPT.c.number)
)


@cache
def _named(dialect: str) -> Select[Any]:
    return _WITH_ATTEMPTS.where(one_of(dialect, JOB.c.id, "ids"))


@cache
def _answering(dialect: str) -> Select[Any]:
    return _WITH_ATTEMPTS.where(claims.answering(dialect), claims.not_stopped())


def jobs_of(connection: Connection, job_ids: Sequence[JobId]) -> list[Job]:
    """Those of the jobs that exist, as this transaction sees them, in no order."""
    wanted, known = _named(connection.dialect.name), accounts.known(connection)
    return [job for part in portions(connection, job_ids) for job in _jobs(connection, wanted, {"ids": part}, known)]


def answering(connection: Connection, job_ids: Sequence[JobId], now: datetime) -> list[Job]:
    """Those of the jobs that `claims.take` would give; nobody is fenced from them."""
    return _jobs(connection, _answering(connection.dialect.name), {"ids": job_ids, "now": now}, accounts.known(connection))


def _jobs(connection: Connection, wanted: Select[Any], given: Mapping[str, object], known: Known) -> list[Job]:
    """The jobs of a statement of `_WITH_ATTEMPTS`, by id."""
    jobs: dict[str, dict[str, Any]] = {}
    attempts: dict[str, list[Any]] = {}
    for row in said.rows(connection, wanted, given):
        job_id = row[0]
        if job_id not in jobs:
            jobs[job_id], attempts[job_id] = dict(zip(_OF_JOB, row, strict=False)), []
        if row[-1] is not None:
            attempts[job_id].append(dict(zip(_OF_ATTEMPT, row[len(_OF_JOB) :], strict=True)))
    sealer = sealer_of(connection)
    return [rows.job_from(row, attempts[job_id], known.terms_of(row["account"]), sealer) for job_id, row in sorted(jobs.items())]


def rows_of(connection: Connection, wanted: Select[Any] | Update, given: Mapping[str, object]) -> list[dict[str, Any]]:
    """The rows by their columns' names. Not SQLAlchemy's mappings, which take three times as long to read."""
    names = _names(wanted)
    return [dict(zip(names, row, strict=True)) for row in said.rows(connection, wanted, given)]


@cache
def _names(wanted: Select[Any] | Update) -> tuple[str, ...]:
    return tuple(column.name for column in wanted.exported_columns)
