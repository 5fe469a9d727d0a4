"""What `celery --app scheduler` finds: the app with every task and the schedule. Nobody may import it but the processes of the Procfile."""

from worker import loading  # isort: split

import sys

from celery import Celery

from scheduler.auditing import add_auditing
from scheduler.beat import add_schedule
from scheduler.canary import add_canary
from scheduler.keeping import add_keeping
from scheduler.learn import add_learning
from scheduler.producers import add_producers
from scheduler.recurring import add_recurring
from scheduler.silence import add_silence
from scheduler.sweep import add_sweep
from scheduler.wishes import add_wishes
from worker.app import make_app
from worker.assembly import Parts, PerProcess, reporting
from worker.settings import Settings, SettingsError, read_settings
from worker.tasks import add_tasks
from worker.watched import watch

loading.is_over_for_good()


def wire(settings: Settings) -> tuple[Celery, PerProcess[Parts]]:
    """The app with all tasks, and the parts that they work with."""
    wired = make_app(settings)
    parts = PerProcess(lambda: reporting(settings, wired))
    add_tasks(wired, parts)
    add_producers(wired, parts)
    add_wishes(wired, parts)
    add_sweep(wired, parts)
    add_learning(wired, parts)
    add_canary(wired, parts)
    add_recurring(wired, parts)
    add_auditing(wired, parts)
    add_keeping(wired, parts)
    watch(wired, parts)
    add_schedule(wired, settings)
    add_silence(wired, parts, settings)
    return wired, parts


try:
    app, _ = wire(read_settings())
except SettingsError as wrong:
    sys.exit(f"replicas: {wrong}")
