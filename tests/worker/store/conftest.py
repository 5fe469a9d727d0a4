"""The ledger on both databases: every test that asks for one runs twice."""

import shutil
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import pytest
from sqlalchemy import Engine, text

from tests.postgres import Postgres
from tests.worker.store.made import THREADS
from worker.store.database import open_database
from worker.store.jobs import Ledger
from worker.store.migrate import migrate
from worker.store.tables import METADATA

SQLITE, POSTGRESQL = KINDS = ("sqlite", "postgresql")


@pytest.fixture(params=KINDS)
def database_url(request: pytest.FixtureRequest, tmp_path: Path, postgres: Postgres) -> Iterator[str]:
    """The address of an empty database of either kind."""
    if request.param == SQLITE:
        yield f"sqlite:///{tmp_path}/ledger.db"
    else:
        url = postgres.fresh()
        yield url
        postgres.drop(url)


@pytest.fixture(scope="session")
def migrated(tmp_path_factory: pytest.TempPathFactory, postgres: Postgres) -> Callable[[str], str]:
    """Call it with a kind for the address of a database of this session that has our tables."""

    @cache
    def made(kind: str) -> str:
        url = f"sqlite:///{tmp_path_factory.mktemp(kind)}/ledger.db" if kind == SQLITE else postgres.fresh()
        database = open_database(url, 1)
        migrate(database)
        database.dispose()
        return url

    return made


@pytest.fixture
def sqlite_url(migrated: Callable[[str], str], tmp_path: Path) -> str:
    """The address of a migrated file with no rows, for this test alone."""
    return f"sqlite:///{shutil.copy(migrated(SQLITE).removeprefix('sqlite:///'), tmp_path)}"


@pytest.fixture(params=KINDS)
def database(request: pytest.FixtureRequest, migrated: Callable[[str], str], sqlite_url: str) -> Iterator[Engine]:
    """A migrated database of either kind, with no rows."""
    engine = open_database(sqlite_url if request.param == SQLITE else migrated(POSTGRESQL), THREADS)
    if request.param == POSTGRESQL:  # a new database for each test takes ten times as long to make as this one to empty
        with engine.begin() as connection:
            connection.execute(text(f"TRUNCATE {', '.join(METADATA.tables)}"))
    yield engine
    engine.dispose()


@pytest.fixture
def ledger(database: Engine) -> Ledger:
    """A ledger without jobs."""
    return Ledger(database)


@pytest.fixture
def sqlite_ledger(sqlite_url: str) -> Iterator[Ledger]:
    """The same on SQLite alone."""
    ledger = Ledger(open_database(sqlite_url, THREADS))
    yield ledger
    ledger.close()
