"""Virtual time, and who goes on in it: every actor is a greenlet that comes back here at each boundary. It knows nothing of jobs or of Tavus."""

import heapq
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import count
from typing import Protocol

from greenlet import getcurrent, greenlet

Act = Callable[[], None]
_NOTHING = timedelta(0)


class DiedError(BaseException):
    """The process is gone: like a kill, it is no Exception that anybody could handle."""


class RestlessError(Exception):
    """More boundaries were crossed than any number of jobs needs: something goes round in a circle."""


@dataclass(slots=True)
class Actor:
    """One piece of work in one process, such as a task or a request to the API."""

    name: str
    process: int
    act: Act
    is_killed: bool = False
    failed: Callable[[Exception], None] = field(kw_only=True)


class Fate(Protocol):
    """What becomes of an actor at a boundary."""

    def at(self, boundary: str, actor: Actor) -> timedelta | None:
        """How long it stays there; None: it dies there."""

    @property
    def kills_the_process(self) -> bool:
        """Whether everybody else in the process dies with it."""


class Hub:
    """The virtual clock, what is to happen when, and the actors. Time stands still unless somebody waits."""

    def __init__(self, fate: Fate, now: datetime, most: int) -> None:
        """Begin at `now`; after `most` boundaries it is over."""
        self.now, self._fate, self._left = now, fate, most
        self._queue: list[tuple[datetime, int, Act]] = []
        self._number = count()
        self._loop = getcurrent()
        self._actors: dict[greenlet, Actor] = {}
        self.crossed = self.died = 0
        self.tell: Callable[[str, str], None] | None = None

    def clock(self) -> datetime:
        """The virtual time, as the engine reads it."""
        return self.now

    @property
    def who(self) -> str:
        """The name of the actor that runs now."""
        actor = self._actors.get(getcurrent())
        return actor.name if actor else "-"

    def at(self, moment: datetime, act: Act) -> None:
        """Have `act` done at `moment`, by nobody who could die."""
        heapq.heappush(self._queue, (max(moment, self.now), next(self._number), act))

    def spawn(self, actor: Actor, after: timedelta = _NOTHING) -> None:
        """Let an actor begin."""
        self.at(self.now + after, lambda: self._begin(actor))

    def cross(self, boundary: str) -> None:
        """Come to a boundary: die there, or stay a while, during which others go on. Nothing outside an actor."""
        actor = self._actors.get(getcurrent())
        if actor is None:
            return
        self.crossed += 1
        if self.crossed > self._left:
            raise RestlessError(f"{self.crossed} boundaries")
        delay = self._fate.at(boundary, actor)
        if delay is None:
            self.died += 1
            if self.tell:
                self.tell(actor.name, f"DIES {boundary}")
            if self._fate.kills_the_process:
                for other in self._actors.values():
                    other.is_killed |= other.process == actor.process
            raise DiedError(boundary)
        self.pause(delay)

    def pause(self, delay: timedelta) -> None:
        """Let time pass for the actor that calls, and for everybody else. Raises DiedError if its process ended meanwhile."""
        until = self.now + delay
        if not self._queue or until < self._queue[0][0]:
            self.now = until  # nobody else has anything to do until then
            return
        me = getcurrent()
        self.at(until, me.switch)
        self._loop.switch()
        if self._actors[me].is_killed:
            self.died += 1
            raise DiedError

    def run(self) -> None:
        """Let everything happen, until nothing is left to happen."""
        while self._queue:
            moment, _, act = heapq.heappop(self._queue)
            self.now = max(self.now, moment)
            act()

    def _begin(self, actor: Actor) -> None:
        def life() -> None:
            try:
                actor.act()
            except DiedError:
                pass
            except Exception as error:  # noqa: BLE001 - a task that fails is logged by Celery and ends; here its owner judges it
                actor.failed(error)
            finally:
                del self._actors[body]

        body = greenlet(life, self._loop)
        self._actors[body] = actor
        body.switch()
