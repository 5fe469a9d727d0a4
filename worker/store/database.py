"""Opens the database, SQLite or PostgreSQL, so that both keep the same promises. It may not know the tables."""

import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from time import monotonic, sleep
from typing import Any, TypeVar

from sqlalchemy import (
    ARRAY,
    URL,
    ColumnElement,
    Connection,
    Dialect,
    Engine,
    String,
    any_,
    bindparam,
    create_engine,
    event,
    make_url,
)  # fmt: skip
from sqlalchemy.exc import (
    InterfaceError,
    InternalError,
    InvalidatePoolError,
    NotSupportedError,
    OperationalError,
    ProgrammingError,
)
from sqlalchemy.exc import TimeoutError as NoConnectionError
from sqlalchemy.types import TypeDecorator, TypeEngine
from typing_extensions import override

_BUSY = 30.0  # seconds that a writer waits for SQLite's one write lock before it gives up; longer than any transaction here
_PAUSE = 0.02  # seconds between two tries where SQLite itself does not wait
# Prepared ones that a SQLite connection keeps: all that are used often; sqlite3's 128 times a connection a thread are 20 MB.
_STATEMENTS = 32
# Seconds after which a connection is asked whether it still lives: a server that goes away is met then, or by a task.
_IDLE, _USED = 2.0, "used"
_SINGLE = "single"  # the execution option that holds the engine whose every statement is committed by itself
_RECYCLE = 1800  # seconds after which an idle PostgreSQL connection is replaced: shorter than common proxies' idle limits
_LISTED = 500  # values in one IN list of SQLite, which plans it well and refuses some tens of thousands
_IN_ARRAY = 10_000  # values in one array of PostgreSQL: some 300 kB a statement

# A line that was cut without a word (a lost host, a firewall that forgets) must end in an error, or the thread at this end waits for ever.
_PATIENCE = {"connect_timeout": 10, "keepalives_idle": 30, "keepalives_interval": 10, "keepalives_count": 3, "tcp_user_timeout": 60_000}

# ProgrammingError: a PostgreSQL that nobody has migrated says that the table is not there. NoConnectionError: every connection is in use.
# InternalError and NotSupportedError: a PostgreSQL that only reads, because another has taken its place.
UNREACHABLE = (OperationalError, InterfaceError, InternalError, NotSupportedError, ProgrammingError, NoConnectionError)
"""What is raised when the database cannot answer now: a reason to come back later, and no word about what was asked."""

T = TypeVar("T")


def open_database(url: str, connections: int) -> Engine:
    """An engine whose `begin()` is a writing transaction; `reading` gives the one whose `connect()` reads.

    `url`: `sqlite:///path` or `postgresql://...` (psycopg 3). `connections`: how many threads will use it at once.
    Raises ValueError for any other kind of address.
    """
    parsed = make_url(url)
    match parsed.get_backend_name():
        case "sqlite" if parsed.database not in {None, "", ":memory:"}:
            return _open_sqlite(parsed, connections)
        case "postgresql" | "postgres":
            return _open_postgres(parsed, connections)
        case other:
            raise ValueError(f"a ledger is sqlite:///path or postgresql://..., not {other}, and never in memory alone")


def reading(database: Engine) -> Engine:
    """The same database for transactions that only read: each sees one moment, however many statements it is, and waits for no writer."""
    if database.dialect.name == "sqlite":
        return database.execution_options(reading=True)
    return lasting(database).execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)


def glancing(database: Engine) -> Engine:
    """The same for questions that need not see one moment: PostgreSQL is spared the begin and the end of a transaction, two journeys of three."""
    return reading(database) if database.dialect.name == "sqlite" else lasting(database)


def lasting(database: Engine) -> Engine:
    """The same database for changes that are one statement each: PostgreSQL commits it by itself, in one journey of three. SQLite has `begin()`."""
    options = dict(database.get_execution_options())
    single: Engine | None = options.pop(_SINGLE, None)
    if single is None:
        return database
    del options["isolation_level"]
    return single.execution_options(**options) if options else single


class Array(TypeDecorator[Any]):
    """Values as one array of PostgreSQL, written as text by us: the driver asks of each value anew how it is written, and takes ten times as long."""

    impl = ARRAY
    cache_ok = True

    def __init__(self, item: TypeEngine[Any]) -> None:
        """`item`: what each value is."""
        super().__init__(item)
        self.item = item

    @override
    def bind_processor(self, dialect: Dialect) -> Callable[[Iterable[object] | None], str]:
        """See the class."""
        del dialect
        return _as_array


def _as_array(values: Iterable[object] | None) -> str:
    return "{" + ",".join(["NULL" if one is None else _quoted(str(one)) for one in values or ()]) + "}"


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def portions(connection: Connection, values: Sequence[T]) -> Iterator[Sequence[T]]:
    """The values in portions that fit `one_of`."""
    size = _LISTED if connection.dialect.name == "sqlite" else _IN_ARRAY
    return (values[start : start + size] for start in range(0, len(values), size))


def one_of(dialect: str, column: ColumnElement[Any], name: str, item: TypeEngine[Any] = String()) -> ColumnElement[bool]:  # noqa: B008 - it is never changed
    """Whether the text, or whatever `item` is, is one of the parameter `name`.

    One array for PostgreSQL, so that a statement is the same for any number of them.
    """
    if dialect == "sqlite":
        return column.in_(bindparam(name, expanding=True))
    return column == any_(bindparam(name, type_=Array(item)))


def _keep_how_statements_are_read() -> None:
    """Have psycopg keep how it reads statements of any size: ours are some tens, and to read one of seventy parameters takes as long as to send it.

    By itself it keeps none of more than 50 parameters or 4,096 characters (psycopg 3.3, `_queries`), for those of others are never the same twice.
    """
    from psycopg import _queries  # noqa: PLC0415 - who has SQLite needs no driver

    _queries.MAX_CACHED_STATEMENT_LENGTH, _queries.MAX_CACHED_STATEMENT_PARAMS = 65_536, 1_000


def _open_postgres(url: URL, connections: int) -> Engine:
    _keep_how_statements_are_read()
    patience = {name: value for name, value in _PATIENCE.items() if name not in url.query}
    engine = create_engine(
        # `postgresql://` means psycopg 3 from SQLAlchemy 2.1 on; naming the driver keeps that true of any URL that people paste.
        url.set(drivername="postgresql+psycopg"),
        pool_size=connections,
        max_overflow=2,
        pool_recycle=_RECYCLE,
        pool_use_lifo=True,  # the one that was used last: it need not be asked whether it lives, and its server process is warm
        hide_parameters=True,  # what is written holds presigned URLs, and an error's text goes to the logs
        # What nearly all are for, and so what a connection is in the pool: to set it back and forth takes longer than many a statement.
        isolation_level="AUTOCOMMIT",
        # Prepared statements break behind poolers that share connections by transaction, and their plans forget how much is due.
        # In UTC, so that every moment that is read is one.
        connect_args=patience | {"prepare_threshold": None, "options": f"{url.query.get('options', '')} -c timezone=UTC".strip()},
    )
    _ask_the_idle(engine)
    # Leases re-read a row after waiting for its lock; under a database's own stricter default they would fail instead.
    return engine.execution_options(**{"isolation_level": "READ COMMITTED", _SINGLE: engine})


def _ask_the_idle(engine: Engine) -> None:
    """Ask a connection whether it still lives when it has not been used for a while, and not each time, as SQLAlchemy's pre-ping does."""

    def used(_connection: Any, record: Any) -> None:  # noqa: ANN401 - the driver's connection, and the pool's record of it
        record.info[_USED] = monotonic()

    def ask(connection: Any, record: Any, _proxy: object) -> None:  # noqa: ANN401 - the same
        if monotonic() - record.info[_USED] < _IDLE:
            return
        try:
            engine.dialect.do_ping(connection)
        except engine.dialect.loaded_dbapi.Error as error:
            raise InvalidatePoolError from error  # the others are of the same age: the pool makes new ones, and goes on

    event.listen(engine, "connect", used)
    event.listen(engine, "checkin", used)
    event.listen(engine, "checkout", ask)


def _open_sqlite(url: URL, connections: int) -> Engine:
    Path(str(url.database)).parent.mkdir(mode=0o700, parents=True, exist_ok=True)  # requests hold addresses, and those open things
    engine = create_engine(
        url, pool_size=connections, max_overflow=2, hide_parameters=True, connect_args={"timeout": _BUSY, "cached_statements": _STATEMENTS}
    )
    event.listen(engine, "connect", _prepare_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def _prepare_sqlite(connection: Any, _record: object) -> None:  # noqa: ANN401 - sqlite3's connection, as SQLAlchemy hands it over
    connection.isolation_level = None  # we say BEGIN ourselves, see below
    _write_ahead(connection)
    # FULL, not NORMAL: after a power cut the intent to pay must still be there, or the replica could be paid for twice.
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA foreign_keys = ON")


def _write_ahead(connection: sqlite3.Connection) -> None:
    # With a log written ahead, readers never wait for the writer. Only the first to open a file changes its journal, but SQLite does not wait for
    # the lock that this needs: of several processes that open a new file at once, some are told at once that it is locked.
    for _ in range(int(_BUSY / _PAUSE)):
        try:
            connection.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY:
                raise
            sleep(_PAUSE)
        else:
            return
    raise TimeoutError("another program keeps the ledger's file locked")


def _begin_sqlite(connection: Connection) -> None:
    # A transaction that reads first and writes later cannot be upgraded while another writes (SQLITE_BUSY at once, whatever the timeout);
    # taking the write lock at the start makes it wait instead. Reads ask for no lock.
    reads = connection.get_execution_options().get("reading", False)
    connection.exec_driver_sql("BEGIN" if reads else "BEGIN IMMEDIATE")
