"""The dead man's switch: ends the stack when the supervisor is gone, however it went. Run by its path; it may import only what starts fast.

It reads `<place> <process group>` and `gone <process group>` lines from standard input until every writer is gone, which no `kill -9` of the
supervisor can prevent. Then it ends the groups that are left, place by place, and removes the files named in its arguments.
Not PR_SET_PDEATHSIG: that is Linux only, reaches a child but not its children, is bound to the thread that forked, and would end the broker under
the worker, which then waits for a broker that never comes. This way the order holds even then.
"""

import contextlib
import os
import signal
import sys
import time

_GRACE_SECONDS = 5.0  # nobody is there to be told about the last task any more, and leases cover it
_KILLED_SECONDS = 1.0  # SIGKILL needs no longer, unless nobody reaps the dead
_LOOK_SECONDS = 0.05


def main(leftovers: list[str]) -> None:
    """Wait for the end of standard input; then end and tidy."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)  # at a shutdown everybody gets them at once; this process is the last to go
    places: dict[int, int] = {}
    for line in sys.stdin:
        word, group = line.split()
        if word == "gone":  # at once, since the number may be given to a stranger
            places.pop(int(group), None)
        else:
            places[int(group)] = int(word)
    for place in sorted(set(places.values())):
        _end([group for group, its in places.items() if its == place])
    for path in leftovers:
        with contextlib.suppress(OSError):
            (os.rmdir if os.path.isdir(path) else os.unlink)(path)  # noqa: PTH112 - pathlib takes longer to import than all else


def _end(groups: list[int]) -> None:
    _signal(groups, signal.SIGTERM)
    _wait_for(groups, _GRACE_SECONDS)
    _signal(groups, signal.SIGKILL)  # whoever is slow, and what the quick have left behind
    _wait_for(groups, _KILLED_SECONDS)


def _signal(groups: list[int], number: int) -> None:
    for group in groups:
        with contextlib.suppress(ProcessLookupError, PermissionError):  # the latter: macOS, where only zombies are left
            os.killpg(group, number)


def _wait_for(groups: list[int], patience: float) -> None:
    until = time.monotonic() + patience
    while time.monotonic() < until and any(map(_runs, groups)):
        time.sleep(_LOOK_SECONDS)


def _runs(leader: int) -> bool:
    """Whether that process runs. Orphans are reaped by process 1, which in a container may do so late or never: a zombie does not run."""
    try:
        with open(f"/proc/{leader}/stat", "rb") as file:  # noqa: PTH123 - see above
            return file.read().rpartition(b")")[2].split()[0] not in (b"Z", b"X")
    except OSError:
        if os.path.isdir("/proc/self"):  # noqa: PTH112 - see above
            return False
    try:
        os.killpg(leader, 0)
    except (ProcessLookupError, PermissionError):
        return False
    return True


if __name__ == "__main__":
    main(sys.argv[1:])
