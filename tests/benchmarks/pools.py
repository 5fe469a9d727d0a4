"""Celery's pools for our worker: jobs a second through the whole pipeline when trainings take no time worth naming, and a worker's memory."""

import sys
import time

from tests.benchmarks.figures import Figure
from tests.benchmarks.ground import Ground
from tests.benchmarks.meter import memory_megabytes
from tests.benchmarks.options import Options
from tests.benchmarks.systems import Ours
from tests.benchmarks.vendor import Vendor
from tests.postgres import Postgres

_JOBS, _TYPICAL = 400, 2.0
_PATIENCE_SECONDS = 300.0
# As many tasks at once as each pool is meant for: a process a core, as many threads as the settings say, and greenlets by the dozen.
_POOLS = {"threads": "16", "prefork": "2", "gevent": "64"}


def measure(options: Options) -> list[Figure]:
    """Each pool on a fresh ground."""
    postgres = Postgres()
    try:
        pools = [pool for pool in _POOLS if not options.systems or pool in options.systems]
        return [figure for pool in pools for figure in _with(postgres, pool, options)]
    finally:
        postgres.stop()


def _with(postgres: Postgres, pool: str, options: Options) -> list[Figure]:
    ours, jobs = Ours(pool=pool, more={"REPLICAS_THREADS": _POOLS[pool]}), options.jobs_or(_JOBS)
    with Ground(postgres, Vendor(options.typical_or(_TYPICAL), options.seed)) as ground:
        ours.start(ground)
        before, began = ground.spent()["system"], time.monotonic()
        ours.enqueue(ground, ground.vendor.pictures(jobs))
        ground.wait_until(lambda: ground.vendor.progress()["conversations"] >= jobs, "every conversation", _PATIENCE_SECONDS)
        seconds, spent = time.monotonic() - began, ground.spent()["system"] - before
        finished, memory = ground.vendor.progress()["conversations"], memory_megabytes([ground.started["worker-0"].pid])
    options.say(f"pools: {pool}: {finished} of {jobs} in {seconds:.1f} s, {spent:.1f} s of processor, {memory:.0f} MB")
    of = f"{pool}, {_POOLS[pool]} at once"
    return [
        Figure("pools", "through the whole pipeline", finished / seconds, "jobs a second", of),
        Figure("pools", "processor a job", spent / jobs * 1000, "ms", of),
        Figure("pools", "a worker's memory", memory, "MB", of),
    ]


if __name__ == "__main__":
    from tests.benchmarks.__main__ import main

    sys.exit(main(["pools", *sys.argv[1:]]))
