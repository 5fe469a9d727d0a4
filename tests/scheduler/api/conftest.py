"""One API for the tests of a file: each makes jobs of its own."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from pydantic import SecretStr

from tests.broker import Broker
from tests.sandbox.rules import Rules
from tests.sandbox.server import Sandbox
from tests.scheduler.api.served import Api, serving
from tests.scheduler.api.visitor import door
from tests.scheduler.made import settings_in


@pytest.fixture(scope="module")
def shared_api(home_of: Callable[[Path], Path], tmp_path_factory: pytest.TempPathFactory, session_broker: Broker) -> Iterator[Api]:
    """The API on a ledger and a broker of this file, with callbacks."""
    home = home_of(tmp_path_factory.mktemp("api"))
    settings = settings_in(home, redis_url=session_broker.url, public_url="http://127.0.0.1:1", secret=SecretStr("s"))
    with serving(settings) as one:
        yield one


@pytest.fixture
def api(shared_api: Api, broker: Broker) -> Api:
    """The same, with nothing in the broker."""
    del broker
    return shared_api


@pytest.fixture(scope="module")
def tavus() -> Iterator[Sandbox]:
    """A Tavus for the tests of a file."""
    with Sandbox(Rules()) as one:
        yield one


@pytest.fixture(scope="module")
def links(
    home_of: Callable[[Path], Path], tmp_path_factory: pytest.TempPathFactory, session_broker: Broker, tavus: Sandbox
) -> Iterator[Api]:
    """An API with links for the tests of a file."""
    with door(home_of(tmp_path_factory.mktemp("links")), session_broker, tavus) as one:
        yield one
