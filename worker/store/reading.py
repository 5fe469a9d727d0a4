"""What may be asked of the ledger. It may not write: `worker.store.jobs` adds that."""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Any

from sqlalchemy import Connection, Engine, Select, func, select

from worker.core.job import Job, JobId, Mark
from worker.core.states import State
from worker.store import accounts, rows, stories
from worker.store.database import portions, reading
from worker.store.tables import METADATA

JOB, ATTEMPT, STORY = METADATA.tables["job"], METADATA.tables["attempt"], METADATA.tables["story"]


class Reader:
    """Questions to the ledger. Thread-safe. Every moment that is returned is in UTC."""

    def __init__(self, database: Engine) -> None:
        """Use an engine of `open_database`."""
        self._database = database
        self._reader = reading(database)

    def close(self) -> None:
        """Give the connections back."""
        self._database.dispose()

    def _reading(self) -> AbstractContextManager[Connection]:
        return self._reader.connect()

    def get(self, job_id: JobId) -> Job:
        """The job. Raises KeyError when there is none."""
        found = self.get_many([job_id])
        if not found:
            raise KeyError(job_id)
        return found[0]

    def get_many(self, job_ids: Sequence[JobId]) -> list[Job]:
        """Those of the jobs that exist, in no order."""
        with self._reading() as connection:
            return jobs_of(connection, job_ids)

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


def jobs_of(connection: Connection, job_ids: Sequence[JobId]) -> list[Job]:
    """Those of the jobs that exist, as this transaction sees them, in no order."""
    return [job for part in portions(job_ids) for job in _jobs(connection, select(JOB).where(JOB.c.id.in_(part)))]


def _jobs(connection: Connection, wanted: Select[Any]) -> list[Job]:
    found = connection.execute(wanted).mappings().all()
    attempts: dict[str, list[Any]] = {row["id"]: [] for row in found}
    for ids in portions(list(attempts)):
        for attempt in connection.execute(select(ATTEMPT).where(ATTEMPT.c.job_id.in_(ids)).order_by(ATTEMPT.c.number)).mappings():
            attempts[attempt["job_id"]].append(attempt)
    return [rows.job_from(dict(row), attempts[row["id"]]) for row in found]
