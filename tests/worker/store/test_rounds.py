"""A round is claimed by one at a time, goes on where it was left, and says when it was last done; whoever came too late writes nothing."""

from datetime import timedelta

import pytest

from tests.worker.store.made import LEASE, NOW, SECOND, at_once
from worker.store.jobs import Ledger
from worker.store.rounds import Round

DAY = timedelta(days=1)


def claimed(ledger: Ledger, now: object = NOW) -> Round:
    one = ledger.rounds.claim("audit", now, LEASE)  # type: ignore[arg-type]  # a datetime
    assert one is not None
    return one


def test_of_many_that_come_at_once_one_has_it(ledger: Ledger) -> None:
    found = at_once(lambda _: ledger.rounds.claim("audit", NOW, LEASE))
    assert sum(one is not None for one in found) == 1


def test_what_is_done_is_due_again_when_it_was_said_and_its_outcome_stands(ledger: Ledger) -> None:
    assert ledger.rounds.end(claimed(ledger), {"jobs": 3}, NOW + SECOND, NOW + DAY)
    assert ledger.rounds.claim("audit", NOW + DAY - SECOND, LEASE) is None
    one = claimed(ledger, NOW + DAY)
    assert (one.ended_at, one.outcome, one.begun_at, one.place, one.found) == (NOW + SECOND, {"jobs": 3}, NOW + DAY, None, {})


def test_a_portion_goes_on_where_the_one_before_it_ended(ledger: Ledger) -> None:
    assert ledger.rounds.leave(claimed(ledger), "here", {"jobs": 2}, NOW + SECOND)
    one = claimed(ledger, NOW + 2 * SECOND)
    assert (one.place, one.found, one.begun_at, one.ended_at) == ("here", {"jobs": 2}, NOW, None)


def test_whoever_dies_over_it_leaves_it_after_a_lease_and_then_may_not_write(ledger: Ledger) -> None:
    dead = claimed(ledger)
    assert ledger.rounds.claim("audit", NOW + LEASE - SECOND, LEASE) is None
    other = claimed(ledger, NOW + LEASE)
    assert not ledger.rounds.leave(dead, "there", {}, NOW + LEASE)
    assert not ledger.rounds.end(dead, {}, NOW + LEASE, NOW + DAY)
    assert ledger.rounds.end(other, {}, NOW + LEASE, NOW + DAY)


def test_what_nobody_claims_is_noted(ledger: Ledger) -> None:
    for moment in (NOW, NOW + SECOND):
        ledger.rounds.note("learn", moment)
    assert {name: one.ended_at for name, one in ledger.rounds.every().items()} == {"learn": NOW + SECOND}
    assert ledger.rounds.claim("learn", NOW + DAY, LEASE) is None


@pytest.mark.parametrize("name", ["one", "two"])
def test_rounds_do_not_know_of_each_other(ledger: Ledger, name: str) -> None:
    claimed(ledger)
    assert ledger.rounds.claim(name, NOW, LEASE) is not None
