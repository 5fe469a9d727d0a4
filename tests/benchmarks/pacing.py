"""What the pace costs a call. It may not judge: the aims stand beside the figures."""

import time
from collections.abc import Callable

from rich.console import Console

from tests.benchmarks.figures import Figure, show
from tests.broker import Broker
from worker.pacing import kinds
from worker.pacing.pace import Pace
from worker.pacing.pacer import Ticket

_CALLS = 5_000
_MICRO = 1e6
_BUDGET, _WINDOW, _RATE = 60, 1.0, 0.3
_PATIENCE_SECONDS = 1_800.0


def permits() -> list[Figure]:
    """What a permit and its reply cost the process that calls, over a Valkey on this host."""
    broker = Broker().start()
    pace = Pace(broker.url, lambda _: 1_000_000)
    try:
        cpu, wall = _cost(lambda: _call(pace))
        broker.halt()
        _call(pace)  # it notices
        without, _ = _cost(lambda: _call(pace))
    finally:
        pace.close()
        broker.stop()
    return [
        Figure("pace", "CPU of a permit", cpu, "us", most=300),
        Figure("pace", "time of a permit", wall, "us"),
        Figure("pace", "CPU of a permit, Redis away", without, "us"),
    ]


def _call(pace: Pace) -> None:
    ticket = pace.enter("main", kinds.Kind.SUBMIT)
    if isinstance(ticket, Ticket):
        pace.saw(ticket, kinds.Verdict.OK)


def _cost(work: Callable[[], None]) -> tuple[float, float]:
    """Microseconds of CPU and of time for each."""
    cpu, wall = time.process_time(), time.perf_counter()
    for _ in range(_CALLS):
        work()
    return (time.process_time() - cpu) * _MICRO / _CALLS, (time.perf_counter() - wall) * _MICRO / _CALLS


def main() -> None:
    """Measure, and print the table."""
    show(permits(), Console())


if __name__ == "__main__":
    main()
