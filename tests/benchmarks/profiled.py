"""The worker's app under Python's own profiler: `celery --app tests.benchmarks.profiled worker`. It may change nothing else of the app.

Each thread has a profile of its own, by the thread's own processor time: what waits costs nothing. SIGUSR2 writes them all to the file PROFILE_TO
names, as one.
"""

import cProfile
import os
import pstats
import signal
import threading
import time
from pathlib import Path
from types import FrameType
from typing import Any

from scheduler.celery import app

__all__ = ["app"]

_VARIABLE = "PROFILE_TO"
_profiles: list[cProfile.Profile] = []


def _begin(*_event: Any) -> None:  # noqa: ANN401 - what sys.setprofile hands over
    """Profile this thread from now on."""
    profile = cProfile.Profile(time.thread_time)
    _profiles.append(profile)
    profile.enable()


class _Snapshot(cProfile.Profile):
    """A profile as pstats reads it. Not the profile itself: it would be ended, by the clock of whichever thread reads it."""

    def __init__(self, profile: cProfile.Profile) -> None:
        super().__init__()
        profile.snapshot_stats()
        self.stats = profile.stats

    def create_stats(self) -> None:
        """It is made."""


def _write(_number: int, _frame: FrameType | None) -> None:
    whole = pstats.Stats(_Snapshot(_profiles[0]))
    for profile in _profiles[1:]:
        whole.add(_Snapshot(profile))
    aside = Path(os.environ[_VARIABLE]).with_suffix(".part")
    whole.dump_stats(aside)
    aside.replace(os.environ[_VARIABLE])


if _VARIABLE in os.environ:
    threading.setprofile(_begin)
    _begin()
    signal.signal(signal.SIGUSR2, _write)
