"""A migrated ledger for each test, and parts on it and on a real broker."""

import shutil
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import pytest

from tests.broker import Broker
from tests.scheduler.made import opened, settings_in
from worker.assembly import Parts
from worker.settings import Settings
from worker.store.migrate import prepare


@pytest.fixture(scope="session")
def home_of(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Path], Path]:
    """Call it with a folder to put a migrated ledger without rows there."""

    @cache
    def pattern() -> Path:
        file = tmp_path_factory.mktemp("pattern") / "ledger.db"
        prepare(f"sqlite:///{file}")
        return file

    def made(folder: Path) -> Path:
        shutil.copy(pattern(), folder)
        return folder

    return made


@pytest.fixture
def home(home_of: Callable[[Path], Path], tmp_path: Path) -> Path:
    """A home with a migrated ledger."""
    return home_of(tmp_path)


@pytest.fixture
def settings(home: Path, broker: Broker) -> Settings:
    """Settings of that home and an empty broker."""
    return settings_in(home, redis_url=broker.url)


@pytest.fixture
def parts(settings: Settings) -> Iterator[Parts]:
    """Parts on both."""
    with opened(settings) as one:
        yield one
