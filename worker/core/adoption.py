"""Puts replicas on record: one that was accepted, found or witnessed belongs to the attempt whose mark it carries. It may not lose one that was paid.

A callback that names a replica which nobody here knows is a witness: it is believed only when a look at that replica shows the mark.
"""

from dataclasses import replace
from datetime import datetime

from worker.core import events
from worker.core.decision import Decision, moved
from worker.core.effects import RenameReplica, VerifyWitness
from worker.core.job import Attempt, Job, Mark, Outcome, ReplicaId
from worker.core.looking import planned
from worker.core.rules import Rules
from worker.core.states import State

Accepted = events.SubmissionAccepted | events.MarkFound


def adopt(job: Job, event: Accepted, now: datetime, rules: Rules) -> Decision:
    """The replica is known: follow it. News of another attempt, or news that is none, is recorded too: its money was spent."""
    attempt = job.attempt_of(event.mark)
    if attempt is None or attempt.replica_id is not None:
        return record(job, event, now, rules)
    is_looked_for = job.state is State.SUBMITTING or job.attempt.outcome is Outcome.RESERVED
    if is_looked_for and event.mark != job.attempt.mark:  # what became of the latest is to be found out first
        return record(job, event, now, rules)
    how = "accepted" if isinstance(event, events.SubmissionAccepted) else "found by its mark"
    followed = follow_replica(_charged(job, attempt, event.replica_id), now, rules, f"{how} as {event.replica_id}")
    name = job.request.replica.get("replica_name")
    if rules.clean_names and name:
        return replace(followed, effects=(RenameReplica(job.account, event.replica_id, str(name)),))
    return followed


def follow_replica(job: Job, now: datetime, rules: Rules, why: str) -> Decision:
    """Go on with the replica that is paid for, as the plan looks at one of its age; a cancelled job's is only watched."""
    if job.cancel_requested:
        return Decision(moved(job, State.CANCELLED, None), why=f"{why}; the job was cancelled before")
    return Decision(moved(job, State.TRAINING, next_look(job, job.attempt, now, rules)), why=f"{why}: {job.replica_id} is followed")


def next_look(job: Job, attempt: Attempt, now: datetime, rules: Rules) -> datetime:
    """When the plan looks at the attempt's training next; at one that is late, seldom."""
    elapsed = now - attempt.intended_at
    if elapsed >= rules.training_soft_deadline:
        return now + rules.late_interval
    return planned(attempt.intended_at, job.id, rules.plan_for(job.request, job.account), now)


def adopt_oldest(job: Job, event: events.MarkAmbiguous, now: datetime, rules: Rules) -> Decision:
    """The mark stands on more than one replica: the oldest is the job's, and a person must look at the others, which were paid for too."""
    oldest, *others = event.replica_ids
    found = adopt(job, events.MarkFound(event.mark, oldest), now, rules)
    for stray in others:
        found = replace(found, job=_with_stray(found.job, event.mark, stray))
    return replace(found, why=f"{event.mark} is on {len(event.replica_ids)} replicas; {_for_a_person(others)}; {found.why}")


def record(job: Job, event: Accepted, _now: datetime, _rules: Rules) -> Decision:
    """A late answer, when the job has moved on: it changes no state, but what was paid is never forgotten."""
    known = job.attempt_of(event.mark)
    if known is None or event.replica_id in {known.replica_id, *known.strays}:
        return Decision(job)
    if known.replica_id is not None:
        why = f"{event.mark} is on {event.replica_id} too, beside {known.replica_id}; {_for_a_person([event.replica_id])}"
        return Decision(_with_stray(job, event.mark, event.replica_id), why=why)
    return Decision(_charged(job, known, event.replica_id), why=f"late: {event.mark} was accepted as {event.replica_id}")


def take_hint(job: Job, event: events.CallbackReceived, now: datetime, _rules: Rules) -> Decision:
    """A hint that there is news: look now. The look is the truth, also about a replica that nobody here knows."""
    told = _with_call(_with_witness(job, event), event, now)
    # What waits to be sent waits for a reason, a refund among them; a witness is asked for before it goes out.
    if job.due_at is None or job.state in {State.QUEUED, State.OPENING}:
        return Decision(told, why="" if told == job else "a callback came: looked into when the job goes on")
    return Decision(replace(told, due_at=now), why="a callback came: looked at now")


def verify_witness(job: Job) -> Decision | None:
    """Ask for the replica that a callback named; None when none did."""
    named = [VerifyWitness(job.account, one.mark, one.witness) for one in job.attempts if one.witness is not None]
    return Decision(job, (named[0],)) if named else None


def without_witness(job: Job, mark: Mark) -> Job:
    """The job without what a callback said of this attempt: what could not be asked for is looked for by its mark."""
    attempt = job.attempt_of(mark)
    return job if attempt is None else job.with_attempt(replace(attempt, witness=None))


def reject_witness(job: Job, event: events.WitnessRejected, now: datetime, _rules: Rules) -> Decision:
    """It was no witness: go on as if nobody had said anything."""
    attempt = job.attempt_of(event.mark)
    if attempt is None or attempt.witness != event.replica_id:
        return Decision(job)
    cleared = job.with_attempt(replace(attempt, witness=None))
    why = f"a callback named {event.replica_id}, which is not {event.mark}: {event.detail}"
    return Decision(cleared if job.due_at is None else replace(cleared, due_at=now), why=why)


def note_name(job: Job, event: events.ReplicaRenamed | events.RenameFailed, _now: datetime, _rules: Rules) -> Decision:
    """How the wish for the caller's own name went; nothing depends on it."""
    if isinstance(event, events.ReplicaRenamed):
        return Decision(job, why=f"{event.replica_id} has the caller's name")
    return Decision(job, why=f"{event.replica_id} keeps the name with its mark: {event.detail}")


def _charged(job: Job, attempt: Attempt, replica_id: ReplicaId) -> Job:
    return job.with_attempt(replace(attempt, outcome=Outcome.CHARGED, replica_id=replica_id, witness=None))


def _with_stray(job: Job, mark: Mark, stray: ReplicaId) -> Job:
    attempt = job.attempt_of(mark)
    if attempt is None or stray in {attempt.replica_id, *attempt.strays}:
        return job
    return job.with_attempt(replace(attempt, strays=(*attempt.strays, stray), witness=None))


def _with_witness(job: Job, event: events.CallbackReceived) -> Job:
    attempt = job.attempt_of(event.mark) if event.mark is not None else None
    # The first that was named is asked for first; a second replica beside one that is known was paid for too, and is asked for in its time.
    if attempt is None or attempt.witness is not None or event.replica_id in {None, attempt.replica_id, *attempt.strays}:
        return job
    return job.with_attempt(replace(attempt, witness=event.replica_id))


def _with_call(job: Job, event: events.CallbackReceived, now: datetime) -> Job:
    """When the attempt was called about: the last time before its end is known, or else the first time after. The plan learns from it."""
    attempt = job.attempt_of(event.mark) if event.mark is not None else None
    if attempt is None or (attempt.called_at is not None and attempt.is_settled):
        return job
    return job.with_attempt(replace(attempt, called_at=now))


def _for_a_person(strays: list[ReplicaId]) -> str:
    return f"{', '.join(strays)} was paid for beside it: a person should look"
