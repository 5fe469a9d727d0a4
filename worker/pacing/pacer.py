"""What others may ask of a pace, and the pace that lets everything through. It may not know how a pace is kept.

The engine takes a `permit` before work that a call is to follow and before an intent is written, and has `release` for what came to nothing; the
sweep asks for `room`; the client has `enter` and `saw`.
"""

from dataclasses import dataclass, field
from datetime import timedelta
from typing import Protocol

from worker.pacing.book import MANY
from worker.pacing.kinds import Held, Kind, Reason, Verdict


@dataclass(frozen=True, slots=True)
class Ticket:
    """A permit for one call, which counts from `at` on."""

    account: str
    kind: Kind
    call: str
    at: int
    probe: bool = False
    failures: int = 0
    limit: int | None = None


@dataclass(frozen=True, slots=True)
class Standing:
    """How an account goes: calls that a window may have now, calls in the last one, how long it pauses, and its breakers that are not closed.

    `shared` False: Redis is away, and this is what one process knows.
    """

    limit: int | None
    allowed: int | None
    sent: int
    pause: timedelta = timedelta(0)
    breaks: dict[Kind, tuple[Reason, timedelta]] = field(default_factory=dict)
    shared: bool = True


class Pacer(Protocol):
    """What the engine, the sweep and the client ask of a pace. `permit` takes, `release` gives back, `room` only looks."""

    def permit(self, account: str, kind: Kind, *, retry: bool = False) -> Held | None:
        """Take a permit for the next call of this kind that this thread makes. None: it is taken. Asked for twice, it is taken once."""

    def release(self) -> None:
        """Give back the permits that this thread took and did not use: no call of theirs goes out any more."""

    def room(self, account: str, kind: Kind) -> int:
        """How many calls could go now."""

    def enter(self, account: str, kind: Kind) -> Ticket | Held:
        """The ticket of a call that goes out now: the one that this thread took, or a new one."""

    def saw(self, ticket: Ticket, verdict: Verdict, retry_after: timedelta | None = None) -> None:
        """Tell what came of the call."""

    def standing(self, account: str) -> Standing:
        """How the account goes."""

    def among(self, processes: int) -> None:
        """So many are at work, as the ledger has it: for the time in which nobody counts what they send together."""

    def close(self) -> None:
        """Give every connection back."""


class Unpaced:
    """Lets everything through: for whoever talks to a Tavus of his own."""

    def permit(self, account: str, kind: Kind, *, retry: bool = False) -> Held | None:
        """Always."""
        del account, kind, retry
        return None

    def release(self) -> None:
        """Nothing was taken."""

    def room(self, account: str, kind: Kind) -> int:
        """Without end."""
        del account, kind
        return MANY

    def enter(self, account: str, kind: Kind) -> Ticket | Held:
        """A ticket that counts nowhere."""
        return Ticket(account, kind, "", 0)

    def saw(self, ticket: Ticket, verdict: Verdict, retry_after: timedelta | None = None) -> None:
        """Nothing is learned."""

    def standing(self, account: str) -> Standing:
        """Nothing is known."""
        del account
        return Standing(None, None, 0)

    def among(self, processes: int) -> None:
        """Nothing is shared."""
        del processes

    def close(self) -> None:
        """Nothing is open."""


UNPACED = Unpaced()
