"""Another service cancels a job and starts its conversation: done once however often it is asked, refused in one sentence, and shown to nobody."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from celery import Celery
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from scheduler.messages import REFUSALS, NotPossibleError, UnknownJobError
from scheduler.producers import Asked, enqueue, enqueue_many
from scheduler.refusals import RequestInvalidError
from scheduler.wishes import add_wishes
from tests.broker import Broker
from tests.sandbox.server import Sandbox
from tests.scheduler.made import SECRET, a_job_in, a_request, at_tavus, opened, rows, settings_in, trained
from tests.scheduler.workers import listening, wait_until, working
from tests.worker.store.made import stored
from worker.app import CANCEL, DELETE, QUEUES, START_CONVERSATION
from worker.assembly import Parts
from worker.core.states import State
from worker.settings import Settings
from worker.store.jobs import Added
from worker.store.migrate import prepare

BOTH = (CANCEL, START_CONVERSATION)
ID = "01m6bfp5kv0000000000000009"
HIDDEN = f"https://there/face.jpg?X-Amz-Signature={SECRET}"
BAD: dict[str, tuple[tuple[Any, ...], dict[str, Any], str]] = {
    "nothing": ((), {}, "request names no job"),
    "null": ((None,), {}, "request names no job"),
    "both": ((), {"job_id": ID, "idempotency_key": "k"}, "idempotency_key stands beside job_id"),
    "unknown-field": ((), {"job_id": ID, "reason": SECRET}, "reason is no field of this request"),
    "a-name-of-python": ((), {"job_id": ID, "task": 1, "self": 2}, "task is no field of this request; self is no field"),
    "number": ((), {"job_id": 7}, "job_id should be a valid string"),
    "list": (([ID],), {}, "job_id should be a valid string"),
    "empty": ((), {"job_id": ""}, "job_id should match pattern"),
    "no-id": ((), {"job_id": HIDDEN}, "job_id should match pattern"),
    "nul": ((), {"job_id": "a\0b"}, "job_id holds a NUL"),
    "half-a-character": ((), {"idempotency_key": "\ud800"}, "idempotency_key holds a NUL or half a character"),
    "long-key": ((), {"idempotency_key": "k" * 256}, "idempotency_key should match pattern"),
    "spaced-key": ((), {"idempotency_key": "two words"}, "idempotency_key should match pattern"),
    "two": ((ID, ID), {}, "request has arguments that nobody can tell apart"),
    "twice": ((ID,), {"job_id": ID}, "request has arguments that nobody can tell apart"),
    "secret-name": ((), {HIDDEN: ID}, "is no field of this request"),
}


@pytest.fixture
def parts(settings: Settings) -> Iterator[Parts]:
    """Parts on a sandbox, with both tasks."""
    with Sandbox() as tavus, opened(at_tavus(settings, tavus)) as one:
        add_wishes(one.app, lambda: one)
        yield one


def told(parts: Parts, task: str, /, *job_id: object, **fields: object) -> Any:  # noqa: ANN401 - what Celery has for a result
    """What becomes of such a message in this process."""
    return parts.app.tasks[task].apply(args=job_id, kwargs=fields)


@pytest.mark.parametrize("task", BOTH)
@pytest.mark.parametrize(("positional", "named", "words"), BAD.values(), ids=BAD)
def test_a_message_that_is_no_wish_is_refused_in_words_that_hold_nothing_of_it(
    parts: Parts, broker: Broker, task: str, positional: tuple[Any, ...], named: dict[str, Any], words: str
) -> None:
    before = rows(parts)
    refused = told(parts, task, *positional, **named)
    assert isinstance(refused.result, RequestInvalidError)
    assert words in str(refused.result)
    assert SECRET not in f"{refused.result!r} {refused.traceback}"
    assert rows(parts) == before
    assert not any(broker.waiting(queue) for queue in QUEUES)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)
)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    task=st.sampled_from(BOTH),
    positional=st.lists(JSON, max_size=2),
    named=st.dictionaries(st.sampled_from(["job_id", "idempotency_key"]) | st.text(), JSON, max_size=3),
)
def test_whatever_a_message_holds_it_ends_in_a_refusal(parts: Parts, task: str, positional: list[Any], named: dict[str, Any]) -> None:
    assert isinstance(told(parts, task, *positional, **named).result, REFUSALS)


@pytest.mark.parametrize("task", BOTH)
@pytest.mark.parametrize("named", [{"job_id": ID}, {"idempotency_key": "nobody's"}], ids=["id", "key"])
def test_a_job_that_is_not_there_is_named_as_what_is_wrong(parts: Parts, task: str, named: dict[str, str]) -> None:
    refused = told(parts, task, **named).result
    assert isinstance(refused, UnknownJobError)
    assert next(iter(named)) in str(refused)


def test_a_job_is_cancelled_by_its_id_or_its_key_and_once(parts: Parts) -> None:
    by_id, by_key, positional = (enqueue(parts, a_request(idempotency_key=f"k{number}")).job for number in range(3))
    for _ in range(2):
        assert told(parts, CANCEL, job_id=by_id.id).successful()
        assert told(parts, CANCEL, idempotency_key="k1").successful()
        assert told(parts, CANCEL, positional.id).successful()
    for job in (by_id, by_key, positional):
        assert parts.ledger.get(job.id).state is State.CANCELLED
        assert len(parts.ledger.story(job.id)) == 2


def test_the_conversation_of_a_ready_job_is_started_once_however_often_it_is_asked_for(settings: Settings) -> None:
    with Sandbox() as tavus, opened(at_tavus(settings, tavus)) as parts:
        add_wishes(parts.app, lambda: parts)
        job = trained(parts, tavus)
        for _ in range(3):
            assert told(parts, START_CONVERSATION, job_id=job.id).successful()
        assert parts.ledger.get(job.id).state is State.DONE
        assert tavus.ledger()["requests"]["by_kind"]["create_conversation"] == 1


def test_of_a_job_that_is_not_trained_it_is_remembered_that_a_conversation_is_wanted(parts: Parts) -> None:
    job = enqueue(parts, a_request(idempotency_key="early", conversation={"start": "none"})).job
    assert told(parts, START_CONVERSATION, idempotency_key="early").successful()
    assert parts.ledger.get(job.id).conversation_wanted


@pytest.mark.parametrize(
    ("task", "state"),
    [(CANCEL, State.DONE), (CANCEL, State.ABANDONED), (START_CONVERSATION, State.CANCELLED), (START_CONVERSATION, State.ABANDONED)],
)
def test_what_is_not_possible_any_more_is_refused_with_the_reason(parts: Parts, task: str, state: State) -> None:
    job = a_job_in(parts, state)
    refused = told(parts, task, job_id=job.id).result
    assert isinstance(refused, NotPossibleError)
    assert str(refused) == f"The job is {state}. The job is over; enqueue a new one."
    assert parts.ledger.get(job.id) == job


def test_whoever_reaches_the_broker_acts_on_any_job_by_its_id_but_has_no_keys_of_others(parts: Parts) -> None:
    [added] = enqueue_many(parts, [Asked(a_request(idempotency_key="theirs"), caller="shop")])
    assert isinstance(added, Added)
    assert isinstance(told(parts, CANCEL, idempotency_key="theirs").result, UnknownJobError)
    assert told(parts, CANCEL, job_id=added.job.id).successful()
    assert parts.ledger.get(added.job.id).state is State.CANCELLED


def test_a_real_worker_keeps_wishes_while_the_ledger_is_away_refuses_each_bad_one_once_and_shows_none(
    tmp_path: Path, broker: Broker
) -> None:
    ours = settings_in(tmp_path, redis_url=broker.url)
    stranger = Celery(broker=broker.url)
    variables = {
        "REDIS_URL": broker.url,
        "REPLICAS_HOME": str(tmp_path),
        "TAVUS_API_KEY": "k",
        "TAVUS_PUBLIC_API_BASE_URL": "http://127.0.0.1:1/v2",
    }
    with working(tmp_path, **variables) as worker, listening(stranger) as heard, opened(ours) as parts:
        bad = [stranger.send_task(task, kwargs={"job_id": HIDDEN, "because": HIDDEN}, queue=task).id for task in BOTH]
        early = [stranger.send_task(task, kwargs={"idempotency_key": "mine"}, queue=task).id for task in BOTH]
        unnamed = stranger.send_task(CANCEL, args=[ID]).id  # no queue named: it is found all the same
        deletion = stranger.send_task(DELETE, args=[ID], queue=DELETE).id
        wait_until(lambda: {one["uuid"] for one in heard if one["type"] == "task-rejected"} >= {*early, unnamed, deletion})
        prepare(ours.ledger_url)
        wait_until(lambda: {one["uuid"] for one in heard if one["type"] == "task-failed"} >= {*bad, *early, unnamed, deletion})
        wait_until(lambda: not any(broker.waiting(queue) for queue in (*QUEUES, "celery")))
        stopped = stored(parts.ledger, State.HELD, due_at=None)  # nobody is rung for it: the worker would begin with it before it is held
        stranger.send_task(CANCEL, kwargs={"job_id": stopped.id}, queue=CANCEL)
        wait_until(lambda: parts.ledger.get(stopped.id).state is State.CANCELLED)
    failures = {one["uuid"]: one["exception"] for one in heard if one["type"] == "task-failed"}
    assert sum(one["type"] == "task-failed" for one in heard) == len(failures) == 6
    shown = ("RequestInvalidError", "field='because'", "is no field of this request")
    assert all(words in failures[one] for one in bad for words in shown)
    assert all("no job was asked for under this idempotency_key" in failures[one] for one in early)
    assert all("no job has this job_id" in failures[one] for one in (unnamed, deletion))
    assert not {"task-retried"} & {one["type"] for one in heard}
    assert SECRET not in worker.said + json.dumps(heard, default=str)
    assert "Traceback" not in worker.said
