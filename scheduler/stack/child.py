"""One supervised process: started, its output passed on, started again when it ends, stopped in time. It knows no other process."""

import asyncio
import os
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from scheduler.stack.output import LinePipe, Output
from scheduler.stack.switch import Switch, enlisting

_FIRST_WAIT, _LONGEST_WAIT = 0.5, 30.0  # seconds before a process is started again; doubled each time
_STEADY_SECONDS = 60.0  # a process that ran for as long is well: its next end is a first one
_LOOK_SECONDS = 0.05


@dataclass(frozen=True, slots=True)
class Program:
    """What to start. `command`: a shell line, best beginning with `exec`. `is_ground`: others stand on it, so it goes last."""

    name: str
    command: str
    grace: timedelta
    """How long it may take to end after SIGTERM, before SIGKILL."""
    is_ground: bool = False


class Child:
    """A process in a session of its own, so that Ctrl-C in the terminal reaches the supervisor alone, which then stops all in order."""

    def __init__(self, program: Program, output: Output, switch: Switch, on_end: Callable[[str, str], bool]) -> None:
        """`on_end(name, how)` is asked whether a process that ended unasked is to be started again."""
        self.program = program
        self._output, self._switch, self._on_end = output, switch, on_end
        self._is_stopping = False
        self._group: int | None = None
        self._life = asyncio.create_task(self._keep())

    async def stop(self, now: asyncio.Event) -> None:
        """SIGTERM to the whole group, and SIGKILL when its grace is over or `now` is set. Returns when nobody of it is left."""
        self._is_stopping = True
        self._signal(signal.SIGTERM)
        if self._group is None:
            self._life.cancel()  # it waits to be started again
        hurry = asyncio.create_task(now.wait())
        await asyncio.wait({self._life, hurry}, timeout=self.program.grace.total_seconds(), return_when=asyncio.FIRST_COMPLETED)
        hurry.cancel()
        if not self._life.done():
            self._output.say(f"{self.program.name} did not end in time and is killed")
            self._signal(signal.SIGKILL)
        await asyncio.gather(self._life, return_exceptions=True)  # whatever went wrong with this one, the others are still to be stopped

    async def _keep(self) -> None:
        pipe = LinePipe(self.program.name, self._output)
        try:
            await self._live(pipe)
        finally:
            pipe.close()

    async def _live(self, pipe: LinePipe) -> None:
        wait = _FIRST_WAIT
        while True:
            began = time.monotonic()
            how = await self._run(pipe)
            if self._is_stopping or not self._on_end(self.program.name, how):
                return
            if time.monotonic() - began >= _STEADY_SECONDS:
                wait = _FIRST_WAIT
            self._output.say(f"{self.program.name} {how}; starting it again in {wait:g} s")
            await asyncio.sleep(wait)
            wait = min(wait * 2, _LONGEST_WAIT)

    async def _run(self, pipe: LinePipe) -> str:
        """One life of the process; how it ended."""
        script = enlisting(self.program.command, place=int(self.program.is_ground))
        end = pipe.write_end
        try:
            process = await asyncio.create_subprocess_exec(
                "/bin/sh", "-c", script, stdin=self._switch.write_end, stdout=end, stderr=end, start_new_session=True
            )
        except OSError as error:  # no memory, or no process more for this user: neither need last
            return f"could not be started ({error.strerror})"
        self._group = process.pid
        self._switch.enlist(process.pid, int(self.program.is_ground))
        if self._is_stopping:
            self._signal(signal.SIGTERM)
        status = await process.wait()
        await self._end_the_rest()
        self._switch.forget(process.pid)
        self._group = None
        return f"was ended by {signal.Signals(-status).name}" if status < 0 else f"ended with exit status {status}"

    async def _end_the_rest(self) -> None:
        """The leader is gone. What it leaves behind may finish when we are stopping; after a crash it would get in its successor's way."""
        while self._is_stopping and self._signal(0):  # noqa: ASYNC110 - nothing tells when a group is empty
            await asyncio.sleep(_LOOK_SECONDS)
        self._signal(signal.SIGKILL)

    def _signal(self, number: int) -> bool:
        """Whether anybody of the group was there to get it."""
        if self._group is None:
            return False
        try:
            os.killpg(self._group, number)
        except (ProcessLookupError, PermissionError):  # the latter: macOS, where only the dead are left
            return False
        return True
