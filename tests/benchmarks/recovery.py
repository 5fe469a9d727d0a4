"""Every worker killed and the broker emptied with ten thousand due at once: how long until each has been looked at."""

import sys
import time

import psycopg
from redis import Redis

from tests.benchmarks.figures import Figure
from tests.benchmarks.filled import fill
from tests.benchmarks.ground import Ground
from tests.benchmarks.options import REAL_TYPICAL, Options
from tests.benchmarks.systems import Ours
from tests.benchmarks.vendor import Vendor
from tests.postgres import Postgres
from worker.core.rules import Rules

_JOBS, _WORKERS = 10_000, 2
_PATIENCE_SECONDS = 900.0
_FAR_SECONDS = 86_400.0
_SOME = 0.2  # are looked at when the blow falls


def measure(options: Options) -> list[Figure]:
    """Run it."""
    postgres, jobs = Postgres(), options.jobs_or(_JOBS)
    try:
        with Ground(postgres, Vendor(options.typical_or(REAL_TYPICAL), options.seed)) as ground:
            return _recover(ground, Ours(workers=_WORKERS), jobs, options)
    finally:
        postgres.stop()


def _recover(ground: Ground, ours: Ours, jobs: int, options: Options) -> list[Figure]:
    ours.start(ground)
    fill(ground, ours, jobs, over=REAL_TYPICAL, due_within=_FAR_SECONDS)
    ground.vendor.forget_looks()
    with psycopg.connect(ground.database_url) as connection:
        connection.execute("UPDATE job SET due_at = now(), rung_at = NULL WHERE id LIKE 'COPY%'")
    began = time.monotonic()
    ground.wait_until(lambda: _looked(ground) >= jobs * _SOME, "a part of them", _PATIENCE_SECONDS)
    for number in range(_WORKERS):
        ground.kill(f"worker-{number}")
    with Redis.from_url(ground.broker.url) as broker:
        broker.flushall()
    struck, seen = time.monotonic(), _looked(ground)
    options.say(f"recovery: struck {struck - began:.1f} s after all fell due, {seen} of {jobs} looked at")
    for number in range(_WORKERS):
        ours.start_worker(ground, number)
    ground.wait_until(lambda: _looked(ground) >= jobs, "all of them", _PATIENCE_SECONDS)
    seconds, found = time.monotonic() - struck, _looked(ground)
    return [
        Figure("recovery", "looked at before the blow", seen, "jobs"),
        Figure("recovery", "looked at in the end", found, "jobs", least=jobs),
        Figure("recovery", "from the blow until all were looked at", seconds, "s"),
        Figure("recovery", "a worker's lease, which the jobs that it held wait for", Rules().lease.total_seconds(), "s"),
    ]


def _looked(ground: Ground) -> int:
    return ground.vendor.progress()["looked_at"]


if __name__ == "__main__":
    from tests.benchmarks.__main__ import main

    sys.exit(main(["recovery", *sys.argv[1:]]))
