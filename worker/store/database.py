"""Opens the database, SQLite or PostgreSQL, so that both keep the same promises. It may not know the tables."""

from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, make_url

_BUSY = 30.0  # seconds that a writer waits for SQLite's one write lock before it gives up; longer than any transaction here
_RECYCLE = 1800  # seconds after which an idle PostgreSQL connection is replaced: shorter than common proxies' idle limits


def open_database(url: str, connections: int) -> Engine:
    """An engine whose `begin()` is a writing transaction, and whose `connect()` reads.

    `url`: `sqlite:///path` or `postgresql://...` (psycopg 3). `connections`: how many threads will use it at once.
    """
    parsed = make_url(url)
    if parsed.get_backend_name() == "sqlite":
        return _open_sqlite(url, parsed.database)
    # `postgresql://` means psycopg 3 from SQLAlchemy 2.1 on; naming the driver keeps that true of any URL that people paste.
    parsed = parsed.set(drivername="postgresql+psycopg")
    return create_engine(parsed, pool_size=connections, max_overflow=2, pool_pre_ping=True, pool_recycle=_RECYCLE)


def _open_sqlite(url: str, path: str | None) -> Engine:
    if path:
        Path(path).parent.mkdir(parents=True, exist_ok=True)
    engine = create_engine(url, connect_args={"timeout": _BUSY})
    event.listen(engine, "connect", _prepare_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def _prepare_sqlite(connection: Any, _record: object) -> None:  # noqa: ANN401 - sqlite3's connection, as SQLAlchemy hands it over
    connection.isolation_level = None  # we say BEGIN ourselves, see below
    connection.execute("PRAGMA journal_mode = WAL")  # readers never wait for the writer
    # FULL, not NORMAL: after a power cut the intent to pay must still be there, or the replica could be paid for twice.
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA foreign_keys = ON")


def _begin_sqlite(connection: Connection) -> None:
    # A transaction that reads first and writes later cannot be upgraded while another writes (SQLITE_BUSY at once, whatever the timeout);
    # taking the write lock at the start makes it wait instead. Reads ask for no lock.
    reading = connection.get_execution_options().get("reading", False)
    connection.exec_driver_sql("BEGIN" if reading else "BEGIN IMMEDIATE")
