"""The words of pacing: kinds of calls, what came of one, why one is held back, and the numbers, each with its reason. It may not decide."""

from dataclasses import dataclass, replace
from datetime import timedelta
from enum import StrEnum


class Kind(StrEnum):
    """What a call is for: each has a breaker of its own."""

    SUBMIT = "submit"  # POST /replicas
    CONVERSE = "converse"  # POST /conversations
    LOOK = "look"  # everything that only asks
    OTHER = "other"  # renames, deletions, ends

    @property
    def pays(self) -> bool:
        """Whether callers wait for it: it comes before all looks."""
        return self in {Kind.SUBMIT, Kind.CONVERSE}


class Verdict(StrEnum):
    """What a reply says of the account's pace."""

    OK = "ok"  # an answer, whatever it says of the job
    LIMITED = "limited"  # 429
    FAILED = "failed"  # 5xx, a cut line, nobody there
    FULL = "full"  # 400: every conversation slot is taken


class Reason(StrEnum):
    """Why a call is held back."""

    PAUSED = "paused"  # Tavus said when to come back
    BREAKER = "breaker"  # calls of this kind fail one after another
    FULL = "full"  # every conversation slot is taken
    BUDGET = "budget"  # the account's calls of this window are spent
    SHARE = "share"  # what is left of them is kept for calls of the other sort
    RETRIES = "retries"  # retries are a small part of all calls, or they would keep a sick Tavus down


@dataclass(frozen=True, slots=True)
class Held:
    """No permit: how long it may take until there is one, and why."""

    after: timedelta
    reason: Reason


@dataclass(frozen=True, slots=True)
class Numbers:
    """Durations in milliseconds. `shared.lua` gets them from here."""

    window: int = 60_000
    """The budget is of any window of this length, not of the minutes of a clock: at their borders twice the budget would go out."""
    margin: int = 1_000
    """How much longer a call counts: it reaches Tavus later than its permit was given. One that took longer is dated anew by its reply."""
    paying: int = 90
    """Percent of the budget that submissions and conversations may take: looks are never locked out."""
    looking: int = 50
    """Percent that looks may take: thousands of trainings never keep a submission waiting."""
    looking_at_least: int = 10
    """Percent that looks may take while a submission waits for its turn."""
    patience: int = 10_000
    """How long a submission that was held back keeps looks down to that."""
    cut_floor: int = 10
    """Percent of the limit below which 429s never push the rate: even a Tavus that refuses at random gets asked."""
    growth: int = 10
    """Percent of the limit by which a lowered rate grows back in each window."""
    unlimited: int = 600
    """What stands for the limit in both of them, where the owner set none and less than that was sent: never less than one a second."""
    longest_pause: int = 300_000
    """The longest Retry-After that is obeyed: a wrong one must not stop an account for a day."""
    failures: int = 5
    """Failures in a row that open a breaker: one bad line does not."""
    first_break: int = 5_000
    """How long a breaker opens at first; doubled each time that its probe fails."""
    longest_break: int = 300_000
    longest_full: int = 120_000
    """The same for a full house: a slot comes free whenever somebody hangs up."""
    probe: int = 60_000
    """After this long a probe without a reply is given up: longer than a call may take, for its process may have died."""
    retries: int = 10
    """Percent of the window's calls that may be retries (Google SRE, Handling Overload: a retry budget)."""
    retries_at_least: int = 5
    """Retries that a window may have in any case: where little is asked a tenth of it is nothing."""

    @classmethod
    def scaled(cls, window: timedelta, call: timedelta = timedelta(0)) -> "Numbers":
        """The same for another window, and calls that last at most so long."""
        ms, given = round(window / timedelta(milliseconds=1)), cls()
        times = ("margin", "patience", "longest_pause", "first_break", "longest_break", "longest_full", "probe")
        scaled = cls(window=ms, **{name: max(getattr(given, name) * ms // given.window, 1) for name in times})
        return replace(scaled, probe=max(scaled.probe, round(2 * call / timedelta(milliseconds=1))))

    def allowed(self, limit: int | None, cut: "Cut | None", now: int) -> int | None:
        """Calls that a window may have: the limit, or less while what a 429 took is growing back. None: as many as you like."""
        if cut is None:
            return limit
        elapsed = min(max(now - cut.at, 0), 100 * self.window)
        grown = (cut.rate + self._growing(limit, cut) * elapsed // self.window) // 1000
        return grown if limit is None else min(grown, limit)

    def _growing(self, limit: int | None, cut: "Cut") -> int:
        """Thousandths of a call by which the rate grows in a window: by a part of the limit as it is now, for it may be another since the cut."""
        whole = self.unlimited if limit is None else limit
        growth = max(whole * 1000 * self.growth // 100, 1000)
        return max(growth, cut.growth) if limit is None else growth

    def cut(self, limit: int | None, before: "Cut | None", sent: int, now: int) -> "Cut":
        """What a 429 makes of the rate: half of what was sent in the last window, and at most one halving a window."""
        if before is not None and now - before.at < self.window:
            return before
        allowed = self.allowed(limit, before, now)
        base = sent if allowed is None else min(sent, allowed)
        whole = max(self.unlimited, base) if limit is None else limit
        floor = max(whole * 1000 * self.cut_floor // 100, 1000)
        return Cut(max(base * 500, floor), max(whole * 1000 * self.growth // 100, 1000), now)

    def share(self, kind: Kind, allowed: int, *, is_awaited: bool) -> int:
        """How many of a window's calls may be of this kind's sort."""
        percent = self.paying if kind.pays else self.looking_at_least if is_awaited else self.looking
        return max(allowed * percent // 100, 1)


@dataclass(frozen=True, slots=True)
class Cut:
    """A rate that a 429 lowered: thousandths of a call per window, and since when; `growth`: by how many of them it grew in each as it was cut."""

    rate: int
    growth: int
    at: int
