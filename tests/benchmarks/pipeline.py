"""The same jobs through ours, a naive Celery implementation and a durable-execution peer: what each asks, what it costs, how soon it knows."""

import os
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from scheduler.stack.ports import free_port
from tests.benchmarks.figures import Figure
from tests.benchmarks.ground import Ground
from tests.benchmarks.options import Options
from tests.benchmarks.systems import Naive, Ours, Peer, System
from tests.benchmarks.vendor import Vendor
from tests.postgres import Postgres

_JOBS, _TYPICAL = 500, 240.0
_PATIENCE = 3.0  # usual trainings: the slowest of thousands takes half as long again, and nobody may take that long to see it
_PATIENCE_SECONDS = 120.0


@dataclass(frozen=True, slots=True)
class Aims:
    """What ours is held to. None: nothing."""

    requests: float | None = None
    cpu_part: float | None = None
    """Of what the naive implementation takes in the same run."""
    lag_mean: float | None = None
    lag_p95: float | None = None


_AIMS = Aims(requests=3.0, cpu_part=1 / 8, lag_mean=0.4, lag_p95=1.0)


@dataclass(frozen=True)
class Run:
    """What came of one system's run."""

    of: str
    jobs: int
    finished: int
    typical: float
    seconds: float
    requests: dict[str, int]
    spent: dict[str, float]
    lag_mean: float
    lag_p95: float
    paid_twice: int = 0
    lags: list[float] = field(default_factory=list, repr=False)

    @property
    def requests_a_replica(self) -> float:
        """All requests to Tavus."""
        return sum(self.requests.values()) / self.jobs

    @property
    def cpu_ms(self) -> float:
        """Of the system's own processes, for a job."""
        return self.spent["system"] / self.jobs * 1000


def measure(options: Options) -> list[Figure]:
    """Run each system on a ground of its own, one after the other."""
    jobs, typical, port = options.jobs_or(_JOBS), options.typical_or(_TYPICAL), free_port()
    # The naive worker has two processes, of Celery's default pool. Ours is measured with its threads, and once more with two processes.
    alike = Ours(name="ours, prefork", pool="prefork", more={"REPLICAS_THREADS": "2"}, profile=options.profile)
    systems: list[System] = [Ours(profile=options.profile), alike, Naive(), Peer()]
    postgres = Postgres()
    try:
        runs = [
            run(one, Ground(postgres, Vendor(typical, options.seed, port)), jobs, options)
            for one in systems
            if one.name in (options.systems or (one.name,))
        ]
    finally:
        postgres.stop()
    return figures("pipeline", runs, _AIMS)


def run(system: System, ground: Ground, jobs: int, options: Options) -> Run:
    """Put so many jobs through it."""
    with ground:
        system.start(ground)
        options.say(
            f"{system.name}: {jobs} jobs of {ground.vendor.typical:g} s; load {os.getloadavg()[0]:.1f}; its logs are in {ground.folder}"
        )
        before, began = ground.spent(), time.monotonic()
        system.enqueue(ground, ground.vendor.pictures(jobs))
        patience = _PATIENCE * ground.vendor.typical + _PATIENCE_SECONDS
        ground.wait_until(lambda: ground.vendor.progress()["conversations"] >= jobs, "every conversation", patience)
        seconds, after = time.monotonic() - began, ground.spent()
        if isinstance(system, Ours):
            system.show_profile(ground)
        result = _read(system.name, ground, jobs, seconds, {name: after[name] - before[name] for name in after})
    options.say(f"{system.name}: {result}")
    return result


def _read(name: str, ground: Ground, jobs: int, seconds: float, spent: dict[str, float]) -> Run:
    books = ground.vendor.ledger()
    lag, typical = books["lag"]["real_seconds"], ground.vendor.typical
    return Run(
        of=name, jobs=jobs, finished=books["conversations_created"], typical=typical, seconds=seconds, requests=books["requests"]["by_kind"],
        spent=spent, lag_mean=lag["mean"] / typical * 100, lag_p95=lag["p95"] / typical * 100, paid_twice=len(books["paid_twice"]),
        lags=list(lag["by_replica"].values()),
    )  # fmt: skip


def figures(bench: str, runs: Sequence[Run], aims: Aims) -> list[Figure]:
    """Ours with its aims; the others as they are."""
    naive = next((one.cpu_ms for one in runs if one.of == "naive"), None)
    found: list[Figure] = []
    for one in runs:
        ours = one.of.startswith("ours")
        aim = aims if ours else Aims()
        most_cpu = naive * aim.cpu_part if aim.cpu_part is not None and naive is not None else None
        found += [
            Figure(bench, "jobs finished", one.finished, "jobs", one.of, least=one.jobs if ours else None),
            Figure(bench, "requests a replica", one.requests_a_replica, "requests", one.of, most=aim.requests),
            *(Figure(bench, f"requests a replica, {kind}", count / one.jobs, "requests", one.of) for kind, count in one.requests.items()),
            Figure(bench, "processor a job", one.cpu_ms, "ms", one.of, most=most_cpu),
            *(
                Figure(bench, f"processor a job, {on}", taken / one.jobs * 1000, "ms", one.of)
                for on, taken in one.spent.items()
                if on != "system"
            ),
            Figure(bench, "noticed late, mean", one.lag_mean, "% of T", one.of, most=aim.lag_mean),
            Figure(bench, "noticed late, p95", one.lag_p95, "% of T", one.of, most=aim.lag_p95),
            Figure(bench, "from the first request to the last conversation", one.seconds, "s", one.of),
        ]
    return found


if __name__ == "__main__":
    from tests.benchmarks.__main__ import main

    sys.exit(main(["pipeline", *sys.argv[1:]]))
