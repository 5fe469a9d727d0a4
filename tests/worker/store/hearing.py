"""Hears what is said to the database, by whichever way it goes there. It may not change a word of it."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import psycopg
from sqlalchemy import Engine, event

from worker.store.database import lasting


@dataclass(frozen=True, slots=True)
class Statement:
    """A statement, as the driver was given it. `alone`: PostgreSQL commits it by itself."""

    text: str
    values: Any
    alone: bool = False


@contextmanager
def overheard(database: Engine) -> Iterator[list[Statement]]:
    """Every statement that goes to the database meanwhile; SQLite's BEGIN, which is no journey, is left out."""
    heard: list[Statement] = []
    with _overheard_sqlite(database, heard) if database.dialect.name == "sqlite" else _overheard_postgres(database, heard):
        yield heard


@contextmanager
def _overheard_sqlite(database: Engine, heard: list[Statement]) -> Iterator[None]:
    def note(_connection: object, _cursor: object, statement: str, values: object, *_rest: object) -> None:
        if not statement.startswith("BEGIN"):
            heard.append(Statement(statement, values))

    event.listen(database, "before_cursor_execute", note)
    try:
        yield
    finally:
        event.remove(database, "before_cursor_execute", note)


@contextmanager
def _overheard_postgres(database: Engine, heard: list[Statement]) -> Iterator[None]:
    class Noting(psycopg.Cursor[Any]):
        """The driver's own cursor: SQLAlchemy hears nothing of what goes past it."""

        def execute(self, query: Any, params: Any = None, **options: Any) -> Any:  # noqa: ANN401 - psycopg's signature
            """See psycopg."""
            heard.append(Statement(str(query), params, self.connection.autocommit))
            return super().execute(query, params, **options)

        def executemany(self, query: Any, params_seq: Any, **options: Any) -> Any:  # noqa: ANN401 - the same
            """See psycopg."""
            heard.append(Statement(str(query), params_seq, self.connection.autocommit))
            return super().executemany(query, params_seq, **options)

    def out(connection: Any, *_rest: object) -> None:  # noqa: ANN401 - the driver's
        connection.cursor_factory = Noting

    def back(connection: Any, _record: object) -> None:  # noqa: ANN401 - the driver's, or None of one that is lost
        if connection is not None:
            connection.cursor_factory = psycopg.Cursor

    for name, what in (("checkout", out), ("checkin", back)):
        event.listen(lasting(database), name, what)
    try:
        yield
    finally:
        for name, what in (("checkout", out), ("checkin", back)):
            event.remove(lasting(database), name, what)
