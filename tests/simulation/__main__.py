"""Many seeds, or one with its story: `python -m tests.simulation --seeds 20000`, `--seed N [--ledger sqlite]`, `--mutants`. It only prints."""

import argparse
import gc
import os
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from itertools import chain

from tests.simulation.hunt import hunt
from tests.simulation.ledgers import KINDS, MEMORY, SQLITE
from tests.simulation.mutants import MUTANTS
from tests.simulation.pipeline import Result, of_seed

_PORTION = 50
_TABLE = (
    "seeds",
    "jobs",
    "tasks",
    "requests",
    "boundaries",
    "deaths",
    "stall",
    "database away",
    "broker away",
    "payments",
    "conversations",
)
_EVERY = 40  # one seed in so many is lived over SQLite, which takes thirty times as long


def main(arguments: Sequence[str] | None = None) -> int:
    """The exit code: 1 when any promise was broken, or any mutant was not seen."""
    asked = _arguments(arguments)
    if asked.seed is not None:
        return _tell(of_seed(asked.seed, asked.ledger or MEMORY, told=True))
    code = 0
    if asked.seeds:
        code = _many(range(asked.start, asked.start + asked.seeds), asked.ledger, asked.jobs)
    return _mutants() | code if asked.mutants else code


def _arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    parser.add_argument("--seed", type=int, help="live this seed and tell its story")
    parser.add_argument("--seeds", type=int, default=0, help="live so many seeds, and print a table")
    parser.add_argument("--start", type=int, default=0, help="the first of them")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="processes")
    parser.add_argument("--ledger", choices=KINDS, help="over this ledger; without it, one seed in 40 is lived over SQLite")
    parser.add_argument("--mutants", action="store_true", help="put every mistake in, and see that it is seen")
    return parser.parse_args(arguments)


def _tell(result: Result) -> int:
    _say(*result.story, *(f"WRONG {wrong}" for wrong in result.wrongs))
    return bool(result.wrongs)


def _say(*lines: str) -> None:
    sys.stdout.writelines(f"{line}\n" for line in lines)
    sys.stdout.flush()


def lived(seeds: Sequence[int], kind: str | None) -> tuple[Counter[str], list[tuple[int, str, list[str]]]]:
    """The figures of these seeds together, and those that broke a promise."""
    gc.freeze()
    figures, wrong = Counter[str](), list[tuple[int, str, list[str]]]()
    for seed in seeds:
        over = kind or (SQLITE if seed % _EVERY == 0 else MEMORY)
        result = of_seed(seed, over)
        figures.update(result.figures)
        if result.wrongs:
            wrong.append((seed, over, result.wrongs))
    return figures, wrong


def _many(seeds: range, kind: str | None, jobs: int) -> int:
    began, figures, wrong = time.monotonic(), Counter[str](), list[tuple[int, str, list[str]]]()
    portions = [seeds[start : start + _PORTION] for start in range(0, len(seeds), _PORTION)]
    with ProcessPoolExecutor(jobs) as pool:
        for some, others in pool.map(lived, portions, [kind] * len(portions)):
            figures.update(some)
            wrong += others
    _say(*_rows(figures, time.monotonic() - began))
    for seed, over, broken in wrong:
        _say(f"seed {seed} over {over}: {broken[0]}\n  replay: python -m tests.simulation --seed {seed} --ledger {over}")
    return bool(wrong)


def _rows(figures: Counter[str], seconds: float) -> Iterator[str]:
    shown = [name for name in figures if name not in {*_TABLE, "violations"}]
    for name in chain(_TABLE, sorted(shown), ["violations"]):
        yield f"{name:<24}{figures[name]:>12,}"
    yield f"{'seconds':<24}{seconds:>12,.0f}"


def _mutants() -> int:
    missed = 0
    for mutant in MUTANTS:
        caught = hunt(mutant)
        missed += caught is None
        how = f"seed {caught.seed:>4}  {caught.wrong[:110]}" if caught else "NOT SEEN"
        _say(f"{mutant.name:<22}{mutant.mistake:<66}{how}")
    return bool(missed)


if __name__ == "__main__":
    sys.exit(main())
