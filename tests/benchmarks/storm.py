"""Three answers in ten are 429 and the budget is sixty requests a minute, with two thousand in flight: what is lost, what starves, what is overrun.

In three parts: two thousand jobs come into training; then the storm, with more jobs asked for as it begins; then calm, in which all must end well.
"""

import sys
import time
from bisect import bisect_right
from collections.abc import Sequence
from itertools import pairwise

from tests.benchmarks.figures import Figure
from tests.benchmarks.filled import fill
from tests.benchmarks.ground import Ground
from tests.benchmarks.options import Options
from tests.benchmarks.systems import Ours
from tests.benchmarks.vendor import Vendor
from tests.postgres import Postgres

_JOBS, _NEW, _TYPICAL = 2_000, 40, 600.0
_BUDGET, _MINUTE = 60, 60.0
_STORM_SECONDS = 300.0
_SUBMIT = "create_replica"
_PATIENCE_SECONDS = 1500.0  # what is submitted last has its training before it, of up to twice the usual time
_FAULTS = {"kind": "429", "rate": 0.3}
_GAP_SECONDS = 60.0  # a budget of a minute that was spent at once is back by then; whoever waits longer for the submission before starves
_CALM = 6_000  # requests a minute once it is over


def measure(options: Options) -> list[Figure]:
    """Run it."""
    postgres = Postgres()
    try:
        with Ground(postgres, Vendor(options.typical_or(_TYPICAL), options.seed)) as ground:
            return _storm(ground, Ours(), options)
    finally:
        postgres.stop()


def _storm(ground: Ground, ours: Ours, options: Options) -> list[Figure]:
    jobs, new = options.jobs_or(_JOBS), _NEW
    ours.start(ground)
    fill(ground, ours, jobs, over=1.0, due_within=ground.vendor.typical / 10, ends=True)
    held = ours.command(ground, "replicas", "limits", "default", "--requests-a-minute", str(_BUDGET))
    ground.vendor.set_faults(_FAULTS)
    began = len(ground.vendor.arrivals())
    ours.enqueue(ground, ground.vendor.pictures(new, "new"))
    time.sleep(min(_STORM_SECONDS, ground.vendor.typical / 2))
    arrivals = ground.vendor.arrivals()[began:]
    ground.vendor.set_faults()
    ours.command(ground, "replicas", "limits", "default", "--requests-a-minute", str(_CALM))
    options.say(f"storm: the limit was {'set' if held else 'NOT set'}; {len(arrivals)} requests in the storm")
    whole = jobs + new
    # One more: the job that was copied trains for ever.
    ground.wait_until(lambda: ground.vendor.progress()["conversations"] >= whole, "every conversation", _PATIENCE_SECONDS)
    counts = {str(state): int(str(number)) for state, number in ground.rows("SELECT state, count(*) FROM job GROUP BY state")}
    books = ground.vendor.ledger()
    options.say(f"storm: at the end {counts}")
    return [
        Figure("storm", "jobs done of those in flight", counts.get("done", 0), "jobs", least=whole),
        Figure("storm", "paid twice", len(books["paid_twice"]), "jobs", most=0),
        *_pace(arrivals, new),
    ]


def _pace(arrivals: Sequence[tuple[float, str]], new: int) -> list[Figure]:
    submitted = [at for at, kind in arrivals if kind == _SUBMIT]
    gaps = [after - before for before, after in pairwise(submitted)]
    return [
        Figure("storm", "most requests in any minute", busiest([at for at, _ in arrivals], _MINUTE), "requests", most=_BUDGET + 1),
        Figure("storm", "requests to submit", len(submitted), "requests", least=new),
        Figure("storm", "longest wait from one submission to the next", max(gaps, default=0.0), "s", most=_GAP_SECONDS),
        Figure("storm", "requests of every kind", len(arrivals), "requests"),
    ]


def busiest(times: Sequence[float], window: float) -> int:
    """The most that fall into any window of that length."""
    return max((bisect_right(times, start + window) - number for number, start in enumerate(times)), default=0)


if __name__ == "__main__":
    from tests.benchmarks.__main__ import main

    sys.exit(main(["storm", *sys.argv[1:]]))
