"""Notifications in the ledger: written with the move that they tell of, claimed by destination, taken, and settled. It may not send any.

A destination has one line: one message is out for it at a time, so that one that hangs costs one worker's thread, and the others nothing.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, NewType
from urllib.parse import urlsplit

from sqlalchemy import Connection, func, insert, literal_column, select, update

from worker.core.deliveries import Heard, Patience
from worker.core.effects import Effect, TellCaller
from worker.core.job import Job, JobId
from worker.redaction import redacted
from worker.store import destinations
from worker.store.database import one_of, portions
from worker.store.notification_tables import OUT
from worker.store.rows import storable
from worker.store.sealing import Sealer, sealer_of
from worker.store.tables import METADATA

NOTIFICATION = METADATA.tables["notification"]
TELL = insert(NOTIFICATION)
"""How `row_of` is written where a decision is several statements."""

NotificationId = NewType("NotificationId", str)
"""What receivers see as `webhook-id`: the same for every attempt, and another for every move of a job."""


class Status(StrEnum):
    """Where a notification is."""

    WAITING = "waiting"  # for its time
    RUNG = "rung"  # a message is out for it
    SENDING = "sending"  # a worker has it
    DELIVERED = "delivered"
    GONE = "gone"  # the caller wants no more of it (410)
    DEAD = "dead"  # given up: only a person sends it again


@dataclass(frozen=True, slots=True)
class Claimed:
    """What one claim came to: those to be sent, of each destination some, and those for which there is no time left."""

    batches: list[list[NotificationId]]
    given_up: list[NotificationId]


_OVER = {Heard.ACCEPTED: Status.DELIVERED, Heard.GONE: Status.GONE}


@dataclass(frozen=True, slots=True, kw_only=True)
class Notification:
    """One thing that a caller is told, as the ledger has it."""

    id: NotificationId
    job_id: JobId
    caller: str
    destination: str
    kind: str
    at: datetime
    status: Status
    version: int
    tries: int
    due_at: datetime | None
    since: datetime
    answer: str | None
    answered_at: datetime | None
    about: Mapping[str, Any]


def row_of(job: Job, effects: Sequence[Effect], now: datetime) -> dict[str, Any] | None:
    """The row of what a decision says to tell, with the job as the decision leaves it. None: it says nothing, as nearly all do.

    Raises ValueError for a decision that says two things: they would have one id.
    """
    orders = [one for one in effects if isinstance(one, TellCaller)] if effects else []
    if not orders:
        return None
    [order] = orders
    return _row(job, order, now)


def _row(job: Job, order: TellCaller, now: datetime) -> dict[str, Any]:
    return {
        "id": f"msg_{job.id}_{job.version}", "job_id": job.id, "caller": job.caller, "kind": order.kind, "at": now, "about": _shown(order.about),
        "destination": destination_of(job.caller, job.request.notify_url or ""), "status": Status.WAITING.value, "version": 0, "tries": 0,
        "due_at": now, "since": now,
    }  # fmt: skip


def _shown(value: Any) -> Any:  # noqa: ANN401 - JSON
    """The same, as it may leave this house: others' words are in it, and no address in them keeps its query."""
    match value:
        case str():
            return redacted(value)
        case Mapping():
            return {key: _shown(held) for key, held in value.items()}
        case list() | tuple():
            return [_shown(held) for held in value]
        case _:
            return value


def destination_of(caller: str, address: str) -> str:
    """What stands and falls together: a caller's notifications to one host. A digest, for addresses are told to nobody but their host."""
    try:
        parts = urlsplit(address)
        whom = f"{parts.scheme}://{parts.hostname}:{parts.port}"
    except ValueError:
        whom = address
    return hashlib.sha256(f"{caller}\n{whom}".encode("utf-8", "surrogatepass")).hexdigest()[:32]


def claim(connection: Connection, now: datetime, lease: timedelta, lines: int, batch: int, patience: Patience) -> Claimed:
    """Claim what is due, some of each destination and the longest due first, for as many destinations as `lines` has room for.

    A destination that is shut is put off until it opens; one that is in doubt gets a single one, to see. Safe for any number of callers at once: two
    that meet may both claim of a destination, and nothing twice.
    """
    earliest = func.min(NOTIFICATION.c.due_at)
    waiting = connection.execute(
        select(NOTIFICATION.c.destination).where(NOTIFICATION.c.due_at <= now).group_by(NOTIFICATION.c.destination).order_by(earliest)
    )
    names = _in_turn(list(waiting.scalars()), now)
    breakers = destinations.read(connection, names)
    out = set(connection.execute(select(NOTIFICATION.c.destination).where(literal_column(OUT), NOTIFICATION.c.due_at > now)).scalars())
    claimed, given_up = list[list[NotificationId]](), list[NotificationId]()
    for name in names:
        breaker = breakers[name]
        if breaker.shut_until is not None and breaker.is_shut(now):
            given_up += _put_off(connection, name, now, breaker.shut_until, patience)
        elif name not in out and len(out) < lines:
            out.add(name)
            claimed.append(_claim(connection, name, now, lease, batch, doubted=breaker.is_doubted(patience)))
    return Claimed([ids for ids in claimed if ids], given_up)


def _in_turn(names: list[str], now: datetime) -> list[str]:
    """Beginning with another each time: where there is room for few, a long backlog does not keep the others out."""
    first = int(now.timestamp() * 1000) % len(names) if names else 0
    return [*names[first:], *names[:first]]


def _claim(connection: Connection, name: str, now: datetime, lease: timedelta, limit: int, *, doubted: bool) -> list[NotificationId]:
    """The longest due first; of a destination in doubt the one that was tried least, for its server may fail at another one alone."""
    due = select(NOTIFICATION.c.id).where(NOTIFICATION.c.destination == name, NOTIFICATION.c.due_at <= now)
    ordered = (
        due.order_by(NOTIFICATION.c.tries, NOTIFICATION.c.due_at).limit(1) if doubted else due.order_by(NOTIFICATION.c.due_at).limit(limit)
    )
    ids = [NotificationId(one) for one in connection.execute(ordered.with_for_update(skip_locked=True)).scalars()]
    _write(connection, ids, status=Status.RUNG.value, due_at=now + lease)
    return ids


def _put_off(connection: Connection, name: str, now: datetime, shut_until: datetime, patience: Patience) -> list[NotificationId]:
    """Wait for the destination to open again. What has no time left for that is given up, and told."""
    due = select(NOTIFICATION.c.id, NOTIFICATION.c.since).where(NOTIFICATION.c.destination == name, NOTIFICATION.c.due_at <= now)
    found = connection.execute(due.with_for_update(skip_locked=True)).all()
    over = [NotificationId(row.id) for row in found if row.since + patience.whole <= now]
    later = [row.id for row in found if row.since + patience.whole > now]
    _write(connection, over, status=Status.DEAD.value, due_at=None)
    _write(connection, later, status=Status.WAITING.value, due_at=shut_until)
    return over


def give_back(connection: Connection, ids: Sequence[NotificationId], now: datetime) -> None:
    """Give claims back that nobody took: they are due at once."""
    for part in portions(connection, ids):
        named = one_of(connection.dialect.name, NOTIFICATION.c.id, "ids")
        change = update(NOTIFICATION).where(named, NOTIFICATION.c.status == Status.RUNG.value)
        connection.execute(change.values(status=Status.WAITING.value, due_at=now), {"ids": part})


def take(connection: Connection, one: NotificationId, now: datetime, lease: timedelta) -> Notification | None:
    """Take it, fenced from whoever had it before. None: it is over, or somebody else has it."""
    row = connection.execute(select(NOTIFICATION).where(NOTIFICATION.c.id == one).with_for_update()).mappings().first()
    if row is None or row["due_at"] is None or not (row["status"] == Status.RUNG.value or row["due_at"] <= now):
        return None
    taken = dict(row) | {"status": Status.SENDING.value, "version": row["version"] + 1, "tries": row["tries"] + 1, "due_at": now + lease}
    changed = {name: taken[name] for name in ("status", "version", "tries", "due_at")}
    connection.execute(update(NOTIFICATION).where(NOTIFICATION.c.id == one).values(changed))
    return notification_from(taken, sealer_of(connection))


def settle(connection: Connection, taken: Notification, what: Heard, answer: str, now: datetime, patience: Patience) -> Status | None:
    """Write what an attempt came to; where it leaves the notification. None: somebody else has had it since, and knows better."""
    again = None if what in _OVER else patience.next_try(taken.tries, now, taken.since + patience.whole, taken.id)
    status = _OVER.get(what) or (Status.DEAD if again is None else Status.WAITING)
    mine = (NOTIFICATION.c.id == taken.id, NOTIFICATION.c.version == taken.version)
    change = update(NOTIFICATION).where(*mine).values(status=status.value, due_at=again, answer=storable(answer), answered_at=now)
    return status if connection.execute(change).rowcount == 1 else None


def send_again(connection: Connection, ids: Sequence[NotificationId], now: datetime) -> list[NotificationId]:
    """Make them due at once, with all patience anew and their destinations' doors open; those that exist."""
    found: list[tuple[str, str]] = []
    for part in portions(connection, ids):
        known = select(NOTIFICATION.c.id, NOTIFICATION.c.destination).order_by(NOTIFICATION.c.id).with_for_update()
        found += [(row.id, row.destination) for row in connection.execute(known.where(NOTIFICATION.c.id.in_(part)))]
    again = [NotificationId(one) for one, _ in found]
    version = NOTIFICATION.c.version + 1
    _write(connection, again, status=Status.WAITING.value, due_at=now, since=now, tries=0, version=version)
    for name in sorted({name for _, name in found}):
        destinations.forget(connection, name)
    return again


def recent(
    connection: Connection, limit: int, *, status: Status | None = None, job_id: str | None = None, caller: str | None = None
) -> list[Notification]:
    """The newest, newest first."""
    wanted = select(NOTIFICATION).order_by(NOTIFICATION.c.at.desc(), NOTIFICATION.c.id.desc()).limit(limit)
    for column, value in (("status", status and status.value), ("job_id", job_id), ("caller", caller)):
        if value is not None:
            wanted = wanted.where(NOTIFICATION.c[column] == storable(value))
    return [notification_from(dict(row), sealer_of(connection)) for row in connection.execute(wanted).mappings()]


def find(connection: Connection, one: NotificationId) -> Notification | None:
    """The notification; None: there is none."""
    row = connection.execute(select(NOTIFICATION).where(NOTIFICATION.c.id == one)).mappings().first()
    return None if row is None else notification_from(dict(row), sealer_of(connection))


def notification_from(row: Mapping[str, Any], sealer: Sealer) -> Notification:
    """The notification of a row."""
    return Notification(**{**row, "status": Status(row["status"]), "about": sealer.open_document(row["about"])})


def _write(connection: Connection, ids: Sequence[str], **values: Any) -> None:  # noqa: ANN401 - columns, or expressions for them
    for part in portions(connection, ids):
        named = one_of(connection.dialect.name, NOTIFICATION.c.id, "ids")
        connection.execute(update(NOTIFICATION).where(named).values(values), {"ids": part})
