"""A job that is over, or ready, is watched until the money of its submissions is settled; its state stays, and nothing more is paid."""

from datetime import timedelta

import httpx
import pytest

from tests.worker.engine.house import DONE, HOUR, KEYS, MAIN, RULES, House
from tests.worker.engine.states import LOST
from worker.core.credits import Entry, entry_of
from worker.core.events import AbandonRequested, CancelRequested, ConversationRequested, MarkDiscovered, RetryRequested
from worker.core.job import Job, JobId, Outcome
from worker.core.marks import replica_mark
from worker.core.request import Start
from worker.core.rules import phase
from worker.core.states import State


def entry(house: House, job: Job) -> Entry:
    return entry_of(job.attempt, house.clock.now)


def to_the_end(house: House, job_id: JobId) -> Job:
    """The job once nothing is due of it any more, asked about as the plan says."""
    for _ in range(900):
        if house.job(job_id).due_at is None:
            return house.job(job_id)
        house.until_due(job_id)
        house.engine.advance_many([job_id])
    raise AssertionError(house.told(job_id))


@pytest.mark.parametrize(
    ("query", "outcome", "credit"),
    [("", Outcome.TRAINED, Entry.CHARGED), ("sandbox_outcome=HeadphonesError", Outcome.FAILED, Entry.REFUND_EXPECTED)],
)
def test_a_cancelled_training_is_watched_to_its_end_and_its_credit_is_known_then(
    either_house: House, query: str, outcome: Outcome, credit: Entry
) -> None:
    house = either_house
    job_id = house.training(query)
    cancelled = house.tell(job_id, CancelRequested())
    assert (cancelled.state, entry(house, cancelled)) == (State.CANCELLED, Entry.CHARGED)
    ended = to_the_end(house, job_id)
    assert (ended.state, ended.attempt.outcome, entry(house, ended)) == (State.CANCELLED, outcome, credit)
    assert house.opened(job_id) == []
    assert house.asked()["create_replica"] == 1


def test_the_training_of_a_cancelled_job_costs_about_as_many_looks_as_another(house: House) -> None:
    job_id = house.training()
    house.tell(job_id, CancelRequested())
    to_the_end(house, job_id)
    attempt, plan, planned, elapsed = house.job(job_id).attempt, RULES.plan, 0, timedelta(0)
    assert attempt.ended_at is not None
    while elapsed < attempt.ended_at - attempt.intended_at:
        planned, elapsed = planned + 1, plan.next_look(elapsed, phase(job_id))
    assert abs(house.asked().get("list_replicas", 0) + house.asked()["get_replica"] - planned) <= 1


def test_a_second_training_beside_a_job_that_waits_for_its_visitor_is_watched_to_its_end_and_what_the_job_has_stays(
    either_house: House,
) -> None:
    house = either_house
    job_id = house.training(start=Start.ON_DEMAND)
    own = house.go_on(job_id)
    second, picture = replica_mark(job_id, 2), house.sandbox.picture(f"of={job_id}&sandbox_outcome=HeadphonesError")
    asked = {"replica_name": second, "train_image_url": picture, "voice_name": "anna", "model_name": "phoenix-4"}
    made = httpx.post(
        f"{house.sandbox.url}/replicas", json=asked, headers={"x-api-key": KEYS[MAIN].get_secret_value()}, trust_env=False
    ).json()
    found = house.tell(job_id, MarkDiscovered(second, made["replica_id"], house.clock.now))
    assert (own.state, found.state, found.replica_id, found.due_at is None) == (State.READY, State.READY, own.replica_id, False)
    ended = to_the_end(house, job_id)
    assert (ended.state, ended.replica_id, [one.outcome for one in ended.attempts]) == (
        State.READY, own.replica_id, [Outcome.TRAINED, Outcome.FAILED]
    )  # fmt: skip
    assert ended.attempts[1].deletable_at is not None
    house.tell(job_id, ConversationRequested())
    assert (house.go_on(job_id).state, len(house.opened(job_id))) == (State.DONE, 1)


def test_a_failed_replica_of_a_cancelled_job_can_be_deleted_when_its_refund_is_safe(house: House) -> None:
    job_id = house.training("sandbox_outcome=HeadphonesError")
    house.tell(job_id, CancelRequested())
    ended = to_the_end(house, job_id)
    assert ended.attempt.deletable_at is not None
    house.wait(RULES.refund_hold)
    assert entry(house, house.job(job_id)) is Entry.REFUND_ASSUMED


def test_a_training_that_nobody_ever_ends_is_not_looked_at_for_ever(house: House) -> None:
    job_id = house.training("sandbox_outcome=never")
    house.tell(job_id, CancelRequested())
    house.wait(2 * RULES.training_deadline - HOUR)
    assert house.step(job_id).due_at is not None
    house.wait(HOUR)
    ended = house.step(job_id)
    assert (ended.state, ended.due_at, ended.attempt.outcome) == (State.CANCELLED, None, Outcome.CHARGED)


def test_a_job_that_is_abandoned_while_its_submission_may_have_been_made_finds_out_and_can_be_tried_again(house: House) -> None:
    house.sandbox.set_faults(LOST | {"moment": "before"}, {"on": "list_replicas", "kind": "500"})
    job_id = house.enqueue()
    house.step(job_id)
    for _ in range(400):
        if house.job(job_id).state is State.HELD:
            break
        house.until_due(job_id)
        house.step(job_id)
    given_up = house.tell(job_id, AbandonRequested())
    assert (given_up.state, entry(house, given_up)) == (State.ABANDONED, Entry.RESERVED)
    house.sandbox.set_faults()
    ended = to_the_end(house, job_id)
    assert (ended.state, entry(house, ended)) == (State.ABANDONED, Entry.NOT_CHARGED)
    house.tell(job_id, RetryRequested())
    assert house.go_on(job_id).state is State.DONE
    assert len(house.paid(job_id)) == 1


def test_trainings_of_jobs_that_are_over_share_the_looks_of_the_others(house: House) -> None:
    over, going = [house.training() for _ in range(5)], [house.training() for _ in range(5)]
    for job_id in over:
        house.tell(job_id, CancelRequested())
    house.wait(DONE)
    assert len(house.engine.advance_many(over + going)) == 10
    assert house.asked()["list_replicas"] == 1
    assert {house.job(job_id).attempt.outcome for job_id in over + going} == {Outcome.TRAINED}
