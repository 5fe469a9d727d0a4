"""What every command shares: the programs that the commands hang on, the terminal, and how a job is found and shown. It may not act on a job."""

import json
import sys
from typing import Annotated, Any

import typer
from rich.console import Console

from scheduler import terminal
from scheduler.views import job_document
from worker.assembly import Parts
from worker.core.job import Job, JobId
from worker.redaction import redacted


def example(*typed: str) -> str:
    """The end of a command's help: what a person would type, after `replicas`."""
    return "\n\n".join(f"Example: replicas {words}" for words in typed)


_STATUSES = (
    "Exit status: 0 done; 1 refused, failed, or something was found; 2 wrong usage; 130 interrupted. What went wrong is on standard error."
)

cli = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_show_locals=False,  # they hold addresses and keys
    help="Trains Tavus replicas: paid once, asked rarely, nothing lost.",
    epilog=f"{_STATUSES}\n\n{example('enqueue --image https://example.com/ada.jpg --voice anna')}",
)
console = Console(highlight=False, soft_wrap=True, markup=False)

_ONE = typer.Argument(metavar="ID", help="The job's id.")
OneJob = Annotated[str, _ONE]
AsJson = Annotated[bool, typer.Option("--json", help="As JSON, for programs.")]


def fail(sentence: str) -> None:
    """Say what went wrong and end with status 1."""
    sys.stderr.write(f"replicas: {redacted(sentence)}\n")
    sys.exit(1)


def found(parts: Parts, job_id: str) -> Job:
    """The job. Raises ValueError with a sentence when there is none."""
    try:
        return parts.ledger.get(JobId(job_id))
    except KeyError:
        raise ValueError(f"there is no job {job_id!r} here; `replicas list` shows the newest") from None


def document_of(parts: Parts, job: Job) -> dict[str, Any]:
    """The job as it is shown."""
    return job_document(job, parts.engine.rules, parts.engine.clock(), parts.links.url_of(job))


def print_job(parts: Parts, job: Job, *, as_json: bool) -> None:
    """Show one job."""
    document = document_of(parts, job)
    print_document(document, as_json=as_json, otherwise=lambda: terminal.job(document))


def print_told(parts: Parts, job: Job, *, as_json: bool) -> None:
    """Say what became of a job that something was done to, and why; or show it."""
    last = parts.ledger.story(job.id)[-1]
    print_document(document_of(parts, job), as_json=as_json, otherwise=lambda: f"{job.id} is {last.to_state}: {last.why}")


def print_document(document: object, *, as_json: bool, otherwise: Any) -> None:  # noqa: ANN401 - anything rich can show
    """Show a document as JSON, or what `otherwise` makes of it."""
    if as_json:
        sys.stdout.write(f"{json.dumps(document, indent=2)}\n")
    else:
        console.print(otherwise())
