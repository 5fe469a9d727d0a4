"""What is asked and learned around the end of a conversation. They may be nothing but values."""

from dataclasses import dataclass
from datetime import timedelta

from worker.core.failures import Failure
from worker.core.job import ConversationId


@dataclass(frozen=True, slots=True)
class ConversationEndRequested:
    """The caller wants the job's conversation to end: it bills until then."""


@dataclass(frozen=True, slots=True)
class ConversationEndFellDue:
    """A wished-for end is to be worked on."""

    conversation_id: ConversationId


@dataclass(frozen=True, slots=True)
class ConversationEnded:
    """The conversation is over: Tavus ended it, or had done so before."""

    conversation_id: ConversationId


@dataclass(frozen=True, slots=True)
class ConversationEndDeclined:
    """The conversation was not ended: what Tavus shows under its id is not ours. The wish is over."""

    conversation_id: ConversationId
    detail: str


@dataclass(frozen=True, slots=True)
class ConversationEndUnread:
    """Tavus answered neither the look nor the end: the wish stands."""

    conversation_id: ConversationId
    detail: str
    retry_after: timedelta | None = None
    account_fault: Failure | None = None
