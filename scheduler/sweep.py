"""The sweep: asks the ledger what is due, claims it, and rings. It may not look at what a job is about; any number of sweeps at once is harmless.

When nothing is due it costs one question to the ledger. What is due is claimed line by line (accounts, and callers where they wait for each other):
nobody's backlog stands in another's way.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeVar

import structlog
from celery import Celery

from scheduler.inbox import read_conversations, read_trainings
from scheduler.shares import fairly
from worker.app import DELETE, DELIVER, LOOK_UP, OPEN, POLL, READ_VOICES, SUBMIT, SWEEP
from worker.assembly import Parts
from worker.bell import TASKS, TOGETHER
from worker.core.job import JobId
from worker.core.states import State
from worker.posts import UNTAKEN
from worker.store.claims import Claim
from worker.store.lines import DueLine
from worker.tasks import go_on
from worker.tavus.voices import read_voices

_MOST = 5000  # jobs claimed in one transaction: SQLite's one write lock is then held for less than a tenth of a second
_TOLD_TOGETHER = 50  # notifications in a message: what a destination takes in some seconds
# After so long a message that was rung, and is in no queue, counts as lost: a worker takes a job in milliseconds, and a busy one in a second.
_PATIENCE, _LEAST_PATIENCE = 3, timedelta(seconds=1)  # sweeps, and however often they are
_STATES = {task: {state for state in State if TASKS[state] == task} for task in (SUBMIT, LOOK_UP, OPEN, POLL)}
_STATES[LOOK_UP].add(State.OPENING)

Whom = TypeVar("Whom")

log = structlog.get_logger("sweep")


@dataclass(frozen=True, slots=True)
class Swept:
    """How many jobs a sweep rang for, and which trainings it was left to look at itself."""

    rung: int
    own: tuple[JobId, ...] = ()


def sweep(parts: Parts, *, looks: bool = False) -> Swept:
    """Ring for everything due, as far as the queues have room: what waits in Redis is out of the ledger's order, so only little may wait there.

    `looks`: whoever sweeps makes one call for trainings himself. Mostly one is all there is, and a message for it costs as much as the sweep.
    """
    began, now = time.perf_counter(), parts.engine.clock()
    due = parts.ledger.due(now, rung_before=now - _patience(parts))
    if has_letters := due.letters:  # whom they are about is due now, and rung for in this sweep
        read_trainings(parts)
        now = parts.engine.clock()
        due = parts.ledger.due(now, rung_before=now - _patience(parts))
    rung, own = 0, list[JobId]()
    for task in (SUBMIT, LOOK_UP, OPEN, POLL):
        if of_task := [line for line in due.lines if line.state in _STATES[task]]:
            claims = _Round(parts, task, now).claim(of_task)
            own = _one_call(claims, parts.settings.poll_batch) if looks and task == POLL else []
            kept = set(own)
            parts.bell.ring([claim for claim in claims if claim.job_id not in kept], now)
            rung += len(claims) - len(own)
    rung += _sweep_deletions(parts, now) if due.deletions else 0
    told = _sweep_notifications(parts, now) if due.notifications else 0
    if has_letters:  # last: about some of them Tavus is asked
        read_conversations(parts)
    parts.counts.swept(time.perf_counter() - began)
    return Swept(rung + told, tuple(own))


def _one_call(claims: Sequence[Claim], batch: int) -> list[JobId]:
    """Those of them that one call answers for: of the account that comes first."""
    return [claim.job_id for claim in claims if claim.account == claims[0].account][:batch]


@dataclass(frozen=True, slots=True)
class _Round:
    """What one sweep does for one task."""

    parts: Parts
    task: str
    now: datetime

    def claim(self, lines: Sequence[DueLine]) -> list[Claim]:
        """Claim what there is room for."""
        settings = self.parts.settings
        waiting = _waiting(self.parts, self.task)
        room = min((settings.ring_window - waiting) * (settings.poll_batch if self.task in TOGETHER else 1), _MOST)
        # Nothing waits, and yet somebody was rung for and did not come: the message is lost. Ringing once too often does no harm.
        lost = self.now - self._patience() if waiting == 0 else None
        out = {line.account: self.parts.bell.room(line.account, self.task) for line in lines}

        def give(line: DueLine, limit: int) -> list[Claim]:
            claims = self._of_line(line, min(limit, out[line.account]), lost)
            out[line.account] -= len(claims)
            return claims

        claims = fairly(_in_turn(lines, self.now), room, give)
        return claims + self._riders(claims) if self.task == POLL else claims

    def _of_line(self, line: DueLine, limit: int, lost: datetime | None) -> list[Claim]:
        """One state at a time: the index has the order of each."""
        ledger, lease, asked = self.parts.ledger, self.parts.settings.lease, None
        if line.state is State.OPENING:
            asked = self.task == LOOK_UP  # one that may be open is looked for whatever holds back those that would be opened: it bills
        if limit <= 0:
            return []
        if self.task in TOGETHER:
            return ledger.claim_due([line.state], line.account, self.now, lease, limit, rung_before=lost, asked=asked)

        def of_caller(caller: str, share: int) -> list[Claim]:
            return ledger.claim_due([line.state], line.account, self.now, lease, share, caller=caller, rung_before=lost, asked=asked)

        return fairly(_in_turn(ledger.callers(line.state, line.account, self.now, lost), self.now), limit, of_caller)

    def _patience(self) -> timedelta:
        """A look at trainings takes nobody's job, so it is not lost before it must be over."""
        patience = _patience(self.parts)
        return max(patience, self.parts.settings.task_limit) if self.task == POLL else patience

    def _riders(self, claims: Sequence[Claim]) -> list[Claim]:
        """Who is nearly due, as far as calls that are made anyway have room: they cost nothing, and need not be asked about again so soon."""
        settings, batch = self.parts.settings, self.parts.settings.poll_batch
        riders: list[Claim] = []
        for account in sorted({claim.account for claim in claims if claim.state is State.TRAINING}):
            free = -sum(claim.account == account for claim in claims) % batch
            if free:
                until = self.now + settings.training_typical * settings.ride_along
                riders += self.parts.ledger.claim_nearly(account, self.now, until, settings.lease, free)
        return riders


def _in_turn(whom: Sequence[Whom], now: datetime) -> list[Whom]:
    """The same, beginning with another each time: where there is room for few, it is not always the first who get it."""
    first = int(now.timestamp() * 1000) % len(whom) if whom else 0
    return [*whom[first:], *whom[:first]]


def _patience(parts: Parts) -> timedelta:
    return max(_PATIENCE * parts.settings.sweep_interval, _LEAST_PATIENCE)


def _sweep_deletions(parts: Parts, now: datetime) -> int:
    """Rung for until they are done: they are few, and who comes second to one finds nothing to do."""
    room = parts.settings.ring_window - _waiting(parts, DELETE)
    due = parts.ledger.due_deletions(now, room) if room > 0 else []
    parts.bell.ring_deletions(due)
    return len(due)


def _sweep_notifications(parts: Parts, now: datetime) -> int:
    """A message for each destination: one that hangs keeps one thread, and all together half of a worker's at most, for jobs come first."""
    if _waiting(parts, DELIVER) > 0:  # nobody has time for those that are out
        return 0
    batches = parts.courier.claim(max(parts.settings.threads // 2, 1), _TOLD_TOGETHER)
    parts.courier.outbox.give_back(parts.bell.ring_deliveries(batches), now)
    return sum(map(len, batches))


def _waiting(parts: Parts, queue: str) -> int:
    """Messages in the queue."""
    return parts.bell.post.waiting(queue)


def ring_for_a_sweep(parts: Parts) -> None:
    """Have a worker sweep now, for jobs that were left due: one message for them all. While one waits it will find them, and no other is needed."""
    try:
        if _waiting(parts, SWEEP) == 0:
            parts.bell.post.send((SWEEP, ()))
    except UNTAKEN as error:
        log.warning("the broker takes no messages; the next sweep rings", error=str(error))


def add_sweep(app: Celery, parts: Callable[[], Parts]) -> None:
    """Register the tasks that beat sends; `parts` gives those of the process that runs them."""

    @app.task(name=SWEEP, shared=False)
    def scheduler_sweep() -> None:
        """Claim what is due, and ring for it; look at some trainings at once."""
        own = sweep(parts(), looks=parts().settings.go_on).own
        if own:
            go_on(parts(), lambda engine: engine.advance_many(own))

    @app.task(name=READ_VOICES, shared=False)
    def scheduler_read_voices() -> None:
        """Read the stock voices of every account, so that an unknown one is refused at the door."""
        here = parts()
        for account in here.settings.accounts:
            names = read_voices(here.tavus, account, here.settings.task_limit - here.settings.http_timeout)
            if names is not None:
                here.ledger.keep_voices(account, names, here.engine.clock())
