"""A worker's memory with a thousand, ten thousand and a hundred thousand jobs in training, each looked at once while it is measured."""

import sys
import time

from tests.benchmarks.figures import Figure
from tests.benchmarks.filled import fill
from tests.benchmarks.ground import Ground
from tests.benchmarks.meter import memory_megabytes
from tests.benchmarks.options import REAL_TYPICAL, Options
from tests.benchmarks.systems import Ours
from tests.benchmarks.vendor import Vendor
from tests.postgres import Postgres

_SIZES = (1_000, 10_000, 100_000)
_WINDOW = 120.0  # seconds in which each is due once: some eight hundred a second of a hundred thousand
_MORE = 1.2
_EACH_SECONDS = 2.0


def measure(options: Options) -> list[Figure]:
    """Each size on a fresh ground with a fresh worker, in real time."""
    postgres = Postgres()
    found: list[Figure] = []
    try:
        for size in [options.jobs] if options.jobs else _SIZES:
            found += _with(postgres, size, options, least=found[0].value if found else None)
    finally:
        postgres.stop()
    return found


def _with(postgres: Postgres, size: int, options: Options, least: float | None) -> list[Figure]:
    ours = Ours()
    with Ground(postgres, Vendor(options.typical_or(REAL_TYPICAL), options.seed)) as ground:
        ours.start(ground)
        fill(ground, ours, size, over=REAL_TYPICAL, due_within=_WINDOW)
        ground.vendor.forget_looks()
        worker, most, until = ground.started["worker-0"].pid, 0.0, time.monotonic() + _WINDOW
        before = ground.spent()["system"]
        while time.monotonic() < until:
            most = max(most, memory_megabytes([worker]))
            time.sleep(_EACH_SECONDS)
        looked, spent = ground.vendor.progress()["looked_at"], ground.spent()["system"] - before
    options.say(f"memory: {size} in training: {most:.1f} MB at most, {looked} looked at, {spent:.1f} s of processor in {_WINDOW:g} s")
    aim = least * _MORE if least is not None and size == _SIZES[-1] else None
    name = f"{size:,} in training"
    return [
        Figure("memory", f"a worker's memory, {name}", most, "MB", most=aim),
        Figure("memory", f"looked at, {name}", looked / _WINDOW, "a second"),
        Figure("memory", f"part of one processor, {name}", spent / _WINDOW * 100, "%"),
    ]


if __name__ == "__main__":
    from tests.benchmarks.__main__ import main

    sys.exit(main(["memory", *sys.argv[1:]]))
