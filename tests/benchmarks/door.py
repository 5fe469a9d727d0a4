"""How many jobs the HTTP door takes, and how soon it answers: `python -m tests.benchmarks.door`. It may not skip what an answer promises: the commit.

The web process is started as the Procfile starts it, over a Valkey and a PostgreSQL that writes to its disk before it says so. Nobody works the jobs.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.error import URLError

import psutil
from rich.console import Console

from scheduler.stack.environment import find_project
from scheduler.stack.ports import free_port
from scheduler.stack.procfile import read_procfile
from tests.benchmarks.durable import Durable, durable
from tests.benchmarks.figures import Figure, show

_BENCH = "door"
_LINES = 48
_HALF = 500.0  # requests a second: half of what is aimed at
_BATCH = 1000
_START_SECONDS = 60.0


def measure(seconds: float = 10.0, processes: int | None = None) -> list[Figure]:
    """Singles as fast as they go, singles at half the aimed load, and batches. `processes` of the web: one for each core, if unsaid."""
    with durable() as ground, _serving(ground, processes or psutil.cpu_count() or 1) as web:
        warm = _load(web, seconds=2, run="warm")
        full = _load(web, seconds=seconds, run="full", lines=_LINES)
        half = _load(web, seconds=seconds, run="half", lines=64, rate=_HALF)
        batch = _load(web, seconds=seconds, run="batch", lines=8, batch=_BATCH)
        kept = ground.jobs()
    lost = sum(run["created"] for run in (warm, full, half, batch)) - kept
    return [
        Figure(_BENCH, f"single enqueues, {_LINES} connections", full["created"] / full["seconds"], "jobs/s", least=1000),
        Figure(_BENCH, "a single enqueue at full load, p50", 1000 * full["p50"], "ms"),
        Figure(_BENCH, "a single enqueue at full load, p99", 1000 * full["p99"], "ms"),
        Figure(_BENCH, f"a single enqueue at {_HALF:.0f}/s, p50", 1000 * half["p50"], "ms"),
        Figure(_BENCH, f"a single enqueue at {_HALF:.0f}/s, p99", 1000 * half["p99"], "ms", most=50),
        Figure(_BENCH, f"a single enqueue at {_HALF:.0f}/s, longest", 1000 * half["longest"], "ms"),
        Figure(_BENCH, f"batches of {_BATCH}", batch["created"] / batch["seconds"], "jobs/s", least=10_000),
        Figure(_BENCH, "jobs that were answered for and are not there", lost, "jobs", most=0),
        Figure(_BENCH, "other answers than 201", sum(run["others"] for run in (full, half, batch)), "answers", most=0),
        *_cpu("single, full load", full),
        *_cpu(f"single, {_HALF:.0f}/s", half),
        *_cpu("batch", batch),
    ]


def _cpu(what: str, run: dict[str, Any]) -> list[Figure]:
    """Who worked for a job, and how long; and what of the machine others took meanwhile, without which a bad figure says nothing."""
    jobs = max(run["created"], 1)
    each = [Figure(_BENCH, f"{what}: CPU of {who}", 1e6 * spent / jobs, "us/job") for who, spent in run["spent"].items()]
    return [*each, Figure(_BENCH, f"{what}: CPU taken by strangers", 100 * run["strangers"], "% of all")]


@dataclass(frozen=True, slots=True)
class _Web:
    port: int
    ground: Durable
    process: psutil.Process

    def spent(self) -> dict[str, float]:
        """CPU seconds so far."""
        server = psutil.Process(self.ground.postgres._server.get_pid())
        valkey = psutil.Process(self.ground.broker._process.pid)
        return {"web": _of(self.process), "PostgreSQL": _of(server), "Valkey": _of(valkey)}


def _of(process: psutil.Process) -> float:
    total = 0.0
    for one in (process, *process.children(recursive=True)):
        with suppress(psutil.NoSuchProcess):
            times = one.cpu_times()
            total += times.user + times.system
    return total


@contextmanager
def _serving(ground: Durable, processes: int) -> Iterator[_Web]:
    port = free_port()
    own = {"REPLICAS_PORT": str(port), "REPLICAS_WEB_PROCESSES": str(processes)}
    with tempfile.TemporaryDirectory() as home:
        variables = ground.environment(home) | own | {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
        command = read_procfile(find_project() / "Procfile")["web"]
        process = subprocess.Popen(["sh", "-c", command], cwd=find_project(), env=variables)
        try:
            _wait_for(port)
            yield _Web(port, ground, psutil.Process(process.pid))
        finally:
            process.terminate()
            process.wait()


def _wait_for(port: int) -> None:
    until = time.monotonic() + _START_SECONDS
    while time.monotonic() < until:
        with suppress(URLError, ConnectionError), urllib.request.urlopen(f"http://127.0.0.1:{port}/livez"):
            return
        time.sleep(0.05)
    raise TimeoutError


def _load(web: _Web, **options: object) -> dict[str, Any]:
    """What the load says of itself, with what CPU it cost whom, and what share of the machine strangers took."""
    words = [f"--{name}={value}" for name, value in options.items()]
    before, idle, began = web.spent(), _busy(), time.perf_counter()
    said = subprocess.run([sys.executable, "-m", "tests.benchmarks.load", f"--port={web.port}", *words], check=True, stdout=subprocess.PIPE)
    run: dict[str, Any] = json.loads(said.stdout)
    after, took = web.spent(), time.perf_counter() - began
    spent = {who: after[who] - before[who] for who in before}
    others = _busy() - idle - sum(spent.values()) - run["whole_cpu"]
    return run | {"spent": spent | {"the load itself": run["cpu"]}, "strangers": max(0.0, others) / took / (psutil.cpu_count() or 1)}


def _busy() -> float:
    """CPU seconds that this machine has worked."""
    times = psutil.cpu_times()
    return float(times.user + times.system)


def main() -> None:
    """Measure, and print the table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--processes", type=int, default=psutil.cpu_count() or 1, help="of the web")
    given = parser.parse_args()
    show(measure(given.seconds, given.processes), Console(width=140))


if __name__ == "__main__":
    main()
