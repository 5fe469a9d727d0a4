"""Real processes, each in a group of its own. None outlives the `with` that it was started in, nor the tests themselves, however they end."""

import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from scheduler.stack import deadman
from scheduler.stack.switch import enlisting

_PATIENCE_SECONDS = 30.0


class Processes:
    """Starts processes and ends them. The dead man's switch of `replicas run` holds them too, for the case that pytest itself is killed."""

    def __init__(self, said: Path, leftovers: Sequence[Path] = ()) -> None:
        """`said`: a folder for what they write. `leftovers`: files and empty folders to remove when all are gone."""
        self._said, self._leftovers = said, leftovers
        self._running: dict[int, subprocess.Popen[bytes]] = {}

    def __enter__(self) -> Self:
        """Arm the switch."""
        read_end, self._switch = os.pipe()
        words = [sys.executable, "-I", "-S", deadman.__file__, *map(str, self._leftovers)]
        self._keeper = subprocess.Popen(words, stdin=read_end, start_new_session=True)
        os.close(read_end)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """Kill whatever runs, in the order of its start turned round: the broker goes last."""
        for process in reversed(list(self._running.values())):
            self.kill(process)
        os.close(self._switch)
        self._keeper.wait(_PATIENCE_SECONDS)

    def start(
        self, name: str, command: str, environment: Mapping[str, str], folder: Path, user: str | None = None
    ) -> subprocess.Popen[bytes]:
        """Start a shell line, as a Procfile has them, in `folder`; what it writes goes to a file that `said` reads.

        `user`: somebody else, for a program that root may not run.
        """
        with (self._said / f"{name}.log").open("ab") as said:
            words = ["/bin/sh", "-c", enlisting(command, place=0)]
            process = subprocess.Popen(
                words, stdin=self._switch, stdout=said, stderr=said, env=dict(environment), cwd=folder, start_new_session=True, user=user
            )
        self._running[process.pid] = process
        return process

    def kill(self, process: subprocess.Popen[bytes]) -> None:
        """`kill -9`, to the whole group."""
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait(_PATIENCE_SECONDS)
        if self._running.pop(process.pid, None) is not None:
            os.write(self._switch, f"gone {process.pid}\n".encode())

    def said(self) -> str:
        """All that any of them wrote."""
        return "".join(path.read_text(errors="replace") for path in sorted(self._said.glob("*.log")))
