"""The sweep: asks the ledger what is due, claims it, and rings. It may not look at what a job is about; any number of sweeps at once is harmless.

When nothing is due it costs one question to the ledger. What is due is claimed line by line (accounts, and callers where they wait for each other):
nobody's backlog stands in another's way.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TypeVar

import structlog
from celery import Celery

from scheduler.inbox import read_conversations, read_trainings
from scheduler.shares import fairly
from worker.app import CLEAN_UP, DELIVER, LOOK_UP, OPEN, POLL, READ_VOICES, SUBMIT, SWEEP
from worker.assembly import Parts
from worker.bell import TASKS, TOGETHER
from worker.core.states import State
from worker.pacing.kinds import Kind
from worker.posts import UNTAKEN
from worker.store.claims import Claim
from worker.store.lines import DueLine
from worker.store.looks import Claimed
from worker.tasks import go_on
from worker.tavus.voices import read_voices

_MOST = 5000  # jobs claimed in one transaction: SQLite's one write lock is then held for less than a tenth of a second
# Calls for trainings that who sweeps makes himself: they are all that most sweeps find, and a message costs as much as a sweep. Who comes second
# waits for a call, and who comes after has a thread of his own.
_OWN = 2
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
    own: Claimed = field(default_factory=Claimed)


def sweep(parts: Parts, *, looks: bool = False) -> Swept:
    """Ring for everything due, as far as the queues have room: what waits in Redis is out of the ledger's order, so only little may wait there.

    `looks`: whoever sweeps makes some calls for trainings himself.
    """
    began, now = time.perf_counter(), parts.engine.clock()
    due = parts.ledger.due(now, rung_before=now - _patience(parts))
    if has_letters := due.letters:  # whom they are about is due now, and rung for in this sweep
        read_trainings(parts)
        now = parts.engine.clock()
        due = parts.ledger.due(now, rung_before=now - _patience(parts))
    rung, own = 0, Claimed()
    for task in (SUBMIT, LOOK_UP, OPEN, POLL):
        of_task = [line for line in due.lines if line.state in _STATES[task]]
        if looks and task == POLL and of_task:
            own, of_task = _own_calls(parts, of_task, now)
        if of_task:
            claims = _Round(parts, task, now).claim(of_task)
            parts.bell.ring(claims, now)
            rung += len(claims)
    rung += _sweep_deletions(parts, now) if due.deletions else 0
    told = _sweep_notifications(parts, now) if due.notifications else 0
    if has_letters:  # last: about some of them Tavus is asked
        read_conversations(parts)
    parts.counts.swept(time.perf_counter() - began)
    return Swept(rung + told, own)


def _own_calls(parts: Parts, lines: Sequence[DueLine], now: datetime) -> tuple[Claimed, list[DueLine]]:
    """Claim whom some calls answer for, of the account that comes first, if its pace lets one out; and the lines that are left.

    The permit of the first is kept: this thread makes it.
    """
    settings, ledger, account = parts.settings, parts.ledger, _in_turn(lines, now)[0].account
    if parts.pace.permit(account, Kind.LOOK) is not None:
        return Claimed(), list(lines)
    own, room = Claimed(), settings.poll_batch
    for state in [line.state for line in lines if line.account == account and line.state is not State.TRAINING]:
        watched = ledger.claim_due([state], account, now, settings.lease, room - len(own.others))
        own = Claimed((), (*own.others, *(one.job_id for one in watched)))
    is_full = len(own.ids) == room
    for calls in range(1, _OWN + 1 if DueLine(State.TRAINING, account) in lines else 1):
        room = calls * settings.poll_batch - len(own.ids)
        more = ledger.claim_looks(account, now, _soon(parts, now), settings.lease, room)
        own, is_full = Claimed((*own.looks, *more.looks), (*own.others, *more.others)), len(more.ids) == room
        if not is_full:
            break
    if not own.ids:  # only messages that are lost, or somebody was faster
        parts.pace.release()
    return own, [line for line in lines if line.account != account or is_full or not own.ids]


def _soon(parts: Parts, now: datetime) -> datetime:
    """Until when those are due that ride along with others."""
    return now + parts.settings.training_typical * parts.settings.ride_along


@dataclass(frozen=True, slots=True)
class _Round:
    """What one sweep does for one task."""

    parts: Parts
    task: str
    now: datetime

    def claim(self, lines: Sequence[DueLine]) -> list[Claim]:
        """Claim what there is room for."""
        settings, accounts = self.parts.settings, set[str]()
        waiting = _waiting(self.parts, self.task)
        lists = max(settings.threads // 2, 1) - waiting
        room = min((settings.ring_window - waiting) * (settings.poll_batch if self.task in TOGETHER else 1), _MOST)
        # Nothing waits, and yet somebody was rung for and did not come: the message is lost. Ringing once too often does no harm.
        lost = self.now - self._patience() if waiting == 0 else None
        out = {line.account: self.parts.bell.room(line.account, self.task) for line in lines}

        def give(line: DueLine, limit: int) -> list[Claim]:
            if self.task == LOOK_UP and line.account not in accounts and len(accounts) >= lists:
                return []
            claims = self._of_line(line, min(limit, out[line.account]), lost)
            out[line.account] -= len(claims)
            accounts.update([line.account] if claims else [])
            return claims

        claims = fairly(self._in_order(lines, lists), room, give)
        return claims + self._riders(claims) if self.task == POLL else claims

    def _in_order(self, lines: Sequence[DueLine], lists: int) -> list[DueLine]:
        """Who comes first. For looks through lists only so many accounts are rung as half of a worker's threads can look through: who waits longest.

        Of an account with thousands of replicas that takes seconds of a processor, and nobody waits for it: whatever else is due goes on beside it.
        Lists that take longer than a sweep are not counted: more threads may be at them then.
        """
        in_turn = _in_turn(lines, self.now)
        if self.task != LOOK_UP or len({line.account for line in lines}) <= lists:
            return in_turn
        since = self.parts.ledger.due_since(self.now)
        return sorted(in_turn, key=lambda line: since.get(line, self.now))

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
                riders += self.parts.ledger.claim_nearly(account, self.now, _soon(self.parts, self.now), settings.lease, free)
        return riders


def _in_turn(whom: Sequence[Whom], now: datetime) -> list[Whom]:
    """The same, beginning with another each time: where there is room for few, it is not always the first who get it."""
    first = int(now.timestamp() * 1000) % len(whom) if whom else 0
    return [*whom[first:], *whom[:first]]


def _patience(parts: Parts) -> timedelta:
    return max(_PATIENCE * parts.settings.sweep_interval, _LEAST_PATIENCE)


def _sweep_deletions(parts: Parts, now: datetime) -> int:
    """Rung for until they are done: they are few, and who comes second to one finds nothing to do."""
    room = parts.settings.ring_window - _waiting(parts, CLEAN_UP)
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
        here = parts()
        try:
            own = sweep(here, looks=here.settings.go_on).own
            if own.ids:
                go_on(here, lambda engine: engine.advance_claimed(own))
        finally:
            here.pace.release()  # where the call did not come to be

    @app.task(name=READ_VOICES, shared=False)
    def scheduler_read_voices() -> None:
        """Read the stock voices of every account, so that an unknown one is refused at the door."""
        here = parts()
        for account in here.settings.accounts:
            names = read_voices(here.tavus, account, here.settings.task_limit - here.settings.http_timeout)
            if names is not None:
                here.ledger.keep_voices(account, names, here.engine.clock())
