"""What really happened, for tests to read: money, doubles, requests, faults, and how late the truth was seen. It changes nothing."""

from collections import Counter, defaultdict
from collections.abc import Iterable
from datetime import datetime, timedelta

from tests.sandbox.faults import Fault, Kind


class Ledger:
    """Counters that the books write as things happen; `report` (its own file) turns them into JSON."""

    def __init__(self) -> None:
        """Begin at zero."""
        self.refunded: list[str] = []
        self.refunds_lost: list[str] = []
        self.deleted_while_training: list[str] = []
        self.conversations: defaultdict[str, list[str]] = defaultdict(list)
        self.callbacks: Counter[str] = Counter()
        self.requests: Counter[str] = Counter()
        self.answers: Counter[str] = Counter()
        self.faults: Counter[str] = Counter()
        self.lags: dict[str, timedelta] = {}
        self.arrivals: list[tuple[datetime, str]] = []
        self.looked_at: dict[str, datetime] = {}

    def called_back(self, sent: int) -> None:
        """A webhook was due, and is sent so often."""
        self.callbacks.update({"due": 1, "lost": sent == 0, "doubled": sent > 1})

    def looked(self, replica_ids: Iterable[str], now: datetime) -> None:
        """Somebody has asked how these are."""
        self.looked_at.update(dict.fromkeys(replica_ids, now))

    def arrived(self, now: datetime, kind: Kind) -> None:
        """A request came over the network at this moment."""
        self.arrivals.append((now, kind.value))

    def asked(self, kind: Kind, fault: Fault | None) -> None:
        """A request has arrived, and meets this fault."""
        self.requests[kind.value] += 1
        if fault is not None:
            self.faults[f"{kind}/{fault.harm}/{fault.moment}"] += 1

    def answered(self, how: str) -> None:
        """A request has been answered: with a status, or with a cut line."""
        self.answers[how] += 1

    def seen(self, replica_id: str, ended_at: datetime, now: datetime) -> None:
        """An answer that showed a final status was delivered; only the first counts."""
        self.lags.setdefault(replica_id, now - ended_at)
