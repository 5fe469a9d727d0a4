"""What may be asked of the ledger. It may not write: `worker.store.jobs` adds that."""

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, DateTime, Engine, func, select

from worker.core.calling import Ending
from worker.core.events import BudgetReached
from worker.core.job import Attempt, Job, JobId, Mark, Terms
from worker.core.rules import Rules
from worker.core.states import State
from worker.store import accounts, book, budgets, lessons, lines, rows, rulebook, stories, whole
from worker.store.database import glancing, one_of, portions, reading
from worker.store.tables import METADATA
from worker.store.voices import KnownVoices
from worker.store.whole import ATTEMPT, JOB

UNREADABLE = (ValueError, TypeError, LookupError)
"""What a row raises that was changed by hand, or written by a newer version."""
STORY = METADATA.tables["story"]


@dataclass(frozen=True, slots=True)
class Shelf:
    """Some jobs in the order of their ids, each with its story; and the rows that cannot be read, by id, with the reason. `last`: where it ends."""

    jobs: list[Job]
    stories: Mapping[JobId, list[stories.Line]]
    unreadable: Mapping[JobId, str]
    last: JobId | None


class Reader:
    """Questions to the ledger. Thread-safe. Every moment that is returned is in UTC."""

    def __init__(self, database: Engine) -> None:
        """Use an engine of `open_database`."""
        self._database = database
        self._reader, self._glancer = reading(database), glancing(database)
        self._voices = KnownVoices(self._read_voices)

    def close(self) -> None:
        """Give the connections back."""
        self._database.dispose()

    def server_time(self) -> datetime | None:
        """The time on the database's server; None for SQLite, whose server is this host."""
        if self._database.dialect.name == "sqlite":
            return None
        with self._glancing() as connection:
            return connection.execute(select(func.clock_timestamp(type_=DateTime(timezone=True)))).scalar_one().astimezone(UTC)

    def _reading(self) -> AbstractContextManager[Connection]:
        return self._reader.connect()

    def _glancing(self) -> AbstractContextManager[Connection]:
        return self._glancer.connect()

    def get(self, job_id: JobId) -> Job:
        """The job. Raises KeyError when there is none."""
        found = self.get_many([job_id])
        if not found:
            raise KeyError(job_id)
        return found[0]

    def get_many(self, job_ids: Sequence[JobId]) -> list[Job]:
        """Those of the jobs that exist, in no order."""
        with self._reading() as connection:
            return whole.jobs_of(connection, job_ids)

    def answered(self, job_ids: Sequence[JobId], now: datetime) -> list[Job]:
        """See `whole.answering`."""
        with self._glancing() as connection:
            return whole.answering(connection, job_ids, now)

    def due(self, now: datetime, *, rung_before: datetime) -> lines.Due:
        """See `lines.due`."""
        with self._glancing() as connection:
            return lines.due(connection, now, rung_before=rung_before)

    def callers(self, state: State, account: str, now: datetime, rung_before: datetime | None = None) -> list[str]:
        """See `lines.callers`."""
        with self._glancing() as connection:
            return lines.callers(connection, state, account, now, rung_before)

    def find_by_mark(self, mark: Mark) -> JobId | None:
        """The job of an attempt's mark."""
        with self._glancing() as connection:
            found = connection.execute(select(ATTEMPT.c.job_id).where(ATTEMPT.c.mark == mark)).scalar()
        return JobId(found) if found else None

    def recent(self, limit: int, state: State | None = None) -> list[Job]:
        """The newest jobs, newest first; without a row that cannot be read, which is for the audit."""
        wanted = select(JOB.c.id).order_by(JOB.c.id.desc()).limit(limit)
        with self._reading() as connection:
            ids = [JobId(one) for one in connection.execute(wanted.where(JOB.c.state == state.value) if state else wanted).scalars()]
            return _readable(connection, ids)[0][::-1]

    def shelf(self, after: JobId | None, limit: int) -> Shelf:
        """The next jobs after that id, as one moment sees them with their stories."""
        with self._reading() as connection:
            following = select(JOB.c.id).order_by(JOB.c.id).limit(limit)
            ids = [JobId(one) for one in connection.execute(following.where(JOB.c.id > after) if after else following).scalars()]
            jobs, unreadable = _readable(connection, ids)
            told, untold = _stories(connection, ids)
            return Shelf(jobs, told, unreadable | untold, ids[-1] if ids else None)

    def rules(self) -> rulebook.Rulebook:
        """Every rules and terms that decisions were made under, by digest."""
        with self._reading() as connection:
            return rulebook.read(connection)

    def attempts(self, account: str) -> list[tuple[JobId, Attempt]]:
        """All attempts of an account, with their jobs' ids."""
        with self._reading() as connection:
            found = connection.execute(select(ATTEMPT).where(ATTEMPT.c.account == account)).mappings()
            return [(JobId(row["job_id"]), rows.attempt_from(dict(row))) for row in found]

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
        """The account's stock voices in lower case, as they were a moment ago; empty when they are not known."""
        return self._voices.of(account)

    def _read_voices(self, account: str) -> frozenset[str]:
        with self._glancing() as connection:
            return accounts.voices(connection, account)

    def terms(self, account: str) -> Terms:
        """The account's terms."""
        with self._glancing() as connection:
            return accounts.known(connection).terms_of(account)

    def budget_reached(self, account: str, now: datetime, rules: Rules) -> BudgetReached | None:
        """What the account's limits say to one more training, as a hint: the intent itself is counted where it is written."""
        with self._glancing() as connection:
            return budgets.reached(connection, account, accounts.known(connection).terms_of(account), now, rules)

    def book(self, now: datetime, *, account: str | None = None, month: str | None = None) -> list[book.Month]:
        """See `book.months`."""
        with self._reading() as connection:
            return book.months(connection, now, account=account, month=month)

    def due_deletions(self, now: datetime, limit: int) -> list[JobId]:
        """The jobs with a deletion that is due, longest due first."""
        due = select(ATTEMPT.c.job_id).where(ATTEMPT.c.delete_due_at <= now).order_by(ATTEMPT.c.delete_due_at).limit(limit)
        with self._glancing() as connection:
            return [JobId(job_id) for job_id in dict.fromkeys(connection.execute(due).scalars())]

    def subjects(self) -> list[str]:
        """See `lessons.subjects`."""
        with self._reading() as connection:
            return lessons.subjects(connection)

    def trainings(self, subject: str, before: datetime, limit: int, running_since: datetime) -> list[lessons.Training]:
        """See `lessons.trainings`."""
        with self._reading() as connection:
            return lessons.trainings(connection, subject, before, limit, running_since)

    def endings(self, account: str, limit: int) -> list[Ending]:
        """See `lessons.endings`."""
        with self._reading() as connection:
            return lessons.endings(connection, account, limit)

    def lessons(self) -> dict[str, Any]:
        """See `lessons.read`."""
        with self._reading() as connection:
            return lessons.read(connection)

    def stops(self) -> list[accounts.Stop]:
        """The stopped accounts."""
        with self._glancing() as connection:
            return accounts.stops(connection)


def _readable(connection: Connection, ids: Sequence[JobId]) -> tuple[list[Job], dict[JobId, str]]:
    """The jobs that can be read, and why the others cannot: all at once when none is odd, else one by one."""
    try:
        return sorted(whole.jobs_of(connection, ids), key=lambda job: job.id), {}
    except UNREADABLE:
        jobs: list[Job] = []
        unreadable: dict[JobId, str] = {}
        for job_id in ids:
            try:
                jobs += whole.jobs_of(connection, [job_id])
            except UNREADABLE as error:
                unreadable[job_id] = f"{type(error).__name__}: {error}"
        return jobs, unreadable


def _stories(connection: Connection, ids: Sequence[JobId]) -> tuple[dict[JobId, list[stories.Line]], dict[JobId, str]]:
    """The stories, and which of them have a line that cannot be read, and why."""
    told: dict[JobId, list[stories.Line]] = {job_id: [] for job_id in ids}
    untold: dict[JobId, str] = {}
    for part in portions(connection, ids):
        told_of = select(STORY).where(one_of(connection.dialect.name, STORY.c.job_id, "ids")).order_by(STORY.c.id)
        found = connection.execute(told_of, {"ids": part})
        for row in found.mappings():
            try:
                told[JobId(row["job_id"])].append(stories.line_from(dict(row)))
            except UNREADABLE as error:
                untold[JobId(row["job_id"])] = f"a line of its story: {type(error).__name__}: {error}"
    return told, untold
