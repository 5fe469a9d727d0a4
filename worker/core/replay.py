"""Lives a job's story again: each event through `decide`, under the rules and at the moment that it was decided. It may not forgive a difference."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime

from worker.core.decide import decide
from worker.core.decision import IllegalTransition
from worker.core.events import Event
from worker.core.job import Attempt, Conversation, Job, Terms
from worker.core.rules import Rules
from worker.core.states import State

_TOLD = ("state", "conversation", "conversation_wanted", "cancel_requested", "failure", "release_to", "patient_from")
"""Fields that only move with a line in the story. Looks without news move others: when it is due, how often it was tried, the progress."""


@dataclass(frozen=True, slots=True)
class Told:
    """A line of the story, as far as it decides anything."""

    event: Event
    at: datetime
    to: State
    rules: Rules
    terms: Terms


def difference(job: Job, story: Iterable[Told]) -> str | None:
    """How the job differs from what its story makes of it; None when it does not."""
    lived = Job(
        id=job.id, account=job.account, caller=job.caller, request=job.request, created_at=job.created_at, due_at=job.created_at,
        priority=job.priority, idempotency_key=job.idempotency_key,
    )  # fmt: skip
    for line in story:
        name, state = type(line.event).__name__, lived.state
        try:
            lived = decide(replace(lived, terms=line.terms), line.event, line.at, line.rules).job
        except (IllegalTransition, LookupError, ValueError) as error:
            return f"the story cannot have been so: {name} at {line.at.isoformat()}: {error}"
        if lived.state is not line.to:
            return f"{name} at {line.at.isoformat()} leads from {state} to {lived.state}, and the story says {line.to}"
    return _field_that_differs(job, lived)


def _field_that_differs(job: Job, lived: Job) -> str | None:
    for name in _TOLD:
        if name == "conversation":
            if _talk_of(job) != _talk_of(lived):
                return "its conversation is not what the story makes of it"  # it has an address, which is for the caller alone
        elif getattr(job, name) != getattr(lived, name):
            return f"its {name} is {getattr(job, name)!s}, and the story makes it {getattr(lived, name)!s}"
    if len(job.attempts) != len(lived.attempts):
        return f"it has {len(job.attempts)} attempts, and the story makes {len(lived.attempts)}"
    for is_, should_be in zip(job.attempts, lived.attempts, strict=True):
        if _of(is_) != _of(should_be):
            found, lived_as = (f"{one.outcome}, {one.replica_id or 'no replica'}" for one in (is_, should_be))
            return f"attempt {is_.number} ({found}) is not what the story makes of it ({lived_as})"
    return None


def _talk_of(job: Job) -> Conversation | None:
    """The conversation without what the story does not tell: when the end that was asked for is next worked on, and what opens a private room."""
    talk = job.conversation
    if talk is None:
        return None
    # Rows of before it was kept do not have the moment at which it was opened.
    return replace(talk, end_due_at=None if talk.end_due_at is None else job.created_at, opened_at=None, admission=None)


def _of(attempt: Attempt) -> Attempt:
    """The attempt without what the story does not tell: when a deletion is next worked on, and the fields that an earlier input had.

    And without what only the plan learns from: rows of before it learned do not have it, and nothing hangs on it.
    """
    deletion = replace(attempt.deletion, due_at=attempt.intended_at) if attempt.deletion else None
    return replace(attempt, late_at=None, fixer=False, ended_at=None, called_at=None, look_due_at=None, deletion=deletion)
