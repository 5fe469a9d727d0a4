"""Brings the database to the schema of this code, as a process of its own that can be stopped. It may not start anything else."""

import sys

from sqlalchemy import make_url
from sqlalchemy.exc import SQLAlchemyError

from worker.settings import read_settings
from worker.store.database import open_database
from worker.store.migrate import migrate


def main() -> int:
    """Migrate DATABASE_URL. The exit status is 1, with one sentence on standard error, when the database refuses or is not there."""
    url = read_settings().ledger_url
    try:
        database = open_database(url, connections=1)
        migrate(database)
        database.dispose()
    except (SQLAlchemyError, OSError, ValueError) as error:
        reason = str(getattr(error, "orig", None) or error).strip().replace("\n", " ")
        sys.stderr.write(f"the database at {_shown(url)} cannot be used: {reason}. Start it, or correct DATABASE_URL.\n")
        return 1
    return 0


def _shown(url: str) -> str:
    try:
        return make_url(url).render_as_string(hide_password=True)
    except SQLAlchemyError:
        return "DATABASE_URL"


if __name__ == "__main__":
    sys.exit(main())
