"""Who answers a message takes the job for a lease; whoever had it before can write no more."""

import pytest

from tests.worker.store.made import LEASE, MAIN, NOW, SECOND, at_once, change, changed, rung, stored
from worker.core.states import State
from worker.store.jobs import Ledger, StaleJobError


def test_what_was_rung_for_or_is_due_is_taken_and_nothing_else(ledger: Ledger) -> None:
    called, due, later = rung(ledger), stored(ledger).id, stored(ledger, due_at=NOW + SECOND).id
    over = stored(ledger, State.DONE, None).id
    taken = ledger.take([later, over, due, called], NOW, LEASE)
    assert {job.id for job in taken} == {called, due}
    assert {job.due_at for job in taken} == {NOW + LEASE}
    assert taken == ledger.get_many([job.id for job in taken])


def test_a_message_that_comes_twice_takes_nothing_the_second_time(ledger: Ledger) -> None:
    job_id = rung(ledger)
    assert len(ledger.take([job_id], NOW, LEASE)) == 1
    assert ledger.take([job_id], NOW, LEASE) == []
    assert ledger.take([job_id], NOW + LEASE - SECOND, LEASE) == []


def test_of_many_who_take_the_same_jobs_at_once_each_job_has_one(ledger: Ledger) -> None:
    ids = [rung(ledger) for _ in range(20)]
    taken = at_once(lambda number: ledger.take(ids if number % 2 else ids[::-1], NOW, LEASE))
    assert sorted(job.id for jobs in taken for job in jobs) == ids


def test_taking_fences_whoever_read_the_job_before(ledger: Ledger) -> None:
    job_id = rung(ledger)
    before = ledger.get(job_id)
    (taken,) = ledger.take([job_id], NOW, LEASE)
    with pytest.raises(StaleJobError):
        ledger.apply(change(before, detail="from the past"), NOW)
    assert changed(ledger, taken, detail="mine").detail == "mine"


def test_a_lease_that_runs_out_can_be_claimed_and_taken_by_another(ledger: Ledger) -> None:
    job_id = rung(ledger)
    (slow,) = ledger.take([job_id], NOW, LEASE)
    late = NOW + LEASE
    assert len(ledger.claim_due([State.QUEUED], MAIN, late, LEASE, 9)) == 1
    assert len(ledger.take([job_id], late, LEASE)) == 1
    with pytest.raises(StaleJobError):
        ledger.apply(change(slow, detail="woke up"), late)


def test_a_claim_that_is_given_back_is_due_at_once_and_its_message_is_stale(ledger: Ledger) -> None:
    job_id = rung(ledger)
    now = NOW + SECOND
    ledger.unclaim([job_id], now)
    assert ledger.get(job_id).due_at == now
    assert ledger.take([job_id], NOW, LEASE) == []
    assert [claim.job_id for claim in ledger.claim_due([State.QUEUED], MAIN, now, LEASE, 9)] == [job_id]


def test_what_was_taken_meanwhile_cannot_be_given_back(ledger: Ledger) -> None:
    job_id = rung(ledger)
    (taken,) = ledger.take([job_id], NOW, LEASE)
    ledger.unclaim([job_id], NOW)
    assert ledger.get(job_id) == taken


def test_nothing_to_take_claim_or_give_back_is_no_mistake(ledger: Ledger) -> None:
    assert ledger.take([], NOW, LEASE) == []
    assert ledger.claim_these([], NOW, LEASE) == []
    assert ledger.claim_due([], MAIN, NOW, LEASE, 9) == []
    assert ledger.apply_batch([], NOW) == []
    ledger.unclaim([], NOW)
