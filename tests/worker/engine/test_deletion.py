"""The door of deletion: a failed replica is deleted once its refund is safe, and a fresh look still says error; anything else stays."""

import pytest

from tests.worker.engine.house import DAY, DONE, HOUR, RULES, SECOND, House
from tests.worker.store.made import at_once
from worker.core.deletion import DeletionRefused
from worker.core.events import CancelRequested, DeletionRequested, TrainingFailed
from worker.core.failures import Failure
from worker.core.job import Job, JobId, Start
from worker.core.states import State

BAD = "sandbox_outcome=PoseNotSuitableError"


def failed(house: House) -> JobId:
    """A job whose training has failed; the hold began when that was first seen."""
    job_id = house.training(BAD)
    house.wait(HOUR)
    assert house.step(job_id).state is State.ABANDONED
    return job_id


def lost_refunds(house: House) -> int:
    book: dict[str, int] = house.sandbox.ledger()["trainings"]
    return book["refunds_lost"] + book["deleted_while_training"]


def deleted(house: House, job_id: JobId, *, hard: bool = False) -> Job:
    house.tell(job_id, DeletionRequested(hard=hard))
    return house.job(job_id)


def test_a_failed_replica_is_kept_through_the_hold_and_the_refusal_says_until_when(either_house: House) -> None:
    house = either_house
    job_id, until = failed(house), house.clock.now + RULES.refund_hold
    house.wait(RULES.refund_hold - SECOND)
    for hard in (False, True):
        with pytest.raises(DeletionRefused) as refusal:
            deleted(house, job_id, hard=hard)
        assert refusal.value.until == until
        with pytest.raises(DeletionRefused):
            house.engine.foresee(job_id, DeletionRequested(hard=hard))
    assert "delete_replica" not in house.asked()


@pytest.mark.parametrize("hard", [False, True])
def test_after_the_hold_it_is_deleted_once_and_no_refund_is_lost(house: House, *, hard: bool) -> None:
    job_id = failed(house)
    house.wait(RULES.refund_hold)
    job = deleted(house, job_id, hard=hard)
    assert job.attempt.deleted_at == house.clock.now
    with pytest.raises(DeletionRefused):
        deleted(house, job_id, hard=hard)
    assert house.asked()["delete_replica"] == 1
    assert (house.sandbox.ledger()["trainings"]["refunded"], lost_refunds(house)) == (1, 0)
    assert house.told(job_id)[-2:] == ["DeletionRequested", "ReplicaDeleted"]


def test_two_who_delete_at_the_same_moment_both_find_it_deleted(house: House) -> None:
    job_id = failed(house)
    house.wait(RULES.refund_hold)

    def delete(_: int) -> bool:
        try:
            deleted(house, job_id)
        except DeletionRefused:
            return False
        return True

    assert any(at_once(delete, 2))
    assert house.told(job_id).count("ReplicaDeleted") == 1
    assert lost_refunds(house) == 0


@pytest.mark.parametrize("query", ["", "sandbox_outcome=never"])
def test_a_replica_that_does_not_say_error_any_more_is_not_deleted(house: House, query: str) -> None:
    job_id = house.training(query)
    replica_id = house.job(job_id).replica_id
    assert replica_id is not None
    house.tell(job_id, TrainingFailed(replica_id, Failure.POSE_NOT_SUITABLE, "what a list said by mistake"))
    house.wait(RULES.refund_hold)
    assert deleted(house, job_id).attempt.deleted_at is None
    assert house.told(job_id)[-1] == "DeletionDeclined"
    assert "delete_replica" not in house.asked()


def test_a_look_that_is_not_answered_deletes_nothing_and_may_be_repeated(house: House) -> None:
    job_id = failed(house)
    house.wait(RULES.refund_hold)
    house.sandbox.set_faults({"on": "get_replica", "kind": "500", "times": 1})
    assert deleted(house, job_id).attempt.deleted_at is None
    assert deleted(house, job_id).attempt.deleted_at is not None
    assert house.asked()["delete_replica"] == 1


def test_a_replica_in_training_is_never_deleted_however_long_its_job_is_over(house: House) -> None:
    job_id = house.training("sandbox_outcome=never")
    with pytest.raises(DeletionRefused):
        deleted(house, job_id)
    house.tell(job_id, CancelRequested())
    house.wait(30 * DAY)
    with pytest.raises(DeletionRefused) as refusal:
        deleted(house, job_id)
    assert refusal.value.until is None
    assert "delete_replica" not in house.asked()


def test_a_job_without_a_replica_has_nothing_to_delete(house: House) -> None:
    with pytest.raises(DeletionRefused):
        deleted(house, house.enqueue())


def test_a_trained_replica_may_be_deleted_at_once_but_not_out_of_a_conversation(house: House) -> None:
    idle = house.training(start=Start.NONE)
    house.wait(DONE)
    house.step(idle)
    assert deleted(house, idle).attempt.deleted_at == house.clock.now
    talking = house.opening()
    with pytest.raises(DeletionRefused):
        deleted(house, talking)
    house.step(talking)
    assert deleted(house, talking).attempt.deleted_at is None
    house.wait(HOUR)
    assert deleted(house, talking).attempt.deleted_at == house.clock.now
    assert lost_refunds(house) == 0
