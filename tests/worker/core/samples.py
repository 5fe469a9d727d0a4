"""A job in each state and an event of each type, to test with. It may not say what should become of them."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import settings

from worker.core import events as ev
from worker.core.decide import decide
from worker.core.decision import Decision
from worker.core.failures import Failure
from worker.core.job import Attempt, Conversation, ConversationId, Deletion, Job, Mark, Outcome, ReplicaId
from worker.core.marks import conversation_mark, new_job_id, replica_mark
from worker.core.request import Request, Start
from worker.core.rules import Rules
from worker.core.states import State
from worker.core.visiting import SHUTDOWN

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
SECOND, MINUTE, HOUR = timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=1)
RULES = Rules()
JOB_ID = new_job_id(NOW, bytes(range(10)))
REPLICA = ReplicaId("r1")
CONVERSATION = ConversationId("c1")
URL = "https://tavus.example/c1"
FOREIGN = Mark("rw-00000000000z-1")
"""The mark of somebody else's replica."""

trying = settings(max_examples=60, deadline=None)
"""How often a property is tried that needs no long lives."""

MADE = {Outcome.CHARGED, Outcome.TRAINED, Outcome.FAILED}


def mark(number: int = 1) -> Mark:
    """The mark of the sample job's n-th submission."""
    return replica_mark(JOB_ID, number)


def talk(number: int = 1) -> Mark:
    """The mark of the sample job's n-th conversation."""
    return conversation_mark(JOB_ID, number)


def attempt(number: int = 1, outcome: Outcome = Outcome.RESERVED, **changes: Any) -> Attempt:  # noqa: ANN401 - fields of Attempt
    """The n-th submission, with what its outcome implies; its replica is `r<n>`."""
    plain = Attempt(
        number=number, mark=mark(number), intended_at=NOW, outcome=outcome, replica_id=ReplicaId(f"r{number}") if outcome in MADE else None
    )
    if outcome is Outcome.FAILED:
        plain = replace(plain, failure=Failure.UNRECOGNISED, error_first_seen_at=NOW, deletable_at=NOW + RULES.refund_hold)
    return replace(plain, **changes)


def request(**changes: Any) -> Request:  # noqa: ANN401 - fields of Request
    """A headshot whose conversation opens by itself."""
    picture = {"train_image_url": "https://pictures.example/head.jpg", "voice_name": "anna", "model_name": "phoenix-4"}
    return replace(Request(replica=picture, conversation={"persona_id": "p1"}), **changes)


_SHAPES: dict[State, dict[str, Any]] = {
    State.QUEUED: {"due_at": NOW},
    State.SUBMITTING: {"due_at": NOW + RULES.lease, "attempts": (attempt(),)},
    State.TRAINING: {"due_at": NOW + HOUR, "attempts": (attempt(1, Outcome.CHARGED),)},
    State.READY: {"attempts": (attempt(1, Outcome.TRAINED),), "request": request(start=Start.ON_DEMAND)},
    State.OPENING: {"due_at": NOW, "attempts": (attempt(1, Outcome.TRAINED),)},
    State.DONE: {"attempts": (attempt(1, Outcome.TRAINED),), "conversation": Conversation(mark=talk(), id=CONVERSATION, url=URL)},
    State.HELD: {"attempts": (attempt(1, Outcome.FAILED),), "failure": Failure.UNRECOGNISED, "release_to": State.QUEUED},
    State.ABANDONED: {"attempts": (attempt(1, Outcome.FAILED),), "failure": Failure.UNRECOGNISED},
    State.CANCELLED: {"due_at": NOW + HOUR, "attempts": (attempt(1, Outcome.CHARGED),), "cancel_requested": True},
}


def job(state: State = State.QUEUED, **changes: Any) -> Job:  # noqa: ANN401 - fields of Job
    """A job as it typically is in this state, changed as asked."""
    plain = Job(id=JOB_ID, account="main", caller="tests", request=request(), created_at=NOW, state=state)
    return replace(plain, **(_SHAPES[state] | changes))


def opening(**changes: Any) -> Job:  # noqa: ANN401 - fields of Job
    """A job whose conversation POST left at NOW and has not been answered."""
    return job(State.OPENING, due_at=NOW + RULES.lease, conversation=Conversation(mark=talk(), intended_at=NOW), **changes)


def doomed(state: State = State.DONE, outcome: Outcome = Outcome.TRAINED, **wish: Any) -> Job:  # noqa: ANN401 - fields of Deletion
    """A job whose replica somebody wants deleted, due at NOW; a failed one's refund is safe by then."""
    safe = {"deletable_at": NOW} if outcome is Outcome.FAILED else {}
    return job(state, attempts=(attempt(1, outcome, deletion=Deletion(**({"due_at": NOW} | wish)), **safe),))


def decided(before: Job, event: ev.Event, now: datetime = NOW, rules: Rules = RULES) -> Decision:
    """The decision, with the sample rules."""
    return decide(before, event, now, rules)


def after(before: Job, *events: ev.Event, now: datetime = NOW, rules: Rules = RULES) -> Job:
    """The job once the events have come, one after the other, all at `now`."""
    for event in events:
        before = decide(before, event, now, rules).job
    return before


EVENTS: tuple[ev.Event, ...] = (
    ev.FellDue(), ev.InputPassed(), ev.InputRejected(Failure.IMAGE_TOO_SMALL, "100x100"), ev.InputUnread("503"),
    ev.BudgetReached(Failure.IN_FLIGHT_FULL, "2 trainings run"),
    ev.SubmissionAccepted(mark(), REPLICA), ev.SubmissionRefused(mark(), Failure.RATE_LIMITED, "429"), ev.SubmissionLost(mark(), "cut"),
    ev.MarkFound(mark(), REPLICA), ev.MarkAbsent(mark()), ev.MarkAmbiguous(mark(), (REPLICA, ReplicaId("r9"))),
    ev.MarkDiscovered(mark(), REPLICA, NOW), ev.LookupUnread(mark(), "500"),
    ev.WitnessRejected(mark(), REPLICA, "another name"), ev.ReplicaRenamed(REPLICA), ev.RenameFailed(REPLICA, "500"),
    ev.TrainingContinued(REPLICA, "40/100"), ev.TrainingCompleted(REPLICA), ev.TrainingFailed(REPLICA, Failure.HEADPHONES, "headset"),
    ev.ReplicaMissing(REPLICA, "404"), ev.PollUnread("500"), ev.CallbackReceived(),
    ev.ConversationOpened(talk(), CONVERSATION, URL), ev.ConversationRefused(talk(), Failure.CONVERSATIONS_FULL, "400"),
    ev.ConversationLost(talk(), "cut"), ev.ConversationFound(talk(), CONVERSATION, URL), ev.ConversationAbsent(talk()),
    ev.ConversationUnread(talk(), "500"), ev.ConversationRequested(), ev.CancelRequested(), ev.ReleaseRequested(), ev.AbandonRequested(),
    ev.RetryRequested(), ev.AccountResumed(), ev.DeletionRequested(), ev.DeletionFellDue(REPLICA), ev.FailureConfirmed(REPLICA),
    ev.ReplicaDeleted(REPLICA), ev.DeletionDeclined(REPLICA, "it trains"), ev.DeletionUnread(REPLICA, "500"),
    ev.ConversationEndRequested(), ev.ConversationEndFellDue(CONVERSATION), ev.ConversationEnded(CONVERSATION),
    ev.ConversationEndDeclined(CONVERSATION, "another name"), ev.ConversationEndUnread(CONVERSATION, "500"),
    ev.LinkVisited(), ev.VisitorLeft(), ev.ConversationContinued(CONVERSATION), ev.ConversationTold(talk(), SHUTDOWN, CONVERSATION),
)  # fmt: skip
"""One event of each type, about the sample job's first submission."""
