"""What is learned of a conversation that is being opened. They may be nothing but values."""

from dataclasses import dataclass, field
from datetime import timedelta

from worker.core.failures import Failure
from worker.core.job import ConversationId, Mark


@dataclass(frozen=True, slots=True)
class ConversationOpened:
    """Tavus answered the POST with a conversation. `admission`: what opens a private room, sealed; it stands in no story."""

    mark: Mark
    conversation_id: ConversationId
    url: str
    admission: str | None = field(default=None, repr=False, metadata={"untold": True})


@dataclass(frozen=True, slots=True)
class ConversationRefused:
    """The POST certainly opened no conversation."""

    mark: Mark
    failure: Failure
    detail: str
    retry_after: timedelta | None = None


@dataclass(frozen=True, slots=True)
class ConversationLost:
    """The POST may have opened a conversation; nobody can say."""

    mark: Mark
    detail: str


@dataclass(frozen=True, slots=True)
class ConversationFound:
    """A complete scan of the active conversations found the mark."""

    mark: Mark
    conversation_id: ConversationId
    url: str


@dataclass(frozen=True, slots=True)
class ConversationAbsent:
    """A complete scan of the active conversations did not find the mark."""

    mark: Mark


@dataclass(frozen=True, slots=True)
class ConversationUnread:
    """The scan was not completed: nothing was learned."""

    mark: Mark
    detail: str
    retry_after: timedelta | None = None
    account_fault: Failure | None = None
