"""Ten thousand jobs at once, in compressed time: what each asks and how soon it is known when calls are shared by many."""

import sys

from tests.benchmarks.figures import Figure
from tests.benchmarks.ground import Ground
from tests.benchmarks.options import Options
from tests.benchmarks.pipeline import Aims, figures, run
from tests.benchmarks.systems import Ours
from tests.benchmarks.vendor import Vendor
from tests.postgres import Postgres

_JOBS, _TYPICAL = 10_000, 900.0
_AIMS = Aims(requests=2.4, lag_p95=1.0)
_SWEEP = 0.003  # of a training; in earnest it is a tenth of that, and here many jobs share one


def measure(options: Options) -> list[Figure]:
    """Run it."""
    postgres = Postgres()
    try:
        typical = options.typical_or(_TYPICAL)
        ours = Ours(profile=options.profile, more={"REPLICAS_SWEEP_INTERVAL": f"{_SWEEP * typical:.3f}s"})
        ground = Ground(postgres, Vendor(typical, options.seed))
        one = run(ours, ground, options.jobs_or(_JOBS), options)
    finally:
        postgres.stop()
    busy = Figure("scale", "the sandbox's part of one processor", one.spent["sandbox"] / one.seconds * 100, "%", "sandbox")
    return [*figures("scale", [one], _AIMS), busy]


if __name__ == "__main__":
    from tests.benchmarks.__main__ import main

    sys.exit(main(["scale", *sys.argv[1:]]))
