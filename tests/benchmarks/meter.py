"""What processes cost: the processor's time and the memory of each with all its children. It starts and ends none."""

from collections.abc import Iterable, Iterator

import psutil

_MEGABYTE = 1024 * 1024


def cpu_seconds(roots: Iterable[int]) -> float:
    """User and system time that these processes and their children have taken so far, of children that have ended too."""
    spent = 0.0
    for one in _families(roots):
        try:
            spent += sum(one.cpu_times()[:4])  # user, system, and both again of the children that it has waited for
        except psutil.NoSuchProcess:  # ended since it was listed: its parent has it now, or will have at the next look
            continue
    return spent


def memory_megabytes(roots: Iterable[int]) -> float:
    """Memory by their proportional share: what forked children share with their parent counts once."""
    taken = 0
    for one in _families(roots):
        try:
            taken += one.memory_full_info().pss
        except psutil.NoSuchProcess:
            continue
    return taken / _MEGABYTE


def _families(roots: Iterable[int]) -> Iterator[psutil.Process]:
    for root in roots:
        try:
            process = psutil.Process(root)
            yield from (process, *process.children(recursive=True))
        except psutil.NoSuchProcess:
            continue
