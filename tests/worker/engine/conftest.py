"""A house on either database, and one on SQLite alone for promises that no database could break."""

from collections.abc import Iterator

import pytest

from tests.sandbox.server import Sandbox
from tests.worker.engine.house import House
from tests.worker.store.conftest import database, ledger, migrated, sqlite_ledger, sqlite_url
from worker.store.jobs import Ledger

__all__ = ["database", "ledger", "migrated", "sqlite_ledger", "sqlite_url"]


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    """A fresh sandbox, open to any key."""
    with Sandbox() as one:
        yield one


@pytest.fixture
def house(sandbox: Sandbox, sqlite_ledger: Ledger) -> Iterator[House]:
    """A house on SQLite."""
    one = House(sandbox, sqlite_ledger)
    yield one
    one.close()


@pytest.fixture
def either_house(sandbox: Sandbox, ledger: Ledger) -> Iterator[House]:
    """The same on SQLite and on PostgreSQL: the test runs twice."""
    one = House(sandbox, ledger)
    yield one
    one.close()
