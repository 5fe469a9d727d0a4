"""What people may ask of a job: cancel, release, abandon, retry, resume. It may not lose sight of anything that was, or may have been, paid."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from worker.core import events
from worker.core.decision import Decision, IllegalTransition, moved
from worker.core.failures import POLICIES, Action, Failure
from worker.core.job import Job, Outcome
from worker.core.opening import next_conversation
from worker.core.request import Request
from worker.core.rules import Rules
from worker.core.states import State
from worker.core.training import go_on_trained


def cancel(job: Job, _event: events.CancelRequested, _now: datetime, _rules: Rules) -> Decision:
    """End the job. What Tavus already has stays on record and is not deleted."""
    left = f"; {job.replica_id} stays at Tavus" if job.replica_id else ""
    return Decision(moved(job, State.CANCELLED, None, cancel_requested=True), why=f"cancelled{left}")


def cancel_later(job: Job, _event: events.CancelRequested, _now: datetime, _rules: Rules) -> Decision:
    """A submission may have reached Tavus: find out first, or money would be lost sight of."""
    return Decision(
        replace(job, cancel_requested=True), why="cancellation asked for; it follows once it is known whether the replica exists"
    )


def cancel_opening(job: Job, event: events.CancelRequested, now: datetime, rules: Rules) -> Decision:
    """With no conversation POST outstanding, end; with one, find out first."""
    outstanding = job.conversation is not None and job.conversation.intended_at is not None
    return cancel_later(job, event, now, rules) if outstanding else cancel(job, event, now, rules)


def cancel_held(job: Job, _event: events.CancelRequested, now: datetime, _rules: Rules) -> Decision:
    """End a held job; with a POST of it outstanding, find out first what became of that."""
    outstanding = _outstanding(job)
    if outstanding is None:
        return cancel(job, _event, now, _rules)
    looking = moved(job, outstanding, now, cancel_requested=True, watched_since=now)
    return Decision(looking, why="cancellation asked for; it follows once it is known what the last request made")


def _outstanding(job: Job) -> State | None:
    """Where a job goes whose last POST may have been done: there it is looked for."""
    if job.attempts and job.attempt.outcome is Outcome.RESERVED:
        return State.SUBMITTING
    if job.conversation is not None and job.conversation.intended_at is not None:
        return State.OPENING
    return None


def release(job: Job, _event: events.ReleaseRequested, now: datetime, _rules: Rules) -> Decision:
    """A person mended the cause: go on where the policy says, with every patience started anew."""
    return _go_on(_looked_for_again(job), now, "released")


def _looked_for_again(job: Job) -> Job:
    """What vanished counts as there until Tavus says once more that it is not: else the job would go on with another attempt, or none."""
    gone = [attempt for attempt in job.attempts if attempt.vanished_at is not None and attempt.outcome is Outcome.CHARGED]
    if job.failure is not Failure.REPLICA_VANISHED or not gone:
        return job
    return job.with_attempt(replace(gone[-1], vanished_at=None))


def resume(job: Job, _event: events.AccountResumed, now: datetime, _rules: Rules) -> Decision:
    """The account is mended: jobs that it held go on; jobs held for another reason stay held."""
    if job.failure is None or POLICIES[job.failure].action is not Action.STOP_ACCOUNT:
        return Decision(job)
    return _go_on(job, now, "the account was resumed")


def _go_on(job: Job, now: datetime, why: str) -> Decision:
    state = job.release_to or State.QUEUED
    # A replica that turned up while the job was held must be followed, never paid for again.
    if job.attempts and job.attempt.outcome is Outcome.CHARGED and state in {State.QUEUED, State.SUBMITTING}:
        state = State.TRAINING
    # Only an intent whose outcome is unknown is looked up: what is known of the others stays known.
    if state is State.SUBMITTING and not (job.attempts and job.attempt.outcome is Outcome.RESERVED):
        state = State.QUEUED
    is_looked_for = state is State.SUBMITTING or (state is State.OPENING and _outstanding(job) is State.OPENING)
    if job.cancel_requested and not is_looked_for:
        return Decision(moved(job, State.CANCELLED, None), why=f"{why}, and cancelled before")
    if job.conversation is not None and job.conversation.id is not None:
        return Decision(moved(job, State.DONE, None), why=f"{why}: the conversation is there")
    patient = _patient_anew(job)
    return Decision(moved(patient, state, now, watched_since=now), why=f"{why}: goes on as {state}")


def _patient_anew(job: Job) -> Job:
    conversation = replace(job.conversation, lost=0) if job.conversation else None
    return replace(job, patient_from=len(job.attempts) + 1, conversation=conversation)


def retry(job: Job, event: events.RetryRequested, now: datetime, _rules: Rules) -> Decision:
    """An abandoned job is tried again, with new fields where they are given; its story and what it cost stay with it.

    Raises IllegalTransition while a replica of it may still train: that would be paid for beside it.
    """
    if not job.is_settled:
        raise IllegalTransition(job, event, "What became of its last submission is not known yet: wait until its training has ended.")
    if job.attempts and job.attempt.lives:
        return _retry_conversation(job, event, now)
    if event.replica is None and job.failure is not None and POLICIES[job.failure].action is Action.ABANDON:
        raise IllegalTransition(job, event, "Tavus will not train this input: send another.")
    request = _with_input(job.request, event.replica) if event.replica is not None else job.request
    conversation = next_conversation(job, job.conversation, lost=0) if job.conversation else None
    anew = replace(_patient_anew(job), request=request, conversation=conversation, cancel_requested=False)
    return Decision(moved(anew, State.QUEUED, now), why=f"tried again by a person{', with new input' if event.replica is not None else ''}")


def _with_input(request: Request, replica: Mapping[str, Any]) -> Request:
    """The request with these fields. Another source is asked of no provider: it would give the old one."""
    is_same = replica.get(request.source) == request.replica.get(request.source)
    provider = request.source_url_provider if is_same else None
    return replace(request, replica=replica, source_url_provider=provider)


def _retry_conversation(job: Job, event: events.RetryRequested, now: datetime) -> Decision:
    if event.replica is not None or job.attempt.deletion is not None:
        reason = "is about to be deleted" if job.attempt.deletion is not None else "is trained and needs no new input: leave that out"
        raise IllegalTransition(job, event, f"{job.replica_id} {reason}.")
    if job.conversation is not None and job.conversation.id is not None:
        return Decision(moved(job, State.DONE, None), why="tried again by a person: the conversation is there")
    again, why = replace(_patient_anew(job), cancel_requested=False), "tried again by a person: the replica is trained"
    if _outstanding(job) is State.OPENING:  # whether or not one is wanted: it may be open, and bills
        return Decision(moved(again, State.OPENING, now), why=f"{why}, and a conversation may be open")
    return go_on_trained(again, now, why)


def abandon(job: Job, _event: events.AbandonRequested, _now: datetime, _rules: Rules) -> Decision:
    """A person gives the held job up; why it was held stays on record."""
    ended = moved(job, State.ABANDONED, None, failure=job.failure, detail=job.detail)
    return Decision(ended, why="given up by a person")
