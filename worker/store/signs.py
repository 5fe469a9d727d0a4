"""Signs of life of workers: each says every few seconds for how long it has heard nothing of its broker. It may not judge whether that is too long.

They stand among the tallies, under names that no series has, and so need no table of their own; `/metrics` leaves out what it does not know, for no
label holds a host's name there.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Engine, bindparam, delete, select
from sqlalchemy.dialects import postgresql, sqlite

from worker.store.columns import Moment
from worker.store.database import glancing, lasting
from worker.store.tallies import TALLY

FORGOTTEN = timedelta(minutes=15)
"""After which a worker without a sign is no longer expected: it was killed, and another came in its place under another name."""
_PREFIX = "worker:"
_OF_WORKERS = TALLY.c.series.startswith(_PREFIX, autoescape=True)


@dataclass(frozen=True, slots=True)
class Sign:
    """What a worker said last: when, and for how long it had heard nothing by then."""

    worker: str
    at: datetime
    silence: timedelta

    @property
    def heard_at(self) -> datetime:
        """When it last heard its broker, as far as anybody knows."""
        return self.at - self.silence


class Signs:
    """One a process, on the ledger's own database. Thread-safe."""

    def __init__(self, database: Engine) -> None:
        self._database, self._lasting, self._glancer = database, lasting(database), glancing(database)

    def leave(self, sign: Sign) -> None:
        """Instead of the worker's last one. Those of workers that are long gone go along."""
        given = {"series": f"{_PREFIX}{sign.worker}", "value": sign.silence.total_seconds(), "at": sign.at}
        with self._lasting.begin() as connection:
            connection.execute(_LEAVE[connection.dialect.name], given)
            connection.execute(_FORGET, {"before": sign.at - FORGOTTEN})

    def withdraw(self, worker: str) -> None:
        """It has ended in an orderly way: nobody is to wait for it."""
        with self._database.begin() as connection:
            connection.execute(delete(TALLY).where(TALLY.c.series == f"{_PREFIX}{worker}"))

    def read(self, now: datetime) -> list[Sign]:
        """That of every worker that is expected, by name."""
        wanted = select(TALLY).where(_OF_WORKERS, TALLY.c.at >= now - FORGOTTEN).order_by(TALLY.c.series)
        with self._glancer.connect() as connection:
            found = connection.execute(wanted).all()
        return [Sign(row.series.removeprefix(_PREFIX), row.at, timedelta(seconds=row.value)) for row in found]


def _statement(insert: "type[sqlite.Insert | postgresql.Insert]") -> "sqlite.Insert | postgresql.Insert":
    new = insert(TALLY).values(series=bindparam("series"), value=bindparam("value"), at=bindparam("at", type_=Moment))
    return new.on_conflict_do_update(index_elements=["series"], set_={"value": new.excluded.value, "at": new.excluded.at})


_FORGET = delete(TALLY).where(_OF_WORKERS, TALLY.c.at < bindparam("before", type_=Moment))
_LEAVE = {"sqlite": _statement(sqlite.Insert), "postgresql": _statement(postgresql.Insert)}
