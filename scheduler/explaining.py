"""Explains a job in sentences: why it is where it is, what happens next and when, and what the reader can do. It may not decide: it asks `decide`."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any, assert_never

from scheduler.acts import Act, How
from worker.assembly import Parts
from worker.core import events
from worker.core.decide import decide
from worker.core.decision import IllegalTransition
from worker.core.events import Event
from worker.core.failures import POLICIES
from worker.core.job import Job
from worker.core.request import Start
from worker.core.rules import Rules
from worker.core.states import State


@dataclass(frozen=True, slots=True)
class Explanation:
    """What there is to say of a job. `next_at`: when it is next looked at; None: nothing happens by itself."""

    why: str
    next: str
    next_at: datetime | None
    you_can: tuple[str, ...]


def explain(parts: Parts, job: Job, how: How) -> Explanation:
    """What there is to say of the job now. `how`: the way in which the reader would act."""
    now, rules = parts.engine.clock(), parts.engine.rules
    stop = next((one for one in parts.ledger.stops() if one.account == job.account), None)
    if stop is not None and job.state in _NEEDS_ITS_ACCOUNT:
        why = f"The account {job.account!r} is stopped since {_at(stop.at)}: {POLICIES[stop.failure].told}"
        resume = Act.RESUME.said(how, account=stop.account)
        return Explanation(why, "It goes on when the account is resumed.", None, (resume, *_ways(job, now, rules, how)))
    return Explanation(_why(job, now, rules), _next(job, now, rules), job.due_at, _ways(job, now, rules, how))


def explanation_document(job: Job, told: Explanation) -> dict[str, Any]:
    """The explanation as JSON."""
    moment = told.next_at.isoformat() if told.next_at else None
    return {"id": job.id, "state": job.state.value, "why": told.why, "next": told.next, "next_at": moment, "you_can": list(told.you_can)}


_NEEDS_ITS_ACCOUNT = frozenset({State.QUEUED, State.SUBMITTING, State.TRAINING, State.OPENING})


def _why(job: Job, now: datetime, rules: Rules) -> str:  # noqa: PLR0911 - one for each state
    """Why it is where it is."""
    told = f" {POLICIES[job.failure].told}" if job.failure is not None else ""
    detail = f" Tavus, or the look at it, said: {job.detail}" if job.failure is not None and job.detail else ""
    match job.state:
        case State.QUEUED:
            return f"It is accepted, and nothing of it is with Tavus.{told}{detail}" if told else "It is accepted and waits for its turn."
        case State.SUBMITTING:
            return f"Its submission {job.attempt.mark} may have reached Tavus, and nobody knows yet: it is looked for, never sent again."
        case State.TRAINING:
            return f"Tavus trains its replica {job.replica_id} since {_at(job.attempt.intended_at)}.{_progress(job, now, rules)}"
        case State.READY:
            return f"Its replica {job.replica_id} is trained, and its conversation opens when somebody asks for it."
        case State.OPENING:
            return f"Its replica {job.replica_id} is trained, and its conversation is being opened.{told}"
        case State.DONE:
            return _what_it_has(job)
        case State.HELD:
            return f"A person must decide.{told}{detail}"
        case State.ABANDONED:
            return f"It was given up.{told}{detail}"
        case State.CANCELLED:
            return "Somebody cancelled it."
        case _:
            assert_never(job.state)


def _progress(job: Job, now: datetime, rules: Rules) -> str:
    verdict = rules.plan_for(job.request, job.account).verdict(now - job.attempt.intended_at)
    return f" {f'It says {job.progress}. ' if job.progress else ''}For the time it has taken it is {verdict}."


def _what_it_has(job: Job) -> str:
    talk = job.conversation
    if talk is None or talk.id is None:
        return f"Its replica {job.replica_id} is trained, and no conversation was asked for."
    how = f"ended at {_at(talk.ended_at)}" if talk.ended_at else "is to end" if talk.end_due_at else "was opened"
    return f"The caller has what was asked for: the conversation {talk.id} {how}."


def _next(job: Job, now: datetime, rules: Rules) -> str:
    """What happens next, and when."""
    when = f"at {_at(job.due_at)}" if job.due_at is not None else ""
    match job.state:
        case State.QUEUED:
            return f"Its input is looked at {when}, and then it is submitted, which pays for the training."
        case State.SUBMITTING:
            return f"The account's list is searched for it {when}; only when it is proven absent may it be sent again."
        case State.TRAINING:
            eta = rules.plan_for(job.request, job.account).eta(now - job.attempt.intended_at)
            return (
                f"Tavus is asked {when}. Half of such trainings end before {_at(now + eta.p50)}, nine in ten before {_at(now + eta.p90)}."
            )
        case State.OPENING:
            asks = job.conversation is not None and job.conversation.intended_at is not None
            return f"Its conversation is {'looked for' if asks else 'opened'} {when}."
        case State.READY | State.HELD:
            return f"What became of its other submission is asked {when}." if when else "Nothing happens by itself."
        case State.DONE | State.ABANDONED | State.CANCELLED:
            return _over(job, when)
        case _:
            assert_never(job.state)


def _over(job: Job, when: str) -> str:
    if job.erased_at is not None:
        return f"It is over. What was asked for and its story were erased by retention at {_at(job.erased_at)}; what it cost is kept."
    return f"It is over; what its submissions cost is settled {when}." if when else "It is over, and everything about it is known."


def _ways(job: Job, now: datetime, rules: Rules, how: How) -> tuple[str, ...]:
    """What `decide` would let the reader do, one sentence each."""
    return tuple(act.said(how, job_id=job.id) for act, event in _acts(job) if _is_possible(job, event, now, rules))


def _acts(job: Job) -> Iterator[tuple[Act, Event]]:
    if not job.cancel_requested:
        yield Act.CANCEL, events.CancelRequested()
    yield Act.RELEASE, events.ReleaseRequested()
    yield Act.ABANDON, events.AbandonRequested()
    yield Act.RETRY, events.RetryRequested()
    yield Act.RETRY_ANEW, events.RetryRequested(job.request.replica)
    if not job.conversation_wanted and (job.state is State.READY or job.request.start is not Start.ON_READY):
        yield Act.OPEN, events.ConversationRequested()
    talk = job.conversation
    if talk is not None and talk.id is not None and talk.ended_at is None and talk.end_due_at is None:
        yield Act.END, events.ConversationEndRequested()
    if not any(one.deletion is not None for one in job.attempts):
        yield Act.DELETE, events.DeletionRequested()


def _is_possible(job: Job, event: Event, now: datetime, rules: Rules) -> bool:
    try:
        decide(job, event, now, rules)
    except IllegalTransition:
        return False
    return True


def _at(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M:%S} UTC"
