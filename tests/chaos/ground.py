"""The running system whose every part can be killed and whose every line can be cut. It judges nothing, and decides no fault."""

import asyncio
import os
import shutil
import signal
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Mapping
from contextlib import ExitStack, suppress
from datetime import timedelta
from pathlib import Path
from typing import Self

from celery import Celery
from typing_extensions import override  # typing's own from Python 3.12 on

from scheduler.stack.ports import free_port
from tests.acceptance.stack import ACCOUNTS, SCALED, TRAINING, Stack
from tests.chaos import skewed
from tests.chaos.database import Database
from tests.chaos.proxy import Proxy
from tests.sandbox.rules import Rules
from tests.sandbox.server import Sandbox
from worker.core.job import Job
from worker.durations import parse_duration
from worker.store.database import UNREACHABLE

LEASE = parse_duration(SCALED["REPLICAS_LEASE"])
SETTLE = timedelta(seconds=10)
"""Longer than anything here is under way: a line hangs for a lease and a second at most."""
CLOCK_OFF = timedelta(minutes=5) / timedelta(seconds=90) * LEASE
"""What five minutes are to a lease of 90 seconds."""
REFUND_DELAY = timedelta(seconds=2)
# A training has the deadline of a real one, beside a lease: no fault lasts as long.
_CHAOS = {
    "REPLICAS_SETTLE_TIME": f"{SETTLE.total_seconds():g}s",
    "REPLICAS_REFUND_HOLD": "15s",
    "REPLICAS_REFUND_CONFIRM": "3s",
    "REPLICAS_CLEAN_UP_FAILED": "true",
    "REPLICAS_TRAINING_DEADLINE": "30m",
    "REPLICAS_MISSING_CONFIRM": "30s",
    "REPLICAS_SWEEP_INTERVAL": "0.5s",
    "REPLICAS_THREADS": "8",
    "REPLICAS_SECRET": "a secret of the chaos",
}
WORKERS, _BEATS = 3, 2
_PATIENCE_SECONDS = 60.0
_LOOK_SECONDS = 0.1
_FRESH_SECONDS = 0.5


class Ground(Stack):
    """Three workers, two beats and a web process over one broker, one ledger and one Tavus, with a proxy before each of these."""

    def __init__(self, folder: Path, ledger: str, seed: int, workers: int = WORKERS, settings: Mapping[str, str] | None = None) -> None:
        """`ledger`: `sqlite` or `postgresql`. `workers`: how many are started at once. `settings`: on top of those of all chaos."""
        super().__init__(folder)
        self._settings = settings or {}
        self.kind, self.folder, self._workers = ledger, folder, workers
        rules = Rules(
            typical=TRAINING, refund_delay=REFUND_DELAY, seed=seed, callback_loss=0.3, callback_double=0.1,
            callback_delay=timedelta(seconds=0.2), absent_timeout=timedelta(hours=1),
        )  # fmt: skip
        self.tavus = Sandbox(rules, keys={key: {} for key in ACCOUNTS.values()})
        self.port = free_port()
        self.lines: dict[str, Proxy] = {}
        self.running: dict[str, subprocess.Popen[bytes]] = {}
        self.database: Database | None = None
        self.fallen: Counter[str] = Counter()
        self._known: dict[str, Job] = {}
        self._looked_at = 0.0
        self._looking = threading.Lock()

    @override
    def __enter__(self) -> Self:
        """Start everything, and return when the workers take messages."""
        with ExitStack() as opening:
            opening.enter_context(self._processes)
            opening.enter_context(self.tavus)
            if self.kind == "postgresql":
                self.database = Database(self._processes)
                opening.callback(self.database.remove)
                self._database_url = self.database.start().url
                self.lines["database"] = opening.enter_context(Proxy(self.database.socket))
            self.lines["broker"] = opening.enter_context(Proxy(self._broker.socket))
            host, _, port = self.tavus.origin.removeprefix("http://").partition(":")
            self.lines["tavus"] = opening.enter_context(Proxy((host, int(port))))
            self.app = Celery("another-service", broker=self.environment["REDIS_URL"], set_as_current=False)
            self.app.conf.update(
                broker_transport_options={"socket_timeout": 5, "socket_connect_timeout": 3},
                # As our own app has it: both share kombu's pools, which so keep their size.
                broker_pool_limit=int(_CHAOS["REPLICAS_THREADS"]) + 1,
            )
            opening.callback(self.app.close)
            self._prepare()
            opening.callback(self.ledger.close)
            self.start_broker()
            for name in self.names:
                self.begin(name)
            self.wait_for_workers(self._workers)
            self._open = opening.pop_all()
        return self

    @property
    def names(self) -> list[str]:
        """Every process that may be killed, beside broker and database."""
        return [*(f"worker-{number}" for number in range(self._workers)), *(f"beat-{number}" for number in range(_BEATS)), "web"]

    @property
    def origin(self) -> str:
        """Where the pictures are: behind the line to Tavus."""
        return f"http://127.0.0.1:{self.lines['tavus'].port}"

    @property
    def api(self) -> str:
        """The API's base URL."""
        return f"http://127.0.0.1:{self.port}"

    @property
    @override
    def environment(self) -> Mapping[str, str]:
        """What every process of it is started with: nobody gets past a proxy."""
        database = self._database_url
        if "database" in self.lines:
            database = f"postgresql://postgres@127.0.0.1:{self.lines['database'].port}/postgres"
        return {
            **super().environment, **_CHAOS, "DATABASE_URL": database, "REDIS_URL": f"redis://127.0.0.1:{self.lines['broker'].port}/0",
            "TAVUS_PUBLIC_API_BASE_URL": f"{self.origin}/v2", "REPLICAS_PORT": str(self.port), "REPLICAS_PUBLIC_URL": self.api,
            **self._settings,
        }  # fmt: skip

    def begin(self, name: str, *, off: timedelta | None = None) -> None:
        """Start a process of `names`; `off`: on a host whose clock is off."""
        role, _, number = name.partition("-")
        line, environment = self._lines[role], dict(self.environment)
        if off is not None:
            line = line.replace("--app scheduler", f"--app {skewed.__name__}")
            environment[skewed.VARIABLE] = str(off.total_seconds())
        if role == "worker":
            line += f" --hostname worker{number}@%h"
        self.running[name] = self._processes.start(name, line, environment, self._folder)

    def end(self, name: str) -> None:
        """`kill -9`, to whatever runs there."""
        self._processes.kill(self.running.pop(name))

    def signal(self, name: str, number: signal.Signals) -> None:
        """Send a signal to the process and its children."""
        with suppress(ProcessLookupError):
            os.killpg(self.running[name].pid, number)

    def start_broker(self, *, empty: bool = False) -> None:
        """Start the broker on what it kept, or on nothing."""
        if empty:
            shutil.rmtree(self._broker.folder / "appendonlydir", ignore_errors=True)
        program = self._broker.program
        self.running["broker"] = self._processes.start(program.name, program.command, super().environment, self._folder)
        until = time.monotonic() + _PATIENCE_SECONDS
        while not asyncio.run(self._broker.answers()):
            assert time.monotonic() < until, "the broker does not come back"
            time.sleep(_LOOK_SECONDS)

    @override
    def jobs(self) -> dict[str, Job]:
        """Every job by its idempotency key, as lately seen: many ask, and to read them all is work that the system could do meanwhile."""
        with self._looking:
            if time.monotonic() - self._looked_at > _FRESH_SECONDS:
                with suppress(*UNREACHABLE):
                    self._known = super().jobs()
                self._looked_at = time.monotonic()
            return self._known

    def raise_the_dead(self) -> list[str]:
        """Start again what ended by itself, as a supervisor does; the names. A process that a fault has killed is not there to be started."""
        dead = [name for name in self.names if name in self.running and self.running[name].poll() is not None]
        for name in dead:
            self.fallen[name.partition("-")[0]] += 1
            self.end(name)
            self.begin(name)
        return dead
