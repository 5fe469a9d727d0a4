"""Jobs that are followed: live lines with bars on a terminal, a line for each change elsewhere. It may not look: it is given look after look."""

import json
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Column, Table
from rich.text import Text

from scheduler import terminal
from worker.core.states import FINAL, State
from worker.durations import show_duration

_RESTING = {*FINAL, State.HELD, State.READY}
_TRAINED = {State.READY, State.DONE}
_OF_ITSELF = {"eta", "due_at"}  # what changes although nothing happens
_BAR = 24
_BELOW = 2  # lines under the jobs: what there is no room for, and the cursor's

Document = Mapping[str, Any]
Looks = Iterable[Sequence[Document]]
"""All jobs as they are at one moment, in the same order, again and again."""


def rests(document: Document) -> bool:
    """Whether nothing happens to the job by itself: it is over, or waits for a person."""
    return document["state"] in _RESTING


def live(looks: Looks, console: Console) -> None:
    """Show the jobs as they are: one with everything about it, many a line each."""
    with Live(console=console, auto_refresh=False, vertical_overflow="crop") as shown:
        for documents in looks:
            shown.update(_one(documents[0]) if len(documents) == 1 else lines(documents, console.height), refresh=True)


def plainly(looks: Looks, console: Console) -> None:
    """A plain line for each change; at the end the job, or how many are where."""
    told: dict[str, str] = {}
    documents: Sequence[Document] = ()
    for documents in looks:
        for one in documents:
            line = f"{one['id']} {one['state']} {one['progress'] or ''}".rstrip()
            if told.get(one["id"]) != line:
                console.print(line, markup=False)
            told[one["id"]] = line
    console.print(terminal.job(documents[0]) if len(documents) == 1 else _counts(documents))


def as_lines(looks: Looks, write: Callable[[str], None]) -> None:
    """The whole job as a line of JSON at first, and again whenever something has happened to it."""
    told: dict[str, Document] = {}
    for documents in looks:
        for one in documents:
            news = {name: value for name, value in one.items() if name not in _OF_ITSELF}
            if told.get(one["id"]) != news:
                write(json.dumps(one))
            told[one["id"]] = news


def lines(documents: Sequence[Document], height: int) -> RenderableType:
    """A line for each job; where there is no room for all, those that are under way come first."""
    room = max(height - _BELOW, 1)
    shown = documents if len(documents) <= room else sorted(documents, key=rests)[:room]
    table = Table.grid(Column(no_wrap=True, min_width=26), Column(no_wrap=True), Column(width=_BAR), Column(), Column(), padding=(0, 2))
    for one in shown:
        state = Text(one["state"], style=terminal.COLOURS.get(one["state"], ""))
        bar = ProgressBar(total=1, completed=_share(one), width=_BAR)
        table.add_row(Text(one["id"]), state, bar, Text(one["progress"] or ""), Text(_what_follows(one)))
    kept = {one["id"] for one in shown}
    hidden = [one for one in documents if one["id"] not in kept]
    return Group(table, Text(f"{_counts(documents)}; no room for {len(hidden)} of them" if hidden else _counts(documents), style="dim"))


def _one(document: Document) -> RenderableType:
    bar = [ProgressBar(total=1, completed=_share(document), width=2 * _BAR)] if document["state"] == State.TRAINING else []
    return Group(*bar, terminal.job(document))


def _share(document: Document) -> float:
    """How far the training is: by Tavus' own word, and where there is none by the time that half of such trainings take."""
    if document["state"] in _TRAINED:
        return 1.0
    if document["state"] != State.TRAINING:
        return 0.0
    done, _, whole = (document["progress"] or "").partition("/")
    if done.isdecimal() and whole.isdecimal() and int(whole):
        return min(int(done) / int(whole), 1.0)
    return _by_the_time(document)


def _by_the_time(document: Document) -> float:
    if document["eta"] is None or not document.get("attempts"):
        return 0.0
    gone = -_left(document["attempts"][-1]["submitted_at"])
    return gone / whole if (whole := gone + max(_left(document["eta"]["p50"]), timedelta(0))) > timedelta(0) else 0.0


def _what_follows(document: Document) -> str:
    """When it is likely to end; else what comes, or why nothing does."""
    if document["eta"] is not None:
        p50, p90 = (show_duration(max(_left(document["eta"][name]), timedelta(0))) for name in ("p50", "p90"))
        return f"ETA {p50} - {p90}"
    if document["failure"] is not None and rests(document):
        return str(document["failure"]["code"])
    return f"next look {terminal.from_now(document['due_at'])}" if document["due_at"] and not rests(document) else ""


def _left(moment: str) -> timedelta:
    return datetime.fromisoformat(moment) - datetime.now(UTC)


def _counts(documents: Sequence[Document]) -> str:
    counts = Counter(str(one["state"]) for one in documents)
    return ", ".join(f"{count} {state}" for state, count in sorted(counts.items())) or "no jobs to watch"
