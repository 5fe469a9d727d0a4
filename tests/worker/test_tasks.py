"""A task goes on with what it found as long as there is time, and rings for the rest."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from scheduler.producers import enqueue
from scheduler.sweep import add_sweep
from tests.broker import Broker
from tests.sandbox.server import Sandbox
from tests.scheduler.made import a_replica, at_tavus, opened, settings_in
from tests.worker.store.made import changed
from worker.app import OPEN, POLL, QUEUES, SUBMIT, SWEEP
from worker.assembly import Parts
from worker.core.effects import StopAccount
from worker.core.events import CallbackReceived
from worker.core.failures import Failure
from worker.core.job import Job, JobId
from worker.core.states import State
from worker.store.migrate import prepare
from worker.tasks import add_tasks, go_on


class Hasty:
    """A clock by which every look at it takes two seconds: nobody has time for anything."""

    def __init__(self) -> None:
        self._now = datetime.now(UTC)

    def __call__(self) -> datetime:
        self._now += timedelta(seconds=2)
        return self._now


@pytest.fixture
def tavus() -> Iterator[Sandbox]:
    """A fresh sandbox, open to any key."""
    with Sandbox() as one:
        yield one


@pytest.fixture
def parts(tmp_path: Path, broker: Broker, tavus: Sandbox) -> Iterator[Parts]:
    """Parts on an empty broker, a new ledger and that sandbox."""
    settings = at_tavus(settings_in(tmp_path, redis_url=broker.url), tavus)
    prepare(settings.ledger_url)
    with opened(settings) as one:
        yield one


@pytest.fixture
def hurried(parts: Parts) -> Parts:
    """The same parts of somebody who has no time."""
    return replace(parts, engine=replace(parts.engine, clock=Hasty()))


def enqueued(parts: Parts, tavus: Sandbox, count: int) -> list[JobId]:
    """So many jobs that want a conversation at once."""
    return [enqueue(parts, a_replica(train_image_url=tavus.picture(f"n={number}")) | _ON_READY).job.id for number in range(count)]


def done(parts: Parts, task: str, *arguments: object) -> None:
    """Have the task done in this process."""
    add_tasks(parts.app, lambda: parts)
    parts.app.tasks[task](*arguments)


def states(parts: Parts, job_ids: list[JobId]) -> list[State]:
    return [parts.ledger.get(job_id).state for job_id in job_ids]


_ON_READY = {"conversation": {"start": "on_ready"}}


def test_a_message_for_several_submissions_submits_them_all(parts: Parts, broker: Broker, tavus: Sandbox) -> None:
    ids = enqueued(parts, tavus, 3)
    done(parts, SUBMIT, *ids)
    assert states(parts, ids) == [State.TRAINING] * 3
    assert tavus.ledger()["requests"]["by_kind"]["create_replica"] == 3
    assert broker.waiting(SUBMIT) == 3  # those of the enqueueing


def test_who_has_no_time_for_the_other_submissions_rings_for_each_of_them(hurried: Parts, broker: Broker, tavus: Sandbox) -> None:
    ids = enqueued(hurried, tavus, 3)
    broker.client.flushall()
    done(hurried, SUBMIT, *ids)
    assert states(hurried, ids) == [State.TRAINING, State.QUEUED, State.QUEUED]
    assert [message["arguments"][0] for message in broker.messages(SUBMIT)] == [[ids[1]], [ids[2]]]


def test_who_learns_that_a_replica_is_trained_opens_its_conversation(parts: Parts, broker: Broker, tavus: Sandbox) -> None:
    ids = _due_for_a_look(parts, tavus)
    done(parts, POLL, ids)
    assert states(parts, ids) == [State.DONE] * 2
    assert broker.waiting(OPEN) == 0


def test_who_has_no_time_for_conversations_rings_for_them(parts: Parts, hurried: Parts, broker: Broker, tavus: Sandbox) -> None:
    ids = _due_for_a_look(parts, tavus)
    done(hurried, POLL, ids)
    assert states(parts, ids) == [State.OPENING] * 2
    assert {message["arguments"][0][0] for message in broker.messages(OPEN)} == set(ids)


def test_what_another_has_taken_meanwhile_is_his(parts: Parts, tavus: Sandbox) -> None:
    [opening, _] = parts.engine.advance_many(_due_for_a_look(parts, tavus))
    assert isinstance(opening, Job)
    later = datetime.now(UTC) + timedelta(seconds=1)
    assert [job.id for job in parts.ledger.take([opening.id], later, parts.settings.lease)] == [opening.id]
    assert parts.engine.go_on(opening) == []
    assert "create_conversation" not in tavus.ledger()["requests"]["by_kind"]


def test_the_conversation_of_a_stopped_account_is_left_to_whoever_resumes_it(parts: Parts, tavus: Sandbox) -> None:
    ids = _due_for_a_look(parts, tavus)
    parts.ledger.stop(StopAccount("default", Failure.OUT_OF_CREDIT, deaf=False), datetime.now(UTC))
    done(parts, POLL, ids)
    assert states(parts, ids) == [State.OPENING] * 2
    assert "create_conversation" not in tavus.ledger()["requests"]["by_kind"]


def test_a_sweep_looks_at_trainings_itself(parts: Parts, broker: Broker, tavus: Sandbox) -> None:
    [job_id] = enqueued(parts, tavus, 1)
    done(parts, SUBMIT, job_id)
    tavus.advance(timedelta(hours=12))
    parts.engine.tell(job_id, CallbackReceived())
    broker.client.flushall()
    add_sweep(parts.app, lambda: parts)
    parts.app.tasks[SWEEP]()
    assert states(parts, [job_id]) == [State.DONE]
    assert not any(broker.waiting(queue) for queue in QUEUES)


def test_where_tasks_do_not_go_on_each_rings_for_the_next(parts: Parts, broker: Broker, tavus: Sandbox) -> None:
    parts = replace(parts, settings=parts.settings.model_copy(update={"go_on": False}))
    [first, other] = enqueued(parts, tavus, 2)
    for job_id in (first, other):
        parts.engine.advance(job_id)
        parts.engine.tell(job_id, CallbackReceived())
    tavus.advance(timedelta(hours=12))
    broker.client.flushall()
    add_sweep(parts.app, lambda: parts)
    parts.app.tasks[SWEEP]()
    assert [message["arguments"][0] for message in broker.messages(POLL)] == [[[first, other]]]
    done(parts, POLL, [first, other])
    assert states(parts, [first, other]) == [State.OPENING] * 2
    assert {message["arguments"][0][0] for message in broker.messages(OPEN)} == {first, other}


def test_a_training_that_is_due_again_meanwhile_is_not_asked_for_by_itself(parts: Parts, tavus: Sandbox) -> None:
    [job_id] = enqueued(parts, tavus, 1)
    done(parts, SUBMIT, job_id)
    training = parts.ledger.get(job_id)
    again = changed(parts.ledger, training, due_at=training.created_at)
    go_on(parts, lambda _: [again])
    assert "get_replica" not in tavus.ledger()["requests"]["by_kind"]


def _due_for_a_look(parts: Parts, tavus: Sandbox) -> list[JobId]:
    """Two jobs whose trainings are over, and who are rung for."""
    ids = enqueued(parts, tavus, 2)
    for job_id in ids:
        parts.engine.advance(job_id)
    tavus.advance(timedelta(hours=12))
    later = datetime.now(UTC) + timedelta(days=1)
    assert len(parts.ledger.claim_these(ids, later, timedelta(0))) == 2
    return ids
