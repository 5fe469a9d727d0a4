"""The ledger's tables, as SQLModel classes. They may not be used outside the store: everybody else gets the core's frozen values."""

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import JSON, BigInteger, Column, DateTime, Dialect, Index, Integer, MetaData, UniqueConstraint, false, text
from sqlalchemy.types import TypeDecorator
from sqlmodel import Field, SQLModel

from worker.core.states import FAIR

# Not JSONB: that keeps numbers as decimals, so that 6.208479595147445e+16 comes back as another number; and nothing is ever looked for inside.
Document = JSON
# SQLite counts by itself only in a column that is called INTEGER, and that has 64 bits there anyway.
Counter = BigInteger().with_variant(Integer(), "sqlite")


def _where(condition: str) -> dict[str, Any]:
    """What makes an index partial, in either database's words."""
    return {"postgresql_where": text(condition), "sqlite_where": text(condition)}


class Moment(TypeDecorator[datetime]):
    """A moment in UTC, to the microsecond. SQLite keeps no zone, so it is taken off on the way in and put back on the way out."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Refuse a moment without a zone: nobody could say when it is."""
        if value is None:
            return None
        if value.tzinfo is None:
            message = f"{value} has no time zone"
            raise ValueError(message)
        value = value.astimezone(UTC)
        return value.replace(tzinfo=None) if dialect.name == "sqlite" else value

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Give the zone back."""
        del dialect
        return None if value is None else value.replace(tzinfo=UTC)

    def result_processor(self, dialect: Dialect, coltype: object) -> Any:  # noqa: ANN401 - as the base class says
        """None for PostgreSQL, whose connections are in UTC: a job has fifteen moments, and jobs are read by the thousand."""
        return super().result_processor(dialect, coltype) if dialect.name == "sqlite" else None


class _Table(SQLModel):
    """All tables share one metadata, with names for constraints so that migrations can speak of them."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(column_0_N_label)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s",
            "pk": "pk_%(table_name)s",
        }
    )


class JobRow(_Table, table=True):
    """A job. `rung_at` is set while a message for it is out; `fingerprint` tells whether a repeated idempotency key means the same request."""

    __tablename__ = "job"
    # The sweep leaps from line to line and asks each for what is due: its cost grows with what is due, not with what exists. Where callers wait for
    # each other they have lines of their own, in whose index stands all that puts a long backlog in order without reading its rows. Messages that
    # are out are few, and so is their index.
    __table_args__ = (
        UniqueConstraint("caller", "idempotency_key"),
        Index("ix_job_line", "state", "account", "due_at"),
        *(
            Index(f"ix_job_{state.value}", "account", "caller", "priority", "due_at", "state", **_where(f"state = '{state.value}'"))
            for state in FAIR
        ),
        Index("ix_job_rung_at", "rung_at", "state", "account", **_where("rung_at IS NOT NULL")),
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


class AttemptRow(_Table, table=True):
    """One submission of a job: the credit book's entry."""

    __tablename__ = "attempt"
    __table_args__ = (
        Index("ix_attempt_replica_id", "replica_id"),
        # Budgets and the credit book count an account's attempts; the sweep asks for the few deletions that are due.
        Index("ix_attempt_account", "account", "outcome", "intended_at"),
        Index("ix_attempt_delete_due_at", "delete_due_at", **_where("delete_due_at IS NOT NULL")),
        # What a plan learns from: the newest trainings of a kind that began before some moment, found without a look at any other.
        Index("ix_attempt_subject", "subject", "intended_at", **_where("replica_id IS NOT NULL")),
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


class StoryRow(_Table, table=True):
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


class RulesRow(_Table, table=True):
    """Rules that decisions were made under, by their digest, so that a story can be replayed under its own."""

    __tablename__ = "rules"

    digest: str = Field(primary_key=True)
    document: dict[str, Any] = Field(sa_type=Document)


class LessonRow(_Table, table=True):
    """What was learned of a subject: the times of a kind of training, or the callbacks of an account. Made anew from the attempts, and no record."""

    __tablename__ = "lesson"

    subject: str = Field(primary_key=True)
    document: dict[str, Any] = Field(sa_type=Document)
    learned_at: datetime = Field(sa_type=Moment)


class AccountRow(_Table, table=True):
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


class VoiceRow(_Table, table=True):
    """A stock voice that the account may name."""

    __tablename__ = "voice"

    account: str = Field(primary_key=True)
    name: str = Field(primary_key=True)


METADATA = _Table.metadata
