"""The tables of what is done by the calendar: the rounds of the house itself, and jobs that recur. They may not be used outside the store."""

from datetime import datetime
from typing import Any

from sqlalchemy import Index
from sqlmodel import Field

from worker.store.columns import Document, Moment, Table, where


class RoundRow(Table, table=True):
    """Work that is done now and then, by one worker at a time. `due_at`: when it may be claimed; None: nobody claims it, and it is only noted.

    A round that is under way has `begun_at`, and remembers how far it is (`place`) and what it has found; `ended_at` and `outcome` are of the last
    one that came to its end.
    """

    __tablename__ = "round"

    name: str = Field(primary_key=True)
    due_at: datetime | None = Field(default=None, sa_type=Moment)
    begun_at: datetime | None = Field(default=None, sa_type=Moment)
    place: str | None = None
    found: dict[str, Any] | None = Field(default=None, sa_type=Document)
    ended_at: datetime | None = Field(default=None, sa_type=Moment)
    outcome: dict[str, Any] | None = Field(default=None, sa_type=Document)


class RecurringRow(Table, table=True):
    """A job that recurs. `request` is what is enqueued each time, as it was sent. `due_at`: its next occurrence; None: it is paused.

    `occurred_at`: the last occurrence that was enqueued or refused; `job_id` the job that came of it, or `refused` why none did.
    """

    __tablename__ = "recurring"
    __table_args__ = (Index("ix_recurring_due_at", "due_at", **where("due_at IS NOT NULL")),)

    name: str = Field(primary_key=True)
    caller: str
    cron: str
    request: dict[str, Any] = Field(sa_type=Document)
    added_at: datetime = Field(sa_type=Moment)
    due_at: datetime | None = Field(default=None, sa_type=Moment)
    occurred_at: datetime | None = Field(default=None, sa_type=Moment)
    job_id: str | None = None
    refused: str | None = None
