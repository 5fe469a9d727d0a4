"""The account's book in one process' memory: which calls went out, and what their replies said. It may not look at a clock or know who calls.

`shared.lua` is the same over Redis, line by line where that is possible: what changes here changes there, and a test compares them call by call.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import islice

from worker.pacing.kinds import Cut, Kind, Numbers, Reason, Verdict

MANY = 1_000_000
"""Room without a budget."""


@dataclass(slots=True)
class Breaker:
    """Of one kind of call. `opened`: times in a row that it opened; 0 is closed."""

    failures: int = 0
    opened: int = 0
    open_until: int = 0
    probe_until: int = 0
    reason: Reason = Reason.BREAKER


@dataclass(frozen=True, slots=True)
class Look:
    """What the book says to one more call. `reason` None: it may go. `room`: how many may. `probe`: this one finds out for all.

    `sharers`: processes that share the book. `known` False: it knows nothing of this one, which is new, or it has forgotten everything.
    """

    reason: Reason | None
    wait: int
    room: int
    probe: bool = False
    failures: int = 0
    sharers: int = 0
    known: bool = True


@dataclass(slots=True)
class Book:
    """One account's. Calls are kept by id in the order of their moments, in milliseconds of any clock that does not go back."""

    numbers: Numbers = field(default_factory=Numbers)
    calls: dict[str, int] = field(default_factory=dict)
    looks: dict[str, int] = field(default_factory=dict)
    retries: dict[str, int] = field(default_factory=dict)
    cut: Cut | None = None
    paused_until: int = 0
    awaited_until: int = 0
    breakers: dict[Kind, Breaker] = field(default_factory=dict)

    def ask(self, kind: Kind, limit: int | None, now: int, *, retry: bool = False) -> Look:
        """Whether a call may go now."""
        self.forget(now)
        breaker = self.breakers.get(kind) or Breaker()
        if self.paused_until > now:
            return Look(Reason.PAUSED, self.paused_until - now, 0)
        if breaker.open_until > now:
            return Look(breaker.reason, breaker.open_until - now, 0)
        if breaker.opened and breaker.probe_until > now:
            return Look(breaker.reason, breaker.probe_until - now, 0)
        look = self._room(kind, limit, now)
        if look.reason is None and retry and len(self.retries) >= self._retries():
            look = Look(Reason.RETRIES, self._until(self.retries, 0, now), 0)
        if look.reason is not None:
            return look
        return Look(None, 0, 1 if breaker.opened else look.room, bool(breaker.opened), breaker.failures)

    def take(self, kind: Kind, call: str, limit: int | None, now: int, *, retry: bool = False) -> Look:
        """The same, and the call counts if it may go."""
        look = self.ask(kind, limit, now, retry=retry)
        if look.reason is None:
            self.note(kind, call, now, retry=retry)
            if look.probe:
                self.breakers[kind].probe_until = now + self.numbers.probe
        return look

    def note(self, kind: Kind, call: str, now: int, *, retry: bool = False) -> None:
        """A call went out, whoever let it."""
        self.calls[call] = now
        if not kind.pays:
            self.looks[call] = now
        if retry:
            self.retries[call] = now

    def release(self, kind: Kind, call: str) -> None:
        """A call that was let out was not made: it counts no more, and where it was to find out for all, another may."""
        moment, breaker = self.calls.pop(call, None), self.breakers.get(kind)
        self.looks.pop(call, None)
        self.retries.pop(call, None)
        if moment is not None and breaker is not None and breaker.probe_until == moment + self.numbers.probe:
            breaker.probe_until = 0

    def saw(
        self,
        kind: Kind,
        call: str,
        verdict: Verdict,
        limit: int | None,
        now: int,
        *,
        probe: bool = False,
        pause: int = 0,
        late: bool = False,
    ) -> str:
        """Take a reply in. `pause`: the Retry-After. `late`: it took so long that the call counts from now. What it changed, if anything."""
        self.forget(now)
        if late:
            for calls in (self.calls, self.looks, self.retries):
                if call in calls:
                    del calls[call]
                    calls[call] = now
        if pause > 0:
            self.paused_until = max(self.paused_until, now + min(pause, self.numbers.longest_pause))
        if verdict is Verdict.LIMITED:
            before, self.cut = self.cut, self.numbers.cut(limit, self.cut, len(self.calls), now)
            changed = self._judge(kind, Verdict.OK, now, probe=probe)
            return changed or ("" if self.cut == before else "cut")
        return self._judge(kind, verdict, now, probe=probe)

    def breaks(self, now: int) -> Mapping[Kind, tuple[Reason, int]]:
        """The breakers that are not closed: why, and for how long nothing goes out."""
        return {kind: (one.reason, max(one.open_until - now, 0)) for kind, one in self.breakers.items() if one.opened}

    def _room(self, kind: Kind, limit: int | None, now: int) -> Look:
        numbers, sent, looks = self.numbers, len(self.calls), len(self.looks)
        allowed = numbers.allowed(limit, self.cut, now)
        if allowed is None:
            return Look(None, 0, MANY)
        if sent >= allowed:
            if kind.pays:
                self.awaited_until = now + numbers.patience
            return Look(Reason.BUDGET, self._until(self.calls, sent - allowed, now), 0)
        share = numbers.share(kind, allowed, is_awaited=self.awaited_until > now)
        mine = sent - looks if kind.pays else looks
        if mine >= share:
            wait = self._until(self.calls, 0, now) if kind.pays else self._until(self.looks, looks - share, now)
            return Look(Reason.SHARE, wait, 0)
        return Look(None, 0, min(allowed - sent, share - mine))

    def _retries(self) -> int:
        return max(len(self.calls) * self.numbers.retries // 100, self.numbers.retries_at_least)

    def _until(self, calls: Mapping[str, int], place: int, now: int) -> int:
        """How long until the call in this place, counted from the oldest, counts no more."""
        moment = next(islice(calls.values(), place, None), now)
        return moment + self.numbers.window + self.numbers.margin - now

    def forget(self, now: int) -> None:
        """Leave out what counts no more."""
        since = now - self.numbers.window - self.numbers.margin
        for calls in (self.calls, self.looks, self.retries):
            while calls and calls[next(iter(calls))] <= since:
                del calls[next(iter(calls))]

    def _judge(self, kind: Kind, verdict: Verdict, now: int, *, probe: bool) -> str:
        """Open or close the breaker. While it is not closed only the probe's reply counts: the others left before it opened."""
        breaker = self.breakers.setdefault(kind, Breaker())
        if breaker.opened and not probe:
            return ""
        if verdict is Verdict.OK:
            was_open = breaker.opened
            self.breakers[kind] = Breaker()
            return "closed" if was_open else ""
        breaker.failures += 1
        if verdict is Verdict.FAILED and not probe and breaker.failures < self.numbers.failures:
            return ""
        longest = self.numbers.longest_full if verdict is Verdict.FULL else self.numbers.longest_break
        breaker.open_until = now + min(self.numbers.first_break * 2 ** min(breaker.opened, 10), longest)
        breaker.opened, breaker.failures, breaker.probe_until = breaker.opened + 1, 0, 0
        breaker.reason = Reason.FULL if verdict is Verdict.FULL else Reason.BREAKER
        return "opened"
