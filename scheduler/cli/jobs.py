"""The commands that enqueue, look at and act on jobs. They may not know what an action means: the engine decides."""

import json
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from scheduler import terminal
from scheduler.cli.lists import enqueue_list
from scheduler.cli.shown import AsJson, OneJob, cli, console, document_of, fail, found, print_document, print_job
from scheduler.opened import opened
from scheduler.producers import enqueue
from scheduler.retries import try_again
from scheduler.sheets import COLUMNS, rows_of_csv, rows_of_json_lines
from scheduler.views import line_document
from worker.core import events
from worker.core.events import Event
from worker.core.job import ReplicaId, Start
from worker.core.states import State

_NAMES = f"{', '.join(COLUMNS)}, metadata.ANYTHING"


@cli.command("enqueue")
def enqueue_job(
    *,
    image: Annotated[str | None, typer.Option(help="The headshot's URL.")] = None,
    video: Annotated[str | None, typer.Option(help="The training video's URL.")] = None,
    voice: Annotated[str | None, typer.Option(help="A stock voice; needed with --image.")] = None,
    name: Annotated[str | None, typer.Option(help="The replica's name.")] = None,
    start: Annotated[
        Start | None, typer.Option(help="When to open the conversation, which bills from then on: on_ready if unsaid.")
    ] = None,
    account: Annotated[str | None, typer.Option(help="The Tavus account.")] = None,
    key: Annotated[str | None, typer.Option(help="Idempotency key: the same one is the same job.")] = None,
    request: Annotated[Path | None, typer.Option("--request", help="A JSON file with the whole request; - is standard input.")] = None,
    csv: Annotated[Path | None, typer.Option("--csv", help=f"A file of many, with columns {_NAMES}.")] = None,
    jsonl: Annotated[Path | None, typer.Option("--jsonl", help="A file of many, a whole request a line.")] = None,
    as_json: AsJson = False,
) -> None:
    """Record a job for a headshot or a training video, or many from a file: sent again, the same file is the same jobs."""
    if csv is not None or jsonl is not None:
        if any((image, video, voice, name, start, account, key, request, csv and jsonl)):
            raise typer.BadParameter("it holds whole requests; of the other options only --json goes with it", param_hint="--csv / --jsonl")
        enqueue_list(csv or jsonl or Path("-"), rows_of_csv if csv else rows_of_json_lines, as_json=as_json)
    replica = _given(train_image_url=image, train_video_url=video, voice_name=voice, replica_name=name)
    rest = _given(conversation=start and {"start": start.value}, account=account)
    if request is not None and (replica or rest):
        raise typer.BadParameter(
            "it holds the whole request; of the other options only --key and --json go with it", param_hint="--request"
        )
    document = {"replica": replica, **rest} if request is None else _read_document(request)
    with opened() as parts:
        added = enqueue(parts, document, beside=key)
        print_job(parts, added.job, as_json=as_json)


@cli.command()
def show(job_id: OneJob, *, as_json: AsJson = False) -> None:
    """Where a job is, and what comes next."""
    with opened() as parts:
        print_job(parts, found(parts, job_id), as_json=as_json)


@cli.command()
def story(job_id: OneJob, *, as_json: AsJson = False) -> None:
    """Everything that happened to a job."""
    with opened() as parts:
        lines = [line_document(line) for line in parts.ledger.story(found(parts, job_id).id)]
    print_document(lines, as_json=as_json, otherwise=lambda: terminal.story(lines))


@cli.command()
def watch(job_id: OneJob) -> None:
    """Follow a job live until it is over: state, progress, next look, ETA."""
    with opened() as parts:
        terminal.watch(console, lambda: document_of(parts, found(parts, job_id)))


@cli.command("list")
def listing(
    state: Annotated[State | None, typer.Option(help="Only jobs in this state.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=10_000)] = 20,
    *,
    as_json: AsJson = False,
) -> None:
    """The newest jobs, and how many are in each state."""
    with opened() as parts:
        documents = [document_of(parts, job) for job in parts.ledger.recent(limit, state)]
        counts = parts.ledger.counts()
    print_document(documents, as_json=as_json, otherwise=lambda: terminal.jobs(documents, counts))


@cli.command()
def cancel(job_id: OneJob) -> None:
    """End a job; what Tavus already has stays there."""
    _tell(job_id, events.CancelRequested())


@cli.command()
def release(job_id: OneJob) -> None:
    """Let a held job go on: what held it is mended."""
    _tell(job_id, events.ReleaseRequested())


@cli.command()
def abandon(job_id: OneJob) -> None:
    """Give a held job up."""
    _tell(job_id, events.AbandonRequested())


@cli.command("open")
def open_conversation(job_id: OneJob) -> None:
    """Open the conversation of a job that is ready."""
    _tell(job_id, events.ConversationRequested())


@cli.command()
def retry(
    job_id: OneJob,
    *,
    image: Annotated[str | None, typer.Option(help="Another headshot's URL.")] = None,
    video: Annotated[str | None, typer.Option(help="Another training video's URL.")] = None,
) -> None:
    """Try an abandoned job again, with new input where it is given; its story and what it cost stay with it."""
    with opened() as parts:
        job = try_again(parts, found(parts, job_id), _given(train_image_url=image, train_video_url=video))
        last = parts.ledger.story(job.id)[-1]
    console.print(f"{job.id} is {job.state}: {last.why}", markup=False)


@cli.command()
def delete(
    job_id: OneJob,
    *,
    replica: Annotated[str | None, typer.Option(help="Which of its replicas; the one that the job follows, if unsaid.")] = None,
    hard: Annotated[bool, typer.Option("--hard", help="Also erase its assets, for ever.")] = False,
) -> None:
    """Delete a job's replica, if its refund is safe; says why not, and until when."""
    with opened() as parts:
        job = found(parts, job_id)
        meant = ReplicaId(replica) if replica else job.replica_id
        parts.engine.foresee(job.id, events.DeletionRequested(hard=hard, replica_id=meant))
        if hard:
            typer.confirm(f"This erases the assets of {meant} at Tavus for ever. Go on?", abort=True)
        parts.engine.tell(job.id, events.DeletionRequested(hard=hard, replica_id=meant))
        parts.engine.delete_due(job.id)
        last = parts.ledger.story(job.id)[-1]
    if last.event == events.DeletionDeclined.__name__:
        fail(last.why)
    console.print(f"{job.id} is {last.to_state}: {last.why}", markup=False)


def _given(**fields: Any) -> dict[str, Any]:  # noqa: ANN401 - fields of a request
    return {name: value for name, value in fields.items() if value is not None}


def _read_document(file: Path) -> object:
    text = sys.stdin.read() if str(file) == "-" else file.read_text()
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{file} is not JSON: {error}") from None


def _tell(job_id: str, event: Event) -> None:
    with opened() as parts:
        job = parts.engine.tell(found(parts, job_id).id, event)
        parts.bell.ring_due([job], parts.engine.clock())
        last = parts.ledger.story(job.id)[-1]
    console.print(f"{job.id} is {job.state}: {last.why}", markup=False)
