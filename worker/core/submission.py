"""From `queued` to a known replica: check the input, pay once, look for what was lost. It may not ask for a POST except on `InputPassed`.

`InputPassed` is legal in `queued` only, and moves the job to `submitting` with its mark before the effect leaves: so a training is paid once.
"""

from dataclasses import replace
from datetime import datetime
from typing import Any

from worker.core import events
from worker.core.decision import Decision, IllegalTransition, moved
from worker.core.effects import CheckInput, LookUpMark, SubmitReplica
from worker.core.failures import POLICIES, Action, Failure
from worker.core.job import Attempt, AutoFix, Job, Mark, Outcome, ReplicaId
from worker.core.marks import marked_name, replica_mark
from worker.core.policy import follow, retry, stop_for
from worker.core.rules import Rules, phase
from worker.core.states import State

_SETTLED = frozenset({Outcome.REFUSED, Outcome.ABSENT, Outcome.FAILED})


def check_input(job: Job, _event: events.FellDue, now: datetime, rules: Rules) -> Decision:
    """Before each payment, look whether the input is still worth it, and whether an earlier payment has turned up after all."""
    paid = [attempt.replica_id for attempt in job.attempts if attempt.outcome is Outcome.CHARGED and attempt.replica_id]
    if paid:
        return follow(job, Failure.MARK_AMBIGUOUS, f"an earlier submission turned out to be paid: {', '.join(paid)}", now, rules)
    return Decision(job, (CheckInput(),))


def submit(job: Job, event: events.InputPassed, now: datetime, rules: Rules) -> Decision:
    """Write the intent, then pay. The only handler that asks for a `SubmitReplica`."""
    if any(attempt.outcome not in _SETTLED for attempt in job.attempts):
        raise IllegalTransition(job, event, "An earlier submission is not settled; paying again could pay twice.")
    number = len(job.attempts) + 1
    mark = replica_mark(job.id, number)
    attempt = Attempt(number=number, mark=mark, intended_at=now, fixer=_uses_fixer(job))
    # `tries` goes on: refusals in a row are asked about ever more rarely.
    submitting = moved(replace(job, attempts=(*job.attempts, attempt)), State.SUBMITTING, now + rules.lease, tries=job.tries)
    return Decision(submitting, (SubmitReplica(job.account, mark, _body(job, attempt)),), f"submission {number} goes out as {mark}")


def _uses_fixer(job: Job) -> bool:
    asked = job.request.auto_fix is AutoFix.ALWAYS or bool(job.request.replica.get("auto_fix_training_image"))
    needed = any(a.failure and POLICIES[a.failure].action is Action.RETRY_WITH_IMAGE_FIXER for a in job.attempts)
    return asked or (needed and job.request.auto_fix is AutoFix.ON_REJECTION)


def _body(job: Job, attempt: Attempt) -> dict[str, Any]:
    body = dict(job.request.replica) | {"replica_name": marked_name(job.request.replica.get("replica_name"), attempt.mark)}
    return body | {"auto_fix_training_image": True} if attempt.fixer else body


def reject_input(job: Job, event: events.InputRejected, now: datetime, rules: Rules) -> Decision:
    """The input cannot succeed: say so before anything is paid."""
    return follow(job, event.failure, event.detail, now, rules)


def wait_for_input(job: Job, event: events.InputUnread, now: datetime, rules: Rules) -> Decision:
    """The input's server fails: be patient for a time, then ask for another address."""
    since = job.trying_since if job.failure is Failure.IMAGE_HOST_FAILING else None
    if since is not None and now - since >= rules.input_patience:
        return follow(job, Failure.IMAGE_NOT_FOUND, f"{event.detail}, for {now - since}", now, rules)
    return retry(job, Failure.IMAGE_HOST_FAILING, event.detail, now, rules)


def look_up(job: Job, _event: events.FellDue, _now: datetime, _rules: Rules) -> Decision:
    """A POST may have reached Tavus: never send another, look for its mark."""
    return Decision(job, (LookUpMark(job.account, job.attempt.mark),))


def adopt(job: Job, event: events.SubmissionAccepted | events.MarkFound, now: datetime, rules: Rules) -> Decision:
    """The replica is known. News of an older attempt, or news that is none, is recorded too: its money was spent."""
    if not job.attempts or event.mark != job.attempt.mark or job.attempt.replica_id is not None:
        return record(job, event, now, rules)
    charged = _charged(job, event.mark, event.replica_id)
    how = "accepted" if isinstance(event, events.SubmissionAccepted) else "found by its mark"
    if job.cancel_requested:
        return Decision(
            moved(charged, State.CANCELLED, None), why=f"{how} as {event.replica_id}, after the job was cancelled: it trains on, unwatched"
        )
    first_look = job.attempt.intended_at + rules.plan.next_look(now - job.attempt.intended_at, phase(job.id))
    return Decision(moved(charged, State.TRAINING, first_look), why=f"{how} as {event.replica_id}")


def record(job: Job, event: events.SubmissionAccepted | events.MarkFound, _now: datetime, _rules: Rules) -> Decision:
    """A late answer, when the job has moved on: it changes no state, but what was paid is never forgotten."""
    known = job.attempt_of(event.mark)
    if known is None or known.replica_id == event.replica_id:
        return Decision(job)
    if known.replica_id is not None:
        return Decision(job, why=f"{event.mark} is on {event.replica_id} too, beside {known.replica_id}: a person should look")
    return Decision(_charged(job, event.mark, event.replica_id), why=f"late: {event.mark} was accepted as {event.replica_id}")


def _charged(job: Job, mark: Mark, replica_id: ReplicaId) -> Job:
    attempt = job.attempt_of(mark)
    return job if attempt is None else job.with_attempt(replace(attempt, outcome=Outcome.CHARGED, replica_id=replica_id))


def refuse(job: Job, event: events.SubmissionRefused, now: datetime, rules: Rules) -> Decision:
    """Certainly nothing was made: the attempt costs nothing, and the policy says what follows."""
    if event.mark != job.attempt.mark:
        return Decision(job)
    unpaid = replace(job.with_attempt(replace(job.attempt, outcome=Outcome.REFUSED, failure=event.failure)), state=State.QUEUED)
    if job.cancel_requested:
        return Decision(moved(unpaid, State.CANCELLED, None), why="cancelled: the submission was refused, nothing was paid")
    return follow(unpaid, event.failure, event.detail, now, rules, retry_after=event.retry_after)


def keep_looking(job: Job, event: events.SubmissionLost | events.LookupUnread, now: datetime, rules: Rules) -> Decision:
    """Nobody knows whether the replica exists. Nothing is learned from that; look (again) later."""
    wait, fault = rules.settle_wait(job.scans), None
    if isinstance(event, events.LookupUnread):
        wait, fault = max(rules.backoff(job.tries, job.id), event.retry_after or wait), event.account_fault
    waiting = replace(job, due_at=now + wait, tries=job.tries + 1, detail=event.detail)
    return Decision(waiting, stop_for(job, fault), why=f"{type(event).__name__}: {event.detail}")


def count_absence(job: Job, event: events.MarkAbsent, now: datetime, rules: Rules) -> Decision:
    """One more clean scan without the mark. Only enough of them, over the whole settle time, prove that nothing was made."""
    if event.mark != job.attempt.mark:
        return Decision(job)
    scans = job.scans + 1
    if scans < rules.settle_scans or now - job.attempt.intended_at < rules.settle_time:
        return Decision(replace(job, due_at=now + rules.settle_wait(scans), scans=scans), why=f"{event.mark} is not there, scan {scans}")
    absent = replace(job.with_attempt(replace(job.attempt, outcome=Outcome.ABSENT)), state=State.QUEUED)
    if job.cancel_requested:
        return Decision(moved(absent, State.CANCELLED, None), why=f"cancelled: {event.mark} was never there, nothing was paid")
    if sum(a.outcome is Outcome.ABSENT for a in absent.attempts) >= rules.max_lost_attempts:
        return follow(absent, Failure.SUBMISSION_LOST, f"{rules.max_lost_attempts} submissions were lost", now, rules)
    return Decision(moved(absent, State.QUEUED, now), why=f"{event.mark} was absent in {scans} scans over the settle time: submitted again")


def hold_ambiguous(job: Job, event: events.MarkAmbiguous, now: datetime, rules: Rules) -> Decision:
    """The mark stands on more than one replica: a person must choose which to keep."""
    return follow(job, Failure.MARK_AMBIGUOUS, f"{event.mark} is on {', '.join(event.replica_ids)}", now, rules)
