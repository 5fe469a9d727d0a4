"""What is due is claimed once, in order, and comes back when its lease runs out."""

from datetime import datetime

import pytest

from tests.worker.store.made import LEASE, MAIN, NOW, SECOND, at_once, changed, rung, stored
from worker.core.job import JobId
from worker.core.states import State
from worker.store.jobs import Ledger

WORK = (State.QUEUED, State.SUBMITTING, State.OPENING)


def claimed(ledger: Ledger, now: datetime = NOW, limit: int = 99, rung_before: datetime | None = None) -> list[JobId]:
    return [claim.job_id for claim in ledger.claim_due(WORK, MAIN, now, LEASE, limit, rung_before=rung_before)]


def of_caller(ledger: Ledger, caller: str, limit: int = 99, rung_before: datetime | None = None) -> list[JobId]:
    claims = ledger.claim_due([State.QUEUED], MAIN, NOW, LEASE, limit, caller=caller, rung_before=rung_before)
    return [claim.job_id for claim in claims]


def nearly(ledger: Ledger, seconds: int, limit: int = 99) -> list[JobId]:
    return [claim.job_id for claim in ledger.claim_nearly(MAIN, NOW, NOW + seconds * SECOND, LEASE, limit)]


def test_only_what_is_due_and_in_a_state_that_was_asked_for_is_claimed(ledger: Ledger) -> None:
    due = stored(ledger, State.SUBMITTING, NOW, account="other")
    stored(ledger, State.QUEUED, NOW + SECOND)
    stored(ledger, State.TRAINING, NOW)
    stored(ledger, State.READY, None)
    (claim,) = ledger.claim_due(WORK, "other", NOW, LEASE, 9)
    assert (claim.job_id, claim.account, claim.state) == (due.id, "other", State.SUBMITTING)


def test_who_has_been_due_the_longest_comes_first(ledger: Ledger) -> None:
    late, early = stored(ledger, State.OPENING, due_at=NOW), stored(ledger, due_at=NOW - SECOND)
    first = stored(ledger, due_at=NOW - LEASE, priority=-1)
    assert claimed(ledger) == [first.id, early.id, late.id]


def test_of_one_caller_the_highest_priority_comes_first_and_then_who_has_been_due_the_longest(ledger: Ledger) -> None:
    late, early = stored(ledger, due_at=NOW), stored(ledger, due_at=NOW - SECOND)
    urgent = stored(ledger, due_at=NOW, priority=1)
    last = stored(ledger, due_at=NOW - LEASE, priority=-1)
    stored(ledger, due_at=NOW, caller="another")
    assert of_caller(ledger, "tests", 3) == [urgent.id, early.id, late.id]
    assert of_caller(ledger, "tests") == [last.id]


def test_an_accounts_callers_are_known_in_the_states_in_which_they_wait_for_each_other(ledger: Ledger) -> None:
    for caller in ("ann", "bob", "ann", "cid"):
        stored(ledger, caller=caller)
    stored(ledger, caller="dan", account="other")
    stored(ledger, State.OPENING, caller="eve")
    assert ledger.callers(State.QUEUED, MAIN, NOW) == ["ann", "bob", "cid"]
    assert ledger.callers(State.OPENING, MAIN, NOW) == ["eve"]
    assert ledger.callers(State.OPENING, "other", NOW) == []
    with pytest.raises(ValueError, match="training"):
        ledger.callers(State.TRAINING, MAIN, NOW)


def test_callers_of_whom_nothing_is_due_are_not_named_unless_a_message_of_theirs_is_lost(ledger: Ledger) -> None:
    for priority, due_at in ((-5, NOW + SECOND), (0, None), (0, NOW + SECOND), (7, NOW), (9, NOW + SECOND)):
        stored(ledger, due_at=due_at, caller="bob", priority=priority)
    stored(ledger, due_at=NOW - SECOND, caller="dan", priority=-(10**6))
    for priority in (-1, 0, 1):
        stored(ledger, due_at=NOW + SECOND, caller="ann", priority=priority)
        stored(ledger, due_at=None, caller="cid", priority=priority)
    rung(ledger, NOW - SECOND, caller="eve")
    rung(ledger, NOW - SECOND, caller="fay", account="other")
    rung(ledger, NOW - SECOND, caller="gil", state=State.OPENING)
    assert ledger.callers(State.QUEUED, MAIN, NOW) == ["bob", "dan"]
    assert ledger.callers(State.QUEUED, MAIN, NOW, NOW - 2 * SECOND) == ["bob", "dan"]
    assert ledger.callers(State.QUEUED, MAIN, NOW, NOW - SECOND) == ["bob", "dan", "eve"]
    assert ledger.callers(State.QUEUED, MAIN, NOW - SECOND) == ["dan"]


def test_trainings_that_are_nearly_due_ride_along_the_soonest_first(ledger: Ledger) -> None:
    third, first, second = (stored(ledger, State.TRAINING, NOW + seconds * SECOND).id for seconds in (9, 1, 5))
    stored(ledger, State.TRAINING, NOW + SECOND, account="other")
    stored(ledger, State.QUEUED, NOW + SECOND)
    for seconds in (0, 11):
        stored(ledger, State.TRAINING, NOW + seconds * SECOND)
    rung(ledger, NOW - LEASE + SECOND, account=MAIN)
    assert nearly(ledger, 10, limit=2) == [first, second]
    assert nearly(ledger, 10) == [third]
    assert nearly(ledger, 10) == []


def test_no_more_is_claimed_than_was_asked_for_and_the_rest_waits_its_turn(ledger: Ledger) -> None:
    jobs = [stored(ledger, due_at=NOW - number * SECOND) for number in range(5)]
    assert claimed(ledger, limit=3) == [job.id for job in reversed(jobs[2:])]
    assert claimed(ledger, limit=3) == [job.id for job in reversed(jobs[:2])]


def test_a_claim_lasts_for_a_lease_and_no_longer(ledger: Ledger) -> None:
    job = stored(ledger)
    assert claimed(ledger) == [job.id]
    assert claimed(ledger, NOW + LEASE - SECOND) == []
    assert claimed(ledger, NOW + LEASE) == [job.id]


def test_a_claim_does_not_fence(ledger: Ledger) -> None:
    read = stored(ledger)
    claimed(ledger)
    assert changed(ledger, read, detail="still mine to write").version == read.version + 1


def test_many_who_claim_at_once_never_get_the_same_job_and_leave_none(ledger: Ledger) -> None:
    jobs = {stored(ledger).id for _ in range(120)}
    got = [job_id for ids in at_once(lambda _: claimed(ledger, limit=20)) for job_id in ids]
    got += claimed(ledger)
    assert len(got) == len(set(got))
    assert set(got) == jobs


def test_a_message_that_was_not_answered_is_claimed_again_before_its_lease_runs_out_when_asked(ledger: Ledger) -> None:
    old = rung(ledger, NOW)
    new = rung(ledger, NOW + 10 * SECOND)
    now = NOW + 20 * SECOND
    assert claimed(ledger, now) == []
    assert claimed(ledger, now, rung_before=NOW - SECOND) == []
    assert claimed(ledger, now, rung_before=NOW) == [old]
    later = now + SECOND
    assert claimed(ledger, later, rung_before=NOW + 10 * SECOND) == [new]
    assert claimed(ledger, later, rung_before=later) == [old, new]


def test_what_was_rung_for_and_did_not_come_is_claimed_before_what_is_due(ledger: Ledger) -> None:
    due, message = stored(ledger, due_at=NOW - SECOND).id, rung(ledger, NOW)
    later, urgent = stored(ledger, due_at=NOW).id, stored(ledger, due_at=NOW, priority=1).id
    assert claimed(ledger, NOW + SECOND, limit=2, rung_before=NOW) == [message, due]
    assert of_caller(ledger, "tests", rung_before=NOW - SECOND) == [urgent, later]


def test_what_was_taken_is_left_alone_however_long_ago_it_was_rung_for(ledger: Ledger) -> None:
    taken = rung(ledger, NOW)
    ledger.take([taken], NOW, LEASE)
    ended = rung(ledger, NOW)
    changed(ledger, ledger.get(ended), state=State.CANCELLED, due_at=None)
    assert claimed(ledger, NOW + SECOND, rung_before=NOW) == []


def test_named_jobs_are_claimed_if_they_are_due_and_only_once(ledger: Ledger) -> None:
    due, urgent, later = stored(ledger), stored(ledger, State.TRAINING, priority=1), stored(ledger, due_at=NOW + SECOND)
    named = [due.id, urgent.id, later.id]
    assert [claim.job_id for claim in ledger.claim_these(named, NOW, LEASE)] == [urgent.id, due.id]
    assert ledger.claim_these(named, NOW, LEASE) == []
    assert claimed(ledger) == []
