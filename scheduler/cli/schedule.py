"""The command that shows the schedule. It may not ring for anything."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from rich.console import RenderableType
from rich.table import Column, Table
from rich.text import Text

from scheduler.cli.shown import AsJson, cli, example, print_document
from scheduler.opened import opened
from scheduler.terminal import from_now
from scheduler.timetable import timetable
from worker.durations import show_duration


@cli.command(epilog=example("schedule"))
def schedule(*, as_json: AsJson = False) -> None:
    """What is done by the clock: how often, what for, when it was last done, by any worker, and when it is next."""
    with opened() as parts:
        documents = timetable(parts)
    print_document(documents, as_json=as_json, otherwise=lambda: _table(documents))


def _table(documents: Sequence[Mapping[str, Any]]) -> RenderableType:
    table = Table(
        Column("what", no_wrap=True), "every", Column("last (UTC)", no_wrap=True), "next", "it is there to", box=None, header_style="dim"
    )
    for one in documents:
        every = f"by the {one['by']}" if one["every_seconds"] is None else show_duration(timedelta(seconds=one["every_seconds"]))
        last = "never" if one["last"] is None else one["last"][:19].replace("T", " ")
        following = "under way" if one["under_way_since"] else from_now(one["next"])
        found = ", ".join(f"{name}: {count}" for name, count in sorted((one["outcome"] or {}).items()))
        table.add_row(one["name"], every, last, following, Text(f"{one['what']}{f' ({found})' if found else ''}"))
    return table
