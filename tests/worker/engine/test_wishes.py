"""The wish for a conversation: early it is remembered, twice it is one, and when the job is over it is refused or comes to nothing."""

import pytest

from tests.worker.engine.house import DONE, HOUR, House
from tests.worker.engine.states import LOST, abandoned, ready
from worker.core.decision import IllegalTransition
from worker.core.events import CancelRequested, ConversationRequested, LinkVisited
from worker.core.request import Start
from worker.core.states import State


@pytest.mark.parametrize("state", [State.QUEUED, State.SUBMITTING, State.TRAINING])
def test_a_conversation_that_is_asked_for_early_opens_when_the_replica_is_trained(house: House, state: State) -> None:
    if state is State.SUBMITTING:
        house.sandbox.set_faults(LOST)
    job_id = house.training(start=Start.NONE) if state is State.TRAINING else house.enqueue(start=Start.NONE)
    if state is State.SUBMITTING:
        house.step(job_id)
    assert house.engine.start_conversation(job_id) == []
    asked = house.job(job_id)
    assert (asked.state, asked.conversation_wanted) == (state, True)
    assert house.engine.start_conversation(job_id) == []  # a doubled message
    assert house.job(job_id) == asked
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


def test_a_wish_is_heard_where_an_earlier_visitor_left_only_the_mark_of_the_next_conversation(house: House) -> None:
    house.sandbox.account("key-of-main", max_conversations=1)
    other, job_id = house.opening(), ready(house)
    house.step(other)
    house.tell(job_id, LinkVisited())
    house.step(job_id)
    waits = house.job(job_id)
    house.wait(HOUR)
    house.step(job_id)
    left = house.job(job_id)
    assert (waits.state, left.state) == (State.OPENING, State.READY)
    assert left.conversation is not None
    [job] = house.engine.start_conversation(job_id)
    assert job.state is State.DONE
    assert len(house.opened(job_id)) == 1


def test_a_wish_outlives_the_visitor_for_whom_the_conversation_is_being_opened(house: House) -> None:
    job_id = ready(house)
    house.tell(job_id, LinkVisited())
    house.tell(job_id, ConversationRequested())
    house.wait(HOUR)
    house.step(job_id)
    assert house.job(job_id).state is State.DONE
    assert len(house.opened(job_id)) == 1
