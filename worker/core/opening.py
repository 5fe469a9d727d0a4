"""From a trained replica to a conversation. It may not ask for a POST while an earlier one may have arrived.

A conversation bills from its creation (Tavus, Conversation Overview, 2026-06), so two of them cost twice.
"""

from dataclasses import replace
from datetime import datetime
from typing import Any

from worker.core import events
from worker.core.decision import Decision, IllegalTransition, moved
from worker.core.effects import LookUpConversation, OpenConversation
from worker.core.failures import POLICIES, Action, Failure
from worker.core.job import Conversation, Job, Mark, Outcome
from worker.core.marks import conversation_mark, marked_name, number_in
from worker.core.policy import follow, stop_for
from worker.core.rules import Rules
from worker.core.states import State
from worker.core.submission import unread
from worker.core.submission import wait_for_budget as wait

_FITTING = {Action.RETRY_FREE, Action.STOP_ACCOUNT}
"""What may follow for a trained replica; it is neither paid for again nor given up because its conversation was refused."""


def want(job: Job, _event: events.ConversationRequested, _now: datetime, _rules: Rules) -> Decision:
    """Asked for before it can be: remembered."""
    if job.conversation_wanted:
        return Decision(job)
    return Decision(replace(job, conversation_wanted=True), why="the conversation was asked for; it opens when the replica is trained")


def want_anyway(job: Job, _event: events.ConversationRequested, _now: datetime, _rules: Rules) -> Decision:
    """It is being opened already; asked for by who came by the link, it would not be any more once they have left."""
    if job.conversation_wanted or job.visited_at is None:
        return Decision(job)
    return Decision(replace(job, conversation_wanted=True), why="the conversation was asked for; it opens whether or not the visitor waits")


def open_now(job: Job, event: events.ConversationRequested, now: datetime, _rules: Rules) -> Decision:
    """Asked for, and the replica is trained."""
    require_replica(job, event)
    return Decision(moved(job, State.OPENING, now, conversation_wanted=True), why="the conversation was asked for")


def require_replica(job: Job, event: events.ConversationRequested | events.LinkVisited) -> None:
    """Raises IllegalTransition where there is no trained replica to talk to any more."""
    if not job.attempt.lives or job.attempt.outcome is not Outcome.TRAINED or job.attempt.deletion is not None:
        raise IllegalTransition(job, event, "Its trained replica was deleted, or is about to be: somebody asked for that.")


def look_or_open(job: Job, _event: events.FellDue, now: datetime, rules: Rules) -> Decision:
    """With a POST that may have arrived, look; with none, write the intent and open."""
    if job.conversation is not None and job.conversation.intended_at is not None:
        return Decision(job, (LookUpConversation(job.account, job.conversation.mark),))
    mark = job.conversation.mark if job.conversation else conversation_mark(job.id, 1)
    lost = job.conversation.lost if job.conversation else 0
    intent = replace(job, conversation=Conversation(mark=mark, lost=lost, intended_at=now), due_at=now + rules.lease)
    return Decision(intent, (OpenConversation(job.account, mark, _body(job, mark), job.id),), f"the conversation is asked for as {mark}")


def wait_for_budget(job: Job, event: events.BudgetReached, now: datetime, rules: Rules) -> Decision:
    """The account may open no further one just now. Told of a POST that is out it means nothing: that is looked for."""
    if job.conversation is not None and job.conversation.intended_at is not None:
        return Decision(job)
    return wait(job, event, now, rules)


def _body(job: Job, mark: Mark) -> dict[str, Any]:
    name = marked_name(job.request.conversation.get("conversation_name"), mark)
    return dict(job.request.conversation) | {"replica_id": job.replica_id, "conversation_name": name}


def finish(job: Job, event: events.ConversationOpened | events.ConversationFound, now: datetime, _rules: Rules) -> Decision:
    """The conversation is there: the caller has what was asked for. Who has cancelled meanwhile wants none, and it bills: it is ended."""
    if job.conversation is None or event.mark != job.conversation.mark:
        return _told(job, event)
    opened = _opened(job.conversation, event, now)
    if job.cancel_requested:
        unwanted = moved(job, State.CANCELLED, None, conversation=replace(opened, end_due_at=now))
        return Decision(unwanted, why=f"cancelled: {event.conversation_id} was opened before, and is ended")
    return Decision(moved(job, State.DONE, None, conversation=opened), why=f"the conversation is {event.conversation_id}")


def _opened(talk: Conversation, event: events.ConversationOpened | events.ConversationFound, now: datetime) -> Conversation:
    admission = event.admission if isinstance(event, events.ConversationOpened) else None
    return replace(talk, intended_at=None, id=event.conversation_id, url=event.url, opened_at=now, admission=admission)


def note(job: Job, event: events.ConversationOpened | events.ConversationFound, now: datetime, _rules: Rules) -> Decision:
    """A late answer, when the job has moved on: the conversation's id stays on record, for it bills."""
    if job.conversation is None or event.mark != job.conversation.mark or job.conversation.id is not None:
        return _told(job, event)
    opened = _opened(job.conversation, event, now)
    return Decision(replace(job, conversation=opened), why=f"late: the conversation is {event.conversation_id}")


def _told(job: Job, event: events.ConversationOpened | events.ConversationFound) -> Decision:
    if job.conversation is not None and job.conversation.id == event.conversation_id:
        return Decision(job)
    return Decision(job, why=f"late: {event.mark} is the conversation {event.conversation_id}; it bills until it ends")


def refuse(job: Job, event: events.ConversationRefused, now: datetime, rules: Rules) -> Decision:
    """Certainly nothing was opened: nothing is outstanding any more, and the policy says what follows."""
    if job.conversation is None or event.mark != job.conversation.mark:
        return Decision(job)
    if job.cancel_requested:
        return Decision(moved(job, State.CANCELLED, None, conversation=None), why="cancelled: no conversation was opened")
    free = replace(job, conversation=next_conversation(job, job.conversation, job.conversation.lost), scans=0)
    policy = POLICIES[event.failure]
    if policy.action in _FITTING or (policy.action is Action.HOLD and policy.release_to is None):
        return follow(free, event.failure, event.detail, now, rules, retry_after=event.retry_after)
    return follow(free, Failure.CONVERSATION_REFUSED, f"{event.failure}: {event.detail}", now, rules)


def next_conversation(job: Job, conversation: Conversation, lost: int) -> Conversation:
    """A new mark for each POST: an answer that comes twice can then not be taken for an answer to the next."""
    return Conversation(mark=conversation_mark(job.id, number_in(conversation.mark) + 1), lost=lost)


def keep_looking(job: Job, event: events.ConversationLost | events.ConversationUnread, now: datetime, rules: Rules) -> Decision:
    """Nobody knows whether the conversation exists: look (again) later, and ask a person when that never helps."""
    if isinstance(event, events.ConversationLost):
        waiting = replace(job, due_at=now + rules.settle_wait(job.scans), detail=event.detail)
        return Decision(waiting, why=f"the conversation was lost: {event.detail}")
    if job.trying_since is not None and now - job.trying_since >= rules.lookup_patience:
        held = follow(job, Failure.LOOKUP_UNREAD, f"for {now - job.trying_since}: {event.detail}", now, rules)
        return replace(held, effects=(*held.effects, *stop_for(job, event.account_fault)))
    return unread(job, event, now, rules)


def count_absence(job: Job, event: events.ConversationAbsent, now: datetime, rules: Rules) -> Decision:
    """One more clean scan without the mark; enough of them, over the settle time, prove that nothing was opened."""
    if job.conversation is None or job.conversation.intended_at is None or event.mark != job.conversation.mark:
        return Decision(job)
    scans = job.scans + 1
    if scans < rules.settle_scans or now - job.conversation.intended_at < rules.settle_time:
        counted = replace(job, due_at=now + rules.settle_wait(scans), scans=scans, tries=0, trying_since=None)
        return Decision(counted, why=f"{event.mark} is not there, scan {scans}")
    if job.cancel_requested:
        return Decision(moved(job, State.CANCELLED, None, conversation=None), why="cancelled: no conversation was opened")
    lost = job.conversation.lost + 1
    again = moved(job, State.OPENING, now, conversation=next_conversation(job, job.conversation, lost))
    if lost >= rules.max_lost_attempts:
        return follow(again, Failure.CONVERSATION_LOST, f"{lost} conversations were lost", now, rules)
    return Decision(again, why=f"{event.mark} was absent in {scans} scans: opened again")
