"""An account's own limits end to end: no training beyond them is ever paid for, whoever hurries, and every job comes through in the end."""

from tests.worker.engine.house import DAY, DONE, MAIN, OTHER, House
from tests.worker.store.made import at_once
from worker.core.events import CancelRequested
from worker.core.failures import Failure
from worker.core.job import JobId, Terms
from worker.core.request import Start
from worker.core.states import State

FULL, SPENT = Failure.IN_FLIGHT_FULL, Failure.MONTH_SPENT


def payments(house: House, ids: list[JobId]) -> int:
    return sum(len(house.paid(job_id)) for job_id in ids)


def enqueued(house: House, count: int, account: str = MAIN) -> list[JobId]:
    return [house.enqueue(account=account, start=Start.NONE) for _ in range(count)]


def test_no_more_trainings_run_than_the_account_allows_and_each_that_ends_lets_the_next_through(either_house: House) -> None:
    house = either_house
    house.ledger.set_terms(MAIN, Terms(max_in_flight=2), house.clock.now)
    ids = enqueued(house, 5)
    for job_id in ids:
        house.step(job_id)
    assert [house.job(job_id).state for job_id in ids] == [State.TRAINING] * 2 + [State.QUEUED] * 3
    assert {house.job(job_id).failure for job_id in ids[2:]} == {FULL}
    house.wait(DONE)
    for job_id in ids[2:]:
        assert house.step(job_id).failure is FULL  # nobody has seen yet that they ended
    house.engine.advance_many(ids[:2])
    woken = [job_id for job_id in ids if house.job(job_id).due_at == house.clock.now]
    assert len(woken) == 2
    for job_id in woken:
        assert house.step(job_id).state is State.TRAINING
    assert payments(house, ids) == 4
    for job_id in ids:
        assert house.go_on(job_id).state is State.DONE
    assert payments(house, ids) == 5


def test_the_last_place_is_taken_once_by_workers_who_hurry(either_house: House) -> None:
    house, workers = either_house, [either_house.another(), either_house.another()]
    house.ledger.set_terms(MAIN, Terms(max_in_flight=1), house.clock.now)
    for _ in range(6):
        ids = enqueued(house, 2)
        at_once(lambda number: workers[number].advance(ids[number]), 2)  # noqa: B023 - it is over before the next round
        states = sorted(house.job(job_id).state for job_id in ids)
        assert states == [State.QUEUED, State.TRAINING]
        assert payments(house, ids) == 1
        for job_id in sorted(ids, key=lambda one: house.job(one).state, reverse=True):  # the one in training first
            assert house.go_on(job_id).state is State.DONE


def test_a_month_that_is_spent_waits_for_the_next_and_drops_nothing(house: House) -> None:
    house.ledger.set_terms(MAIN, Terms(max_trainings_a_month=1), house.clock.now)
    first, second = enqueued(house, 2)
    assert house.go_on(first).state is State.DONE
    waiting = house.step(second)
    assert (waiting.state, waiting.failure, waiting.attempts) == (State.QUEUED, SPENT, ())
    assert waiting.due_at is not None
    assert (waiting.due_at.month, waiting.due_at.day, waiting.due_at.hour) == (house.clock.now.month + 1, 1, 0)
    assert house.go_on(second).state is State.DONE


def test_a_raised_limit_lets_those_that_wait_through_at_once(house: House) -> None:
    house.ledger.set_terms(MAIN, Terms(max_trainings_a_month=0), house.clock.now)
    ids = enqueued(house, 3)
    for job_id in ids:
        assert house.step(job_id).state is State.QUEUED
    house.ledger.set_terms(MAIN, Terms(), house.clock.now)
    for job_id in ids:
        assert house.step(job_id).state is State.TRAINING


def test_a_limit_of_one_account_holds_back_no_job_of_another(house: House) -> None:
    house.ledger.set_terms(MAIN, Terms(max_in_flight=0), house.clock.now)
    (ours,), (theirs,) = enqueued(house, 1), enqueued(house, 1, OTHER)
    assert house.step(ours).state is State.QUEUED
    assert house.step(theirs).state is State.TRAINING


def test_who_waits_for_the_budget_is_not_looked_at_or_paid_for_meanwhile_however_long_that_is(house: House) -> None:
    house.ledger.set_terms(MAIN, Terms(max_in_flight=0), house.clock.now)
    (job_id,) = enqueued(house, 1)
    until = house.clock.now + DAY
    while house.clock.now < until:
        house.step(job_id)
        house.until_due(job_id)
    assert house.asked() == {}
    assert house.told(job_id) == ["Enqueued", "BudgetReached"]


def test_a_training_that_is_cancelled_keeps_its_place_until_it_ends(house: House) -> None:
    house.ledger.set_terms(MAIN, Terms(max_in_flight=1), house.clock.now)
    first, second = enqueued(house, 2)
    house.step(first)
    house.tell(first, CancelRequested())
    assert house.step(second).state is State.QUEUED
    house.wait(DONE)
    assert house.step(second).state is State.QUEUED  # nobody has seen yet that it ended
    house.step(first)
    assert house.step(second).state is State.TRAINING
