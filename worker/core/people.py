"""What people may ask of a job: cancel, release, abandon, resume. It may not lose sight of anything that was, or may have been, paid."""

from dataclasses import replace
from datetime import datetime

from worker.core import events
from worker.core.decision import Decision, moved
from worker.core.failures import POLICIES, Action
from worker.core.job import Job, Outcome
from worker.core.rules import Rules
from worker.core.states import State


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


def release(job: Job, _event: events.ReleaseRequested, now: datetime, _rules: Rules) -> Decision:
    """A person mended the cause: go on where the policy says, with every patience started anew."""
    return _go_on(job, now, "released")


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
    if job.cancel_requested and state is not State.SUBMITTING:
        return Decision(moved(job, State.CANCELLED, None), why=f"{why}, and cancelled before")
    if job.conversation is not None and job.conversation.id is not None:
        return Decision(moved(job, State.DONE, None), why=f"{why}: the conversation is there")
    return Decision(moved(job, state, now, watched_since=now), why=f"{why}: goes on as {state}")


def abandon(job: Job, _event: events.AbandonRequested, _now: datetime, _rules: Rules) -> Decision:
    """A person gives the held job up; why it was held stays on record."""
    ended = moved(job, State.ABANDONED, None, failure=job.failure, detail=job.detail)
    return Decision(ended, why="given up by a person")
