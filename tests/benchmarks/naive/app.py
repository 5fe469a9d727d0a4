"""The Celery app and its three tasks: submit, poll again and again, converse. `celery --app tests.benchmarks.naive.app worker --concurrency 2`."""

from typing import Any

import httpx
from celery import Celery, Task
from sqlmodel import Session, SQLModel

from tests.benchmarks.naive import tavus
from tests.benchmarks.naive.settings import SETTINGS
from tests.benchmarks.naive.tables import Training, engine, now

_AGAIN = 8  # tries of a call that fails, before the job does

app = Celery("naive", broker=SETTINGS.redis_url)
app.conf.update(task_ignore_result=True, broker_connection_retry_on_startup=True)


def lay() -> None:
    """Make the table."""
    SQLModel.metadata.create_all(engine(), tables=[SQLModel.metadata.tables["naive_training"]])


@app.task(bind=True, name="naive.submit", max_retries=_AGAIN)
def submit(task: Task, key: str, picture: str) -> None:
    """Record the job, and pay for its training."""
    with Session(engine()) as session:
        job = session.get(Training, key) or Training(id=key, picture=picture)
        session.add(job)
        session.commit()
        try:
            job.replica_id = tavus.create_replica(picture, key)
        except httpx.HTTPError as error:
            raise task.retry(exc=error, countdown=_backoff(task.request.retries)) from error
        _save(session, job, status="training")
    poll.apply_async([key, 1], countdown=SETTINGS.poll_first)


@app.task(bind=True, name="naive.poll", max_retries=_AGAIN)
def poll(task: Task, key: str, number: int) -> None:
    """Look at it; when it still trains, look again later."""
    with Session(engine()) as session:
        job = session.get_one(Training, key)
        try:
            seen = tavus.look(str(job.replica_id))
        except httpx.HTTPError as error:
            raise task.retry(exc=error, countdown=_backoff(task.request.retries)) from error
        if seen["status"] == "started":
            _save(session, job, progress=seen["training_progress"], polls=number)
            poll.apply_async([key, number + 1], countdown=_backoff(number))
        elif seen["status"] == "error":
            _save(session, job, status="failed", error=seen["error_message"], polls=number)
        else:
            _save(session, job, status="ready", polls=number)
            converse.delay(key)


@app.task(bind=True, name="naive.converse", max_retries=_AGAIN)
def converse(task: Task, key: str) -> None:
    """Open the conversation."""
    with Session(engine()) as session:
        job = session.get_one(Training, key)
        try:
            url = tavus.create_conversation(str(job.replica_id))
        except httpx.HTTPError as error:
            raise task.retry(exc=error, countdown=_backoff(task.request.retries)) from error
        _save(session, job, status="done", conversation_url=url)


def _save(session: Session, job: Training, **values: Any) -> None:  # noqa: ANN401 - columns of the table
    for name, value in values.items():
        setattr(job, name, value)
    job.updated_at = now()
    session.add(job)
    session.commit()


def _backoff(number: int) -> float:
    return float(min(SETTINGS.poll_first * 2**number, SETTINGS.poll_cap))
