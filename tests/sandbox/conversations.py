"""The book of conversations: slots, credits, and rooms that nobody joins. It is pure, and it knows replicas only by their ids."""

import random
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from tests.sandbox.accounts import Account, Accounts
from tests.sandbox.agenda import Agenda
from tests.sandbox.answers import bad, said
from tests.sandbox.callback import Callback, copies
from tests.sandbox.conversation import Conversation
from tests.sandbox.conversation_news import at_the_beginning, at_the_end
from tests.sandbox.ledger import Ledger
from tests.sandbox.rules import Rules

# No plan lets a call run for a day; past it a number is a mistake in its unit.
_LONGEST_SECONDS = 86_400


class Conversations:
    """Every conversation that was ever created."""

    def __init__(self, rules: Rules, accounts: Accounts, agenda: Agenda, ledger: Ledger, outbox: list[Callback]) -> None:
        """Begin empty; what falls due is noted in the agenda, and webhooks land in the outbox."""
        self._rules, self._accounts, self._agenda, self._ledger, self._outbox = rules, accounts, agenda, ledger, outbox
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
            self._agenda.note(ends_at, partial(self._over, conversation_id))
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
            is_recorded=(body.get("properties") or {}).get("enable_recording") is True,
        )
        self._by_id[conversation_id] = conversation
        if not is_test:
            self._tell(conversation, at_the_beginning(conversation, now), now)
        self._of[account.key].append(conversation_id)
        self._ledger.conversations[replica_id].append(conversation_id)
        return conversation

    def find(self, account: Account, conversation_id: str) -> Conversation:
        """One of this account's, or 400 `Invalid conversation_id` (Tavus, OpenAPI, 2026-08)."""
        conversation = self._by_id.get(conversation_id)
        if conversation is None or conversation.account != account.key or conversation.is_deleted:
            raise bad("Invalid conversation_id")
        return conversation

    def is_active(self, conversation_id: str, now: datetime) -> bool:
        """Whether it takes a slot and bills."""
        return self._by_id[conversation_id].status(now) == "active"

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
        self._over(conversation.conversation_id, now)

    def delete(self, conversation: Conversation, now: datetime) -> None:
        """End it and take it out of sight."""
        self.end(conversation, now)
        self._by_id[conversation.conversation_id] = replace(self._by_id[conversation.conversation_id], is_deleted=True)

    def _over(self, conversation_id: str, now: datetime) -> None:
        """Free its slot and tell of its end; whoever was ended before his time is over once."""
        conversation = self._by_id[conversation_id]
        if conversation_id in self._active[conversation.account]:
            del self._active[conversation.account][conversation_id]
            self._tell(conversation, at_the_end(conversation, now), now)

    def _tell(self, conversation: Conversation, news: Iterable[Mapping[str, object]], now: datetime) -> None:
        if not conversation.callback_url:
            return
        chance = random.Random(f"{self._rules.seed}/{conversation.conversation_id}/{now.isoformat()}/callbacks")
        for body in news:
            sent = [Callback(conversation.callback_url, body)] * copies(self._rules, chance)
            self._agenda.note(now + self._rules.callback_delay, partial(self._send, sent))

    def _send(self, sent: list[Callback], _: datetime) -> None:
        self._ledger.called_back(len(sent))
        self._outbox.extend(sent)

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
