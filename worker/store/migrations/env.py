"""Alembic's entry point. It may not open a database of its own: `migrate` hands one over."""

from alembic import context
from sqlalchemy import Connection, Engine, text

from worker.store.tables import METADATA

# Any number that no other program uses for an advisory lock on this database: two processes that migrate at once wait for each other.
_LOCK = 7_201_190_311


def _run(connection: Connection) -> None:
    # SQLite cannot alter most things in place; batch mode rebuilds the table.
    context.configure(connection=connection, target_metadata=METADATA, render_as_batch=connection.dialect.name == "sqlite")
    with context.begin_transaction():
        if connection.dialect.name == "postgresql":
            connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
        context.run_migrations()


database: Engine = context.config.attributes["database"]
with database.begin() as transaction:
    _run(transaction)
