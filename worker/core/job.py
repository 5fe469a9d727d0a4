"""A job as the ledger knows it: frozen values, nothing else. It may not hold behaviour that moves a job; only `decide` does that."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from decimal import Decimal
from enum import StrEnum
from typing import NewType

from worker.core.failures import Failure
from worker.core.request import Request
from worker.core.states import State

JobId = NewType("JobId", str)
"""26 characters, sortable by creation; see `worker.core.marks.new_job_id`."""
Mark = NewType("Mark", str)
"""Our name on a remote thing; see `worker.core.marks`."""
ReplicaId = NewType("ReplicaId", str)
"""Tavus' id of a replica (`r...`), the same under its newer name, face."""
ConversationId = NewType("ConversationId", str)
"""Tavus' id of a conversation (`c...`)."""


class Outcome(StrEnum):
    """What became of an attempt; the credit book is derived from it and the attempt's dates."""

    RESERVED = "reserved"  # the intent is written; the POST may or may not have reached Tavus
    REFUSED = "refused"  # certainly not done: nothing was paid
    ABSENT = "absent"  # looked for through the whole settle time and never there
    CHARGED = "charged"  # the replica exists: a credit is spent
    TRAINED = "trained"
    FAILED = "failed"  # Tavus reported an error: the credit comes back, unless the replica is deleted too early


UNPAID = frozenset({Outcome.REFUSED, Outcome.ABSENT})
UNSETTLED = frozenset({Outcome.RESERVED, Outcome.CHARGED})
"""The money is not settled: a replica may be made, or one trains."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Deletion:
    """A wish to delete a replica that the door has let in: when it is next worked on, and since when Tavus has said again that it failed."""

    due_at: datetime
    hard: bool = False
    confirmed_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One submission: the intent to pay, the replica it made, and what is known of its money.

    `deletable_at` is when deleting the failed replica can no longer lose the refund (refund hold after `error_first_seen_at`).
    `strays`: further replicas that carry the mark; each was paid for, and a person must look. `vanished_at`: since when Tavus has not known it.
    `witness`: a replica that a callback with this attempt's token named; it is asked for before it is believed.
    `ended_at`: when we learned that its training was over. `called_at`: when a callback with its token came, about then. The plan learns from both.
    `late_at`: when the alarm was raised that it takes too long. `look_due_at`: when the look that found it over should have been: much earlier where
    nobody looked for a while.
    """

    number: int
    mark: Mark
    intended_at: datetime
    fixer: bool = False
    outcome: Outcome = Outcome.RESERVED
    replica_id: ReplicaId | None = None
    failure: Failure | None = None
    error_first_seen_at: datetime | None = None
    deletable_at: datetime | None = None
    deleted_at: datetime | None = None
    vanished_at: datetime | None = None
    deletion: Deletion | None = None
    witness: ReplicaId | None = None
    strays: tuple[ReplicaId, ...] = ()
    ended_at: datetime | None = None
    called_at: datetime | None = None
    late_at: datetime | None = None
    look_due_at: datetime | None = None

    @property
    def lives(self) -> bool:
        """Whether its replica is there, or may be or come to be."""
        is_gone = self.deleted_at is not None or self.vanished_at is not None
        return not is_gone and (self.outcome in UNSETTLED or self.outcome is Outcome.TRAINED)

    @property
    def is_settled(self) -> bool:
        """Whether it is known what became of its money."""
        return self.outcome not in UNSETTLED or self.vanished_at is not None


_UNKNOWN = datetime.max.replace(tzinfo=UTC)


def _own(trained: Sequence[Attempt]) -> Attempt:
    """Which of its trained replicas is the job's: the first, though somebody may delete it, until one that was paid for after that is trained.

    Another that turns up beside it, and was sent before it was gone, was not trained in its place.
    """
    own, *others = sorted(trained, key=lambda one: (one.ended_at or _UNKNOWN, -one.number))
    for other in others:
        gone_at = own.deleted_at or own.vanished_at
        if gone_at is not None and gone_at <= other.intended_at:
            own = other
    return own


@dataclass(frozen=True, slots=True, kw_only=True)
class Conversation:
    """The conversation of a job. `intended_at` is set while a POST may be at Tavus with its outcome unknown. `lost`: POSTs proven absent.

    `end_due_at`: when the end that somebody asked for is next worked on. `ended_at`: when we learned that it is over. `opened_at`: that it is there.
    `admission`: what opens a private room, sealed; None where it needs none, or nobody was told.
    """

    mark: Mark
    lost: int = 0
    intended_at: datetime | None = None
    id: ConversationId | None = None
    url: str | None = None
    end_due_at: datetime | None = None
    ended_at: datetime | None = None
    opened_at: datetime | None = None
    admission: str | None = field(default=None, repr=False)


class Lost(StrEnum):
    """What follows when a lost submission is proven absent."""

    RESUBMIT = "resubmit"
    HOLD = "hold"  # a person looks first: for those who would rather wait than trust any proof of absence


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What an account's owner has set for it. None: without limit, or not known. `price`: of one training, in whatever the account is billed in.

    `requests_a_minute`: calls of every kind, of all processes together, in any minute.

    `retry_after_refund`: a submission is paid again only when the failed one's refund is safe.
    """

    lost: Lost = Lost.RESUBMIT
    max_trainings_a_month: int | None = None
    max_in_flight: int | None = None
    retry_after_refund: bool = False
    price: Decimal | None = None
    requests_a_minute: int | None = None

    @property
    def has_limits(self) -> bool:
        """Whether trainings are counted before another is paid for."""
        return self.max_trainings_a_month is not None or self.max_in_flight is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One row of the ledger with its attempts. `tries` counts free retries in a row; paid ones are `submissions`; a poll is neither.

    `terms`: the account's, as they were when the job was read. `patient_from`: attempts before this number were made for an earlier input, or before
    a person released the job; patience does not count them. `written_at`: when its row was last written: a look leaves its moment there.
    `openings`: when its link opened conversations, those of the last day at least. `visited_at`: when somebody last waited at it.
    `erased_at`: when retention erased what was asked for, and the story.
    """

    id: JobId
    account: str
    caller: str
    request: Request
    created_at: datetime
    state: State = State.QUEUED
    version: int = 0
    due_at: datetime | None = None
    priority: int = 0
    idempotency_key: str | None = None
    terms: Terms = Terms()
    attempts: tuple[Attempt, ...] = ()
    patient_from: int = 1
    conversation: Conversation | None = None
    conversation_wanted: bool = False
    cancel_requested: bool = False
    tries: int = 0
    trying_since: datetime | None = None
    scans: int = 0
    missing_since: datetime | None = None
    watched_since: datetime | None = None
    written_at: datetime | None = field(default=None, compare=False)
    progress: str | None = None
    failure: Failure | None = None
    detail: str | None = None
    release_to: State | None = None
    openings: tuple[datetime, ...] = ()
    visited_at: datetime | None = field(default=None, compare=False)
    erased_at: datetime | None = None

    @property
    def attempt(self) -> Attempt:
        """The attempt that the job follows: the one that is trained, else the latest that lives, else the latest. Raises IndexError without any.

        It is another than the latest when an earlier submission turns out to be paid after all, or a later one when a conversation is on its way.
        """
        if len(self.attempts) == 1:  # nearly always: whatever it is, it is the one
            return self.attempts[0]
        living = [attempt for attempt in self.attempts if attempt.lives]
        trained = [attempt for attempt in self.attempts if attempt.outcome is Outcome.TRAINED]
        if trained and self.state in {State.READY, State.OPENING, State.DONE}:
            return _own(trained)
        return ([attempt for attempt in trained if attempt.lives] or living or self.attempts)[-1]

    @property
    def is_settled(self) -> bool:
        """Whether it is known of every submission what became of its money."""
        return all(attempt.is_settled for attempt in self.attempts)

    @property
    def replica_id(self) -> ReplicaId | None:
        """The replica of the attempt that the job follows, when it is known."""
        return self.attempt.replica_id if self.attempts else None

    @property
    def submissions(self) -> int:
        """How many times this job may have been paid for: every attempt that was not proven unpaid."""
        return sum(attempt.outcome not in UNPAID for attempt in self.attempts)

    def attempt_of(self, mark: Mark) -> Attempt | None:
        """The attempt that carries this mark."""
        return next((attempt for attempt in self.attempts if attempt.mark == mark), None)

    def attempt_with(self, replica_id: ReplicaId) -> Attempt | None:
        """The attempt that made this replica."""
        return next((attempt for attempt in self.attempts if attempt.replica_id == replica_id), None)

    def with_attempt(self, changed: Attempt) -> "Job":
        """A copy with the attempt of the same number replaced."""
        return replace(self, attempts=tuple(changed if a.number == changed.number else a for a in self.attempts))
