"""The tables of what callers are told: notifications, destinations that fail, and secrets that sign. They may not be used outside the store."""

from datetime import datetime
from typing import Any

from sqlalchemy import Index
from sqlmodel import Field

from worker.store.columns import Document, Moment, Table, where

OUT = "status IN ('rung', 'sending')"
"""Somebody has it, or a message is out for it."""


class NotificationRow(Table, table=True):
    """One thing that a caller is told. `due_at`: when the next attempt is due, or counts as lost; None: it is over.

    `destination` is a digest of the caller and the host: the address itself stays with the job. `version` goes up whenever somebody takes it or
    has it sent again, and so fences whoever took it before. `since`: when the patience with it began.
    """

    __tablename__ = "notification"
    # The first serves the sweep: its cost grows with what is due. The second has each destination's line in order. The third holds what is out, which
    # is little. The last two have lists in order, of everybody's and of a caller's.
    __table_args__ = (
        Index("ix_notification_due", "due_at", "destination", **where("due_at IS NOT NULL")),
        Index("ix_notification_line", "destination", "due_at", **where("due_at IS NOT NULL")),
        Index("ix_notification_out", "destination", **where(OUT)),
        Index("ix_notification_job_id", "job_id"),
        Index("ix_notification_at", "at", "id"),
        Index("ix_notification_caller", "caller", "at", "id"),
    )

    id: str = Field(primary_key=True)
    job_id: str = Field(foreign_key="job.id")
    caller: str
    destination: str
    kind: str
    at: datetime = Field(sa_type=Moment)
    about: dict[str, Any] = Field(sa_type=Document)
    status: str
    version: int = 0
    tries: int = 0
    due_at: datetime | None = Field(default=None, sa_type=Moment)
    since: datetime = Field(sa_type=Moment)
    answer: str | None = None
    answered_at: datetime | None = Field(default=None, sa_type=Moment)


class DestinationRow(Table, table=True):
    """A destination whose last attempt failed. One that works has no row."""

    __tablename__ = "destination"

    name: str = Field(primary_key=True)
    failures: int
    shut_until: datetime | None = Field(default=None, sa_type=Moment)


class SigningSecretRow(Table, table=True):
    """A secret that signs what a caller is told, sealed. `until`: when it stops, because another has taken its place."""

    __tablename__ = "signing_secret"

    caller: str = Field(primary_key=True)
    number: int = Field(primary_key=True)
    sealed: str
    made_at: datetime = Field(sa_type=Moment)
    until: datetime | None = Field(default=None, sa_type=Moment)
