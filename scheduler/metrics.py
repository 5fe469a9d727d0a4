"""The numbers at `/metrics`: what is in the ledger is read there, what processes counted was added up there. It may not cost more for who asks often.

So every process of the API, on any host, answers the same, and workers need no port of their own. No label holds an id, an address or a caller.
"""

import threading
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from typing import Generic, TypeVar

from prometheus_client import Metric, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector
from typing_extensions import override  # typing's own from Python 3.12 on

from scheduler import gauges
from scheduler.readiness import Part, Readiness
from worker.assembly import Parts
from worker.counted import BOUNDS, FAMILIES, family_of
from worker.posts import UNTAKEN
from worker.store.database import UNREACHABLE
from worker.store.tallies import Tally

_FRESH, _SLOW_FRESH = 5.0, 30.0
"""Seconds for which numbers are believed: those that are found by leaps, and those for which rows are counted."""
Made = TypeVar("Made")


class Metrics:
    """One a process, used from any number of threads."""

    def __init__(self, parts: Parts, readiness: Readiness) -> None:
        """Asks nobody yet."""
        self._parts, self._readiness = parts, readiness
        self._text, self._counted = Kept(self._make, _FRESH), Kept(lambda: list(gauges.counted(parts)), _SLOW_FRESH)

    def text(self) -> bytes:
        """All of it as Prometheus reads it, as it was at most some seconds ago."""
        return self._text()

    def _make(self) -> bytes:
        trouble = self._readiness.look()
        ready = GaugeMetricFamily("replicas_ready", "Whether a part works as `/readyz` sees it", labels=["part"])
        for part, wrong in trouble.items():
            ready.add_metric([part.value], float(wrong is None))
        families, counters = list[Metric]([ready]), ""
        # Who does not answer is not asked for numbers too: it would keep everybody waiting, and `replicas_ready` says so.
        if trouble[Part.DATABASE] is None and trouble[Part.MIGRATIONS] is None:
            with suppress(*UNREACHABLE):
                tallies = self._parts.ledger.gauges.tallies()
                standings = {name: self._parts.pace.standing(name) for name in sorted(self._parts.settings.accounts)}
                families += [*gauges.aged(self._parts, tallies, standings), *self._counted(), *gauges.paced(standings)]
                counters = grown(tallies, tuple(standings))
        if trouble[Part.BROKER] is None:
            with suppress(*UNTAKEN):
                families += gauges.queued(self._parts)
        return generate_latest(_AtHand(families)) + counters.encode()


def grown(tallies: Mapping[str, Tally], accounts: tuple[str, ...]) -> str:
    """What processes counted, with what nobody has counted yet at nought. A series that this version does not know is left out."""
    values = {one: 0.0 for name, family in FAMILIES.items() for one in family.known(name, accounts)}
    values |= {one: tally.value for one, tally in tallies.items()}
    lines: dict[str, list[str]] = {name: [] for name in FAMILIES}
    for one, value in values.items():
        with suppress(KeyError):
            lines[family_of(one.partition("{")[0])[0]].append(f"{one} {value!r}")
    return "".join(
        f"# HELP {name} {FAMILIES[name].about}\n# TYPE {name} {'histogram' if name in BOUNDS else 'counter'}\n"
        + "".join(f"{one}\n" for one in of_it)
        for name, of_it in lines.items()
    )


class _AtHand(Collector):
    """What `generate_latest` takes."""

    def __init__(self, families: list[Metric]) -> None:
        self._families = families

    @override
    def collect(self) -> Iterable[Metric]:
        return self._families


class Kept(Generic[Made]):
    """What is made at most every so often, by one at a time, however many ask for it."""

    def __init__(self, make: Callable[[], Made], seconds: float) -> None:
        self._make, self._seconds, self._lock = make, seconds, threading.Lock()
        self._kept: tuple[Made, float] | None = None

    def __call__(self) -> Made:
        """The thing. Raises what making it raises; then it is made anew for the next who asks."""
        with self._lock:
            if self._kept is None or time.monotonic() >= self._kept[1]:
                self._kept = self._make(), time.monotonic() + self._seconds
            return self._kept[0]
