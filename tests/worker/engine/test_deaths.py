"""A worker may die at any boundary, before or after any commit and any call: another goes on after the lease, and nothing is paid or opened twice."""

import random
from collections.abc import Sequence

import pytest

from tests.worker.engine.dying import DiedError, Fate, dying
from tests.worker.engine.house import LEASE, House
from worker.core.job import JobId, Outcome
from worker.core.states import State

LOST = {"on": "create_replica", "kind": "cut", "moment": "after", "times": 1}


def crossed(house: House) -> list[str]:
    """Every boundary of the straight line."""
    fate = Fate()
    house.go_on(house.enqueue(), dying(house, fate))
    return fate.crossed


def lives(house: House, ends: Sequence[int]) -> JobId:
    """A job that is worked on by workers who die at these boundaries, one after the other, and then by one who does not."""
    job_id = house.enqueue()
    for at in ends:
        mortal = dying(house, Fate(at))
        try:
            house.go_on(job_id, mortal)
        except DiedError:
            house.wait(LEASE)
        mortal.performer.tavus.close()
    house.go_on(job_id)
    return job_id


def require_done_once(house: House, job_id: JobId, how: str) -> None:
    job = house.job(job_id)
    assert job.state is State.DONE, how
    assert job.conversation is not None
    assert house.paid(job_id) == [job.replica_id], how
    assert house.opened(job_id) == [job.conversation.id], how
    assert [attempt.outcome for attempt in job.attempts if attempt.outcome is not Outcome.ABSENT] == [Outcome.TRAINED], how


def test_the_straight_line_has_a_boundary_on_either_side_of_each_commit_and_each_call(house: House) -> None:
    names = crossed(house)
    assert names[:8] == [
        "before taking",
        "after taking",
        "before the look at the input",
        "after the look at the input",
        "before committing InputPassed",
        "after committing InputPassed",
        "before POST /replicas",
        "after POST /replicas",
    ]
    assert len(names) == 24


def test_a_worker_that_dies_at_any_boundary_leaves_a_job_that_another_finishes_and_nothing_happens_twice(either_house: House) -> None:
    for at, name in enumerate(crossed(either_house)):
        require_done_once(either_house, lives(either_house, [at]), f"died {name}")
    assert either_house.sandbox.ledger()["paid_twice"] == []


def test_workers_that_die_one_after_the_other_do_no_more_harm_than_one(house: House) -> None:
    names, chance = crossed(house), random.Random(11)
    for _ in range(10):
        ends = [chance.randrange(len(names)), chance.randrange(len(names)), chance.randrange(8)]
        require_done_once(house, lives(house, ends), f"died at {ends}")


def test_a_worker_that_dies_while_it_looks_for_a_lost_submission_does_not_pay_again(house: House) -> None:
    for at in range(7, 15):  # from the POST to the commit that knows the replica
        house.sandbox.set_faults(LOST)
        require_done_once(house, lives(house, [at]), f"died at {at}")


@pytest.mark.parametrize("moment", ["before", "after"])
def test_a_job_whose_worker_died_around_the_post_pays_once_whether_or_not_it_was_done(house: House, moment: str) -> None:
    at = crossed(house).index(f"{moment} POST /replicas")
    job_id = house.enqueue()
    with pytest.raises(DiedError):
        house.step(job_id, dying(house, Fate(at)))
    left = house.job(job_id)
    assert (left.state, left.attempt.outcome, left.replica_id) == (State.SUBMITTING, Outcome.RESERVED, None)
    assert len(house.paid(job_id)) == (moment == "after")
    assert house.engine.advance(job_id) == []  # its lease is still on
    house.go_on(job_id)
    require_done_once(house, job_id, moment)
    assert len(house.job(job_id).attempts) == (1 if moment == "after" else 2)


def test_a_worker_that_dies_before_it_writes_a_refusal_leaves_a_mark_that_is_looked_for_and_proven_absent(house: House) -> None:
    mortal = dying(house, Fate(crossed(house).index("after POST /replicas")))
    house.sandbox.set_faults({"on": "create_replica", "kind": "429", "times": 1})
    job_id = house.enqueue()
    with pytest.raises(DiedError):
        house.step(job_id, mortal)
    house.go_on(job_id)
    require_done_once(house, job_id, "died with a refusal in its hand")
    assert house.told(job_id).count("MarkAbsent") > 1
