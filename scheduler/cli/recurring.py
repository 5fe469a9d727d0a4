"""The commands about jobs that recur: add one, list them, pause, resume, remove. They may not show a request: it holds addresses."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import typer
from rich.console import RenderableType
from rich.table import Column, Table
from rich.text import Text

from scheduler import recurring as recurrences
from scheduler.cli.requesting import Account, Image, Name, RequestFile, Video, Voice, WhenToStart, asked_for, given
from scheduler.cli.shown import AsJson, cli, example, print_document
from scheduler.opened import opened
from worker.store.recurrences import Recurring

recurring = typer.Typer(no_args_is_help=True, help="Jobs that recur, each on a cron expression of its own, in UTC.")
cli.add_typer(recurring, name="recurring")

OneRecurring = Annotated[str, typer.Argument(metavar="NAME", help="What it is called.")]
_CRON = "Minute, hour, day of the month, month, day of the week, in UTC: '0 3 1 * *' is 03:00 on the first of each month."
_MONTHLY = "recurring add monthly-ada --cron '0 3 1 * *' --image https://example.com/ada.jpg --voice anna"


@recurring.command("add", epilog=example(_MONTHLY, "recurring add nightly --cron '30 2 * * 1-5' --request request.json"))
def add(
    called: OneRecurring,
    *,
    cron: Annotated[str, typer.Option(metavar="EXPRESSION", help=_CRON)],
    image: Image = None,
    video: Video = None,
    voice: Voice = None,
    name: Name = None,
    start: WhenToStart = None,
    account: Account = None,
    request: RequestFile = None,
    as_json: AsJson = False,
) -> None:
    """Have a job recur: at each of its times it is enqueued once, as `replicas enqueue` would; of times that were missed, the last is made up for."""
    replica = given(train_image_url=image, train_video_url=video, voice_name=voice, replica_name=name)
    document = asked_for(request, replica, start, account, "--cron and --json go")
    with opened() as parts:
        _print(recurrences.add(parts, called, cron, document), "recurs", as_json=as_json)


@recurring.command("list", epilog=example("recurring list"))
def list_recurring(*, as_json: AsJson = False) -> None:
    """What recurs: when each is next due, and what came of it the last time."""
    with opened() as parts:
        documents = [_document(one) for one in parts.ledger.recurrences.every()]
    print_document(documents, as_json=as_json, otherwise=lambda: _table(documents))


@recurring.command("pause", epilog=example("recurring pause monthly-ada"))
def pause(called: OneRecurring, *, as_json: AsJson = False) -> None:
    """Enqueue nothing of it until it is resumed. Jobs that came of it go on."""
    with opened() as parts:
        _print(recurrences.pause(parts, called), "is paused", as_json=as_json)


@recurring.command("resume", epilog=example("recurring resume monthly-ada"))
def resume(called: OneRecurring, *, as_json: AsJson = False) -> None:
    """Go on with its next time; those of the meantime are not made up for."""
    with opened() as parts:
        _print(recurrences.resume(parts, called), "recurs", as_json=as_json)


@recurring.command("remove", epilog=example("recurring remove monthly-ada"))
def remove(called: OneRecurring, *, as_json: AsJson = False) -> None:
    """Forget it. The jobs that came of it stay."""
    with opened() as parts:
        one = recurrences.remove(parts, called)
    print_document(_document(one), as_json=as_json, otherwise=lambda: f"{one.name} is removed")


def _print(one: Recurring, what: str, *, as_json: bool) -> None:
    next_at = f", next at {one.due_at:%Y-%m-%d %H:%M} UTC" if one.due_at else ""
    print_document(_document(one), as_json=as_json, otherwise=lambda: f"{one.name} {what}{next_at}")


def _document(one: Recurring) -> dict[str, Any]:
    told = {name: moment.isoformat() if (moment := getattr(one, name)) else None for name in ("added_at", "due_at", "occurred_at")}
    return {
        "name": one.name, "caller": one.caller, "cron": one.cron, "paused": one.due_at is None, **told, "job_id": one.job_id, "refused": one.refused,
    }  # fmt: skip


def _table(documents: Sequence[Mapping[str, Any]]) -> RenderableType:
    if not documents:
        return Text("nothing recurs yet; `replicas recurring add` has a job recur", style="dim")
    columns = ("name", "cron (UTC)", "next (UTC)", "last (UTC)", Column("what came of it"))
    table = Table(*columns, box=None, header_style="dim")
    for one in documents:
        came = Text(f"refused: {one['refused']}", style="red") if one["refused"] else Text(one["job_id"] or "")
        due_at = "paused" if one["paused"] else _minute(one["due_at"])
        table.add_row(Text(one["name"]), Text(one["cron"]), due_at, _minute(one["occurred_at"]), came)
    return table


def _minute(moment: str | None) -> str:
    return "" if moment is None else moment[:16].replace("T", " ")
