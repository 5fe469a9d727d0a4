"""One request makes one job, however often and by however many it is sent."""

from dataclasses import replace

import pytest
from sqlalchemy.exc import IntegrityError

from tests.worker.store.made import LEASE, MAIN, NOW, THREADS, a_job, at_once, new_id
from worker.core.states import State
from worker.store.jobs import KeyReusedError, Ledger


def test_the_same_request_under_the_same_key_is_the_same_job(ledger: Ledger) -> None:
    first = ledger.add(a_job(idempotency_key="key"), "fingerprint", ring=None)
    again = ledger.add(a_job(idempotency_key="key"), "fingerprint", ring=LEASE)
    assert (first.created, again.created) == (True, False)
    assert again.job == first.job
    assert ledger.counts() == {State.QUEUED: 1}


def test_another_request_under_the_same_key_is_refused_and_leaves_nothing(ledger: Ledger) -> None:
    first = ledger.add(a_job(idempotency_key="key"), "fingerprint", ring=None).job
    other = a_job(idempotency_key="key")
    with pytest.raises(KeyReusedError) as refused:
        ledger.add(other, "another", ring=None)
    assert refused.value.job_id == first.id
    assert first.id in str(refused.value)
    assert ledger.recent(9) == [first]
    assert ledger.story(other.id) == []


def test_a_key_is_its_callers_own_and_no_key_is_no_key(ledger: Ledger) -> None:
    added = [
        ledger.add(job, "fingerprint", ring=None)
        for job in (a_job(idempotency_key="key"), a_job(caller="another", idempotency_key="key"), a_job(), a_job())
    ]
    assert all(one.created for one in added)
    assert len(ledger.recent(9)) == 4


def test_many_who_add_the_same_at_once_get_one_job_and_one_of_them_made_it(ledger: Ledger) -> None:
    added = at_once(lambda _: ledger.add(a_job(idempotency_key="key"), "fingerprint", ring=None))
    assert sorted(one.created for one in added) == [False] * (THREADS - 1) + [True]
    assert len({one.job.id for one in added}) == 1
    assert [one.job for one in added] == ledger.recent(9) * THREADS


def test_an_id_that_is_taken_is_never_answered_with_another_job(ledger: Ledger) -> None:
    job = ledger.add(a_job(), "fingerprint", ring=None).job
    for twin in (replace(job, account="another"), replace(job, idempotency_key="key")):
        with pytest.raises(IntegrityError):
            ledger.add(twin, "fingerprint", ring=None)
    assert ledger.recent(9) == [job]


def test_the_story_begins_with_who_enqueued_it(ledger: Ledger) -> None:
    job = ledger.add(a_job(caller="the shop"), "fingerprint", ring=None).job
    (line,) = ledger.story(job.id)
    assert (line.event, line.from_state, line.to_state, line.version, line.at) == ("Enqueued", None, State.QUEUED, 0, NOW)
    assert "the shop" in line.why


def test_a_job_whose_adder_rings_is_not_claimed_before_its_lease_runs_out(ledger: Ledger) -> None:
    job = ledger.add(a_job(id=new_id()), "fingerprint", ring=LEASE).job
    assert job.due_at == NOW + LEASE
    assert ledger.claim_due([State.QUEUED], MAIN, NOW, LEASE, 9) == []
    assert [taken.id for taken in ledger.take([job.id], NOW, LEASE)] == [job.id]
