"""The sweep: asks the ledger what is due, claims it, and rings. It may not look at what a job is about; any number of sweeps at once is harmless."""

from collections.abc import Callable
from dataclasses import dataclass

import structlog
from celery import Celery

from worker.app import DELETE, LOOK_UP, POLL, READ_VOICES, START_CONVERSATION, SUBMIT, SWEEP
from worker.assembly import Parts
from worker.bell import TASKS, TOGETHER
from worker.core.states import State
from worker.tavus.voices import read_voices

_MOST = 5000  # jobs claimed in one transaction: SQLite's one write lock is then held for less than a tenth of a second
_PATIENCE = 3  # sweeps after which a message that was rung, and is in no queue, counts as lost: a busy worker takes a job in milliseconds

log = structlog.get_logger("sweep")


@dataclass(frozen=True, slots=True)
class Swept:
    """How many jobs a sweep rang for."""

    rung: int


def sweep(parts: Parts) -> Swept:
    """Ring for everything due, as far as the queues have room: what waits in Redis is out of the ledger's order, so only little may wait there."""
    rung = sum(_sweep_for(parts, task) for task in (SUBMIT, LOOK_UP, START_CONVERSATION, POLL))
    return Swept(rung + _sweep_deletions(parts))


def _sweep_deletions(parts: Parts) -> int:
    """Rung for until they are done: they are few, and who comes second to one finds nothing to do."""
    room = parts.settings.ring_window - _waiting(parts, DELETE)
    due = parts.ledger.due_deletions(parts.engine.clock(), room) if room > 0 else []
    parts.bell.ring_deletions(due)
    return len(due)


def _sweep_for(parts: Parts, task: str) -> int:
    settings, now = parts.settings, parts.engine.clock()
    waiting = _waiting(parts, task)
    room = min((settings.ring_window - waiting) * (settings.poll_batch if task in TOGETHER else 1), _MOST)
    if room <= 0:
        return 0
    # Nothing waits, and yet somebody was rung for and did not come: the message is lost. Ringing once too often does no harm.
    lost = now - _PATIENCE * settings.sweep_interval if waiting == 0 else None
    states = [state for state in State if TASKS[state] == task]
    claims = parts.ledger.claim_due(states, now, settings.lease, room, rung_before=lost)
    parts.bell.ring(claims, now)
    return len(claims)


def _waiting(parts: Parts, queue: str) -> int:
    """Messages in the queue."""
    with parts.app.pool.acquire(block=True) as connection:
        return int(connection.default_channel._size(queue))  # noqa: SLF001 - LLEN over all priorities; queue_declare(passive) fails on an empty one


def add_sweep(app: Celery, parts: Callable[[], Parts]) -> None:
    """Register the tasks that beat sends; `parts` gives those of the process that runs them."""

    @app.task(name=SWEEP, shared=False)
    def scheduler_sweep() -> None:
        """Claim what is due, and ring for it."""
        sweep(parts())

    @app.task(name=READ_VOICES, shared=False)
    def scheduler_read_voices() -> None:
        """Read the stock voices of every account, so that an unknown one is refused at the door."""
        here = parts()
        for account in here.settings.accounts:
            names = read_voices(here.tavus, account, here.settings.task_limit - here.settings.http_timeout)
            if names is not None:
                here.ledger.keep_voices(account, names, here.engine.clock())
