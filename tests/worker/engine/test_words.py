"""What people may say of a job in each of its states, and what it then does: cancel, release, abandon, ask for the conversation early."""

from collections.abc import Callable

import pytest

from tests.worker.engine.house import DONE, HOUR, House
from worker.core.decision import IllegalTransition
from worker.core.events import AbandonRequested, CallbackReceived, CancelRequested, Event, ReleaseRequested
from worker.core.job import JobId, Outcome, Start
from worker.core.states import FINAL, State

LOST = {"on": "create_replica", "kind": "cut", "moment": "after", "times": 1}


def submitting(house: House) -> JobId:
    house.sandbox.set_faults(LOST)
    job_id = house.enqueue()
    house.step(job_id)
    return job_id


def ready(house: House) -> JobId:
    job_id = house.training(start=Start.ON_DEMAND)
    house.go_on(job_id)
    return job_id


def held(house: House) -> JobId:
    job_id = house.training("sandbox_outcome=unknown")
    house.go_on(job_id)
    return job_id


def done(house: House) -> JobId:
    job_id = house.training()
    house.go_on(job_id)
    return job_id


def abandoned(house: House) -> JobId:
    job_id = held(house)
    house.tell(job_id, AbandonRequested())
    return job_id


def cancelled(house: House) -> JobId:
    job_id = house.training()
    house.tell(job_id, CancelRequested())
    return job_id


IN: dict[State, Callable[[House], JobId]] = {
    State.QUEUED: House.enqueue,
    State.SUBMITTING: submitting,
    State.TRAINING: House.training,
    State.READY: ready,
    State.OPENING: House.opening,
    State.DONE: done,
    State.HELD: held,
    State.ABANDONED: abandoned,
    State.CANCELLED: cancelled,
}


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


@pytest.mark.parametrize("state", FINAL)
def test_a_job_that_is_over_can_only_be_cancelled_if_it_was(house: House, state: State) -> None:
    job_id = IN[state](house)
    before = house.job(job_id)
    if state is State.CANCELLED:
        house.tell(job_id, CancelRequested())
    else:
        with pytest.raises(IllegalTransition):
            house.tell(job_id, CancelRequested())
    assert house.job(job_id) == before


@pytest.mark.parametrize("event", [ReleaseRequested(), AbandonRequested()])
@pytest.mark.parametrize("state", [state for state in State if state is not State.HELD])
def test_only_a_held_job_can_be_released_or_abandoned(house: House, state: State, event: Event) -> None:
    job_id = IN[state](house)
    before = house.job(job_id)
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


@pytest.mark.parametrize("state", [State.QUEUED, State.SUBMITTING, State.TRAINING])
def test_a_conversation_that_is_asked_for_early_opens_when_the_replica_is_trained(house: House, state: State) -> None:
    if state is State.SUBMITTING:
        house.sandbox.set_faults(LOST)
    job_id = house.training(start=Start.NONE) if state is State.TRAINING else house.enqueue(start=Start.NONE)
    if state is State.SUBMITTING:
        house.step(job_id)
    assert house.engine.start_conversation(job_id) == []
    assert (house.job(job_id).state, house.job(job_id).conversation_wanted) == (state, True)
    assert house.go_on(job_id).state is State.DONE
    assert len(house.opened(job_id)) == 1


def test_a_conversation_that_is_asked_for_twice_is_opened_once(either_house: House) -> None:
    house = either_house
    job_id = ready(house)
    (job,) = house.engine.start_conversation(job_id)
    assert job.state is State.DONE
    assert house.engine.start_conversation(job_id) == []
    assert len(house.opened(job_id)) == 1


def test_a_message_for_a_conversation_that_a_cancellation_overtook_does_nothing(house: House) -> None:
    job_id = house.opening()
    house.tell(job_id, CancelRequested())
    before = house.job(job_id)
    house.wait(HOUR)
    assert house.engine.start_conversation(job_id) == []
    assert (house.job(job_id), house.opened(job_id)) == (before, [])


def test_no_conversation_can_be_asked_for_when_the_job_has_ended_without_one(house: House) -> None:
    job_id = house.training(start=Start.NONE)
    house.wait(DONE)
    house.step(job_id)
    with pytest.raises(IllegalTransition):
        house.engine.start_conversation(job_id)
    with pytest.raises(IllegalTransition):
        house.engine.start_conversation(abandoned(house))
