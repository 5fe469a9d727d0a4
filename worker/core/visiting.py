"""The link to a conversation: opened when somebody comes, anew when it has ended, given up when nobody waits. It may not open for who only looks.

A conversation bills from its creation, with or without a visitor (Tavus, Conversation Overview, 2026-06): so one is opened for a person who is there,
and a link that has leaked can only cost so much a day.
"""

from dataclasses import replace
from datetime import datetime, timedelta

from worker.core import events
from worker.core.decision import Decision, IllegalTransition, moved
from worker.core.effects import LookAtConversation
from worker.core.job import Conversation, Job
from worker.core.notifications import passed_on
from worker.core.opening import next_conversation, require_replica
from worker.core.request import Start
from worker.core.rules import Rules
from worker.core.states import State

SHUTDOWN = "system.shutdown"
"""Tavus' word for the end of a conversation (Tavus, Webhooks and Callbacks, 2026-02)."""
_DAY = timedelta(days=1)
_FRESH = timedelta(seconds=15)
"""A conversation that was opened so recently is there: a look could meet a copy that does not know it yet, and another would be opened."""


class OpeningsSpentError(IllegalTransition):
    """The link has opened as many conversations as it may in a day; `until`: when it may open the next."""

    def __init__(self, job: Job, event: events.LinkVisited, until: datetime) -> None:
        """Say until when."""
        super().__init__(
            job, event, f"Its link has opened {len(job.openings)} conversations within a day; the next from {until.isoformat()} on."
        )
        self.until = until


def come(job: Job, event: events.LinkVisited, now: datetime, rules: Rules) -> Decision:
    """The replica is trained, and somebody is there."""
    if not event.opens:
        return Decision(job)
    return _open(job, event, job.conversation, now, rules)


def come_again(job: Job, event: events.LinkVisited, now: datetime, rules: Rules) -> Decision:
    """There has been a conversation: look whether it goes on; when it is known to have ended, open another. One in test mode is born ended."""
    talk = job.conversation
    if job.request.start is not Start.ON_DEMAND or talk is None or talk.id is None:
        return Decision(job)
    if talk.ended_at is None:
        is_fresh = talk.opened_at is not None and now - talk.opened_at < _FRESH
        return Decision(job, () if is_fresh else (LookAtConversation(job.account, talk.id, talk.mark),))
    if not event.opens or job.request.conversation.get("test_mode") is True:
        return Decision(job)
    return _open(job, event, next_conversation(job, talk, lost=0), now, rules)


def _open(job: Job, event: events.LinkVisited, talk: Conversation | None, now: datetime, rules: Rules) -> Decision:
    require_replica(job, event)
    recent = tuple(one for one in job.openings if now - one < _DAY)
    if len(recent) >= rules.openings_a_day:
        raise OpeningsSpentError(replace(job, openings=recent), event, recent[-rules.openings_a_day] + _DAY)
    # Not `conversation_wanted`: that is a wish that outlives whoever had it.
    came = moved(job, State.OPENING, now, conversation=talk, conversation_wanted=False, visited_at=now, openings=(*recent, now))
    return Decision(came, why="somebody came by the link: the conversation is opened")


def has_left(job: Job, now: datetime, rules: Rules) -> bool:
    """Whether the job waits for its conversation on behalf of a visitor who no longer does."""
    return job.visited_at is not None and not job.conversation_wanted and now - job.visited_at > rules.visit_patience


def leave(job: Job, _event: events.VisitorLeft, _now: datetime, _rules: Rules) -> Decision:
    """Open nothing for nobody; it has cost nothing, so it does not count. A POST that is out is looked for all the same."""
    if job.conversation is not None and job.conversation.intended_at is not None:
        return Decision(job)
    waiting = moved(job, State.READY, None, openings=job.openings[:-1])
    return Decision(waiting, why="whoever came by the link has left before it was opened: the next visit opens it")


def listen(job: Job, event: events.ConversationTold, _now: datetime, _rules: Rules) -> Decision:
    """Keep what Tavus tells, and pass it on. That it has ended is asked about before it is believed: another is opened on the strength of it."""
    why = f"Tavus tells of {event.conversation_id or event.mark}: {event.kind}{f' ({event.summary})' if event.summary else ''}"
    talk, told = job.conversation, passed_on(job, event, why)
    if event.kind != SHUTDOWN or talk is None or talk.mark != event.mark or talk.id is None or talk.ended_at is not None:
        return Decision(job, told, why)
    return Decision(job, (*told, LookAtConversation(job.account, talk.id, talk.mark)), why)
