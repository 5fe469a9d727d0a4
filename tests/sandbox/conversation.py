"""A conversation as a value, and as the vendor shows it. It does nothing."""

from dataclasses import dataclass
from datetime import datetime

from tests.sandbox.replica import stamp


@dataclass(frozen=True, slots=True)
class Conversation:
    """A conversation; it takes a slot and bills from its creation (Tavus, Conversation overview, 2026)."""

    conversation_id: str
    account: str
    name: str
    replica_id: str
    persona_id: str | None
    callback_url: str
    created_at: datetime
    ends_at: datetime
    """When it ends, or has ended; nobody ever joins here, so its timeouts are exact."""
    reason: str
    meeting_token: str | None = None
    is_recorded: bool = False
    is_deleted: bool = False

    def status(self, now: datetime) -> str:
        """`active` or `ended`."""
        return "ended" if now >= self.ends_at else "active"

    def shown(self, now: datetime, *, verbose: bool = False) -> dict[str, object]:
        """As GET and list show it; `verbose` adds why it ended."""
        row: dict[str, object] = {
            "conversation_id": self.conversation_id,
            "conversation_name": self.name,
            "conversation_url": f"https://tavus.daily.co/{self.conversation_id}",
            "status": self.status(now),
            "callback_url": self.callback_url,
            "replica_id": self.replica_id,
            "persona_id": self.persona_id,
            "created_at": stamp(self.created_at),
            "updated_at": stamp(min(now, self.ends_at) if self.status(now) == "ended" else self.created_at),
        }
        if verbose:
            row |= {"shutdown_reason": self.reason if self.status(now) == "ended" else None, "events": []}
        return row

    def created(self, now: datetime) -> dict[str, object]:
        """As the answer to its creation shows it: the only one with the meeting token."""
        return self.shown(now) | ({"meeting_token": self.meeting_token} if self.meeting_token is not None else {})
