"""`replicas ...`: the command line, for people at a terminal. It may not know what an action means: the engine decides, as it does for the API.

It works on the ledger itself and not through the API, so that it still answers at 3 a.m. when the API does not.
"""

import json
import sys
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from scheduler import terminal
from scheduler.accounts import UnknownAccountError, resume, standings
from scheduler.opened import opened
from scheduler.producers import enqueue
from scheduler.requests import RequestInvalidError
from scheduler.stack.environment import find_project, settle
from scheduler.stack.errors import StackError
from scheduler.views import job_document, line_document
from worker.assembly import Parts
from worker.core import events
from worker.core.decision import IllegalTransition
from worker.core.deletion import DeletionRefused
from worker.core.events import Event
from worker.core.job import Job, JobId, Start
from worker.core.states import State
from worker.redaction import redacted
from worker.settings import SettingsError, read_settings
from worker.store.database import UNREACHABLE
from worker.store.jobs import KeyReusedError
from worker.store.migrate import LedgerUnusableError, prepare

cli = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_show_locals=False,  # they hold addresses and keys
    help="Trains Tavus replicas: paid once, asked rarely, nothing lost.",
)
accounts = typer.Typer(no_args_is_help=True, help="The Tavus accounts.")
cli.add_typer(accounts, name="accounts")
console = Console(highlight=False, soft_wrap=True, markup=False)

_ONE = typer.Argument(metavar="ID", help="The job's id.")
OneJob = Annotated[str, _ONE]
AsJson = Annotated[bool, typer.Option("--json", help="As JSON, for programs.")]


@cli.command()
def run(
    *, demo: Annotated[bool, typer.Option("--demo", help="Show one job's way, with a small Tavus of our own; costs nothing.")] = False
) -> None:
    """Start everything on this host: broker, database, web, worker, beat and Flower."""
    from scheduler.stack import run as run_stack  # noqa: PLC0415 - the other commands start faster without it

    raise typer.Exit(run_stack(demo=demo))


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
    as_json: AsJson = False,
) -> None:
    """Record a job for a headshot or a training video."""
    replica = _given(train_image_url=image, train_video_url=video, voice_name=voice, replica_name=name)
    rest = _given(conversation=start and {"start": start.value}, account=account)
    if request is not None and (replica or rest):
        raise typer.BadParameter(
            "it holds the whole request; of the other options only --key and --json go with it", param_hint="--request"
        )
    document = {"replica": replica, **rest} if request is None else _read_document(request)
    with opened() as parts:
        added = enqueue(parts, document, beside=key)
        _print_job(parts, added.job, as_json=as_json)


@cli.command()
def show(job_id: OneJob, *, as_json: AsJson = False) -> None:
    """Where a job is, and what comes next."""
    with opened() as parts:
        _print_job(parts, _found(parts, job_id), as_json=as_json)


@cli.command()
def story(job_id: OneJob, *, as_json: AsJson = False) -> None:
    """Everything that happened to a job."""
    with opened() as parts:
        lines = [line_document(line) for line in parts.ledger.story(_found(parts, job_id).id)]
    _print(lines, as_json=as_json, otherwise=lambda: terminal.story(lines))


@cli.command()
def watch(job_id: OneJob) -> None:
    """Follow a job live until it is over: state, progress, next look, ETA."""
    with opened() as parts:
        terminal.watch(console, lambda: _document(parts, _found(parts, job_id)))


@cli.command("list")
def listing(
    state: Annotated[State | None, typer.Option(help="Only jobs in this state.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=10_000)] = 20,
    *,
    as_json: AsJson = False,
) -> None:
    """The newest jobs, and how many are in each state."""
    with opened() as parts:
        documents = [_document(parts, job) for job in parts.ledger.recent(limit, state)]
        counts = parts.ledger.counts()
    _print(documents, as_json=as_json, otherwise=lambda: terminal.jobs(documents, counts))


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
def delete(job_id: OneJob, *, hard: Annotated[bool, typer.Option("--hard", help="Also erase its assets, for ever.")] = False) -> None:
    """Delete a job's replica, if its refund is safe; says why not, and until when."""
    if hard:
        typer.confirm("This erases the replica's assets at Tavus for ever. Go on?", abort=True)
    _tell(job_id, events.DeletionRequested(hard=hard))


@accounts.command("list")
def list_accounts(*, as_json: AsJson = False) -> None:
    """The accounts, and which are stopped and why."""
    with opened() as parts:
        stops = standings(parts).items()
    found = {name: f"stopped: {stop.failure} since {stop.at.isoformat()}" if stop else "runs" for name, stop in stops}
    _print(found, as_json=as_json, otherwise=lambda: "\n".join(f"{name}: {state}" for name, state in found.items()))


@accounts.command("resume")
def resume_account(account: Annotated[str, typer.Argument(help="The account's name.")]) -> None:
    """Let a stopped account's line go on: its key or its plan is mended."""
    with opened() as parts:
        jobs = resume(parts, account)
    console.print(f"{account} goes on; {len(jobs)} held jobs with it")


@cli.command()
def migrate() -> None:
    """Bring the database to the schema of this version. `replicas run` does it by itself."""
    prepare(read_settings().ledger_url)
    console.print("the database is up to date")


def main() -> None:
    """The entry point: runs a command, and says in one sentence what went wrong."""
    try:
        with suppress(StackError):  # installed without its project: the folder's own settings count
            settle(find_project())
        cli()
    except RequestInvalidError as error:
        _fail("\n  ".join(["the request was refused, and nothing was stored:", *(f"{one.field} {one.problem}" for one in error.problems)]))
    except DeletionRefused as error:
        _fail(f"{error.reason} It may be deleted from {error.until.isoformat()} on." if error.until else error.reason)
    except IllegalTransition as error:
        _fail(f"the job is {error.job.state}. {error.reason}")
    except (KeyReusedError, UnknownAccountError, SettingsError, LedgerUnusableError, OSError, ValueError) as error:
        _fail(str(error))
    except UNREACHABLE as error:
        reason = " ".join(str(error.__cause__ or error).split())
        _fail(f"the database does not answer, or was never prepared (`replicas migrate`): {reason}")


def _fail(sentence: str) -> None:
    sys.stderr.write(f"replicas: {redacted(sentence)}\n")
    sys.exit(1)


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
        job = parts.engine.tell(_found(parts, job_id).id, event)
        parts.bell.ring_due([job], parts.engine.clock())
        last = parts.ledger.story(job.id)[-1]
    if last.event == events.DeletionDeclined.__name__:
        _fail(last.why)
    console.print(f"{job.id} is {job.state}: {last.why}", markup=False)


def _found(parts: Parts, job_id: str) -> Job:
    try:
        return parts.ledger.get(JobId(job_id))
    except KeyError:
        raise ValueError(f"there is no job {job_id!r} here; `replicas list` shows the newest") from None


def _document(parts: Parts, job: Job) -> dict[str, Any]:
    return job_document(job, parts.engine.rules.plan, parts.engine.clock())


def _print_job(parts: Parts, job: Job, *, as_json: bool) -> None:
    document = _document(parts, job)
    _print(document, as_json=as_json, otherwise=lambda: terminal.job(document))


def _print(document: object, *, as_json: bool, otherwise: Any) -> None:  # noqa: ANN401 - anything rich can show
    if as_json:
        sys.stdout.write(f"{json.dumps(document, indent=2)}\n")
    else:
        console.print(otherwise())
