"""The accounts behind the API keys: what each may do and what it has left. It moves credits only when a book tells it to."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from tests.sandbox.answers import said
from tests.sandbox.rules import Rules

INVALID_KEY = "invalid"
BROKE_KEY = "broke"


@dataclass(frozen=True, slots=True)
class Account:
    """One customer. None means without limit."""

    key: str
    name: str
    training_credits: int | None = None
    custom_training: bool = True
    """False is the free plan: creating a replica is answered 402 (observed, 2026)."""
    conversation_credits: int | None = None
    """Conversations that may still be started; the vendor bills seconds, and only "none left" can be seen from outside."""
    max_conversations: int | None = None
    revoked: bool = False


class Accounts:
    """Every account by its key. In an open sandbox a new key is a new account; else it is a stranger."""

    def __init__(self, rules: Rules) -> None:
        """Begin with the two keys that an open sandbox sets aside: one that is refused, and one without money."""
        self._rules = rules
        self._accounts: dict[str, Account] = {}
        if rules.open_to_all:
            self._accounts[INVALID_KEY] = Account(INVALID_KEY, INVALID_KEY, revoked=True)
            self._accounts[BROKE_KEY] = Account(BROKE_KEY, BROKE_KEY, custom_training=False, training_credits=0, conversation_credits=0)

    def admit(self, key: str | None) -> Account:
        """The account of a key, or 401 `Invalid access token` (Tavus, OpenAPI, 2026-08)."""
        account = self._accounts.get(key) if key else None
        if account is None and key and self._rules.open_to_all:
            account = self.change(key, {})
        if account is None or account.revoked:
            raise said(401, "Invalid access token")
        return account

    def change(self, key: str, settings: Mapping[str, Any]) -> Account:
        """Set some of an account's fields, making the account if it is new. An unknown field is a TypeError."""
        known = self._accounts.get(key) or Account(key, key, max_conversations=self._rules.max_conversations)
        self._accounts[key] = replace(known, **settings)
        return self._accounts[key]

    def charge_training(self, account: Account) -> None:
        """Take one training credit, or 402: without a plan for it or without credit it is the same answer (observed, 2026)."""
        if not account.custom_training or account.training_credits == 0:
            raise said(402, "Payment required")
        if account.training_credits is not None:
            self.change(account.key, {"training_credits": account.training_credits - 1})

    def refund_training(self, key: str) -> None:
        """Give one training credit back."""
        account = self._accounts[key]
        if account.training_credits is not None:
            self.change(key, {"training_credits": account.training_credits + 1})

    def charge_conversation(self, account: Account) -> None:
        """Take one conversation, or 402 (observed, 2026)."""
        if account.conversation_credits == 0:
            raise said(402, "The user is out of conversational credits")
        if account.conversation_credits is not None:
            self.change(account.key, {"conversation_credits": account.conversation_credits - 1})
