"""A job is recorded once, rung for after its commit, and refused without a trace; a real worker shows nobody what was asked for."""

import json
import sqlite3
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from celery import Celery
from sqlalchemy.exc import OperationalError

from scheduler.producers import CALLER, add_producers, enqueue
from scheduler.requests import RequestInvalidError
from tests.broker import Broker
from tests.scheduler.bad import BAD
from tests.scheduler.made import SECRET, a_replica, a_request, opened, rows, settings_in
from tests.scheduler.workers import listening, wait_until, working
from worker.app import CREATE, QUEUES, SUBMIT, SWEEP
from worker.assembly import Parts
from worker.core.job import Terms
from worker.core.states import State
from worker.pacing.kinds import Kind
from worker.pacing.pacer import Ticket
from worker.posts import Messages
from worker.settings import Settings
from worker.store.clock import utc_now
from worker.store.jobs import KeyReusedError
from worker.store.migrate import prepare

NO_TAVUS = "http://127.0.0.1:1/v2"
NEAR = a_replica(train_image_url=f"http://127.0.0.1:1/ann.jpg?token={SECRET}")
"""A request for a picture on this host, where nobody answers: nothing leaves it."""


@pytest.fixture
def create(parts: Parts) -> Any:  # noqa: ANN401 - Celery's task has no type
    """The task `replicas.create` on these parts."""
    add_producers(parts.app, lambda: parts)
    return parts.app.tasks[CREATE]


def test_an_enqueued_job_is_stored_and_rung_for(parts: Parts, broker: Broker) -> None:
    added = enqueue(parts, a_request(priority=4, account="studio", metadata={"order": 7}))
    job = parts.ledger.get(added.job.id)
    assert added.created
    assert (job.state, job.account, job.priority, job.caller) == (State.QUEUED, "studio", 4, CALLER)
    assert job.request.metadata == {"order": 7}
    assert [line.event for line in parts.ledger.story(job.id)] == ["Enqueued"]
    assert broker.waiting(SUBMIT) == 1


def test_nobody_is_rung_for_whom_the_pace_does_not_let_out_and_the_sweep_takes_them_in_their_turn(parts: Parts, broker: Broker) -> None:
    parts.ledger.set_terms("default", Terms(requests_a_minute=2), utc_now())
    first = enqueue(parts, a_request()).job
    assert broker.waiting(SUBMIT) == 1
    assert isinstance(parts.pace.enter("default", Kind.SUBMIT), Ticket)
    late = enqueue(parts, a_request()).job
    enqueue(parts, a_request(account="studio"))
    assert [message["arguments"][0][0] for message in broker.messages(SUBMIT)].count(late.id) == 0
    assert broker.waiting(SUBMIT) == 2
    assert broker.waiting(SWEEP) == 0
    assert (parts.ledger.get(first.id).due_at or late.created_at) > utc_now() >= (parts.ledger.get(late.id).due_at or utc_now())


def test_the_message_holds_the_id_and_nothing_else(parts: Parts, broker: Broker) -> None:
    job = enqueue(parts, a_request()).job
    [message] = broker.messages(SUBMIT)
    assert message["arguments"] == [[job.id], {}]
    assert SECRET not in str(message)
    assert "pictures.example" not in str(message)


def test_a_repeated_request_has_its_job_though_it_would_not_be_let_in_any_more(parts: Parts) -> None:
    first = enqueue(parts, a_request(idempotency_key="k1"))
    parts.ledger.keep_voices("default", ["benjamin"], utc_now())  # meanwhile the voice is gone
    again = enqueue(parts, a_request(), beside="k1")
    assert (again.job.id, again.created) == (first.job.id, False)
    with pytest.raises(RequestInvalidError):
        enqueue(parts, a_request(idempotency_key="another"))
    with pytest.raises(RequestInvalidError):
        enqueue(parts, a_request(priority=1), beside="k1")
    assert rows(parts)["job"] == 1


def test_the_same_key_and_request_are_the_same_job_and_no_second_message(parts: Parts, broker: Broker) -> None:
    first = enqueue(parts, a_request(idempotency_key="k1"))
    again = enqueue(parts, a_request(), beside="k1")
    assert (first.created, again.created) == (True, False)
    assert again.job.id == first.job.id
    assert broker.waiting(SUBMIT) == 1


def test_the_same_key_for_another_request_is_refused_with_the_job_that_has_it(parts: Parts) -> None:
    first = enqueue(parts, a_request(idempotency_key="k1"))
    before = rows(parts)
    with pytest.raises(KeyReusedError) as error:
        enqueue(parts, a_request(idempotency_key="k1", priority=1))
    assert error.value.job_id == first.job.id
    assert rows(parts) == before


def test_without_a_key_the_same_request_is_another_job(parts: Parts) -> None:
    assert enqueue(parts, a_request()).job.id != enqueue(parts, a_request()).job.id


def test_many_at_once_under_one_key_are_one_job(parts: Parts) -> None:
    found: list[str] = []
    threads = [threading.Thread(target=lambda: found.append(enqueue(parts, a_request(), key="k1").job.id)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 8
    assert len(set(found)) == 1
    assert rows(parts)["job"] == 1


def test_without_a_broker_the_job_is_stored_and_stays_due(home: Path) -> None:
    with opened(settings_in(home)) as parts:
        started = time.monotonic()
        job = enqueue(parts, a_request()).job
        assert time.monotonic() - started < 8
        assert parts.ledger.get(job.id).due_at == job.created_at


@pytest.mark.parametrize("trouble", [RuntimeError("no thread can be started"), OSError("the broker is away")], ids=str)
def test_whatever_happens_after_a_job_is_stored_nobody_is_told_to_send_it_again(
    parts: Parts, monkeypatch: pytest.MonkeyPatch, trouble: Exception
) -> None:
    def fail(error: Exception) -> Callable[..., None]:
        def failing(*_: object) -> None:
            raise error

        return failing

    monkeypatch.setattr(Messages, "send_all", fail(trouble))
    monkeypatch.setattr(type(parts.ledger), "unclaim", fail(OperationalError("UPDATE", {}, Exception("away"))))
    job = enqueue(parts, a_request()).job
    assert rows(parts)["job"] == 1
    assert parts.ledger.get(job.id).due_at == job.created_at + parts.settings.lease  # and then a sweep rings


def test_voices_that_are_known_are_asked_of_the_ledger(parts: Parts) -> None:
    enqueue(parts, a_replica(voice_name="nobody"))
    parts.ledger.keep_voices("default", ["Anna"], utc_now())
    with pytest.raises(RequestInvalidError):
        enqueue(parts, a_replica(voice_name="nobody"))
    enqueue(parts, a_replica(voice_name="ANNA"))
    enqueue(parts, a_replica(voice_name="nobody") | {"account": "studio"})


def test_the_task_enqueues_under_its_own_id(create: Any, parts: Parts) -> None:  # noqa: ANN401 - Celery's task has no type
    for _ in range(2):  # a message that comes twice has one id
        create.apply(kwargs=a_request(), task_id="one-message")
    create.apply(kwargs=a_request(idempotency_key="k1"), task_id="another-message")
    assert sorted(str(job.idempotency_key) for job in parts.ledger.recent(9)) == ["k1", "one-message"]


@pytest.mark.parametrize(("document", "fields"), BAD.values(), ids=BAD)
def test_the_task_refuses_what_the_door_refuses_and_stores_nothing(
    strict: Parts, broker: Broker, document: dict[str, Any], fields: set[str]
) -> None:
    before = rows(strict)
    if CREATE not in strict.app.tasks:
        add_producers(strict.app, lambda: strict)
    result = strict.app.tasks[CREATE].apply(kwargs=document)
    assert isinstance(result.result, RequestInvalidError)
    assert {problem.field for problem in result.result.problems} == fields
    assert SECRET not in f"{result.result!r} {result.traceback}"
    assert rows(strict) == before
    assert not any(broker.waiting(queue) for queue in QUEUES)


def variables(settings: Settings) -> dict[str, str]:
    """For a worker on the same ledger and broker, with no Tavus, and with pictures that can be on this host."""
    own = {
        "REDIS_URL": settings.redis_url,
        "REPLICAS_HOME": str(settings.home),
        "TAVUS_API_KEY": "k",
        "TAVUS_PUBLIC_API_BASE_URL": NO_TAVUS,
    }
    return own | {"REPLICAS_ALLOW_HTTP": "true", "REPLICAS_ALLOW_PRIVATE_ADDRESSES": "true"}


def test_a_real_worker_records_what_a_stranger_sends_and_shows_it_to_nobody(parts: Parts, settings: Settings, broker: Broker) -> None:
    stranger = Celery(broker=broker.url)
    with working(settings.home, **variables(settings)) as worker, listening(stranger) as heard:
        stranger.send_task(CREATE, kwargs=NEAR, queue=CREATE)
        stranger.send_task(CREATE, kwargs=NEAR)  # no queue named: it is found all the same
        stranger.send_task(CREATE, kwargs=NEAR | {"urgent": True}, queue=CREATE)
        stranger.send_task("replicas.misspelt", kwargs=NEAR, queue=CREATE)
        wait_until(lambda: len(parts.ledger.recent(9)) == 2 and "misspelt" in worker.said and "urgent is no field" in worker.said)
        wait_until(lambda: {"task-received", "task-succeeded", "task-failed"} <= {event["type"] for event in heard})
        active = _active_while_the_ledger_is_locked(stranger, settings)
    assert active == [("()", "{...}")]
    assert SECRET not in worker.said
    assert SECRET not in json.dumps(heard, default=str)


def test_while_the_ledger_is_away_the_message_goes_back_to_its_queue(tmp_path: Path, broker: Broker) -> None:
    settings = settings_in(tmp_path, redis_url=broker.url)
    stranger = Celery(broker=broker.url)
    with working(tmp_path, **variables(settings)) as worker, listening(stranger) as heard, opened(settings) as parts:
        stranger.send_task(CREATE, kwargs=NEAR, queue=CREATE)
        wait_until(lambda: "task-rejected" in {event["type"] for event in heard})
        prepare(settings.ledger_url)
        wait_until(lambda: len(parts.ledger.recent(9)) == 1)
    assert SECRET not in worker.said


def _active_while_the_ledger_is_locked(stranger: Celery, settings: Settings) -> list[tuple[str, str]]:
    """The arguments that `inspect active` shows of a `replicas.create` that cannot go on."""
    holder = sqlite3.connect(settings.home / "ledger.db", isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    stranger.send_task(CREATE, kwargs=NEAR, queue=CREATE)
    found: list[tuple[str, str]] = []

    def is_shown() -> bool:
        for tasks in (stranger.control.inspect(timeout=1).active() or {}).values():
            found.extend((task["args"], task["kwargs"]) for task in tasks if task["name"] == CREATE)
        return bool(found)

    wait_until(is_shown)
    holder.execute("ROLLBACK")
    holder.close()
    return found
