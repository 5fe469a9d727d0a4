"""The whole small Tavus, without HTTP: books, agenda and ledger under one seed. It does no I/O: time is passed in, never read."""

import random
from datetime import datetime

from tests.sandbox.accounts import Accounts
from tests.sandbox.agenda import Agenda
from tests.sandbox.callback import Callback
from tests.sandbox.conversations import Conversations
from tests.sandbox.ledger import Ledger
from tests.sandbox.replicas import Replicas
from tests.sandbox.rules import Rules


class World:
    """Everything the vendor would remember. Call `settle(now)` before anything else at each new moment; times may not go back."""

    def __init__(self, rules: Rules | None = None) -> None:
        """Begin empty under these rules."""
        self.rules = rules or Rules()
        self.ledger = Ledger()
        self.agenda = Agenda()
        self.outbox: list[Callback] = []
        self.accounts = Accounts(self.rules)
        self.replicas = Replicas(self.rules, self.accounts, self.agenda, self.ledger, self.outbox)
        self.conversations = Conversations(self.rules, self.accounts, self.agenda, self.ledger, self.outbox)
        self._chance = random.Random(f"{self.rules.seed}/ids")

    def settle(self, now: datetime) -> None:
        """Let everything happen that was due by `now`: refunds, timeouts, webhooks into the outbox."""
        self.agenda.settle(now)

    def take_callbacks(self) -> list[Callback]:
        """The webhooks that are due; each is handed out once."""
        due, self.outbox[:] = list(self.outbox), []
        return due

    def new_id(self, letter: str) -> str:
        """An id as the vendor's look: `r` or `c` and eleven hexadecimal digits."""
        return f"{letter}{self._chance.getrandbits(44):011x}"
