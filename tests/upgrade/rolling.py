"""A running system whose processes are of two versions: those of the previous release beside ours, on one ledger. It judges nothing."""

import os
import signal
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from unittest.mock import patch

from alembic import command
from sqlalchemy import text
from typing_extensions import override

from tests.acceptance.cases import Case
from tests.acceptance.stack import ACCOUNTS, Stack
from tests.sandbox.rules import Rules
from tests.sandbox.server import Sandbox
from tests.upgrade import previous
from worker.app import make_app
from worker.assembly import Parts, assemble
from worker.settings import read_settings
from worker.store.database import open_database
from worker.store.jobs import Ledger
from worker.store.migrate import alembic_config, prepare

_HOUR = timedelta(hours=1)
# A training ends when the test says so, for it takes an hour of a clock that stands nearly still. Until then it is late, and looked at often.
OLD, NEW = "old-worker", "worker-1"
"""What workers of the two versions write to."""
_YEARS = timedelta(days=3650)
_RULES = Rules(typical=_HOUR, refund_delay=timedelta(seconds=1), absent_timeout=_YEARS, max_call=_YEARS)
_SETTINGS = {
    "REPLICAS_TRAINING_SOFT_DEADLINE": "6s",
    "REPLICAS_TRAINING_DEADLINE": "30m",
    "REPLICAS_THREADS": "4",
    "REPLICAS_SWEEP_INTERVAL": "0.5s",
}


class Rolling(Stack):
    """Processes of `start` are ours, those of `start_old` of the previous release. The ledger is of the previous schema until `migrate`."""

    def __init__(self, folder: Path, old_code: Path, database_url: str | None = None) -> None:
        super().__init__(folder, database_url, _SETTINGS)
        self.tavus = Sandbox(_RULES, keys={key: {} for key in ACCOUNTS.values()})
        self._old_code = old_code

    @override
    def _prepare(self) -> None:
        database = open_database(self._database_url, 1)
        command.upgrade(alembic_config(database), previous.head())  # as the previous release has it, to the byte: see test_previous
        database.dispose()
        self.ledger = Ledger(open_database(self._database_url, 2))
        self._looker = open_database(self._database_url, 1)

    @property
    def old_environment(self) -> Mapping[str, str]:
        """What a process of the previous release is started with: its own code, and the libraries of ours."""
        return {**self.environment, "PYTHONPATH": str(self._old_code)}

    def migrate(self) -> None:
        """As `replicas migrate` does it."""
        prepare(self._database_url)

    def start_old(self) -> subprocess.Popen[bytes]:
        """Start a worker of the previous release by its line of the Procfile, which has not changed since, and a beat that is forked off it.

        A beat that is started by itself imports all of it once more, which is most of what this costs.
        """
        line = f"{self._lines['worker']} --beat --scheduler scheduler.beat:Punctual --hostname old@%h"
        return self._processes.start(OLD, line, self.old_environment, self._folder)

    def end(self, process: subprocess.Popen[bytes]) -> None:
        """As whoever deploys does it: what is at work is finished first."""
        os.killpg(process.pid, signal.SIGTERM)
        self.wait_until(lambda: process.poll() is not None, "the process ends in its own time")
        self.kill(process)  # what it leaves in its group

    def states(self) -> dict[str, str]:
        """Every job's state by its key, on a ledger of any schema."""
        with self._looker.connect() as connection:
            return {row.idempotency_key: row.state for row in connection.execute(text("SELECT idempotency_key, state FROM job"))}

    def ask_for(self, *cases: Case) -> None:
        """By message: whichever worker comes first takes it in."""
        self.send(case.document(self.tavus.origin) for case in cases)
        self.wait_until(lambda: {case.key for case in cases} <= set(self.states()), "the jobs are recorded")

    def wait_for(self, state: str, *cases: Case) -> None:
        """Wait until they are all in it."""
        self.wait_until(lambda: all(self.states().get(case.key) == state for case in cases), f"{[case.key for case in cases]} are {state}")

    def pass_time(self) -> None:
        """What trains now has ended."""
        self.tavus.advance(2 * _HOUR)

    def submitted_by(self, log: str) -> int:
        """How many submissions the workers that write to this log have sent."""
        return (self._folder / f"{log}.log").read_text(errors="replace").count(" goes out as ")

    @contextmanager
    def parts(self) -> Iterator[Parts]:
        """Our own code, in this process, as a process of this system has it."""
        with patch.dict(os.environ, self.environment, clear=True):
            settings = read_settings()
        parts = assemble(settings, make_app(settings))
        try:
            yield parts
        finally:
            parts.close()
