"""A sandbox for each test, on real time: tests that need hours skip them with `advance`."""

from collections.abc import Iterator

import pytest

from tests.sandbox.server import Sandbox
from tests.test_sandbox.customer import Customer


@pytest.fixture
def tavus() -> Iterator[Sandbox]:
    """A fresh sandbox."""
    with Sandbox() as sandbox:
        yield sandbox


@pytest.fixture
def customer(tavus: Sandbox) -> Iterator[Customer]:
    """A customer of it."""
    with Customer(tavus) as one:
        yield one
