"""The inbox: what Tavus said, kept before it is answered, until somebody has read it. It may not believe or judge a word of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Connection, Integer, RowMapping, delete, exists, literal, select, update
from sqlalchemy.dialects import postgresql, sqlite

from worker.core.job import JobId, Mark
from worker.store.columns import Document, Moment
from worker.store.database import one_of
from worker.store.rows import storable
from worker.store.sealing import Sealer, UnsealableError, sealer_of
from worker.store.tables import METADATA

INBOX, ATTEMPT, JOB = METADATA.tables["inbox"], METADATA.tables["attempt"], METADATA.tables["job"]


@dataclass(frozen=True, slots=True, kw_only=True)
class New:
    """A word of Tavus as it came. `job_id`: None where the mark says whose it is. `once`: whether such a word about this mark is taken but once."""

    mark: Mark
    kind: str
    body: Mapping[str, Any] = field(repr=False)
    job_id: JobId | None = None
    once: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """The same, as it lies in the inbox. `body` None: it is sealed under a key that is not here."""

    id: int
    job_id: JobId
    mark: Mark
    kind: str
    body: Mapping[str, Any] | None = field(repr=False)


def keep(connection: Connection, letter: New, now: datetime) -> bool:
    """Keep it, in one statement, and due at once; one that comes twice lies there once. False when there is no such job or attempt."""
    values = {
        "mark": letter.mark,
        "kind": letter.kind,
        "once": f"{letter.mark}/{letter.kind}" if letter.once else None,
        "received_at": literal(now, Moment),
        "due_at": literal(now, Moment),
        "body": literal(sealer_of(connection).seal_document(storable(letter.body)), Document),
    }
    known = ATTEMPT.c.mark == letter.mark if letter.job_id is None else JOB.c.id == letter.job_id
    whose = (ATTEMPT.c.job_id if letter.job_id is None else JOB.c.id).label("job_id")
    row = select(whose, *(value if not isinstance(value, str | None) else literal(value) for value in values.values())).where(known)
    insert = sqlite.insert if connection.dialect.name == "sqlite" else postgresql.insert
    kept = connection.execute(insert(INBOX).from_select(["job_id", *values], row).on_conflict_do_nothing(index_elements=["once"]))
    return kept.rowcount > 0 or bool(connection.execute(select(exists().where(known))).scalar())


def take(connection: Connection, now: datetime, lease: timedelta, limit: int, *, of_trainings: bool) -> list[Letter]:
    """The first that are due, for one lease: whoever dies over them leaves them to others. What another takes just now is passed over."""
    sort = INBOX.c.once.is_(None) if of_trainings else INBOX.c.once.is_not(None)
    due = select(INBOX).where(INBOX.c.due_at <= now, sort).order_by(INBOX.c.id).limit(limit).with_for_update(skip_locked=True)
    found = connection.execute(due).mappings().all()
    taken = [_letter(row, sealer_of(connection)) for row in found]
    if taken:
        _write(connection, taken, due_at=now + lease)
    return taken


def _letter(row: RowMapping, sealer: Sealer) -> Letter:
    try:
        body = sealer.open_document(row["body"] or {})
    except UnsealableError:  # one letter must not keep the others from being read
        body = None
    return Letter(id=row["id"], job_id=JobId(row["job_id"]), mark=Mark(row["mark"]), kind=row["kind"], body=body)


def read(connection: Connection, letters: Sequence[Letter]) -> None:
    """They have been read: hints go, and of a conversation's words only stays that they came."""
    connection.execute(delete(INBOX).where(_named(connection), INBOX.c.once.is_(None)), {"ids": [one.id for one in letters]})
    _write(connection, letters, INBOX.c.once.is_not(None), due_at=None, body=None)


def _write(connection: Connection, letters: Sequence[Letter], *which: ColumnElement[bool], **values: object) -> None:
    connection.execute(update(INBOX).where(_named(connection), *which).values(values), {"ids": [one.id for one in letters]})


def _named(connection: Connection) -> ColumnElement[bool]:
    return one_of(connection.dialect.name, INBOX.c.id, "ids", Integer())
