"""What all processes have counted, added up in the ledger. It may not know what a series means.

Here, and not in Redis or in files of a host: it holds for every host and every kind of broker, outlives an emptied Redis, and proves on the way that
whoever counts reaches the ledger. A process adds what it counted every few seconds, in one transaction, and never while it works on a job.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, bindparam, func, select
from sqlalchemy.dialects import postgresql, sqlite

from worker.store.columns import Moment
from worker.store.tables import METADATA

TALLY = METADATA.tables["tally"]


@dataclass(frozen=True, slots=True)
class Tally:
    """How far a series has grown, and when it last grew."""

    value: float
    at: datetime


def add(connection: Connection, grown: Mapping[str, float], now: datetime) -> None:
    """Add to each series. By name, as everybody does: two that add to the same in another order would wait for each other."""
    rows = [{"series": name, "value": grown[name], "at": now} for name in sorted(grown)]
    if rows:
        connection.execute(_STATEMENTS[connection.dialect.name], rows)


def read(connection: Connection) -> dict[str, Tally]:
    """Every series. They are some hundreds, however many jobs there are."""
    return {row.series: Tally(row.value, row.at) for row in connection.execute(select(TALLY))}


def last(connection: Connection, series: str) -> datetime | None:
    """When this one last grew."""
    found: datetime | None = connection.execute(select(TALLY.c.at).where(TALLY.c.series == series)).scalar()
    return found


def _statement(dialect: str) -> Any:  # noqa: ANN401 - either database's own INSERT
    insert = sqlite.insert if dialect == "sqlite" else postgresql.insert
    new = insert(TALLY).values(series=bindparam("series"), value=bindparam("value"), at=bindparam("at", type_=Moment))
    # Whose clock is behind, or who comes late, does not make it look as if nothing had grown since.
    latest = func.max(TALLY.c.at, new.excluded.at) if dialect == "sqlite" else func.greatest(TALLY.c.at, new.excluded.at)
    return new.on_conflict_do_update(index_elements=["series"], set_={"value": TALLY.c.value + new.excluded.value, "at": latest})


_STATEMENTS = {dialect: _statement(dialect) for dialect in ("sqlite", "postgresql")}
