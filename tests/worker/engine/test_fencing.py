"""Who lost the lease may say no more what only its holder may say; what happened outside is recorded, whoever tells it and however late."""

from collections.abc import Callable
from datetime import datetime

import pytest
from typing_extensions import override

from tests.sandbox.server import Sandbox
from tests.worker.engine.doorway import a_doorway, is_submission
from tests.worker.engine.house import DONE, HOUR, LEASE, RULES, House, a_preflight
from tests.worker.store.made import at_once
from tests.worker.tavus.scripted import Asked
from worker.core.events import CallbackReceived, CancelRequested, InputPassed, InputRejected, InputUnread
from worker.core.job import Job, JobId, Outcome
from worker.core.request import Request, Start
from worker.core.states import State
from worker.preflight import Limits, Preflight

ROUNDS = 25  # on each database


class SlowPreflight(Preflight):
    """A look at the input that takes long enough for something else to happen."""

    def __init__(self, limits: Limits, meanwhile: Callable[[], object]) -> None:
        super().__init__(limits)
        self._meanwhile = meanwhile

    @override
    def check(self, request: Request, now: datetime) -> InputPassed | InputRejected | InputUnread:
        seen = super().check(request, now)
        self._meanwhile()
        return seen


def slow(meanwhile: Callable[[], object]) -> Preflight:
    return a_preflight(lambda limits: SlowPreflight(limits, meanwhile))


def submitted(house: House, sandbox: Sandbox, meanwhile: Callable[[JobId], object]) -> Job:
    """A job to which something happens after Tavus has made its replica and before the worker hears of it."""
    job_id = house.enqueue()

    def then(asked: Asked) -> None:
        if is_submission(asked):
            meanwhile(job_id)

    with a_doorway(sandbox, lambda _: None, then) as url:
        return house.step(job_id, house.another(url))


def test_who_looked_at_the_input_for_longer_than_the_lease_may_not_pay_when_another_has_the_job(either_house: House) -> None:
    house = either_house
    job_id = house.enqueue()

    def another_takes_it() -> None:
        house.wait(LEASE)
        assert house.step(job_id).state is State.TRAINING

    after = house.step(job_id, house.another(preflight=slow(another_takes_it)))
    assert (after.state, len(after.attempts)) == (State.TRAINING, 1)
    assert house.paid(job_id) == [after.replica_id]


def test_who_looked_at_the_input_may_not_pay_for_a_job_that_was_cancelled_meanwhile(house: House) -> None:
    job_id = house.enqueue()
    job = house.step(job_id, house.another(preflight=slow(lambda: house.tell(job_id, CancelRequested()))))
    assert (job.state, job.attempts) == (State.CANCELLED, ())
    assert house.asked() == {}


def test_who_looked_at_a_bad_input_may_not_end_a_job_that_another_has(house: House) -> None:
    job_id = house.enqueue(train_image_url=f"{house.sandbox.origin}/small.jpg")

    def another_takes_it() -> None:
        house.wait(LEASE)
        house.ledger.take([job_id], house.clock.now, LEASE)

    job = house.step(job_id, house.another(preflight=slow(another_takes_it)))
    assert (job.state, house.told(job_id)) == (State.QUEUED, ["Enqueued"])
    assert house.go_on(job_id).state is State.ABANDONED


def test_a_payment_is_recorded_by_the_one_who_made_it_when_another_has_the_job(either_house: House, sandbox: Sandbox) -> None:
    house = either_house

    def another_takes_it(job_id: JobId) -> None:
        house.wait(LEASE)
        assert len(house.ledger.take([job_id], house.clock.now, LEASE)) == 1

    job = submitted(house, sandbox, another_takes_it)
    assert (job.state, job.attempt.outcome) == (State.TRAINING, Outcome.CHARGED)
    assert house.paid(job.id) == [job.replica_id]


def test_a_payment_that_another_found_meanwhile_is_recorded_once(house: House, sandbox: Sandbox) -> None:
    def another_finds_it(job_id: JobId) -> None:
        house.wait(LEASE)
        assert house.step(job_id).state is State.TRAINING

    job = submitted(house, sandbox, another_finds_it)
    assert house.told(job.id) == ["Enqueued", "InputPassed", "MarkFound"]
    assert house.paid(job.id) == [job.replica_id]


def test_a_job_that_is_cancelled_during_its_submission_is_cancelled_with_its_replica_on_record(house: House, sandbox: Sandbox) -> None:
    job = submitted(house, sandbox, lambda job_id: house.tell(job_id, CancelRequested()))
    assert (job.state, job.attempt.outcome) == (State.CANCELLED, Outcome.CHARGED)
    assert job.due_at is not None
    assert house.paid(job.id) == [job.replica_id]


def test_a_payment_that_comes_to_light_when_the_job_is_long_cancelled_is_recorded(house: House, sandbox: Sandbox) -> None:
    job_id = house.enqueue()

    def the_mark_is_absent_until_the_job_ends(asked: Asked) -> None:
        if is_submission(asked):
            house.tell(job_id, CancelRequested())
            assert house.go_on(job_id).attempt.outcome is Outcome.ABSENT

    with a_doorway(sandbox, the_mark_is_absent_until_the_job_ends) as url:
        job = house.step(job_id, house.another(url))
    assert (job.state, job.attempt.outcome) == (State.CANCELLED, Outcome.CHARGED)
    assert house.paid(job_id) == [job.replica_id]
    assert house.ledger.story(job_id)[-1].why.startswith("late: ")


def test_a_look_without_news_does_not_put_off_the_look_that_a_callback_asked_for(house: House, sandbox: Sandbox) -> None:
    job_id = house.training()

    def call_back(_: Asked) -> None:
        house.tell(job_id, CallbackReceived())

    house.until_due(job_id)
    with a_doorway(sandbox, lambda _: None, call_back) as url:
        job = house.step(job_id, house.another(url))
    assert (job.state, job.due_at) == (State.TRAINING, house.clock.now)


@pytest.mark.parametrize("is_late", [False, True])
def test_nor_does_one_of_many_though_it_is_news_that_it_takes_long(house: House, sandbox: Sandbox, is_late: bool) -> None:  # noqa: FBT001 - a case
    job_id = house.training("sandbox_outcome=never")
    house.wait(RULES.training_soft_deadline if is_late else HOUR)
    with a_doorway(sandbox, lambda _: None, lambda _: house.tell(job_id, CallbackReceived())) as url:
        assert house.another(url).advance_many([job_id]) == []
    assert (house.job(job_id).due_at, house.job(job_id).attempt.late_at) == (house.clock.now, None)
    [looked] = house.engine.advance_many([job_id])
    assert (looked.state, looked.due_at) == (State.TRAINING, house.job(job_id).due_at)
    assert (house.job(job_id).attempt.late_at is not None, house.told(job_id)[-1]) == (
        (True, "TrainingContinued") if is_late else (False, "CallbackReceived")
    )


@pytest.mark.parametrize("others", [0, 1])
def test_news_of_a_training_is_written_although_somebody_asked_for_something_meanwhile(house: House, sandbox: Sandbox, others: int) -> None:
    job_id, rest = house.training(start=Start.NONE), [house.training(start=Start.NONE) for _ in range(others)]
    house.wait(DONE)
    with a_doorway(sandbox, lambda _: house.engine.start_conversation(job_id)) as url:
        house.another(url).advance_many([job_id, *rest])
    assert house.job(job_id).state is State.OPENING


def test_two_workers_who_have_the_same_job_at_the_same_moment_pay_once_and_open_once(either_house: House) -> None:
    house, workers = either_house, [either_house.another(), either_house.another()]
    for _ in range(ROUNDS):
        job_id = house.enqueue()
        at_once(lambda number: workers[number].advance(job_id), 2)  # noqa: B023 - it is over before the next round
        house.wait(DONE)
        for _ in range(2):
            at_once(lambda number: workers[number].advance_many([job_id]), 2)  # noqa: B023
        job = house.job(job_id)
        assert job.state is State.DONE
        assert house.paid(job_id) == [job.replica_id]
        assert len(house.opened(job_id)) == 1
