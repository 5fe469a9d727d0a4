"""The book of replicas: who has which, what was charged and given back. It is pure: time comes in, chance from the world's seed."""

import random
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial

from tests.sandbox.accounts import Account, Accounts
from tests.sandbox.agenda import Agenda
from tests.sandbox.callback import Callback, copies
from tests.sandbox.ledger import Ledger
from tests.sandbox.replica import Replica, Status
from tests.sandbox.rules import Rules
from tests.sandbox.training import draw
from tests.sandbox.validation import Order


class Replicas:
    """Every replica that was ever created, deleted ones too."""

    def __init__(self, rules: Rules, accounts: Accounts, agenda: Agenda, ledger: Ledger, outbox: list[Callback]) -> None:
        """Begin empty; what falls due is noted in the agenda, and webhooks land in the outbox."""
        self._rules, self._accounts, self._agenda, self._ledger, self._outbox = rules, accounts, agenda, ledger, outbox
        self.by_id: dict[str, Replica] = {}
        self.by_url: defaultdict[str, list[str]] = defaultdict(list)
        # Per account, oldest first, deleted ones taken out; times rise along it, so the list's delay is found by bisection.
        self._of: defaultdict[str, list[str]] = defaultdict(list)

    def create(self, account: Account, order: Order, replica_id: str, now: datetime, id_key: str) -> Replica:
        """Begin a training and charge it at once; 402 without credit."""
        earlier = len(self.by_url[order.url])
        lot = draw(order.url, order.model, earlier, self._rules, is_image=order.is_image, auto_fix=order.auto_fix and order.is_image)
        self._accounts.charge_training(account)
        replica = Replica(
            replica_id,
            account.key,
            order.name,
            order.url,
            order.model,
            order.voice,
            lot,
            now,
            callback_url=order.callback_url,
            id_key=id_key,
        )
        self.by_id[replica_id] = replica
        self.by_url[order.url].append(replica_id)
        self._of[account.key].append(replica_id)
        if replica.ends_at is not None and lot.is_refundable:
            self._agenda.note(replica.ends_at + self._rules.refund_delay, partial(self._refund, replica_id))
        if replica.callback_url is not None:
            self._note_callbacks(replica, earlier)
        return replica

    def find(self, account: Account, replica_id: str) -> Replica | None:
        """A replica of this account, deleted or not."""
        replica = self.by_id.get(replica_id)
        return replica if replica is not None and replica.account == account.key else None

    def rename(self, replica: Replica, name: str) -> None:
        """Give it another name."""
        self.by_id[replica.replica_id] = replace(replica, name=name)

    def delete(self, replica: Replica, now: datetime) -> None:
        """Take it out of sight. A failed one whose refund has not been made yet loses it, in silence (Tavus, Replica FAQ, mid-2026)."""
        self.by_id[replica.replica_id] = replace(replica, deleted_at=now)
        self._of[replica.account].remove(replica.replica_id)
        status = replica.status(now)
        if status is Status.STARTED:
            self._ledger.deleted_while_training.append(replica.replica_id)
        elif status is Status.ERROR and not replica.is_refunded:
            self._ledger.refunds_lost.append(replica.replica_id)

    def visible(self, account: Account, now: datetime) -> list[str]:
        """Ids that the list shows, newest first; a new one only after the list's delay."""
        ids = self._of[account.key]
        if self._rules.list_delay > timedelta(0):
            ids = ids[: bisect_right(ids, now - self._rules.list_delay, key=lambda one: self.by_id[one].created_at)]
        return ids[::-1]

    def chosen(self, account: Account, ids: Sequence[str], now: datetime) -> list[str]:
        """Which of these ids the list shows, newest first; a look-up for each, however many replicas there are."""
        latest = now - self._rules.list_delay
        found = (self.find(account, one) for one in dict.fromkeys(ids))
        seen = [one for one in found if one is not None and one.deleted_at is None and one.created_at <= latest]
        return [one.replica_id for one in sorted(seen, key=lambda one: one.created_at, reverse=True)]

    def _refund(self, replica_id: str, _: datetime) -> None:
        replica = self.by_id[replica_id]
        if replica.deleted_at is None:
            self.by_id[replica_id] = replace(replica, is_refunded=True)
            self._accounts.refund_training(replica.account)
            self._ledger.refunded.append(replica_id)

    def _note_callbacks(self, replica: Replica, earlier: int) -> None:
        # Their luck is drawn now, from the URL, so that it does not hang on the order in which trainings end.
        chance = random.Random(f"{self._rules.seed}/{earlier}/{replica.url}/callbacks")
        # phoenix-4.5 calls at the preview and again at the end; which of the two the vendor does is not known, and both is the harder.
        for after in (replica.lot.preview, replica.lot.ends):
            sent = copies(self._rules, chance)
            if after is None:
                continue
            when = replica.created_at + after + self._rules.callback_delay
            self._agenda.note(when, partial(self._call_back, replica.replica_id, sent))

    def _call_back(self, replica_id: str, sent: int, now: datetime) -> None:
        replica = self.by_id[replica_id]
        if replica.deleted_at is not None or replica.callback_url is None:
            return
        self._ledger.called_back(sent)
        self._outbox.extend([Callback(replica.callback_url, replica.callback(now))] * sent)
