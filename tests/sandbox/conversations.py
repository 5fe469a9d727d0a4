"""The book of conversations: slots, credits, and rooms that nobody joins. It is pure, and it knows replicas only by their ids."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from tests.sandbox.accounts import Account, Accounts
from tests.sandbox.agenda import Agenda
from tests.sandbox.answers import bad, said
from tests.sandbox.ledger import Ledger
from tests.sandbox.replica import stamp
from tests.sandbox.rules import Rules

# No plan lets a call run for a day; past it a number is a mistake in its unit.
_LONGEST_SECONDS = 86_400


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


class Conversations:
    """Every conversation that was ever created."""

    def __init__(self, rules: Rules, accounts: Accounts, agenda: Agenda, ledger: Ledger) -> None:
        """Begin empty."""
        self._rules, self._accounts, self._agenda, self._ledger = rules, accounts, agenda, ledger
        self._by_id: dict[str, Conversation] = {}
        self._of: defaultdict[str, list[str]] = defaultdict(list)
        # In the order of creation; kept apart from the whole, because slots are counted on every creation.
        self._active: defaultdict[str, dict[str, None]] = defaultdict(dict)

    def create(self, account: Account, conversation_id: str, replica_id: str, body: Mapping[str, Any], now: datetime) -> Conversation:
        """Open one: 402 without credit, 400 without a free slot. `test_mode` takes neither, and is born ended."""
        is_test = body.get("test_mode") is True
        ends_at, reason = (now, "test_mode") if is_test else self._ending(body.get("properties") or {}, now)
        if not is_test:
            if account.max_conversations is not None and len(self._active[account.key]) >= account.max_conversations:
                raise said(400, "User has reached maximum concurrent conversations")
            self._accounts.charge_conversation(account)
            self._active[account.key][conversation_id] = None
            self._agenda.note(ends_at, partial(self._free, account.key, conversation_id))
        conversation = Conversation(
            conversation_id,
            account.key,
            str(body.get("conversation_name") or f"Conversation {conversation_id}"),
            replica_id,
            body.get("persona_id") or body.get("pal_id"),
            str(body.get("callback_url") or ""),
            now,
            ends_at,
            reason,
            meeting_token=f"token-{conversation_id}" if body.get("require_auth") is True else None,
        )
        self._by_id[conversation_id] = conversation
        self._of[account.key].append(conversation_id)
        self._ledger.conversations[replica_id].append(conversation_id)
        return conversation

    def find(self, account: Account, conversation_id: str) -> Conversation:
        """One of this account's, or 400 `Invalid conversation_id` (Tavus, OpenAPI, 2026-08)."""
        conversation = self._by_id.get(conversation_id)
        if conversation is None or conversation.account != account.key or conversation.is_deleted:
            raise bad("Invalid conversation_id")
        return conversation

    def rows(self, account: Account, status: str | None, now: datetime) -> list[Conversation]:
        """All that the list shows, newest first."""
        ids = self._active[account.key] if status == "active" else self._of[account.key]
        found = (self._by_id[one] for one in reversed(ids))
        return [one for one in found if not one.is_deleted and status in (None, one.status(now))]

    def end(self, conversation: Conversation, now: datetime) -> None:
        """End it and free its slot; ending it again changes nothing."""
        if conversation.status(now) == "ended":
            return
        self._by_id[conversation.conversation_id] = replace(conversation, ends_at=now, reason="end_conversation_endpoint_hit")
        self._free(conversation.account, conversation.conversation_id, now)

    def delete(self, conversation: Conversation, now: datetime) -> None:
        """End it and take it out of sight."""
        self.end(conversation, now)
        self._by_id[conversation.conversation_id] = replace(self._by_id[conversation.conversation_id], is_deleted=True)

    def _free(self, account: str, conversation_id: str, _: datetime) -> None:
        self._active[account].pop(conversation_id, None)

    def _ending(self, properties: Mapping[str, Any], now: datetime) -> tuple[datetime, str]:
        absent = _seconds(properties, "participant_absent_timeout", self._rules.absent_timeout)
        longest = _seconds(properties, "max_call_duration", self._rules.max_call)
        if absent <= longest:
            return now + absent, "participant_absent_timeout reached"
        return now + longest, "max_call_duration reached"


def _seconds(properties: Mapping[str, Any], name: str, default: timedelta) -> timedelta:
    value = properties.get(name)
    if value is None:
        return default
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value <= _LONGEST_SECONDS:
        raise bad(f"Invalid {name}")
    return timedelta(seconds=value)
