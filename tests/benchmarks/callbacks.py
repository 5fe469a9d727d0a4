"""How soon the end of a training is known with callbacks: when all arrive, and when three in ten never do."""

import sys

from tests.benchmarks.figures import Figure
from tests.benchmarks.ground import Ground
from tests.benchmarks.options import Options
from tests.benchmarks.pipeline import Run, run
from tests.benchmarks.systems import Ours
from tests.benchmarks.vendor import Vendor
from tests.postgres import Postgres
from worker.durations import parse_duration

_JOBS, _TYPICAL, _LOSS = 500, 240.0, 0.3
_SWEEPS, _LAG_P95 = 2.0, 1.0


def measure(options: Options) -> list[Figure]:
    """Once without loss and once with; or with the loss that was asked for alone."""
    losses = (0.0, _LOSS) if options.callback_loss is None else (options.callback_loss,)
    postgres = Postgres()
    try:
        return [figure for loss in losses for figure in _with_loss(postgres, loss, options)]
    finally:
        postgres.stop()


def _with_loss(postgres: Postgres, loss: float, options: Options) -> list[Figure]:
    ours = Ours(callbacks=True, profile=options.profile)
    ground = Ground(postgres, Vendor(options.typical_or(_TYPICAL), options.seed), "--callback-loss", str(loss))
    one = run(ours, ground, options.jobs_or(_JOBS), options)
    sweep = parse_duration(ours.environment["REPLICAS_SWEEP_INTERVAL"]).total_seconds()
    return _figures(one, f"callbacks, {loss:.0%} lost", one.lag_p95 / 100 * one.typical / sweep, has_all=loss == 0)


def _figures(one: Run, bench: str, sweeps: float, *, has_all: bool) -> list[Figure]:
    return [
        Figure(bench, "jobs finished", one.finished, "jobs", least=one.jobs),
        Figure(bench, "requests a replica", one.requests_a_replica, "requests"),
        Figure(bench, "processor a job", one.cpu_ms, "ms"),
        Figure(bench, "noticed late, mean", one.lag_mean, "% of T"),
        Figure(bench, "noticed late, p95", one.lag_p95, "% of T", most=None if has_all else _LAG_P95),
        Figure(bench, "noticed late, p95", sweeps, "sweeps", most=_SWEEPS if has_all else None),
    ]


if __name__ == "__main__":
    from tests.benchmarks.__main__ import main

    sys.exit(main(["callbacks", *sys.argv[1:]]))
