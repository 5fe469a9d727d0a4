"""One browser, and one running demonstration for all that is looked at in it."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser

from tests.browser.chromium import chromium
from tests.browser.stage import Stage, staged


@pytest.fixture(scope="package")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """The demonstration, hurried. A test that changes a held job takes it off the list; the first stays."""
    with staged(tmp_path_factory.mktemp("stage"), typical="8s", held=5) as one:
        yield one


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    """Chromium."""
    with chromium() as one:
        yield one
