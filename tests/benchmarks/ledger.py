"""The ledger at size: how fast a sweep claims, and how many looks without news are written a second. It may not call Tavus.

`python -m tests.benchmarks.ledger [--rows N ...]`: PostgreSQL with each number of rows in training, and SQLite with 100,000.
"""

import argparse
import os
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from rich.console import Console

from tests.benchmarks.figures import Figure, show
from tests.benchmarks.ledger_looks import RULES, Looks, look, look_together
from tests.benchmarks.ledger_rows import DUE, NOW, filled, make_due_again
from tests.benchmarks.options import Options
from tests.postgres import Postgres
from worker.store.claims import Claim
from worker.store.jobs import Ledger

MOST = 5_000  # how many of the due rows the sweep that is measured claims in one transaction
SIZES = (10_000, 100_000, 1_000_000)
SMALL = 100_000  # rows of SQLite
PROCESSES = os.cpu_count() or 1
_ROUNDS = 5


@dataclass(frozen=True, slots=True)
class Sweeps:
    """What sweeps cost in seconds, with so many rows of which so many are due: one that finds nothing, and one that claims all that is due."""

    rows: int
    due: int
    idle: float
    claims: float


def measure(options: Options, sizes: Sequence[int] = SIZES) -> list[Figure]:
    """Every figure of the ledger; and the plot of its sweeps, beside them."""
    from tests.benchmarks.ledger_plot import draw  # noqa: PLC0415 - it needs matplotlib, which figures do not

    figures: list[Figure] = []
    sweeps: list[Sweeps] = []
    postgres = Postgres()
    try:
        for size in sizes:
            url, bench, is_aimed = postgres.fresh(), f"ledger: PostgreSQL, {size:,} rows", size == max(sizes)
            with filled(url, size) as ledger:
                sweeps.append(_sweeps(ledger, size))
                figures += [*_of_sweeps(bench, sweeps[-1], is_aimed=is_aimed), *_of_looks(bench, look(ledger))]
            make_due_again(url)
            figures.append(_of_all(bench, look_together(url, PROCESSES), is_aimed=is_aimed))
            postgres.drop(url)
    finally:
        postgres.stop()
    draw(sweeps, options.out)
    with tempfile.TemporaryDirectory() as folder, filled(f"sqlite:///{folder}/ledger.db", SMALL) as ledger:
        bench = f"ledger: SQLite, {SMALL:,} rows"
        return [*figures, *_of_sweeps(bench, _sweeps(ledger, SMALL), is_aimed=False), *_of_looks(bench, look(ledger))]


def _sweeps(ledger: Ledger, rows: int) -> Sweeps:
    idle = _seconds(lambda: ledger.due(NOW - timedelta(days=1), rung_before=NOW - timedelta(days=1)), _ROUNDS * 4)
    return Sweeps(rows, min(DUE, rows), idle, min(_claimed(ledger)[0] for _ in range(_ROUNDS)))


def _claimed(ledger: Ledger) -> tuple[float, list[Claim]]:
    """How long the claims of one sweep take, and give them back."""
    began = time.perf_counter()
    lines, claims = ledger.due(NOW, rung_before=NOW - timedelta(days=1)).lines, list[Claim]()
    for line in lines:
        while got := ledger.claim_due([line.state], line.account, NOW, RULES.lease, MOST):
            claims += got
    took = time.perf_counter() - began
    ledger.unclaim([claim.job_id for claim in claims], NOW)
    return took, claims


def _seconds(work: Callable[[], object], rounds: int) -> float:
    began = time.perf_counter()
    for _ in range(rounds):
        work()
    return (time.perf_counter() - began) / rounds


def _of_sweeps(bench: str, sweeps: Sweeps, *, is_aimed: bool) -> Iterator[Figure]:
    yield Figure(bench, "a sweep that finds nothing due", sweeps.idle * 1000, "ms")
    yield Figure(bench, f"a sweep claims {sweeps.due:,} due rows", sweeps.claims, "s", most=1.0 if is_aimed else None)


def _of_looks(bench: str, looks: Looks) -> Iterator[Figure]:
    yield Figure(bench, "poll bookkeeping, one process", looks.made / (looks.ended - looks.began), "job-polls/s")
    yield Figure(bench, "the same, its own processor time", looks.processor / looks.made * 1_000_000, "us a look")


def _of_all(bench: str, looks: Looks, *, is_aimed: bool) -> Figure:
    speed = looks.made / (looks.ended - looks.began)
    return Figure(bench, f"poll bookkeeping, {PROCESSES} processes", speed, "job-polls/s", least=5000 if is_aimed else None)


def main() -> None:
    """Print the figures and draw the plot, into the folder that is named or this one."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.ledger", description=__doc__)
    parser.add_argument("--rows", type=int, action="append", help=f"rows in training, instead of {SIZES}")
    parser.add_argument("--out", type=Path, default=Path(), help="where the plot goes")
    given = parser.parse_args()
    show(measure(Options(out=given.out), given.rows or SIZES), Console(width=140))


if __name__ == "__main__":
    main()
