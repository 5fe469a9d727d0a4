"""Parts on a ledger and a broker of their own, for whoever types the runbook's commands."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.broker import Broker
from tests.scheduler.made import opened, settings_in
from worker.assembly import Parts
from worker.store.migrate import prepare


@pytest.fixture
def parts(tmp_path: Path, broker: Broker) -> Iterator[Parts]:
    """Parts on a migrated ledger."""
    home = tmp_path / "home"
    home.mkdir()
    prepare(f"sqlite:///{home / 'ledger.db'}")
    with opened(settings_in(home, redis_url=broker.url)) as one:
        yield one
