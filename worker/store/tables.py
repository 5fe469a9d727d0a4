"""The ledger's tables, as SQLModel classes. They may not be used outside the store: everybody else gets the core's frozen values."""

from datetime import datetime
from typing import Any

from sqlalchemy import Column, Index, UniqueConstraint, false
from sqlmodel import Field

from worker.core.states import FAIR
from worker.store import notification_tables, schedule_tables, tally_tables  # noqa: F401 - in files of their own: whoever asks for the metadata wants all
from worker.store.columns import Counter, Document, Moment, Table, where


class JobRow(Table, table=True):
    """A job. `rung_at` is set while a message for it is out; `fingerprint` tells whether a repeated idempotency key means the same request."""

    __tablename__ = "job"
    # The sweep leaps from line to line and asks each for what is due: its cost grows with what is due, not with what exists. Where callers wait for
    # each other they have lines of their own, in whose index stands all that puts a long backlog in order without reading its rows. Messages that
    # are out are few, and so is their index.
    __table_args__ = (
        UniqueConstraint("caller", "idempotency_key"),
        Index("ix_job_line", "state", "account", "due_at"),
        *(
            Index(f"ix_job_{state.value}", "account", "caller", "priority", "due_at", "state", **where(f"state = '{state.value}'"))
            for state in FAIR
        ),
        # A list of jobs is in the order of their ids, newest first: for each thing it is asked for by, an index has that order.
        *(Index(f"ix_job_{name}_id", name, "id") for name in ("caller", "account", "state")),
        # The ends of conversations that somebody waits for are few, and so is their index.
        Index("ix_job_end_due_at", "conversation_end_due_at", **where("conversation_end_due_at IS NOT NULL")),
        Index("ix_job_rung_at", "rung_at", "state", "account", **where("rung_at IS NOT NULL")),
    )

    id: str = Field(primary_key=True, max_length=26)
    account: str
    caller: str
    idempotency_key: str | None = None
    fingerprint: str
    request: dict[str, Any] = Field(sa_type=Document)
    priority: int = 0
    state: str
    version: int = 0
    created_at: datetime = Field(sa_type=Moment)
    updated_at: datetime = Field(sa_type=Moment)
    due_at: datetime | None = Field(default=None, sa_type=Moment)
    rung_at: datetime | None = Field(default=None, sa_type=Moment)
    conversation_mark: str | None = None
    conversation_intended_at: datetime | None = Field(default=None, sa_type=Moment)
    conversation_id: str | None = None
    conversation_url: str | None = None
    conversation_wanted: bool = False
    cancel_requested: bool = False
    tries: int = 0
    trying_since: datetime | None = Field(default=None, sa_type=Moment)
    scans: int = 0
    missing_since: datetime | None = Field(default=None, sa_type=Moment)
    watched_since: datetime | None = Field(default=None, sa_type=Moment)
    progress: str | None = None
    failure: str | None = None
    detail: str | None = None
    release_to: str | None = None
    patient_from: int = Field(default=1, sa_column_kwargs={"server_default": "1"})
    conversation_lost: int = Field(default=0, sa_column_kwargs={"server_default": "0"})
    conversation_opened_at: datetime | None = Field(default=None, sa_type=Moment)
    conversation_admission: str | None = None
    openings: str | None = None
    visited_at: datetime | None = Field(default=None, sa_type=Moment)
    conversation_end_due_at: datetime | None = Field(default=None, sa_type=Moment)
    conversation_ended_at: datetime | None = Field(default=None, sa_type=Moment)
    erased_at: datetime | None = Field(default=None, sa_type=Moment)


class AttemptRow(Table, table=True):
    """One submission of a job: the credit book's entry."""

    __tablename__ = "attempt"
    __table_args__ = (
        Index("ix_attempt_replica_id", "replica_id"),
        # Budgets and the credit book count an account's attempts; the sweep asks for the few deletions that are due.
        Index("ix_attempt_account", "account", "outcome", "intended_at"),
        Index("ix_attempt_delete_due_at", "delete_due_at", **where("delete_due_at IS NOT NULL")),
        # What a plan learns from: the newest trainings of a kind that began before some moment, found without a look at any other.
        Index("ix_attempt_subject", "subject", "intended_at", **where("replica_id IS NOT NULL")),
    )

    job_id: str = Field(primary_key=True, foreign_key="job.id")
    number: int = Field(primary_key=True)
    mark: str = Field(unique=True)
    intended_at: datetime = Field(sa_type=Moment)
    fixer: bool = False
    outcome: str
    replica_id: str | None = None
    failure: str | None = None
    error_first_seen_at: datetime | None = Field(default=None, sa_type=Moment)
    deletable_at: datetime | None = Field(default=None, sa_type=Moment)
    deleted_at: datetime | None = Field(default=None, sa_type=Moment)
    account: str = Field(default="", sa_column_kwargs={"server_default": ""})
    vanished_at: datetime | None = Field(default=None, sa_type=Moment)
    delete_due_at: datetime | None = Field(default=None, sa_type=Moment)
    delete_hard: bool = Field(default=False, sa_column_kwargs={"server_default": false()})
    delete_confirmed_at: datetime | None = Field(default=None, sa_type=Moment)
    witness: str | None = None
    strays: str | None = None
    subject: str = Field(default="", sa_column_kwargs={"server_default": ""})
    ended_at: datetime | None = Field(default=None, sa_type=Moment)
    called_at: datetime | None = Field(default=None, sa_type=Moment)
    late_at: datetime | None = Field(default=None, sa_type=Moment)
    look_due_at: datetime | None = Field(default=None, sa_type=Moment)


class StoryRow(Table, table=True):
    """One line of a job's story. Only ever added to; `event` and `data` are enough to replay the decision."""

    __tablename__ = "story"
    __table_args__ = (Index("ix_story_job_id", "job_id", "id"),)

    id: int | None = Field(default=None, sa_column=Column(Counter, primary_key=True))
    job_id: str = Field(foreign_key="job.id")
    at: datetime = Field(sa_type=Moment)
    version: int
    event: str
    data: dict[str, Any] = Field(default_factory=dict, sa_type=Document)
    from_state: str | None = None
    to_state: str
    why: str
    rules: str | None = None


class RulesRow(Table, table=True):
    """Rules that decisions were made under, by their digest, so that a story can be replayed under its own."""

    __tablename__ = "rules"

    digest: str = Field(primary_key=True)
    document: dict[str, Any] = Field(sa_type=Document)


class LessonRow(Table, table=True):
    """What was learned of a subject: the times of a kind of training, or the callbacks of an account. Made anew from the attempts, and no record."""

    __tablename__ = "lesson"

    subject: str = Field(primary_key=True)
    document: dict[str, Any] = Field(sa_type=Document)
    learned_at: datetime = Field(sa_type=Moment)


class AccountRow(Table, table=True):
    """What is known of a Tavus account besides its key, which is never stored, and the terms that its owner set.

    `deaf`: its key is not accepted, so not even polls are tried. `price` is a decimal number as text: SQLite has none.
    """

    __tablename__ = "account"

    name: str = Field(primary_key=True)
    stopped_at: datetime | None = Field(default=None, sa_type=Moment)
    stopped_for: str | None = None
    deaf: bool = False
    voices_read_at: datetime | None = Field(default=None, sa_type=Moment)
    lost: str | None = None
    max_trainings_a_month: int | None = None
    max_in_flight: int | None = None
    retry_after_refund: bool = Field(default=False, sa_column_kwargs={"server_default": false()})
    price: str | None = None
    requests_a_minute: int | None = None


class VoiceRow(Table, table=True):
    """A stock voice that the account may name."""

    __tablename__ = "voice"

    account: str = Field(primary_key=True)
    name: str = Field(primary_key=True)


class TokenRow(Table, table=True):
    """A caller's token: `digest` is its SHA-256, in hexadecimal digits; `scopes` are separated by commas. The token itself is kept nowhere."""

    __tablename__ = "token"

    id: str = Field(primary_key=True)
    caller: str
    digest: str = Field(unique=True)
    scopes: str
    created_at: datetime = Field(sa_type=Moment)
    expires_at: datetime | None = Field(default=None, sa_type=Moment)
    revoked_at: datetime | None = Field(default=None, sa_type=Moment)
    last_used_at: datetime | None = Field(default=None, sa_type=Moment)
    requests_a_minute: int | None = None


class InboxRow(Table, table=True):
    """What Tavus said and nobody has read yet: stored before it is answered, so that a process which dies right after loses nothing.

    `once`: of a conversation each sort of word is taken once, and its row stays to say so; the body goes when it was read. A word about a training is
    a mere hint, and its row goes. `due_at`: when it is (again) to be read.
    """

    __tablename__ = "inbox"
    __table_args__ = (Index("ix_inbox_due_at", "due_at", **where("due_at IS NOT NULL")),)

    id: int | None = Field(default=None, sa_column=Column(Counter, primary_key=True))
    job_id: str = Field(foreign_key="job.id")
    mark: str
    kind: str
    once: str | None = Field(default=None, unique=True)
    received_at: datetime = Field(sa_type=Moment)
    due_at: datetime | None = Field(default=None, sa_type=Moment)
    body: dict[str, Any] | None = Field(default=None, sa_type=Document)


METADATA = Table.metadata
