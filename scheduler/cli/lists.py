"""`replicas enqueue` for a whole file: progress while it runs, what was wrong with which line, and what came of all. It may not judge a request."""

import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TextIO

import typer
from rich.console import Console
from rich.progress import Progress

from scheduler.cli.shown import console, print_document
from scheduler.opened import opened
from scheduler.producers import Outcome, enqueue_many
from scheduler.requests import RequestInvalidError
from scheduler.sheets import Row
from worker.redaction import redacted
from worker.store.jobs import Added

_TOGETHER = 500  # lines in one transaction: the bar moves, and what is lost with the terminal is little


def enqueue_list(file: Path, read: Callable[[Iterable[str]], Iterator[Row]], *, as_json: bool) -> None:
    """Enqueue each row of the file; `-` is standard input. A line that is refused spoils no other. Exit status 1 when any was."""
    with _text(file) as text:
        rows = list(read(text))
    results: list[dict[str, Any]] = []
    with opened() as parts, Progress(console=Console(stderr=True), disable=not sys.stderr.isatty(), transient=True) as progress:
        bar = progress.add_task("enqueueing", total=len(rows))
        for start in range(0, len(rows), _TOGETHER):
            some = rows[start : start + _TOGETHER]
            outcomes = iter(enqueue_many(parts, [row.asked for row in some if row.problem is None]))
            results += [_result(row, row.problem or next(outcomes)) for row in some]
            progress.advance(bar, len(some))
    counts = Counter(one["outcome"] for one in results)
    if not as_json:
        for one in results:
            if one["outcome"] == "refused":
                sys.stderr.write(f"line {one['line']}: {'; '.join(one['problems'])}\n")
        console.print(f"{len(results)} lines: {counts['created']} new jobs, {counts['known']} there already, {counts['refused']} refused")
    else:
        print_document(results, as_json=True, otherwise=None)
    raise typer.Exit(1 if counts["refused"] else 0)


def _result(row: Row, outcome: Outcome | str) -> dict[str, Any]:
    if isinstance(outcome, Added):
        return {"line": row.line, "outcome": "created" if outcome.created else "known", "id": outcome.job.id}
    problems = [f"{one.field} {one.problem}" for one in outcome.problems] if isinstance(outcome, RequestInvalidError) else [str(outcome)]
    return {"line": row.line, "outcome": "refused", "problems": [redacted(problem) for problem in problems]}


@contextmanager
def _text(file: Path) -> Iterator[TextIO]:
    if str(file) == "-":
        yield sys.stdin
        return
    with file.open(encoding="utf-8-sig", newline="") as text:  # -sig: spreadsheets begin a file with a mark
        yield text
