"""The command `python -m tests.benchmarks`: runs what it is told, prints one table, writes JSON. A missed aim is a row, not a failure."""

import argparse
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from types import FrameType

from rich.console import Console

from tests.benchmarks.catalogue import ALL
from tests.benchmarks.figures import Figure, show, write
from tests.benchmarks.options import Options

_WIDTH = 160  # where the table is not on a terminal


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the named benchmarks, or all."""
    given = _parser().parse_args(arguments)
    signal.signal(signal.SIGTERM, _end)
    options = Options(
        out=given.out, jobs=given.jobs, typical=given.typical_seconds, systems=tuple(given.system), callback_loss=given.callback_loss,
        outage=given.outage_seconds, seed=given.seed, profile=given.profile,
    )  # fmt: skip
    figures: list[Figure] = []
    for name in given.names or ALL:
        figures += ALL[name](options)
        write(figures, options.out / "figures.json")
    show(figures, Console() if sys.stdout.isatty() else Console(width=_WIDTH))
    return 0


def _end(number: int, _frame: FrameType | None) -> None:
    """Unwind, so that database and broker are ended too."""
    sys.exit(128 + number)


def _parser() -> argparse.ArgumentParser:
    told = "\n".join(f"  {name:12} {one.what}" for name, one in ALL.items())
    parser = argparse.ArgumentParser(
        prog="python -m tests.benchmarks",
        description="Measures what the system costs and how fast it is, beside others.",
        epilog=f"benchmarks:\n{told}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("names", nargs="*", metavar="NAME", choices=[*ALL, []], help="without any: all")
    add("--jobs", type=int, help="instead of what each benchmark takes")
    add("--typical-seconds", type=float, help="what stands for the three and a half hours of a usual training")
    add("--system", action="append", default=[], metavar="NAME", help="only this one of those that are compared; may be repeated")
    add("--callback-loss", type=float, help="part of the callbacks that never arrive, 0 to 1")
    add("--outage-seconds", type=float, help="how long the broker is away, where one is killed")
    add("--seed", type=int, default=11)
    add("--profile", action="store_true", help="also say where our worker's processor time goes")
    add("--out", type=Path, default=Path("var/benchmarks"), help="where figures.json and plots go")
    return parser


if __name__ == "__main__":
    sys.exit(main())
