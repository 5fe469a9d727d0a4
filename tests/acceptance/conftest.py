"""Running systems for the tests of this folder."""

from collections.abc import Iterator

import pytest

from tests.acceptance.stack import Stack


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """One worker and one beat over SQLite, for the tests of a file."""
    with Stack(tmp_path_factory.mktemp("stack")) as one:
        one.start("worker")
        one.start("beat")
        yield one
