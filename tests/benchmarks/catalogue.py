"""Every benchmark by name, in the order in which they run. It may not measure; a benchmark's module is imported when it is asked for."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from inspect import signature

from tests.benchmarks.figures import Figure
from tests.benchmarks.options import Options


@dataclass(frozen=True, slots=True)
class Benchmark:
    """What it measures, and where: `module:function`. The function takes `options`, or nothing that it cannot do without."""

    what: str
    where: str

    def __call__(self, options: Options) -> list[Figure]:
        """Run it."""
        measure = self.find()
        return measure(options) if "options" in signature(measure).parameters else measure()

    def find(self) -> Callable[..., list[Figure]]:
        """The function."""
        module, _, function = self.where.partition(":")
        found: Callable[..., list[Figure]] = getattr(import_module(f"tests.benchmarks.{module}"), function)
        return found


ALL: Mapping[str, Benchmark] = {
    "pipeline": Benchmark("ours, a naive Celery implementation and DBOS with the same jobs", "pipeline:measure"),
    "scale": Benchmark("ten thousand in training at once", "scale:measure"),
    "callbacks": Benchmark("how soon it knows with callbacks, and with a third of them lost", "callbacks:measure"),
    "storm": Benchmark("three answers in ten are 429, and sixty requests a minute for two thousand in flight", "storm:measure"),
    "policies": Benchmark("how soon and how dearly every way of looking knows, simulated; and the plot", "policies:measure"),
    "ledger": Benchmark("sweeps and looks over a million rows in training", "ledger:measure"),
    "door": Benchmark("jobs a second that are taken in, one by one and in batches", "door:measure"),
    "sheet": Benchmark("a sheet of ten thousand people from a terminal, twice", "sheet:measure"),
    "pace": Benchmark("what it costs to ask the pace for a permit", "pacing:permits"),
    "recovery": Benchmark("every worker killed and the broker emptied with ten thousand in flight", "recovery:measure"),
    "silence": Benchmark("the broker killed for five minutes with a thousand in flight, while more are asked for", "silence:measure"),
    "memory": Benchmark("a worker's memory with a thousand, ten thousand and a hundred thousand in training", "memory:measure"),
    "pools": Benchmark("Celery's pools: jobs a second through the whole pipeline, and memory", "pools:measure"),
}
