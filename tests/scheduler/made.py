"""What the tests of this room begin with: settings that no environment colours, requests, a migrated ledger, and what is counted in it."""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr
from sqlalchemy import func, select

from scheduler.producers import enqueue
from tests.sandbox.server import Sandbox
from tests.worker.store.made import an_attempt, changed
from worker.app import make_app
from worker.assembly import Parts, assemble
from worker.core.events import CallbackReceived
from worker.core.job import Job, Outcome, ReplicaId
from worker.core.marks import replica_mark
from worker.core.states import State
from worker.settings import Settings
from worker.store.tables import METADATA

OURS = ("REPLICAS_", "TAVUS_", "REDIS_", "DATABASE_", "FLOWER_")
NOWHERE = "redis://127.0.0.1:1/0"
"""No broker: the port refuses."""
SECRET = "S3CRETs3cret0123"  # noqa: S105 - it opens nothing
PICTURE = f"https://pictures.example/ann.jpg?token={SECRET}"
CONSENT = {"affirmed_by": "Ann Smith", "statement": "Bob agreed in writing.", "affirmed_at": "2026-01-31T10:00:00+01:00"}
KEYS = {"default": SecretStr("key-of-default"), "studio": SecretStr("key-of-studio")}


def a_request(**changes: Any) -> dict[str, Any]:  # noqa: ANN401 - any field, right or wrong
    """A request that the door lets in."""
    return {"replica": {"train_image_url": PICTURE, "voice_name": "anna"}} | changes


def a_replica(**changes: Any) -> dict[str, Any]:  # noqa: ANN401 - any field, right or wrong
    """Such a request with other fields of the replica; None leaves one out."""
    fields = {"train_image_url": PICTURE, "voice_name": "anna"} | changes
    return {"replica": {name: value for name, value in fields.items() if value is not None}}


def settings_in(home: Path, **changes: Any) -> Settings:  # noqa: ANN401 - fields of Settings
    """Settings of a home, whatever this process' environment and folder say."""
    with apart(home):
        return Settings(**{"home": home, "accounts": KEYS, "redis_url": NOWHERE, "sweep_interval": timedelta(seconds=1), **changes})


@contextmanager
def apart(home: Path, **variables: str) -> Iterator[None]:
    """In the folder, with these variables and no others of ours."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(home)
        for name in [name for name in os.environ if name.upper().startswith(OURS)]:
            patch.delenv(name)
        for name, value in variables.items():
            patch.setenv(name, value)
        yield


@contextmanager
def opened(settings: Settings) -> Iterator[Parts]:
    """The parts for these settings."""
    parts = assemble(settings, make_app(settings))
    try:
        yield parts
    finally:
        parts.close()
        parts.app.close()


def rows(parts: Parts) -> Mapping[str, int]:
    """How many rows each table has, but for what processes count: they add it when they come to it."""
    tables = {name: table for name, table in METADATA.tables.items() if name != "tally"}
    with parts.ledger._database.connect() as connection:
        return {name: connection.execute(select(func.count()).select_from(table)).scalar_one() for name, table in tables.items()}


def a_job_in(parts: Parts, state: State = State.QUEUED, due_at: datetime | None = None, **changes: Any) -> Job:  # noqa: ANN401 - fields of Job
    """A job that came in through the door and was brought to this state, with nobody rung for it."""
    request = {name: changes.pop(name) for name in ("account", "priority") if name in changes}
    return changed(parts.ledger, enqueue(parts, a_request(**request)).job, state=state, due_at=due_at, **changes)


def paid(job: Job, outcome: Outcome = Outcome.CHARGED, **changes: Any) -> Any:  # noqa: ANN401 - fields of Attempt
    """The attempts of a job whose replica exists."""
    return (an_attempt(job, mark=replica_mark(job.id, 1), replica_id=ReplicaId(f"r{job.id[-11:]}"), outcome=outcome, **changes),)


def at_tavus(settings: Settings, tavus: Sandbox) -> Settings:
    """The settings with this sandbox for Tavus, and its pictures let in."""
    return settings.model_copy(update={"tavus_url": tavus.url, "allow_http": True, "allow_private_addresses": True})


def trained(parts: Parts, tavus: Sandbox) -> Job:
    """A job of these parts that is ready, with its replica at the sandbox."""
    request = a_replica(train_image_url=tavus.picture()) | {"conversation": {"start": "on_demand"}}
    job = enqueue(parts, request).job
    parts.engine.advance(job.id)
    tavus.advance(timedelta(hours=12))
    parts.engine.tell(job.id, CallbackReceived())
    [ready] = parts.engine.advance_many([job.id])
    assert isinstance(ready, Job)
    return ready


def in_hours(hours: float) -> datetime:
    """So far from now."""
    return datetime.now(UTC) + timedelta(hours=hours)
