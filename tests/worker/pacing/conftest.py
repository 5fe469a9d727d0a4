"""Paces that end with their test."""

from collections.abc import Iterator

import pytest

from tests.broker import Broker
from tests.worker.pacing.made import HOUR, Made
from worker.pacing import shared
from worker.pacing.kinds import Numbers
from worker.pacing.pace import Pace


@pytest.fixture(autouse=True)
def _patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """A busy host is not an absent Redis; one that is absent refuses at once."""
    monkeypatch.setattr(shared, "_SECONDS", 30.0)


@pytest.fixture
def paces(broker: Broker) -> Iterator[Made]:
    """Call it for the pace of another process."""
    made: list[Pace] = []

    def make(limit: int | None = None, numbers: Numbers = HOUR, url: str = broker.url) -> Pace:
        made.append(Pace(url, lambda _: limit, numbers))
        return made[-1]

    yield make
    for one in made:
        one.close()
