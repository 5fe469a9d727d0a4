"""Jobs that recur, as the ledger has them: when each is due next, and what came of it last. It may not enqueue, nor read a cron expression."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Engine, RowMapping, delete, func, insert, select, update
from sqlalchemy.exc import IntegrityError

from worker.store.database import glancing
from worker.store.rows import storable
from worker.store.sealing import sealer_of
from worker.store.tables import METADATA

RECURRING = METADATA.tables["recurring"]
_TOLD = [column for column in RECURRING.columns if column.name != "request"]


class NameTakenError(ValueError):
    """Another job recurs under that name: nothing was stored."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recurring:
    """A job that recurs; see the table. `request` is empty where it was not asked for: it holds secrets."""

    name: str
    caller: str
    cron: str
    request: Mapping[str, Any] = field(repr=False, default_factory=dict)
    added_at: datetime
    due_at: datetime | None
    occurred_at: datetime | None = None
    job_id: str | None = None
    refused: str | None = None


class Recurrences:
    """All of them, on a database of `with_sealer`. Thread-safe."""

    def __init__(self, database: Engine) -> None:
        """Use an engine of `open_database`."""
        self._database, self._glancer = database, glancing(database)

    def add(self, one: Recurring) -> None:
        """Store a new one. Raises NameTakenError."""
        told = {column.name: getattr(one, column.name) for column in _TOLD}
        try:
            with self._database.begin() as connection:
                request = sealer_of(connection).seal_document(storable(one.request))
                connection.execute(insert(RECURRING), told | {"request": request})
        except IntegrityError:
            raise NameTakenError(f"{one.name} recurs already: choose another name, or remove that one first") from None

    def every(self) -> list[Recurring]:
        """All, by name, without their requests."""
        with self._glancer.connect() as connection:
            return [Recurring(**row) for row in connection.execute(select(*_TOLD).order_by(RECURRING.c.name)).mappings()]

    def find(self, name: str) -> Recurring | None:
        """The one of that name, with its request; None: there is none."""
        with self._glancer.connect() as connection:
            row = connection.execute(select(RECURRING).where(RECURRING.c.name == name)).mappings().first()
            return None if row is None else _whole(connection, row)

    def due(self, now: datetime, limit: int) -> list[str]:
        """The names of those that are due, the longest due first."""
        due = select(RECURRING.c.name).where(RECURRING.c.due_at <= now).order_by(RECURRING.c.due_at, RECURRING.c.name).limit(limit)
        with self._glancer.connect() as connection:
            return list(connection.execute(due).scalars())

    def refused(self) -> int:
        """How many of those that are not paused were refused the last time."""
        were = select(func.count()).where(RECURRING.c.refused.is_not(None), RECURRING.c.due_at.is_not(None))
        with self._glancer.connect() as connection:
            return int(connection.execute(were).scalar_one())

    def occurred(self, one: Recurring, occurrence: datetime, job_id: str | None, refused: str | None, due_at: datetime) -> bool:
        """Write what came of an occurrence, and when it is due next. False: somebody else has done so, or it was paused or removed meanwhile."""
        values = {"occurred_at": occurrence, "job_id": job_id, "refused": storable(refused), "due_at": due_at}
        return self._write(one, RECURRING.c.due_at == one.due_at, **values)

    def pause(self, one: Recurring) -> None:
        """Enqueue nothing until it is resumed."""
        self._write(one, due_at=None)

    def resume(self, one: Recurring, due_at: datetime) -> None:
        """Go on, where it is paused."""
        self._write(one, RECURRING.c.due_at.is_(None), due_at=due_at)

    def remove(self, one: Recurring) -> None:
        """Forget it. The jobs that came of it stay."""
        with self._database.begin() as connection:
            connection.execute(delete(RECURRING).where(RECURRING.c.name == one.name))

    def _write(self, one: Recurring, *still: Any, **values: Any) -> bool:  # noqa: ANN401 - conditions, and columns
        with self._database.begin() as connection:
            change = update(RECURRING).where(RECURRING.c.name == one.name, RECURRING.c.added_at == one.added_at, *still)
            return connection.execute(change.values(values)).rowcount == 1


def _whole(connection: Connection, row: RowMapping) -> Recurring:
    return Recurring(**{**row, "request": sealer_of(connection).open_document(row["request"])})
