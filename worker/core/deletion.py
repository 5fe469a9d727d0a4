"""The one door through which a replica may be deleted. It may not be slipped past: API, CLI, task and clean-up all come through here.

An errored replica that is deleted before Tavus has registered the failed run may not be refunded (Tavus, Replica FAQ, 2026-06), and Tavus names no
safe delay. So a failed replica is kept for the refund hold, and after it two looks, some time apart, must both still say `error`.
"""

from dataclasses import replace
from datetime import datetime
from typing import assert_never

from worker.core import events
from worker.core.decision import Decision, IllegalTransition
from worker.core.effects import ConfirmFailure, DeleteReplica
from worker.core.job import Attempt, Deletion, Job, Outcome, ReplicaId
from worker.core.policy import stop_for
from worker.core.rules import Rules
from worker.core.states import State


class DeletionRefused(IllegalTransition):
    """The door is shut. `until` is when it opens; None when time alone will not open it."""

    def __init__(self, job: Job, event: events.Event, reason: str, until: datetime | None = None) -> None:
        """Keep the time beside the reason."""
        super().__init__(job, event, reason)
        self.until = until
        if until is not None:
            self.args = (f"{self.args[0]} It may be deleted from {until.isoformat()} on.",)


def request(job: Job, event: events.DeletionRequested, now: datetime, _rules: Rules) -> Decision:
    """Let the wish for a deletion in. Raises DeletionRefused with why not, and until when."""
    attempt = _meant(job, event)
    if attempt is None or attempt.replica_id is None:
        raise DeletionRefused(job, event, f"It has no replica {event.replica_id}." if event.replica_id else "It has no replica.")
    if event.hard and event.replica_id is None:
        raise DeletionRefused(job, event, f"Erasing assets is for ever, so it is asked twice: name the replica, {attempt.replica_id}.")
    if attempt.deleted_at is not None:
        raise DeletionRefused(job, event, f"{attempt.replica_id} was deleted at {attempt.deleted_at.isoformat()}.")
    _raise_if_unsafe(job, event, attempt, attempt.replica_id, now)
    if attempt.deletion is not None and attempt.deletion.hard == event.hard:
        return Decision(job)  # asked for already
    confirmed = attempt.deletion.confirmed_at if attempt.deletion else None
    due = attempt.deletion.due_at if attempt.deletion and confirmed else now
    wished = replace(attempt, deletion=Deletion(due_at=due, hard=event.hard, confirmed_at=confirmed))
    return Decision(
        job.with_attempt(wished), why=f"deletion of {attempt.replica_id} was asked for{', with its assets' if event.hard else ''}"
    )


def _meant(job: Job, event: events.DeletionRequested) -> Attempt | None:
    if event.replica_id is not None:
        return job.attempt_with(event.replica_id)
    made = [attempt for attempt in job.attempts if attempt.replica_id is not None]
    return job.attempt if made and job.attempt.replica_id is not None else (made[-1] if made else None)


def _raise_if_unsafe(job: Job, event: events.Event, attempt: Attempt, replica_id: ReplicaId, now: datetime) -> None:
    match attempt.outcome:
        case Outcome.RESERVED | Outcome.REFUSED | Outcome.ABSENT | Outcome.CHARGED:
            raise DeletionRefused(job, event, f"{replica_id} may still be training, and nobody knows what that would do to its credit.")
        case Outcome.FAILED:
            if attempt.deletable_at is None or now < attempt.deletable_at:
                reason = f"The refund for {replica_id} is not safe yet: deleting a failed replica early can lose it."
                raise DeletionRefused(job, event, reason, attempt.deletable_at)
        case Outcome.TRAINED:
            if _may_be_opened(job):
                raise DeletionRefused(job, event, f"A conversation with {replica_id} is being opened.")
        case _:
            assert_never(attempt.outcome)


def _may_be_opened(job: Job) -> bool:
    return job.state is State.OPENING or (job.state is State.HELD and job.release_to is State.OPENING)


def carry_out(job: Job, event: events.DeletionFellDue, now: datetime, rules: Rules) -> Decision:
    """The next step of a wished-for deletion: for a failed replica a look, and some time later another one and the deletion itself."""
    attempt = job.attempt_with(event.replica_id)
    if attempt is None or attempt.deletion is None or now < attempt.deletion.due_at:
        return Decision(job)
    try:
        _raise_if_unsafe(job, event, attempt, event.replica_id, now)
    except DeletionRefused as refused:
        return Decision(job.with_attempt(replace(attempt, deletion=None)), why=f"{event.replica_id} is not deleted: {refused.reason}")
    # One lease ahead: whoever else comes to it meanwhile finds nothing to do.
    begun = job.with_attempt(replace(attempt, deletion=replace(attempt.deletion, due_at=now + rules.lease)))
    is_failed = attempt.outcome is Outcome.FAILED
    if is_failed and attempt.deletion.confirmed_at is None:
        return Decision(begun, (ConfirmFailure(job.account, event.replica_id),))
    return Decision(begun, (DeleteReplica(job.account, event.replica_id, is_failed, attempt.deletion.hard),))


def confirm(job: Job, event: events.FailureConfirmed, now: datetime, rules: Rules) -> Decision:
    """Tavus still says that it failed: once more after the confirm time, and then it is deleted."""
    attempt = job.attempt_with(event.replica_id)
    if attempt is None or attempt.deletion is None or attempt.deletion.confirmed_at is not None:
        return Decision(job)
    due = now + rules.refund_confirm
    confirmed = replace(attempt, deletion=replace(attempt.deletion, due_at=due, confirmed_at=now))
    why = f"Tavus still says that {event.replica_id} failed; it is deleted at {due:%Y-%m-%d %H:%M:%S} UTC, if Tavus says so then too"
    return Decision(job.with_attempt(confirmed), why=why)


def ask_again(job: Job, event: events.DeletionUnread, now: datetime, rules: Rules) -> Decision:
    """Tavus did not answer: the wish stands, and is worked on later; with a key that is refused, when a person has mended that."""
    attempt = job.attempt_with(event.replica_id)
    if attempt is None or attempt.deletion is None:
        return Decision(job)
    due = now + max(rules.retry_cap, event.retry_after or rules.retry_cap)
    later = job.with_attempt(replace(attempt, deletion=replace(attempt.deletion, due_at=due)))
    return Decision(later, stop_for(job, event.account_fault), f"the deletion of {event.replica_id} waits: {event.detail}")


def record(job: Job, event: events.ReplicaDeleted, now: datetime, _rules: Rules) -> Decision:
    """The replica is gone; its id and its money stay on record."""
    attempt = job.attempt_with(event.replica_id)
    if attempt is None or attempt.deleted_at is not None:
        return Decision(job)
    return Decision(job.with_attempt(replace(attempt, deleted_at=now, deletion=None)), why=f"{event.replica_id} was deleted")


def decline(job: Job, event: events.DeletionDeclined, _now: datetime, _rules: Rules) -> Decision:
    """The replica is still there, and the wish is over; the story says why."""
    attempt = job.attempt_with(event.replica_id)
    kept = job.with_attempt(replace(attempt, deletion=None)) if attempt else job
    return Decision(kept, why=f"{event.replica_id} was not deleted: {event.detail}")
