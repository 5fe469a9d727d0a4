"""Rounds: work that is done now and then, by one worker at a time, in portions, and noted in the ledger. It may not know what a round is about.

Any number of beats may ring for a round at any moment: the ledger says whether it is due, and one conditional update who does it. Whoever dies over a
portion leaves it to others after a lease, and it goes on where the portion before it ended.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Engine, RowMapping, select, update
from sqlalchemy.dialects import postgresql, sqlite

from worker.store.database import glancing
from worker.store.tables import METADATA

ROUND = METADATA.tables["round"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Round:
    """A round as the ledger has it: `begun_at`, `place` and `found` of the one that is under way, `ended_at` and `outcome` of the last before it.

    Whoever has claimed it holds it until `due_at`.
    """

    name: str
    due_at: datetime | None
    begun_at: datetime | None
    place: str | None
    found: Mapping[str, int] = field(default_factory=dict)
    ended_at: datetime | None = None
    outcome: Mapping[str, int] | None = None


class Rounds:
    """All of them. Thread-safe."""

    def __init__(self, database: Engine) -> None:
        """Use an engine of `open_database`."""
        self._database, self._glancer = database, glancing(database)

    def every(self) -> dict[str, Round]:
        """Those that were ever begun or noted, by name."""
        with self._glancer.connect() as connection:
            return {row["name"]: _round(row) for row in connection.execute(select(ROUND)).mappings()}

    def claim(self, name: str, now: datetime, lease: timedelta) -> Round | None:
        """Take the next portion of the round for a lease. None: it is not due, or somebody else has it; that costs one question."""
        if (known := self._read(name)) is not None and (known.due_at is None or known.due_at > now):
            return None
        with self._database.begin() as connection:
            connection.execute(_insert(connection).values(name=name, due_at=now).on_conflict_do_nothing())
            due = (ROUND.c.name == name, ROUND.c.due_at <= now)
            if connection.execute(update(ROUND).where(*due).values(due_at=now + lease)).rowcount != 1:
                return None
            [row] = connection.execute(select(ROUND).where(ROUND.c.name == name)).mappings()
            if row["begun_at"] is None:
                connection.execute(update(ROUND).where(ROUND.c.name == name).values(begun_at=now))
            return _round({**row, "begun_at": row["begun_at"] or now})

    def leave(self, held: Round, place: str, found: Mapping[str, int], now: datetime) -> bool:
        """Leave it due, for another portion from that place on. False: somebody else has taken it since, and nothing was written."""
        return self._write(held, due_at=now, place=place, found=dict(found))

    def end(self, held: Round, found: Mapping[str, int], now: datetime, due_at: datetime) -> bool:
        """It came to its end, and is due again then. False: somebody else has taken it since, and nothing was written."""
        return self._write(held, due_at=due_at, begun_at=None, place=None, found=None, ended_at=now, outcome=dict(found))

    def note(self, name: str, now: datetime) -> None:
        """Note that work which nobody need claim was done."""
        with self._database.begin() as connection:
            done = _insert(connection).values(name=name, ended_at=now)
            connection.execute(done.on_conflict_do_update(index_elements=["name"], set_={"ended_at": done.excluded.ended_at}))

    def _read(self, name: str) -> Round | None:
        with self._glancer.connect() as connection:
            row = connection.execute(select(ROUND).where(ROUND.c.name == name)).mappings().first()
        return None if row is None else _round(row)

    def _write(self, held: Round, **values: Any) -> bool:  # noqa: ANN401 - columns
        mine = (ROUND.c.name == held.name, ROUND.c.due_at == held.due_at)
        with self._database.begin() as connection:
            return connection.execute(update(ROUND).where(*mine).values(values)).rowcount == 1


def _round(row: RowMapping | Mapping[str, Any]) -> Round:
    return Round(**{**row, "found": row["found"] or {}})


def _insert(connection: Connection) -> Any:  # noqa: ANN401 - either database's own INSERT
    return (sqlite.insert if connection.dialect.name == "sqlite" else postgresql.insert)(ROUND)
