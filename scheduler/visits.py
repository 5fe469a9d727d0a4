"""A visit to the link of a job: what it sets in motion, and how things stand for whoever came. It may not show a person anything from inside.

Three come by a link: a person who wants to talk now; a page that waits and asks by itself; a program that only looks, such as the preview that a
messenger makes of every link. Only the first may cost anything.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum, StrEnum

from scheduler.fields import LONGEST
from worker.assembly import Parts
from worker.core import events
from worker.core.decision import IllegalTransition
from worker.core.failures import Failure
from worker.core.job import Job, JobId
from worker.core.polling import Verdict
from worker.core.request import Start
from worker.core.states import State
from worker.core.visiting import OpeningsSpentError

_NOTED = timedelta(seconds=20)  # how often it is written down that somebody still waits; far less than the patience with who does not
_LONGEST_CALL = timedelta(hours=1)  # of a conversation, unless it was arranged otherwise (Tavus, Create Conversation, max_call_duration)
_SOON = timedelta(minutes=1)  # what an opening takes whose answer was not lost


class Who(Enum):
    """Who came."""

    PERSON = "wants to talk now"
    WAITING = "a page that waits"
    PROGRAM = "only looks"


class How(StrEnum):
    """How things stand."""

    OPEN = "open"  # there is a conversation, at `url`
    READY = "ready"  # one can be opened
    PREPARED = "prepared"  # the replica is not trained yet; `after` and `before` say when it is likely to be
    OPENING = "opening"
    SLOW = "slow"  # it may be open, and is looked for
    FULL = "full"  # every room is taken
    LOCKED = "locked"  # it is open, and nobody has what lets one in: another follows when it has ended
    SPENT = "spent"  # opened too often; `until`
    STUCK = "stuck"  # a person must look at it
    OVER = "over"


@dataclass(frozen=True, slots=True)
class Standing:
    """How things stand for a visitor. `late`: it takes longer than usual. `ahead`: how many wait before him. `longest`: of a conversation."""

    how: How
    url: str | None = None
    after: timedelta | None = None
    before: timedelta | None = None
    late: bool = False
    ahead: int = 0
    longest: timedelta = _LONGEST_CALL
    until: datetime | None = None


def come(parts: Parts, job_id: JobId, who: Who) -> Standing | None:
    """Somebody comes: what that sets in motion, and how things stand. None where there is no such link."""
    try:
        job = parts.ledger.get(job_id)
        if job.request.start is not Start.ON_DEMAND:
            return None
        return stand(parts, job if who is Who.PROGRAM else _moved(parts, job, opens=who is Who.PERSON))
    except KeyError:
        return None
    except OpeningsSpentError as spent:
        return Standing(How.SPENT, until=spent.until)
    except IllegalTransition:  # its replica was deleted
        return Standing(How.OVER)


def look(parts: Parts, job_id: JobId) -> Standing:
    """How things stand, once more, for somebody who came."""
    return stand(parts, parts.ledger.get(job_id))


def _moved(parts: Parts, job: Job, *, opens: bool) -> Job:
    visit = events.LinkVisited(opens=opens)
    if job.state in {State.READY, State.DONE}:
        job = parts.engine.tell(job.id, visit)
        if opens and job.state is State.DONE and _has_ended(job):  # as the visit has shown just now
            job = parts.engine.tell(job.id, visit)
    if job.state is State.OPENING:
        now = parts.engine.clock()
        if job.visited_at is None or now - job.visited_at > _NOTED:
            parts.ledger.visited(job.id, now)
        parts.bell.ring_due([job], now)
    return job


def _has_ended(job: Job) -> bool:
    return job.conversation is not None and job.conversation.ended_at is not None


def stand(parts: Parts, job: Job) -> Standing:
    """How things stand with the job."""
    match job.state:
        case State.QUEUED | State.SUBMITTING | State.TRAINING:
            return _prepared(parts, job)
        case State.READY:
            return Standing(How.READY)
        case State.OPENING:
            return _opening(parts, job)
        case State.DONE:
            return _done(parts, job)
        case State.HELD:
            return Standing(How.STUCK)
        case _:
            return Standing(How.OVER)


def _prepared(parts: Parts, job: Job) -> Standing:
    now = parts.engine.clock()
    elapsed = now - job.attempt.intended_at if job.state is State.TRAINING else timedelta(0)
    plan = parts.engine.rules.plan_for(job.request, job.account)
    eta = plan.eta(elapsed)
    return Standing(How.PREPARED, after=eta.p50, before=eta.p90, late=plan.verdict(elapsed) is not Verdict.PLAUSIBLE)


def _opening(parts: Parts, job: Job) -> Standing:
    now = parts.engine.clock()
    if job.conversation is not None and job.conversation.intended_at is not None:
        slow = now - job.conversation.intended_at > _SOON
        return Standing(How.SLOW, before=parts.settings.settle_time) if slow else Standing(How.OPENING)
    if any(stop.account == job.account for stop in parts.ledger.stops()):
        return Standing(How.STUCK)
    if job.failure is None:
        return Standing(How.OPENING)
    again = max((job.due_at or now) - now, timedelta(0))
    if job.failure is not Failure.CONVERSATIONS_FULL:
        return Standing(How.OPENING, late=True, after=again)
    ahead = parts.ledger.waiting_before(job.account, job.trying_since or now)
    return Standing(How.FULL, after=again, ahead=ahead, longest=_longest_call(job))


def _longest_call(job: Job) -> timedelta:
    properties = job.request.conversation.get("properties") or {}
    seconds = properties.get("max_call_duration")
    return timedelta(seconds=min(seconds, LONGEST)) if seconds else _LONGEST_CALL  # who asked before there was a limit may have more


def _done(parts: Parts, job: Job) -> Standing:
    talk = job.conversation
    is_test = job.request.conversation.get("test_mode") is True  # it is born ended, and nobody can be in it
    if talk is None or talk.url is None:
        return Standing(How.OVER)
    if talk.ended_at is not None and not is_test:
        return Standing(How.READY)
    if job.request.conversation.get("require_auth") is not True:
        return Standing(How.OPEN, talk.url)
    admission = parts.links.open(talk.admission) if talk.admission else None
    return Standing(How.OPEN, f"{talk.url}?t={admission}") if admission else Standing(How.LOCKED)
