"""The routes of jobs that are there: look, and act on one. They may not know what an action means: `decide` does."""

from typing import Annotated, Any

from fastapi import APIRouter, Query

from scheduler.api.body import Body
from scheduler.api.guard import Here
from scheduler.api.problems import unknown_job
from scheduler.requests import Problem, RequestInvalidError
from scheduler.retries import try_again
from scheduler.views import job_document, line_document
from worker.assembly import Parts
from worker.core import events
from worker.core.events import Event
from worker.core.job import Job, JobId, ReplicaId
from worker.core.states import State

routes = APIRouter(prefix="/v1/jobs", tags=["jobs"])


@routes.get("", summary="The newest jobs")
def listing(parts: Here, state: State | None = None, limit: Annotated[int, Query(ge=1, le=500)] = 50) -> dict[str, Any]:
    """The newest jobs first, all or those in one state."""
    return {"jobs": [shown(parts, job) for job in parts.ledger.recent(limit, state)]}


@routes.get("/{job_id}", summary="One job")
def get(parts: Here, job_id: str) -> dict[str, Any]:
    """Where the job is, what comes next and when, and what went wrong if something did."""
    return shown(parts, _found(parts, job_id))


@routes.get("/{job_id}/story", summary="What happened to a job")
def story(parts: Here, job_id: str) -> dict[str, Any]:
    """Every step, oldest first: what happened, from which state to which, when and why."""
    return {"lines": [line_document(line) for line in parts.ledger.story(_found(parts, job_id).id)]}


@routes.post("/{job_id}/cancel", summary="Cancel a job")
def cancel(parts: Here, job_id: str) -> dict[str, Any]:
    """End the job. A submission that may have reached Tavus is looked for first; a replica that exists stays there."""
    return _tell(parts, job_id, events.CancelRequested())


@routes.post("/{job_id}/release", summary="Let a held job go on")
def release(parts: Here, job_id: str) -> dict[str, Any]:
    """What held the job is mended."""
    return _tell(parts, job_id, events.ReleaseRequested())


@routes.post("/{job_id}/abandon", summary="Give a held job up")
def abandon(parts: Here, job_id: str) -> dict[str, Any]:
    """What holds the job will not be mended."""
    return _tell(parts, job_id, events.AbandonRequested())


@routes.post("/{job_id}/conversation", summary="Start the conversation of a job")
def start_conversation(parts: Here, job_id: str) -> dict[str, Any]:
    """Open the conversation of a job that is `ready`; of one that still trains, remember that it is wanted."""
    return _tell(parts, job_id, events.ConversationRequested())


@routes.post("/{job_id}/retry", summary="Try an abandoned job again")
def retry(parts: Here, job_id: str, document: Body) -> dict[str, Any]:
    """Queue it again, with the fields of Create Replica that are new (`{}`: none); its story and what it cost stay with it."""
    if not isinstance(document, dict):
        raise RequestInvalidError([Problem("request", "is not a JSON object")])
    return shown(parts, try_again(parts, _found(parts, job_id), document))


@routes.delete("/{job_id}/replica", status_code=202, summary="Delete a job's replica")
def delete(parts: Here, job_id: str, *, hard: bool = False, replica_id: str | None = None) -> dict[str, Any]:
    """Ask for the deletion. 409 says why not, and until when: a failed replica is kept until its refund is safe, and two more looks agree.

    `replica_id`: which of the job's replicas; the one that the job follows, if unsaid. `hard` also erases its assets, for ever, and needs it said.
    """
    meant = ReplicaId(replica_id) if replica_id else None
    job = parts.engine.tell(_found(parts, job_id).id, events.DeletionRequested(hard=hard, replica_id=meant))
    parts.bell.ring_deletions([job.id])
    return {"id": job.id, "replica_id": meant or job.replica_id, "deletion": "asked for; the story says how it goes"}


def _tell(parts: Parts, job_id: str, event: Event) -> dict[str, Any]:
    job = parts.engine.tell(_found(parts, job_id).id, event)
    parts.bell.ring_due([job], parts.engine.clock())
    return shown(parts, job)


def _found(parts: Parts, job_id: str) -> Job:
    if not job_id.isalnum():  # what else a path may hold is not for every database
        raise unknown_job(job_id)
    try:
        return parts.ledger.get(JobId(job_id))
    except KeyError:
        raise unknown_job(job_id) from None


def shown(parts: Parts, job: Job) -> dict[str, Any]:
    """The job as the API answers with it."""
    return job_document(job, parts.engine.rules, parts.engine.clock())
