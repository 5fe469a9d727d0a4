"""Long random lives of a job: what could arrive, and much that hardly could: stale, doubled, late. It may not judge what the job does."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from hypothesis import settings
from hypothesis import strategies as st

from tests.worker.core.samples import FOREIGN, HOUR, JOB_ID, MINUTE, NOW, RULES, SECOND, attempt, job, opening, request
from worker.core import events as ev
from worker.core.decide import decide
from worker.core.decision import Decision, IllegalTransition
from worker.core.failures import Failure
from worker.core.job import ConversationId, Job, Mark, Outcome, ReplicaId
from worker.core.marks import conversation_mark, number_in, replica_mark
from worker.core.request import AutoFix, Request, Start
from worker.core.states import FINAL, State
from worker.core.visiting import SHUTDOWN

walking = settings(max_examples=120, deadline=None)
_AFTERLIFE = 16
"""Events that a job is shown after its end."""


@dataclass(frozen=True)
class Step:
    """One event of a life. `decision` is None when it was refused as illegal."""

    before: Job
    event: ev.Event
    now: datetime
    decision: Decision | None

    @property
    def job(self) -> Job:
        """The job after it."""
        return self.before if self.decision is None else self.decision.job

    def __str__(self) -> str:
        """For the reader of a failure: when, what, from where to where."""
        done = "refused" if self.decision is None else f"{self.job.state} {[type(e).__name__ for e in self.decision.effects]}"
        return f"+{self.now - NOW} {self.before.state}: {self.event} -> {done}"


class Life(tuple[Step, ...]):
    """The steps of a life, in order."""

    __slots__ = ()

    def __repr__(self) -> str:
        """A line a step."""
        return "\n  ".join(["", *map(str, self)])


def replica_of(mark: Mark) -> ReplicaId:
    """Tavus makes one replica of one POST."""
    return ReplicaId("r-foreign" if mark == FOREIGN else f"r{mark.rsplit('-', 1)[1]}")


Maker = Callable[[Mark, Mark, int], ev.Event]
"""An event about a submission's mark and a conversation's mark; the number chooses its details."""


def _one_of(*failures: Failure) -> Callable[[int], Failure]:
    return lambda n: failures[n % len(failures)]


_submission_fault = _one_of(
    Failure.RATE_LIMITED, Failure.UNREACHABLE, Failure.SENT_TOO_LATE, Failure.OUT_OF_CREDIT, Failure.RATE_LIMITED, Failure.KEY_REJECTED,
    Failure.ADDRESS_UNKNOWN, Failure.HEADPHONES, Failure.SUBMISSION_REFUSED, Failure.COMMUNITY_GUIDELINES_VIOLATION,
)  # fmt: skip
_training_fault = _one_of(
    Failure.HEADPHONES, Failure.AUDIO_PROCESSING, Failure.UNRECOGNISED, Failure.HEADPHONES, Failure.AUDIO_PROCESSING, Failure.UNRECOGNISED,
    Failure.QUALITY_ISSUE_DETECTED, Failure.IMAGE_QUALITY, Failure.CELEBRITY_FOUND, Failure.APPEARS_UNDER_18, Failure.CONSENT_PHRASE_MISMATCH,
    Failure.COMMUNITY_GUIDELINES_VIOLATION, Failure.FACE_OBSCURED,
)  # fmt: skip
_conversation_fault = _one_of(
    Failure.RATE_LIMITED, Failure.CONVERSATIONS_FULL, Failure.CONVERSATIONS_FULL, Failure.OUT_OF_CREDIT, Failure.CONVERSATION_REFUSED,
    Failure.COMMUNITY_GUIDELINES_VIOLATION, Failure.QUALITY_ISSUE_DETECTED,
)  # fmt: skip
_budget = _one_of(Failure.MONTH_SPENT, Failure.IN_FLIGHT_FULL, Failure.PACED, Failure.CONVERSATIONS_FULL)
_FIELDS = {"train_image_url": "https://pictures.example/another.jpg", "voice_name": "anna"}
_URL = "https://tavus.example/c"


def _conversation(talk: Mark) -> ConversationId:
    return ConversationId(f"c({talk})")


def _discovered(mark: Mark, n: int) -> ev.Event:
    """After a restore: this submission, or one of the two after it, of which the ledger knows nothing."""
    later = mark if mark == FOREIGN else replica_mark(JOB_ID, number_in(mark) + n % 3)
    return ev.MarkDiscovered(later, replica_of(later), NOW)


QUEUED: tuple[Maker, ...] = (
    lambda _mark, _talk, _n: ev.InputPassed(),
    lambda _mark, _talk, _n: ev.InputPassed(),
    lambda _mark, _talk, _n: ev.InputUnread("503"),
    lambda _mark, _talk, n: ev.BudgetReached(_budget(n), "the limit", HOUR if n % 3 else None),
)
SUBMITTING: tuple[Maker, ...] = (
    lambda mark, _talk, _n: ev.SubmissionAccepted(mark, replica_of(mark)),
    lambda mark, _talk, _n: ev.MarkFound(mark, replica_of(mark)),
    lambda mark, _talk, n: ev.SubmissionRefused(mark, _submission_fault(n), "no", (n % 3) * MINUTE),
    lambda mark, _talk, n: ev.SubmissionRefused(mark, _submission_fault(n % 6), "no"),
    lambda mark, _talk, _n: ev.SubmissionLost(mark, "cut"),
    lambda mark, _talk, n: ev.LookupUnread(mark, "500", None, Failure.KEY_REJECTED if n % 3 else None),
    *[lambda mark, _talk, _n: ev.MarkAbsent(mark)] * 6,
)
TRAINING: tuple[Maker, ...] = (
    lambda mark, _talk, _n: ev.TrainingContinued(replica_of(mark), None),
    lambda mark, _talk, n: ev.TrainingFailed(replica_of(mark), _training_fault(n), "error"),
    lambda mark, _talk, n: ev.TrainingFailed(replica_of(mark), _training_fault(n % 6), "error"),
    lambda mark, _talk, _n: ev.TrainingCompleted(replica_of(mark)),
    lambda mark, _talk, _n: ev.ReplicaMissing(replica_of(mark), "404"),
    lambda _mark, _talk, n: ev.PollUnread("500", None, Failure.OUT_OF_CREDIT if n % 3 else None),
)
OPENING: tuple[Maker, ...] = (
    lambda _mark, talk, _n: ev.ConversationOpened(talk, _conversation(talk), _URL),
    lambda _mark, talk, n: ev.ConversationRefused(talk, _conversation_fault(n), "no"),
    lambda _mark, talk, n: ev.ConversationRefused(talk, _conversation_fault(n), "no"),
    lambda _mark, talk, _n: ev.ConversationLost(talk, "cut"),
    lambda _mark, talk, _n: ev.ConversationUnread(talk, "500"),
    *[lambda _mark, talk, _n: ev.ConversationAbsent(talk)] * 4,
)
OVER: tuple[Maker, ...] = (*SUBMITTING, *TRAINING, *[lambda _mark, _talk, n: ev.RetryRequested(_FIELDS if n % 2 else None)] * 3)
HELD: tuple[Maker, ...] = (lambda _mark, _talk, _n: ev.ReleaseRequested(), lambda _mark, _talk, _n: ev.AccountResumed())
PEOPLE: tuple[Maker, ...] = (
    lambda _mark, _talk, n: ev.CancelRequested() if n % 3 == 0 else ev.CallbackReceived(),
    lambda _mark, _talk, n: ev.AbandonRequested() if n % 3 == 0 else ev.CallbackReceived(),
    lambda _mark, _talk, _n: ev.ConversationRequested(),
    lambda _mark, _talk, _n: ev.DeletionRequested(),
    lambda _mark, _talk, _n: ev.ConversationEndRequested(),
    lambda _mark, talk, _n: ev.ConversationEndFellDue(_conversation(talk)),
    lambda _mark, talk, _n: ev.ConversationEnded(_conversation(talk)),
    lambda _mark, _talk, n: ev.LinkVisited(opens=n % 3 != 0),
    lambda _mark, _talk, _n: ev.VisitorLeft(),
    lambda _mark, talk, _n: ev.ConversationContinued(_conversation(talk)),
    lambda _mark, talk, n: ev.ConversationTold(talk, SHUTDOWN if n % 2 else "system.replica_joined", _conversation(talk)),
    lambda _mark, talk, _n: ev.ConversationEndUnread(_conversation(talk), "500"),
    lambda _mark, talk, _n: ev.ConversationEndDeclined(_conversation(talk), "another name"),
    lambda mark, _talk, n: ev.DeletionRequested(hard=bool(n % 2), replica_id=replica_of(mark)),
    *[lambda mark, _talk, _n: ev.DeletionFellDue(replica_of(mark))] * 3,
    lambda mark, _talk, _n: ev.FailureConfirmed(replica_of(mark)),
    lambda mark, _talk, _n: ev.DeletionUnread(replica_of(mark), "500"),
    lambda mark, _talk, _n: ev.CallbackReceived(mark, replica_of(mark)),
    lambda mark, _talk, _n: ev.WitnessRejected(mark, replica_of(mark), "another name"),
    lambda mark, _talk, _n: ev.ReplicaRenamed(replica_of(mark)),
    lambda mark, _talk, _n: ev.RenameFailed(replica_of(mark), "500"),
    lambda mark, _talk, _n: ev.ReplicaDeleted(replica_of(mark)),
    lambda mark, _talk, _n: ev.DeletionDeclined(replica_of(mark), "it trains"),
    lambda mark, _talk, _n: ev.MarkAmbiguous(mark, (replica_of(mark), ReplicaId("r99"))),
    lambda mark, _talk, n: _discovered(mark, n),
    lambda _mark, talk, _n: ev.ConversationFound(talk, _conversation(talk), _URL),
    lambda _mark, _talk, _n: ev.InputRejected(Failure.IMAGE_TOO_SMALL, "100x100"),
)
APT = {
    State.QUEUED: QUEUED, State.SUBMITTING: SUBMITTING, State.TRAINING: TRAINING, State.OPENING: OPENING, State.HELD: HELD,
    State.ABANDONED: PEOPLE + OVER, State.CANCELLED: PEOPLE + OVER,
}  # fmt: skip
ANY = QUEUED + SUBMITTING + TRAINING + OPENING + HELD + PEOPLE + OVER
WAITS = (timedelta(0), SECOND, 40 * SECOND, 8 * MINUTE, 40 * MINUTE, 40 * MINUTE, 5 * HOUR, 25 * HOUR)


def _arrival(one: Job, kind: int, pick: int, detail: int) -> ev.Event:
    """What comes next: mostly what fits the state and the latest attempt, one time in four anything about any attempt."""
    if kind % 4 == 0 and one.due_at is not None:
        return ev.FellDue()
    strange = kind % 4 == 1
    makers = ANY if strange else APT.get(one.state, PEOPLE)
    newest = max(len(one.attempts), 1)
    mark = FOREIGN if strange and detail % 17 == 0 else replica_mark(JOB_ID, detail % newest + 1 if strange else newest)
    talk = conversation_mark(JOB_ID, detail % 3 + 1) if strange or one.conversation is None else one.conversation.mark
    event = makers[pick % len(makers)](mark, talk, detail)
    return ev.FellDue() if isinstance(event, ev.ReplicaDeleted) and _may_train(one, event.replica_id) else event


def _may_train(one: Job, replica_id: ReplicaId) -> bool:
    """Whether the door of deletion would never have let the replica's deletion in."""
    made = one.attempt_with(replica_id)
    return made is not None and made.outcome is Outcome.CHARGED


def _lived(one: Job, chance: bytes) -> Iterator[Step]:
    """Four bytes are a step, and a leading zero is none. A due job is claimed first, which puts its `due_at` one lease ahead."""
    now, left = NOW, _AFTERLIFE
    for kind, pick, detail, wait in zip(*[iter(chance)] * 4, strict=False):
        left -= one.state in FINAL
        if kind == 0 or left < 0:
            continue
        now += WAITS[wait % len(WAITS)]
        event = _arrival(one, kind, pick, detail)
        if isinstance(event, ev.FellDue) and one.due_at is not None:
            now = max(now, one.due_at)
            one = replace(one, due_at=now + RULES.lease)
        try:
            decision = decide(one, event, now, RULES)
        except IllegalTransition:
            decision = None
        yield Step(one, event, now, decision)
        one = decision.job if decision else one


_C, _A, _F = Outcome.CHARGED, Outcome.ABSENT, Outcome.FAILED
STARTS = (
    *[job()] * 4,
    job(State.TRAINING), job(State.READY), job(State.OPENING), job(State.HELD), opening(),
    job(State.QUEUED, attempts=(attempt(1, _A),)),
    job(State.QUEUED, attempts=(attempt(1, _F, failure=Failure.AUDIO_PROCESSING),)),
    job(State.SUBMITTING, attempts=(attempt(1, _A), attempt(2))),
    job(State.SUBMITTING, attempts=(attempt(1, _F, failure=Failure.AUDIO_PROCESSING), attempt(2))),
    job(State.TRAINING, attempts=(attempt(1, _A), attempt(2, _C))),
)  # fmt: skip


def _asked(start: Start, auto_fix: AutoFix, *, fixer: bool) -> Request:
    body = dict(request().replica) | ({"auto_fix_training_image": True} if fixer else {})
    return request(start=start, auto_fix=auto_fix, replica=body)


@st.composite
def lives(draw: st.DrawFn) -> Life:
    """Lives of 30 to 64 events. Drawn as bytes, because they are drawn at once and shrink to zeros, which are no steps."""
    chance = draw(st.binary(min_size=124, max_size=260))
    starts, fixes = list(Start), [AutoFix.ON_REJECTION, AutoFix.ON_REJECTION, AutoFix.NEVER, AutoFix.ALWAYS]
    asked = _asked(starts[chance[1] % 3], fixes[chance[2] % 4], fixer=chance[3] % 8 == 7)
    return Life(_lived(replace(STARTS[chance[0] % len(STARTS)], request=asked), chance[4:]))
