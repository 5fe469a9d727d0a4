"""The door of deletion: a failed replica is deleted once its refund is safe and two looks, some time apart, still say error; anything else stays."""

from collections.abc import Callable

import pytest

from tests.worker.engine.dying import DiedError, Fate, dying
from tests.worker.engine.house import DAY, DONE, HOUR, LEASE, RULES, SECOND, House
from tests.worker.store.made import at_once
from worker.core.deletion import DeletionRefused
from worker.core.events import CancelRequested, DeletionRequested, TrainingFailed
from worker.core.failures import Failure
from worker.core.job import Job, JobId, ReplicaId
from worker.core.request import Start
from worker.core.states import State
from worker.engine import Engine

BAD = "sandbox_outcome=PoseNotSuitableError"
TRAINED_STEPS = ["DeletionRequested", "ReplicaDeleted"]
FAILED_STEPS = ["DeletionRequested", "FailureConfirmed", "ReplicaDeleted"]


def failed(house: House) -> JobId:
    """A job whose training has failed; the hold began when that was first seen."""
    job_id = house.training(BAD)
    house.wait(HOUR)
    assert house.step(job_id).state is State.ABANDONED
    return job_id


def idle(house: House) -> JobId:
    """A job whose replica is trained and talks to nobody."""
    job_id = house.training(start=Start.NONE)
    house.wait(DONE)
    house.step(job_id)
    return job_id


def lost_refunds(house: House) -> int:
    book: dict[str, int] = house.sandbox.ledger()["trainings"]
    return book["refunds_lost"] + book["deleted_while_training"]


def replica_of(house: House, job_id: JobId) -> ReplicaId:
    replica_id = house.job(job_id).replica_id
    assert replica_id is not None
    return replica_id


def wished(house: House, job_id: JobId, *, hard: bool = False) -> Job:
    """The job once somebody's wish was let in and what is due of it was done."""
    house.tell(job_id, DeletionRequested(hard=hard, replica_id=replica_of(house, job_id) if hard else None))
    house.engine.delete_due(job_id)
    return house.job(job_id)


def gone_on(house: House, job_id: JobId) -> Job:
    """The job after as many due moments as its deletion has."""
    for _ in range(9):
        wish = house.job(job_id).attempt.deletion
        if wish is None:
            return house.job(job_id)
        house.wait(max(wish.due_at - house.clock.now, 0 * SECOND))
        assert house.ledger.due_deletions(house.clock.now, 9) == [job_id]
        house.engine.delete_due(job_id)
    raise AssertionError(house.told(job_id))


def test_a_failed_replica_is_kept_through_the_hold_and_the_refusal_says_until_when(either_house: House) -> None:
    house = either_house
    job_id, until = failed(house), house.clock.now + RULES.refund_hold
    house.wait(RULES.refund_hold - SECOND)
    for hard in (False, True):
        with pytest.raises(DeletionRefused) as refusal:
            wished(house, job_id, hard=hard)
        assert refusal.value.until == until
        with pytest.raises(DeletionRefused):
            house.engine.foresee(job_id, DeletionRequested(hard=hard, replica_id=replica_of(house, job_id)))
    assert "delete_replica" not in house.asked()


@pytest.mark.parametrize("hard", [False, True])
def test_after_the_hold_it_is_deleted_once_after_two_looks_and_no_refund_is_lost(either_house: House, *, hard: bool) -> None:
    house = either_house
    job_id = failed(house)
    house.wait(RULES.refund_hold)
    looked = wished(house, job_id, hard=hard).attempt.deletion
    assert looked is not None
    assert (looked.confirmed_at, looked.due_at) == (house.clock.now, house.clock.now + RULES.refund_confirm)
    house.wait(RULES.refund_confirm - SECOND)
    assert (house.engine.delete_due(job_id), house.ledger.due_deletions(house.clock.now, 9)) == ([], [])
    assert "delete_replica" not in house.asked()
    job = gone_on(house, job_id)
    assert job.attempt.deleted_at == house.clock.now
    with pytest.raises(DeletionRefused):
        wished(house, job_id, hard=hard)
    assert house.asked()["delete_replica"] == 1
    assert (house.sandbox.ledger()["trainings"]["refunded"], lost_refunds(house)) == (1, 0)
    assert house.told(job_id)[-3:] == FAILED_STEPS


@pytest.mark.parametrize(("made", "steps"), [(failed, FAILED_STEPS), (idle, TRAINED_STEPS)])
def test_two_who_delete_at_the_same_moment_delete_once(house: House, made: Callable[[House], JobId], steps: list[str]) -> None:
    job_id = made(house)
    house.wait(RULES.refund_hold)
    at_once(lambda _: house.tell(job_id, DeletionRequested()), 2)
    for _ in steps[1:]:
        at_once(lambda _: house.engine.delete_due(job_id), 2)
        house.wait(RULES.refund_confirm)
    assert house.told(job_id)[-len(steps) :] == steps
    assert house.asked()["delete_replica"] == 1
    assert lost_refunds(house) == 0


@pytest.mark.parametrize("query", ["", "sandbox_outcome=never"])
def test_a_replica_that_does_not_say_error_any_more_is_not_deleted(house: House, query: str) -> None:
    job_id = house.training(query)
    house.tell(job_id, TrainingFailed(replica_of(house, job_id), Failure.POSE_NOT_SUITABLE, "what a list said by mistake"))
    house.wait(RULES.refund_hold)
    assert wished(house, job_id).attempt.deletion is None
    assert house.told(job_id)[-1] == "DeletionDeclined"
    assert "delete_replica" not in house.asked()


def test_a_look_that_is_not_answered_deletes_nothing_and_is_repeated_until_it_is(house: House) -> None:
    job_id = failed(house)
    house.wait(RULES.refund_hold)
    house.sandbox.set_faults({"on": "get_replica", "kind": "500", "times": 1})
    assert wished(house, job_id).attempt.deleted_at is None
    assert house.told(job_id)[-1] == "DeletionUnread"
    assert gone_on(house, job_id).attempt.deleted_at is not None
    assert house.asked()["delete_replica"] == 1


@pytest.mark.parametrize("moment", ["before", "after"])
def test_a_deletion_whose_answer_was_lost_is_settled_by_the_next_look(house: House, moment: str) -> None:
    job_id = idle(house)
    house.sandbox.set_faults({"on": "delete_replica", "kind": "cut", "moment": moment, "times": 1})
    assert wished(house, job_id).attempt.deletion is not None
    assert gone_on(house, job_id).attempt.deleted_at == house.clock.now
    assert house.asked()["delete_replica"] == (2 if moment == "before" else 1)


def crossed(house: House, job_id: JobId) -> list[str]:
    """Every boundary from a wish that is let in to the deletion."""
    fate = Fate()
    mortal = dying(house, fate)
    for _ in range(2):
        mortal.delete_due(job_id)
        house.wait(RULES.refund_confirm)
    return fate.crossed


def died(house: House, mortal: Engine, job_id: JobId) -> bool:
    """Whether the worker died at the deletion."""
    try:
        for _ in range(2):
            mortal.delete_due(job_id)
            house.wait(RULES.refund_confirm)
    except DiedError:
        return True
    return False


def test_a_worker_may_die_at_any_boundary_of_a_deletion_and_another_finishes_it_without_a_refund_lost(house: House) -> None:
    first = failed(house)
    house.wait(RULES.refund_hold)
    house.tell(first, DeletionRequested())
    names = crossed(house, first)
    assert [name for name in names if "DELETE" in name] == [
        f"{when} DELETE /replicas/{replica_of(house, first)}" for when in ("before", "after")
    ]
    for at, name in enumerate(names):
        job_id = failed(house)
        house.wait(RULES.refund_hold)
        house.tell(job_id, DeletionRequested())
        mortal = dying(house, Fate(at))
        assert died(house, mortal, job_id), name
        mortal.performer.tavus.close()
        house.wait(LEASE)
        job = gone_on(house, job_id)
        assert job.attempt.deleted_at is not None, name
        assert house.told(job_id).count("ReplicaDeleted") == 1, name
        assert job.state is State.ABANDONED
    assert lost_refunds(house) == 0


def test_a_replica_in_training_is_never_deleted_however_long_its_job_is_over(house: House) -> None:
    job_id = house.training("sandbox_outcome=never")
    with pytest.raises(DeletionRefused):
        wished(house, job_id)
    house.tell(job_id, CancelRequested())
    house.wait(30 * DAY)
    with pytest.raises(DeletionRefused) as refusal:
        wished(house, job_id)
    assert refusal.value.until is None
    assert "delete_replica" not in house.asked()


def test_a_job_without_a_replica_has_nothing_to_delete(house: House) -> None:
    with pytest.raises(DeletionRefused):
        wished(house, house.enqueue())


def test_a_trained_replica_may_be_deleted_at_once_but_not_out_of_a_conversation(house: House) -> None:
    assert wished(house, idle(house)).attempt.deleted_at == house.clock.now
    talking = house.opening()
    with pytest.raises(DeletionRefused):
        wished(house, talking)
    house.step(talking)
    assert wished(house, talking).attempt.deleted_at is None
    assert house.told(talking)[-1] == "DeletionDeclined"
    house.wait(HOUR)
    assert wished(house, talking).attempt.deleted_at == house.clock.now
    assert lost_refunds(house) == 0
