"""What is of no more use is deleted, some rows at a time. It may not touch a job, its story, an attempt, or anything that still waits for somebody.

Idempotency keys stay for ever: they stand in their jobs, and a request that was forgotten could be paid for again.
"""

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, Connection, Engine, and_, delete, func, select

from worker.store.notifications import Status
from worker.store.tables import METADATA

NOTIFICATION, TOKEN, INBOX = (METADATA.tables[name] for name in ("notification", "token", "inbox"))
TALLY, DESTINATION, SECRET = (METADATA.tables[name] for name in ("tally", "destination", "signing_secret"))
_TOLD = timedelta(days=30)  # what a caller was told is long in his own books, or he asked for it again
_LONG = timedelta(days=90)  # for whoever looks back: a dead letter, a token that was revoked, a series that nobody counts any more
_TOGETHER = 500  # rows in a transaction: SQLite's other writers wait for it, some milliseconds


class Tidying:
    """On an engine of `open_database`. Thread-safe."""

    def __init__(self, database: Engine) -> None:
        """Deletes nothing yet."""
        self._database = database

    def some(self, kind: str, now: datetime) -> int:
        """Delete some of a kind in `KINDS`; how many. Fewer than before, or none: call it again until it is none."""
        with self._database.begin() as connection:
            return KINDS[kind](connection, now)


def _notifications(connection: Connection, now: datetime) -> int:
    """Those that were delivered, or that their caller wanted no more of; later, those that were given up too. The oldest are found by their index."""
    table, total = NOTIFICATION, 0
    for statuses, age in (((Status.DELIVERED, Status.GONE), _TOLD), ((Status.DEAD,), _LONG)):
        over = and_(table.c.due_at.is_(None), table.c.status.in_([one.value for one in statuses]), table.c.at < now - age)
        old = select(table.c.id).where(over).order_by(table.c.at).limit(_TOGETHER)
        total += connection.execute(delete(table).where(table.c.id.in_(old))).rowcount
    return total


def _letters(connection: Connection, now: datetime) -> int:
    """Words of Tavus that were read long ago: their rows only say that they came, and none comes again after so long. They lie in their order."""
    first = select(INBOX.c.id, INBOX.c.due_at, INBOX.c.received_at).order_by(INBOX.c.id).limit(_TOGETHER)
    old = [row.id for row in connection.execute(first) if row.due_at is None and row.received_at < now - _LONG]
    return connection.execute(delete(INBOX).where(INBOX.c.id.in_(old), INBOX.c.due_at.is_(None))).rowcount if old else 0


def _tokens(connection: Connection, now: datetime) -> int:
    """Those that have let nobody in for long."""
    return _delete(connection, TOKEN.c.id, func.coalesce(TOKEN.c.revoked_at, TOKEN.c.expires_at) < now - _LONG)


def _tallies(connection: Connection, now: datetime) -> int:
    """Series that have not grown for long: of accounts that are gone, say. One that grows again begins at nought, as after any restart."""
    return _delete(connection, TALLY.c.series, TALLY.c.at < now - _LONG)


def _destinations(connection: Connection, now: datetime) -> int:
    """Those that failed when anybody last told them something, long ago."""
    return _delete(connection, DESTINATION.c.name, DESTINATION.c.shut_until < now - _LONG)


def _secrets(connection: Connection, now: datetime) -> int:
    """Secrets that sign no more. The newest of a caller has no end, so the numbers go on."""
    old = and_(SECRET.c.until.is_not(None), SECRET.c.until < now - _LONG)
    return connection.execute(delete(SECRET).where(old)).rowcount


def _delete(connection: Connection, key: ColumnElement[str], old: ColumnElement[bool]) -> int:
    table = key.table
    return connection.execute(delete(table).where(key.in_(select(key).where(old).limit(_TOGETHER)))).rowcount


KINDS: Mapping[str, Callable[[Connection, datetime], int]] = {
    "notifications": _notifications,
    "letters": _letters,
    "tokens": _tokens,
    "tallies": _tallies,
    "destinations": _destinations,
    "signing_secrets": _secrets,
}
"""What is deleted, by name."""
