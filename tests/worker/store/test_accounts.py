"""A stopped account pays for nothing, a deaf one is not even asked, and both go on when a person says so."""

import pytest

from tests.worker.store.made import LEASE, NOW, SECOND, at_once, changed, rung, stored
from worker.core.effects import StopAccount
from worker.core.failures import Failure
from worker.core.job import Conversation
from worker.core.marks import conversation_mark
from worker.core.states import State
from worker.store.jobs import Ledger

BROKE = StopAccount("broke", Failure.OUT_OF_CREDIT, deaf=False)
LOCKED = StopAccount("locked", Failure.KEY_REJECTED, deaf=True)
DUE = (State.QUEUED, State.SUBMITTING, State.TRAINING, State.OPENING)


def due_and_claimed(ledger: Ledger) -> set[tuple[str, State]]:
    accounts = ("broke", "locked", "well")
    for account in accounts:
        for state in DUE:
            stored(ledger, state, account=account)
    return {(claim.account, claim.state) for account in accounts for claim in ledger.claim_due(DUE, account, NOW, LEASE, 99)}


def test_what_may_pay_is_left_alone_on_a_stopped_account_and_everything_on_a_deaf_one(ledger: Ledger) -> None:
    ledger.stop(BROKE, NOW)
    ledger.stop(LOCKED, NOW)
    asked = {("broke", State.SUBMITTING), ("broke", State.TRAINING)}
    assert due_and_claimed(ledger) == asked | {("well", state) for state in DUE}


def test_a_conversation_that_may_be_open_is_looked_for_on_a_stopped_account_for_it_bills(ledger: Ledger) -> None:
    job = stored(ledger, State.OPENING, account="broke")
    asked_for = Conversation(mark=conversation_mark(job.id, 1), intended_at=NOW)
    job = changed(ledger, job, conversation=asked_for)
    ledger.stop(BROKE, NOW)
    assert [claim.job_id for claim in ledger.claim_due(DUE, "broke", NOW, LEASE, 9)] == [job.id]
    assert [one.id for one in ledger.take([job.id], NOW, LEASE)] == [job.id]


def test_what_was_rung_for_before_the_stop_is_not_taken_after_it(ledger: Ledger) -> None:
    paying, asking = rung(ledger, account="broke"), rung(ledger, state=State.TRAINING, account="broke")
    deaf = rung(ledger, state=State.TRAINING, account="locked")
    ledger.stop(BROKE, NOW)
    ledger.stop(LOCKED, NOW)
    ids = [paying, asking, deaf]
    assert [job.id for job in ledger.take(ids, NOW, LEASE)] == [asking]
    late = NOW + LEASE
    assert [claim.job_id for claim in ledger.claim_these(ids, late, LEASE)] == [asking]
    for account in ("broke", "locked"):
        assert ledger.claim_due(DUE, account, late, LEASE, 9, rung_before=late - SECOND) == []


def test_a_resumed_account_goes_on_where_it_was(ledger: Ledger) -> None:
    for order in (BROKE, LOCKED):
        ledger.stop(order, NOW)
        ledger.resume_account(order.account, NOW)
    assert ledger.stops() == []
    assert len(due_and_claimed(ledger)) == 3 * len(DUE)
    ledger.resume_account("nobody", NOW)


def test_the_first_reason_stays_but_a_later_stop_may_close_the_ears(ledger: Ledger) -> None:
    ledger.stop(BROKE, NOW)
    ledger.stop(StopAccount("broke", Failure.KEY_REJECTED, deaf=True), NOW + SECOND)
    ledger.stop(BROKE, NOW + SECOND)
    (stop,) = ledger.stops()
    assert (stop.account, stop.failure, stop.at) == ("broke", Failure.OUT_OF_CREDIT, NOW)
    assert not [job for job in due_and_claimed(ledger) if job[0] == "broke"]


def test_many_who_stop_the_same_account_at_once_stop_it_once(ledger: Ledger) -> None:
    at_once(lambda number: ledger.stop(StopAccount("broke", Failure.OUT_OF_CREDIT, deaf=bool(number % 2)), NOW))
    assert len(ledger.stops()) == 1


def test_voices_are_an_accounts_own_in_lower_case_and_replaced_as_a_whole(ledger: Ledger) -> None:
    ledger.keep_voices("one", ["Anna", "anna", "Börge"], NOW)
    ledger.keep_voices("two", ["Carl"], NOW)
    assert ledger.voices("one") == {"anna", "börge"}
    ledger.keep_voices("one", ["Dora"], NOW)
    assert ledger.voices("one") == {"dora"}
    assert ledger.voices("two") == {"carl"}
    ledger.keep_voices("one", [], NOW)
    assert ledger.voices("one") == ledger.voices("nobody") == frozenset()


def test_voices_that_are_read_by_many_at_once_are_those_of_one_of_them(ledger: Ledger) -> None:
    read = [[f"{reader}-{number}" for number in range(20)] for reader in range(8)]
    at_once(lambda number: ledger.keep_voices("one", read[number], NOW))
    assert ledger.voices("one") in [frozenset(names) for names in read]


@pytest.mark.parametrize("order", [BROKE, LOCKED])
def test_reading_voices_neither_stops_nor_resumes(ledger: Ledger, order: StopAccount) -> None:
    ledger.stop(order, NOW)
    ledger.keep_voices(order.account, ["anna"], NOW)
    assert [stop.failure for stop in ledger.stops()] == [order.failure]
