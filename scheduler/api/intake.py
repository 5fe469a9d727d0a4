"""Takes single requests in together: whoever comes while others are being stored is stored with the next, in one transaction. It may not judge any.

No timer and no delay: a request that comes alone is stored alone, at once. Under load the groups grow by themselves, and with them what a commit, a
question to the ledger and a message to the broker are worth.
"""

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Generic, TypeVar

Given = TypeVar("Given")
Made = TypeVar("Made")
_MOST = 200  # in one group: some ten milliseconds of work, which those who wait for the next must wait too


class Intake(Generic[Given, Made]):
    """One an API, used from its event loop. `store` blocks; it answers for each that it was given, in order, with what came of it or an error."""

    def __init__(self, store: Callable[[Sequence[Given]], Sequence[Made | Exception]]) -> None:
        self._store = store
        self._waiting: list[tuple[Given, asyncio.Future[Made]]] = []
        self._serving: asyncio.Task[None] | None = None
        self._thread = ThreadPoolExecutor(1, "intake")  # one: two transactions at once would each be half as large, and not be done sooner

    async def take(self, given: Given) -> Made:
        """What became of it, once it is stored. Raises the error that `store` has for it, or raises for all."""
        mine: asyncio.Future[Made] = asyncio.get_running_loop().create_future()
        self._waiting.append((given, mine))
        if self._serving is None:
            self._serving = asyncio.create_task(self._serve())
        return await mine

    def close(self) -> None:
        """End the thread, once what it stores is stored."""
        self._thread.shutdown()

    async def _serve(self) -> None:
        while self._waiting:
            group, self._waiting = self._waiting[:_MOST], self._waiting[_MOST:]
            try:
                outcomes = await asyncio.get_running_loop().run_in_executor(self._thread, self._store, [given for given, _ in group])
            except Exception as error:  # noqa: BLE001 - each of them is told, and this task must outlive it
                outcomes = [error] * len(group)
            for (_, waiting), outcome in zip(group, outcomes, strict=True):
                _tell(waiting, outcome)
        self._serving = None


def _tell(waiting: "asyncio.Future[Made]", outcome: Made | Exception) -> None:
    if waiting.done():  # whoever asked has gone
        return
    if isinstance(outcome, Exception):
        waiting.set_exception(outcome)
    else:
        waiting.set_result(outcome)
