"""From a known replica to a trained one. It may not take a failed question for a failed training, nor a callback for the truth."""

from dataclasses import replace
from datetime import datetime

from worker.core import events
from worker.core.adoption import follow_replica, next_look
from worker.core.decision import Decision, moved
from worker.core.effects import PollReplica
from worker.core.failures import Failure
from worker.core.job import Attempt, Deletion, Job, Outcome
from worker.core.policy import follow, stop_for
from worker.core.request import Start
from worker.core.rules import Rules
from worker.core.states import State
from worker.core.values import Maker

_JOBS = Maker(Job)


def poll(job: Job, _event: events.FellDue, _now: datetime, _rules: Rules) -> Decision:
    """Ask how the training goes."""
    return Decision(job, (poll_of(job, job.attempt),))


def poll_of(job: Job, attempt: Attempt) -> PollReplica:
    """The look at the attempt's replica. Raises ValueError where it has none."""
    if attempt.replica_id is None:
        message = f"job {job.id} is {job.state} without a replica id: the row was changed by hand"
        raise ValueError(message)
    return PollReplica(job.account, attempt.replica_id, job.request.model)


def wait_on(job: Job, event: events.TrainingContinued, now: datetime, rules: Rules) -> Decision:
    """Still training: look again when the plan says so; past the deadline ask a person. Progress is for people and never for deciding."""
    attempt = job.attempt
    if event.replica_id != attempt.replica_id:
        return Decision(job)
    watched = max(job.watched_since or attempt.intended_at, attempt.intended_at)
    if now - watched >= rules.training_deadline:
        detail = f"{event.replica_id} has trained for {now - attempt.intended_at}"
        return follow(job, Failure.TRAINING_OVERDUE, detail, now, rules)
    return going_on(job, attempt, event, now, rules)


def going_on(job: Job, attempt: Attempt, event: events.TrainingContinued, now: datetime, rules: Rules) -> Decision:
    """No news: when to look next. A replica that was missed and is there again is news, and so is, once, that it takes too long."""
    elapsed = now - attempt.intended_at
    is_late = attempt.late_at is None and elapsed >= rules.training_soft_deadline
    due, progress = next_look(job, attempt, now, rules), event.progress or job.progress
    news, attempts = [], job.attempts
    if is_late or attempt.vanished_at is not None:
        attempts = job.with_attempt(replace(attempt, vanished_at=None, late_at=now if is_late else attempt.late_at)).attempts
    if job.missing_since is not None or attempt.vanished_at is not None:
        news.append(f"{event.replica_id} is known again")
    if is_late:
        news.append(f"{event.replica_id} is late: it has trained for {elapsed}; it is looked at every {rules.late_interval} from now on")
    again = _JOBS.changed(job, attempts=attempts, due_at=due, progress=progress, tries=0, missing_since=None)
    return Decision(again, why="; ".join(news))


def complete(job: Job, event: events.TrainingCompleted, now: datetime, rules: Rules) -> Decision:
    """Trained: on to what the caller wants of it."""
    if event.replica_id != job.replica_id:
        return Decision(job)
    return go_on_trained(with_trained(job, job.attempt, now, rules), now, f"{event.replica_id} is trained")


def go_on_trained(trained: Job, now: datetime, why: str) -> Decision:
    """What the caller wants of a trained replica. `why`: what has come before."""
    if trained.request.start is Start.ON_READY or trained.conversation_wanted:
        return Decision(moved(trained, State.OPENING, now), why=f"{why}; the conversation follows")
    if trained.request.start is Start.ON_DEMAND:
        return Decision(moved(trained, State.READY, None), why=f"{why}; the conversation waits to be asked for")
    return Decision(moved(trained, State.DONE, None), why=f"{why}; no conversation was wanted")


def with_trained(job: Job, attempt: Attempt, now: datetime, rules: Rules) -> Job:
    """The job with this replica trained."""
    due = _look_was_due(job, attempt, now, rules)
    ended = replace(attempt, outcome=Outcome.TRAINED, ended_at=now, look_due_at=due, vanished_at=None)
    return replace(job.with_attempt(ended), progress="100/100")


def _look_was_due(job: Job, attempt: Attempt, now: datetime, rules: Rules) -> datetime:
    """When this look should have been, as the plan says after the one before, which was the last that wrote to the job."""
    before = max(job.written_at or now, attempt.intended_at)
    return min(next_look(job, attempt, before, rules), now)


def fail(job: Job, event: events.TrainingFailed, now: datetime, rules: Rules) -> Decision:
    """Tavus ended the training in an error: start the refund's clock, then follow the policy, or another replica that was paid for."""
    if event.replica_id != job.replica_id:
        return Decision(job)
    failed = with_failure(job, job.attempt, event, now, rules)
    if not failed.is_settled:
        return follow_replica(failed, now, rules, f"{event.failure}: {event.detail}; an earlier submission is paid for too")
    return follow(failed, event.failure, event.detail, now, rules)


def with_failure(job: Job, attempt: Attempt, event: events.TrainingFailed, now: datetime, rules: Rules) -> Job:
    """The job with this replica failed, and the refund's clock running."""
    seen = attempt.error_first_seen_at or now
    deletable = seen + rules.refund_hold
    return job.with_attempt(
        replace(
            attempt,
            outcome=Outcome.FAILED,
            ended_at=now,
            look_due_at=_look_was_due(job, attempt, now, rules),
            failure=event.failure,
            error_first_seen_at=seen,
            deletable_at=deletable,
            vanished_at=None,
            deletion=Deletion(due_at=deletable) if rules.clean_up_failed else None,
        )
    )


def doubt(job: Job, event: events.ReplicaMissing, now: datetime, rules: Rules) -> Decision:
    """Tavus knows no such replica. One answer is not believed; the same one over the confirm time holds the job."""
    if event.replica_id != job.replica_id:
        return Decision(job)
    since = job.missing_since or now
    if now - since >= rules.missing_confirm:
        gone = job.with_attempt(replace(job.attempt, vanished_at=now))
        return follow(gone, Failure.REPLICA_VANISHED, event.detail, now, rules)
    return miss(job, event, since, now, rules)


def miss(job: Job, event: events.ReplicaMissing, since: datetime, now: datetime, rules: Rules) -> Decision:
    """Not believed yet: looked at again."""
    again = replace(job, due_at=now + rules.missing_confirm / 2, missing_since=since, detail=event.detail)
    return Decision(again, why=f"Tavus says that it does not know {event.replica_id}: {event.detail}; looked at again")


def ask_again(job: Job, event: events.PollUnread, now: datetime, rules: Rules) -> Decision:
    """The question was not answered: nothing is known of the training, so nothing changes but the time of the next look."""
    wait = max(rules.backoff(job.tries, job.id), event.retry_after or rules.backoff(0, job.id))
    return Decision(replace(job, due_at=now + wait, tries=job.tries + 1), stop_for(job, event.account_fault))
