"""The command that follows jobs until they are over or rest. It may not act on one, and asks the ledger once for all of them at each look."""

import sys
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Annotated, Any

import typer

from scheduler import following
from scheduler.cli.choosing import InState, OfAccount
from scheduler.cli.shown import cli, console, document_of, example
from scheduler.opened import opened
from worker.assembly import Parts
from worker.core.job import JobId
from worker.core.states import FINAL, State
from worker.store.listing import Wanted

_LOOK_SECONDS = 0.5
_AsLines = Annotated[bool, typer.Option("--json", "--jsonl", help="A line of JSON for each change, for programs.")]


@cli.command(epilog=example("watch ID", "watch --state training --account studio", "watch --jsonl"))
def watch(
    job_ids: Annotated[list[str] | None, typer.Argument(metavar="ID", help="The jobs; all that are not over, if unsaid.")] = None,
    *,
    state: InState = None,
    account: OfAccount = None,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="The newest so many, where no job is named.")] = 100,
    as_lines: _AsLines = False,
) -> None:
    """Follow jobs live until each is over or rests: state, progress, when half and nine in ten of such trainings have ended.

    Which jobs they are is settled when it begins. Without a terminal it writes a line for each change.
    """
    if job_ids and (state or account):
        raise typer.BadParameter("name jobs, or choose them with --state and --account")
    with opened() as parts:
        ids = list(dict.fromkeys(map(JobId, job_ids))) if job_ids else _chosen(parts, state, account, limit)
        looks = _looks(lambda: _read(parts, ids))
        if as_lines:
            following.as_lines(looks, _write)
        elif console.is_terminal:
            following.live(looks, console)
        else:
            following.plainly(looks, console)


def _chosen(parts: Parts, state: State | None, account: str | None, limit: int) -> list[JobId]:
    """The newest of those that are not over, or are in the state."""
    states = [state] if state else [one for one in State if one not in FINAL]
    pages = (parts.ledger.page(Wanted(state=one, account=account), None, limit) for one in states)
    return sorted((job.id for page in pages for job in page.jobs), reverse=True)[:limit]


def _read(parts: Parts, ids: Sequence[JobId]) -> list[dict[str, Any]]:
    """The jobs in this order. Raises ValueError for one that is not there."""
    jobs = {job.id: job for job in parts.ledger.get_many(ids)}
    if missing := [one for one in ids if one not in jobs]:
        raise ValueError(f"there is no job {missing[0]!r} here; `replicas list` shows the newest")
    return [document_of(parts, jobs[one]) for one in ids]


def _looks(read: Callable[[], list[dict[str, Any]]]) -> Iterator[list[dict[str, Any]]]:
    """A look after the other, the last when every job is over or rests."""
    while True:
        documents = read()
        yield documents
        if all(following.rests(one) for one in documents):
            return
        time.sleep(_LOOK_SECONDS)


def _write(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()  # whoever reads along is told at once
