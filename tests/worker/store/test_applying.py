"""A decision is written whole or not at all, and only onto the job that it was made for."""

from dataclasses import replace

import pytest

from tests.worker.store.made import LEASE, MAIN, NOW, SECOND, THREADS, an_attempt, at_once, change, changed, stored
from worker.core import events
from worker.core.decision import Decision
from worker.core.effects import StopAccount
from worker.core.failures import Failure
from worker.core.states import State
from worker.store.jobs import Applied, Ledger, StaleJobError

STOP = StopAccount(MAIN, Failure.OUT_OF_CREDIT, deaf=False)


def test_a_decision_about_a_job_that_has_moved_on_changes_nothing(ledger: Ledger) -> None:
    read = stored(ledger)
    now = changed(ledger, read, progress="40/100")
    told = ledger.story(read.id)
    late = Applied(read, events.FellDue(), Decision(replace(read, detail="late", attempts=(an_attempt(read),)), (STOP,), "late"))
    with pytest.raises(StaleJobError):
        ledger.apply(late, NOW)
    assert ledger.get(read.id) == now
    assert ledger.story(read.id) == told
    assert ledger.find_by_mark(an_attempt(read).mark) is None
    assert ledger.stops() == []


def test_of_many_who_write_onto_the_same_reading_one_succeeds(ledger: Ledger) -> None:
    read = stored(ledger)

    def write(number: int) -> bool:
        try:
            ledger.apply(change(read, detail=str(number)), NOW)
        except StaleJobError:
            return False
        return True

    assert sorted(at_once(write)) == [False] * (THREADS - 1) + [True]
    assert ledger.get(read.id).version == read.version + 1
    assert len(ledger.story(read.id)) == 3


def test_the_story_tells_each_decision_that_has_a_reason_and_no_other(ledger: Ledger) -> None:
    job = stored(ledger)
    event = events.InputUnread("503")
    job = ledger.apply(Applied(job, event, Decision(replace(job, detail="503"), why="the server fails")), NOW + SECOND)
    job = ledger.apply(Applied(job, events.FellDue(), Decision(job)), NOW + 2 * SECOND)
    line = ledger.story(job.id)[-1]
    assert (line.event, dict(line.data), line.why, line.at) == (
        "InputUnread",
        {"detail": "503", "failure": "image_host_failing"},
        "the server fails",
        NOW + SECOND,
    )
    assert (line.version, job.version) == (2, 3)
    assert (line.from_state, line.to_state) == (State.QUEUED, State.QUEUED)


def test_a_batch_leaves_out_what_is_stale_and_writes_the_rest(ledger: Ledger) -> None:
    read = [stored(ledger) for _ in range(3)]
    changed(ledger, read[1], detail="somebody was faster")
    written = ledger.apply_batch([change(job, detail="batch") for job in reversed(read)], NOW)
    assert [job.id for job in written] == [read[0].id, read[2].id]
    assert written == [ledger.get(job.id) for job in written]
    assert [ledger.get(job.id).detail for job in read] == ["batch", "somebody was faster", "batch"]


def test_batches_that_meet_in_another_order_do_not_stop_each_other(ledger: Ledger) -> None:
    read = [stored(ledger) for _ in range(30)]
    written = at_once(lambda number: ledger.apply_batch([change(job) for job in (read if number % 2 else read[::-1])], NOW))
    assert sorted(job.id for jobs in written for job in jobs) == [job.id for job in read]


def test_batches_that_stop_the_same_accounts_in_another_order_do_not_stop_each_other(ledger: Ledger) -> None:
    accounts = [str(number) for number in range(9)]
    read = [[stored(ledger, account=name) for name in (accounts if number % 2 else accounts[::-1])] for number in range(THREADS)]

    def write(number: int) -> int:
        stops = {job.id: (StopAccount(job.account, Failure.OUT_OF_CREDIT, deaf=False),) for job in read[number]}
        return len(ledger.apply_batch([Applied(job, events.FellDue(), Decision(job, stops[job.id])) for job in read[number]], NOW))

    assert at_once(write) == [len(accounts)] * THREADS
    assert [stop.account for stop in ledger.stops()] == accounts


def test_a_decision_that_stops_the_account_stops_it_with_the_same_commit(ledger: Ledger) -> None:
    job = stored(ledger)
    assert not ledger.is_stopped(MAIN)
    ledger.apply(Applied(job, events.FellDue(), Decision(replace(job, state=State.HELD, due_at=None), (STOP,), "no credit")), NOW)
    assert ledger.is_stopped(MAIN)
    assert [(stop.account, stop.failure, stop.at) for stop in ledger.stops()] == [(MAIN, Failure.OUT_OF_CREDIT, NOW)]


def test_a_message_that_is_out_outlives_a_decision_that_leaves_its_due_time_alone(ledger: Ledger) -> None:
    first, second = stored(ledger), stored(ledger)
    ledger.claim_these([first.id, second.id], NOW, LEASE)
    changed(ledger, ledger.get(first.id), conversation_wanted=True)
    changed(ledger, ledger.get(second.id), due_at=NOW + 2 * LEASE)
    assert [job.id for job in ledger.take([first.id, second.id], NOW, LEASE)] == [first.id]
