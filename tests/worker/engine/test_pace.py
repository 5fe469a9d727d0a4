"""The pace end to end: without a permit no intent is written, nothing is sent and no try is spent; with room every job comes through."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta

import pytest
from typing_extensions import override

from tests.broker import Broker
from tests.worker.engine.house import DONE, KEYS, LEASE, MAIN, OTHER, House
from worker.core import events
from worker.core.failures import Failure
from worker.core.job import Terms
from worker.core.request import Start
from worker.core.states import State
from worker.engine import Engine
from worker.pacing.kinds import Held, Kind, Numbers, Reason, Verdict
from worker.pacing.pace import Pace
from worker.pacing.pacer import Ticket
from worker.tavus.paced import PacedTavus

HOUR = Numbers.scaled(timedelta(hours=1))
"""A window that does not end during a test."""


class HastyPacedTavus(PacedTavus):
    """It does not rest between two calls of one effect: time here is a clock that tests move."""

    @override
    def wait(self, seconds: float) -> None:
        """On at once."""


@pytest.fixture
def paced(house: House, broker: Broker) -> Iterator[Callable[[int | None], tuple[Engine, Pace]]]:
    """Call it with a limit for an engine at that pace."""
    open_ones: list[Pace | PacedTavus] = []

    def make(limit: int | None) -> tuple[Engine, Pace]:
        pace = Pace(broker.url, lambda _: limit, HOUR)
        tavus = HastyPacedTavus(house.sandbox.url, KEYS, timedelta(seconds=5), 4, pace)
        open_ones.extend((pace, tavus))
        return replace(house.another(tavus=tavus), pace=pace), pace

    yield make
    for one in open_ones:
        one.close()


Paced = Callable[[int | None], tuple[Engine, Pace]]


def open_breaker(pace: Pace, kind: Kind, account: str = MAIN) -> None:
    for _ in range(HOUR.failures):
        ticket = pace.enter(account, kind)
        assert isinstance(ticket, Ticket)
        pace.saw(ticket, Verdict.FAILED)


def test_without_a_permit_no_intent_is_written_and_the_story_has_one_line_however_long_it_takes(house: House, paced: Paced) -> None:
    engine, _ = paced(4)  # three of them for those who pay
    ids = [house.enqueue(start=Start.NONE) for _ in range(5)]
    for _ in range(4):
        for job_id in ids:
            engine.advance(job_id)
        house.wait(timedelta(hours=2))
    held = [house.job(job_id) for job_id in ids[3:]]
    assert [house.job(job_id).state for job_id in ids[:3]] == [State.TRAINING] * 3
    assert [(one.state, one.failure, one.attempts, one.tries) for one in held] == [(State.QUEUED, Failure.PACED, (), 0)] * 2
    assert [house.told(job_id) for job_id in ids[3:]] == [["Enqueued", "BudgetReached"]] * 2
    assert house.asked()["create_replica"] == 3
    assert house.job(ids[0]).attempt.number == 1


def test_a_job_that_is_held_back_goes_on_by_itself(house: House, paced: Paced, broker: Broker) -> None:
    engine, _ = paced(1)
    ids = [house.enqueue(start=Start.NONE) for _ in range(2)]
    for job_id in ids:
        engine.advance(job_id)
    assert house.job(ids[1]).state is State.QUEUED
    broker.client.flushall()  # the hour is over
    house.until_due(ids[1])
    assert house.step(ids[1], engine).state is State.TRAINING
    assert house.paid(ids[1])


def test_the_picture_of_a_job_that_has_no_permit_in_sight_is_not_fetched(house: House, paced: Paced) -> None:
    engine, pace = paced(None)
    open_breaker(pace, Kind.SUBMIT)
    job_id = house.enqueue(train_image_url=f"{house.sandbox.origin}/small.jpg")  # too small: whoever looks at it ends the job
    assert house.step(job_id, engine).failure is Failure.PACED


def test_a_permit_is_taken_once_for_one_submission(house: House, paced: Paced) -> None:
    engine, pace = paced(None)
    house.step(house.enqueue(start=Start.NONE), engine)
    assert pace.standing(MAIN).sent == 1


def test_a_permit_whose_decision_was_overtaken_or_whose_post_came_too_late_is_given_back(house: House, paced: Paced) -> None:
    engine, pace = paced(1)
    stale, late, spent = (house.enqueue(start=Start.NONE) for _ in range(3))
    [before] = house.ledger.take([stale], house.clock.now, LEASE)
    house.tell(stale, events.CancelRequested())
    engine._run(before, events.InputPassed())
    assert (house.job(stale).state, pace.standing(MAIN).sent) == (State.CANCELLED, 0)
    sleepy = replace(engine, call=LEASE)  # as if the lease were nearly over
    assert sleepy.tell(late, events.InputPassed()).failure is Failure.SENT_TOO_LATE
    assert pace.standing(MAIN).sent == 0
    house.ledger.set_terms(MAIN, Terms(max_in_flight=0), house.clock.now)
    assert engine.tell(spent, events.InputPassed()).failure is Failure.IN_FLIGHT_FULL
    assert (pace.standing(MAIN).sent, house.asked().get("create_replica", 0)) == (0, 0)


def test_a_permit_for_a_look_that_came_too_late_is_given_back(house: House, paced: Paced) -> None:
    engine, pace = paced(None)
    job_id = house.training()
    house.wait(DONE)
    slow = replace(engine, performer=replace(engine.performer, patience=timedelta(seconds=-1)))
    assert [job.state for job in slow.advance_many([job_id])] == [State.TRAINING]
    assert pace.standing(MAIN).sent == 0


def test_a_conversation_without_a_permit_is_not_intended_and_opens_when_there_is_one(house: House, paced: Paced, broker: Broker) -> None:
    engine, pace = paced(None)
    job_id = house.opening()
    open_breaker(pace, Kind.CONVERSE)
    held = house.step(job_id, engine)
    assert (held.state, held.failure, held.conversation, held.tries) == (State.OPENING, Failure.PACED, None, 0)
    assert house.told(job_id)[-1] == "BudgetReached"
    broker.client.flushall()
    house.until_due(job_id)
    assert house.step(job_id, engine).state is State.DONE
    assert len(house.opened(job_id)) == 1


def test_a_full_house_is_learned_once_and_the_next_job_does_not_try_for_itself(house: House, paced: Paced) -> None:
    engine, pace = paced(None)
    first, second = house.opening(), house.opening()
    house.sandbox.account(KEYS[MAIN].get_secret_value(), max_conversations=0)
    assert house.step(first, engine).failure is Failure.CONVERSATIONS_FULL
    assert house.step(second, engine).failure is Failure.CONVERSATIONS_FULL
    assert house.asked()["create_conversation"] == 1
    assert pace.standing(MAIN).breaks[Kind.CONVERSE][0] is Reason.FULL
    assert house.job(second).conversation is None


def test_one_account_at_its_limit_holds_back_no_other(house: House, paced: Paced) -> None:
    engine, pace = paced(None)
    open_breaker(pace, Kind.SUBMIT)
    ours, theirs = house.enqueue(), house.enqueue(account=OTHER)
    assert house.step(ours, engine).state is State.QUEUED
    assert house.step(theirs, engine).state is State.TRAINING


def test_a_poll_without_a_permit_learns_nothing_and_asks_again_when_there_may_be_one(house: House, paced: Paced) -> None:
    engine, pace = paced(None)
    job_id = house.training(start=Start.NONE)
    before = house.asked()
    open_breaker(pace, Kind.LOOK)
    house.wait(DONE)
    engine.advance_many([job_id])
    job = house.job(job_id)
    assert (job.state, job.tries) == (State.TRAINING, 0)
    assert house.asked() == before
    held = pace.permit(MAIN, Kind.LOOK)
    assert isinstance(held, Held)
    assert job.due_at is not None
    assert job.due_at - house.clock.now >= held.after


def test_what_the_pace_holds_back_in_the_middle_of_a_batch_is_no_try_and_what_was_answered_before_is_news(
    house: House, paced: Paced
) -> None:
    engine, pace = paced(4)  # two of them for those who look: the list, and one closer look
    ids = [house.training("sandbox_outcome=PoseNotSuitableError", start=Start.NONE) for _ in range(3)]
    house.wait(DONE)
    engine.advance_many(ids)
    after = house.ledger.get_many(ids)
    assert sorted(job.state for job in after) == [State.ABANDONED, State.TRAINING, State.TRAINING]
    waiting = [job for job in after if job.state is State.TRAINING]
    held = pace.permit(MAIN, Kind.LOOK)
    assert isinstance(held, Held)
    assert {job.tries for job in waiting} == {0}
    assert all(
        job.due_at is not None and timedelta(0) <= job.due_at - house.clock.now - held.after < timedelta(minutes=1) for job in waiting
    )


def test_a_callback_and_a_cancellation_are_heard_while_every_breaker_is_open(house: House, paced: Paced) -> None:
    engine, pace = paced(None)
    job_id = house.training(start=Start.NONE)
    for kind in Kind:
        open_breaker(pace, kind)
    assert engine.tell(job_id, events.CallbackReceived()).due_at == house.clock.now
    assert engine.tell(job_id, events.CancelRequested()).state is State.CANCELLED


def test_retries_of_what_never_reached_tavus_wait_while_first_tries_go_on(house: House, paced: Paced) -> None:
    engine, _ = paced(None)
    retried = [house.enqueue(start=Start.NONE) for _ in range(HOUR.retries_at_least + 2)]
    for job_id in retried:
        house.by_hand(job_id, tries="1", failure=Failure.UNREACHABLE.value, detail="nobody there")
        engine.advance(job_id)
    states = [house.job(job_id).state for job_id in retried]
    assert states == [State.TRAINING] * HOUR.retries_at_least + [State.QUEUED] * 2
    assert house.job(retried[-1]).failure is Failure.UNREACHABLE
    assert house.step(house.enqueue(), engine).state is State.TRAINING
