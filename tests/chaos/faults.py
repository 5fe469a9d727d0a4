"""Every kind of fault, as a table: whom it strikes, how long it lasts, and how it begins and ends. It may not choose: `plan` does."""

import signal
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import timedelta
from functools import partial

from tests.chaos import disk
from tests.chaos.ground import CLOCK_OFF, LEASE, Ground

Act = Callable[[Ground, str], None]
WORKERS = ("worker-0", "worker-1", "worker-2")
BEATS = ("beat-0", "beat-1")
_SHORT, _STARTING = (0.2, 1.5), (0.5, 2.5)
_ASLEEP = (LEASE.total_seconds() + 1, LEASE.total_seconds() + 3)
_OFF_FOR = (5, 10)  # of which the start takes three
_FIVE_MINUTES = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind. `on`: whom it may strike, one fault at a time each. `lasts`: least and most seconds from `begin` to `end`."""

    name: str
    on: tuple[str, ...]
    weight: int
    lasts: tuple[float, float]
    begin: Act
    end: Act
    only: str | None = None
    """The one ledger that knows it."""


def kinds(ledger: str) -> list[Kind]:
    """All that can go wrong with this ledger."""
    return [kind for kind in _ALL if kind.only in {None, ledger}]


def _nothing(_ground: Ground, _name: str) -> None:
    """It was over at once."""


def _kill(ground: Ground, name: str) -> None:
    ground.end(name)


def _begin(ground: Ground, name: str) -> None:
    ground.begin(name)


def _begin_off(off: timedelta, ground: Ground, name: str) -> None:
    ground.end(name)
    ground.begin(name, off=off)


def _begin_right(ground: Ground, name: str) -> None:
    ground.end(name)
    ground.begin(name)


def _start_broker(ground: Ground, _name: str, *, empty: bool) -> None:
    ground.start_broker(empty=empty)


def _kill_database(ground: Ground, _name: str) -> None:
    if ground.database is not None:
        ground.database.kill()


def _start_database(ground: Ground, _name: str) -> None:
    if ground.database is not None:
        ground.database.start()


def _flush(ground: Ground, _name: str) -> None:
    ground.flush_broker()


def _stop(ground: Ground, name: str) -> None:
    ground.signal(name, signal.SIGSTOP)


def _go_on(ground: Ground, name: str) -> None:
    ground.signal(name, signal.SIGCONT)


def _line(what: str, ground: Ground, name: str) -> None:
    line = ground.lines[name.removeprefix("line to ")]
    {"cut": line.cut, "refuses": line.refuse, "hangs": line.hang, "is slow": lambda: line.slow(0.2), "heals": line.heal}[what]()


def _lines() -> Iterable[Kind]:
    weights = {"tavus": 5, "broker": 3, "database": 3}
    for far, weight in weights.items():
        name, only = f"line to {far}", "postgresql" if far == "database" else None
        heal = partial(_line, "heals")
        yield Kind(f"{name} cut", (name,), weight, (0, 0), partial(_line, "cut"), _nothing, only)
        yield Kind(f"{name} refuses", (name,), weight, _STARTING, partial(_line, "refuses"), heal, only)
        yield Kind(f"{name} hangs", (name,), weight, (1, LEASE.total_seconds() + 1), partial(_line, "hangs"), heal, only)
        yield Kind(f"{name} is slow", (name,), weight, (1, 4), partial(_line, "is slow"), heal, only)


# A clock that is off is a host's: over SQLite all processes are on one host, and have one clock.
_ALL = [
    Kind("worker killed", WORKERS, 12, _SHORT, _kill, _begin),
    Kind("worker asleep for more than a lease", WORKERS, 5, _ASLEEP, _stop, _go_on),
    Kind("beat killed", BEATS, 5, _SHORT, _kill, _begin),
    Kind("web killed", ("web",), 4, _SHORT, _kill, _begin),
    Kind("broker killed, back on its file", ("broker",), 4, _STARTING, _kill, partial(_start_broker, empty=False)),
    Kind("broker killed, back empty", ("broker",), 3, _STARTING, _kill, partial(_start_broker, empty=True)),
    Kind("FLUSHALL", ("broker",), 8, (0, 0), _flush, _nothing),
    Kind("database killed", ("database",), 6, _SHORT, _kill_database, _start_database, "postgresql"),
    Kind("disk full", ("disk",), 5, (1, 4), disk.fill, disk.free, "sqlite"),
    Kind("a worker's clock ahead", WORKERS, 2, _OFF_FOR, partial(_begin_off, CLOCK_OFF), _begin_right, "postgresql"),
    Kind("a worker's clock behind", WORKERS, 2, _OFF_FOR, partial(_begin_off, -CLOCK_OFF), _begin_right, "postgresql"),
    Kind("a worker's clock 5 min ahead", WORKERS, 1, _OFF_FOR, partial(_begin_off, _FIVE_MINUTES), _begin_right, "postgresql"),
    Kind("a worker's clock 5 min behind", WORKERS, 1, _OFF_FOR, partial(_begin_off, -_FIVE_MINUTES), _begin_right, "postgresql"),
    *_lines(),
]
