"""Destinations that fail: how often in a row, and until when each is left alone. It may not know an address: a destination is a digest."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Connection, delete, select, update
from sqlalchemy.dialects import postgresql, sqlite

from worker.core.deliveries import Breaker, Heard, Patience
from worker.store.database import one_of, portions
from worker.store.tables import METADATA

DESTINATION = METADATA.tables["destination"]


def read(connection: Connection, names: Sequence[str]) -> dict[str, Breaker]:
    """What is known of each of them."""
    known = dict.fromkeys(names, Breaker())
    for part in portions(connection, names):
        named = select(DESTINATION).where(one_of(connection.dialect.name, DESTINATION.c.name, "names"))
        known |= {row.name: Breaker(row.failures, row.shut_until) for row in connection.execute(named, {"names": part})}
    return known


def learn(connection: Connection, name: str, what: Heard, now: datetime, patience: Patience) -> Breaker:
    """Write what one more attempt says of the destination. One that works has no row, and costs no write."""
    found = connection.execute(select(DESTINATION).where(DESTINATION.c.name == name).with_for_update()).first()
    before = Breaker() if found is None else Breaker(found.failures, found.shut_until)
    after = before.after(what, now, patience, name)
    values = {"failures": after.failures, "shut_until": after.shut_until}
    if after == Breaker():
        if found is not None:
            forget(connection, name)
    elif found is None:
        # Two may meet here: the second counts one failure less, which is no matter.
        upsert = sqlite.insert if connection.dialect.name == "sqlite" else postgresql.insert
        connection.execute(upsert(DESTINATION).values(name=name, **values).on_conflict_do_nothing())
    else:
        connection.execute(update(DESTINATION).where(DESTINATION.c.name == name).values(values))
    return after


def forget(connection: Connection, name: str) -> None:
    """Know nothing of it any more: its door is open."""
    connection.execute(delete(DESTINATION).where(DESTINATION.c.name == name))
