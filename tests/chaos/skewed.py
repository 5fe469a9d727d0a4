"""The worker's app on a host whose clock is off: `celery --app tests.chaos.skewed worker`. It may change nothing else of the app.

CLOCK_OFF says by how many seconds, ahead or (negative) behind. Off are the engine's clock and those of Celery that are compared with other hosts':
when a message expires, and when one counts as forgotten by its worker. Durations are measured on another clock, which no time server sets.
"""

import os
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Self

import celery.worker.request
import kombu.transport.redis
from typing_extensions import override  # typing's own from Python 3.12 on

from scheduler.celery import wire
from worker.assembly import Parts, PerProcess
from worker.settings import read_settings
from worker.store.clock import Clock, LedgerClock

VARIABLE = "CLOCK_OFF"


def skewed(clock: Clock, off: timedelta) -> Clock:
    """That clock, so far off."""
    return lambda: clock() + off


def with_clock_off(parts: Parts, off: timedelta) -> Parts:
    """The same parts on a host whose clock is off; everybody who asks for the time asks the engine."""
    clock = parts.engine.clock
    if not isinstance(clock, LedgerClock):
        raise TypeError(clock)
    clock.own = skewed(clock.own, off)
    return parts


def unsettle(parts: PerProcess[Parts], off: timedelta) -> None:
    """Have each process make parts whose clock is off."""
    make = parts._make
    parts._make = lambda: with_clock_off(make(), off)


def unsettle_celery(off: timedelta) -> None:
    """The same for Celery's own clocks."""

    class _Skewed(datetime):
        @classmethod
        @override
        def now(cls, tz: tzinfo | None = None) -> Self:
            return cls.fromtimestamp((datetime.now(UTC) + off).timestamp(), tz)

    true_time = kombu.transport.redis.time  # type: ignore[attr-defined] # what it imported, and asks
    celery.worker.request.datetime = _Skewed
    kombu.transport.redis.time = lambda: true_time() + off.total_seconds()  # type: ignore[attr-defined] # the same


if VARIABLE in os.environ:  # who imports this to look at it has a clock that is right
    app, _parts = wire(read_settings())
    _off = timedelta(seconds=float(os.environ[VARIABLE]))
    unsettle(_parts, _off)
    unsettle_celery(_off)
