"""The Celery tasks `replicas.cancel`, `conversations.start` and `replicas.delete`: what another service wants of a job that is there.

They may not decide anything.

Whoever reaches the broker is the owner, as over HTTP without a caller's token: he may act on any job by its id, and an idempotency key is one of his
own. A message that comes twice finds its wish fulfilled.
"""

from collections.abc import Callable
from typing import Annotated, Any

from celery import Celery, Task
from pydantic import BaseModel, ConfigDict, StringConstraints, ValidationError

from scheduler.fields import Key
from scheduler.keepable import Found, keepable
from scheduler.messages import REFUSALS, NotPossibleError, QuietTask, UnknownJobError, answered, by_name
from scheduler.producers import CALLER
from scheduler.refusals import Problem, problem_of, refused
from worker.app import CANCEL, DELETE, START_CONVERSATION
from worker.assembly import Parts
from worker.core import events
from worker.core.deletion import DeletionRefused
from worker.core.job import Job, JobId, ReplicaId
from worker.core.states import State
from worker.tasks import go_on


class _Fields(BaseModel):
    """A job, by its id or by the key that it was asked for under."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    job_id: Annotated[str, StringConstraints(pattern=r"^[0-9a-z]{1,60}$")] | None = None
    idempotency_key: Key | None = None


def add_wishes(app: Celery, parts: Callable[[], Parts]) -> None:
    """Register them; `parts` gives those of the process that runs them."""

    @app.task(name=CANCEL, bind=True, base=QuietTask, shared=False)
    def cancel(task: Task, /, *job_id: object, **fields: Any) -> None:  # noqa: ANN401 - whatever a service sends; `_named` looks at it
        """End a job. One that is cancelled already stays so."""
        with answered(task):
            _cancel(parts(), _named(parts(), by_name(job_id, fields, "job_id")))

    @app.task(name=START_CONVERSATION, bind=True, base=QuietTask, shared=False)
    def start_conversation(task: Task, /, *job_id: object, **fields: Any) -> None:  # noqa: ANN401 - the same
        """Open the conversation of a job; of one that still trains, remember that it is wanted. One that has its conversation keeps it."""
        with answered(task):
            _start_conversation(parts(), _named(parts(), by_name(job_id, fields, "job_id")))

    @app.task(name=DELETE, bind=True, shared=False, throws=REFUSALS)
    def delete(task: Task, /, job_id: str, hard: bool = False, replica_id: str | None = None) -> None:  # noqa: FBT001, FBT002 - a message's argument
        """Delete a job's replica, if the door of deletion lets it through. Erasing its assets too (`hard`) needs the replica's id."""
        with answered(task):
            meant = ReplicaId(replica_id) if replica_id else None
            _delete(parts(), _known(parts(), job_id), events.DeletionRequested(hard=hard, replica_id=meant))


def _cancel(parts: Parts, job: Job) -> None:
    told = parts.engine.tell(job.id, events.CancelRequested())
    parts.bell.ring_due([told], parts.engine.clock())


def _start_conversation(parts: Parts, job: Job) -> None:
    if job.state is State.CANCELLED:
        # To the engine this is a message that a cancellation overtook, and no news; whoever sent it is told that there will be none.
        parts.engine.foresee(job.id, events.ConversationRequested())
    go_on(parts, lambda engine: engine.start_conversation(job.id))


def _delete(parts: Parts, job: Job, wish: events.DeletionRequested) -> None:
    try:
        parts.engine.tell(job.id, wish)
    except DeletionRefused as refused:
        raise NotPossibleError(str(refused)) from None  # which says until when
    parts.engine.delete_due(job.id)


def _named(parts: Parts, document: object) -> Job:
    """The job that the message names. Raises RequestInvalidError and UnknownJobError."""
    read = _read(document)
    if read.idempotency_key is not None:
        if (job := parts.ledger.find_by_key(CALLER, read.idempotency_key)) is None:
            raise UnknownJobError("no job was asked for under this idempotency_key; one that was sent a moment ago may not be stored yet")
        return job
    return _known(parts, read.job_id or "")


def _known(parts: Parts, job_id: str) -> Job:
    try:
        return parts.ledger.get(JobId(job_id))
    except KeyError:
        raise UnknownJobError("no job has this job_id: send the id that the API, `replicas list` or a notification has for it") from None


def _read(document: object) -> _Fields:
    found: Found = []
    kept = keepable(document, found)
    problems = [Problem(path or "request", what) for path, what in found]
    try:
        named = _Fields.model_validate(kept)
    except ValidationError as wrong:
        raise refused(problems + [problem_of(error) for error in wrong.errors(include_url=False, include_input=False)]) from None
    if named.job_id is not None and named.idempotency_key is not None:
        problems.append(Problem("idempotency_key", "stands beside job_id: send one of the two"))
    if named.job_id is None and named.idempotency_key is None:
        problems.append(Problem("request", "names no job: send its job_id, or the idempotency_key that it was asked for under"))
    if problems:
        raise refused(problems)
    return named
