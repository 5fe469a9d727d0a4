"""What is learned around the link to a conversation: who comes and goes, and what Tavus tells of it. They may be nothing but values."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from worker.core.job import ConversationId, Mark


@dataclass(frozen=True, slots=True)
class LinkVisited:
    """Somebody has come by the link. `opens`: a person who wants to talk now; otherwise nothing that costs may follow."""

    opens: bool = True


@dataclass(frozen=True, slots=True)
class VisitorLeft:
    """Whoever came by the link no longer waits, and the conversation is not asked for yet."""


@dataclass(frozen=True, slots=True)
class ConversationContinued:
    """A look at the conversation: it goes on."""

    conversation_id: ConversationId


@dataclass(frozen=True, slots=True)
class ConversationTold:
    """Tavus' word about a conversation of the job, as anybody with the token could have sent it: a hint. `kind`: Tavus' own word for it.

    `summary` is what the story keeps of it. `body`: all of it that was kept, for whoever is told; a transcript stands in no story.
    """

    mark: Mark
    kind: str
    conversation_id: ConversationId | None = None
    summary: str = ""
    body: Mapping[str, Any] | None = field(default=None, repr=False, metadata={"untold": True})
