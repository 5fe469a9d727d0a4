"""What monitoring asks of the ledger: ages and counts. It may not cost more than some milliseconds, however many rows there are.

Ages are found by leaps along indexes, as the sweep finds its work. Whatever is counted is counted up to a limit: beyond it a number says "so many at
least", which is all that anybody does anything about.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlalchemy import Connection, Engine, func, literal, select, true, union_all

from worker.core.credits import Entry
from worker.core.failures import Failure
from worker.core.job import Outcome
from worker.core.rules import Rules
from worker.core.states import State
from worker.store import accounts, book, budgets, lines, shelves, tallies
from worker.store.cleaning import hears
from worker.store.database import glancing
from worker.store.migrate import revision_in
from worker.store.notifications import Status
from worker.store.tables import METADATA

ATTEMPT, JOB, NOTIFICATION, INBOX = (METADATA.tables[name] for name in ("attempt", "job", "notification", "inbox"))
MOST = 100_000
"""Jobs of a state that are counted: some ten milliseconds where there are more."""
MOST_READ = 10_000
"""Rows of a kind that are read one by one: an index alone does not tell what is asked of them."""
RECENT = timedelta(days=31)
"""The part of the credit book that is shown."""


@dataclass(frozen=True, slots=True)
class Backlog:
    """What callers are still to be told: how many wait, since when the first does, and how many of the newest were given up."""

    waiting: int
    oldest: datetime | None
    dead: int


@dataclass(frozen=True, slots=True)
class Account:
    """How an account's money stands. `entries`: of what was submitted lately. `strays`: replicas paid beside those.

    `running`, `paid`: trainings that count against the owner's limits; None where there is no limit.
    """

    entries: dict[Entry, int] = field(default_factory=lambda: dict.fromkeys(Entry, 0))
    strays: int = 0
    late: int = 0
    running: int | None = None
    paid: int | None = None


class Gauges:
    """One a process, on the ledger's own database. Thread-safe."""

    def __init__(self, database: Engine) -> None:
        self._glancer = glancing(database)

    def ping(self) -> None:
        """Nothing, if the database answers."""
        with self._glancer.connect() as connection:
            connection.execute(select(literal(1)))

    def revision(self) -> str | None:
        """See `migrate.revision_in`."""
        with self._glancer.connect() as connection:
            return revision_in(connection)

    def tallies(self) -> dict[str, tallies.Tally]:
        """See `tallies.read`."""
        with self._glancer.connect() as connection:
            return tallies.read(connection)

    def last(self, series: str) -> datetime | None:
        """See `tallies.last`."""
        with self._glancer.connect() as connection:
            return tallies.last(connection, series)

    def oldest(self, now: datetime) -> dict[tuple[str, str], datetime]:
        """Since when the first row of each line is due, by what it waits for (a state, or a kind of errand) and account."""
        with self._glancer.connect() as connection:
            found = {(line.state.value, line.account): due_at for line, due_at in lines.oldest(connection, now).items()}
            errands = {
                "deletion": (ATTEMPT.c.delete_due_at, hears(ATTEMPT.c.account)),
                "end": (JOB.c.conversation_end_due_at, hears(JOB.c.account)),
                "letter": (INBOX.c.due_at, true()),
            }
            for name, (column, can_be_done) in errands.items():
                first: datetime | None = connection.execute(select(func.min(column)).where(column <= now, can_be_done)).scalar()
                if first is not None:
                    found[name, ""] = first
            return found

    def jobs(self) -> dict[State, int]:
        """How many jobs are in each state, `MOST` at most."""
        some = {state: select(JOB.c.id).where(JOB.c.state == state.value).limit(MOST).subquery(state.value) for state in State}
        counts = union_all(*(select(literal(state.value), func.count()).select_from(one) for state, one in some.items()))
        with self._glancer.connect() as connection:
            return {State(state): count for state, count in connection.execute(counts)}

    def held(self) -> dict[Failure, int]:
        """Why jobs are held, of `MOST_READ` at most."""
        some = select(JOB.c.failure).where(JOB.c.state == State.HELD.value).limit(MOST_READ).subquery()
        counts = select(some.c.failure, func.count()).where(some.c.failure.is_not(None)).group_by(some.c.failure)
        with self._glancer.connect() as connection:
            return {Failure(failure): count for failure, count in connection.execute(counts)}

    def backlog(self) -> Backlog:
        """What callers are still to be told."""
        waiting = select(NOTIFICATION.c.at).where(NOTIFICATION.c.due_at.is_not(None)).limit(MOST_READ).subquery("waiting")
        newest = (
            select(NOTIFICATION.c.status).order_by(NOTIFICATION.c.at.desc(), NOTIFICATION.c.id.desc()).limit(MOST_READ).subquery("newest")
        )
        with self._glancer.connect() as connection:
            count, oldest = connection.execute(select(func.count(), func.min(waiting.c.at)).select_from(waiting)).one()
            dead = select(func.count()).select_from(newest).where(newest.c.status == Status.DEAD.value)
            return Backlog(count, oldest, connection.execute(dead).scalar_one())

    def shared_replicas(self) -> list[tuple[str, list[str]]]:
        """See `shelves.shared`; this one reads an index through, and is for the daily audit."""
        with self._glancer.connect() as connection:
            return shelves.shared(connection)

    def replicas_of(self, account: str, most: int) -> int:
        """See `shelves.replicas`."""
        with self._glancer.connect() as connection:
            return shelves.replicas(connection, account, most)

    def accounts(self, names: Iterable[str], now: datetime, rules: Rules) -> dict[str, Account]:
        """How the money of each of these accounts stands."""
        with self._glancer.connect() as connection:
            known = accounts.known(connection)
            found: dict[str, Account] = {}
            for name in names:
                entries, strays = _entries(connection, name, now)
                running, paid = budgets.used(connection, name, known.terms_of(name), now, rules)
                found[name] = Account(entries, strays, _late(connection, name, now, rules), running, paid)
            return found


def _entries(connection: Connection, account: str, now: datetime) -> tuple[dict[Entry, int], int]:
    of_account = (ATTEMPT.c.account == account, ATTEMPT.c.intended_at >= now - RECENT)
    wanted = select(book.entry(now).label("entry"), book.strays().label("strays")).where(*of_account)
    # One outcome after the other: so each is a short piece of the index, from its end.
    newest = (wanted.where(ATTEMPT.c.outcome == one.value).order_by(ATTEMPT.c.intended_at.desc()).limit(MOST_READ) for one in Outcome)
    some = union_all(*(select(one.subquery()) for one in newest)).subquery()
    found = connection.execute(select(some.c.entry, func.count(), func.sum(some.c.strays)).group_by(some.c.entry)).all()
    counted = {Entry(entry): count for entry, count, _ in found}
    return {entry: counted.get(entry, 0) for entry in Entry}, sum(int(strays) for _, _, strays in found)


def _late(connection: Connection, account: str, now: datetime, rules: Rules) -> int:
    """Trainings that run for longer than nearly all do. Long past every deadline one is not counted: nobody looks at it any more."""
    late = (
        ATTEMPT.c.account == account,
        ATTEMPT.c.outcome == Outcome.CHARGED.value,
        ATTEMPT.c.vanished_at.is_(None),
        ATTEMPT.c.intended_at <= now - rules.training_soft_deadline,
        ATTEMPT.c.intended_at > now - 2 * rules.training_deadline,
    )
    some = select(ATTEMPT.c.job_id).where(*late).limit(MOST_READ).subquery()
    return int(connection.execute(select(func.count()).select_from(some)).scalar_one())
