"""What the API answers with, as pydantic models: the documentation is made of them, and every answer is checked against them.

They may not leave anything out: what `views` shows beyond them is let through, so that a field more breaks nobody.
"""

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from worker.core.credits import Entry
from worker.core.failures import Failure
from worker.core.job import Outcome
from worker.core.polling import Verdict
from worker.core.states import State
from worker.store.notifications import Status

Moment = Annotated[str, Field(json_schema_extra={"format": "date-time"}, description="ISO 8601, UTC.")]
Money = Annotated[str, Field(description="A decimal number, in whatever the account is billed in.")]


class Shown(BaseModel):
    """What all of them have in common."""

    model_config = ConfigDict(extra="allow")


class Expected(Shown):
    """When a training is expected to end: half of those that have taken as long end before `p50`, nine in ten before `p90`."""

    p50: Moment
    p90: Moment
    verdict: Verdict


class Submitted(Shown):
    """One paid submission of a job, and what became of its money."""

    number: int
    mark: str
    submitted_at: Moment
    outcome: Outcome
    credit: Entry
    replica_id: str | None
    failure: Failure | None
    ended_at: Moment | None
    late_at: Moment | None
    deletable_at: Annotated[Moment | None, Field(description="Until then a failed replica is kept, or its refund could be lost.")]
    deletion_due_at: Moment | None
    deleted_at: Moment | None
    strays: list[str]


class Talk(Shown):
    """The conversation of a job."""

    id: str
    url: str | None
    ended_at: Annotated[Moment | None, Field(description="When it was learned that it is over; null: nobody has told us so.")]


class Why(Shown):
    """What went wrong, in one word of a fixed list, what to do about it, and the vendor's own words."""

    code: Failure
    told: str
    detail: str | None


class Consent(Shown):
    """Somebody's word that the person who is seen and heard agrees."""

    affirmed_by: str
    statement: str
    affirmed_at: str


class Job(Shown):
    """A job."""

    id: str
    state: State
    account: str
    caller: str
    priority: int
    created_at: Moment
    due_at: Annotated[Moment | None, Field(description="When it is next looked at; null: nothing is due.")]
    progress: str | None
    eta: Expected | None
    replica_id: str | None
    submissions: Annotated[int, Field(description="How often it may have been paid for.")]
    attempts: list[Submitted]
    conversation: Talk | None
    failure: Why | None
    cancel_requested: bool
    idempotency_key: str | None
    metadata: dict[str, Any]
    consent: Annotated[Consent | None, Field(description="Who affirmed the rights to the picture or video.")] = None
    link: Annotated[str | None, Field(description="What opens its conversation on demand, for whoever follows it.")] = None
    erased_at: Annotated[Moment | None, Field(description="When retention erased what was asked for, and the story; null: it has not.")] = (
        None
    )


class Jobs(Shown):
    """A page of jobs, newest first."""

    jobs: list[Job]
    next: Annotated[str | None, Field(description="Send it as `cursor` for the page that follows; null: there is none.")]


class Line(Shown):
    """One step of a job's story."""

    at: Moment
    event: str
    from_state: State | None
    to_state: State
    why: str


class Story(Shown):
    """Every step, oldest first."""

    lines: list[Line]


class Explanation(Shown):
    """Why a job is where it is, what happens next and when, and what the reader can do, in sentences."""

    id: str
    state: State
    why: str
    next: str
    next_at: Moment | None
    you_can: list[str]


class Deletion(Shown):
    """A wish that was let in."""

    id: str
    replica_id: str | None
    deletion: str


class Result(Shown):
    """What became of one request of a batch: its job, or the problem that it would have been told by itself."""

    status: int
    id: Annotated[str, Field(description="The job's id.")] = ""
    type: Annotated[str, Field(description="Of the problem.")] = ""
    title: str = ""
    detail: str = ""


class Results(Shown):
    """One for each request, in order."""

    results: list[Result]


class Notification(Shown):
    """Something that a caller is told: what, how far it is, and what the last attempt was answered."""

    id: Annotated[str, Field(description="The same for every attempt: receivers see it as `webhook-id`.")]
    job_id: str
    caller: str
    type: str
    at: Moment
    status: Status
    tries: int
    due_at: Annotated[Moment | None, Field(description="When it is next tried; null: it is over.")]
    answer: str | None
    answered_at: Moment | None
    about: dict[str, Any]


class Notifications(Shown):
    """The newest first."""

    notifications: list[Notification]


class Health(Shown):
    """It answers."""

    status: str


class Problem(Shown):
    """An error (RFC 9457). `type` is stable: programs decide by it, people read `detail`."""

    type: Annotated[str, Field(json_schema_extra={"format": "uri"})]
    title: str
    status: int
    detail: str


class FieldProblem(Shown):
    """One thing that is wrong: where, and what."""

    field: str
    problem: str


class InvalidRequest(Problem):
    """Every problem of a request at once; nothing was stored."""

    problems: list[FieldProblem]
