"""Carries a failure's policy out on a job. It may not know where a failure comes from, only what the table says of it."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import assert_never

from worker.core.decision import Decision, moved
from worker.core.effects import StopAccount
from worker.core.failures import POLICIES, Action, Failure
from worker.core.job import Job
from worker.core.request import AutoFix
from worker.core.rules import Rules
from worker.core.states import State


def follow(job: Job, failure: Failure, detail: str, now: datetime, rules: Rules, *, retry_after: timedelta | None = None) -> Decision:
    """Do with the job what the policy of `failure` says. `job.state` is where a free retry, or a release, goes on."""
    policy = POLICIES[failure]
    match policy.action:
        case Action.RETRY_FREE:
            return retry(job, failure, detail, now, rules, retry_after=retry_after)
        case Action.RETRY_PAID:
            return _pay_again(job, failure, detail, now, rules, allowed=True)
        case Action.RETRY_WITH_IMAGE_FIXER:
            allowed = job.request.auto_fix is AutoFix.ON_REJECTION and not job.attempts[-1].fixer
            return _pay_again(job, failure, detail, now, rules, allowed=allowed)
        case Action.NEW_INPUT_NEEDED | Action.ABANDON:
            return abandon(job, failure, detail)
        case Action.HOLD:
            return _hold(job, failure, detail)
        case Action.STOP_ACCOUNT:
            held = _hold(job, failure, detail)
            return replace(held, effects=stop_for(job, failure))
        case _:
            assert_never(policy.action)


def retry(job: Job, failure: Failure, detail: str, now: datetime, rules: Rules, *, retry_after: timedelta | None = None) -> Decision:
    """Stay, and come back after the backoff, or later if we are told when."""
    wait = max(rules.backoff(job.tries, job.id), retry_after or timedelta(0))
    since = job.trying_since if job.failure is failure and job.trying_since else now
    waiting = replace(job, due_at=now + wait, tries=job.tries + 1, trying_since=since, failure=failure, detail=detail)
    return Decision(waiting, why=f"{failure}: {detail}; again in {wait.total_seconds():.1f} s")


def stop_for(job: Job, fault: Failure | None) -> tuple[StopAccount, ...]:
    """The order to stop the account's line, when a question failed because of the account."""
    return () if fault is None else (StopAccount(job.account, fault, deaf=fault is Failure.KEY_REJECTED),)


def abandon(job: Job, failure: Failure, detail: str) -> Decision:
    """End the job. Remote ids stay on record."""
    ended = moved(job, State.ABANDONED, None, failure=failure, detail=detail)
    return Decision(ended, why=_told(failure, detail))


def _hold(job: Job, failure: Failure, detail: str) -> Decision:
    release_to = POLICIES[failure].release_to or job.state
    return Decision(
        moved(job, State.HELD, None, failure=failure, detail=detail, release_to=release_to),
        why=_told(failure, detail),
    )


def _told(failure: Failure, detail: str) -> str:
    """What happened and what to do, as sentences: Tavus' own often name the code and end in a stop already."""
    named = detail if detail.startswith(failure.value) else f"{failure}: {detail}"
    return f"{named.rstrip('. ')}. {POLICIES[failure].told}"


def _pay_again(job: Job, failure: Failure, detail: str, now: datetime, rules: Rules, *, allowed: bool) -> Decision:
    if not allowed or job.submissions >= rules.max_paid_attempts:
        return abandon(job, failure, detail)
    due = now + rules.paid_retry_delay
    if job.terms.retry_after_refund:
        due = max([due, *(one.deletable_at for one in job.attempts if one.deletable_at is not None)])
    again = moved(job, State.QUEUED, due, failure=failure, detail=detail)
    why = f"{failure}: {detail}; submission {job.submissions + 1} of {rules.max_paid_attempts} follows at {due:%Y-%m-%d %H:%M:%S} UTC"
    return Decision(again, why=why)
