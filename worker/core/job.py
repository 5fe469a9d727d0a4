"""A job as the ledger knows it: frozen values, nothing else. It may not hold behaviour that moves a job; only `decide` does that."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import Any, NewType

from worker.core.failures import Failure
from worker.core.states import State

JobId = NewType("JobId", str)
"""26 characters, sortable by creation; see `worker.core.marks.new_job_id`."""
Mark = NewType("Mark", str)
"""Our name on a remote thing; see `worker.core.marks`."""
ReplicaId = NewType("ReplicaId", str)
"""Tavus' id of a replica (`r...`), the same under its newer name, face."""
ConversationId = NewType("ConversationId", str)
"""Tavus' id of a conversation (`c...`)."""


class Start(StrEnum):
    """When the conversation is opened. It bills from its creation, so this is the caller's choice."""

    ON_READY = "on_ready"
    ON_DEMAND = "on_demand"
    NONE = "none"


class AutoFix(StrEnum):
    """Whether Tavus' image fixer may be used: it changes the caller's picture, so never unless the caller says so."""

    NEVER = "never"
    ON_REJECTION = "on_rejection"
    ALWAYS = "always"


class Outcome(StrEnum):
    """What became of an attempt; the credit book is derived from it and the attempt's dates."""

    RESERVED = "reserved"  # the intent is written; the POST may or may not have reached Tavus
    REFUSED = "refused"  # certainly not done: nothing was paid
    ABSENT = "absent"  # looked for through the whole settle time and never there
    CHARGED = "charged"  # the replica exists: a credit is spent
    TRAINED = "trained"
    FAILED = "failed"  # Tavus reported an error: the credit comes back, unless the replica is deleted too early


UNPAID = frozenset({Outcome.REFUSED, Outcome.ABSENT})


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One submission: the intent to pay, the replica it made, and what is known of its money.

    `deletable_at` is when deleting the failed replica can no longer lose the refund (refund hold after `error_first_seen_at`).
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Conversation:
    """The conversation of a job. `intended_at` is set while a POST may be at Tavus with its outcome unknown."""

    mark: Mark
    intended_at: datetime | None = None
    id: ConversationId | None = None
    url: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What the caller asked for, already validated. `replica` and `conversation` are Tavus' own fields."""

    replica: Mapping[str, Any] = field(repr=False)  # addresses are in it, and their queries are secrets
    conversation: Mapping[str, Any] = field(default_factory=dict, repr=False)
    start: Start = Start.ON_READY
    auto_fix: AutoFix = AutoFix.NEVER
    notify_url: str | None = field(default=None, repr=False)
    metadata: Mapping[str, Any] = field(default_factory=dict)

    @property
    def model(self) -> str:
        """The Phoenix model, pinned when the request was validated."""
        return str(self.replica.get("model_name", ""))

    @property
    def image_url(self) -> str | None:
        """The headshot's address; None when the replica is trained from a video."""
        return self.replica.get("train_image_url")


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One row of the ledger with its attempts. `tries` counts free retries in a row; paid ones are `submissions`; a poll is neither."""

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
    attempts: tuple[Attempt, ...] = ()
    conversation: Conversation | None = None
    conversation_wanted: bool = False
    cancel_requested: bool = False
    tries: int = 0
    trying_since: datetime | None = None
    scans: int = 0
    missing_since: datetime | None = None
    watched_since: datetime | None = None
    progress: str | None = None
    failure: Failure | None = None
    detail: str | None = None
    release_to: State | None = None

    @property
    def attempt(self) -> Attempt:
        """The latest attempt. Raises IndexError while there is none: only states after `queued` may ask."""
        return self.attempts[-1]

    @property
    def replica_id(self) -> ReplicaId | None:
        """The latest attempt's replica, when it is known."""
        return self.attempts[-1].replica_id if self.attempts else None

    @property
    def submissions(self) -> int:
        """How many times this job may have been paid for: every attempt that was not proven unpaid."""
        return sum(attempt.outcome not in UNPAID for attempt in self.attempts)

    def attempt_of(self, mark: Mark) -> Attempt | None:
        """The attempt that carries this mark."""
        return next((attempt for attempt in self.attempts if attempt.mark == mark), None)

    def with_attempt(self, changed: Attempt) -> "Job":
        """A copy with the attempt of the same number replaced."""
        return replace(self, attempts=tuple(changed if a.number == changed.number else a for a in self.attempts))
