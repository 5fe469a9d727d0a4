"""A migrated ledger for each test, and parts on it and on a real broker."""

import shutil
import site
import sys
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import pytest

from tests.broker import Broker
from tests.scheduler.made import KEYS, opened, settings_in
from worker.assembly import Parts
from worker.settings import Settings
from worker.store.clock import utc_now
from worker.store.migrate import prepare

# Where `make` puts the extra `traces`: redis-py, which is loaded by now, would import all of it, and so would every process that a test starts.
site.addsitedir(str(Path(sys.prefix) / "traces"))


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


@pytest.fixture(scope="module")
def strict(home_of: Callable[[Path], Path], tmp_path_factory: pytest.TempPathFactory, session_broker: Broker) -> Iterator[Parts]:
    """Parts for the refusals of a whole file: they know the voice `anna` of each account, and nothing may ever be stored there."""
    settings = settings_in(home_of(tmp_path_factory.mktemp("strict")), redis_url=session_broker.url)
    with opened(settings) as one:
        for account in KEYS:
            one.ledger.keep_voices(account, ["anna"], utc_now())
        yield one


@pytest.fixture
def settings(home: Path, broker: Broker) -> Settings:
    """Settings of that home and an empty broker."""
    return settings_in(home, redis_url=broker.url)


@pytest.fixture
def parts(settings: Settings) -> Iterator[Parts]:
    """Parts on both."""
    with opened(settings) as one:
        yield one
