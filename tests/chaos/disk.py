"""A full disk under SQLite: no process may make a file longer than the ledger's files are now. It may not touch the files themselves.

The limit is that of `ulimit -f`, set on running processes; Python ignores the signal, so a write that is too long fails as one to a full disk does.
"""

from contextlib import suppress
from pathlib import Path

import psutil

from tests.chaos.ground import Ground


def fill(ground: Ground, _name: str) -> None:
    """From now on no write that would make the ledger longer succeeds."""
    sizes = [path.stat().st_size for path in _files(ground)]
    _limit(ground, min(sizes, default=0))


def free(ground: Ground, _name: str) -> None:
    """There is room again."""
    _limit(ground, psutil.RLIM_INFINITY)


def _files(ground: Ground) -> list[Path]:
    return [path for path in ground.folder.glob("ledger.db*") if not path.name.endswith("-shm")]


def _limit(ground: Ground, most: int) -> None:
    for name in ground.names:
        process = ground.running.get(name)
        with suppress(psutil.NoSuchProcess):
            if process is not None:
                psutil.Process(process.pid).rlimit(psutil.RLIMIT_FSIZE, (most, psutil.RLIM_INFINITY))
