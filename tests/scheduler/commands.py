"""The command line, run in this process as `replicas` runs it: what it printed, what it complained of, and its exit status. It asserts nothing."""

import io
import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path

import pytest
import structlog

from scheduler.cli import main
from tests.broker import Broker
from tests.scheduler.made import KEYS, apart


@dataclass(frozen=True)
class Said:
    """What a command left behind."""

    status: int
    out: str
    err: str


@dataclass(frozen=True)
class Commands:
    """A terminal in a home. `variables`: the environment."""

    home: Path
    variables: dict[str, str]

    def __call__(self, *words: str, typed: str = "", **more: str) -> Said:
        """Run `replicas` with these words and this standard input; `more`: variables on top."""
        out, err = io.StringIO(), io.StringIO()
        with apart(self.home, **self.variables | more), _logging_kept(), pytest.MonkeyPatch.context() as patch:
            patch.setattr(sys, "argv", ["replicas", *words])
            patch.setattr(sys, "stdin", io.StringIO(typed))
            with redirect_stdout(out), redirect_stderr(err):
                status = _status()
        return Said(status, out.getvalue(), err.getvalue())


def commands_in(home: Path, broker: Broker) -> Commands:
    """Commands on the home's ledger and the broker, with the accounts of `made`."""
    keys = {f"TAVUS_API_KEY{'' if name == 'default' else f'__{name.upper()}'}": key.get_secret_value() for name, key in KEYS.items()}
    return Commands(home, {"REPLICAS_HOME": str(home), "REDIS_URL": broker.url, **keys})


def _status() -> int:
    try:
        main()
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    return 0


@contextmanager
def _logging_kept() -> Iterator[None]:
    """A command configures logging for its process; this one has tests after it."""
    root = logging.getLogger()
    handlers, level = root.handlers, root.level
    try:
        yield
    finally:
        root.handlers, root.level = handlers, level
        structlog.reset_defaults()
