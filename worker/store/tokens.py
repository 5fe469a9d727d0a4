"""The tokens that callers of the API have: whose each is, and what it lets its caller do. It may not hold a token itself, only what tells it apart.

A token is 256 random bits, so its plain SHA-256 cannot be turned back, and whoever reads the ledger can call as nobody.
"""

import hmac
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import Connection, Engine, Row, Select, and_, insert, or_, select, update

from worker.store.database import glancing
from worker.store.tables import METADATA

TOKEN = METADATA.tables["token"]
_FOUND = select(TOKEN)


class Scope(StrEnum):
    """What a token is for. ENQUEUE: make jobs, and decide about one's own; READ: look at them; OPERATE: what concerns accounts, and held jobs."""

    ENQUEUE = "enqueue"
    READ = "read"
    OPERATE = "operate"


_SCOPES = {scope.value: scope for scope in Scope}


@dataclass(frozen=True, slots=True)
class Token:
    """A caller's token. `requests_a_minute`: its own limit, where it has one. `last_used_at` is behind by some minutes."""

    id: str
    caller: str
    scopes: frozenset[Scope]
    created_at: datetime
    expires_at: datetime | None = None
    revoked_at: datetime | None = None
    last_used_at: datetime | None = None
    requests_a_minute: int | None = None

    def holds(self, now: datetime) -> bool:
        """Whether it lets anybody in."""
        return self.revoked_at is None and (self.expires_at is None or now < self.expires_at)


class Tokens:
    """All of them. Thread-safe."""

    def __init__(self, database: Engine) -> None:
        """Use an engine of `open_database`."""
        self._database, self._glancer = database, glancing(database)

    def keep(self, token: Token, digest: str) -> None:
        """Keep a new token under the digest that tells it from any other."""
        columns = asdict(token) | {"scopes": ",".join(sorted(token.scopes)), "digest": digest}
        with self._database.begin() as connection:
            connection.execute(insert(TOKEN), columns)

    def find(self, digest: str) -> Token | None:
        """The token of that digest, whether it still holds or not."""
        with self._glancer.connect() as connection:
            row = connection.execute(_FOUND.where(TOKEN.c.digest == digest)).one_or_none()
        return _token(row) if row is not None and hmac.compare_digest(row.digest, digest) else None

    def every(self) -> list[Token]:
        """All tokens, in the order in which they were made; those that were revoked too."""
        with self._glancer.connect() as connection:
            return _all(connection, _FOUND)

    def one_holds(self, now: datetime) -> bool:
        """Whether there is any that lets somebody in."""
        unending = or_(TOKEN.c.expires_at.is_(None), TOKEN.c.expires_at > now)
        with self._glancer.connect() as connection:
            return connection.execute(select(TOKEN.c.id).where(and_(TOKEN.c.revoked_at.is_(None), unending)).limit(1)).first() is not None

    def revoke(self, name: str, now: datetime) -> list[Token]:
        """Revoke the token of that id, or all of the caller of that name, for ever; those that were not revoked before."""
        meant = and_(or_(TOKEN.c.id == name, TOKEN.c.caller == name), TOKEN.c.revoked_at.is_(None))
        with self._database.begin() as connection:
            revoked = _all(connection, _FOUND.where(meant))
            connection.execute(update(TOKEN).where(meant).values(revoked_at=now))
        return [replace(one, revoked_at=now) for one in revoked]

    def used(self, token_id: str, now: datetime) -> None:
        """Note that it was used now."""
        with self._database.begin() as connection:
            connection.execute(update(TOKEN).where(TOKEN.c.id == token_id).values(last_used_at=now))


def _all(connection: Connection, wanted: Select[Any]) -> list[Token]:
    return [_token(row) for row in connection.execute(wanted.order_by(TOKEN.c.created_at, TOKEN.c.id))]


def _token(row: Row[Any]) -> Token:
    # A scope that this version does not know allows nothing here.
    scopes = frozenset(_SCOPES[word] for word in row.scopes.split(",") if word in _SCOPES)
    return Token(
        id=row.id, caller=row.caller, scopes=scopes, created_at=row.created_at, expires_at=row.expires_at,
        revoked_at=row.revoked_at, last_used_at=row.last_used_at, requests_a_minute=row.requests_a_minute,
    )  # fmt: skip
