"""New jobs into the ledger, many in one transaction and few statements. It may not judge a request: its fingerprint says which are the same."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import MISSING, dataclass, fields, replace
from datetime import datetime, timedelta
from functools import cache, lru_cache
from itertools import groupby
from operator import attrgetter
from typing import Any

from pydantic_core import to_json
from sqlalchemy import JSON, ColumnElement, Connection, Dialect, Select, Text, bindparam, cast, column, func, insert, literal, select
from sqlalchemy.dialects import postgresql
from sqlalchemy.types import TypeDecorator
from typing_extensions import override  # typing's own from Python 3.12 on

from worker.core.job import Job, JobId
from worker.store import stories
from worker.store.columns import Moment
from worker.store.database import one_of, portions
from worker.store.reading import STORY
from worker.store.rows import attempt_columns, columns_of, document_of, storable
from worker.store.sealing import sealed_job, sealed_line, sealer_of
from worker.store.whole import ATTEMPT, JOB, jobs_of

_TOLD = frozenset({"version", "due_at", "priority", "state"})
_DEFAULTS = {
    one.name: one.default for one in fields(Job) if one.default is not MISSING and one.name not in {*_TOLD, "idempotency_key", "terms"}
}
_defaults_of, _AS_NEW = attrgetter(*_DEFAULTS), tuple(_DEFAULTS.values())
Key = tuple[str, str]
"""A caller, and an idempotency key of his."""
_MOMENT = Moment()
_WHY = "enqueued by %s for the account %s"  # PostgreSQL's `format` understands the same
_IN_LINE = ("id", "created_at", "version", "state", "caller", "account")
# What a first line says, where it comes with the job: by the names that it has among the job's columns.
_SAID = {"line_data": "data", "line_why": "why"}
_NUL = "\\u0000"  # how JSON writes it; PostgreSQL keeps it in no text


class KeyReusedError(Exception):
    """The idempotency key already stands for another request of the same caller: nothing was stored."""

    def __init__(self, job_id: JobId) -> None:
        """Say which job the key belongs to."""
        self.job_id = job_id
        super().__init__(
            f"the idempotency key already belongs to job {job_id}, whose request differs: use another key, or send the same request"
        )


@dataclass(frozen=True, slots=True)
class New:
    """A job to add. `fingerprint` tells requests apart."""

    job: Job
    fingerprint: str


@dataclass(frozen=True, slots=True)
class Added:
    """The job that a request has; `created` is False when the same request was there already."""

    job: Job
    created: bool


Holder = tuple[Job, str]
"""The job that a key belongs to, and its fingerprint."""


def add_many(connection: Connection, new: Sequence[New], ring: timedelta | None) -> list[Added | KeyReusedError]:
    """Store them as if one after the other, each unless its caller has a job under its key; what became of each, in order."""
    due = [_due(one, ring or timedelta(0)) for one in new]
    keys = [_key(one.job) for one in due]
    wanted: dict[Key | JobId, New] = {}
    for key, one in zip(keys, due, strict=True):
        wanted.setdefault(key or one.job.id, one)
    # By key, as everybody does: two that add the same keys in another order would wait for each other.
    candidates = sorted(wanted.values(), key=lambda one: (one.job.caller, one.job.idempotency_key or "", one.job.id))
    insert_new = _insert_sqlite if connection.dialect.name == "sqlite" else _insert_postgres
    stored = insert_new(connection, candidates, rung=ring is not None)
    _keep_attempts(connection, [one.job for one in candidates if one.job.id in stored])
    # `wanted` names the job that came first under a key: a key whose first was stored is his.
    holders = {key: (one.job, one.fingerprint) for key, one in wanted.items() if isinstance(key, tuple) and one.job.id in stored}
    holders |= find_by_keys(connection, [key for key, one in wanted.items() if isinstance(key, tuple) and one.job.id not in stored])
    return [_outcome(one, key, stored, holders) for key, one in zip(keys, due, strict=True)]


def _due(new: New, after: timedelta) -> New:
    job, due_at = new.job, new.job.created_at + after
    return new if job.due_at == due_at else New(replace(job, due_at=due_at), new.fingerprint)


def find_by_keys(connection: Connection, keys: Collection[Key]) -> dict[Key, Holder]:
    """The jobs that these keys belong to."""
    if not keys:
        return {}
    found: dict[JobId, tuple[Key, str]] = {}
    for caller, of_caller in groupby(sorted(set(keys)), key=lambda key: key[0]):
        for part in portions(connection, [key for _, key in of_caller]):
            rows = connection.execute(_of_keys(connection.dialect.name), {"caller": caller, "keys": part})
            found |= {JobId(row.id): ((caller, row.idempotency_key), row.fingerprint) for row in rows}
    return {found[job.id][0]: (job, found[job.id][1]) for job in jobs_of(connection, list(found))}


def _outcome(one: New, key: Key | None, stored: Collection[str], holders: Mapping[Key, Holder]) -> Added | KeyReusedError:
    if one.job.id in stored:
        return Added(one.job, created=True)
    job, fingerprint = holders[key or ("", "")]
    return Added(job, created=False) if fingerprint == one.fingerprint else KeyReusedError(job.id)


def _key(job: Job) -> Key | None:
    """As it is stored."""
    return None if job.idempotency_key is None else (storable(job.caller), storable(job.idempotency_key))


def _insert_sqlite(connection: Connection, new: Sequence[New], *, rung: bool) -> set[str]:
    """Nobody else writes meanwhile: what is not there now can be added."""
    known = find_by_keys(connection, [key for one in new if (key := _key(one.job))])
    fresh = [one for one in new if _key(one.job) not in known]
    if fresh:
        connection.execute(insert(JOB), [sealed_job(connection, storable(_columns(one, rung=rung))) for one in fresh])
        connection.execute(insert(STORY), [sealed_line(connection, storable(_first_line(one.job))) for one in fresh])
    return {one.job.id for one in fresh}


def _insert_postgres(connection: Connection, new: Sequence[New], *, rung: bool) -> set[str]:
    """Who adds the same key at this moment is waited for, and then the key is his."""
    if not new:
        return set()
    columns = _first_columns if all_fresh(new) else _columns
    rows = [columns(one, rung=rung) for one in new]
    if sealer_of(connection).seals:
        rows = [sealed_job(connection, storable(row)) for row in rows]
    if any(one.job.request.consent for one in new):
        rows = [row | _said(connection, one.job) for row, one in zip(rows, new, strict=True)]
    return set(connection.execute(_unfolded(tuple(rows[0])), {"rows": rows}).scalars())


@cache
def _of_keys(dialect: str) -> Select[Any]:
    same = (JOB.c.caller == bindparam("caller"), one_of(dialect, JOB.c.idempotency_key, "keys"))
    return select(JOB.c.id, JOB.c.idempotency_key, JOB.c.fingerprint).where(*same)


@lru_cache
def _unfolded(names: tuple[str, ...]) -> Select[Any]:
    """An insert of jobs that come as one JSON text: a tenth of the work of a parameter for each value, both here and there. Those that are new.

    With the first line of each one's story: who is told that a job is there may read it, whatever happens between two statements. What that line
    says is made here of the job's columns, unless it comes with them (`_SAID`).
    """
    rows, of_job = func.json_to_recordset(cast(bindparam("rows", type_=_Rows), JSON)), [name for name in names if name not in _SAID]
    types = {name: STORY.c[_SAID[name]].type if name in _SAID else JOB.c[name].type for name in names}
    given = select(rows.table_valued(*(column(name, kind) for name, kind in types.items())).render_derived(with_types=True)).cte("given")
    adding = postgresql.insert(JOB).from_select(of_job, select(*(given.c[name] for name in of_job)))
    without_known = adding.on_conflict_do_nothing(index_elements=[JOB.c.caller, JOB.c.idempotency_key])
    stored = without_known.returning(*(JOB.c[name] for name in _IN_LINE)).cte("stored")
    line = _line_of({name: stored.c[name] for name in _IN_LINE}, {}, func.format(_WHY, stored.c.caller, stored.c.account))
    line |= {_SAID[name]: given.c[name] for name in names if name in _SAID}
    first = select(*(value if isinstance(value, ColumnElement) else literal(value, STORY.c[name].type) for name, value in line.items()))
    first = first.select_from(stored.join(given, given.c.id == stored.c.id)) if len(of_job) < len(names) else first
    told = insert(STORY).from_select(list(line), first, include_defaults=False).cte("told")
    return select(stored.c.id).add_cte(told)


class _Rows(TypeDecorator[Any]):
    """Rows as one JSON text that can be kept, see `storable`. It is looked through as a whole, for there is hardly ever anything to put right."""

    impl = Text
    cache_ok = True

    @override
    def process_bind_param(self, value: Any, dialect: Dialect) -> str:
        """Refuse a moment without a zone, as `Moment` does."""
        for row in value:
            for moment in row.values():
                if type(moment) is datetime and moment.tzinfo is None:
                    _MOMENT.process_bind_param(moment, dialect)
        try:
            text = to_json(value, inf_nan_mode="null").decode()
        except ValueError:  # half a surrogate pair has no bytes
            text = _NUL
        return text if _NUL not in text else to_json(storable(value), inf_nan_mode="null").decode()


def _keep_attempts(connection: Connection, jobs: Iterable[Job]) -> None:
    if rows := [storable(attempt_columns(job, attempt)) for job in jobs for attempt in job.attempts]:
        connection.execute(insert(ATTEMPT), rows)


def is_one_statement(new: Sequence[New]) -> bool:
    """Whether one statement says what became of all: then no transaction is needed around it.

    Whose key is another's job already, that job is read next; should that fail, none of them may have been stored.
    """
    return all_fresh(new) and (len(new) == 1 or all(one.job.idempotency_key is None for one in new))


def all_fresh(new: Iterable[New]) -> bool:
    """Whether nothing has happened to any yet: then the table's own defaults say the rest, and in PostgreSQL one statement stores all."""
    return all(_defaults_of(one.job) == _AS_NEW for one in new)


def _columns(new: New, *, rung: bool) -> dict[str, Any]:
    return columns_of(new.job) | _first_columns(new, rung=rung)


def _first_columns(new: New, *, rung: bool) -> dict[str, Any]:
    job = new.job
    return {
        "id": job.id, "account": job.account, "caller": job.caller, "idempotency_key": job.idempotency_key, "fingerprint": new.fingerprint,
        "request": document_of(job.request), "version": job.version, "created_at": job.created_at, "updated_at": job.created_at,
        "due_at": job.due_at, "rung_at": job.created_at if rung else None, "priority": job.priority, "state": job.state.value,
    }  # fmt: skip


def _first_line(job: Job) -> dict[str, Any]:
    """Who affirmed the rights to the input is on record here, whatever becomes of the request."""
    consent = job.request.consent
    affirmed = f"; the rights to it were affirmed, as of {consent['affirmed_at']}" if consent else ""
    values = {"id": job.id, "created_at": job.created_at, "version": job.version, "state": job.state.value}
    return _line_of(values, {"consent": consent} if consent else {}, _WHY % (job.caller, job.account) + affirmed)


def _said(connection: Connection, job: Job) -> dict[str, Any]:
    """What the job's first line says, as columns that come with the job's own."""
    line = sealed_line(connection, storable(_first_line(job)))
    return {name: line[of_line] for name, of_line in _SAID.items()}


def _line_of(job: Mapping[str, Any], data: Mapping[str, Any], why: object) -> dict[str, Any]:
    return {
        "job_id": job["id"], "at": job["created_at"], "version": job["version"], "event": stories.FIRST, "data": data, "from_state": None,
        "to_state": job["state"], "why": why,
    }  # fmt: skip
