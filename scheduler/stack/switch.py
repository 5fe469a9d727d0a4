"""The supervisor's end of the dead man's switch. It may not end anything itself: see `deadman`, which runs in a process of its own."""

import asyncio
import contextlib
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

_SCRIPT = Path(__file__).with_name("deadman.py")


class Switch:
    """Holds back the end of every enlisted process group for as long as this process lives."""

    def __init__(self, lock: int, leftovers: Sequence[Path]) -> None:
        """`lock`: kept locked until all are ended. `leftovers`: files and empty folders to remove then."""
        self._lock, self._leftovers = lock, [str(path) for path in leftovers]
        # Both ends stay open here, so that a child that enlists itself while the switch is being replaced is not ended by SIGPIPE.
        self._read_end, self.write_end = os.pipe()
        self._groups: dict[int, int] = {}
        self._is_closed = False
        self._keeper: asyncio.Task[None] | None = None

    async def open(self) -> None:
        """Start the other process."""
        started = asyncio.Event()
        self._keeper = asyncio.create_task(self._keep(started))
        await started.wait()

    def enlist(self, group: int, place: int) -> None:
        """Remember a process group that was started with `enlisting`."""
        self._groups[group] = place

    def forget(self, group: int) -> None:
        """A process group is gone: its number may be given to a stranger."""
        self._groups.pop(group, None)
        self._write(f"gone {group}")

    async def close(self) -> None:
        """Let it end whatever is left, tidy, and free the lock."""
        self._is_closed = True
        os.close(self.write_end)
        if self._keeper is not None:
            await self._keeper
        os.close(self._read_end)
        os.close(self._lock)

    async def _keep(self, started: asyncio.Event) -> None:
        while True:
            # -I and -S: neither the environment nor site-packages, for a start in milliseconds.
            process = await asyncio.create_subprocess_exec(
                sys.executable, "-I", "-S", str(_SCRIPT), *self._leftovers,
                stdin=self._read_end, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, pass_fds=(self._lock,), start_new_session=True,
            )  # fmt: skip
            started.set()
            await process.wait()
            if self._is_closed:
                return
            for group, place in self._groups.items():  # somebody ended it: the next one must know what that one knew
                self._write(f"{place} {group}")

    def _write(self, line: str) -> None:
        with contextlib.suppress(OSError):
            os.write(self.write_end, f"{line}\n".encode())


def enlisting(command: str, place: int) -> str:
    """The shell script that enlists itself at the switch, which is its standard input, and becomes `command`.

    The child does it, before all else, so that there is no moment at which it runs and the switch does not know.
    """
    return f"echo {place} $$ >&0; exec </dev/null\n{command}"
