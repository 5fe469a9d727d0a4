"""The command `python -m tests.mutation`: puts each mutant into a process of its own, runs the tests there, and prints what survived.

It exits with 1 when more than a tenth of a table's mutants survive. The tests are collected once, before any mutant is put in.
"""

import argparse
import os
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import pytest

from tests.mutation.tables import Mutant, of_moves, of_policies, of_sentences

_PATIENCE = 600  # seconds for the tests of one mutant, on a busy machine too: one that hangs is noticed
_WANTED = 0.9
_SURVIVED, _NOTICED, _BROKEN = 0, 1, 2
_CORE = "tests/worker/core/test_"
_QUICK = ("failures", "decide", "policy", "submission", "training", "opening", "people", "adoption", "aftermath", "deletion")
"""Tests of examples. The random lives would notice more, and take a hundred times as long."""
_QUICK_FILES = tuple(f"{_CORE}{name}.py" for name in _QUICK)
TABLES: dict[str, tuple[Callable[[], Iterator[Mutant]], tuple[str, ...]]] = {
    "failures": (of_policies, _QUICK_FILES),
    "moves": (of_moves, _QUICK_FILES),
    "sentences": (of_sentences, ("tests/worker/tavus/test_verdicts.py",)),
}


@dataclass
class Laboratory:
    """A pytest plugin that runs the collected tests once for each mutant instead of once."""

    mutants: Sequence[Mutant]
    at_once: int
    survivors: list[str] = field(default_factory=list)

    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        """Run them all; True keeps pytest from running them once more."""
        unharmed = _forked(session, Mutant("unharmed", lambda: None))
        if os.waitstatus_to_exitcode(os.waitpid(unharmed, 0)[1]) != _SURVIVED:
            raise pytest.UsageError("the tests fail without any mutant")
        running: dict[int, str] = {}
        for mutant in self.mutants:
            if len(running) == self.at_once:
                self._wait_for_one(running)
            running[_forked(session, mutant)] = mutant.name
        while running:
            self._wait_for_one(running)
        return True

    def _wait_for_one(self, running: dict[int, str]) -> None:
        pid, status = os.wait()
        name, code = running.pop(pid), os.waitstatus_to_exitcode(status)
        if code != _NOTICED:
            self.survivors.append(name if code == _SURVIVED else f"{name} (its tests came to no end: {code})")


def _forked(session: pytest.Session, mutant: Mutant) -> int:
    """A process in which the tests run with the mutant, until one fails."""
    pid = os.fork()
    if pid == 0:
        code = _BROKEN
        try:
            signal.alarm(_PATIENCE)
            os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # what the tests say of a mutant is for nobody
            mutant.put_in()
            code = _NOTICED if _is_noticed(session) else _SURVIVED
        finally:
            os._exit(code)  # whatever happened: nothing of pytest's end is for this process
    return pid


def _is_noticed(session: pytest.Session) -> bool:
    for item, after in zip(session.items, [*session.items[1:], None], strict=True):
        item.config.hook.pytest_runtest_protocol(item=item, nextitem=after)
        if session.testsfailed:
            return True
    return False


def main() -> int:
    """Try the tables that were asked for."""
    parser = argparse.ArgumentParser(prog="python -m tests.mutation", description=__doc__)
    parser.add_argument("table", nargs="*", choices=[*TABLES, []], help="which; all when none is named")
    parser.add_argument("--at-once", type=int, default=os.cpu_count() or 1, help="processes")
    parser.add_argument("--every", type=int, default=1, help="take each n-th mutant only, for a quick look")
    asked = parser.parse_args()
    is_weak = False
    for name in asked.table or TABLES:
        changes, files = TABLES[name]
        laboratory = Laboratory(list(changes())[:: asked.every], asked.at_once)
        if status := pytest.main(
            ["-qqs", "--no-summary", "--tb=no", "-p", "no:cacheprovider", "-p", "no:xdist", "-o", "timeout=0", *files], [laboratory]
        ):
            return int(status)
        total, lived = len(laboratory.mutants), len(laboratory.survivors)
        is_weak = is_weak or total - lived < _WANTED * total
        sys.stdout.write(f"\n{name}: {total - lived} of {total} mutants killed\n")
        sys.stdout.writelines(f"  survived: {one}\n" for one in sorted(laboratory.survivors))
        sys.stdout.flush()
    return int(is_weak)


if __name__ == "__main__":
    sys.exit(main())
