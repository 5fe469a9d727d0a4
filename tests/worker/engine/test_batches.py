"""Many jobs in one message: one call for each account answers for all in training, and whatever else is among them goes its own way."""

from collections.abc import MutableMapping
from typing import Any

import pytest

from tests.worker.engine.house import DONE, HOUR, LEASE, MAIN, OTHER, House
from worker.core.events import CancelRequested
from worker.core.job import JobId
from worker.core.request import Start
from worker.core.states import State

Logged = list[MutableMapping[str, Any]]
BAD = "sandbox_outcome=PoseNotSuitableError"


def in_training(house: House, count: int, query: str = "", account: str = MAIN) -> list[JobId]:
    return [house.training(query, account=account, start=Start.NONE) for _ in range(count)]


def looks(house: House) -> tuple[int, int]:
    """How many list calls and single GETs there were."""
    return house.asked().get("list_replicas", 0), house.asked().get("get_replica", 0)


def states(house: House, ids: list[JobId]) -> set[State]:
    return {house.job(job_id).state for job_id in ids}


def test_a_hundred_trainings_of_two_accounts_cost_two_calls_and_each_error_one_more(house: House) -> None:
    well = in_training(house, 47) + in_training(house, 50, account=OTHER)
    badly = in_training(house, 3, BAD)
    house.wait(HOUR)
    assert len(house.engine.advance_many(well + badly)) == 100
    assert looks(house) == (2, 3)
    assert states(house, badly) == {State.ABANDONED}
    house.wait(DONE)
    assert {job.id for job in house.engine.advance_many(well + badly)} == set(well)
    assert looks(house) == (4, 3)
    assert states(house, well) == {State.DONE}


def test_what_is_not_in_training_goes_its_own_way(either_house: House) -> None:
    house = either_house
    opening = house.opening()
    ready = in_training(house, 2)
    lost = house.enqueue()
    house.sandbox.set_faults({"on": "create_replica", "kind": "cut", "moment": "after", "times": 1})
    assert house.step(lost).state is State.SUBMITTING
    queued, cancelled = house.enqueue(), house.enqueue()
    house.tell(cancelled, CancelRequested())
    house.wait(DONE)
    moved = house.engine.advance_many([opening, *ready, lost, queued, cancelled, JobId("unknown")])
    assert {job.id: job.state for job in moved} == {
        opening: State.DONE,
        ready[0]: State.DONE,
        ready[1]: State.DONE,
        lost: State.TRAINING,
        queued: State.TRAINING,
    }
    assert house.job(cancelled).state is State.CANCELLED
    assert [len(house.paid(job_id)) for job_id in (lost, queued, cancelled)] == [1, 1, 0]


def test_a_stale_or_a_doubled_message_does_nothing(either_house: House) -> None:
    house, (first, second) = either_house, in_training(either_house, 2)
    assert house.engine.advance_many([first, second]) == []
    assert house.engine.advance(first) == []
    house.wait(HOUR)
    assert len(house.engine.advance_many([first, second, first])) == 2
    assert house.engine.advance_many([first, second]) == []
    assert house.engine.advance_many([]) == []
    assert looks(house) == (1, 0)


def test_a_list_that_is_not_answered_leaves_every_training_where_it_is(house: House) -> None:
    ids = in_training(house, 5)
    house.wait(DONE)
    house.sandbox.set_faults({"on": "list_replicas", "kind": "500", "times": 1})
    assert {job.state for job in house.engine.advance_many(ids)} == {State.TRAINING}
    assert {job.tries for job in house.ledger.get_many(ids)} == {1}
    house.wait(LEASE)
    assert {job.state for job in house.engine.advance_many(ids)} == {State.DONE}


def test_one_account_that_is_not_answered_does_not_stop_the_others(house: House) -> None:
    ours, theirs = in_training(house, 3), in_training(house, 3, account=OTHER)
    house.wait(DONE)
    house.sandbox.account("key-of-main", revoked=True)
    house.engine.advance_many(ours + theirs)
    assert (states(house, ours), states(house, theirs)) == ({State.TRAINING}, {State.DONE})


@pytest.mark.parametrize(
    "columns",
    [
        {"state": "held"},
        {"state": "no such state"},
        {"failure": "no such failure"},
        {"request": '{"start": "on_ready"}'},
    ],
)
def test_a_row_that_was_changed_by_hand_is_named_in_the_log_and_does_not_stop_the_others(
    house: House, logged: Logged, columns: dict[str, str]
) -> None:
    ids = in_training(house, 5)
    house.by_hand(ids[2], **columns)
    others = ids[:2] + ids[3:]
    house.wait(DONE)
    assert {job.id for job in house.engine.advance_many(ids)} == set(others)
    assert states(house, others) == {State.DONE}
    assert looks(house) == (1, 0)
    assert [line["job_id"] for line in logged if line["log_level"] == "error"] == [ids[2]]


@pytest.mark.parametrize("state", ["training", "submitting", "opening"])
def test_a_job_that_never_had_a_replica_and_says_it_has_does_not_stop_the_others(house: House, state: str) -> None:
    odd, ids = house.enqueue(), in_training(house, 3)
    house.by_hand(odd, state=state)
    house.wait(DONE)
    moved = {job.id for job in house.engine.advance_many([odd, *ids])}
    assert set(ids) <= moved
    assert states(house, ids) == {State.DONE}
    assert house.paid(odd) == []
    assert house.engine.advance_many([odd]) == []  # it comes back when its lease is over, and not before
