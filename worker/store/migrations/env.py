"""Alembic's entry point. It may not open a database of its own: `migrate` hands one over."""

from collections.abc import Iterator
from contextlib import contextmanager

from alembic import context
from sqlalchemy import Connection, Engine, text

from worker.store.migrate import LOCK
from worker.store.tables import METADATA


@contextmanager
def _unreferenced(connection: Connection) -> Iterator[None]:
    """SQLite cannot alter most things in place; batch mode rebuilds the table, and dropping the old one must not count as deleting its rows.

    The switch does nothing inside a transaction, so it is turned before, on the driver's own connection.
    """
    driver = connection.connection.driver_connection
    if connection.dialect.name != "sqlite" or driver is None:
        yield
        return
    driver.execute("PRAGMA foreign_keys = OFF")
    try:
        yield
    finally:
        driver.execute("PRAGMA foreign_keys = ON")


def _run(connection: Connection) -> None:
    context.configure(connection=connection, target_metadata=METADATA, render_as_batch=connection.dialect.name == "sqlite")
    with context.begin_transaction():
        if connection.dialect.name == "postgresql":
            connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": LOCK})
        context.run_migrations()
        if connection.dialect.name == "sqlite" and (orphans := connection.execute(text("PRAGMA foreign_key_check")).all()):
            raise ValueError(f"the migration would leave rows that refer to nothing: {orphans[:3]}")


database: Engine = context.config.attributes["database"]
with database.connect() as session, _unreferenced(session), session.begin():
    _run(session)
