"""Opens the parts for one command, and closes them. It may not start a server: it uses the database and the broker that are there."""

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager

from scheduler.stack.broker import running_broker
from worker import logs
from worker.app import make_app
from worker.assembly import Parts, assemble
from worker.settings import environment, read_settings


@contextmanager
def opened() -> Iterator[Parts]:
    """The parts, with the broker of a `replicas run` on the same home where no REDIS_URL is set. Raises SettingsError."""
    logs.configure(logging.WARNING)
    settings = read_settings()
    if "REDIS_URL" not in environment() and (url := running_broker(settings.home)):
        os.environ["REDIS_URL"] = url
        settings = read_settings()
    parts = assemble(settings, make_app(settings))
    try:
        yield parts
    finally:
        parts.close()
