"""The two ledgers of a simulation, new and empty: one in memory, one a real SQLite file with its own rules. It changes no promise."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from sqlalchemy import event

from tests.simulation.memory import MemoryLedger
from worker.store.database import open_database
from worker.store.jobs import Ledger
from worker.store.migrate import migrate

MEMORY, SQLITE = KINDS = ("memory", "sqlite")
_HOME = TemporaryDirectory(prefix="simulation-")


class WatchedLedger(Ledger):
    """The real one, which says whether a transaction is open."""

    open_transactions = 0


@contextmanager
def ledger_of(kind: str) -> Iterator[Any]:
    """A ledger of this kind, gone afterwards."""
    if kind == MEMORY:
        yield MemoryLedger()
        return
    with TemporaryDirectory(dir=_HOME.name) as folder:
        ledger = _sqlite(Path(shutil.copy(_migrated(), folder)))
        yield ledger
        ledger.close()


@cache
def _migrated() -> Path:
    """A file with our tables and no rows: migrating takes longer than a whole seed."""
    path = Path(_HOME.name) / "empty.db"
    database = open_database(f"sqlite:///{path}", 1)
    migrate(database)
    database.dispose()
    return path


def _sqlite(path: Path) -> WatchedLedger:
    database = open_database(f"sqlite:///{path}", 1)
    event.listen(database, "connect", _unsafely)
    ledger = WatchedLedger(database)

    def begun(_connection: object) -> None:
        ledger.open_transactions += 1

    def over(_connection: object) -> None:
        ledger.open_transactions -= 1

    event.listen(database, "begin", begun)
    event.listen(database, "commit", over)
    event.listen(database, "rollback", over)
    return ledger


def _unsafely(connection: Any, _record: object) -> None:  # noqa: ANN401 - sqlite3's connection
    connection.execute("PRAGMA synchronous = OFF")  # nobody pulls the plug here
