"""What people may say of a held job, and only of that; what would follow can be asked before it is said."""

import pytest

from tests.worker.engine.house import House
from tests.worker.engine.states import IN, held
from worker.core.decision import IllegalTransition
from worker.core.events import AbandonRequested, CallbackReceived, ReleaseRequested
from worker.core.job import JobId
from worker.core.states import State


@pytest.mark.parametrize("state", [state for state in State if state is not State.HELD])
def test_only_a_held_job_can_be_released_or_abandoned(house: House, state: State) -> None:
    job_id = IN[state](house)
    before = house.job(job_id)
    for event in (ReleaseRequested(), AbandonRequested()):
        with pytest.raises(IllegalTransition):
            house.tell(job_id, event)
    assert house.job(job_id) == before


def test_a_released_job_goes_on_where_its_policy_says(house: House) -> None:
    job_id = held(house)
    assert house.tell(job_id, ReleaseRequested()).state is State.QUEUED  # a person has read that it pays again
    house.step(job_id)
    assert len(house.paid(job_id)) == 2


def test_an_overdue_training_that_is_released_is_watched_on_and_not_paid_again(house: House) -> None:
    job_id = house.training("sandbox_outcome=never")
    overdue = house.go_on(job_id)
    assert (overdue.state, overdue.failure) == (State.HELD, "training_overdue")
    assert house.tell(job_id, ReleaseRequested()).state is State.TRAINING
    assert house.step(job_id).state is State.TRAINING
    assert len(house.paid(job_id)) == 1


def test_what_would_follow_can_be_foreseen_and_is_not_done(house: House) -> None:
    job_id = held(house)
    before = house.job(job_id)
    assert house.engine.foresee(job_id, ReleaseRequested()).job.state is State.QUEUED
    assert house.job(job_id) == before
    with pytest.raises(KeyError):
        house.engine.foresee(JobId("unknown"), ReleaseRequested())
    with pytest.raises(KeyError):
        house.tell(JobId("unknown"), CallbackReceived())
