"""One stack to a home: two servers on one append-only file would ruin it. It may not decide where the home is."""

import fcntl
import os
from pathlib import Path

from scheduler.stack.errors import StackError


def lock(path: Path) -> int:
    """An open file whose lock lasts until every process that has it is gone, and which holds our process id. Raises StackError when taken."""
    while True:
        file = _open(path)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.read(file, 20).decode() or "unknown"
            os.close(file)
            raise StackError(
                f"`replicas run` is already running on {path.parent} (process {holder}), or its processes are still ending. "
                "Stop that one first, or give this one a REPLICAS_HOME and ports of its own."
            ) from None
        # Whoever ends removes the file: a lock on a file that is no longer there would keep nobody out.
        if _is_still_there(file, path):
            os.truncate(file, 0)
            os.write(file, str(os.getpid()).encode())
            return file
        os.close(file)


def _open(path: Path) -> int:
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)  # requests hold addresses, and those open things
        return os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise StackError(
            f"{path.parent} cannot be used: {error.strerror}. Set REPLICAS_HOME to a folder in which this user may write."
        ) from None


def _is_still_there(file: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(file), path.stat())
    except FileNotFoundError:
        return False
