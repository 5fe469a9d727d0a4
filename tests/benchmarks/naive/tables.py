"""The one table, and the engine of this process. It may not know what a state means."""

from datetime import UTC, datetime
from functools import cache

from sqlalchemy import Engine
from sqlmodel import Field, SQLModel, create_engine

from tests.benchmarks.naive.settings import SETTINGS


def now() -> datetime:
    """The time."""
    return datetime.now(UTC)


class Training(SQLModel, table=True):
    """A job."""

    __tablename__ = "naive_training"

    id: str = Field(primary_key=True)
    picture: str
    status: str = Field(default="queued", index=True)
    replica_id: str | None = None
    progress: str | None = None
    polls: int = 0
    conversation_url: str | None = None
    error: str | None = None
    created_at: datetime = Field(default_factory=now)
    updated_at: datetime = Field(default_factory=now)


@cache
def engine() -> Engine:
    """One a process, made at first use: a forked child must not share its parent's connections."""
    return create_engine(SETTINGS.database_url)
