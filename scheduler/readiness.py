"""Whether the system works: database, migrations, broker, a canary that came back lately, workers that hear. It may not wait for who does not answer.

Each part is asked by a thread of its own that the answer does not wait for: one that hangs is not ready, and is not asked again before it is back.
"""

import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future, wait
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

import structlog
from celery import Celery

from scheduler.canary import last_canary, patience, patience_with_workers
from worker.assembly import Parts
from worker.durations import show_duration
from worker.redaction import redacted
from worker.store.database import UNREACHABLE
from worker.store.migrate import revisions
from worker.store.signs import FORGOTTEN, Sign

WITHIN = 1.0
"""Seconds that a part has for its answer."""
log = structlog.get_logger("readiness")
_FRESH = 1.0  # seconds for which an answer is believed: however many ask, a part is asked once a second


class Part(StrEnum):
    """What must work."""

    DATABASE = "database"
    MIGRATIONS = "migrations"
    BROKER = "broker"
    CANARY = "canary"
    WORKERS = "workers"


@dataclass(frozen=True, slots=True)
class Trouble:
    """Why a part is not ready, and what to do about it. `reason`: whoever answered so, in his own words; not for anybody who asks."""

    why: str
    do: str
    reason: str = ""


class Readiness:
    """One a process, used from any number of threads."""

    def __init__(self, parts: Parts) -> None:
        """Asks nobody yet."""
        self._parts = parts
        self._checks: Mapping[Part, Callable[[], Trouble | None]] = {
            Part.DATABASE: self._database,
            Part.MIGRATIONS: self._migrations,
            # Where workers need no broker, none need be there.
            Part.BROKER: lambda: None if parts.settings.brokerless else broker_trouble(parts.app),
            Part.CANARY: self._canary,
            Part.WORKERS: self._workers,
        }
        self._asked: dict[Part, Future[Trouble | None]] = {}
        self._lock, self._known, self._until = threading.Lock(), dict[Part, Trouble | None](), 0.0

    def look(self) -> dict[Part, Trouble | None]:
        """Every part, with what is wrong with it; None: nothing. Takes little more than `WITHIN`."""
        with self._lock:
            if time.monotonic() >= self._until:
                before, self._known = self._known, self._ask()
                _tell_the_log(before, self._known)
                self._until = time.monotonic() + _FRESH
            return dict(self._known)

    def _ask(self) -> dict[Part, Trouble | None]:
        for part, check in self._checks.items():
            if part not in self._asked:
                self._asked[part] = _started(check)
        wait(self._asked.values(), WITHIN)
        found: dict[Part, Trouble | None] = {}
        for part, asked in list(self._asked.items()):
            if asked.done():
                del self._asked[part]
                found[part] = asked.result()
            else:
                found[part] = Trouble(f"the {part} did not answer within {WITHIN:g} s", _DO[part])
        return found

    def _database(self) -> Trouble | None:
        return _unless_away(Part.DATABASE, self._parts.ledger.gauges.ping)

    def _migrations(self) -> Trouble | None:
        return _unless_away(Part.MIGRATIONS, lambda: _unmigrated(self._parts.ledger.gauges.revision()))

    def _canary(self) -> Trouble | None:
        return None if self._parts.settings.brokerless else _unless_away(Part.CANARY, lambda: canary_trouble(self._parts))

    def _workers(self) -> Trouble | None:
        return _unless_away(Part.WORKERS, lambda: workers_trouble(self._parts))


def _tell_the_log(before: Mapping[Part, Trouble | None], now: Mapping[Part, Trouble | None]) -> None:
    for part, trouble in now.items():
        if trouble is not None and before.get(part) is None:
            log.warning("a part is not ready", part=part.value, why=trouble.why, reason=trouble.reason)
        elif trouble is None and before.get(part) is not None:
            log.info("a part is ready again", part=part.value)


def _started(check: Callable[[], Trouble | None]) -> Future[Trouble | None]:
    """The check, at work in a thread that no end of the process waits for."""
    asked: Future[Trouble | None] = Future()

    def run() -> None:
        try:
            asked.set_result(check())
        except Exception as error:  # noqa: BLE001 - whoever waits for it raises it
            asked.set_exception(error)

    threading.Thread(target=run, name="readiness", daemon=True).start()
    return asked


_DO: Mapping[Part, str] = {
    Part.DATABASE: "Look whether it runs and can be reached from here, and at DATABASE_URL.",
    Part.MIGRATIONS: "Run `replicas migrate`.",
    Part.BROKER: "Look whether it runs and can be reached from here, and at REDIS_URL. Jobs are safe in the ledger meanwhile.",
    Part.CANARY: "Look whether a worker and beat run; restart a worker that runs and takes nothing. Jobs are safe in the ledger meanwhile.",
    Part.WORKERS: "`replicas doctor` names them. Restart one that runs and takes nothing; one that was killed, and has no successor of its name, "
    f"is forgotten after {show_duration(FORGOTTEN)}. The others do its work meanwhile.",
}


def broker_trouble(app: Celery) -> Trouble | None:
    """What is wrong with the broker, asked over a connection of its own: one that was there before may be half open."""
    try:
        with app.connection_for_write() as connection:
            connection.connect()
            _ = connection.default_channel  # Redis' is asked only when this is opened
    except Exception as error:  # noqa: BLE001 - whatever a transport's library raises: it says the same
        return Trouble("the broker does not answer", _DO[Part.BROKER], redacted(f"{type(error).__name__}: {error}"))
    return None


def canary_trouble(parts: Parts) -> Trouble | None:
    """What is wrong with the workers. Raises one of UNREACHABLE."""
    last, most = last_canary(parts), patience(parts)
    if last is None:
        return Trouble("no worker has ever taken a canary of beat", _DO[Part.CANARY])
    ago = parts.engine.clock() - last
    if ago <= most:
        return None
    return Trouble(
        f"no worker has taken a canary of beat for {show_duration(ago)}; at most {show_duration(most)} is usual", _DO[Part.CANARY]
    )


def workers_trouble(parts: Parts) -> Trouble | None:
    """Which workers hear nothing of the broker, though others may: a canary is taken by any one of them. Raises one of UNREACHABLE."""
    now, most = parts.engine.clock(), patience_with_workers(parts)
    signs = parts.ledger.signs.read(now)
    deaf = [sign for sign in signs if now - sign.heard_at > most]
    if parts.settings.brokerless and len(deaf) == len(signs):
        return Trouble("no worker gives a sign of life", "Start one. Jobs are safe in the ledger meanwhile.")
    if not deaf:
        return None
    why = f"{len(deaf)} of {len(signs)} workers heard nothing of the broker for more than {show_duration(most)}"
    return Trouble(why, _DO[Part.WORKERS], "; ".join(_about(sign, now, most) for sign in deaf))


def _about(sign: Sign, now: datetime, most: timedelta) -> str:
    if now - sign.at > most:
        return f"{sign.worker} gave no sign of life for {show_duration(now - sign.at)}: it stands still, or was killed"
    return f"{sign.worker} runs and has heard nothing for {show_duration(now - sign.heard_at)}"


def _unmigrated(revision: str | None) -> Trouble | None:
    """A revision that this code does not know is that of newer code: what it added is in nobody's way."""
    newest, known = revisions()[0], revisions()
    if revision == newest or (revision is not None and revision not in known):
        return None
    return Trouble(f"the database is at revision {revision or 'none'}, and this version needs {newest}", _DO[Part.MIGRATIONS])


def _unless_away(part: Part, check: Callable[[], Trouble | None]) -> Trouble | None:
    try:
        return check()
    except UNREACHABLE as error:
        reason = str(getattr(error, "orig", None) or type(error).__name__).strip().partition("\n")[0]
        return Trouble("the database does not answer", _DO[part], redacted(reason))
