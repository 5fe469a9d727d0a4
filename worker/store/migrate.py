"""Brings a database to the schema this code was written for. It may not run backwards."""

from pathlib import Path
from threading import Lock

from alembic import command
from alembic.config import Config
from sqlalchemy import Engine, make_url
from sqlalchemy.exc import SQLAlchemyError

from worker.store.database import open_database

_MIGRATIONS = Path(__file__).parent / "migrations"
# Processes wait for each other in the database; threads of one process meet earlier, in Alembic's own globals.
_ONE_AT_A_TIME = Lock()


class LedgerUnusableError(Exception):
    """The database refuses, or is not there; the text says which, why, and what to do."""


def prepare(url: str) -> None:
    """Migrate the database at `url`. Raises LedgerUnusableError."""
    try:
        database = open_database(url, connections=1)
        migrate(database)
        database.dispose()
    except (SQLAlchemyError, OSError, ValueError) as error:
        reason = str(getattr(error, "orig", None) or error).strip().replace("\n", " ")
        raise LedgerUnusableError(f"the database at {_shown(url)} cannot be used: {reason}. Start it, or correct DATABASE_URL.") from error


def _shown(url: str) -> str:
    try:
        return make_url(url).render_as_string(hide_password=True)
    except SQLAlchemyError:
        return "DATABASE_URL"


def alembic_config(database: Engine) -> Config:
    """Alembic's configuration, made here so that no file has to lie beside the package."""
    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))  # a % in it would be read as the start of a variable
    config.attributes["database"] = database
    return config


def migrate(database: Engine) -> None:
    """Upgrade to the newest revision. Does nothing on a database that is there already; the migrations lie in one transaction."""
    with _ONE_AT_A_TIME:
        command.upgrade(alembic_config(database), "head")
