"""The command for the hour after a restore: the ledger learns what Tavus has. It may not start anything, and nothing may run beside it."""

import time
from datetime import datetime, timedelta
from typing import Annotated, Any

import typer
from rich.table import Column, Table
from rich.text import Text

from scheduler.cli.choosing import MOMENTS, moment_of
from scheduler.cli.shown import AsJson, cli, console, example, print_document
from scheduler.opened import opened
from scheduler.restored import Became, Discovery, discover, let_pass
from worker.assembly import Parts
from worker.durations import show_duration
from worker.store.migrate import shown

_WORDS = {
    Became.KNOWN: "its job knows it now, and follows it",
    Became.MADE_ANEW: "its job came in after the backup: one was made anew, of caller `restored`",
    Became.FOREIGN: "made before the backup, and none of its jobs: left alone",
    Became.IMPOSSIBLE: "its name is like one of ours, but no submission can have had it: left alone",
}


@cli.command(epilog=example("restored 2026-11-21T03:00:00Z --stopped 20m", "restored 26h"))
def restored(
    backup: Annotated[str, typer.Argument(metavar="MOMENT", help=f"When the backup was made: {MOMENTS}.")],
    *,
    stopped: Annotated[str, typer.Option(help="When the last process that used the lost ledger was stopped.")] = "0s",
    as_json: AsJson = False,
) -> None:
    """After a restore, before anything starts: tell each job what Tavus has of it, so that nothing is paid for twice.

    Each account's list is read, and once more when whatever was sent last must show in it. It may be interrupted and begun again.
    """
    with opened() as parts:
        now = parts.engine.clock()
        made, ended = moment_of(backup, now, "MOMENT"), moment_of(stopped, now, "--stopped")
        if not as_json:
            console.print(f"into the ledger at {shown(parts.settings.ledger_url)}", style="dim")
        found = _read(parts, made or now, ended or now, aloud=not as_json)
        let_pass(parts)
    documents = [_document(one) for one in found]
    print_document(documents, as_json=as_json, otherwise=lambda: _table(found))


def _read(parts: Parts, made: datetime, ended: datetime, *, aloud: bool) -> list[Discovery]:
    shows = ended + parts.engine.rules.settle_time
    is_enough = parts.engine.clock() >= shows  # before the reading begins: a long list takes minutes
    found = list(discover(parts, made))
    if is_enough:
        return found
    left = max(shows - parts.engine.clock(), timedelta(0))
    if aloud:
        console.print(f"{len(found)} found; in {show_duration(left)}, when whatever was sent last must show, the lists are read once more")
    time.sleep(left.total_seconds())
    known = {one.replica_id for one in found}
    return found + [one for one in discover(parts, made) if one.replica_id not in known]


def _document(one: Discovery) -> dict[str, Any]:
    return {"replica_id": one.replica_id, "mark": one.mark, "account": one.account, "job_id": one.job_id, "became": one.became.value}


def _table(found: list[Discovery]) -> Table | Text:
    if not found:
        return Text("Tavus has nothing that the ledger does not know; now everything may start", style="green")
    table = Table(Column("replica", no_wrap=True), Column("job", no_wrap=True), "what became of it", box=None, header_style="dim")
    for one in found:
        table.add_row(one.replica_id, one.job_id or "", _WORDS[one.became])
    return table
