"""The ledger: add, read, claim, take, apply. It may not decide what happens to a job, and every write to one is compare-and-swap on its version."""

from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Engine, Select, func, insert, select, update
from sqlalchemy.exc import IntegrityError

from worker.core.decision import Decision
from worker.core.effects import StopAccount
from worker.core.events import Event
from worker.core.job import Attempt, Job, JobId, Mark
from worker.core.states import State
from worker.store import accounts, claims, rows, stories
from worker.store.tables import METADATA

JOB, ATTEMPT, STORY = METADATA.tables["job"], METADATA.tables["attempt"], METADATA.tables["story"]
_CHUNK = 500  # ids in one IN list: SQLite and PostgreSQL both plan it well


class StaleJobError(Exception):
    """The job was written by somebody else since it was read: read it again."""


class KeyReusedError(Exception):
    """The idempotency key already stands for another request of the same caller: nothing was stored."""

    def __init__(self, job_id: JobId) -> None:
        """Say which job the key belongs to."""
        self.job_id = job_id
        super().__init__(
            f"the idempotency key already belongs to job {job_id}, whose request differs: use another key, or send the same request"
        )


@dataclass(frozen=True, slots=True)
class Added:
    """The job that a request has; `created` is False when the same request was there already."""

    job: Job
    created: bool


@dataclass(frozen=True, slots=True)
class Applied:
    """A decision to commit: the job as it was read, the event, and what was decided."""

    before: Job
    event: Event
    decision: Decision


class Ledger:
    """All that other rooms may do with the database. Thread-safe; one a process. Every `now` and every returned moment is in UTC."""

    def __init__(self, database: Engine) -> None:
        """Use an engine of `open_database`."""
        self._database = database

    def close(self) -> None:
        """Give the connections back."""
        self._database.dispose()

    def writing(self) -> AbstractContextManager[Connection]:
        """A writing transaction, for `claims` and `accounts`."""
        return self._database.begin()

    def _reading(self) -> AbstractContextManager[Connection]:
        return self._database.execution_options(reading=True).connect()

    def add(self, job: Job, fingerprint: str, *, ring: timedelta | None) -> Added:
        """Store a new job, unless its caller has one under the same key.

        `fingerprint` tells requests apart. `ring`: the lease to claim it with at once, because the caller rings for it after this returns.
        Raises KeyReusedError when the key stands for another request.
        """
        due_at = job.created_at + ring if ring else job.created_at
        stored = replace(job, due_at=due_at)
        columns = rows.columns_of(stored) | {
            "id": job.id, "account": job.account, "caller": job.caller, "idempotency_key": job.idempotency_key, "fingerprint": fingerprint,
            "request": rows.document_of(job.request), "version": job.version, "created_at": job.created_at, "updated_at": job.created_at,
            "rung_at": job.created_at if ring else None,
        }  # fmt: skip
        try:
            with self._database.begin() as connection:
                connection.execute(insert(JOB), columns)
                connection.execute(insert(STORY), _enqueued(job))
        except IntegrityError:
            return self._existing(job, fingerprint)
        return Added(stored, created=True)

    def _existing(self, job: Job, fingerprint: str) -> Added:
        same_key = (JOB.c.caller == job.caller, JOB.c.idempotency_key == job.idempotency_key)
        with self._reading() as connection:
            known = connection.execute(select(JOB.c.id, JOB.c.fingerprint).where(*same_key)).one()
        if known.fingerprint != fingerprint:
            raise KeyReusedError(JobId(known.id))
        return Added(self.get(JobId(known.id)), created=False)

    def get(self, job_id: JobId) -> Job:
        """The job. Raises KeyError when there is none."""
        found = self.get_many([job_id])
        if not found:
            raise KeyError(job_id)
        return found[0]

    def get_many(self, job_ids: Sequence[JobId]) -> list[Job]:
        """Those of the jobs that exist, in no order."""
        with self._reading() as connection:
            return [job for part in _chunks(job_ids) for job in _jobs(connection, select(JOB).where(JOB.c.id.in_(part)))]

    def find_by_mark(self, mark: Mark) -> JobId | None:
        """The job of an attempt's mark."""
        with self._reading() as connection:
            found = connection.execute(select(ATTEMPT.c.job_id).where(ATTEMPT.c.mark == mark)).scalar()
        return JobId(found) if found else None

    def recent(self, limit: int, state: State | None = None) -> list[Job]:
        """The newest jobs, newest first."""
        wanted = select(JOB).order_by(JOB.c.id.desc()).limit(limit)
        with self._reading() as connection:
            return _jobs(connection, wanted.where(JOB.c.state == state.value) if state else wanted)

    def held(self, account: str) -> list[JobId]:
        """The held jobs of an account."""
        with self._reading() as connection:
            found = connection.execute(select(JOB.c.id).where(JOB.c.state == State.HELD.value, JOB.c.account == account))
            return [JobId(job_id) for job_id in found.scalars()]

    def counts(self) -> dict[State, int]:
        """How many jobs are in each state."""
        with self._reading() as connection:
            found = connection.execute(select(JOB.c.state, func.count()).group_by(JOB.c.state))
            return {State(state): count for state, count in found}

    def story(self, job_id: JobId) -> list[stories.Line]:
        """The job's story, oldest line first."""
        with self._reading() as connection:
            found = connection.execute(select(STORY).where(STORY.c.job_id == job_id).order_by(STORY.c.id))
            return [stories.line_from(dict(row)) for row in found.mappings()]

    def voices(self, account: str) -> frozenset[str]:
        """The account's stock voices in lower case; empty when they are not known."""
        with self._reading() as connection:
            return accounts.voices(connection, account)

    def stops(self) -> list[accounts.Stop]:
        """The stopped accounts."""
        with self._reading() as connection:
            return accounts.stops(connection)

    def claim_due(self, states: Iterable[State], now: datetime, lease: timedelta, limit: int) -> list[claims.Claim]:
        """See `claims.claim_due`."""
        with self._database.begin() as connection:
            return claims.claim_due(connection, states, now, lease, limit)

    def take(self, job_ids: Sequence[JobId], now: datetime, lease: timedelta) -> list[Job]:
        """See `claims.take`; the jobs that were taken, fenced."""
        with self._database.begin() as connection:
            taken = claims.take(connection, job_ids, now, lease)
            return _jobs(connection, select(JOB).where(JOB.c.id.in_(taken))) if taken else []

    def apply(self, change: Applied, now: datetime) -> Job:
        """Commit one decision. Raises StaleJobError, and changes nothing, when the job is not as it was read."""
        with self._database.begin() as connection:
            if not _commit(connection, change, now):
                raise StaleJobError(change.before.id)
        return replace(change.decision.job, version=change.before.version + 1)

    def apply_batch(self, changes: Sequence[Applied], now: datetime) -> list[Job]:
        """Commit many decisions in one transaction; the jobs as they are now. Stale ones are left out: whoever wrote them knows better."""
        with self._database.begin() as connection:
            fresh = [change for change in changes if _commit(connection, change, now)]
        return [replace(change.decision.job, version=change.before.version + 1) for change in fresh]


def _chunks(job_ids: Sequence[JobId]) -> Iterable[Sequence[JobId]]:
    return (job_ids[start : start + _CHUNK] for start in range(0, len(job_ids), _CHUNK))


def _jobs(connection: Connection, wanted: Select[Any]) -> list[Job]:
    found = connection.execute(wanted).mappings().all()
    ids = [row["id"] for row in found]
    attempts: dict[str, list[Any]] = {job_id: [] for job_id in ids}
    for attempt in connection.execute(select(ATTEMPT).where(ATTEMPT.c.job_id.in_(ids)).order_by(ATTEMPT.c.number)).mappings():
        attempts[attempt["job_id"]].append(attempt)
    return [rows.job_from(dict(row), attempts[row["id"]]) for row in found]


def _commit(connection: Connection, change: Applied, now: datetime) -> bool:
    before, after = change.before, change.decision.job
    same = (JOB.c.id == before.id, JOB.c.version == before.version)
    values = rows.columns_of(after) | {"version": before.version + 1, "updated_at": now, "rung_at": None}
    if connection.execute(update(JOB).where(*same).values(values)).rowcount != 1:
        return False
    for attempt in after.attempts:
        if attempt not in before.attempts:
            _keep_attempt(connection, after.id, attempt, known=attempt.number <= len(before.attempts))
    if change.decision.why:
        connection.execute(insert(STORY), _line(change, now))
    for effect in change.decision.effects:
        if isinstance(effect, StopAccount):
            accounts.stop(connection, effect, now)
    return True


def _keep_attempt(connection: Connection, job_id: JobId, attempt: Attempt, *, known: bool) -> None:
    columns = rows.attempt_columns(job_id, attempt)
    if known:
        connection.execute(update(ATTEMPT).where(ATTEMPT.c.job_id == job_id, ATTEMPT.c.number == attempt.number).values(columns))
    else:
        connection.execute(insert(ATTEMPT), columns)


def _line(change: Applied, now: datetime) -> dict[str, Any]:
    return {
        "job_id": change.before.id, "at": now, "version": change.before.version + 1, "event": stories.name_of(change.event),
        "data": stories.data_of(change.event), "from_state": change.before.state.value, "to_state": change.decision.job.state.value,
        "why": change.decision.why,
    }  # fmt: skip


def _enqueued(job: Job) -> dict[str, Any]:
    return {
        "job_id": job.id, "at": job.created_at, "version": job.version, "event": "Enqueued", "data": {}, "from_state": None,
        "to_state": job.state.value, "why": f"enqueued by {job.caller} for the account {job.account}",
    }  # fmt: skip
