"""The command that says whether everything is in order, and what to do where it is not. It may not mend anything."""

from dataclasses import asdict

import typer

from scheduler import terminal
from scheduler.cli.shown import AsJson, cli, example, print_document
from scheduler.doctor import Verdict
from scheduler.examining import examine


@cli.command(epilog=example("doctor"))
def doctor(*, as_json: AsJson = False) -> None:
    """Look whether everything is in order: settings, database, broker, clock, what is due, canary, workers, beat, and each key.

    A line for each, with what to do. It pays for nothing. Exit status 1 when something is not ok; advice is no fault.
    """
    checks = list(examine())
    print_document([asdict(one) for one in checks], as_json=as_json, otherwise=lambda: terminal.checks(checks))
    raise typer.Exit(1 if any(one.verdict is Verdict.NOT_OK for one in checks) else 0)
