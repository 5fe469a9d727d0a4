"""How long a sheet of ten thousand people takes: `python -m tests.benchmarks.sheet`. It may not skip what people wait for: bar and commit.

The real command runs on a pseudo-terminal, over a Valkey and a PostgreSQL that writes to its disk before it says so. Nobody works the jobs.
"""

import argparse
import csv
import os
import pty
import re
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from tests.benchmarks.durable import durable
from tests.benchmarks.figures import Figure, show

_BENCH = "sheet"
_MOST_SECONDS = 30.0
_BAR = "━"
_COUNTED = re.compile(r"(\d+) lines: (\d+) new jobs, (\d+) there already, (\d+) refused")


@dataclass(frozen=True, slots=True)
class _Run:
    """What came of one run of the command. `steps`: how often the bar was seen further than before."""

    seconds: float
    created: int
    refused: int
    steps: int


def measure(lines: int = 10_000) -> list[Figure]:
    """The same sheet twice: the second time everything is there already."""
    with tempfile.TemporaryDirectory() as folder, durable() as ground:
        sheet = Path(folder) / "people.csv"
        _write(sheet, lines)
        first, second = (_run(sheet, ground.environment(folder)) for _ in range(2))
        kept = ground.jobs()
    return [
        Figure(_BENCH, f"a sheet of {lines}, the first time", first.seconds, "s", most=_MOST_SECONDS),
        Figure(_BENCH, f"a sheet of {lines}, the second time", second.seconds, "s", most=_MOST_SECONDS),
        Figure(_BENCH, "new jobs of the first", first.created, "jobs", least=lines),
        Figure(_BENCH, "new jobs of the second", second.created, "jobs", most=0),
        Figure(_BENCH, "jobs in the ledger", kept, "jobs", least=lines, most=lines),
        Figure(_BENCH, "lines refused", first.refused + second.refused, "lines", most=0),
        Figure(_BENCH, "steps of the bar that were drawn", min(first.steps, second.steps), "steps", least=2),
    ]


def _write(sheet: Path, lines: int) -> None:
    with sheet.open("w", newline="") as text:
        writer = csv.writer(text)
        writer.writerow(["image", "voice", "name", "key", "metadata.order"])
        writer.writerows(
            [f"https://pictures.example.com/{one}.jpg", f"voice {one % 100}", f"Person {one}", f"order-{one}", one] for one in range(lines)
        )


def _run(sheet: Path, environment: dict[str, str]) -> _Run:
    """The command as a person types it. Raises RuntimeError with what it said where it failed."""
    ours, theirs = pty.openpty()
    began = time.perf_counter()
    command = [str(Path(sys.executable).parent / "replicas"), "enqueue", "--csv", str(sheet)]
    process = subprocess.Popen(command, env=environment | {"TERM": "xterm-256color", "COLUMNS": "120"}, stdout=theirs, stderr=theirs)
    os.close(theirs)
    said = _everything(ours)
    status, seconds = process.wait(), time.perf_counter() - began
    counted = _COUNTED.search(said)
    if status or counted is None:
        raise RuntimeError(said)
    steps = len(set(re.findall(r"(\d+)%", said))) if _BAR in said else 0
    return _Run(seconds, int(counted[2]), int(counted[4]), steps)


def _everything(terminal: int) -> str:
    """What is written until the last who can write is gone; Linux says that with an error."""
    said = bytearray()
    with suppress(OSError):
        while piece := os.read(terminal, 65536):
            said += piece
    os.close(terminal)
    return said.decode(errors="replace")


def main() -> None:
    """Measure, and print the table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--lines", type=int, default=10_000)
    show(measure(parser.parse_args().lines), Console(width=140))


if __name__ == "__main__":
    main()
