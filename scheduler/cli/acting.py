"""The commands that act on a job. They may not know what an action means: the engine decides, as it does for the API."""

from typing import Annotated

import typer

from scheduler.cli.shown import AsJson, OneJob, cli, example, fail, found, print_told
from scheduler.opened import opened
from scheduler.retries import try_again
from worker.core import events
from worker.core.events import Event
from worker.core.job import ReplicaId


@cli.command(epilog=example("cancel ID"))
def cancel(job_id: OneJob, *, as_json: AsJson = False) -> None:
    """End a job; what Tavus already has stays there."""
    _tell(job_id, events.CancelRequested(), as_json=as_json)


@cli.command(epilog=example("release ID"))
def release(job_id: OneJob, *, as_json: AsJson = False) -> None:
    """Let a held job go on: what held it is mended. For some reasons that pays again; `replicas show ID` says so."""
    _tell(job_id, events.ReleaseRequested(), as_json=as_json)


@cli.command(epilog=example("abandon ID"))
def abandon(job_id: OneJob, *, as_json: AsJson = False) -> None:
    """Give a held job up."""
    _tell(job_id, events.AbandonRequested(), as_json=as_json)


@cli.command("open", epilog=example("open ID"))
def open_conversation(job_id: OneJob, *, as_json: AsJson = False) -> None:
    """Open the conversation of a job that is ready; of one that still trains, remember that it is wanted."""
    _tell(job_id, events.ConversationRequested(), as_json=as_json)


@cli.command("end", epilog=example("end ID"))
def end_conversation(job_id: OneJob, *, as_json: AsJson = False) -> None:
    """Have a job's conversation ended, which bills until then."""
    with opened() as parts:
        job = parts.engine.tell(found(parts, job_id).id, events.ConversationEndRequested())
        parts.bell.ring_deletions([job.id])  # the task that carries wishes out
        print_told(parts, job, as_json=as_json)


@cli.command(epilog=example("retry ID", "retry ID --image https://example.com/better.jpg"))
def retry(
    job_id: OneJob,
    *,
    image: Annotated[str | None, typer.Option(help="Another headshot's URL.")] = None,
    video: Annotated[str | None, typer.Option(help="Another training video's URL.")] = None,
    as_json: AsJson = False,
) -> None:
    """Try an abandoned job again, with new input where it is given; its story and what it cost stay with it."""
    fields = {name: value for name, value in (("train_image_url", image), ("train_video_url", video)) if value is not None}
    with opened() as parts:
        print_told(parts, try_again(parts, found(parts, job_id), fields), as_json=as_json)


@cli.command(epilog=example("delete ID", "delete ID --replica REPLICA --hard"))
def delete(
    job_id: OneJob,
    *,
    replica: Annotated[str | None, typer.Option(help="Which of its replicas; the one that the job follows, if unsaid.")] = None,
    hard: Annotated[bool, typer.Option("--hard", help="Also erase its assets, for ever; asks first.")] = False,
    as_json: AsJson = False,
) -> None:
    """Delete a job's replica, if its refund is safe; says why not, and until when."""
    with opened() as parts:
        job = found(parts, job_id)
        meant = ReplicaId(replica) if replica else job.replica_id
        parts.engine.foresee(job.id, events.DeletionRequested(hard=hard, replica_id=meant))
        if hard:
            typer.confirm(f"This erases the assets of {meant} at Tavus for ever. Go on?", abort=True, err=True)
        parts.engine.tell(job.id, events.DeletionRequested(hard=hard, replica_id=meant))
        parts.engine.delete_due(job.id)
        last = parts.ledger.story(job.id)[-1]
        if last.event == events.DeletionDeclined.__name__:
            fail(last.why)
        print_told(parts, parts.ledger.get(job.id), as_json=as_json)


def _tell(job_id: str, event: Event, *, as_json: bool) -> None:
    with opened() as parts:
        job = parts.engine.tell(found(parts, job_id).id, event)
        parts.bell.ring_due([job], parts.engine.clock())
        print_told(parts, job, as_json=as_json)
