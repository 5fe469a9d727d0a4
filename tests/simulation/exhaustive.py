"""One crash and one fault, at every place of the straight line: no chance at all. It may not skip a boundary or a call that the line has."""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta

from tests.sandbox.faults import Kind
from tests.sandbox.rules import Rules as TavusRules
from tests.simulation import orders, troubles
from tests.simulation.hub import Actor
from tests.simulation.ledgers import MEMORY, ledger_of
from tests.simulation.pipeline import BEGIN, Result, Simulation
from tests.simulation.troubles import Trouble
from tests.simulation.weather import HOUR, MINUTE, Climate, Weather

# Callbacks are lost: the line is that of polls. The training is so short that the first look finds it over.
_SHORT = TavusRules(callback_loss=1.0, typical=16 * MINUTE, spread=0.0)


@dataclass(frozen=True, slots=True)
class Script:
    """What goes wrong: death at the boundary of that number, and a trouble at the call of that number. None: nothing.

    `go_on`: whether tasks go on with what they found, or ring for it, which is another line.
    """

    dies_at: int | None = None
    call: int | None = None
    trouble: Trouble | None = None
    go_on: bool = True


class ScriptedWeather(Weather):
    """Fair weather but for the script. It writes down what it sees of the line: `boundaries` and `calls`."""

    def __init__(self, script: Script) -> None:
        super().__init__(Climate(), random.Random(0))
        self._script = script
        self.boundaries: list[str] = []
        self.calls: list[Kind] = []

    @property
    def kills_the_process(self) -> bool:
        """Nobody else is there to be killed."""
        return True

    def at(self, boundary: str, actor: Actor) -> timedelta | None:
        """Death at the one boundary."""
        self.boundaries.append(f"{actor.name}: {boundary}")
        return None if len(self.boundaries) - 1 == self._script.dies_at else timedelta(0)

    def trouble(self, kind: Kind, since: timedelta) -> Trouble | None:
        """The trouble of the one call."""
        del since
        self.calls.append(kind)
        self._next = self._script.trouble if len(self.calls) - 1 == self._script.call else None
        return self._next


def live(script: Script, kind: str = MEMORY) -> tuple[Result, ScriptedWeather]:
    """One job that trains well and wants its conversation, under this script."""
    weather = ScriptedWeather(script)
    job = orders.a_job(0, BEGIN)
    with ledger_of(kind) as ledger:
        simulation = Simulation(0, ledger, weather, [job], _SHORT, workers=1, go_on=script.go_on)
        return simulation.run(8 * HOUR), weather


def scripts(*, go_on: bool) -> Iterator[Script]:
    """Death at every boundary of the straight line or at none, and with each every trouble of every call that is made then, or none."""
    _, line = live(Script(go_on=go_on))
    for dies_at in (None, *range(len(line.boundaries))):
        _, calls = live(Script(dies_at, go_on=go_on))
        yield Script(dies_at, go_on=go_on)
        for call, kind in enumerate(calls.calls):
            yield from (Script(dies_at, call, trouble, go_on) for trouble in troubles.of(kind))
