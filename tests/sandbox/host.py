"""One running sandbox: its clock, its rules, and the world that a reset replaces. It owns no socket and no thread."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from tests.sandbox import report
from tests.sandbox.clock import Clock
from tests.sandbox.faults import Faults
from tests.sandbox.front import Front
from tests.sandbox.rules import Rules
from tests.sandbox.world import World

Settings = Mapping[str, Any]


class Host:
    """Everything that the HTTP shell and the admin share. Used from one thread only."""

    def __init__(self, rules: Rules, clock: Clock, keys: Mapping[str, Settings], faults: Sequence[Settings]) -> None:
        """Begin with these accounts and this fault script; once any key is named, strangers are refused."""
        self.clock = clock
        self._rules = replace(rules, open_to_all=rules.open_to_all and not keys)
        self._keys, self._faults = keys, faults
        self.front = self._fresh()
        # Whoever keeps a timer wants to know when the clock was moved or the world replaced.
        self.on_jump: Callable[[], None] = _nothing

    @property
    def world(self) -> World:
        """The world as it is, without what fell due since the last look."""
        return self.front.world

    def settled(self) -> tuple[World, datetime]:
        """The world with everything done that is due, and the time."""
        now = self.clock.now()
        self.world.settle(now)
        return self.world, now

    def ledger(self) -> dict[str, Any]:
        """The ledger as JSON material."""
        return report.ledger(*self.settled(), self.clock.speed)

    def set_faults(self, lines: Sequence[Settings]) -> None:
        """Replace the fault script; its chance begins anew."""
        self.front.faults = Faults(lines, self._rules.seed)

    def reset(self) -> None:
        """Forget everything and begin again as at the start; the clock goes on."""
        self.front = self._fresh()

    def _fresh(self) -> Front:
        world = World(self._rules)
        for key, settings in self._keys.items():
            world.accounts.change(key, settings)
        return Front(world, Faults(self._faults, self._rules.seed))


def _nothing() -> None:
    """Nobody keeps a timer yet."""
