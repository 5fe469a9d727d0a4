"""A sandbox for each test, on real time, and who talks to it."""

from collections.abc import Iterator

import pytest

from tests.sandbox.server import Sandbox
from tests.worker.tavus.made import calling, performing
from worker.tavus.client import Tavus
from worker.tavus.perform import Performer


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    """A fresh sandbox; tests that need hours skip them with `advance`."""
    with Sandbox() as one:
        yield one


@pytest.fixture
def tavus(sandbox: Sandbox) -> Iterator[Tavus]:
    """A client of it."""
    with calling(sandbox.url) as one:
        yield one


@pytest.fixture
def performer(sandbox: Sandbox) -> Iterator[Performer]:
    """A performer for it, without callbacks."""
    with performing(sandbox.url) as one:
        yield one
