"""The commands about what callers are told: look, send again, and the secrets that sign. They may not send anything: a sweep has it sent."""

from collections.abc import Sequence
from typing import Annotated

import typer

from scheduler import terminal
from scheduler.cli.shown import AsJson, cli, example, fail, print_document
from scheduler.opened import opened
from scheduler.producers import CALLER
from scheduler.views import notification_document
from worker.assembly import Parts
from worker.durations import parse_duration
from worker.store.notifications import NotificationId, Status
from worker.store.signing import SigningSecret

notifications = typer.Typer(no_args_is_help=True, help="What callers are told of their jobs (`notify_url`).")
secret = typer.Typer(no_args_is_help=True, help="The secrets that sign it, by which receivers know that it comes from here.")
cli.add_typer(notifications, name="notifications")
notifications.add_typer(secret, name="secret")

_MOST = 10_000
_Caller = Annotated[str, typer.Option(help="Whose secret.")]


@notifications.command("list", epilog=example("notifications list --status dead"))
def list_notifications(
    *,
    status: Annotated[Status | None, typer.Option(help="Only those; `dead` are the ones that were given up.")] = None,
    job: Annotated[str | None, typer.Option(metavar="ID", help="Only those of this job.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=_MOST)] = 20,
    as_json: AsJson = False,
) -> None:
    """The newest notifications, how far each is, and what its last attempt was answered."""
    with opened() as parts:
        documents = [notification_document(one) for one in parts.courier.outbox.recent(limit, status=status, job_id=job)]
    print_document(documents, as_json=as_json, otherwise=lambda: terminal.notifications(documents))


@notifications.command(epilog=example("notifications redeliver ID", "notifications redeliver --dead"))
def redeliver(
    ids: Annotated[
        list[str] | None, typer.Argument(metavar="[ID]...", help="Notifications by id, or all of a job by the job's id.")
    ] = None,
    *,
    dead: Annotated[bool, typer.Option("--dead", help="All that were given up.")] = False,
    as_json: AsJson = False,
) -> None:
    """Send notifications again, whatever became of them: at once, with the same ids, and tried as long as new ones."""
    if dead == bool(ids):
        raise typer.BadParameter("name the notifications (or jobs) to send again, or give --dead alone")
    with opened() as parts:
        outbox = parts.courier.outbox
        wanted = [one.id for one in outbox.recent(_MOST, status=Status.DEAD)] if dead else _named(parts, ids or [])
        again = outbox.send_again(wanted, parts.engine.clock())
    if missing := sorted(set(wanted) - set(again)):
        fail(f"there is no notification {', '.join(missing)[:200]} here; `replicas notifications list` shows the newest")
    sentence = f"{len(again)} notifications are sent again, from the next sweep on"
    print_document({"notifications": sorted(again)}, as_json=as_json, otherwise=lambda: sentence)


@secret.command(epilog=example("notifications secret show --caller shop"))
def show(*, caller: _Caller = CALLER, as_json: AsJson = False) -> None:
    """Show the caller's secrets that are valid now, the newest first. The first is made when somebody asks for it."""
    with opened() as parts:
        _print(parts.courier.outbox.secrets(caller, parts.engine.clock()), as_json=as_json)


@secret.command(epilog=example("notifications secret rotate --overlap 24h"))
def rotate(
    *,
    caller: _Caller = CALLER,
    overlap: Annotated[str, typer.Option(metavar="TIME", help="How long the one before signs too; 0s: it is known to others.")] = "24h",
    as_json: AsJson = False,
) -> None:
    """Make a new secret. The one before stays valid beside it for a while, so that the receiver can be changed meanwhile."""
    beside = parse_duration(overlap)
    with opened() as parts:
        _print(parts.courier.outbox.rotate(caller, parts.engine.clock(), beside), as_json=as_json)


def _named(parts: Parts, ids: Sequence[str]) -> list[NotificationId]:
    """Those that are meant. Raises ValueError for an id that nothing here has."""
    found: list[NotificationId] = []
    for one in ids:
        of_job = [other.id for other in parts.courier.outbox.recent(_MOST, job_id=one)]
        if not of_job and not one.startswith("msg_"):
            raise ValueError(
                f"there is no notification, and no job with one, called {one[:60]!r}; `replicas notifications list` shows the newest"
            )
        found += of_job or [NotificationId(one)]
    return found


def _print(secrets: Sequence[SigningSecret], *, as_json: bool) -> None:
    documents = [
        {"secret": one.text, "made_at": one.made_at.isoformat(), "valid_until": one.until.isoformat() if one.until else None}
        for one in secrets
    ]
    lines = [f"{one.text}  {f'until {one.until.isoformat()}' if one.until else 'valid'}" for one in secrets]
    print_document(documents, as_json=as_json, otherwise=lambda: "\n".join(lines))
