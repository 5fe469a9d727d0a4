"""One running system: a broker, a Tavus, a ledger, and as many workers and beats as a test asks for. It judges nothing."""

import asyncio
import os
import platform
import subprocess
import sysconfig
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from celery import Celery
from kombu.connection import Connection

from scheduler.stack.broker import Embedded
from scheduler.stack.procfile import read_procfile
from tests.acceptance.processes import Processes
from tests.sandbox.rules import Rules
from tests.sandbox.server import Sandbox
from worker.core.job import Job
from worker.store.database import open_database
from worker.store.jobs import Ledger
from worker.store.migrate import prepare

ACCOUNTS = {"default": "key-of-default", "north": "key-of-north", "south": "key-of-south"}
TRAINING = timedelta(seconds=3)
_REFUND_DELAY = timedelta(seconds=1)
_MANY = 10_000
_PATIENCE_SECONDS = 90.0  # a noisy host; the longest wait here takes a third of it otherwise
_LOOK_SECONDS = 0.05
_TAIL = 4000  # characters of the log that an error quotes
_PROJECT = Path(__file__).parents[2]
_READY = f"@{platform.node()} ready."
_OURS = ("REPLICAS_", "FLOWER_", "TAVUS_", "REDIS_", "DATABASE_")
# Three seconds stand for three and a half hours. The rungs of the ladder keep their order, and their distance, for calls do not get faster.
SCALED = {
    "REPLICAS_TRAINING_TYPICAL": f"{TRAINING.total_seconds()}s",
    "REPLICAS_TRAINING_DEADLINE": "20s",
    "REPLICAS_SWEEP_INTERVAL": "0.25s",
    "REPLICAS_HTTP_TIMEOUT": "3s",
    "REPLICAS_TASK_LIMIT": "4s",
    "REPLICAS_LEASE": "5s",
    "REPLICAS_VISIBILITY_TIMEOUT": "6s",
    "REPLICAS_SETTLE_TIME": "4s",
    "REPLICAS_RETRY_BASE": "0.5s",
    "REPLICAS_RETRY_CAP": "2s",
    "REPLICAS_PAID_RETRY_DELAY": "1s",
    "REPLICAS_MISSING_CONFIRM": "3s",
    "REPLICAS_PACE_WINDOW": "1s",
    "REPLICAS_ALLOW_HTTP": "true",
    "REPLICAS_ALLOW_PRIVATE_ADDRESSES": "true",
}


class Stack:
    """Runs for as long as a `with` lasts: `with Stack(folder) as stack: stack.start("worker"); stack.start("beat")`."""

    def __init__(self, folder: Path, database_url: str | None = None, more: Mapping[str, str] | None = None) -> None:
        """`database_url`: an empty database; None for SQLite in `folder`. `more`: settings on top."""
        self._folder, self._broker, self._more = folder, Embedded.under(folder), more or {}
        self._database_url = database_url or f"sqlite:///{folder / 'ledger.db'}"
        self._processes = Processes(folder, self._broker.leftovers)
        self._lines = read_procfile(_PROJECT / "Procfile")
        self._started = 0
        self._open = ExitStack()
        self.tavus = Sandbox(Rules(typical=TRAINING, refund_delay=_REFUND_DELAY), keys={key: {} for key in ACCOUNTS.values()})
        self.app = Celery("another-service", broker=self._broker.url, set_as_current=False)

    def __enter__(self) -> Self:
        """Start the ground: broker, Tavus, ledger."""
        with ExitStack() as opening:
            opening.enter_context(self._processes)
            opening.enter_context(self.tavus)
            program = self._broker.program
            self._processes.start(program.name, program.command, self.environment, self._folder)
            self._prepare()
            opening.callback(self.ledger.close)
            opening.callback(self.app.close)
            self.wait_until(lambda: asyncio.run(self._broker.answers()), "the broker answers")
            self._open = opening.pop_all()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """End everything."""
        self._open.close()

    def _prepare(self) -> None:
        """Lay the ledger, and open it for those who look."""
        prepare(self._database_url)
        self.ledger = Ledger(open_database(self._database_url, 2))

    @property
    def environment(self) -> Mapping[str, str]:
        """What every process of it is started with."""
        inherited = {name: text for name, text in os.environ.items() if not name.startswith(_OURS)}
        keys = {"TAVUS_API_KEY" if name == "default" else f"TAVUS_API_KEY__{name.upper()}": key for name, key in ACCOUNTS.items()}
        return {
            **inherited, **SCALED, **keys,
            "PATH": os.pathsep.join([sysconfig.get_path("scripts"), os.environ.get("PATH", os.defpath)]),
            "PYTHONUNBUFFERED": "1", "REPLICAS_HOME": str(self._folder), "REDIS_URL": self._broker.url,
            "DATABASE_URL": self._database_url, "TAVUS_PUBLIC_API_BASE_URL": self.tavus.url, **self._more,
        }  # fmt: skip

    def start(self, name: str) -> subprocess.Popen[bytes]:
        """Start one more process by its line of the Procfile."""
        self._started += 1
        # Several on one host must not share a name; on hosts of their own they do not.
        own_name = f" --hostname {name}{self._started}@%h" if name == "worker" else ""
        return self._processes.start(f"{name}-{self._started}", self._lines[name] + own_name, self.environment, self._folder)

    def wait_for_workers(self, count: int) -> None:
        """Wait until so many have said that they take messages."""
        self.wait_until(lambda: self.said().count(_READY) >= count, f"{count} workers are ready")

    def kill(self, process: subprocess.Popen[bytes]) -> None:
        """`kill -9`."""
        self._processes.kill(process)

    def run(self, *words: str) -> str:
        """Run a command to its end, as a person or another service would; what it printed."""
        ran = subprocess.run(words, env=dict(self.environment), cwd=self._folder, capture_output=True, text=True, timeout=60, check=False)
        assert ran.returncode == 0, ran.stderr
        return ran.stdout

    def send(self, documents: Iterable[Mapping[str, Any]], **how: str) -> list[str]:
        """Ask for jobs as any service would: by name, through Celery. The ids of the tasks."""
        with self.app.producer_or_acquire() as producer:
            sent = [
                self.app.send_task("replicas.create", kwargs=one, queue="replicas.create", producer=producer, **how) for one in documents
            ]
        return [str(one.id) for one in sent]

    def jobs(self) -> dict[str, Job]:
        """Every job by its idempotency key."""
        return {job.idempotency_key or "": job for job in self.ledger.recent(_MANY)}

    def waiting(self) -> int:
        """Messages that wait in a queue, or that a worker has and did not acknowledge."""
        with Connection(self._broker.url) as connection:
            client = connection.default_channel.client
            queued = sum(client.llen(name) for name in client.keys("*") if client.type(name) == b"list")
            return int(queued + client.hlen("unacked"))

    def flush_broker(self) -> None:
        """FLUSHALL: every message is gone, those that a worker has not acknowledged among them."""
        with Connection(self._broker.url) as connection:
            connection.default_channel.client.flushall()

    def said(self) -> str:
        """All that any process wrote."""
        return self._processes.said()

    def wait_until(self, holds: Callable[[], object], what: str) -> None:
        """Wait for what comes by itself; the error says what did not, and how things stand."""
        until = time.monotonic() + _PATIENCE_SECONDS
        while not holds():
            assert time.monotonic() < until, f"not within {_PATIENCE_SECONDS:g} s: {what}\n{self.ledger.counts()}\n{self.said()[-_TAIL:]}"
            time.sleep(_LOOK_SECONDS)
