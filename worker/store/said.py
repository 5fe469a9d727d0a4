"""Statements that are said at every step of every job, as PostgreSQL's driver takes them. It may not know what they say.

SQLAlchemy finds what it has compiled by all that a statement is made of, reads its values one by one, and wraps whatever comes back: together twice
as long as it takes the driver to send it and the network to answer.
"""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

from sqlalchemy import CompoundSelect, Connection, Dialect, Select, Update
from sqlalchemy.exc import StatementError

Statement = Select[Any] | CompoundSelect[Any] | Update


class Said:
    """One statement, compiled once."""

    def __init__(self, statement: Statement, dialect: Dialect) -> None:
        """Raises TypeError where a column is not what the driver gives."""
        compiled = statement.compile(dialect=dialect)
        kinds = {name: one.type.dialect_impl(dialect).bind_processor(dialect) for name, one in compiled.binds.items()}
        self._text, self._written = compiled.string, [(name, how) for name, how in kinds.items() if how is not None]
        self._known = {name: one.effective_value for name, one in compiled.binds.items() if not one.required}
        for column in statement.exported_columns:
            if column.type.dialect_impl(dialect).result_processor(dialect, None) is not None:
                message = f"{column} would have to be read anew"
                raise TypeError(message)

    def on(self, connection: Connection, given: Mapping[str, Any]) -> Sequence[tuple[Any, ...]]:
        """Say it, with these values; the rows that come back. Raises what SQLAlchemy raises."""
        values = {**self._known, **given}
        try:
            for name, how in self._written:
                values[name] = how(values[name])
        except (TypeError, ValueError) as error:
            raise StatementError(str(error), self._text, None, error) from error
        cursor = None
        try:
            cursor = connection.connection.cursor()
            cursor.execute(self._text, values)
            return cursor.fetchall()
        except connection.dialect.loaded_dbapi.Error as error:
            # What a lost connection means for the pool, and which error a caller may expect, is SQLAlchemy's to say.
            connection._handle_dbapi_exception(error, self._text, values, cursor, None)  # noqa: SLF001 - it has no other word for it
        finally:
            if cursor is not None:
                cursor.close()


def rows(connection: Connection, statement: Statement, values: Mapping[str, Any]) -> Sequence[Sequence[Any]]:
    """What comes of the statement: of one that is built once, and said often. SQLite's driver is no journey away, and SQLAlchemy speaks to it."""
    if connection.dialect.name == "sqlite":
        return connection.execute(statement, dict(values)).all()
    return _said(statement, connection.dialect).on(connection, values)


@lru_cache(maxsize=64)
def _said(statement: Statement, dialect: Dialect) -> Said:
    return Said(statement, dialect)
