"""The command `python -m tests.soak`: soaks, prints one table, writes JSON, and exits with 1 when an aim was missed. It may not measure."""

import argparse
import signal
import sys
from datetime import timedelta
from pathlib import Path
from types import FrameType

from rich.console import Console

from tests.benchmarks.figures import show, write
from tests.soak.run import Plan, soak
from worker.durations import parse_duration

_SHORTEST = timedelta(minutes=2)
_WIDTH = 160  # where the table is not on a terminal


def main() -> int:
    """Run it."""
    given = _parser().parse_args()
    signal.signal(signal.SIGTERM, _end)
    plan = Plan(given.duration.total_seconds(), given.rate, given.typical_seconds, given.seed, given.out)
    figures = soak(plan)
    write(figures, given.out / "figures.json")
    show(figures, Console() if sys.stdout.isatty() else Console(width=_WIDTH))
    return 1 if any(one.is_met is False for one in figures) else 0


def _end(number: int, _frame: FrameType | None) -> None:
    """Unwind, so that database and broker are ended too."""
    sys.exit(128 + number)


def _duration(text: str) -> timedelta:
    duration = parse_duration(text)
    if duration < _SHORTEST:
        raise argparse.ArgumentTypeError(f"{text} is too short: growth takes at least 2m to be seen")
    return duration


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m tests.soak",
        description="Web, worker and beat over PostgreSQL and Valkey, with a steady load and a Tavus that fails.",
    )
    add = parser.add_argument
    add("--duration", type=_duration, default=timedelta(hours=2), help="of the load, as 2h or 3m; what was begun is then waited for")
    add("--rate", type=float, default=5.0, help="jobs a second")
    add("--typical-seconds", type=float, default=240.0, help="what stands for the three and a half hours of a usual training")
    add("--seed", type=int, default=11)
    add("--out", type=Path, default=Path("var/soak"), help="where figures.json and samples.jsonl go")
    return parser


if __name__ == "__main__":
    sys.exit(main())
