"""Where the lines of the processes go: one log file with all of them, and the terminal unless that is kept for something else.

It may not judge what they say, and may not fail: a terminal that is gone must not end the stack.
"""

import asyncio
import contextlib
import logging
import os
import sys
import time
from collections import deque
from logging.handlers import RotatingFileHandler
from pathlib import Path

_OURS = "stack"
_WIDTH = 7  # of the names' column: as wide as "sandbox"
_COLOURS = {"web": 36, "worker": 32, "beat": 33, "flower": 35, "broker": 34, "sandbox": 37, _OURS: 1}
_FILE_BYTES, _FILES_KEPT = 10_000_000, 2  # a stack that runs for a year must not fill the disk
_TAIL = 15  # lines that are quoted when a process fails at the start
_READ_BYTES = 65_536
_LINE_BYTES = 65_536  # a line that is longer is cut there, so that a process that never ends one takes no memory


class Output:
    """The lines of all processes, by name."""

    def __init__(self, path: Path, *, is_quiet: bool) -> None:
        """Write to `path`; `is_quiet`: only the stack's own lines reach the terminal."""
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)  # requests hold addresses, and those open things
        self.path = path
        self._is_quiet = is_quiet
        self._file = RotatingFileHandler(path, maxBytes=_FILE_BYTES, backupCount=_FILES_KEPT, encoding="utf-8")
        self._tails: dict[str, deque[str]] = {}

    def announce(self, text: str) -> None:
        """What the command was typed for: on standard output, which has nothing else."""
        with contextlib.suppress(OSError, ValueError):
            sys.stdout.write(f"{text}\n")
            sys.stdout.flush()

    def say(self, text: str) -> None:
        """A line of the stack itself: always to be seen."""
        self._show(_OURS, text)
        self._keep(_OURS, text)

    def line(self, name: str, text: str) -> None:
        """A line of the process `name`."""
        self._tails.setdefault(name, deque(maxlen=_TAIL)).append(text)
        if not self._is_quiet:
            self._show(name, text)
        self._keep(name, text)

    def tail(self, name: str) -> str:
        """The last lines of the process `name`, indented."""
        return "\n".join(f"    {text}" for text in self._tails.get(name, ()))

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _show(self, name: str, text: str) -> None:
        prefix = f"{name:<{_WIDTH}} |"
        with contextlib.suppress(OSError, ValueError):  # the terminal was closed, or the reader of the pipe has left
            if sys.stderr.isatty():
                prefix = f"\x1b[{_COLOURS.get(name, 37)}m{prefix}\x1b[0m"
            sys.stderr.write(f"{prefix} {text}\n")
            sys.stderr.flush()

    def _keep(self, name: str, text: str) -> None:
        moment = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        self._file.handle(logging.makeLogRecord({"msg": f"{moment} {name:<{_WIDTH}} | {text}"}))


class LinePipe:
    """A pipe whose write end is a process' output, for as many lives as the process has; each line that comes out goes to `output`.

    Not asyncio's own pipes: there a process only counts as ended when every grandchild has closed its output.
    """

    def __init__(self, name: str, output: Output) -> None:
        """Begin to read."""
        self._name, self._output, self._part = name, output, b""
        self._read_end, self.write_end = os.pipe()
        os.set_blocking(self._read_end, False)
        asyncio.get_running_loop().add_reader(self._read_end, self._read)

    def close(self) -> None:
        """Read what is left, and stop."""
        os.close(self.write_end)
        self._read()
        if self._part:
            self._output.line(self._name, self._part.decode(errors="replace"))
        asyncio.get_running_loop().remove_reader(self._read_end)
        os.close(self._read_end)

    def _read(self) -> None:
        with contextlib.suppress(BlockingIOError):
            *lines, self._part = (self._part + os.read(self._read_end, _READ_BYTES)).split(b"\n")
            if len(self._part) > _LINE_BYTES:
                lines, self._part = [*lines, self._part], b""
            for line in lines:
                self._output.line(self._name, line.rstrip(b"\r").decode(errors="replace"))
