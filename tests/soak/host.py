"""What the host itself does meanwhile: how late it wakes who sleeps, and how long its disk takes to keep a page. It knows nothing of jobs.

Whoever sees a row wait for seconds wants to know whether the system slept, or the host.
"""

import os
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Self

_EVERY_SECONDS = 0.25  # a stall that keeps a row waiting lasts a second; four pages a second are no load
_PAGE = b"\0" * 4096


@dataclass(frozen=True, slots=True)
class Stall:
    """The worst since the last look: seconds that a thread woke late, and that a page took to the disk."""

    late: float = 0.0
    kept: float = 0.0


class Host:
    """A thread for as long as a `with` lasts. `file`: written to on the disk that is looked at."""

    def __init__(self, file: Path) -> None:
        self._file, self._over, self._lock = file, threading.Event(), threading.Lock()
        self._thread = threading.Thread(target=self._look, name="host", daemon=True)
        self._worst = Stall()

    def __enter__(self) -> Self:
        """Begin to look."""
        self._file.parent.mkdir(parents=True, exist_ok=True)
        self._thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        """End."""
        self._over.set()
        self._thread.join()

    def worst(self) -> Stall:
        """Since this was last asked."""
        with self._lock:
            worst, self._worst = self._worst, Stall()
        return worst

    def _look(self) -> None:
        with self._file.open("wb", buffering=0) as page:
            began = time.monotonic()
            while not self._over.wait(_EVERY_SECONDS):
                late = time.monotonic() - began - _EVERY_SECONDS
                began = time.monotonic()
                page.seek(0)
                page.write(_PAGE)
                os.fsync(page.fileno())
                kept, began = time.monotonic() - began, time.monotonic()
                with self._lock:
                    self._worst = Stall(max(self._worst.late, late), max(self._worst.kept, kept))
