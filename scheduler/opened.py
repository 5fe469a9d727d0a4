"""Opens the parts for one command, and closes them. It may not start a server or make a ledger: it uses what is there."""

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from scheduler.stack.broker import running_broker
from scheduler.stack.sandbox import settings_under
from worker import logs
from worker.app import make_app
from worker.assembly import Parts, assemble
from worker.settings import Settings, environment, read_settings
from worker.store.migrate import LedgerUnusableError

NOBODY = "memory://"
"""A broker that nobody listens to, when none is known: better than a stranger's Redis on the usual port. The sweep of the next stack rings."""


@contextmanager
def opened() -> Iterator[Parts]:
    """The parts, on the database and the broker of the `replicas run` on this home. Raises SettingsError and LedgerUnusableError."""
    logs.configure(logging.WARNING)
    settings = settings_here()
    file = settings.home.resolve() / "ledger.db"
    if not settings.database_url and not file.exists():
        raise LedgerUnusableError(
            f"there is no ledger in {file.parent}. Start `replicas run`, or name its home in REPLICAS_HOME (the demonstration's is var/demo)."
        )
    parts = assemble(settings, make_app(settings))
    try:
        yield parts
    finally:
        parts.close()


def settings_here() -> Settings:
    """The settings of a command: those of the `replicas run` on this home. Raises SettingsError."""
    home = Path(environment().get("REPLICAS_HOME", "var"))
    os.environ.update(settings_under(home))  # they win: a key of the real Tavus is not for replicas of the sandbox
    settings = read_settings()
    if "REDIS_URL" in environment():
        return settings
    return settings.model_copy(update={"redis_url": running_broker(settings.home) or NOBODY})
