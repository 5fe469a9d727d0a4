"""The commands that enqueue and look at jobs. They may not act on one that is there."""

from pathlib import Path
from typing import Annotated

import typer

from scheduler import terminal
from scheduler.acts import How
from scheduler.cli.choosing import MOMENTS, InState, OfAccount, moment_of
from scheduler.cli.lists import enqueue_list
from scheduler.cli.requesting import Account, Image, Name, RequestFile, Video, Voice, WhenToStart, asked_for, given
from scheduler.cli.shown import AsJson, OneJob, cli, document_of, example, found, print_document, print_job
from scheduler.explaining import explain as explained
from scheduler.explaining import explanation_document
from scheduler.opened import opened
from scheduler.producers import enqueue
from scheduler.sheets import COLUMNS, rows_of_csv, rows_of_json_lines
from scheduler.views import line_document
from worker.core.job import ReplicaId
from worker.store.listing import Wanted

_NAMES = f"{', '.join(COLUMNS)}, metadata.ANYTHING"


@cli.command("enqueue", epilog=example("enqueue --image https://example.com/ada.jpg --voice anna --name Ada", "enqueue --csv people.csv"))
def enqueue_job(
    *,
    image: Image = None,
    video: Video = None,
    voice: Voice = None,
    name: Name = None,
    start: WhenToStart = None,
    account: Account = None,
    key: Annotated[str | None, typer.Option(help="Idempotency key: the same one is the same job.")] = None,
    request: RequestFile = None,
    csv: Annotated[Path | None, typer.Option("--csv", help=f"A file of many, with columns {_NAMES}.")] = None,
    jsonl: Annotated[Path | None, typer.Option("--jsonl", help="A file of many, a whole request a line.")] = None,
    as_json: AsJson = False,
) -> None:
    """Record a job for a headshot or a training video, or many from a file: sent again, the same file is the same jobs."""
    if csv is not None or jsonl is not None:
        if any((image, video, voice, name, start, account, key, request, csv and jsonl)):
            raise typer.BadParameter("it holds whole requests; of the other options only --json goes with it", param_hint="--csv / --jsonl")
        enqueue_list(csv or jsonl or Path("-"), rows_of_csv if csv else rows_of_json_lines, as_json=as_json)
    replica = given(train_image_url=image, train_video_url=video, voice_name=voice, replica_name=name)
    document = asked_for(request, replica, start, account)
    with opened() as parts:
        added = enqueue(parts, document, beside=key)
        print_job(parts, added.job, as_json=as_json)


@cli.command(epilog=example("show ID"))
def show(job_id: OneJob, *, as_json: AsJson = False) -> None:
    """Where a job is, and what comes next."""
    with opened() as parts:
        print_job(parts, found(parts, job_id), as_json=as_json)


@cli.command(epilog=example("story ID"))
def story(job_id: OneJob, *, as_json: AsJson = False) -> None:
    """Everything that happened to a job."""
    with opened() as parts:
        lines = [line_document(line) for line in parts.ledger.story(found(parts, job_id).id)]
    print_document(lines, as_json=as_json, otherwise=lambda: terminal.story(lines))


@cli.command(epilog=example("explain ID"))
def explain(job_id: OneJob, *, as_json: AsJson = False) -> None:
    """In sentences: why a job is where it is, what happens next and when, and what you can do.

    With --json as `GET /v1/jobs/ID/explain` answers, which names requests instead of commands.
    """
    with opened() as parts:
        job = found(parts, job_id)
        document = explanation_document(job, explained(parts, job, How.HTTP if as_json else How.COMMAND))
    print_document(document, as_json=as_json, otherwise=lambda: terminal.explanation(document))


@cli.command("list", epilog=example("list --state held --account studio --since 24h", "list --before 2026-11-01 --json"))
def listing(
    *,
    state: InState = None,
    account: OfAccount = None,
    caller: Annotated[str | None, typer.Option(help="Only jobs of this caller.")] = None,
    replica: Annotated[str | None, typer.Option(metavar="ID", help="Only the job that made this replica.")] = None,
    since: Annotated[str | None, typer.Option(metavar="WHEN", help=f"Only jobs created then or later: {MOMENTS}.")] = None,
    before: Annotated[str | None, typer.Option(metavar="WHEN", help="Only jobs created earlier than that.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=10_000)] = 20,
    as_json: AsJson = False,
) -> None:
    """The newest jobs first, all or those for which everything holds that is asked for; and how many there are in each state, in all."""
    with opened() as parts:
        now = parts.engine.clock()
        wanted = Wanted(
            state=state,
            account=account,
            caller=caller,
            replica_id=ReplicaId(replica) if replica else None,
            since=moment_of(since, now, "--since"),
            before=moment_of(before, now, "--before"),
        )
        documents = [document_of(parts, job) for job in parts.ledger.page(wanted, None, limit).jobs]
        counts = parts.ledger.counts()
    print_document(documents, as_json=as_json, otherwise=lambda: terminal.jobs(documents, counts))
