"""The pace of every account: asks the shared book, or this process' own while Redis is away. It may not know what a call is about, nor a job.

Without Redis a process takes half of its part of the budget: the owner's limit by the processes that shared it last, for one may have started since.
"""

import os
import threading
from collections import deque
from collections.abc import Callable
from datetime import timedelta
from itertools import count, islice
from uuid import uuid4

import structlog
from redis.exceptions import RedisError

from worker.pacing.book import Book, Look
from worker.pacing.kinds import Held, Kind, Numbers, Verdict
from worker.pacing.news import tell_the_log
from worker.pacing.pacer import Standing, Ticket
from worker.pacing.shared import AwayError, SharedBook, Unshared, milliseconds

_AWAY_MS = 3_000  # how long Redis is left alone once it did not answer: a call must not wait for it each time
_TERMS_MS = 2_000  # how old a limit may be that goes by: set at one place, it holds everywhere this soon
_UNREAD = 1  # an account's limit that could not be read yet: what is not known may not let everything out
_UNKNOWN = 4  # processes that share a budget, for one that never heard how many there are
_AT_ONCE = 5_000  # calls that Redis is told of in one go when it is back: others wait while it listens
_SHORTEST = timedelta(milliseconds=250)  # a wait that is worth a row's update

Limits = Callable[[str], int | None]
"""An account's calls in a window; None: as many as Tavus takes."""

log = structlog.get_logger("pacing")


class _Mine(threading.local):
    """Permits that this thread took and has not used."""

    def __init__(self) -> None:
        self.tickets: dict[tuple[str, Kind], Ticket] = {}


class Pace:
    """The pace over Redis. One a process, used from any number of threads."""

    def __init__(self, url: str, limits: Limits, numbers: Numbers | None = None) -> None:
        """`url`: the broker's, as Celery takes it. `limits` is asked every few seconds: what the owner sets holds without a restart."""
        self._numbers = numbers or Numbers()
        self._process = f"{os.getpid()}-{uuid4().hex[:8]}"
        try:
            self._shared: SharedBook | None = SharedBook(url, self._numbers, self._process)
        except (ValueError, RedisError) as error:
            log.warning("this broker cannot hold the pace: each process keeps its own", error=str(error))
            self._shared = None
        self._limits, self._known = limits, dict[str, tuple[int, int | None]]()
        self._lock, self._mine, self._number = threading.Lock(), _Mine(), count(1)
        self._books: dict[str, Book] = {}
        self._unshared: dict[str, deque[Unshared]] = {}
        self._sharers: dict[str, int] = {}
        self._among = 0
        self._away_until: int | None = None

    def close(self) -> None:
        """Give every connection back."""
        if self._shared is not None:
            self._shared.close()

    def room(self, account: str, kind: Kind) -> int:
        """See `Pacer`."""
        limit = self._limit(account)
        if (shared := self._there()) is not None:
            try:
                return shared.ask(account, kind, limit).room
            except AwayError as error:
                self._lost(error)
        with self._lock:
            return self._book(account).ask(kind, self._own(account, limit), milliseconds()).room

    def permit(self, account: str, kind: Kind, *, retry: bool = False) -> Held | None:
        """See `Pacer`."""
        if self._ticket_of(account, kind) is not None:
            return None
        if (too_old := self._mine.tickets.pop((account, kind), None)) is not None:
            self._give_back(too_old)
        taken = self._take(account, kind, retry=retry)
        if isinstance(taken, Held):
            return taken
        self._mine.tickets[account, kind] = taken
        return None

    def release(self) -> None:
        """See `Pacer`."""
        while self._mine.tickets:
            self._give_back(self._mine.tickets.popitem()[1])

    def enter(self, account: str, kind: Kind) -> Ticket | Held:
        """See `Pacer`."""
        if (ticket := self._ticket_of(account, kind)) is None:
            return self._take(account, kind, retry=False)
        del self._mine.tickets[account, kind]
        return ticket

    def saw(self, ticket: Ticket, verdict: Verdict, retry_after: timedelta | None = None) -> None:
        """See `Pacer`. A reply that changes nothing costs nothing."""
        now, pause = milliseconds(), 0 if retry_after is None else round(retry_after / timedelta(milliseconds=1))
        late = now - ticket.at >= self._numbers.margin // 2
        with self._lock:
            mine = self._book(ticket.account)
            limit = self._own(ticket.account, ticket.limit)
            changed = mine.saw(ticket.kind, ticket.call, verdict, limit, now, probe=ticket.probe, pause=pause, late=late)
        is_news = verdict is not Verdict.OK or ticket.probe or ticket.failures or late or pause
        if is_news and (shared := self._there()) is not None:
            try:
                changed = shared.saw(
                    ticket.account, ticket.kind, ticket.call, verdict, ticket.limit, probe=ticket.probe, pause=pause, late=late
                )
            except AwayError as error:
                self._lost(error)
        tell_the_log(ticket, verdict, changed, retry_after)

    def standing(self, account: str) -> Standing:
        """See `Pacer`."""
        limit = self._limit(account, oldest=0)  # who looks wants to see what he has just set
        if (shared := self._there()) is not None:
            try:
                allowed, sent, pause, breaks = shared.show(account, limit)
                return Standing(limit, allowed, sent, _time(pause), {one: (why, _time(wait)) for one, (why, wait) in breaks.items()})
            except AwayError as error:
                self._lost(error)
        with self._lock:
            now, book = milliseconds(), self._book(account)
            book.ask(Kind.OTHER, None, now)  # it forgets what is long ago
            allowed = self._numbers.allowed(self._own(account, limit), book.cut, now)
            broken = {kind: (why, _time(wait)) for kind, (why, wait) in book.breaks(now).items()}
            return Standing(limit, allowed, len(book.calls), _time(max(book.paused_until - now, 0)), broken, shared=False)

    def among(self, processes: int) -> None:
        """See `Pacer`."""
        self._among = processes

    def _ticket_of(self, account: str, kind: Kind) -> Ticket | None:
        """A permit that this thread holds, unless it is too old: the call has to end before it counts no more, for its reply dates it anew."""
        ticket = self._mine.tickets.get((account, kind))
        return None if ticket is None or milliseconds() - ticket.at >= self._numbers.window // 6 else ticket

    def _take(self, account: str, kind: Kind, *, retry: bool) -> Ticket | Held:
        # Its moment is before the question: whoever is put to sleep over the answer is late, and his reply dates the call anew.
        limit, call, at = self._limit(account), f"{self._process}:{next(self._number)}", milliseconds()
        look = self._take_shared(account, kind, call, limit, retry=retry)
        if look is None:
            look = self._take_own(account, kind, call, limit, retry=retry)
        return _held(look) or Ticket(account, kind, call, at, look.probe, look.failures, limit)

    def _take_shared(self, account: str, kind: Kind, call: str, limit: int | None, *, retry: bool) -> Look | None:
        if (shared := self._there()) is None:
            return None
        with self._lock:
            told = list(islice(self._unshared.get(account, ()), _AT_ONCE))
        before = milliseconds()
        aged: list[Unshared] = [(name, before - at, of, again) for name, at, of, again in told]
        try:
            look = shared.take(account, kind, call, limit, retry=retry, unshared=aged)
        except AwayError as error:
            self._lost(error)
            return None
        with self._lock:
            book = self._book(account)
            book.forget(before)
            heard = set(told)
            if told:
                self._unshared[account] = deque(one for one in self._unshared[account] if one not in heard)
            if not look.known:
                # A Redis that was emptied: it is told again what went out, or another budget would go out at once.
                self._unshared.setdefault(account, deque()).extend(one for one in _calls_of(book) if one not in heard)
            self._sharers[account] = max(look.sharers, 1)
            if look.reason is None:
                # Our own book goes along, so that it knows what was asked for lately when it is needed.
                book.note(kind, call, before, retry=retry)
        return look

    def _take_own(self, account: str, kind: Kind, call: str, limit: int | None, *, retry: bool) -> Look:
        now = milliseconds()
        with self._lock:
            look = self._book(account).take(kind, call, self._own(account, limit), now, retry=retry)
            if look.reason is None:
                told = self._unshared.setdefault(account, deque())
                told.append((call, now, kind, retry))
                while now - told[0][1] > self._numbers.window + self._numbers.margin:
                    told.popleft()
        return look

    def _give_back(self, ticket: Ticket) -> None:
        """No call goes out on this one. A Redis that is away, or hears of it just now, counts it to its end: too much, never too little."""
        with self._lock:
            self._book(ticket.account).release(ticket.kind, ticket.call)
            if untold := self._unshared.get(ticket.account):
                self._unshared[ticket.account] = deque(one for one in untold if one[0] != ticket.call)
        if (shared := self._there()) is not None:
            try:
                shared.release(ticket.account, ticket.kind, ticket.call)
            except AwayError as error:
                self._lost(error)

    def _own(self, account: str, limit: int | None) -> int | None:
        """What this process may take of the budget while nobody can count what the others take.

        In the minute in which Redis goes away it may come on top of what others had sent, which nobody here knows.
        """
        return None if limit is None else max(limit // (2 * (max(self._sharers.get(account, 0), self._among) or _UNKNOWN)), 1)

    def _book(self, account: str) -> Book:
        return self._books.setdefault(account, Book(self._numbers))

    def _limit(self, account: str, oldest: int = _TERMS_MS) -> int | None:
        """The owner's limit, as it was at most a moment ago; the last known one when nobody can say."""
        now, known = milliseconds(), self._known.get(account)
        if known is not None and now - known[0] < oldest:
            return known[1]
        try:
            limit = self._limits(account)
        except Exception:  # noqa: BLE001 - whatever keeps the ledger from answering keeps jobs from moving too, and is told there
            limit = known[1] if known else _UNREAD
        self._known[account] = (now, limit)
        return limit

    def _there(self) -> SharedBook | None:
        """The shared book, unless it was found away a moment ago."""
        if self._away_until is not None and milliseconds() < self._away_until:
            return None
        return self._shared

    def _lost(self, error: Exception) -> None:
        if self._away_until is None or milliseconds() - self._away_until > _AWAY_MS:
            log.warning("Redis is away: each process keeps to half of its own part of the budget", error=str(error))
        self._away_until = milliseconds() + _AWAY_MS


def _held(look: Look) -> Held | None:
    return None if look.reason is None else Held(max(_time(look.wait), _SHORTEST), look.reason)


def _calls_of(book: Book) -> list[Unshared]:
    return [(call, at, Kind.LOOK if call in book.looks else Kind.SUBMIT, call in book.retries) for call, at in book.calls.items()]


def _time(milliseconds_: int) -> timedelta:
    return timedelta(milliseconds=milliseconds_)
