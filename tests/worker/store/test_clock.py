"""Hosts whose clocks disagree agree on the time of the ledger, ask for it rarely, and go on with what they know while it is away."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy.exc import OperationalError

from worker.store.clock import LedgerClock
from worker.store.jobs import Ledger

START = datetime(2026, 3, 1, 12, tzinfo=UTC)
FIVE_MINUTES, SECOND = timedelta(minutes=5), timedelta(seconds=1)


@dataclass
class Host:
    """A host that is `off` from the ledger's server, and the line between them."""

    off: timedelta = FIVE_MINUTES
    passed: float = 0.0
    asked: int = 0
    is_away: bool = False
    takes: float = 0.0
    is_here: bool = False

    def clock(self) -> LedgerClock:
        return LedgerClock(self.there, self.own, self.steady)

    def true(self) -> datetime:
        return START + timedelta(seconds=self.passed)

    def own(self) -> datetime:
        return self.true() + self.off

    def steady(self) -> float:
        return self.passed

    def there(self) -> datetime | None:
        self.asked += 1
        if self.is_away:
            raise OperationalError("away", None, Exception())
        self.passed += self.takes
        return None if self.is_here else self.true()


@pytest.mark.parametrize("off", [FIVE_MINUTES, -FIVE_MINUTES, timedelta(0)])
def test_the_time_is_the_ledgers_whatever_the_own_clock_says(off: timedelta) -> None:
    host = Host(off)
    clock = host.clock()
    for _ in range(3):
        assert clock() == host.true()
        host.passed += 100


@pytest.mark.parametrize(("seconds", "times"), [(59, 1), (61, 2)])
def test_the_ledger_is_asked_once_a_minute_however_often_the_time_is(seconds: int, times: int) -> None:
    host = Host()
    clock = host.clock()
    for _ in range(seconds + 1):
        clock()
        host.passed += 1
    assert host.asked == times


def test_a_clock_that_was_set_is_compared_anew_at_once() -> None:
    host = Host()
    clock = host.clock()
    clock()
    host.off = timedelta(0)
    assert clock() == host.true()


def test_while_the_ledger_is_away_what_is_known_counts_and_nobody_waits_for_it_each_time() -> None:
    host = Host()
    clock = host.clock()
    clock()
    host.is_away, host.passed = True, 100.0
    assert [clock() for _ in range(10)] == [host.true()] * 10
    assert host.asked == 2
    host.is_away, host.off, host.passed = False, FIVE_MINUTES + SECOND / 2, 106.0
    assert clock() == host.true()


def test_a_ledger_that_was_never_there_is_away_for_who_asks_the_time() -> None:
    host = Host(is_away=True)
    clock = host.clock()
    with pytest.raises(OperationalError):
        clock()
    host.is_away = False
    assert clock() == host.true()


def test_an_answer_that_took_long_does_not_replace_a_better_one() -> None:
    host = Host()
    clock = host.clock()
    clock()
    host.passed, host.takes = 61.0, 10.0
    assert clock() == host.true()


def test_a_first_answer_that_took_long_is_better_than_none_and_asked_for_again_soon() -> None:
    host = Host(takes=10.0)
    clock = host.clock()
    assert abs(clock() - host.true()) <= 5 * SECOND
    host.takes, host.passed = 0.0, host.passed + 6.0
    assert clock() == host.true()


def test_a_ledger_on_this_host_goes_by_its_clock() -> None:
    host = Host(is_here=True)
    assert host.clock()() == host.own()


def test_postgresql_tells_its_time_and_sqlite_has_none(ledger: Ledger) -> None:
    before = datetime.now(UTC)
    there = ledger.server_time()
    if ledger._database.dialect.name == "sqlite":
        assert there is None
    else:
        assert there is not None
        assert before - SECOND <= there <= datetime.now(UTC) + SECOND
