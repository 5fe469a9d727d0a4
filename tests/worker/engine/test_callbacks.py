"""A callback is a hint: doubled, early, late, or for a job that is over, it makes the job due now at most, and the look is the truth."""

import pytest

from tests.sandbox.server import Sandbox
from tests.worker.engine.doorway import a_doorway, is_submission
from tests.worker.engine.house import DONE, HOUR, LEASE, House
from tests.worker.engine.states import IN
from tests.worker.tavus.scripted import Asked
from worker.core.events import CallbackReceived
from worker.core.job import JobId, Outcome
from worker.core.states import State


def hint(house: House, job_id: JobId) -> None:
    house.tell(job_id, CallbackReceived())


def test_a_callback_brings_the_look_forward_and_the_look_is_believed(either_house: House) -> None:
    house = either_house
    job_id = house.training()
    house.wait(HOUR)
    hint(house, job_id)
    assert house.job(job_id).due_at == house.clock.now
    assert house.step(job_id).state is State.TRAINING  # forged: it is not over
    house.wait(DONE - HOUR)
    hint(house, job_id)
    assert house.step(job_id).state is State.OPENING


def test_a_callback_that_comes_twice_costs_one_look_at_most(house: House) -> None:
    job_id = house.training()
    house.wait(DONE)
    hint(house, job_id)
    hint(house, job_id)
    house.step(job_id)
    hint(house, job_id)
    assert house.step(job_id).state is State.DONE
    assert house.asked()["get_replica"] == 1


@pytest.mark.parametrize("state", [state for state in State if state not in {State.SUBMITTING, State.TRAINING, State.CANCELLED}])
def test_a_callback_for_a_job_that_waits_for_no_news_changes_nothing(house: House, state: State) -> None:
    job_id = IN[state](house)
    before, told = house.job(job_id), house.told(job_id)
    hint(house, job_id)
    assert (house.job(job_id), house.told(job_id)) == (before, told)


def test_a_callback_brings_the_look_at_a_cancelled_training_forward(house: House) -> None:
    job_id = IN[State.CANCELLED](house)
    house.wait(DONE)
    hint(house, job_id)
    job = house.step(job_id)
    assert (job.state, job.attempt.outcome, job.due_at) == (State.CANCELLED, Outcome.TRAINED, None)


def test_a_callback_during_the_submission_is_harmless_even_when_another_worker_follows_it(either_house: House, sandbox: Sandbox) -> None:
    house = either_house
    job_id = house.enqueue()

    def early(asked: Asked) -> None:
        if is_submission(asked):
            hint(house, job_id)
            assert house.step(job_id).state is State.SUBMITTING  # he looks, and it is not there yet

    def at_the_same_time(asked: Asked) -> None:
        if is_submission(asked):
            hint(house, job_id)
            assert house.step(job_id).state is State.TRAINING  # he looks, and finds it before the answer is read

    with a_doorway(sandbox, early, at_the_same_time) as url:
        assert house.step(job_id, house.another(url)).state is State.TRAINING
    assert house.go_on(job_id).state is State.DONE
    assert house.paid(job_id) == [house.job(job_id).replica_id]


def test_a_callback_brings_the_search_for_a_lost_submission_forward(house: House) -> None:
    job_id = IN[State.SUBMITTING](house)
    hint(house, job_id)
    assert house.step(job_id).state is State.TRAINING
    assert len(house.paid(job_id)) == 1


def test_callbacks_without_end_do_not_shorten_the_search_for_a_submission_that_never_arrived(house: House) -> None:
    house.sandbox.set_faults({"on": "create_replica", "kind": "cut", "times": 1})
    job_id = house.enqueue()
    house.step(job_id)
    for _ in range(20):
        hint(house, job_id)
        assert house.step(job_id).state is State.SUBMITTING
        house.wait(LEASE / 10)
    assert house.asked()["create_replica"] == 1
