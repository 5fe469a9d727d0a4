"""The systems that are measured: how each is started on a ground, and asked for jobs. Each is started as its users would."""

import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

import httpx
from celery import Celery

from scheduler.stack.ports import free_port
from scheduler.stack.procfile import read_procfile
from tests.benchmarks import profiles
from tests.benchmarks.ground import PROJECT, Ground
from tests.benchmarks.options import REAL_TYPICAL
from tests.benchmarks.vendor import KEY
from worker.settings import Settings
from worker.store.migrate import prepare

_FIRST, _CAP = 5.0, 600.0  # seconds of a real training between the first looks of the others, and between their last
_USUAL_SWEEP, _LEAST_SWEEP = 5.0, 0.1
_SWEEP = 0.005  # of a training: its processor time is shared by few jobs here, and by as many sweeps as in hours
_SCALED = (
    "training_typical", "training_soft_deadline", "training_deadline", "learn_interval", "retry_base", "retry_cap", "paid_retry_delay",
    "missing_confirm",
)  # fmt: skip
_AT_ONCE = 1000  # jobs of one batch: the most that the API takes
_PROFILE = "PROFILE_TO"
_PATIENCE_SECONDS = 90.0


class System(Protocol):
    """One of those that are compared."""

    name: str

    def start(self, ground: Ground) -> None:
        """Start it. Returns when it takes jobs."""

    def enqueue(self, ground: Ground, pictures: Mapping[str, str]) -> None:
        """Ask for a job for each picture, by its key, as another service would."""


def settings_of_ours(ground: Ground) -> dict[str, str]:
    """Our settings for compressed time. What depends on how long a training takes is scaled; what depends on how fast calls are is not."""
    share = ground.vendor.typical / REAL_TYPICAL
    scaled = {name: Settings.model_fields[name].default * share for name in _SCALED if name in Settings.model_fields}
    sweep = min(max(_SWEEP * ground.vendor.typical, _LEAST_SWEEP), _USUAL_SWEEP)
    return {
        **{f"REPLICAS_{name.upper()}": f"{duration.total_seconds():.3f}s" for name, duration in scaled.items()},
        "REPLICAS_SWEEP_INTERVAL": f"{sweep:.3f}s",
        "REPLICAS_ALLOW_HTTP": "true",
        "REPLICAS_ALLOW_PRIVATE_ADDRESSES": "true",
        "REPLICAS_HOME": str(ground.folder),
        "REPLICAS_PORT": str(free_port()),
        "REDIS_URL": ground.broker.url,
        "DATABASE_URL": ground.database_url,
        "TAVUS_PUBLIC_API_BASE_URL": ground.vendor.url,
        "TAVUS_API_KEY": KEY,
    }


class Ours:
    """The processes of the Procfile, without Flower."""

    def __init__(
        self,
        *,
        name: str = "ours",
        more: Mapping[str, str] | None = None,
        pool: str = "threads",
        workers: int = 1,
        callbacks: bool = False,
        profile: bool = False,
    ) -> None:
        """`name`: of a variant. `more`: settings on top. `pool`: Celery's. `profile`: the worker tells where its time goes, and takes longer."""
        self._more, self._pool, self._workers, self._callbacks, self._profile = more or {}, pool, workers, callbacks, profile
        self.name = name
        self.environment: dict[str, str] = {}

    def start(self, ground: Ground) -> None:
        """Lay the ledger; start web, worker and beat."""
        prepare(ground.database_url)
        self.environment = settings_of_ours(ground) | dict(self._more)
        if self._callbacks:
            self.environment |= {
                "REPLICAS_PUBLIC_URL": f"http://127.0.0.1:{self.environment['REPLICAS_PORT']}", "REPLICAS_SECRET": "a secret of the benchmarks",
            }  # fmt: skip
        lines = read_procfile(PROJECT / "Procfile")
        ground.run("web", lines["web"], self.environment)
        for number in range(self._workers):
            self.start_worker(ground, number)
        ground.wait_for_words(" ready.", self._workers)
        ground.run("beat", lines["beat"], self.environment)
        # Beat has the voices read when it starts.
        if not ground.wait_until(lambda: ground.vendor.progress()["requests"], "beat", _PATIENCE_SECONDS):
            raise TimeoutError("beat does not start")

    def start_worker(self, ground: Ground, number: int) -> None:
        """One more worker."""
        line = read_procfile(PROJECT / "Procfile")["worker"].replace('"${REPLICAS_POOL:-threads}"', self._pool)
        environment = dict(self.environment)
        if self._profile:
            line = line.replace("--app scheduler", "--app tests.benchmarks.profiled")
            environment[_PROFILE] = str(self._profile_of(ground))
        ground.run(f"worker-{number}", f"{line} --hostname worker{number}@%h", environment)

    def show_profile(self, ground: Ground) -> None:
        """Print where the worker's time went so far."""
        if self._profile:
            os.killpg(ground.started["worker-0"].pid, signal.SIGUSR2)
            if ground.wait_until(self._profile_of(ground).exists, "the profile", _PATIENCE_SECONDS):
                profiles.show(self._profile_of(ground))

    def _profile_of(self, ground: Ground) -> Path:
        return ground.folder / "worker.prof"

    def command(self, ground: Ground, *words: str) -> bool:
        """Run one of our commands, as a person would. Whether it went well."""
        return ground.command(words, self.environment)

    def enqueue(self, ground: Ground, pictures: Mapping[str, str]) -> None:
        """In batches, over HTTP."""
        del ground
        orders = [
            {"replica": {"train_image_url": url, "voice_name": "anna"}, "conversation": {"start": "on_ready"}, "idempotency_key": key}
            for key, url in pictures.items()
        ]
        with httpx.Client(base_url=f"http://127.0.0.1:{self.environment['REPLICAS_PORT']}", timeout=_PATIENCE_SECONDS) as client:
            for start in range(0, len(orders), _AT_ONCE):
                client.post("/v1/jobs:batch", json={"jobs": orders[start : start + _AT_ONCE]}).raise_for_status()


class Naive:
    """A worker of Celery's default pool, one process a core."""

    name = "naive"

    def start(self, ground: Ground) -> None:
        """Make the table; start the worker."""
        share = ground.vendor.typical / REAL_TYPICAL
        environment = {
            "NAIVE_DATABASE_URL": ground.database_url, "NAIVE_REDIS_URL": ground.broker.url, "NAIVE_TAVUS_URL": ground.vendor.url,
            "NAIVE_TAVUS_KEY": KEY, "NAIVE_POLL_FIRST": str(_FIRST * share), "NAIVE_POLL_CAP": str(_CAP * share),
        }  # fmt: skip
        _to_its_end("from tests.benchmarks.naive.app import lay; lay()", environment)
        ground.run("worker", "exec celery --app tests.benchmarks.naive.app worker --concurrency 2 --loglevel INFO", environment)
        ground.wait_for_words(" ready.")

    def enqueue(self, ground: Ground, pictures: Mapping[str, str]) -> None:
        """By name, through Celery."""
        with Celery("another-service", broker=ground.broker.url, set_as_current=False) as app, app.producer_or_acquire() as producer:
            for key, url in pictures.items():
                app.send_task("naive.submit", args=[key, url], producer=producer)


class Peer:
    """One process of DBOS."""

    name = "DBOS"

    def start(self, ground: Ground) -> None:
        """Start it; it makes its tables."""
        share = ground.vendor.typical / REAL_TYPICAL
        environment = {
            "PEER_DATABASE_URL": ground.database_url, "PEER_TAVUS_URL": ground.vendor.url, "PEER_TAVUS_KEY": KEY,
            "PEER_POLL_FIRST": str(_FIRST * share), "PEER_POLL_CAP": str(_CAP * share),
        }  # fmt: skip
        ground.run("peer", "exec python -m tests.benchmarks.peer.app", environment)
        ground.wait_for_words("peer: ready")

    def enqueue(self, ground: Ground, pictures: Mapping[str, str]) -> None:
        """Through its client, into its tables."""
        from dbos import DBOSClient  # noqa: PLC0415 - only those who compare have it

        client = DBOSClient(system_database_url=ground.database_url)
        for key, url in pictures.items():
            client.enqueue({"workflow_name": "train", "queue_name": "trainings", "workflow_id": key, "app_version": "1"}, key, url)
        client.destroy()


def _to_its_end(code: str, environment: Mapping[str, str]) -> None:
    subprocess.run([sys.executable, "-c", code], env={**os.environ, **environment, "PYTHONPATH": str(PROJECT)}, check=True, timeout=60)
