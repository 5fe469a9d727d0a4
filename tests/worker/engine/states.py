"""A job in each state, brought there by the way that jobs come."""

from collections.abc import Callable

from tests.worker.engine.house import House
from worker.core.events import AbandonRequested, CancelRequested
from worker.core.job import JobId
from worker.core.request import Start
from worker.core.states import State

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
