"""The command `python -m tests.chaos`: reads its options, runs, prints the table, and exits with 1 when a promise was broken."""

import argparse
import random
import shutil
import sys
import tempfile
from pathlib import Path

from tests.chaos.faults import kinds
from tests.chaos.run import calm, run
from tests.chaos.verdict import Verdict

_APART = 1.2  # seconds from one fault to the next, on the average: a host with two cores starts a process in three


def main() -> int:
    """Run on each ledger that was asked for."""
    options = _parser().parse_args()
    is_wrong = False
    for ledger in options.ledger or ["sqlite", "postgresql"]:
        folder = Path(tempfile.mkdtemp(prefix="chaos-"))
        verdict = _run(folder, ledger, options)
        sys.stdout.write(f"{verdict}\n\n")
        sys.stdout.flush()
        if verdict.wrong:
            is_wrong = True
            sys.stdout.write(f"what the processes wrote is in {folder}\n")
        else:
            shutil.rmtree(folder)
    return 1 if is_wrong else 0


def _run(folder: Path, ledger: str, options: argparse.Namespace) -> Verdict:
    say = _say if options.verbose else _quietly
    if options.calm:
        return calm(folder, ledger, count=options.jobs, seed=options.seed, say=say)
    left = [kind for kind in kinds(ledger) if not any(word in kind.name for word in options.without)]
    span = options.seconds or max(options.faults * _APART, 30)
    return run(folder, ledger, count=options.jobs, kinds=left, faults=options.faults, span=span, seed=options.seed, say=say)


def _say(line: str) -> None:
    sys.stderr.write(f"{line}\n")


def _quietly(_line: str) -> None:
    """Only the table is wanted."""


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m tests.chaos", description="Kills, cuts off and misleads the running system, at random."
    )
    add = parser.add_argument
    add("--ledger", choices=["sqlite", "postgresql"], action="append", help="may be given twice; both without it")
    add("--jobs", type=int, default=500)
    add("--faults", type=int, default=200)
    add("--calm", action="store_true", help="no faults but Tavus' own")
    add("--seconds", type=float, help="over which the faults are spread; without it as long as so many take")
    add("--without", action="append", default=[], metavar="WORDS", help="leave out the kinds of faults with these words in their names")
    add("--seed", type=int, default=random.SystemRandom().randrange(1_000_000), help="the same seed draws the same faults")
    add("--verbose", action="store_true", help="say every fault as it begins")
    return parser


if __name__ == "__main__":
    sys.exit(main())
