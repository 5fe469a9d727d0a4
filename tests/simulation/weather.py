"""Chance, all of it from one seed: who dies where, what goes wrong with which call, how long things take. It may not look at a job."""

import random
from collections import Counter
from dataclasses import dataclass, fields
from datetime import timedelta

from tests.sandbox.faults import Fault, Faults, Kind
from tests.simulation import troubles
from tests.simulation.hub import Actor
from tests.simulation.troubles import Trouble

SECOND, MINUTE, HOUR = timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=1)
_NOW = timedelta(0)
# A POST that leaves an hour after its last check cannot be told from one that was never sent: the settle time bounds what can be promised. Who waits
# here waits less than that, with the longest delays of the network and of the list added.
_BETWEEN_CHECK_AND_POST = "before POST"
_OUTAGES = (Kind.LIST_REPLICAS, Kind.GET_REPLICA, Kind.CREATE_REPLICA, Kind.LIST_CONVERSATIONS)
_HARDLY = 0.98


@dataclass(frozen=True, slots=True)
class Climate:
    """How often what happens, in one seed. Each is switched off in half of the seeds, so that every mixture comes."""

    deaths: float = 0.0  # at each boundary
    stalls: float = 0.0  # at each boundary: a process that is put to sleep, past its lease and further
    database: float = 0.0  # at each commit: the database goes away before it, or after it
    jitter: float = 0.0  # seconds at each boundary: who comes first is chance
    troubles: float = 0.0  # at each call
    slow: float = 0.0  # at each call: the network is slow in one direction or both
    inputs: float = 0.0  # at each look at an input
    lost: float = 0.0  # of the messages
    doubled: float = 0.0
    late: float = 0.0
    broker: float = 0.0  # at each message: the broker takes none
    callbacks: float = 0.0  # of the callbacks: each of lost, doubled and late
    forged: float = 0.0  # beside each callback
    people: float = 0.0  # acts of people for each job
    busy: float = 0.0  # at each commit: a person acts just then
    outages: float = 0.0  # times that Tavus is away, for all or for one kind of request


_WORST = Climate(
    deaths=0.05, stalls=0.04, database=0.05, jitter=2.0, troubles=0.5, slow=0.3, inputs=0.4, lost=0.4, doubled=0.4, late=0.4, broker=0.2,
    callbacks=0.4, forged=0.5, people=4.0, busy=0.1, outages=4.0,
)  # fmt: skip


def climate(chance: random.Random) -> Climate:
    """A climate: each kind of weather is off, or as bad as chance will have it, up to the worst."""
    worst = {one.name: getattr(_WORST, one.name) for one in fields(Climate)}
    return Climate(**{name: 0.0 if chance.random() < 0.4 else most * chance.random() ** 2 for name, most in worst.items()})


class Weather(Faults):
    """A climate at work; `calm` ends it. It is the fault script of the sandbox, too."""

    def __init__(self, climate: Climate, chance: random.Random) -> None:
        super().__init__()
        self.climate, self.chance = climate, chance
        self.calm = False
        self.met: Counter[str] = Counter()
        self._next: Trouble | None = None
        self._away: list[tuple[Kind | None, timedelta, timedelta, tuple[Trouble, ...]]] = []

    def plan(self, span: timedelta) -> None:
        """Lay the outages of the bad weather, which lasts for `span`: while one lasts, hardly any call comes through."""
        for _ in range(round(self.climate.outages)):
            kind = self.chance.choice((None, *_OUTAGES))
            begin = span * self.chance.random() ** 3
            met = tuple(self.chance.sample(troubles.LOST, 3))
            self._away.append((kind, begin, begin + 2 * HOUR * self.chance.random(), met))

    @property
    def kills_the_process(self) -> bool:
        """Half of the deaths are a task's, half a whole process'."""
        return self.chance.random() < 0.5

    def at(self, boundary: str, actor: Actor) -> timedelta | None:
        """What becomes of an actor at a boundary: how long it stays, None for death."""
        del actor
        if self.calm:
            return _NOW
        luck, bad = self.chance.random(), self.climate
        if luck < bad.deaths:
            return None
        if luck < bad.deaths + bad.stalls:
            self.met["stall"] += 1
            short = boundary.startswith(_BETWEEN_CHECK_AND_POST) or self.chance.random() < 0.5
            return MINUTE * self.chance.uniform(0.5, 5) if short else HOUR * self.chance.uniform(0.2, 3)
        return SECOND * (bad.jitter * self.chance.random() ** 4) if bad.jitter else _NOW

    def trouble(self, kind: Kind, since: timedelta) -> Trouble | None:
        """What happens to the next request, which is of this kind; `since` the beginning."""
        self._next = None
        if self.calm:
            return None
        for which, begin, end, met in self._away:
            if begin <= since < end and which in {None, kind} and self.chance.random() < _HARDLY:
                return self._meet(self.chance.choice(met))
        return self._meet(self.chance.choice(troubles.of(kind))) if self.happens(self.climate.troubles) else None

    def _meet(self, trouble: Trouble) -> Trouble:
        self._next = trouble
        self.met[f"call {trouble.name}"] += 1
        return trouble

    def strike(self, kind: Kind) -> Fault | None:
        """For the sandbox: the fault of the request whose trouble was just drawn."""
        del kind
        return self._next.fault if self._next else None

    def way(self) -> tuple[timedelta, timedelta]:
        """How long a request takes to Tavus, and its answer back."""
        if self.calm or not self.happens(self.climate.slow):
            return _NOW, _NOW
        self.met["slow"] += 1
        return SECOND * self.chance.choice((0, 1, 20, 200)) * self.chance.random(), SECOND * 25 * self.chance.random()

    def happens(self, rate: float) -> bool:
        """Whether something of this rate happens now."""
        return not self.calm and rate > 0 and self.chance.random() < rate

    def meets(self, name: str, rate: float) -> bool:
        """The same, counted under its name."""
        met = self.happens(rate)
        if met:
            self.met[name] += 1
        return met

    def while_(self, longest: timedelta) -> timedelta:
        """A time up to the longest, short ones more often."""
        return longest * self.chance.random() ** 3
