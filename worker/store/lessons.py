"""What trainings teach: the newest of each kind, and the lessons that are kept. It may not learn, and no question grows with the ledger."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, String, and_, bindparam, or_, select
from sqlalchemy.dialects import postgresql, sqlite

from worker.core.calling import Ending
from worker.core.job import Outcome
from worker.store.rows import storable
from worker.store.tables import METADATA

ATTEMPT, LESSON = METADATA.tables["attempt"], METADATA.tables["lesson"]
_ENDED = (Outcome.TRAINED, Outcome.FAILED)
_FOLLOWING = (
    select(ATTEMPT.c.subject)
    .where(ATTEMPT.c.replica_id.is_not(None), ATTEMPT.c.subject > bindparam("last", type_=String))
    .order_by(ATTEMPT.c.subject)
    .limit(1)
)


@dataclass(frozen=True, slots=True)
class Training:
    """How long a training took, None while it runs, and whether it ended well. `late`: how long after its moment the look came that found it over."""

    took: timedelta | None
    well: bool
    late: timedelta = timedelta(0)


def subjects(connection: Connection) -> list[str]:
    """The kinds of training that there were: by hops through the index, for counting them all would read them all."""
    found: list[str] = []
    last = ""  # as those of before subjects were kept have it
    while (following := connection.execute(_FOLLOWING, {"last": last}).scalar()) is not None:
        last = str(following)
        found.append(last)
    return found


def trainings(connection: Connection, subject: str, before: datetime, limit: int, running_since: datetime) -> list[Training]:
    """The newest trainings of that kind that began before a moment, newest first, whether they have ended or not.

    One that began before `running_since` and has not ended is left out: nobody knows any more whether it runs.
    """
    runs = (ATTEMPT.c.outcome == Outcome.CHARGED.value, ATTEMPT.c.vanished_at.is_(None), ATTEMPT.c.intended_at > running_since)
    known = or_(ATTEMPT.c.ended_at.is_not(None), and_(*runs))
    began = (ATTEMPT.c.subject == subject, ATTEMPT.c.replica_id.is_not(None), ATTEMPT.c.intended_at <= before, known)
    wanted = select(ATTEMPT.c.intended_at, ATTEMPT.c.ended_at, ATTEMPT.c.look_due_at, ATTEMPT.c.outcome).where(*began)
    found = connection.execute(wanted.order_by(ATTEMPT.c.intended_at.desc()).limit(limit))
    return [training(row.intended_at, row.ended_at, row.look_due_at, Outcome(row.outcome)) for row in found]


def training(began: datetime, ended: datetime | None, look_due: datetime | None, outcome: Outcome) -> Training:
    """What such an attempt teaches. Those of before it was kept when a look was due count as looked at in time."""
    if ended is None:
        return Training(None, well=False)
    return Training(ended - began, outcome is Outcome.TRAINED, timedelta(0) if look_due is None else ended - look_due)


def endings(connection: Connection, account: str, limit: int) -> list[Ending]:
    """The newest trainings of that account that ended, with their callbacks, newest first."""
    found: list[Ending] = []
    for outcome in _ENDED:  # one after the other: so each is a short piece of the index
        wanted = select(ATTEMPT.c.ended_at, ATTEMPT.c.called_at).where(
            ATTEMPT.c.account == account, ATTEMPT.c.outcome == outcome.value, ATTEMPT.c.ended_at.is_not(None)
        )
        newest = wanted.order_by(ATTEMPT.c.intended_at.desc()).limit(limit)
        found += [Ending(row.ended_at, row.called_at) for row in connection.execute(newest)]
    return sorted(found, key=lambda one: one.ended_at, reverse=True)[:limit]


def keep(connection: Connection, subject: str, document: Mapping[str, Any], now: datetime) -> None:
    """Keep a lesson in the place of the one before."""
    upsert = sqlite.insert if connection.dialect.name == "sqlite" else postgresql.insert
    new = storable({"document": document, "learned_at": now})
    kept = upsert(LESSON).values(subject=subject, **new).on_conflict_do_update(index_elements=["subject"], set_=new)
    connection.execute(kept)


def read(connection: Connection) -> dict[str, Any]:
    """The lessons, by subject."""
    return {row.subject: row.document for row in connection.execute(select(LESSON.c.subject, LESSON.c.document))}
