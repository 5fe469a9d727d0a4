"""Ends the conversation of a job, when its caller asks: it bills until then. It may not end another.

What was asked for is done though a worker dies: the wish is a moment in the row, as that of a deletion is. Whoever works on it
pushes the moment one lease ahead, and only an answer takes it away.
"""

from dataclasses import replace
from datetime import datetime

from worker.core import events
from worker.core.decision import Decision, IllegalTransition
from worker.core.effects import EndConversation
from worker.core.job import Conversation, ConversationId, Job
from worker.core.policy import stop_for
from worker.core.rules import Rules


def request(job: Job, event: events.ConversationEndRequested, now: datetime, _rules: Rules) -> Decision:
    """Let the wish in. Raises IllegalTransition when there is no conversation; one that has ended already is as was wished."""
    talk = job.conversation
    if talk is None or talk.id is None:
        raise IllegalTransition(job, event, "It has no conversation that could be ended.")
    if talk.ended_at is not None or talk.end_due_at is not None:
        return Decision(job)
    return _with(job, replace(talk, end_due_at=now), f"the end of {talk.id} was asked for")


def carry_out(job: Job, event: events.ConversationEndFellDue, now: datetime, rules: Rules) -> Decision:
    """Have it ended; whoever else comes to it within a lease finds nothing to do."""
    talk = _wished(job, event.conversation_id)
    if talk is None or talk.end_due_at is None or now < talk.end_due_at:
        return Decision(job)
    begun = replace(job, conversation=replace(talk, end_due_at=now + rules.lease))
    return Decision(begun, (EndConversation(job.account, event.conversation_id, talk.mark),))


def record(job: Job, event: events.ConversationEnded, now: datetime, _rules: Rules) -> Decision:
    """It is over, and bills no more."""
    talk = job.conversation
    if talk is None or talk.id != event.conversation_id or talk.ended_at is not None:
        return Decision(job)
    return _with(job, replace(talk, ended_at=now, end_due_at=None), f"{talk.id} has ended")


def decline(job: Job, event: events.ConversationEndDeclined, _now: datetime, _rules: Rules) -> Decision:
    """It is left alone, and the wish is over; the story says why."""
    talk = _wished(job, event.conversation_id)
    if talk is None:
        return Decision(job)
    return _with(job, replace(talk, end_due_at=None), f"{talk.id} was not ended: {event.detail}")


def ask_again(job: Job, event: events.ConversationEndUnread, now: datetime, rules: Rules) -> Decision:
    """Tavus did not answer: the wish stands, and is worked on later; with a key that is refused, when a person has mended that."""
    talk = _wished(job, event.conversation_id)
    if talk is None:
        return Decision(job)
    due = now + max(rules.lease, event.retry_after or rules.lease)
    waits = _with(job, replace(talk, end_due_at=due), f"the end of {talk.id} waits: {event.detail}")
    return replace(waits, effects=stop_for(job, event.account_fault))


def _wished(job: Job, conversation_id: ConversationId) -> Conversation | None:
    talk = job.conversation
    return talk if talk is not None and talk.id == conversation_id and talk.end_due_at is not None else None


def _with(job: Job, talk: Conversation, why: str) -> Decision:
    return Decision(replace(job, conversation=talk), why=why)
