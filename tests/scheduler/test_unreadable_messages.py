"""A message with a body that is none, or without an id: it costs a line of the log, and no worker, nor the next one, nor anybody's job."""

from pathlib import Path
from typing import Any

from celery import Celery

from tests.broker import Broker
from tests.scheduler.made import opened, settings_in
from tests.scheduler.workers import listening, wait_until, working
from tests.worker.store.made import stored
from worker.app import CANCEL, CREATE, DELETE, POLL, QUEUES
from worker.core.states import State
from worker.store.migrate import prepare

WORD = "anything"
BODIES: tuple[Any, ...] = (
    {"job_id": WORD}, [[], {"job_id": WORD}], [[], [WORD], {}], [None, None, {}], [WORD, {}, {}], [{"a": WORD}, {}, {}], [], WORD, 7,
)  # fmt: skip
HEADERS: tuple[dict[str, Any], ...] = ({"id": "plain"}, {}, {"id": 7, "timelimit": "soon"}, {"id": "late", "eta": 5})


def sent(stranger: Celery, task: str, body: Any, headers: dict[str, Any]) -> None:  # noqa: ANN401 - whatever JSON can say
    """Put the message into the task's queue, as whoever speaks to the broker alone can."""
    with stranger.producer_or_acquire() as producer:
        producer.publish(body, exchange="", routing_key=task, serializer="json", headers={"task": task, "lang": "py", **headers})


def test_no_body_that_is_none_ends_a_worker_or_comes_back(tmp_path: Path, broker: Broker) -> None:
    ours = settings_in(tmp_path, redis_url=broker.url)
    prepare(ours.ledger_url)
    stranger = Celery(broker=broker.url)
    variables = {"REDIS_URL": broker.url, "REPLICAS_HOME": str(tmp_path), "TAVUS_API_KEY": "k"}
    with working(tmp_path, **variables, TAVUS_PUBLIC_API_BASE_URL="http://127.0.0.1:1/v2") as worker, opened(ours) as parts:
        with listening(stranger) as heard:
            for task in (CANCEL, CREATE, POLL, DELETE):
                for body in BODIES:
                    sent(stranger, task, body, HEADERS[0])
            for headers in HEADERS[1:]:
                sent(stranger, CANCEL, [[], {}, {}], headers)
            wait_until(lambda: not any(broker.waiting(queue) for queue in QUEUES) or worker.process.poll() is not None)
            job = stored(parts.ledger, State.HELD)  # rung for by nobody: the worker has no message of it but ours
            stranger.send_task(CANCEL, kwargs={"job_id": job.id}, queue=CANCEL)
            wait_until(lambda: parts.ledger.get(job.id).state is State.CANCELLED or worker.process.poll() is not None)
        assert worker.process.poll() is None
    assert not any(broker.waiting(queue) for queue in QUEUES)
    assert "no Celery can have sent this message" in worker.said
    assert "task-rejected" not in {event["type"] for event in heard}
