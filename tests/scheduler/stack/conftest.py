"""A project for each test, and nothing of it left when the test is over."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.scheduler.stack.runs import Project, wait_until


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    """A project of small parts. Every test promises that no process of it is left."""
    one = Project(tmp_path)
    yield one
    wait_until(lambda: not one.processes())
