"""Jobs and stories on a terminal, with rich. It may not fetch anything: it shows documents of `views`."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Column, Table
from rich.text import Text

from scheduler.doctor import Check, Verdict
from worker.core.states import State
from worker.durations import show_duration

COLOURS = {"done": "green", "ready": "green", "held": "yellow", "abandoned": "red", "cancelled": "dim", "training": "cyan"}
_VERDICT_COLOURS = {Verdict.OK: "green", Verdict.NOT_OK: "red", Verdict.ADVICE: "yellow"}

_VERDICTS = {
    "plausible": "it takes no longer than usual, whatever its progress says",
    "late": "it takes longer than nineteen in twenty; that alone is no sign of a failure",
    "stuck": "it takes longer than all but one in two hundred; if Tavus says so too, a person may ask them",
}

Document = Mapping[str, Any]


def job(document: Document) -> RenderableType:
    """One job, with what matters first."""
    table = Table.grid(padding=(0, 2))
    for name, value in _facts(document):
        table.add_row(Text(name, style="dim"), value)
    return table


def jobs(documents: Sequence[Document], counts: Mapping[State, int]) -> RenderableType:
    """Many jobs, one a line, and the counts."""
    # The id is what people copy: on a narrow screen the others give way.
    named = (Column("job", no_wrap=True, min_width=26), Column("state", no_wrap=True))
    columns = (*named, "progress, or why", "next look", "account", "caller", "created")
    table = Table(*columns, box=None, header_style="dim")
    for one in documents:
        state = Text(one["state"], style=COLOURS.get(one["state"], ""))
        # Text, for words of others may look like rich's markup.
        words = (_how_far(one), from_now(one["due_at"]), one["account"], one["caller"], one["created_at"][:19])
        table.add_row(one["id"], state, *map(Text, words))
    return Group(table, Text(", ".join(f"{count} {state}" for state, count in sorted(counts.items())) or "no jobs yet", style="dim"))


def _how_far(document: Document) -> str:
    """Where a job has stopped, for what; else how far its training is."""
    has_stopped = document["state"] in {State.HELD, State.ABANDONED} and document["failure"]
    return str(document["failure"]["code"] if has_stopped else document["progress"] or "")


def story(lines: Sequence[Document]) -> RenderableType:
    """A story, oldest line first."""
    table = Table("when (UTC)", "what", "state", "why", box=None, header_style="dim")
    for line in lines:
        moved = line["to_state"] if line["from_state"] in {None, line["to_state"]} else f"{line['from_state']} -> {line['to_state']}"
        table.add_row(line["at"][:19].replace("T", " "), line["event"], moved, Text(line["why"]))
    return table


def notifications(documents: Sequence[Document]) -> RenderableType:
    """What callers are told, one a line, newest first."""
    if not documents:
        return Text("no notifications yet: jobs whose request has a notify_url have some", style="dim")
    named = (Column("notification", no_wrap=True, min_width=32), Column("what", no_wrap=True), Column("status", no_wrap=True))
    columns = (*named, "caller", "tries", "next", "last answer")
    table = Table(*columns, box=None, header_style="dim")
    for one in documents:
        words = (one["type"], one["status"], one["caller"], str(one["tries"]), from_now(one["due_at"]), one["answer"] or "")
        table.add_row(one["id"], *map(Text, words))
    return table


def book(months: Sequence[Document]) -> RenderableType:
    """The credit book, newest month first."""
    if not months:
        return Text("nothing was submitted yet", style="dim")
    counted = ("submissions", "paid", "in doubt", "failed", "refunds expected", "refunds assumed", "at risk")
    columns = ("account", "month", *counted, "money paid", "money at risk")
    table = Table(*columns, box=None, header_style="dim")
    for one in months:
        counts = ("submissions", "paid", "in_doubt", "failed", "refunds_expected", "refunds_assumed")
        risk = Text(str(one["at_risk"]), style="red" if one["at_risk"] else "")
        money = (one["money_paid"] or "", one["money_at_risk"] or "")
        table.add_row(Text(one["account"]), one["month"], *(str(one[name]) for name in counts), risk, *money)
    return table


def facts(document: Document) -> RenderableType:
    """A small document, a fact a line."""
    table = Table.grid(padding=(0, 2))
    for name, value in document.items():
        shown = "none" if value is None else "yes" if value is True else "no" if value is False else str(value)
        table.add_row(Text(name.replace("_", " "), style="dim"), Text(shown))
    return table


def findings(found: Sequence[Document], jobs_audited: int) -> RenderableType:
    """What an audit found."""
    if not found:
        return Text(f"{jobs_audited} jobs, and everything holds", style="green")
    table = Table("check", Column("what", no_wrap=True), "problem", box=None, header_style="dim")
    for one in found:
        table.add_row(one["check"], Text(one["subject"]), Text(one["problem"]))
    return Group(table, Text(f"{len(found)} findings in {jobs_audited} jobs", style="red"))


def explanation(document: Document) -> RenderableType:
    """Why a job is where it is, a sentence a line."""
    sentences = [document["why"], document["next"], *(["You can:"] if document["you_can"] else [])]
    return Text("\n".join([*sentences, *(f"  {way}" for way in document["you_can"])]))


def voices(documents: Sequence[Document]) -> RenderableType:
    """The stock voices of each account."""
    lines = [f"{one['account']}: {', '.join(one['voices']) or 'not read from Tavus yet; any is let in'}" for one in documents]
    return Text("\n".join(lines) or "there is no account: set TAVUS_API_KEY")


def checks(found: Sequence[Check]) -> RenderableType:
    """What the doctor says, a line each."""
    wide = max(len(one.name) for one in found)
    lines = (
        Text.assemble((f"{one.verdict:<8}", _VERDICT_COLOURS[one.verdict]), f"{one.name:<{wide}}  {one.found}. {one.do}".rstrip())
        for one in found
    )
    return Text("\n").join(lines)


def _facts(document: Document) -> list[tuple[str, RenderableType]]:
    failure, conversation, eta = document["failure"], document["conversation"], document["eta"]
    facts: list[tuple[str, str | Text | None]] = [
        ("job", document["id"]),
        ("state", Text(document["state"], style=COLOURS.get(document["state"], ""))),
        ("conversation", conversation and conversation["url"]),
        ("link", document.get("link")),
        ("replica", document["replica_id"]),
        ("progress", document["progress"]),
        ("next look", from_now(document["due_at"])),
        ("ETA", eta and f"half of such trainings end {from_now(eta['p50'])}, nine in ten {from_now(eta['p90'])}"),
        ("so far", eta and _VERDICTS[eta["verdict"]]),
        ("failure", failure and Text(f"{failure['code']}: {failure['detail'] or ''}")),
        ("what to do", Text(failure["told"]) if failure and document["state"] != State.CANCELLED else None),
        ("deletable", _deletable(document)),
        ("submissions", str(document["submissions"])),
        ("erased", _erased(document.get("erased_at"))),
    ]
    return [(name, Text(value) if isinstance(value, str) else value) for name, value in facts if value]


def _erased(moment: str | None) -> str | None:
    """When retention erased it."""
    return None if moment is None else f"{moment[:19].replace('T', ' ')} UTC, by retention: what was asked for, and its story"


def _deletable(document: Document) -> str | None:
    """When the last failed replica may be deleted without losing its refund."""
    kept = [attempt["deletable_at"] for attempt in document.get("attempts", ()) if attempt["deletable_at"] and not attempt["deleted_at"]]
    return f"{kept[-1][:19].replace('T', ' ')} UTC, when its refund is safe" if kept else None


def from_now(moment: str | None) -> str:
    """How long it is until the moment; nothing for none."""
    if moment is None:
        return ""
    left = datetime.fromisoformat(moment) - datetime.now(UTC)
    return f"in {show_duration(left)}" if left.total_seconds() > 0 else "now"
