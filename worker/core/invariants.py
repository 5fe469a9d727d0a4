"""What must hold of every job at every moment, as sentences about those that break it. It may not mend anything, and it asks nobody."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from worker.core.aftermath import unsettled
from worker.core.job import UNSETTLED, Attempt, Job, Outcome
from worker.core.marks import replica_mark
from worker.core.request import Start
from worker.core.rules import Rules
from worker.core.states import WATCHED, State

_LOOKED_AT = frozenset({State.QUEUED, State.SUBMITTING, State.TRAINING, State.OPENING})
_MADE = frozenset({Outcome.CHARGED, Outcome.TRAINED, Outcome.FAILED})
_NEEDS = {
    State.SUBMITTING: Outcome.RESERVED, State.TRAINING: Outcome.CHARGED, State.READY: Outcome.TRAINED, State.OPENING: Outcome.TRAINED,
    State.DONE: Outcome.TRAINED,
}  # fmt: skip
"""What the attempt that a job follows must be, in the states that say so."""


@dataclass(frozen=True, slots=True)
class Broken:
    """A promise that a job breaks: which, and how."""

    check: str
    problem: str


def broken(job: Job, now: datetime, rules: Rules) -> Iterator[Broken]:
    """Every promise that the job breaks."""
    yield from _next_look(job, now, rules)
    yield from _money(job)
    yield from _attempts(job)
    yield from _state(job)


def _next_look(job: Job, now: datetime, rules: Rules) -> Iterator[Broken]:
    if job.state in _LOOKED_AT and job.due_at is None:
        yield Broken("next look", f"it is {job.state}, and nothing will ever look at it")
    if job.state not in _LOOKED_AT | WATCHED and job.due_at is not None:
        yield Broken("next look", f"it is {job.state}, where nothing is due, and is due at {job.due_at.isoformat()}")
    attempt = unsettled(job)
    if job.state in WATCHED and job.due_at is None and attempt is not None and now - attempt.intended_at < 2 * rules.training_deadline:
        yield Broken("next look", f"{attempt.mark} is unsettled, and nothing will ever look at it")


def _money(job: Job) -> Iterator[Broken]:
    live = [
        one for one in job.attempts if one.outcome in UNSETTLED | {Outcome.TRAINED} and one.deleted_at is None and one.vanished_at is None
    ]
    if len(live) > 1:
        yield Broken("paid once", f"more than one submission is paid for, or may be: {', '.join(one.mark for one in live)}")
    for attempt in job.attempts:
        if attempt.strays:
            yield Broken("paid once", f"{attempt.mark} is on further replicas: {', '.join(attempt.strays)}")
        if attempt.outcome is Outcome.FAILED and attempt.deletable_at is None:
            yield Broken("refund", f"{attempt.replica_id} failed, and nobody noted until when it must be kept")
        if attempt.outcome is Outcome.FAILED and attempt.deletable_at and attempt.deleted_at and attempt.deleted_at < attempt.deletable_at:
            yield Broken("refund", f"{attempt.replica_id} was deleted before {attempt.deletable_at.isoformat()}, when its refund was safe")
        if attempt.deleted_at is not None and attempt.outcome in UNSETTLED:
            yield Broken("refund", f"{attempt.replica_id} was deleted while it may have been training")
        if attempt.deletion is not None and attempt.deletable_at is not None and attempt.deletion.due_at < attempt.deletable_at:
            yield Broken("refund", f"{attempt.replica_id} is to be deleted before its refund is safe")


def _attempts(job: Job) -> Iterator[Broken]:
    for number, attempt in enumerate(job.attempts, start=1):
        if attempt.number != number:
            yield Broken("attempts", f"attempt {number} is missing")
            return
        yield from _attempt(job, attempt)


def _attempt(job: Job, attempt: Attempt) -> Iterator[Broken]:
    if attempt.mark != replica_mark(job.id, attempt.number):
        yield Broken("attempts", f"attempt {attempt.number} carries the mark {attempt.mark}, which is not its own")
    if (attempt.outcome in _MADE) != (attempt.replica_id is not None):
        yield Broken("attempts", f"attempt {attempt.number} is {attempt.outcome} with the replica {attempt.replica_id or 'unknown'}")


def _state(job: Job) -> Iterator[Broken]:
    outcome = job.attempt.outcome if job.attempts else None
    if job.state in _NEEDS and outcome is not _NEEDS[job.state]:
        yield Broken("state", f"it is {job.state}, and its submission is {outcome or 'not there'}")
    # What was trained and is gone since may be trained anew, when a person wants it.
    if job.state is State.QUEUED and outcome in {Outcome.RESERVED, Outcome.TRAINED} and job.attempt.lives:
        yield Broken("state", f"it is queued to be paid for, though {job.attempt.mark} is {outcome}")
    if job.state is State.HELD and job.failure is None:
        yield Broken("state", "it is held, and nobody noted why")
    is_wanted = job.request.start is Start.ON_READY or job.conversation_wanted
    if job.state is State.DONE and is_wanted and (job.conversation is None or job.conversation.id is None):
        yield Broken("state", "it is done without the conversation that was wanted")
