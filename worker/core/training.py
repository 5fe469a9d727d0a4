"""From a known replica to a trained one. It may not take a failed question for a failed training, nor a callback for the truth."""

from dataclasses import replace
from datetime import datetime

from worker.core import events
from worker.core.decision import Decision, moved
from worker.core.effects import PollReplica
from worker.core.failures import Failure
from worker.core.job import Job, Outcome, ReplicaId, Start
from worker.core.policy import follow, stop_for
from worker.core.rules import Rules, phase
from worker.core.states import State


def poll(job: Job, _event: events.FellDue, _now: datetime, _rules: Rules) -> Decision:
    """Ask how the training goes."""
    return Decision(job, (PollReplica(job.account, _replica(job), job.request.model),))


def _replica(job: Job) -> ReplicaId:
    if job.replica_id is None:
        message = f"job {job.id} is {job.state} without a replica id: the row was changed by hand"
        raise ValueError(message)
    return job.replica_id


def wait_on(job: Job, event: events.TrainingContinued, now: datetime, rules: Rules) -> Decision:
    """Still training: look again when the plan says so; past the deadline ask a person. Progress is for people and never for deciding."""
    if event.replica_id != job.replica_id:
        return Decision(job)
    elapsed = now - job.attempt.intended_at
    watched = max(job.watched_since or job.attempt.intended_at, job.attempt.intended_at)
    if now - watched >= rules.training_deadline:
        return follow(job, Failure.TRAINING_OVERDUE, f"{event.replica_id} has trained for {elapsed}", now, rules)
    due = max(job.attempt.intended_at + rules.plan.next_look(elapsed, phase(job.id)), now)
    return Decision(replace(job, due_at=due, progress=event.progress or job.progress, tries=0, missing_since=None))


def complete(job: Job, event: events.TrainingCompleted, now: datetime, _rules: Rules) -> Decision:
    """Trained: on to what the caller wants of it."""
    if event.replica_id != job.replica_id:
        return Decision(job)
    trained = job.with_attempt(replace(job.attempt, outcome=Outcome.TRAINED))
    trained = replace(trained, progress="100/100")
    why = f"{event.replica_id} is trained"
    if job.request.start is Start.ON_READY or job.conversation_wanted:
        return Decision(moved(trained, State.OPENING, now), why=f"{why}; the conversation follows")
    if job.request.start is Start.ON_DEMAND:
        return Decision(moved(trained, State.READY, None), why=f"{why}; the conversation waits to be asked for")
    return Decision(moved(trained, State.DONE, None), why=f"{why}; no conversation was wanted")


def fail(job: Job, event: events.TrainingFailed, now: datetime, rules: Rules) -> Decision:
    """Tavus ended the training in an error: start the refund's clock, then follow the policy."""
    if event.replica_id != job.replica_id:
        return Decision(job)
    return follow(_failed(job, event, now, rules), event.failure, event.detail, now, rules)


def _failed(job: Job, event: events.TrainingFailed, now: datetime, rules: Rules) -> Job:
    seen = job.attempt.error_first_seen_at or now
    return job.with_attempt(
        replace(
            job.attempt,
            outcome=Outcome.FAILED,
            failure=event.failure,
            error_first_seen_at=seen,
            deletable_at=seen + rules.refund_hold,
        )
    )


def doubt(job: Job, event: events.ReplicaMissing, now: datetime, rules: Rules) -> Decision:
    """Tavus knows no such replica. One answer is not believed; the same one over the confirm time holds the job."""
    if event.replica_id != job.replica_id:
        return Decision(job)
    since = job.missing_since or now
    if now - since >= rules.missing_confirm:
        return follow(job, Failure.REPLICA_VANISHED, event.detail, now, rules)
    again = replace(job, due_at=now + rules.missing_confirm / 2, missing_since=since, detail=event.detail)
    return Decision(again, why=f"Tavus says that it does not know {event.replica_id}: {event.detail}; looked at again")


def ask_again(job: Job, event: events.PollUnread, now: datetime, rules: Rules) -> Decision:
    """The question was not answered: nothing is known of the training, so nothing changes but the time of the next look."""
    wait = max(rules.backoff(job.tries, job.id), event.retry_after or rules.backoff(0, job.id))
    return Decision(replace(job, due_at=now + wait, tries=job.tries + 1), stop_for(job, event.account_fault))


def hurry(job: Job, _event: events.CallbackReceived, now: datetime, _rules: Rules) -> Decision:
    """A hint that there is news: look now. The look is the truth."""
    return Decision(replace(job, due_at=now), why="a callback came: looked at now")
