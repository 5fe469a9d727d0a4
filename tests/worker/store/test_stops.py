"""Who is stopped is asked for once in a while, and what this process has written holds at once."""

from tests.worker.store.made import MAIN, NOW
from worker.core.effects import StopAccount
from worker.core.failures import Failure
from worker.store.jobs import Ledger
from worker.store.stops import KnownStops

STOP = StopAccount(MAIN, Failure.OUT_OF_CREDIT, deaf=False)


class Accounts:
    """Those that are stopped, and how often somebody asked."""

    def __init__(self) -> None:
        self.stopped, self.asked, self.now = set[str](), 0, 100.0
        self.known = KnownStops(self.ask, lambda: self.now)

    def ask(self) -> list[str]:
        self.asked += 1
        return list(self.stopped)


def test_what_was_asked_is_known_for_two_seconds_and_no_longer() -> None:
    accounts = Accounts()
    assert (MAIN in accounts.known, "other" in accounts.known, accounts.asked) == (False, False, 1)
    accounts.stopped.add(MAIN)
    accounts.now += 1.9
    assert (MAIN in accounts.known, accounts.asked) == (False, 1)
    accounts.now += 0.1
    assert (MAIN in accounts.known, "other" in accounts.known, accounts.asked) == (True, False, 2)


def test_what_is_forgotten_is_asked_for_anew_also_while_somebody_asks() -> None:
    accounts = Accounts()
    assert MAIN not in accounts.known
    accounts.known.forget()

    def ask() -> list[str]:
        accounts.stopped.add(MAIN)
        accounts.known.forget()
        return []

    slow = KnownStops(ask, lambda: accounts.now)
    accounts.known = slow
    assert MAIN not in slow
    slow._ask = accounts.ask
    assert MAIN in slow


def test_what_is_written_through_the_ledger_holds_at_once(ledger: Ledger) -> None:
    assert not ledger.is_stopped(MAIN)
    ledger.stop(STOP, NOW)
    assert ledger.is_stopped(MAIN)
    assert not ledger.is_stopped("other")
    ledger.resume_account(MAIN, NOW)
    assert not ledger.is_stopped(MAIN)
