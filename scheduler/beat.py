"""The schedule, as a table: what is rung when, and why so often. It may not work: each entry names a task, and any number of beats is harmless."""

from typing import Any

from celery import Celery
from celery.signals import beat_init

from worker.app import READ_VOICES, SWEEP
from worker.settings import Settings


def schedule(settings: Settings) -> dict[str, dict[str, Any]]:
    """Celery's `beat_schedule`. `expires`: a tick that was not worked on by the next is worth nothing; without it they pile up in an outage."""
    sweep, voices = settings.sweep_interval.total_seconds(), settings.voices_refresh.total_seconds()
    return {
        # What is due is rung for. The price of a lost message is one of these.
        "sweep": {"task": SWEEP, "schedule": sweep, "options": {"expires": sweep}},
        # Tavus adds and removes stock voices; a request with an unknown one is refused before anything is stored.
        "voices": {"task": READ_VOICES, "schedule": voices, "options": {"expires": voices}},
    }


def add_schedule(app: Celery, settings: Settings) -> None:
    """Give the app its schedule, and have the voices read once when beat starts, not first after the interval."""
    app.conf.beat_schedule = schedule(settings)
    # Beat sleeps at most this long: its default of 5 minutes is no shorter than some entries. Celery, Configuration, beat_max_loop_interval.
    app.conf.beat_max_loop_interval = max(settings.sweep_interval.total_seconds(), 0.05)

    def _read_voices_now(**_signal: Any) -> None:  # noqa: ANN401 - whatever Celery sends along
        app.send_task(READ_VOICES, expires=settings.voices_refresh.total_seconds())

    beat_init.connect(_read_voices_now, weak=False)
