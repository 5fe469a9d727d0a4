"""What is looked at while it soaks: memory and file handles of processes, the oldest due row, and the line that fits each. It starts nothing."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import linear_regression

import psutil

_MEGABYTE = 1024 * 1024
_HOUR = 3600.0


@dataclass(frozen=True, slots=True)
class Taken:
    """What a process and its children have at one moment. `own`: megabytes that would be free without them; `resident`: with shared libraries."""

    own: float
    resident: float
    handles: int
    threads: int


@dataclass(frozen=True, slots=True)
class Sample:
    """One look at everything, so many seconds after the load began. `late`, `kept`: the host's worst since the look before, see `tests.soak.host`."""

    at: float
    processes: Mapping[str, Taken]
    states: Mapping[str, int]
    broker_keys: int
    oldest_due: float
    late: float
    kept: float


@dataclass(frozen=True, slots=True)
class Growth:
    """A line laid through what was seen: where it begins and ends, and how much an hour it rises."""

    first: float
    last: float
    an_hour: float


def taken_by(root: int) -> Taken:
    """Raises psutil.NoSuchProcess where it has ended."""
    process = psutil.Process(root)
    own = resident = handles = threads = 0
    for one in (process, *process.children(recursive=True)):
        memory = one.memory_full_info()
        own, resident = own + memory.uss, resident + memory.rss
        handles, threads = handles + one.num_fds(), threads + one.num_threads()
    return Taken(own / _MEGABYTE, resident / _MEGABYTE, handles, threads)


def growth(seen: Sequence[tuple[float, float]]) -> Growth:
    """Of (seconds, value) pairs, at least two at different moments; by least squares, so that one high look is not taken for growth."""
    slope, start = linear_regression([at for at, _ in seen], [value for _, value in seen])
    return Growth(start + slope * seen[0][0], start + slope * seen[-1][0], slope * _HOUR)


def percentile(values: Sequence[float], part: float) -> float:
    """The value that so large a part of them does not exceed, by nearest rank."""
    ordered = sorted(values)
    return ordered[max(math.ceil(part * len(ordered)), 1) - 1]
