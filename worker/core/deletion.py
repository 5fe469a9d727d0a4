"""The one door through which a replica may be deleted. It may not be slipped past: API, CLI and task all come through `request`.

An errored replica that is deleted before Tavus has registered the failed run may not be refunded (Tavus, Replica FAQ, 2026-06), and Tavus names no
safe delay. So a failed replica is kept for the refund hold, and a fresh look must still say `error`.
"""

from dataclasses import replace
from datetime import datetime
from typing import assert_never

from worker.core import events
from worker.core.decision import Decision, IllegalTransition
from worker.core.effects import DeleteReplica
from worker.core.job import Attempt, Job, Outcome, ReplicaId
from worker.core.rules import Rules
from worker.core.states import State


class DeletionRefused(IllegalTransition):
    """The door is shut. `until` is when it opens; None when time alone will not open it."""

    def __init__(self, job: Job, event: events.Event, reason: str, until: datetime | None = None) -> None:
        """Keep the time beside the reason."""
        super().__init__(job, event, reason)
        self.until = until


def request(job: Job, event: events.DeletionRequested, now: datetime, _rules: Rules) -> Decision:
    """Ask for the deletion of the latest replica. Raises DeletionRefused with why, and until when."""
    attempt = job.attempts[-1] if job.attempts else None
    if attempt is None or attempt.replica_id is None:
        raise DeletionRefused(job, event, "It has no replica.")
    if event.replica_id not in {None, attempt.replica_id}:
        raise DeletionRefused(job, event, f"{event.replica_id} was meant, and the latest replica is {attempt.replica_id}.")
    if attempt.deleted_at is not None:
        raise DeletionRefused(job, event, f"{attempt.replica_id} was deleted at {attempt.deleted_at.isoformat()}.")
    _raise_if_unsafe(job, event, attempt, attempt.replica_id, now)
    failed = attempt.outcome is Outcome.FAILED
    return Decision(
        job, (DeleteReplica(job.account, attempt.replica_id, failed, event.hard),), f"deletion of {attempt.replica_id} was asked for"
    )


def _raise_if_unsafe(job: Job, event: events.Event, attempt: Attempt, replica_id: ReplicaId, now: datetime) -> None:
    match attempt.outcome:
        case Outcome.RESERVED | Outcome.REFUSED | Outcome.ABSENT | Outcome.CHARGED:
            raise DeletionRefused(job, event, f"{replica_id} may still be training, and nobody knows what that would do to its credit.")
        case Outcome.FAILED:
            if attempt.deletable_at is None or now < attempt.deletable_at:
                reason = f"The refund for {replica_id} is not safe yet: deleting a failed replica early can lose it."
                raise DeletionRefused(job, event, reason, attempt.deletable_at)
        case Outcome.TRAINED:
            if job.state is State.OPENING:
                raise DeletionRefused(job, event, f"A conversation with {replica_id} is being opened.")
        case _:
            assert_never(attempt.outcome)


def record(job: Job, event: events.ReplicaDeleted, now: datetime, _rules: Rules) -> Decision:
    """The replica is gone; its id and its money stay on record."""
    for attempt in job.attempts:
        if attempt.replica_id == event.replica_id and attempt.deleted_at is None:
            return Decision(job.with_attempt(replace(attempt, deleted_at=now)), why=f"{event.replica_id} was deleted")
    return Decision(job)


def decline(job: Job, event: events.DeletionDeclined, _now: datetime, _rules: Rules) -> Decision:
    """The replica is still there; the story says why."""
    return Decision(job, why=f"{event.replica_id} was not deleted: {event.detail}")
