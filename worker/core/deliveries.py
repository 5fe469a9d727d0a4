"""When a notification is tried again, when it is given up, and when its destination is left alone. It may not send, nor draw chance or read a clock.

Full jitter (a wait anywhere between nothing and its bound): whoever failed together does not come back together.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from worker.core.rules import phase

_GONE = 410
_NOT_NOW = frozenset({408, 425, 429})
_MOST_DOUBLED = 20  # times that a wait is doubled: a million is past any cap, and no number grows without end


class Heard(StrEnum):
    """What an attempt came to."""

    ACCEPTED = "accepted"  # 2xx: the caller has it
    GONE = "gone"  # 410: the caller wants no more of this one
    REFUSED = "refused"  # any other answer of a server that works: tried again, and no sign that it is dead
    FAILING = "failing"  # 5xx, or "not now"
    SILENT = "silent"  # no answer at all


_DEAD = frozenset({Heard.FAILING, Heard.SILENT})
"""What says of a destination that it does not work."""


def heard(status: int | None) -> Heard:
    """What an HTTP status means; None: there was no answer. A redirect is not followed, so it is no success."""
    if status is None:
        return Heard.SILENT
    if 200 <= status < 300:  # noqa: PLR2004 - the protocol's own numbers
        return Heard.ACCEPTED
    if status == _GONE:
        return Heard.GONE
    return Heard.FAILING if status >= 500 or status in _NOT_NOW else Heard.REFUSED  # noqa: PLR2004 - the same


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How long and how often callers are tried."""

    whole: timedelta = timedelta(days=3)
    """How long one notification is tried: a weekend, with the Monday on which somebody notices."""
    base: timedelta = timedelta(seconds=10)
    """The bound of the first wait; doubled each time."""
    cap: timedelta = timedelta(hours=4)
    """The bound of the longest wait: some fifty attempts in three days."""
    failures: int = 5
    """Attempts in a row that must fail before a destination counts as dead."""
    shut_base: timedelta = timedelta(minutes=1)
    """How long a dead destination is left alone at first; doubled with each attempt that fails after that."""
    shut_cap: timedelta = timedelta(hours=1)
    """How long at most: a destination that is mended is noticed within this."""

    def backoff(self, tries: int, seed: str) -> timedelta:
        """The wait after attempt number `tries` (from 1) has failed: anywhere up to its bound, by `seed`."""
        bound: timedelta = min(self.base * float(2 ** min(tries - 1, _MOST_DOUBLED)), self.cap)
        return bound * phase(f"{seed}:{tries}")

    def next_try(self, tries: int, now: datetime, until: datetime, seed: str) -> datetime | None:
        """When it is tried again; None: never, it is a dead letter. The last attempt is made when the time is over, and not before."""
        return None if now >= until else min(now + self.backoff(tries, seed), until)


@dataclass(frozen=True, slots=True)
class Breaker:
    """What is known of a destination: how many attempts in a row have failed, and until when it is left alone. A new one knows nothing."""

    failures: int = 0
    shut_until: datetime | None = None

    def is_shut(self, now: datetime) -> bool:
        """Whether nobody may ask it now."""
        return self.shut_until is not None and now < self.shut_until

    def is_doubted(self, patience: Patience) -> bool:
        """Whether a single attempt has to show first that it works again."""
        return self.failures >= patience.failures

    def after(self, what: Heard, now: datetime, patience: Patience, seed: str) -> "Breaker":
        """The same after one more attempt. Any answer of a server that works makes it as new."""
        if what not in _DEAD:
            return Breaker()
        failures = self.failures + 1
        if failures < patience.failures:
            return Breaker(failures)
        bound: timedelta = min(patience.shut_base * float(2 ** min(failures - patience.failures, _MOST_DOUBLED)), patience.shut_cap)
        return Breaker(failures, now + bound * (0.5 + 0.5 * phase(f"{seed}:{failures}")))
