"""After a restore: what Tavus has of a job's submissions, and the backup did not know. It may not pay for anything, nor give up what may be paid.

A job that was `queued` in the backup may have been paid for since. The list is read whole, long after everything that wrote to the old ledger was
stopped; so a submission that comes after all that is known, and is there, says how those before it ended: nothing of them was left.
"""

from dataclasses import replace
from datetime import datetime

from worker.core import adoption, aftermath, events
from worker.core.decision import Decision
from worker.core.job import Attempt, Job, Outcome
from worker.core.marks import number_in, replica_mark
from worker.core.rules import Rules
from worker.core.states import State

_MOST = 2000
"""Submissions that a backup may lack of one job: where Tavus refused them for days there are some hundred. More are a name that somebody made up."""

_WHY = "the backup did not know of it"


def is_possible(number: int, known: int) -> bool:
    """Whether a job of which `known` submissions are known can have sent that one."""
    return 0 < number <= known + _MOST


def follow(job: Job, event: events.MarkDiscovered, now: datetime, rules: Rules) -> Decision:
    """Put it on record, and follow it: it is the job's latest word. Looked at now, for it may have ended long ago.

    A job that is held with a trained replica has what it wanted of it: there it is on record alone.
    """
    if job.attempts and job.attempt.outcome is Outcome.TRAINED and job.attempt.lives:
        return record(job, event, now, rules)
    known = _with_attempts(job, event)
    if known is None:
        return Decision(job)
    adopted = adoption.adopt(known, events.MarkFound(event.mark, event.replica_id), now, rules)
    if adopted.job.state is not State.TRAINING:
        return adopted
    return replace(adopted, job=replace(adopted.job, due_at=now), why=f"{_WHY}: {adopted.why}")


def record(job: Job, event: events.MarkDiscovered, now: datetime, rules: Rules) -> Decision:
    """The job has all that it wanted, or is over: what was paid for is on record, and watched to its end."""
    known = _with_attempts(job, event)
    if known is None:
        return Decision(job)
    recorded = aftermath.record(known, events.MarkFound(event.mark, event.replica_id), now, rules)
    return replace(recorded, why=f"{_WHY}: {recorded.why}")


def _with_attempts(job: Job, event: events.MarkDiscovered) -> Job | None:
    """The job with all submissions up to this one; None where the mark is not its own, or is known with this replica."""
    number = number_in(event.mark)
    if event.mark != replica_mark(job.id, number) or not is_possible(number, len(job.attempts)):
        return None
    if number <= len(job.attempts):
        attempt = job.attempts[number - 1]
        return None if event.replica_id in {attempt.replica_id, *attempt.strays} else job
    settled = [replace(one, outcome=Outcome.ABSENT) if one.outcome is Outcome.RESERVED else one for one in job.attempts]
    between = [_attempt(job, lost, event.made_at, Outcome.ABSENT) for lost in range(len(settled) + 1, number)]
    return replace(job, attempts=(*settled, *between, _attempt(job, number, event.made_at, Outcome.RESERVED)))


def _attempt(job: Job, number: int, made_at: datetime, outcome: Outcome) -> Attempt:
    return Attempt(number=number, mark=replica_mark(job.id, number), intended_at=made_at, outcome=outcome)
