"""Real parts that tests of any room may ask for."""

from collections.abc import Callable, Iterator

import pytest
from hypothesis import HealthCheck, settings
from kombu import pools

from tests.broker import Broker
from tests.postgres import Postgres

# How long an example takes says more of the machine than of the code: no test may fail because the machine is busy.
settings.register_profile("patient", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("patient")


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """The session's PostgreSQL server; it starts when a database is first asked for."""
    server = Postgres()
    yield server
    server.stop()


@pytest.fixture(scope="session")
def postgres_url(postgres: Postgres) -> Callable[[], str]:
    """Call it for the address of a new, empty PostgreSQL database."""
    return postgres.fresh


@pytest.fixture(scope="session")
def session_broker() -> Iterator[Broker]:
    """The session's Valkey."""
    server = Broker().start()
    yield server
    server.stop()


@pytest.fixture
def broker(session_broker: Broker) -> Broker:
    """The same, with nothing in it."""
    session_broker.client.flushall()
    return session_broker


@pytest.fixture(autouse=True)
def pools_of_its_own() -> Iterator[None]:
    """Leave none of kombu's pools to the next test.

    kombu keeps them for the process, and an app with another limit shrinks them all: it would wait without end for the answer of a broker that is
    gone. They are forgotten and not closed, for closing waits in the same way.
    """
    yield
    pools.connections.clear()
    pools.producers.clear()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Whole lives of the system take as long as a busy host makes them: they have more time before they count as hanging."""
    for item in items:
        if {"simulation", "chaos", "upgrade"} & set(item.path.parts):
            item.add_marker(pytest.mark.timeout(900))
