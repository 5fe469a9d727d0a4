"""Rings: turns claims into messages that say "look at this job now". It may not decide who is due, and no row depends on a message arriving."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import groupby

import structlog
from celery import Celery

from worker.app import CLEAN_UP, DELIVER, LOOK_UP, OPEN, POLL, SUBMIT
from worker.core.job import Job, JobId
from worker.core.states import State
from worker.pacing.kinds import Kind
from worker.pacing.pacer import UNPACED, Pacer
from worker.posts import NO_BROKER, Message, Messages, Switch
from worker.store.claims import Claim
from worker.store.database import UNREACHABLE
from worker.store.jobs import Ledger
from worker.store.notifications import NotificationId

TASKS: dict[State, str | None] = {
    State.QUEUED: SUBMIT,
    State.SUBMITTING: LOOK_UP,
    State.TRAINING: POLL,
    State.OPENING: OPEN,
    State.READY: POLL,
    State.DONE: POLL,
    State.HELD: None,
    State.ABANDONED: POLL,
    State.CANCELLED: POLL,
}
"""Which task looks at a due job: total over State. None: nothing is ever due there. One that is over or ready is due while its money is unsettled."""
TOGETHER = frozenset({POLL, LOOK_UP})
"""Tasks that take many jobs of one account: one call, or one pass over a list, answers all."""
_KINDS = {SUBMIT: Kind.SUBMIT, OPEN: Kind.CONVERSE, LOOK_UP: Kind.LOOK, POLL: Kind.LOOK}


def task_for(claim: Claim) -> str | None:
    """The task to ring; a conversation that may be there is looked up, with others of its account."""
    return LOOK_UP if claim.state is State.OPENING and claim.asks else TASKS[claim.state]


_SUBMISSIONS = 8  # of one message at most: they follow each other, and the last of them should not wait much longer than a message costs

log = structlog.get_logger("bell")


@dataclass(frozen=True, slots=True)
class Bell:
    """Rings for claimed jobs. One a process, used from any number of threads.

    `batch`: jobs that one call answers for. `threads`: of a worker; submissions of which there are more go together, for a message costs too.
    `pace`: of all accounts. `post`: how its rings travel.
    """

    app: Celery
    ledger: Ledger
    lease: timedelta
    batch: int
    threads: int
    pace: Pacer = UNPACED
    post: Switch = field(init=False)

    def __post_init__(self) -> None:
        """Over the broker, until somebody switches."""
        object.__setattr__(self, "post", Switch(Messages(self.app)))

    def ring_due(self, jobs: Iterable[Job], now: datetime) -> None:
        """Claim those of the jobs that are due at once, and ring for them: what follows need not wait for the next sweep.

        Only as far as there is room: the others wait for the sweep, in line with those who have waited longer.
        """
        due = self._that_have_room(job for job in jobs if job.due_at is not None and job.due_at <= now)
        if due:
            self.ring(self.ledger.claim_these(due, now, self.lease), now)

    def room(self, account: str, task: str) -> int:
        """For how many of the account's jobs the task may be rung now: whom its pace lets nobody call for would only come back."""
        return self.pace.room(account, _KINDS[task]) * (self.batch if task in TOGETHER else 1)

    def _that_have_room(self, jobs: Iterable[Job]) -> list[JobId]:
        """The highest priority first."""
        found, room = list[JobId](), dict[tuple[str, str], int]()
        for job in sorted(jobs, key=lambda job: -job.priority):
            asks = job.conversation is not None and job.conversation.intended_at is not None
            if (task := task_for(Claim(job.id, job.account, job.state, asks))) is None:
                continue
            line = job.account, task
            room[line] = (self.room(*line) if line not in room else room[line]) - 1
            if room[line] >= 0:
                found.append(job.id)
        return found

    def ring_deletions(self, job_ids: Iterable[JobId]) -> None:
        """Ring for jobs with a deletion that is due. A message that the broker does not take costs a sweep."""
        self._ring_each(CLEAN_UP, job_ids)

    def pass_on(self, job_ids: Iterable[JobId]) -> None:
        """Ring anew for submissions that were rung for together, and that whoever took the first has no time for. The same holds for these."""
        self._ring_each(SUBMIT, job_ids)

    def ring_deliveries(self, batches: Sequence[Sequence[NotificationId]]) -> list[NotificationId]:
        """Ring for notifications, those of one destination together. Those that the broker did not take: they are to be given back."""
        pending = list(batches)
        try:
            while pending:
                self.post.send((DELIVER, [pending[0]]))
                pending.pop(0)
        except NO_BROKER as error:
            log.warning("the broker takes no messages; the next sweep rings again", error=str(error), destinations=len(pending))
        return [one for batch in pending for one in batch]

    def _ring_each(self, task: str, job_ids: Iterable[JobId]) -> None:
        try:
            for job_id in job_ids:
                self.post.send((task, [job_id]))
        except NO_BROKER as error:
            log.warning("the broker takes no messages; the next sweep rings again", error=str(error))

    def ring(self, claims: Sequence[Claim], now: datetime, *, together: bool = False) -> bool:
        """Send the messages. When the broker does not take them the claims are given back, and the next sweep rings. Whether all were sent.

        `together`: submissions share a message, as if one thread were there: for who waits for this, and has no worker's time to spare.
        """
        rung = list(_messages(claims, self.batch, 1 if together else self.threads))
        pending = [_message(task, ring_for) for task, ring_for in rung]
        try:
            self.post.send_all(pending)
        except NO_BROKER as error:
            unrung = [claim.job_id for _, left in rung[len(rung) - len(pending) :] for claim in left]
            with suppress(*UNREACHABLE):  # else they come back when the lease is over
                self.ledger.unclaim(unrung, now)
            log.warning("the broker takes no messages; the next sweep rings again", error=str(error), jobs=len(unrung))
            return False
        return True


def _message(task: str, claims: Sequence[Claim]) -> Message:
    ids = [claim.job_id for claim in claims]
    return task, [ids] if task in TOGETHER else ids


def _messages(claims: Sequence[Claim], batch: int, threads: int) -> Iterator[tuple[str, list[Claim]]]:
    """The tasks and whom they are for: questions together for each account, many submissions some at a time, everything else one by one."""
    rung = [(task, claim) for claim in claims if (task := task_for(claim)) is not None]
    submissions = [claim for task, claim in rung if task == SUBMIT]
    yield from ((SUBMIT, some) for some in _cut(submissions, min(max(len(submissions) // threads, 1), _SUBMISSIONS)))
    yield from ((task, [claim]) for task, claim in rung if task != SUBMIT and task not in TOGETHER)
    asking = sorted(((task, claim) for task, claim in rung if task in TOGETHER), key=_task_and_account)
    for (task, _), of_account in groupby(asking, key=_task_and_account):
        yield from ((task, some) for some in _cut([claim for _, claim in of_account], batch))


def _cut(claims: Sequence[Claim], size: int) -> Iterator[list[Claim]]:
    return (list(claims[start : start + size]) for start in range(0, len(claims), size))


def _task_and_account(rung: tuple[str, Claim]) -> tuple[str, str]:
    return rung[0], rung[1].account
