"""Brings a database to the schema this code was written for. It may not run backwards."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING

from sqlalchemy import Column, Connection, Engine, MetaData, String, Table, inspect, make_url, select
from sqlalchemy.exc import SQLAlchemyError

from worker.store.database import open_database, reading

if TYPE_CHECKING:
    from alembic.config import Config

LOCK = 7_201_190_311
"""Any number that no other program uses for an advisory lock on this database: two processes that migrate at once wait for each other."""
_MIGRATIONS = Path(__file__).parent / "migrations"
_AT = Table("alembic_version", MetaData(), Column("version_num", String(32)))
_WHERE = select(_AT.c.version_num)
"""Alembic's own note of the revision that a database is at (Alembic, Tutorial, 1.16)."""
# Processes wait for each other in the database; threads of one process meet earlier, in Alembic's own globals.
_ONE_AT_A_TIME = Lock()
_NEWER = (
    "the database is at revision {here}, which is newer than this code ({code}), and is left as it is: nothing runs backwards. "
    "This code works on it without a migration; to migrate, use the newer code."
)


class LedgerUnusableError(Exception):
    """The database refuses, or is not there; the text says which, why, and what to do."""


@dataclass(frozen=True, slots=True)
class Revision:
    """Which schema a database has, None: no tables yet, and which one this code was written for. `is_known`: whether this code knows the first."""

    here: str | None
    code: str
    is_known: bool


def prepare(url: str) -> None:
    """Migrate the database at `url`. Raises LedgerUnusableError."""
    with _usable(url) as database:
        migrate(database)


def revision_of(url: str) -> Revision:
    """The revision of the database at `url`, which is left as it is. Raises LedgerUnusableError."""
    with _usable(url) as database, reading(database).connect() as connection:
        here = revision_in(connection)
        return Revision(here, revisions()[0], here is None or here in revisions())


def revision_in(connection: Connection) -> str | None:
    """The revision that the database is at; None: nobody has prepared it."""
    # Asked by whoever looks whether all is well, every few seconds. Alembic's own way describes its table anew each time, and so a new statement each
    # time is compiled and kept: some 40 kB, five hundred times over.
    if not inspect(connection).has_table(_AT.name):
        return None
    found: str | None = connection.execute(_WHERE).scalar_one_or_none()
    return found


@cache
def revisions() -> tuple[str, ...]:
    """The revisions that this code knows, the newest first."""
    from alembic.script import ScriptDirectory  # noqa: PLC0415 - 40 ms and some megabytes, which workers and beats never need

    return tuple(one.revision for one in ScriptDirectory(str(_MIGRATIONS)).walk_revisions())


@contextmanager
def _usable(url: str) -> Iterator[Engine]:
    try:
        database = open_database(url, connections=1)
        try:
            yield database
        finally:
            database.dispose()
    except (SQLAlchemyError, OSError, ValueError) as error:
        reason = str(getattr(error, "orig", None) or error).strip().replace("\n", " ")
        raise LedgerUnusableError(f"the database at {shown(url)} cannot be used: {reason}. Start it, or correct DATABASE_URL.") from error


def shown(url: str) -> str:
    """The address of a database as people may see it: without its password."""
    try:
        return make_url(url).render_as_string(hide_password=True)
    except SQLAlchemyError:
        return "DATABASE_URL"


def alembic_config(database: Engine) -> "Config":
    """Alembic's configuration, made here so that no file has to lie beside the package."""
    from alembic.config import Config  # noqa: PLC0415 - the same

    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))  # a % in it would be read as the start of a variable
    config.attributes["database"] = database
    return config


def migrate(database: Engine) -> None:
    """Upgrade to the newest revision. Does nothing on a database that is there already; the migrations lie in one transaction.

    Raises LedgerUnusableError for a database that newer code has migrated.
    """
    from alembic import command  # noqa: PLC0415 - the same
    from alembic.util import CommandError  # noqa: PLC0415 - the same

    with _ONE_AT_A_TIME:
        try:
            command.upgrade(alembic_config(database), "head")
        except CommandError as error:
            with reading(database).connect() as connection:
                here = revision_in(connection)
            if here is None or here in revisions():
                raise
            raise LedgerUnusableError(_NEWER.format(here=here, code=revisions()[0])) from error
