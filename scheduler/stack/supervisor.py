"""Keeps the processes of the stack running, and stops them in order. It may not know what they do."""

import asyncio
from collections.abc import Sequence

from scheduler.stack.child import Child, Program
from scheduler.stack.errors import StackError
from scheduler.stack.output import Output
from scheduler.stack.switch import Switch

# First nothing new comes in, then nothing new falls due, then what runs is finished while somebody may still watch. What they all stand on is last.
_STOPPED_IN_ORDER = ("web", "beat", "worker", "flower")


class Supervisor:
    """Starts, watches, stops. All of it on one event loop that sleeps until a signal, an exit or a line of output."""

    def __init__(self, output: Output, switch: Switch, hurry: asyncio.Event) -> None:
        """`hurry`: once it is set, whoever does not end at once is killed."""
        self._output, self._switch, self._hurry = output, switch, hurry
        self._children: list[Child] = []
        self._is_steady = False
        self._is_stopping = False
        self.broken: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        """Fails with a StackError when a process ends before `settle`: what does not start once will not start by itself."""

    @property
    def is_needed(self) -> bool:
        """Whether there is anybody to stop."""
        return bool(self._children)

    def start(self, program: Program) -> None:
        """Start a process, and start it again whenever it ends."""
        self._children.append(Child(program, self._output, self._switch, self._is_to_go_on))

    def settle(self) -> None:
        """The stack is ready: from now on a process that ends is started again, for ever."""
        self._is_steady = True

    async def stop(self) -> None:
        """Stop one after the other; who others stand on last, in the reverse order of their start."""
        self._is_stopping = True
        for child in _in_order_of_stop(self._children):
            await child.stop(self._hurry)
        if not self.broken.cancel():
            self.broken.exception()  # it was told, or another failure was first

    def _is_to_go_on(self, name: str, how: str) -> bool:
        if not (self._is_steady or self._is_stopping or self.broken.done()):
            last = self._output.tail(name)
            self.broken.set_exception(
                StackError(f"{name} {how} before the stack was ready. Its last lines:\n{last}\nAll lines: {self._output.path}")
            )
        return self._is_steady


def _in_order_of_stop(children: Sequence[Child]) -> list[Child]:
    order = {name: place for place, name in enumerate(_STOPPED_IN_ORDER)}
    others = [child for child in children if not child.program.is_ground]
    others.sort(key=lambda child: order.get(child.program.name, order["worker"]))
    return others + [child for child in reversed(children) if child.program.is_ground]
