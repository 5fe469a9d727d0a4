"""A house on SQLite, and a caller's server."""

from collections.abc import Iterator

import pytest
from structlog.testing import capture_logs

from tests.receiver import Receiver, receiving
from tests.worker.courier.house import House
from tests.worker.store.conftest import migrated, sqlite_url

__all__ = ["migrated", "sqlite_url"]


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """A caller's server."""
    with receiving() as one:
        yield one


@pytest.fixture
def house(sqlite_url: str, receiver: Receiver) -> Iterator[House]:
    """The house of a test."""
    with capture_logs():
        one = House(sqlite_url, receiver)
        yield one
        one.ledger.close()
