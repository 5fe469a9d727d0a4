"""What callers are told of their jobs: which moves are worth word, and what it says. It may not send anything, nor hold an address or a secret.

A word is an effect of the move itself, so it is written down with it: whoever moves a job cannot forget to tell, and a crash loses neither or both.
"""

from enum import StrEnum

from worker.core.effects import TellCaller
from worker.core.events import ConversationTold
from worker.core.failures import POLICIES, Action
from worker.core.job import Job
from worker.core.states import State

_LONGEST = 1000  # characters of a sentence: others' words are in it, and a notification stays short


class Kind(StrEnum):
    """What a notification is about: its `type`, for whoever receives it."""

    DONE = "job.done"
    READY = "job.ready"
    HELD = "job.held"
    ABANDONED = "job.abandoned"
    CANCELLED = "job.cancelled"


KINDS = {
    State.DONE: Kind.DONE, State.READY: Kind.READY, State.HELD: Kind.HELD, State.ABANDONED: Kind.ABANDONED, State.CANCELLED: Kind.CANCELLED,
}  # fmt: skip
"""The states whose beginning is told. In all others work goes on by itself."""

_TODO = {
    State.DONE: "Nothing needs to be done: what was asked for is there.",
    State.READY: "The replica is trained. Ask for the conversation when somebody is there for it: it bills from its creation.",
    State.HELD: "A person has to look, and to release or abandon the job.",
    State.ABANDONED: "Nothing is tried any more: mend the cause, then retry the job or enqueue a new one.",
    State.CANCELLED: "Nothing follows. If this was not meant, enqueue a new job.",
}


def word_of(job: Job, why: str) -> tuple[TellCaller, ...]:
    """The word about a job that has just come into its state, and why; none for who did not ask for any, nor where work goes on."""
    kind = KINDS.get(job.state)
    if kind is None or job.request.notify_url is None:
        return ()
    about = {
        "state": job.state.value,
        "what_happened": _short(why),
        "what_to_do": what_to_do(job),
        "failure": job.failure.value if job.failure else None,
        "detail": _short(job.detail) if job.detail else None,
        "account": job.account,
        "replica_id": job.replica_id,
        "conversation_id": job.conversation.id if job.conversation else None,
        "submissions": job.submissions,
    }
    return (TellCaller(kind.value, about),)


def passed_on(job: Job, event: ConversationTold, why: str) -> tuple[TellCaller, ...]:
    """What Tavus tells of a conversation, for who asked for it: its own name for that, and what of its words was kept."""
    if not job.request.notify_conversation_events or job.request.notify_url is None:
        return ()
    about = {
        "state": job.state.value,
        "what_happened": _short(why),
        "account": job.account,
        "conversation_id": event.conversation_id,
        "properties": event.body,
    }
    return (TellCaller(f"conversation.{event.kind}", about),)


def what_to_do(job: Job) -> str:
    """What the caller can do, in a sentence: the policy's, where something failed."""
    if job.state in {State.HELD, State.ABANDONED} and job.failure is not None:
        policy = POLICIES[job.failure]
        if policy.action is not Action.RETRY_FREE:  # those say that it is tried again by itself, and here it is not
            return policy.told
    return _TODO[job.state]


def _short(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}\N{HORIZONTAL ELLIPSIS}"
