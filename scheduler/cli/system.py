"""The commands about the whole: start it, bring its database up to date, and audit it. They may not mend what they find."""

from typing import Annotated

import typer

from scheduler import terminal
from scheduler.audit import audit_ledger, audit_tavus
from scheduler.cli.shown import AsJson, cli, example, print_document
from scheduler.opened import opened
from scheduler.views import finding_document
from worker.settings import read_settings
from worker.store.migrate import prepare, revision_of


@cli.command(epilog=example("run", "run --demo"))
def run(
    *, demo: Annotated[bool, typer.Option("--demo", help="Show one job's way, with a small Tavus of our own; costs nothing.")] = False
) -> None:
    """Start everything on this host: broker, database, web, worker, beat and Flower."""
    from scheduler.stack import run as run_stack  # noqa: PLC0415 - the other commands start faster without it

    raise typer.Exit(run_stack(demo=demo))


@cli.command(epilog=example("migrate"))
def migrate(*, as_json: AsJson = False) -> None:
    """Bring the database to the schema of this version. `replicas run` does it by itself."""
    url = read_settings().ledger_url
    prepare(url)
    print_document({"revision": revision_of(url).here}, as_json=as_json, otherwise=lambda: "the database is up to date")


@cli.command(epilog=example("audit --remote"))
def audit(
    *,
    remote: Annotated[bool, typer.Option("--remote", help="Also compare with what Tavus has, account by account.")] = False,
    as_json: AsJson = False,
) -> None:
    """Check what must always hold of every job, its story and its money. Exit status 1 when something does not."""
    with opened() as parts:
        findings = list(audit_ledger(parts))
        if remote:
            findings += audit_tavus(parts)
        jobs = sum(parts.ledger.counts().values())
    documents = [finding_document(one) for one in findings]
    print_document(documents, as_json=as_json, otherwise=lambda: terminal.findings(documents, jobs))
    raise typer.Exit(1 if findings else 0)
