"""Whoever has something due, or a message that nobody answered, is found; nobody else is."""

from datetime import datetime

from tests.worker.store.made import LEASE, MAIN, NOW, SECOND, an_attempt, changed, rung, stored
from worker.core.effects import StopAccount
from worker.core.failures import Failure
from worker.core.job import Deletion
from worker.core.states import State
from worker.store.jobs import Ledger
from worker.store.lines import Due, DueLine

LONG_AGO = NOW - LEASE


def found(ledger: Ledger, rung_before: datetime = LONG_AGO) -> set[tuple[State, str]]:
    lines = ledger.due(NOW, rung_before=rung_before).lines
    assert len(lines) == len(set(lines))
    return {(line.state, line.account) for line in lines}


def test_an_empty_ledger_has_no_lines(ledger: Ledger) -> None:
    assert ledger.due(NOW, rung_before=NOW) == Due()


def test_every_state_and_account_with_something_due_is_a_line(ledger: Ledger) -> None:
    for account in ("a", MAIN, "z"):
        for state in State:
            stored(ledger, state, NOW if (state, account) != (State.TRAINING, "z") else NOW + SECOND, account=account)
            stored(ledger, state, None, account=account)
            stored(ledger, state, NOW + SECOND, account=account)
    expected = {(state, account) for state in State for account in ("a", MAIN, "z")} - {(State.TRAINING, "z")}
    assert found(ledger) == expected


def test_a_message_that_is_out_for_long_makes_a_line_though_nothing_is_due(ledger: Ledger) -> None:
    rung(ledger, NOW - SECOND)
    assert found(ledger) == set()
    assert found(ledger, NOW - 2 * SECOND) == set()
    assert found(ledger, NOW - SECOND) == {(State.QUEUED, MAIN)}


def test_what_was_taken_is_no_message_that_is_out(ledger: Ledger) -> None:
    ledger.take([rung(ledger, NOW - SECOND)], NOW, LEASE)
    over = rung(ledger, NOW - SECOND)
    changed(ledger, ledger.get(over), state=State.CANCELLED, due_at=None)
    assert found(ledger, NOW) == set()


def test_a_stopped_account_has_no_line_of_what_would_pay_and_a_deaf_one_has_none_at_all(ledger: Ledger) -> None:
    for account in ("poor", "deaf", MAIN):
        stored(ledger, account=account)
        stored(ledger, State.TRAINING, account=account)
    ledger.stop(StopAccount("poor", Failure.OUT_OF_CREDIT, deaf=False), NOW)
    ledger.stop(StopAccount("deaf", Failure.KEY_REJECTED, deaf=True), NOW)
    expected = (DueLine(State.QUEUED, MAIN), DueLine(State.TRAINING, MAIN), DueLine(State.TRAINING, "poor"))
    assert ledger.due(NOW, rung_before=LONG_AGO) == Due(expected)


def test_a_deletion_that_is_due_is_told_and_one_that_is_not_is_not(ledger: Ledger) -> None:
    job = stored(ledger, State.ABANDONED, None)
    changed(ledger, job, attempts=(an_attempt(job, deletion=Deletion(due_at=NOW)),))
    assert ledger.due(NOW - SECOND, rung_before=LONG_AGO) == Due()
    assert ledger.due(NOW, rung_before=LONG_AGO) == Due(deletions=True)
