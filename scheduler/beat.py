"""The schedule, as a table: what is rung when, and why so often. It may not work: each entry names a task, and any number of beats is harmless."""

import time
from typing import Any

from celery import Celery
from celery.beat import Scheduler
from celery.signals import beat_init

from scheduler import auditing, keeping, recurring
from scheduler.canary import send_canary
from worker.app import AUDIT, CANARY, LEARN, READ_VOICES, RECUR, RETAIN, SWEEP, TIDY
from worker.settings import Settings

# Without an end ticks pile up while no worker is there. But beat says when, by its host's clock, and the worker looks on his own: one that is ahead
# by more would throw every tick away, and without a sweep nothing moves. Some hundred sweeps that find nothing cost a second.
_EXPIRES = 15 * 60.0
RECURRING = 30.0
"""Seconds: a cron expression counts minutes."""
ROUNDS = 60.0
"""How often daily work is rung for. Whether the day's is done, and by whom, says the ledger: so it is done however often beat is started, and once
however many beats there are. What is not due costs one question; what takes long is done in portions, one at each of these."""


_SET_BACK = 1.0
"""Seconds by which a clock is set back, and not only brought into step."""


class Punctual(Scheduler):  # type: ignore[misc] # Celery has no types
    """Celery's scheduler, which sleeps until something is due, whatever becomes of the host's clock.

    Its own wakes 10 ms sooner, and runs in a circle until then.
    """

    _ahead: float | None = None
    """The wall clock less the one that never goes back, as it was at the last tick: seconds."""

    def tick(self) -> float:
        """See `celery.beat.Scheduler`, which waits for moments of the wall clock: set back an hour, it would ring for nothing for an hour."""
        ahead = self.app.now().timestamp() - time.monotonic()
        if self._ahead is not None and ahead < self._ahead - _SET_BACK:
            for entry in self.schedule.values():
                entry.last_run_at = entry.default_now()
            self._heap = None
        self._ahead = ahead
        return float(super().tick())

    def adjust(self, n: float, drift: float = 0.0) -> float:
        """See `celery.beat.Scheduler`."""
        return n + drift


def schedule(settings: Settings) -> dict[str, dict[str, Any]]:
    """Celery's `beat_schedule`."""
    sweep, voices = settings.sweep_interval.total_seconds(), settings.voices_refresh.total_seconds()
    learn, canary = settings.learn_interval.total_seconds(), settings.canary_interval.total_seconds()
    return {
        # What is due is rung for. The price of a lost message is one of these.
        "sweep": {"task": SWEEP, "schedule": sweep, "options": {"expires": max(sweep, _EXPIRES)}},
        # Tavus adds and removes stock voices; a request with an unknown one is refused before anything is stored.
        "voices": {"task": READ_VOICES, "schedule": voices, "options": {"expires": max(voices, _EXPIRES)}},
        # The poll plan follows what trainings take now: some finished ones more, and it fits better.
        "learn": {"task": LEARN, "schedule": learn, "options": {"expires": max(learn, _EXPIRES)}},
        # Jobs that recur are enqueued within a minute of their time.
        recurring.NAME: {"task": RECUR, "schedule": RECURRING, "options": {"expires": _EXPIRES}},
        **{name: {"task": task, "schedule": ROUNDS, "options": {"expires": _EXPIRES}} for name, task in rounds(settings).items()},
        # When the last one came back says whether workers take messages: some sit connected and deaf after their broker was away.
        "canary": {"task": CANARY, "schedule": canary, "options": {"expires": max(canary, _EXPIRES)}},
    }


def rounds(settings: Settings) -> dict[str, str]:
    """The tasks of daily work, by name: an audit, what is of no more use deleted, and, where that is set, what must not be kept erased."""
    daily = {auditing.NAME: AUDIT, keeping.TIDYING: TIDY}
    return daily if settings.retention is None else daily | {keeping.RETENTION: RETAIN}


def add_schedule(app: Celery, settings: Settings) -> None:
    """Give the app its schedule, and have the voices read once when beat starts, not first after the interval."""
    app.conf.beat_schedule = schedule(settings)
    # Beat sleeps at most this long: its default of 5 minutes is no shorter than some entries. Celery, Configuration, beat_max_loop_interval.
    app.conf.beat_max_loop_interval = max(settings.sweep_interval.total_seconds(), 0.05)

    def _read_voices_now(**_signal: Any) -> None:  # noqa: ANN401 - whatever Celery sends along
        app.send_task(READ_VOICES, expires=max(settings.voices_refresh.total_seconds(), _EXPIRES))

    beat_init.connect(_read_voices_now, weak=False)
    beat_init.connect(lambda **_signal: send_canary(app), weak=False)
