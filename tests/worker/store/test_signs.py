"""What workers say of themselves: the last word of each, kept beside what is counted, and forgotten when it is long ago."""

from datetime import timedelta

from tests.worker.store.made import NOW, SECOND
from worker.store.jobs import Ledger
from worker.store.signs import FORGOTTEN, Sign

MINUTE = timedelta(minutes=1)
SOME = "worker1@host_a%"
OTHER = "worker2@host-b"


def test_the_last_sign_of_each_worker_counts(ledger: Ledger) -> None:
    for at, silence in ((NOW - MINUTE, 5 * SECOND), (NOW, 0 * SECOND)):
        ledger.signs.leave(Sign(SOME, at, silence))
    ledger.signs.leave(Sign(OTHER, NOW - SECOND, MINUTE))
    assert ledger.signs.read(NOW) == [Sign(SOME, NOW, 0 * SECOND), Sign(OTHER, NOW - SECOND, MINUTE)]
    assert [sign.heard_at for sign in ledger.signs.read(NOW)] == [NOW, NOW - SECOND - MINUTE]


def test_who_ends_in_an_orderly_way_is_not_expected_and_who_is_long_gone_is_forgotten(ledger: Ledger) -> None:
    ledger.add_tallies({"worker": 1.0}, NOW - 2 * FORGOTTEN)  # a series, and no worker
    for worker in (SOME, OTHER):
        ledger.signs.leave(Sign(worker, NOW, 0 * SECOND))
    ledger.signs.withdraw(SOME)
    ledger.signs.withdraw("nobody")
    assert [sign.worker for sign in ledger.signs.read(NOW + FORGOTTEN)] == [OTHER]
    assert ledger.signs.read(NOW + FORGOTTEN + SECOND) == []
    ledger.signs.leave(Sign(SOME, NOW + FORGOTTEN + SECOND, 0 * SECOND))
    assert set(ledger.gauges.tallies()) == {"worker", f"worker:{SOME}"}
