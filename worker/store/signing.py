"""The secrets that sign what callers are told: one or two for each caller, sealed. It may not sign, nor show a secret that it was not asked for.

Unlike a token a signing secret must be read again, so it cannot be hashed. While one takes another's place both sign, so that a receiver may change
to the new one at any moment in between.
"""

import base64
import secrets
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, Connection, func, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite

from worker.store.rows import storable
from worker.store.sealing import Sealer
from worker.store.tables import METADATA

SECRET = METADATA.tables["signing_secret"]
_PREFIX = "whsec_"  # Standard Webhooks, "Signature scheme"
_BYTES = 32  # Standard Webhooks asks for 24 to 64


@dataclass(frozen=True, slots=True)
class SigningSecret:
    """A secret that is valid now. `until`: when it stops, because another has taken its place."""

    text: str = field(repr=False)
    made_at: datetime
    until: datetime | None = None


def valid(connection: Connection, sealer: Sealer, caller: str, now: datetime) -> list[SigningSecret]:
    """The caller's secrets that are valid, the newest first; the first is made when it is first asked for."""
    found = _read(connection, sealer, caller, now)
    if not found:
        _make(connection, sealer, caller, now)
        found = _read(connection, sealer, caller, now)
    return found


def rotate(connection: Connection, sealer: Sealer, caller: str, now: datetime, overlap: timedelta) -> list[SigningSecret]:
    """Make a new one; the one before stays valid for `overlap`, and any other stops now. All that are valid then, the newest first."""
    mine = SECRET.c.caller == storable(caller)
    newest = connection.execute(select(func.max(SECRET.c.number)).where(mine)).scalar()
    if newest is not None:
        connection.execute(update(SECRET).where(mine, SECRET.c.number < newest, _is_valid(now)).values(until=now))
        connection.execute(update(SECRET).where(mine, SECRET.c.number == newest).values(until=now + overlap))
    _make(connection, sealer, caller, now, (newest or 0) + 1)
    return _read(connection, sealer, caller, now)


def _read(connection: Connection, sealer: Sealer, caller: str, now: datetime) -> list[SigningSecret]:
    mine = select(SECRET).where(SECRET.c.caller == storable(caller), _is_valid(now)).order_by(SECRET.c.number.desc())
    return [SigningSecret(sealer.open(row.sealed), row.made_at, row.until) for row in connection.execute(mine)]


def _is_valid(now: datetime) -> ColumnElement[bool]:
    return or_(SECRET.c.until.is_(None), SECRET.c.until > now)


def _make(connection: Connection, sealer: Sealer, caller: str, now: datetime, number: int = 1) -> None:
    """Two may make the same one at once: the first wins, and the second finds it there."""
    text = _PREFIX + base64.b64encode(secrets.token_bytes(_BYTES)).decode("ascii")
    upsert = sqlite.insert if connection.dialect.name == "sqlite" else postgresql.insert
    row = {"caller": storable(caller), "number": number, "sealed": sealer.seal(text), "made_at": now}
    connection.execute(upsert(SECRET).values(row).on_conflict_do_nothing())
