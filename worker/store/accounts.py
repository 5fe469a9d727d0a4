"""What is known of Tavus accounts: whether their line is stopped, their owner's terms, and which voices they have. It may not hold a key."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, String, bindparam, delete, func, insert, select, update
from sqlalchemy.dialects import postgresql, sqlite

from worker.core.effects import StopAccount
from worker.core.failures import Failure
from worker.core.job import Terms
from worker.store.rows import terms_columns, terms_from
from worker.store.tables import METADATA

ACCOUNT, VOICE = METADATA.tables["account"], METADATA.tables["voice"]

# Said at every step of every job, so built once: to build one takes longer than the database takes to answer it.
_EVERY = select(ACCOUNT)
_ONE = select(ACCOUNT).where(ACCOUNT.c.name == bindparam("account", type_=String))
_STOPPED = (
    select(ACCOUNT.c.name, ACCOUNT.c.stopped_for, ACCOUNT.c.stopped_at, ACCOUNT.c.deaf)
    .where(ACCOUNT.c.stopped_at.is_not(None))
    .order_by(ACCOUNT.c.name)
)


@dataclass(frozen=True, slots=True)
class Stop:
    """Why and since when nothing is paid for on an account. `deaf`: nothing is even asked, for its key is not accepted."""

    account: str
    failure: Failure
    at: datetime
    deaf: bool = False


def stop(connection: Connection, order: StopAccount, now: datetime) -> None:
    """Stop the account's line; a stop that is already there keeps its first reason, but hears no less."""
    _ensure(connection, order.account)
    free = update(ACCOUNT).where(ACCOUNT.c.name == order.account, ACCOUNT.c.stopped_at.is_(None))
    connection.execute(free.values(stopped_at=now, stopped_for=order.failure.value, deaf=order.deaf))
    if order.deaf:
        connection.execute(update(ACCOUNT).where(ACCOUNT.c.name == order.account).values(deaf=True))


def resume(connection: Connection, account: str) -> None:
    """Let the account's line go on."""
    connection.execute(update(ACCOUNT).where(ACCOUNT.c.name == account).values(stopped_at=None, stopped_for=None, deaf=False))


@dataclass(frozen=True, slots=True)
class Known:
    """The terms of all accounts, which are few."""

    terms: Mapping[str, Terms]

    def terms_of(self, account: str) -> Terms:
        """The account's terms; who never set any has the defaults."""
        return self.terms.get(account) or Terms()


def known(connection: Connection) -> Known:
    """See `Known`."""
    return Known({row["name"]: terms_from(dict(row)) for row in connection.execute(_EVERY).mappings().all()})


def terms_of(connection: Connection, account: str) -> Terms:
    """The terms of one account, among however many."""
    row = connection.execute(_ONE, {"account": account}).mappings().first()
    return Terms() if row is None else terms_from(dict(row))


def stops(connection: Connection) -> list[Stop]:
    """Every stopped account."""
    return [Stop(name, Failure(reason), at, deaf) for name, reason, at, deaf in connection.execute(_STOPPED)]


def set_terms(connection: Connection, account: str, terms: Terms) -> None:
    """Set the account's terms."""
    _ensure(connection, account)
    connection.execute(update(ACCOUNT).where(ACCOUNT.c.name == account).values(terms_columns(terms)))


def keep_voices(connection: Connection, account: str, names: Iterable[str], now: datetime) -> None:
    """Replace what is known of the account's voices."""
    _ensure(connection, account)
    # Two that read the voices at once must not both delete the old and then both insert the new: this row makes the second wait for the first.
    connection.execute(update(ACCOUNT).where(ACCOUNT.c.name == account).values(voices_read_at=now))
    connection.execute(delete(VOICE).where(VOICE.c.account == account))
    known = [{"account": account, "name": name} for name in sorted({name.lower() for name in names})]
    if known:
        connection.execute(insert(VOICE), known)


def voices(connection: Connection, account: str) -> frozenset[str]:
    """The account's stock voices in lower case; empty when they are not known."""
    return frozenset(connection.execute(select(VOICE.c.name).where(VOICE.c.account == account)).scalars())


def voices_read_at(connection: Connection) -> datetime | None:
    """When the voices of any account were last read; None: never."""
    found: datetime | None = connection.execute(select(func.max(ACCOUNT.c.voices_read_at))).scalar_one()
    return found


def _ensure(connection: Connection, account: str) -> None:
    # Two processes may meet here: the second waits for the first and then finds the name there.
    upsert = sqlite.insert if connection.dialect.name == "sqlite" else postgresql.insert
    connection.execute(upsert(ACCOUNT).values(name=account, deaf=False).on_conflict_do_nothing())
