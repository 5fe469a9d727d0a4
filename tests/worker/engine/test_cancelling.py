"""A job can be cancelled until it is over: nothing more is paid, and what was paid stays at Tavus and on record."""

import pytest

from tests.worker.engine.house import House
from tests.worker.engine.states import IN, LOST
from worker.core.decision import IllegalTransition
from worker.core.events import CancelRequested
from worker.core.job import Outcome
from worker.core.states import FINAL, State


@pytest.mark.parametrize("state", [state for state in State if state not in FINAL])
def test_a_job_that_is_cancelled_ends_without_a_further_payment_and_keeps_what_was_paid_on_record(house: House, state: State) -> None:
    job_id = IN[state](house)
    assert house.job(job_id).state is state
    paid = house.paid(job_id)
    house.tell(job_id, CancelRequested())
    job = house.go_on(job_id)
    assert (job.state, job.cancel_requested) == (State.CANCELLED, True)
    assert house.paid(job_id) == paid == ([job.replica_id] if job.replica_id else [])
    assert house.opened(job_id) == []
    assert "delete_replica" not in house.asked()


def test_a_lost_submission_that_never_arrived_is_proven_absent_before_its_job_is_cancelled(house: House) -> None:
    house.sandbox.set_faults(LOST | {"moment": "before"})
    job_id = house.enqueue()
    house.step(job_id)
    assert house.tell(job_id, CancelRequested()).state is State.SUBMITTING
    job = house.go_on(job_id)
    assert (job.state, job.attempt.outcome, house.paid(job_id)) == (State.CANCELLED, Outcome.ABSENT, [])


@pytest.mark.parametrize("state", sorted(FINAL))
def test_a_job_that_is_over_can_only_be_cancelled_if_it_was(house: House, state: State) -> None:
    job_id = IN[state](house)
    before = house.job(job_id)
    if state is State.CANCELLED:
        house.tell(job_id, CancelRequested())
    else:
        with pytest.raises(IllegalTransition):
            house.tell(job_id, CancelRequested())
    assert house.job(job_id) == before
