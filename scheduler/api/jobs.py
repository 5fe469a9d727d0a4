"""The routes of jobs that are there: look, and act on one. They may not know what an action means: `decide` does."""

from dataclasses import replace
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Query

from scheduler.acts import How
from scheduler.api import documents, examples
from scheduler.api.body import Body
from scheduler.api.cursors import Cursor, after, cursor_of
from scheduler.api.described import BODY, answer, described
from scheduler.api.guard import Caller, Here, Whose
from scheduler.api.parameters import Instant, Word
from scheduler.api.problems import unknown_job
from scheduler.explaining import explain as explained
from scheduler.explaining import explanation_document
from scheduler.requests import Problem, RequestInvalidError
from scheduler.retries import try_again
from scheduler.views import job_document, line_document
from worker.assembly import Parts
from worker.core import events
from worker.core.events import Event
from worker.core.job import Job, JobId, ReplicaId
from worker.core.states import State
from worker.store.listing import Wanted

routes = APIRouter(prefix="/v1/jobs", tags=["jobs"])

One = Annotated[str, Path(description="The job's id.", examples=[examples.ID])]
_ID = {"job_id": "$response.body#/id"}
_NEXT = [(to, _ID) for to in ("getJob", "getStory", "explainJob", "cancelJob")]
_FIRST = {"job_id": "$response.body#/jobs/0/id"}
_EVERY = ("getJob", "getStory", "explainJob", "followJob", "cancelJob", "releaseJob", "abandonJob", "retryJob", "startConversation",
          "endConversation", "deleteReplica")  # fmt: skip
_THERE = ("unknown-job",)


def _wanted(
    state: Annotated[State | None, Query(description="Only jobs in this state.", examples=["training"])] = None,
    account: Annotated[Word | None, Query(description="Only jobs of this Tavus account.", examples=["default"])] = None,
    caller: Annotated[Word | None, Query(description="Only jobs of this caller.", examples=["local"])] = None,
    replica_id: Annotated[Word | None, Query(description="Only the job that made this replica.", examples=["r9f3c1"])] = None,
    since: Annotated[Instant | None, Query(description="Only jobs created then or later.", examples=["2026-11-01T00:00:00Z"])] = None,
    before: Annotated[Instant | None, Query(description="Only jobs created earlier than that.", examples=["2036-11-02T00:00:00Z"])] = None,
) -> Wanted:
    replica = ReplicaId(replica_id) if replica_id else None
    return Wanted(state=state, account=account, caller=caller, replica_id=replica, since=since, before=before)


@routes.get(
    "",
    **described(
        "listJobs",
        "The newest jobs",
        answer(
            200, "A page.", documents.Jobs, examples.JOBS,
            links=[("listJobs", {"cursor": "$response.body#/next"}), *((to, _FIRST) for to in _EVERY)],
        ),
        problems=("invalid-request",),
    ),
)  # fmt: skip
def listing(
    parts: Here,
    caller: Whose,
    wanted: Annotated[Wanted, Depends(_wanted)],
    cursor: Annotated[Cursor | None, Query(description="The `next` of the page before.", examples=[examples.JOBS["next"]])] = None,
    limit: Annotated[int, Query(ge=1, le=500, description="Jobs on a page.", examples=[50])] = 50,
) -> dict[str, Any]:
    """The newest jobs first: all, or those for which everything holds that is asked for.

    `next` is the `cursor` of the page that follows. Jobs that come meanwhile are on none of the pages that follow.
    """
    page = parts.ledger.page(_of(caller, wanted), after(cursor), limit)
    return {"jobs": [shown(parts, job) for job in page.jobs], "next": cursor_of(page.next)}


@routes.get(
    "/{job_id}",
    **described("getJob", "One job", answer(200, "The job.", documents.Job, examples.JOB, [(to, _ID) for to in _EVERY]), problems=_THERE),
)
def get(parts: Here, caller: Whose, job_id: One) -> dict[str, Any]:
    """Where the job is, what comes next and when, and what went wrong if something did."""
    return shown(parts, found(parts, caller, job_id))


@routes.get(
    "/{job_id}/story",
    **described("getStory", "What happened to a job", answer(200, "Its story.", documents.Story, examples.STORY), problems=_THERE),
)
def story(parts: Here, caller: Whose, job_id: One) -> dict[str, Any]:
    """Every step, oldest first: what happened, from which state to which, when and why."""
    return {"lines": [line_document(line) for line in parts.ledger.story(found(parts, caller, job_id).id)]}


@routes.get(
    "/{job_id}/explain",
    **described(
        "explainJob", "Why a job is where it is", answer(200, "In sentences.", documents.Explanation, examples.EXPLANATION), problems=_THERE
    ),
)
def explain(parts: Here, caller: Whose, job_id: One) -> dict[str, Any]:
    """In sentences: why the job is where it is, what happens next and when, and what the reader can do."""
    job = found(parts, caller, job_id)
    return explanation_document(job, explained(parts, job, How.HTTP))


def _acting(operation_id: str, summary: str, example: object, *problems: str, **more: Any) -> dict[str, Any]:  # noqa: ANN401 - FastAPI's own
    """What all actions have in common: they answer with the job as it is then, or say why not."""
    done = answer(200, "The job, as it is now.", documents.Job, example, _NEXT)
    return described(operation_id, summary, done, problems=("unknown-job", "not-possible", *problems), **more)


@routes.post("/{job_id}/cancel", **_acting("cancelJob", "Cancel a job", examples.CANCELLED))
def cancel(parts: Here, caller: Whose, job_id: One) -> dict[str, Any]:
    """End the job. A submission that may have reached Tavus is looked for first; a replica that exists stays there."""
    return _tell(parts, caller, job_id, events.CancelRequested())


@routes.post("/{job_id}/release", **_acting("releaseJob", "Let a held job go on", examples.NEW_JOB))
def release(parts: Here, caller: Whose, job_id: One) -> dict[str, Any]:
    """What held the job is mended."""
    return _tell(parts, caller, job_id, events.ReleaseRequested())


@routes.post("/{job_id}/abandon", **_acting("abandonJob", "Give a held job up", examples.ABANDONED))
def abandon(parts: Here, caller: Whose, job_id: One) -> dict[str, Any]:
    """What holds the job will not be mended."""
    return _tell(parts, caller, job_id, events.AbandonRequested())


@routes.post("/{job_id}/conversation", **_acting("startConversation", "Start the conversation of a job", examples.OPENING))
def start_conversation(parts: Here, caller: Whose, job_id: One) -> dict[str, Any]:
    """Open the conversation of a job that is `ready`; of one that still trains, remember that it is wanted."""
    return _tell(parts, caller, job_id, events.ConversationRequested())


@routes.post("/{job_id}/conversation/end", **_acting("endConversation", "End the conversation of a job", examples.DONE))
def end_conversation(parts: Here, caller: Whose, job_id: One) -> dict[str, Any]:
    """Have the job's conversation ended, which bills until then. `ended_at` says when it was; asked for again, nothing happens."""
    job = parts.engine.tell(found(parts, caller, job_id).id, events.ConversationEndRequested())
    parts.bell.ring_deletions([job.id])  # the task that carries wishes out
    return shown(parts, job)


@routes.post(
    "/{job_id}/retry",
    **_acting(
        "retryJob",
        "Try an abandoned job again",
        examples.NEW_JOB,
        *BODY,
        openapi_extra={
            "requestBody": {
                "required": True,
                "content": {
                    "application/json": {
                        "schema": {"$ref": "#/components/schemas/ReplicaFields"},
                        "examples": {
                            "new-input": {"summary": "With another picture", "value": examples.NEW_INPUT},
                            "as-it-was": {"summary": "As it was", "value": {}},
                        },
                    }
                },
            }
        },
    ),
)
def retry(parts: Here, caller: Whose, job_id: One, document: Body) -> dict[str, Any]:
    """Queue it again, with the fields of Create Replica that are new (`{}`: none); its story and what it cost stay with it."""
    if not isinstance(document, dict):
        raise RequestInvalidError([Problem("request", "is not a JSON object")])
    return shown(parts, try_again(parts, found(parts, caller, job_id), document))


@routes.delete(
    "/{job_id}/replica",
    **described(
        "deleteReplica",
        "Delete a job's replica",
        answer(202, "The wish is let in.", documents.Deletion, examples.DELETION, [("getStory", _ID), ("getJob", _ID)]),
        problems=("unknown-job", "not-deletable", "invalid-request"),
    ),
)
def delete(
    parts: Here,
    caller: Whose,
    job_id: One,
    *,
    hard: Annotated[bool, Query(description="Erase its assets too, for ever.", examples=[False])] = False,
    replica_id: Annotated[Word | None, Query(description="Which of the job's replicas.", examples=["r9f3c1"])] = None,
) -> dict[str, Any]:
    """Ask for the deletion. 409 says why not, and until when: a failed replica is kept until its refund is safe, and two more looks agree.

    `replica_id`: which of the job's replicas; the one that the job follows, if unsaid. `hard` also erases its assets, for ever, and needs it said.
    """
    meant = ReplicaId(replica_id) if replica_id else None
    job = parts.engine.tell(found(parts, caller, job_id).id, events.DeletionRequested(hard=hard, replica_id=meant))
    parts.bell.ring_deletions([job.id])
    return {"id": job.id, "replica_id": meant or job.replica_id, "deletion": "asked for; the story says how it goes"}


def _tell(parts: Parts, caller: Caller, job_id: str, event: Event) -> dict[str, Any]:
    job = parts.engine.tell(found(parts, caller, job_id).id, event)
    parts.bell.ring_due([job], parts.engine.clock())
    return shown(parts, job)


def _of(caller: Caller, wanted: Wanted) -> Wanted:
    """The same, of those jobs alone that the caller may see."""
    if caller.sees is None:
        return wanted
    # Who asks for another's jobs is told that there are none, as he is where he asks for one of them.
    return replace(wanted, caller=caller.sees if wanted.caller in {None, caller.sees} else "")


def found(parts: Parts, caller: Caller, job_id: str) -> Job:
    """The job, if the caller may see it. Raises ProblemError: 404."""
    if not job_id.isalnum():  # what else a path may hold is not for every database
        raise unknown_job(job_id)
    try:
        job = parts.ledger.get(JobId(job_id))
    except KeyError:
        raise unknown_job(job_id) from None
    if not caller.may_see(job):
        raise unknown_job(job_id)  # the same word: nobody learns that others have it
    return job


def shown(parts: Parts, job: Job) -> dict[str, Any]:
    """The job as the API answers with it."""
    return job_document(job, parts.engine.rules, parts.engine.clock(), parts.links.url_of(job))
