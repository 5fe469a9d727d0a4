"""Records jobs: `enqueue`, `enqueue_many`, and the Celery task `replicas.create`. It may not submit anything: the row is due, and a task pays."""

import os
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

import structlog
from celery import Celery, Task

from scheduler.messages import QuietTask, answered, by_name
from scheduler.requests import Door, Order, RequestInvalidError
from scheduler.sweep import ring_for_a_sweep
from worker.app import CREATE, SUBMIT
from worker.assembly import Parts, limits_of
from worker.core.job import Job, JobId
from worker.core.marks import new_job_id
from worker.core.request import Request
from worker.core.values import Maker
from worker.preflight import Preflight
from worker.store.claims import Claim
from worker.store.jobs import Added, KeyReusedError, New

CALLER = "local"
"""The owner, and whoever reaches the broker, the loopback API or the command line: a key means the same job whichever of these ways it comes."""
# Jobs at once that are rung for here, with one message. More are left to the sweep, which knows whose turn it is.
_FEW = 8
_JOBS = Maker(Job)
# What a new job is before all else.
_BLANK = Job(id=JobId(""), account="", caller=CALLER, request=Request(replica={}), created_at=datetime.min.replace(tzinfo=UTC))


def door_of(parts: Parts) -> Door:
    """The door to these parts' ledger."""
    return Door(
        accounts=frozenset(parts.settings.accounts),
        voices=cache(parts.ledger.voices),  # for as long as the door stands: one question for all that pass it together
        preflight=Preflight(limits_of(parts.settings)),
        model=parts.settings.model,
        needs_consent=parts.settings.require_consent,
    )


@dataclass(frozen=True, slots=True)
class Asked:
    """What somebody asks for. `key`: its key where the document has none. `beside`: one that came with it, which none inside may differ from.

    `caller`: whose job it will be, and whose keys these are.
    """

    document: object = field(repr=False)
    key: str | None = None
    beside: str | None = None
    caller: str = CALLER


log = structlog.get_logger("producers")
Outcome = Added | RequestInvalidError | KeyReusedError
"""What became of a request: its job, or why nothing was stored of it."""


def enqueue(parts: Parts, document: object, *, key: str | None = None, beside: str | None = None) -> Added:
    """Store the job that `document` asks for, and ring for it; see `Asked`.

    The same key and request give the same job. Raises RequestInvalidError, or KeyReusedError; then nothing is stored.
    """
    [outcome] = enqueue_many(parts, [Asked(document, key, beside)])
    if isinstance(outcome, Added):
        return outcome
    raise outcome


def enqueue_many(parts: Parts, asked: Sequence[Asked]) -> list[Outcome]:
    """The same for many in one transaction, as if one after the other; what became of each, in order. None spoils another."""
    now, door = parts.engine.clock(), door_of(parts)
    read = door.read_many([(one.document, one.beside) for one in asked], now)
    orders = [one for one in read if isinstance(one, Order)]
    few = len(orders) <= _FEW
    ring = parts.settings.lease if few and _have_room(parts, orders) else None
    due_at = now + (ring or timedelta(0))
    new = [_new(order, one, now, due_at) for order, one in zip(read, asked, strict=True) if isinstance(order, Order)]
    # Before anything is stored: whoever is told that the ledger was away must not have a job by then.
    before = [None if isinstance(order, Order) else _before(parts, door, one, order) for order, one in zip(read, asked, strict=True)]
    added = parts.ledger.add_many(new, ring=ring) if new else []
    # After the commit: a message that overtook its row would find nothing, and one whose row was rolled back would mean nothing.
    if jobs := [one.job for one in added if isinstance(one, Added) and one.created]:
        _tell(parts, jobs, now, few=few, is_claimed=ring is not None)
    stored: Iterator[Outcome] = iter(added)
    return [next(stored) if known is None else known for known in before]


def _tell(parts: Parts, jobs: Sequence[Job], now: datetime, *, few: bool, is_claimed: bool) -> None:
    """Count and ring for jobs that are stored. Whatever goes wrong here is no reason to say that they are not: they would be sent again, and paid."""
    try:
        parts.counts.accepted(len(jobs))
        for job in jobs:
            parts.tracer.enqueued(job)
        if is_claimed:
            parts.bell.ring([Claim(job.id, job.account, job.state) for job in jobs], now, together=True)
        elif not few:
            ring_for_a_sweep(parts)
    except Exception:
        log.exception("jobs are stored, and could not be rung for: a sweep will", jobs=len(jobs))


def _new(order: Order, asked: Asked, now: datetime, due_at: datetime) -> New:
    job = _JOBS.changed(
        _BLANK,
        id=new_job_id(now, os.urandom(10)),
        account=order.account,
        caller=asked.caller,
        request=order.request,
        created_at=now,
        due_at=due_at,
        priority=order.priority,
        idempotency_key=order.idempotency_key or asked.key,
    )
    return New(job, order.fingerprint)


def _have_room(parts: Parts, orders: Sequence[Order]) -> bool:
    """Whether their accounts' pace lets all of them out now. Where it does not, others wait already: the sweep knows whose turn it is."""
    return all(parts.bell.room(account, SUBMIT) >= number for account, number in Counter(order.account for order in orders).items())


def _before(parts: Parts, door: Door, asked: Asked, refused: RequestInvalidError) -> Outcome:
    """A request that is repeated because its answer was lost has its job, though its address may have grown too old to be let in anew."""
    order = door.order_of(asked.document, asked.beside)
    if order is not None:
        with suppress(KeyReusedError):
            if known := parts.ledger.find_by_key(asked.caller, order.idempotency_key or asked.key, order.fingerprint):
                return Added(known, created=False)
    return refused


def add_producers(app: Celery, parts: Callable[[], Parts]) -> None:
    """Register `replicas.create`; `parts` gives those of the process that runs it."""

    @app.task(name=CREATE, bind=True, base=QuietTask, shared=False)
    def create(task: Task, /, *positional: object, **request: Any) -> None:  # noqa: ANN401 - whatever a service sends; the door looks at it
        """Record a job. Bad input ends the task with every problem named; a message that comes twice is the same job."""
        with answered(task):
            enqueue(parts(), by_name(positional, request), key=task.request.id)
