"""What is still to be learned of a job that is over, or ready: whether a submission was paid, and how it ended. It may not move the job.

A job that is cancelled or abandoned while a replica of it trains costs what it costs. Only when the end is known does the credit book know too, and
the door of deletion can open. A job that is ready or done may have such a replica beside its own: one that turned up too late.
"""

from dataclasses import replace
from datetime import datetime

from worker.core import adoption, events, submission, training
from worker.core.decision import Decision
from worker.core.effects import LookUpMark
from worker.core.job import Attempt, Job, Outcome
from worker.core.policy import stop_for
from worker.core.rules import Rules
from worker.core.states import WATCHED


def unsettled(job: Job) -> Attempt | None:
    """The attempt that is looked at: the latest of which it is not known what became of its money."""
    return next((attempt for attempt in reversed(job.attempts) if not attempt.is_settled), None)


def watched(job: Job, now: datetime, rules: Rules) -> Job:
    """The job as it comes to rest: due again, if something of it is unsettled, or somebody named a replica that nobody looked at."""
    attempt = unsettled(job)
    if job.state not in WATCHED or job.due_at is not None:
        return job
    if attempt is None:
        return job if adoption.verify_witness(job) is None else replace(job, due_at=now)
    return replace(job, due_at=now if attempt.outcome is Outcome.RESERVED else adoption.next_look(job, attempt, now, rules))


def look(job: Job, _event: events.FellDue, _now: datetime, _rules: Rules) -> Decision:
    """Ask for what is not known: a witness first, then the mark, then the training."""
    attempt = unsettled(job)
    if (hinted := adoption.verify_witness(job)) is not None:
        return hinted
    if attempt is None:
        return Decision(replace(job, due_at=None), why="everything about it is known")
    if attempt.outcome is Outcome.RESERVED:
        return Decision(job, (LookUpMark(job.account, attempt.mark),))
    return Decision(job, (training.poll_of(job, attempt),))


def record(job: Job, event: adoption.Accepted, now: datetime, rules: Rules) -> Decision:
    """It was paid for: follow the replica to its end."""
    recorded = adoption.record(job, event, now, rules)
    if job.state not in WATCHED or recorded.job == job:
        return recorded
    return replace(recorded, job=_on(recorded.job, now, rules))


def record_many(job: Job, event: events.MarkAmbiguous, now: datetime, rules: Rules) -> Decision:
    """It was paid for more than once: all of them are put on record, and the oldest is followed."""
    decision = Decision(job)
    for replica_id in event.replica_ids:
        one = record(decision.job, events.MarkFound(event.mark, replica_id), now, rules)
        decision = Decision(one.job, why="; ".join(filter(None, (decision.why, one.why))))
    return decision


def refuse(job: Job, event: events.SubmissionRefused, now: datetime, rules: Rules) -> Decision:
    """The answer that was missing: nothing was made."""
    attempt = job.attempt_of(event.mark)
    if attempt is None or attempt.outcome is not Outcome.RESERVED:
        return Decision(job)
    refused = job.with_attempt(replace(attempt, outcome=Outcome.REFUSED, failure=event.failure))
    return Decision(_on(refused, now, rules), why=f"{event.mark} was refused, nothing was paid")


def count_absence(job: Job, event: events.MarkAbsent, now: datetime, rules: Rules) -> Decision:
    """One more clean scan without the mark, and at last the proof that nothing was made."""
    attempt = unsettled(job)
    if attempt is None or event.mark != attempt.mark or attempt.outcome is not Outcome.RESERVED:
        return Decision(job)
    counted, is_proven = submission.absence(job, attempt, now, rules)
    if not is_proven:
        return Decision(counted, why=f"{event.mark} is not there, scan {counted.scans}")
    return Decision(_on(counted, now, rules), why=f"{event.mark} was never there, nothing was paid")


def keep_looking(job: Job, event: events.LookupUnread, now: datetime, rules: Rules) -> Decision:
    """Not answered: later again. What may have been sent is looked for in the list then, whatever a callback said of it."""
    attempt = job.attempt_of(event.mark)
    if job.due_at is None or attempt is None:
        return Decision(job)
    if attempt.outcome is Outcome.RESERVED:
        return submission.unread_mark(job, event, now, rules)
    return submission.wait_for_witness(job, event, now, rules)


def wait_on(job: Job, event: events.TrainingContinued, now: datetime, rules: Rules) -> Decision:
    """Still training: looked at as the plan says, and no longer once it has outlived every deadline."""
    attempt = _of(job, event.replica_id)
    if attempt is None:
        return Decision(job)
    elapsed = now - attempt.intended_at
    if elapsed >= 2 * rules.training_deadline:  # a job that was held over it had one deadline already
        return Decision(replace(job, due_at=None), why=f"{event.replica_id} has trained for {elapsed}: no longer looked at")
    return training.going_on(job, attempt, event, now, rules)


def complete(job: Job, event: events.TrainingCompleted, now: datetime, rules: Rules) -> Decision:
    """Trained, for nobody: its credit is spent."""
    attempt = _of(job, event.replica_id)
    if attempt is None:
        return Decision(job)
    trained = training.with_trained(job, attempt, now, rules)
    return Decision(_on(trained, now, rules), why=f"{event.replica_id} is trained, though the job is {job.state}")


def fail(job: Job, event: events.TrainingFailed, now: datetime, rules: Rules) -> Decision:
    """Failed: its credit comes back, if the replica is kept long enough."""
    attempt = _of(job, event.replica_id)
    if attempt is None:
        return Decision(job)
    failed = training.with_failure(job, attempt, event, now, rules)
    return Decision(_on(failed, now, rules), why=f"{event.failure}: {event.detail}; the job is {job.state} already")


def doubt(job: Job, event: events.ReplicaMissing, now: datetime, rules: Rules) -> Decision:
    """Tavus knows no such replica: believed, and put on record, when it has said so for the confirm time."""
    attempt = _of(job, event.replica_id)
    if attempt is None:
        return Decision(job)
    since = job.missing_since or now
    if now - since < rules.missing_confirm:
        return training.miss(job, event, since, now, rules)
    gone = job.with_attempt(replace(attempt, vanished_at=now))
    return Decision(_on(gone, now, rules), why=f"Tavus no longer knows {event.replica_id}: {event.detail}")


def ask_again(job: Job, event: events.PollUnread, now: datetime, rules: Rules) -> Decision:
    """Not answered: later again."""
    return Decision(job, stop_for(job, event.account_fault)) if job.due_at is None else training.ask_again(job, event, now, rules)


def take_hint(job: Job, event: events.CallbackReceived, now: datetime, rules: Rules) -> Decision:
    """A callback for a job that is over: looked into, if there is something to look at."""
    hinted = adoption.take_hint(job, event, now, rules)
    if (job.is_settled or job.due_at is None) and adoption.verify_witness(hinted.job) is None:
        told = replace(hinted.job, due_at=job.due_at)
        return Decision(told, why="" if told == job else "a callback came, and what it may tell is known")
    if hinted.job == job:
        return Decision(job)
    return replace(hinted, job=replace(hinted.job, due_at=now))


def _of(job: Job, replica_id: str) -> Attempt | None:
    """The attempt that is looked at, if the news is of its replica; a doubled answer is news of none."""
    attempt = unsettled(job)
    return attempt if attempt is not None and job.due_at is not None and attempt.replica_id == replica_id else None


def _on(job: Job, now: datetime, rules: Rules) -> Job:
    """On to the next that is unsettled, or to the end."""
    return watched(replace(job, due_at=None, scans=0, tries=0, trying_since=None, missing_since=None), now, rules)
