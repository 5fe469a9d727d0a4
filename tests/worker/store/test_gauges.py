"""What monitoring asks of the ledger is true, costs what is due and not what exists, and is counted no further than anybody cares."""

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Engine

from tests.worker.store.hearing import overheard
from tests.worker.store.made import LEASE, MAIN, NOW, SECOND, an_attempt, at_once, changed, rung, stored
from tests.worker.store.test_notifications import told
from tests.worker.store.test_plans import about_jobs, fill, plan_of
from worker.core.credits import Entry
from worker.core.deliveries import Heard, Patience
from worker.core.failures import Failure
from worker.core.job import Conversation, ConversationId, Job, Outcome, ReplicaId, Terms
from worker.core.marks import conversation_mark
from worker.core.rules import Rules
from worker.core.states import State
from worker.store import gauges as module
from worker.store.gauges import Account, Backlog
from worker.store.inbox import New
from worker.store.jobs import Ledger
from worker.store.migrate import revisions
from worker.store.outbox import Outbox
from worker.store.sealing import UNSEALED
from worker.store.tallies import Tally

HOUR, RULES = timedelta(hours=1), Rules()


def paid(ledger: Ledger, outcome: Outcome, **changes: Any) -> Job:  # noqa: ANN401 - fields of Attempt
    job = stored(ledger, State.TRAINING, None)
    attempt = an_attempt(job, outcome=outcome, replica_id=ReplicaId(f"r{job.id}"), **changes)
    return changed(ledger, job, attempts=(attempt,))


def account(ledger: Ledger) -> Account:
    return ledger.gauges.accounts([MAIN], NOW, RULES)[MAIN]


def test_a_prepared_database_is_at_the_newest_revision_that_the_code_knows(ledger: Ledger) -> None:
    assert ledger.gauges.revision() == revisions()[0]
    assert revisions()[-1] == "0001"


def test_what_many_count_at_once_is_added_up(ledger: Ledger) -> None:
    at_once(lambda number: ledger.add_tallies({"b": 1.0, "a": 0.5}, NOW + number * SECOND))
    assert ledger.gauges.tallies() == {"a": Tally(4.0, NOW + 7 * SECOND), "b": Tally(8.0, NOW + 7 * SECOND)}


def test_who_comes_late_does_not_turn_back_when_something_last_happened(ledger: Ledger) -> None:
    for moment in (NOW, NOW - HOUR):
        ledger.add_tallies({"a": 1.0}, moment)
    assert ledger.gauges.last("a") == NOW
    assert ledger.gauges.last("never") is None


def test_nothing_counted_writes_nothing(ledger: Ledger) -> None:
    ledger.add_tallies({}, NOW)
    assert ledger.gauges.tallies() == {}


def test_of_each_line_the_age_of_its_first_due_row_is_told(ledger: Ledger) -> None:
    for state, due in (
        (State.QUEUED, NOW - HOUR),
        (State.QUEUED, NOW - SECOND),
        (State.TRAINING, NOW - SECOND),
        (State.OPENING, NOW + SECOND),
    ):
        stored(ledger, state, due)
    stored(ledger, State.QUEUED, NOW - 2 * HOUR, account="other")
    assert ledger.gauges.oldest(NOW) == {
        ("queued", MAIN): NOW - HOUR, ("training", MAIN): NOW - SECOND, ("queued", "other"): NOW - 2 * HOUR,
    }  # fmt: skip


def test_who_was_rung_for_is_not_due_until_the_lease_is_over(ledger: Ledger) -> None:
    rung(ledger, NOW)
    assert ledger.gauges.oldest(NOW + SECOND) == {}
    assert ledger.gauges.oldest(NOW + LEASE + SECOND) == {("queued", MAIN): NOW + LEASE}


def test_deletions_ends_and_letters_that_nobody_has_read_are_lines_too(ledger: Ledger) -> None:
    job = paid(ledger, Outcome.TRAINED)
    talk = Conversation(mark=conversation_mark(job.id, 1), id=ConversationId("c1"), end_due_at=NOW - HOUR)
    changed(ledger, job, conversation=talk)
    ledger.keep_letter(New(mark=job.attempts[0].mark, kind="training", body={}), NOW - SECOND)
    assert ledger.gauges.oldest(NOW) == {("end", ""): NOW - HOUR, ("letter", ""): NOW - SECOND}


def test_jobs_are_counted_by_state_and_held_ones_by_reason(ledger: Ledger) -> None:
    for state in (State.QUEUED, State.QUEUED, State.DONE):
        stored(ledger, state)
    for failure in (Failure.OUT_OF_CREDIT, Failure.UNRECOGNISED, Failure.OUT_OF_CREDIT):
        changed(ledger, stored(ledger, State.HELD), failure=failure)
    jobs = ledger.gauges.jobs()
    assert (jobs[State.QUEUED], jobs[State.DONE], jobs[State.HELD], jobs[State.READY]) == (2, 1, 3, 0)
    assert ledger.gauges.held() == {Failure.OUT_OF_CREDIT: 2, Failure.UNRECOGNISED: 1}


def test_nothing_is_counted_without_end(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST", 2)
    for _ in range(3):
        stored(ledger)
    assert ledger.gauges.jobs()[State.QUEUED] == 2


def test_ages_are_found_by_leaps_along_indexes_however_many_rows_there_are(database: Engine) -> None:
    ledger = Ledger(database)
    fill(database)
    stored(ledger, State.QUEUED)
    with overheard(database) as heard:
        assert len(ledger.gauges.oldest(NOW)) == 1
    assert about_jobs(heard)
    for statement, values in about_jobs(heard):
        plan = plan_of(database, statement, values)
        assert "Seq Scan on job" not in plan
        assert "SCAN job" not in plan.replace("SCAN job USING COVERING INDEX", "")


def test_the_money_of_an_account_stands_as_the_credit_book_says(ledger: Ledger) -> None:
    paid(ledger, Outcome.CHARGED)
    paid(ledger, Outcome.TRAINED)
    paid(ledger, Outcome.FAILED, deletable_at=NOW + HOUR)
    paid(ledger, Outcome.FAILED, deletable_at=NOW + HOUR, deleted_at=NOW)
    paid(ledger, Outcome.CHARGED, vanished_at=NOW, strays=(ReplicaId("r2"), ReplicaId("r3")))
    paid(ledger, Outcome.CHARGED, intended_at=NOW - timedelta(days=40))  # long ago
    [month] = [one for one in ledger.book(NOW) if one.month == "2026-11"]
    assert account(ledger).entries == month.entries
    assert (account(ledger).entries[Entry.AT_RISK], account(ledger).strays) == (2, 2)


def test_a_training_that_takes_too_long_is_late_and_one_that_nobody_looks_at_is_not(ledger: Ledger) -> None:
    for ago in (HOUR, 13 * HOUR, timedelta(days=4)):
        paid(ledger, Outcome.CHARGED, intended_at=NOW - ago)
    paid(ledger, Outcome.TRAINED, intended_at=NOW - 13 * HOUR)
    assert account(ledger).late == 1


def test_limits_are_counted_against_where_there_are_any(ledger: Ledger) -> None:
    paid(ledger, Outcome.CHARGED)
    paid(ledger, Outcome.TRAINED)
    assert (account(ledger).running, account(ledger).paid) == (None, None)
    ledger.set_terms(MAIN, Terms(max_in_flight=5, max_trainings_a_month=9), NOW)
    assert (account(ledger).running, account(ledger).paid) == (1, 2)


def test_what_callers_are_still_to_be_told_is_counted(ledger: Ledger) -> None:
    outbox = Outbox(ledger._database, UNSEALED, Patience(whole=SECOND))
    assert ledger.gauges.backlog() == Backlog(0, None, 0)
    early, late = told(ledger, NOW - HOUR), told(ledger, NOW)
    assert ledger.gauges.backlog() == Backlog(2, NOW - HOUR, 0)
    for one, what in ((early, Heard.SILENT), (late, Heard.ACCEPTED)):
        taken = outbox.take(one, NOW, LEASE)
        assert taken is not None
        outbox.settle(taken, what, "answer", NOW)
    assert ledger.gauges.backlog() == Backlog(0, None, 1)
