"""A pace under the virtual clock, for some seeds: a small budget, and calls that are held back by chance. It may hold none back for ever."""

import random
from collections.abc import Callable, Mapping
from datetime import datetime
from itertools import count
from typing import Any

from greenlet import getcurrent, greenlet
from pydantic import SecretStr
from typing_extensions import override

from tests.sandbox.front import Front
from tests.sandbox.world import World
from tests.simulation.hub import Hub
from tests.simulation.vendor import SimulatedTavus
from tests.simulation.weather import MINUTE, SECOND, Weather
from worker.counts import UNCOUNTED
from worker.pacing.kinds import Held, Kind, Reason
from worker.pacing.pacer import UNPACED, Pacer, Ticket, Unpaced
from worker.tavus.paced import PacedTavus

_SHARE = 0.4  # of the seeds
_OLD = 10 * SECOND  # after which a permit is none any more
_REASONS = (Reason.PAUSED, Reason.BREAKER, Reason.SHARE)


def paced_in(seed: int) -> random.Random | None:
    """The chance of the seed's pace, which is its own: the weather of a seed is the same with a pace and without one. None: it has no pace."""
    chance = random.Random(f"pace {seed}")
    return chance if chance.random() < _SHARE else None


class SimulatedPace(Unpaced):
    """What every process of a seed shares. Permits are of the greenlet that took them; `wrong` hears of those that nobody used or gave back."""

    def __init__(self, hub: Hub, weather: Weather, chance: random.Random, wrong: Callable[[str, str], None]) -> None:
        """Some calls a minute, of which looks may take half: that is as many as one deletion needs, at least."""
        self._hub, self._weather, self._chance, self._wrong = hub, weather, chance, wrong
        self._budget, self._rate = chance.choice((6, 8, 16, 40)), 0.5 * chance.random() ** 2
        self._calls: dict[str, dict[int, tuple[datetime, Kind]]] = {}
        self._mine: dict[greenlet, dict[tuple[str, Kind], Ticket]] = {}
        self._number = count(1)

    @override
    def permit(self, account: str, kind: Kind, *, retry: bool = False) -> Held | None:
        """Another boundary: Redis is asked, and meanwhile others go on."""
        self._hub.cross(f"before a permit to {kind}")
        for tickets in [self._mine.pop(actor) for actor in list(self._mine) if actor.dead]:
            for kept in tickets.values():
                self._wrong("permit kept", f"{kept} by somebody who is gone")
        if self._ticket_of(account, kind) is not None:
            return None
        taken = self._take(account, kind)
        if isinstance(taken, Held):
            return taken
        self._mine.setdefault(getcurrent(), {})[account, kind] = taken
        return None

    @override
    def release(self) -> None:
        """Of this greenlet alone."""
        for ticket in self._mine.pop(getcurrent(), {}).values():
            self._calls[ticket.account].pop(ticket.at, None)

    @override
    def room(self, account: str, kind: Kind) -> int:
        """What is left of the budget."""
        begin = self._hub.now - MINUTE
        self._calls[account] = {call: one for call, one in self._calls.get(account, {}).items() if one[0] > begin}
        sent = [of for _, of in self._calls[account].values()]
        left = self._budget - len(sent)
        return left if kind.pays else min(left, max(self._budget // 2, 1) - sum(not of.pays for of in sent))

    @override
    def enter(self, account: str, kind: Kind) -> Ticket | Held:
        """A permit that grew old stays where it is until it is given back."""
        if self._ticket_of(account, kind) is None:
            return self._take(account, kind)
        return self._mine[getcurrent()].pop((account, kind))

    def _ticket_of(self, account: str, kind: Kind) -> Ticket | None:
        ticket = self._mine.get(getcurrent(), {}).get((account, kind))
        taken = self._calls[account].get(ticket.at) if ticket else None
        return ticket if taken and self._hub.now - taken[0] < _OLD else None

    def _take(self, account: str, kind: Kind) -> Ticket | Held:
        if (held := self._held(account, kind)) is not None:
            return held
        call = next(self._number)
        self._calls[account][call] = self._hub.now, kind
        return Ticket(account, kind, str(call), call)

    def _held(self, account: str, kind: Kind) -> Held | None:
        if self.room(account, kind) <= 0:
            return self._tell(Held(MINUTE, Reason.BUDGET))
        if self._weather.calm or self._chance.random() >= self._rate:
            return None
        reason = self._chance.choice((*_REASONS, Reason.FULL) if kind is Kind.CONVERSE else _REASONS)
        return self._tell(Held(self._chance.choice((SECOND, MINUTE, 10 * MINUTE)) * self._chance.random(), reason))

    def _tell(self, held: Held) -> Held:
        self._weather.met[f"held back: {held.reason}"] += 1
        if self._hub.tell:
            self._hub.tell(self._hub.who, f"held back for {held.after}: {held.reason}")
        return held


class PacedVendor(PacedTavus, SimulatedTavus):
    """The product's own paced client over the simulated line."""

    def __init__(self, pace: Pacer, *line: Any) -> None:  # noqa: ANN401 - what SimulatedTavus takes
        SimulatedTavus.__init__(self, *line)
        self._pace, self._counts = pace, UNCOUNTED


def pace_of(chance: random.Random | None, hub: Hub, weather: Weather, wrong: Callable[[str, str], None]) -> Pacer:
    """The pace of a seed with that chance; see `paced_in`."""
    return SimulatedPace(hub, weather, chance, wrong) if chance else UNPACED


def client_of(pace: Pacer, world: World, weather: Weather, hub: Hub, keys: Mapping[str, SecretStr], *heard: Any) -> PacedVendor:  # noqa: ANN401 - what SimulatedTavus hands on
    """The client of a seed; `heard` as SimulatedTavus takes them."""
    return PacedVendor(pace, Front(world, weather), weather, hub, keys, *heard)
