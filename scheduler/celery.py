"""What `celery --app scheduler` finds: the app with every task and the schedule. Nobody may import it but the processes of the Procfile."""

import sys

from celery import Celery

from scheduler.beat import add_schedule
from scheduler.learn import add_learning
from scheduler.producers import add_producers
from scheduler.sweep import add_sweep
from worker.app import make_app
from worker.assembly import Parts, PerProcess, assemble
from worker.settings import Settings, SettingsError, read_settings
from worker.tasks import add_tasks


def wire(settings: Settings) -> tuple[Celery, PerProcess[Parts]]:
    """The app with all tasks, and the parts that they work with."""
    wired = make_app(settings)
    parts = PerProcess(lambda: assemble(settings, wired))
    add_tasks(wired, parts)
    add_producers(wired, parts)
    add_sweep(wired, parts)
    add_learning(wired, parts)
    add_schedule(wired, settings)
    return wired, parts


try:
    app, _ = wire(read_settings())
except SettingsError as wrong:
    sys.exit(f"replicas: {wrong}")
