"""What may be asked of the ledger. It may not write: `worker.store.jobs` adds that."""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, DateTime, Engine, func, select

from worker.core.calling import Ending
from worker.core.events import BudgetReached
from worker.core.job import Attempt, Job, JobId, Mark, Terms
from worker.core.looking import Look
from worker.core.rules import Rules
from worker.core.states import State
from worker.store import accounts, book, budgets, cleaning, lessons, lines, listing, looks, rows, rulebook, shelves, stories, visits, whole
from worker.store.database import glancing, one_of, portions, reading
from worker.store.gauges import Gauges
from worker.store.recurrences import Recurrences
from worker.store.retention import Retention
from worker.store.rounds import Rounds
from worker.store.sealing import UNSEALED, Sealer, sealer_of, with_sealer
from worker.store.signs import Signs
from worker.store.stops import KnownStops
from worker.store.tables import METADATA
from worker.store.tidying import Tidying
from worker.store.tokens import Tokens
from worker.store.voices import KnownVoices
from worker.store.whole import ATTEMPT, JOB

STORY = METADATA.tables["story"]


class Reader:
    """Questions to the ledger. Thread-safe. Every moment that is returned is in UTC."""

    def __init__(self, database: Engine, sealer: Sealer = UNSEALED) -> None:
        """Use an engine of `open_database`. `sealer`: for the secrets in its rows."""
        self._database = with_sealer(database, sealer)
        self._reader, self._glancer = reading(self._database), glancing(self._database)
        self.tokens = Tokens(self._database)
        """The tokens of callers, which lie beside the jobs."""
        self.gauges = Gauges(self._database)
        """What monitoring asks."""
        self.signs = Signs(self._database)
        """Which workers live, and hear."""
        self.rounds, self.recurrences = Rounds(self._database), Recurrences(self._database)
        """What is done by the calendar: rounds of the house, and jobs that recur."""
        self.tidying, self.retention = Tidying(self._database), Retention(self._database)
        """What deletes and erases."""
        self._voices = KnownVoices(self._read_voices)
        self._stops = KnownStops(lambda: [stop.account for stop in self.stops()])

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

    def looks(self, job_ids: Sequence[JobId], now: datetime) -> list[Look]:
        """See `looks.due`."""
        with self._glancing() as connection:
            return looks.due(connection, job_ids, now)

    def due(self, now: datetime, *, rung_before: datetime) -> lines.Due:
        """See `lines.due`."""
        with self._glancing() as connection:
            return lines.due(connection, now, rung_before=rung_before)

    def due_since(self, now: datetime) -> dict[lines.DueLine, datetime]:
        """See `lines.oldest`."""
        with self._glancing() as connection:
            return lines.oldest(connection, now)

    def callers(self, state: State, account: str, now: datetime, rung_before: datetime | None = None) -> list[str]:
        """See `lines.callers`."""
        with self._glancing() as connection:
            return lines.callers(connection, state, account, now, rung_before)

    def find_by_mark(self, mark: Mark) -> JobId | None:
        """The job of an attempt's mark."""
        with self._glancing() as connection:
            found = connection.execute(select(ATTEMPT.c.job_id).where(ATTEMPT.c.mark == mark)).scalar()
        return JobId(found) if found else None

    def recent(self, limit: int, state: State | None = None, *, caller: str | None = None) -> list[Job]:
        """The newest jobs, of one caller or of all, newest first; without a row that cannot be read, which is for the audit."""
        wanted = select(JOB.c.id).order_by(JOB.c.id.desc()).limit(limit)
        wanted = wanted if caller is None else wanted.where(JOB.c.caller == caller)
        with self._reading() as connection:
            ids = [JobId(one) for one in connection.execute(wanted.where(JOB.c.state == state.value) if state else wanted).scalars()]
            return shelves.readable(connection, ids)[0][::-1]

    def page(self, wanted: listing.Wanted, after: JobId | None, limit: int) -> listing.Page:
        """The next jobs, newest first; without a row that cannot be read, which is for the audit."""
        with self._reading() as connection:
            ids, following = listing.ids(connection, wanted, after, limit)
            return listing.Page(tuple(shelves.readable(connection, ids)[0][::-1]), following)

    def page_versions(self, wanted: listing.Wanted, after: JobId | None, limit: int) -> list[tuple[JobId, int]]:
        """See `listing.versions`."""
        with self._glancing() as connection:
            return listing.versions(connection, wanted, after, limit)

    def tally(self, caller: str | None, most: int) -> dict[State, int]:
        """See `listing.tally`."""
        with self._reading() as connection:
            return listing.tally(connection, caller, most)

    def running(self, account: str, now: datetime, rules: Rules) -> int:
        """How many of the account's trainings are under way, or may be, as its limits count them."""
        with self._glancing() as connection:
            return budgets.running(connection, account, now, rules)

    def shelf(self, after: JobId | None, limit: int) -> shelves.Shelf:
        """See `shelves.read`."""
        with self._reading() as connection:
            return shelves.read(connection, after, limit)

    def rules(self) -> rulebook.Rulebook:
        """Every rules and terms that decisions were made under, by digest."""
        with self._reading() as connection:
            return rulebook.read(connection)

    def attempts(self, account: str) -> list[tuple[JobId, Attempt]]:
        """All attempts of an account, with their jobs' ids."""
        with self._reading() as connection:
            found = connection.execute(select(ATTEMPT).where(ATTEMPT.c.account == account)).mappings()
            return [(JobId(row["job_id"]), rows.attempt_from(dict(row))) for row in found]

    def ids(self, account: str) -> list[JobId]:
        """The ids of all jobs of an account."""
        with self._reading() as connection:
            return [JobId(job_id) for job_id in connection.execute(select(JOB.c.id).where(JOB.c.account == account)).scalars()]

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
            return [stories.line_from(dict(row), sealer_of(connection)) for row in found.mappings()]

    def story_from(self, job_id: JobId, number: int, limit: int) -> list[stories.Line]:
        """The lines of the job's story after the first so many, oldest first."""
        following = select(STORY).where(STORY.c.job_id == job_id).order_by(STORY.c.id).offset(number).limit(limit)
        with self._glancing() as connection:
            return [stories.line_from(dict(row), sealer_of(connection)) for row in connection.execute(following).mappings()]

    def versions(self, job_ids: Sequence[JobId]) -> dict[JobId, int]:
        """How often each of the jobs was written, of those that exist: who has read it at that version need not read it again."""
        with self._glancing() as connection:
            asked = select(JOB.c.id, JOB.c.version).where(one_of(connection.dialect.name, JOB.c.id, "ids"))
            return {
                JobId(row.id): row.version for part in portions(connection, job_ids) for row in connection.execute(asked, {"ids": part})
            }

    def voices(self, account: str) -> frozenset[str]:
        """The account's stock voices in lower case, as they were a moment ago; empty when they are not known."""
        return self._voices.of(account)

    def _read_voices(self, account: str) -> frozenset[str]:
        with self._glancing() as connection:
            return accounts.voices(connection, account)

    def voices_read_at(self) -> datetime | None:
        """See `accounts.voices_read_at`."""
        with self._glancing() as connection:
            return accounts.voices_read_at(connection)

    def terms(self, account: str) -> Terms:
        """The account's terms."""
        with self._glancing() as connection:
            return accounts.terms_of(connection, account)

    def budget_reached(self, account: str, now: datetime, rules: Rules) -> BudgetReached | None:
        """What the account's limits say to one more training, as a hint: the intent itself is counted where it is written."""
        with self._glancing() as connection:
            return budgets.reached(connection, account, accounts.terms_of(connection, account), now, rules)

    def book(self, now: datetime, *, account: str | None = None, month: str | None = None, caller: str | None = None) -> list[book.Month]:
        """See `book.months`."""
        with self._reading() as connection:
            return book.months(connection, now, account=account, month=month, caller=caller)

    def due_deletions(self, now: datetime, limit: int) -> list[JobId]:
        """See `cleaning.due`."""
        with self._glancing() as connection:
            return cleaning.due(connection, now, limit)

    def waiting_before(self, account: str, since: datetime) -> int:
        """See `visits.before`."""
        with self._glancing() as connection:
            return visits.before(connection, account, since)

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

    def is_stopped(self, account: str) -> bool:
        """Whether the account is stopped, as it was a moment ago; what was written through this ledger holds at once."""
        return account in self._stops

    def stops(self) -> list[accounts.Stop]:
        """The stopped accounts."""
        with self._glancing() as connection:
            return accounts.stops(connection)
