"""The canary: a task that goes all the way from beat through the broker and a worker into the ledger. It may not do any work on the way.

Where it leaves its mark: in the ledger, and not in Redis. It is to prove that a worker does what work needs, which is to write there; the mark stays
when Redis is emptied; and it is there with every kind of broker. Workers that sit connected and deaf (celery#8030, celery#8091) show by its age.
"""

from collections.abc import Callable
from datetime import datetime, timedelta

from celery import Celery

from worker.app import CANARY
from worker.assembly import Parts
from worker.counted import CANARIES
from worker.posts import NO_BROKER

_MISSED = 3  # canaries in a row: one may wait behind long tasks, or be lost with its broker
# A worker without work hears from its broker every five seconds at the latest, and says so three times between two canaries.
_AT_LEAST = timedelta(seconds=10)
_LIFE = 15 * 60.0  # seconds in which it must be taken: a worker whose clock is ahead by less takes it all the same


def send_canary(app: Celery) -> bool:
    """Send one. Whether the broker took it."""
    try:
        app.send_task(CANARY, expires=_LIFE)
    except NO_BROKER:
        return False
    return True


def last_canary(parts: Parts) -> datetime | None:
    """When a worker last took one, by the ledger's clock; None: never. Raises one of UNREACHABLE."""
    return parts.ledger.gauges.last(CANARIES)


def patience(parts: Parts) -> timedelta:
    """How long ago the last may have been taken: by default no deaf worker goes unseen for a minute."""
    return _MISSED * parts.settings.canary_interval


def patience_with_workers(parts: Parts) -> timedelta:
    """For how long a worker may hear nothing of its broker, or give no sign of life."""
    return max(patience(parts), _AT_LEAST)


def add_canary(app: Celery, parts: Callable[[], Parts]) -> None:
    """Register the task that beat sends; `parts` gives those of the process that runs it."""

    @app.task(name=CANARY, shared=False)
    def scheduler_canary() -> None:
        """Leave a mark: this worker takes messages, and reaches the ledger."""
        here = parts()
        here.ledger.add_tallies({CANARIES: 1.0}, here.engine.clock())
