"""What every measured system stands on: a fresh database, a fresh broker, a fresh Tavus. It may not favour one of them."""

import os
import subprocess
import sysconfig
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Self

import psycopg

from tests.acceptance.processes import Processes
from tests.benchmarks.meter import cpu_seconds
from tests.benchmarks.options import say
from tests.benchmarks.vendor import Vendor
from tests.broker import Broker
from tests.postgres import Postgres

PROJECT = Path(__file__).parents[2]
_FOREIGN = ("REPLICAS_", "FLOWER_", "TAVUS_", "REDIS_", "DATABASE_", "NAIVE_", "PEER_", "DBOS_")
_LOOK_SECONDS = 0.5
_COMMAND_SECONDS = 60.0
_TAIL = 4000  # characters of the log that an error quotes


class Ground:
    """Runs for as long as a `with` lasts. Everything that is started on it ends with it."""

    def __init__(self, postgres: Postgres, vendor: Vendor, *vendor_options: str) -> None:
        """One server of PostgreSQL serves many grounds, each with a database of its own."""
        self.vendor, self._vendor_options, self._postgres = vendor, vendor_options, postgres
        self.folder = Path(tempfile.mkdtemp(prefix="bench-"))
        self.processes = Processes(self.folder)
        self.broker = Broker()
        self.database_url = ""
        self.started: dict[str, subprocess.Popen[bytes]] = {}
        self._open = ExitStack()

    def __enter__(self) -> Self:
        """Start it all."""
        with ExitStack() as opening:
            opening.enter_context(self.processes)
            self.broker.start()
            opening.callback(self.broker.stop)
            self.database_url = self._postgres.fresh()
            opening.callback(self._postgres.drop, self.database_url)
            self.vendor.start(self.processes, self.folder, *self._vendor_options)
            opening.callback(self.vendor.close)
            self._open = opening.pop_all()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """End it all; what the processes wrote stays where it is when something went wrong."""
        for process in self.started.values():
            self.processes.kill(process)
        self._open.close()

    def run(self, name: str, command: str, environment: Mapping[str, str]) -> subprocess.Popen[bytes]:
        """Start a process of the system that is measured, by a shell line."""
        process = self.processes.start(name, command, _with_path(environment), self.folder)
        self.started[name] = process
        return process

    def command(self, words: Sequence[str], environment: Mapping[str, str]) -> bool:
        """Run a command to its end. Whether it went well; what it said otherwise is shown."""
        ran = subprocess.run(
            words, env=_with_path(environment), cwd=self.folder, capture_output=True, text=True, timeout=_COMMAND_SECONDS, check=False
        )
        if ran.returncode:
            say(f"{' '.join(words)}: {ran.stderr[-_TAIL:]}")
        return ran.returncode == 0

    def output(self, words: Sequence[str], environment: Mapping[str, str], seconds: float) -> str:
        """Run a command to its end, however it ends; what it printed. Raises RuntimeError with what it complained of where it printed nothing."""
        ran = subprocess.run(
            words, env=_with_path(environment), cwd=self.folder, capture_output=True, text=True, timeout=seconds, check=False
        )
        if not ran.stdout:
            raise RuntimeError(f"{' '.join(words)}: {ran.stderr[-_TAIL:]}")
        return ran.stdout

    def kill(self, name: str) -> None:
        """`kill -9`, to the process and its children."""
        self.processes.kill(self.started.pop(name))

    def said(self) -> str:
        """All that any process wrote."""
        return self.processes.said()

    def wait_until(self, holds: Callable[[], object], what: str, seconds: float) -> bool:
        """Wait for it. Whether it came; who does not come at all is told what was said last."""
        until = time.monotonic() + seconds
        while not holds():
            if time.monotonic() > until:
                return False
            for name, process in self.started.items():
                if process.poll() is not None:
                    raise RuntimeError(f"{name} has ended while {what} was waited for:\n{self.said()[-_TAIL:]}")
            time.sleep(_LOOK_SECONDS)
        return True

    def wait_for_words(self, words: str, count: int = 1, seconds: float = 90.0) -> None:
        """Wait until the processes have said so often."""
        if not self.wait_until(lambda: self.said().count(words) >= count, words, seconds):
            raise TimeoutError(f"{words!r} was never said:\n{self.said()[-_TAIL:]}")

    def spent(self) -> dict[str, float]:
        """Seconds of processor time so far: of the system's own processes, together and each, and of what it stands on."""
        vendor = [] if self.vendor.process is None else [self.vendor.process.pid]
        parts = {name: cpu_seconds([process.pid]) for name, process in self.started.items()}
        return (parts if len(parts) > 1 else {}) | {
            "system": cpu_seconds(process.pid for process in self.started.values()),
            "PostgreSQL": cpu_seconds([self._postmaster()]),
            "Valkey": cpu_seconds([self.broker.process_id]),
            "sandbox": cpu_seconds(vendor),
        }

    def rows(self, query: str) -> list[tuple[object, ...]]:
        """Ask the database, for those who look."""
        with psycopg.connect(self.database_url) as connection:
            return connection.execute(query.encode()).fetchall()

    def _postmaster(self) -> int:
        return int(self._postgres._server.get_pid())


def _with_path(environment: Mapping[str, str]) -> dict[str, str]:
    """The environment of this process without anybody's settings, with those that are given."""
    inherited = {name: text for name, text in os.environ.items() if not name.startswith(_FOREIGN)}
    path = os.pathsep.join([sysconfig.get_path("scripts"), os.environ.get("PATH", os.defpath)])
    # Two heaps of glibc's, as wherever this is deployed.
    usual = {"PYTHONUNBUFFERED": "1", "MALLOC_ARENA_MAX": "2"}
    return {**inherited, "PATH": path, **usual, "PYTHONPATH": str(PROJECT), **environment}
