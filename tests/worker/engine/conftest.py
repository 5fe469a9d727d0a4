"""A house on either database, and one on SQLite alone for promises that no database could break."""

from collections.abc import Iterator, MutableMapping
from typing import Any

import pytest
from sqlalchemy import event
from structlog.testing import capture_logs

from tests.sandbox.server import Sandbox
from tests.worker.engine.house import House
from tests.worker.store.conftest import database, ledger, migrated, sqlite_ledger, sqlite_url
from worker.store.jobs import Ledger

__all__ = ["database", "ledger", "migrated", "sqlite_ledger", "sqlite_url"]


@pytest.fixture(autouse=True)
def logged() -> Iterator[list[MutableMapping[str, Any]]]:
    """What is logged during a test; nothing of it is rendered, which would take longer than most tests."""
    with capture_logs() as lines:
        yield lines


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    """A fresh sandbox, open to any key."""
    with Sandbox() as one:
        yield one


@pytest.fixture
def house(sandbox: Sandbox, sqlite_ledger: Ledger) -> Iterator[House]:
    """A house on SQLite."""
    _spare_the_disk(sqlite_ledger)
    one = House(sandbox, sqlite_ledger)
    yield one
    one.close()


@pytest.fixture
def either_house(sandbox: Sandbox, ledger: Ledger) -> Iterator[House]:
    """The same on SQLite and on PostgreSQL: the test runs twice."""
    _spare_the_disk(ledger)
    one = House(sandbox, ledger)
    yield one
    one.close()


def _spare_the_disk(one: Ledger) -> None:
    """What a test writes need not outlive a power cut; the PostgreSQL of the tests knows that already."""
    if one._database.dialect.name == "sqlite":
        event.listen(one._database, "connect", lambda connection, _: connection.execute("PRAGMA synchronous = OFF"))
