"""Two APIs for the tests of a file: one asks everybody for a token, the other trusts its host."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from pydantic import SecretStr

from tests.broker import Broker
from tests.scheduler.api.served import Api, serving
from tests.scheduler.made import settings_in

OWNER = "the-owners-own-token"


@pytest.fixture(scope="module")
def guarded(home_of: Callable[[Path], Path], tmp_path_factory: pytest.TempPathFactory, session_broker: Broker) -> Iterator[Api]:
    """Where everybody needs a token."""
    settings = settings_in(
        home_of(tmp_path_factory.mktemp("guarded")), redis_url=session_broker.url, api_token=SecretStr(OWNER), wrong_tokens_a_minute=1000
    )
    with serving(settings) as one:
        yield one


@pytest.fixture(scope="module")
def trusting(home_of: Callable[[Path], Path], tmp_path_factory: pytest.TempPathFactory, session_broker: Broker) -> Iterator[Api]:
    """Where this host needs none."""
    with serving(settings_in(home_of(tmp_path_factory.mktemp("trusting")), redis_url=session_broker.url)) as one:
        yield one
