"""Records jobs: `enqueue`, and the Celery task `replicas.create` over it. It may not submit anything: the row is due, and the worker's task pays."""

import os
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import structlog
from celery import Celery, Task
from celery.exceptions import Reject
from celery.worker.request import Request as MessageRequest

from scheduler.requests import Door, Order, RequestInvalidError
from worker.app import CREATE
from worker.assembly import Parts, limits_of
from worker.core.job import Job
from worker.core.marks import new_job_id
from worker.preflight import Preflight
from worker.store.claims import Claim
from worker.store.database import UNREACHABLE
from worker.store.jobs import Added, KeyReusedError

CALLER = "local"
"""Whoever reaches the broker, the loopback API or the command line is one caller: a key means the same job whichever way it comes."""
log = structlog.get_logger("producers")
_PAUSE = 1.0  # seconds before a message goes back to the queue because the database is away


def door_of(parts: Parts) -> Door:
    """The door to these parts' ledger."""
    return Door(
        accounts=frozenset(parts.settings.accounts),
        voices=parts.ledger.voices,
        preflight=Preflight(limits_of(parts.settings)),
        model=parts.settings.model,
    )


def enqueue(parts: Parts, document: object, *, key: str | None = None, beside: str | None = None) -> Added:
    """Store the job that `document` asks for, and ring for it.

    `key`: the idempotency key where the document has none. `beside`: one that came with it, which no key inside may differ from.
    The same key and request give the same job. Raises RequestInvalidError, or KeyReusedError; then nothing is stored.
    """
    now, door = parts.engine.clock(), door_of(parts)
    try:
        order = door.read(document, now, beside)
    except RequestInvalidError:
        if known := _enqueued_before(parts, door.order_of(document, beside), key):
            return Added(known, created=False)
        raise
    job = Job(
        id=new_job_id(now, os.urandom(10)),
        account=order.account,
        caller=CALLER,
        request=order.request,
        created_at=now,
        priority=order.priority,
        idempotency_key=order.idempotency_key or key,
    )
    added = parts.ledger.add(job, order.fingerprint, ring=parts.settings.lease)
    if added.created:
        # After the commit: a message that overtook its row would find nothing, and one whose row was rolled back would mean nothing.
        parts.bell.ring([Claim(job.id, job.account, job.state)], now)
    return added


def _enqueued_before(parts: Parts, order: Order | None, key: str | None) -> Job | None:
    """A request that is repeated because its answer was lost has its job, though its address may have grown too old to be let in anew."""
    if order is None:
        return None
    with suppress(KeyReusedError):
        return parts.ledger.find_by_key(CALLER, order.idempotency_key or key, order.fingerprint)
    return None


class QuietRequest(MessageRequest):
    """A message whose arguments nobody is shown: `replicas.create` carries addresses, and events, Flower and `inspect` would repeat them."""

    @property
    def argsrepr(self) -> str:
        """For events."""
        return "()"

    @property
    def kwargsrepr(self) -> str:
        """For events."""
        return "{...}"

    def info(self, safe: bool = False) -> dict[str, Any]:  # noqa: FBT001, FBT002, ARG002 - Celery's signature
        """For `inspect active`."""
        return {**super().info(safe=True), "args": self.argsrepr, "kwargs": self.kwargsrepr}


class _QuietTask(Task):
    Request = QuietRequest


def add_producers(app: Celery, parts: Callable[[], Parts]) -> None:
    """Register `replicas.create`; `parts` gives those of the process that runs it."""

    @app.task(name=CREATE, bind=True, base=_QuietTask, throws=(RequestInvalidError, KeyReusedError), shared=False)
    def create(task: Task, **request: Any) -> None:  # noqa: ANN401 - whatever a service sends; the door looks at it
        """Record a job. Bad input ends the task with every problem named; a message that comes twice is the same job."""
        try:
            enqueue(parts(), request, key=task.request.id)
        except (RequestInvalidError, KeyReusedError) as refused:
            log.warning("a request was refused, and nothing was stored", task_id=task.request.id, reason=str(refused))
            raise
        except UNREACHABLE as error:
            # The one message that is not rung again by the sweep: it goes back to the queue until the ledger has it.
            time.sleep(_PAUSE)
            raise Reject(reason=type(error).__name__, requeue=True) from None
