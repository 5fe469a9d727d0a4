"""Rings: turns claims into messages that say "look at this job now". It may not decide who is due, and no row depends on a message arriving."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby

import structlog
from celery import Celery
from kombu.exceptions import OperationalError

from worker.app import POLL, START_CONVERSATION, SUBMIT
from worker.core.job import Job
from worker.core.states import State
from worker.store.claims import Claim
from worker.store.jobs import Ledger

TASKS: dict[State, str | None] = {
    State.QUEUED: SUBMIT,
    State.SUBMITTING: SUBMIT,
    State.TRAINING: POLL,
    State.OPENING: START_CONVERSATION,
    State.READY: None,
    State.DONE: None,
    State.HELD: None,
    State.ABANDONED: None,
    State.CANCELLED: None,
}
"""Which task looks at a due job: total over State. None: nothing is ever due there."""

log = structlog.get_logger("bell")


@dataclass(frozen=True, slots=True)
class Bell:
    """Rings for claimed jobs. One a process, used from any number of threads. `batch`: jobs in training that one message may name."""

    app: Celery
    ledger: Ledger
    lease: timedelta
    batch: int

    def ring_due(self, jobs: Iterable[Job], now: datetime) -> None:
        """Claim those of the jobs that are due at once, and ring for them: what follows need not wait for the next sweep."""
        due = [job.id for job in jobs if job.due_at is not None and job.due_at <= now]
        if due:
            self.ring(self.ledger.claim_these(due, now, self.lease), now)

    def ring(self, claims: Sequence[Claim], now: datetime) -> bool:
        """Send the messages. When the broker does not take them the claims are given back, and the next sweep rings. Whether all were sent."""
        pending = list(_messages(claims, self.batch))
        try:
            with self.app.producer_or_acquire() as producer:
                while pending:
                    task, ring_for = pending[0]
                    ids = [claim.job_id for claim in ring_for]
                    self.app.send_task(task, args=[ids] if task == POLL else ids, producer=producer)
                    pending.pop(0)
        except (OperationalError, OSError) as error:
            unrung = [claim.job_id for _, left in pending for claim in left]
            self.ledger.unclaim(unrung, now)
            log.warning("the broker takes no messages; the next sweep rings again", error=str(error), jobs=len(unrung))
            return False
        return True


def _messages(claims: Sequence[Claim], batch: int) -> Iterator[tuple[str, list[Claim]]]:
    """The tasks and whom they are for: polls together for each account, everything else one by one."""
    polls = sorted((claim for claim in claims if TASKS[claim.state] == POLL), key=lambda claim: claim.account)
    for claim in claims:
        task = TASKS[claim.state]
        if task is not None and task != POLL:
            yield task, [claim]
    for _, of_account in groupby(polls, key=lambda claim: claim.account):
        together = list(of_account)
        for start in range(0, len(together), batch):
            yield POLL, together[start : start + batch]
