"""From `queued` to a known replica: check the input, pay once, look for what was lost. It may not ask for a POST except on `InputPassed`.

`InputPassed` is legal in `queued` only, and moves the job to `submitting` with its mark before the effect leaves: so a training is paid once.
"""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from worker.core import adoption, events
from worker.core.decision import Decision, IllegalTransition, moved
from worker.core.effects import CheckInput, LookUpMark, SubmitReplica
from worker.core.failures import POLICIES, Action, Failure
from worker.core.job import Attempt, Job, Lost, Outcome
from worker.core.marks import marked_name, replica_mark
from worker.core.policy import follow, retry, stop_for
from worker.core.request import AutoFix
from worker.core.rules import Rules, phase
from worker.core.states import State

_GIVEN_UP = {Failure.IMAGE_HOST_FAILING: Failure.IMAGE_NOT_FOUND, Failure.PROVIDER_FAILING: Failure.PROVIDER_REFUSED}
"""What becomes of an input whose server, or whose provider, has failed for too long."""


def check_input(job: Job, _event: events.FellDue, now: datetime, rules: Rules) -> Decision:
    """Before each payment, look whether an earlier one has turned up after all, and whether the input is still worth it."""
    if any(attempt.outcome is Outcome.CHARGED and attempt.lives for attempt in job.attempts):
        return adoption.follow_replica(job, now, rules, "an earlier submission turned out to be paid")
    return adoption.verify_witness(job) or Decision(job, (CheckInput(),))


def submit(job: Job, event: events.InputPassed, now: datetime, rules: Rules) -> Decision:
    """Write the intent, then pay. The only handler that asks for a `SubmitReplica`."""
    if any(attempt.lives for attempt in job.attempts):
        raise IllegalTransition(job, event, "The replica of an earlier submission lives, or may; this would pay twice.")
    number = len(job.attempts) + 1
    mark = replica_mark(job.id, number)
    attempt = Attempt(number=number, mark=mark, intended_at=now, fixer=_uses_fixer(job))
    # `tries` goes on: refusals in a row are asked about ever more rarely.
    submitting = moved(replace(job, attempts=(*job.attempts, attempt)), State.SUBMITTING, now + rules.lease, tries=job.tries)
    effect = SubmitReplica(job.account, mark, _body(job, attempt, event.fresh or {}))
    advice = "".join(f"; a look at the picture: {one}" for one in event.advice)
    return Decision(submitting, (effect,), f"submission {number} goes out as {mark}{advice}")


def _uses_fixer(job: Job) -> bool:
    of_this_input = job.attempts[job.patient_from - 1 :]
    needed = any(a.failure and POLICIES[a.failure].action is Action.RETRY_WITH_IMAGE_FIXER for a in of_this_input)
    return job.request.uses_fixer or (needed and job.request.auto_fix is AutoFix.ON_REJECTION)


def _body(job: Job, attempt: Attempt, fresh: Mapping[str, str]) -> dict[str, Any]:
    body = {**job.request.replica, **fresh} | {"replica_name": marked_name(job.request.replica.get("replica_name"), attempt.mark)}
    return body | {"auto_fix_training_image": True} if attempt.fixer else body


def reject_input(job: Job, event: events.InputRejected, now: datetime, rules: Rules) -> Decision:
    """The input cannot succeed: say so before anything is paid."""
    return follow(job, event.failure, event.detail, now, rules)


def wait_for_input(job: Job, event: events.InputUnread, now: datetime, rules: Rules) -> Decision:
    """The input's server fails, or the provider of its address: be patient for a time, then ask for another."""
    since = job.trying_since if job.failure is event.failure else None
    if since is not None and now - since >= rules.input_patience:
        return follow(job, _GIVEN_UP[event.failure], f"{event.detail}, for {now - since}", now, rules)
    return retry(job, event.failure, event.detail, now, rules)


def wait_for_budget(job: Job, event: events.BudgetReached, now: datetime, rules: Rules) -> Decision:
    """The account's own limit is reached: wait, however long that is. Nothing is dropped for it, and no try is counted."""
    wait = event.retry_after or rules.retry_cap * (0.5 + 0.5 * phase(f"{job.id}:budget"))
    since = job.trying_since if event.failure is job.failure else None  # who is patient with something else stays so
    waiting = replace(job, due_at=now + max(wait, timedelta(0)), failure=event.failure, detail=event.detail, trying_since=since)
    said_before = (job.failure, job.detail) == (event.failure, event.detail)
    return Decision(waiting, why="" if said_before else f"{event.failure}: {event.detail}")


def wait_for_witness(job: Job, event: events.LookupUnread, now: datetime, rules: Rules) -> Decision:
    """Somebody says that an earlier submission was paid: nothing more is paid until that could be asked, or could not be for long."""
    if job.trying_since is not None and now - job.trying_since >= rules.lookup_patience:
        given_up = replace(adoption.without_witness(job, event.mark), due_at=now, tries=0, trying_since=None)
        return Decision(given_up, why=f"whether {event.mark} was paid could not be asked for {now - job.trying_since}: {event.detail}")
    return unread(job, event, now, rules)


def look_up(job: Job, _event: events.FellDue, _now: datetime, _rules: Rules) -> Decision:
    """A POST may have reached Tavus: never send another, look for its mark."""
    return adoption.verify_witness(job) or Decision(job, (LookUpMark(job.account, job.attempt.mark),))


def refuse(job: Job, event: events.SubmissionRefused, now: datetime, rules: Rules) -> Decision:
    """Certainly nothing was made: the attempt costs nothing, and the policy says what follows."""
    if event.mark != job.attempt.mark:
        return Decision(job)
    unpaid = replace(job.with_attempt(replace(job.attempt, outcome=Outcome.REFUSED, failure=event.failure)), state=State.QUEUED)
    if job.cancel_requested:
        return Decision(moved(unpaid, State.CANCELLED, None), why="cancelled: the submission was refused, nothing was paid")
    return follow(unpaid, event.failure, event.detail, now, rules, retry_after=event.retry_after)


def keep_looking(job: Job, event: events.SubmissionLost | events.LookupUnread, now: datetime, rules: Rules) -> Decision:
    """Nobody knows whether the replica exists. Nothing is learned from that; look (again) later, and ask a person when that never helps."""
    if isinstance(event, events.SubmissionLost):
        waiting = replace(job, due_at=now + rules.settle_wait(job.scans), detail=event.detail)
        return Decision(waiting, why=f"the submission was lost: {event.detail}")
    if job.trying_since is not None and now - job.trying_since >= rules.lookup_patience:
        held = follow(job, Failure.LOOKUP_UNREAD, f"for {now - job.trying_since}: {event.detail}", now, rules)
        return replace(held, effects=(*held.effects, *stop_for(job, event.account_fault)))
    return unread_mark(job, event, now, rules)


def unread_mark(job: Job, event: events.LookupUnread, now: datetime, rules: Rules) -> Decision:
    """The same of the list that a mark is looked for in. A callback's word that could not be checked is dropped, and that is told."""
    without = adoption.without_witness(job, event.mark)
    again = unread(without, event, now, rules)
    return (
        again if without == job or again.why else replace(again, why=f"a callback's word on {event.mark} was not checked: {event.detail}")
    )


def unread(job: Job, event: events.LookupUnread | events.ConversationUnread, now: datetime, rules: Rules) -> Decision:
    """A list that could not be read: later again. Told once, and then only when it fails in another way."""
    wait = max(rules.backoff(job.tries, job.id), event.retry_after or rules.settle_wait(job.scans))
    since = job.trying_since or now
    waiting = replace(job, due_at=now + wait, tries=job.tries + 1, trying_since=since, detail=event.detail)
    is_known = job.trying_since is not None and job.detail == event.detail
    return Decision(waiting, stop_for(job, event.account_fault), why="" if is_known else f"the list was not read: {event.detail}")


def count_absence(job: Job, event: events.MarkAbsent, now: datetime, rules: Rules) -> Decision:
    """One more clean scan without the mark. Only enough of them, over the whole settle time, prove that nothing was made."""
    if event.mark != job.attempt.mark:
        return Decision(job)
    counted, is_proven = absence(job, job.attempt, now, rules)
    if not is_proven:
        return Decision(counted, why=f"{event.mark} is not there, scan {counted.scans}")
    absent = replace(counted, state=State.QUEUED)
    if job.cancel_requested:
        return Decision(moved(absent, State.CANCELLED, None), why=f"cancelled: {event.mark} was never there, nothing was paid")
    lost = sum(a.outcome is Outcome.ABSENT for a in absent.attempts[job.patient_from - 1 :])
    if lost >= rules.max_lost_attempts:
        return follow(absent, Failure.SUBMISSION_LOST, f"{lost} submissions were lost", now, rules)
    if job.terms.lost is Lost.HOLD:
        return follow(
            absent, Failure.SUBMISSION_LOST, f"{event.mark} is not there, and the account is set to hold what was lost", now, rules
        )
    why = f"{event.mark} was absent in {counted.scans} scans over the settle time: submitted again"
    return Decision(moved(absent, State.QUEUED, now), why=why)


def absence(job: Job, attempt: Attempt, now: datetime, rules: Rules) -> tuple[Job, bool]:
    """The job after one more clean scan without the attempt's mark, and whether that proves that nothing was made."""
    scans = job.scans + 1
    counted = replace(job, scans=scans, tries=0, trying_since=None)
    if scans < rules.settle_scans or now - attempt.intended_at < rules.settle_time:
        return replace(counted, due_at=now + rules.settle_wait(scans)), False
    return counted.with_attempt(replace(attempt, outcome=Outcome.ABSENT)), True
