"""Reads a whole list, page by page, and vouches that it was whole. It may not look for anything in it.

Absence from a list proves something only if nothing was missed: the count may not fall, no row may come twice unless new ones pushed it on, and every
row must be readable.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Generic, TypeVar

from worker.core.failures import Failure
from worker.tavus.client import Answer, Reply, Tavus
from worker.tavus.refusals import fault_of, retry_after_of, words_of
from worker.tavus.wire import Document, Page, RemoteConversation, Replica, conversation_of, page_of, replica_of

Row = TypeVar("Row")
_ANEW = 2  # times that a list is read from its beginning because something was taken away: deletions are few
_PAUSES = (0.05, 0.2, 0.8)  # seconds before a page is asked for again: most of what fails is over at once


@dataclass(frozen=True, slots=True)
class Scanned(Generic[Row]):
    """Every row of the list that was asked for."""

    rows: tuple[Row, ...]


@dataclass(frozen=True, slots=True)
class Unread:
    """The list was not read to its end, or not as one list: nothing was learned."""

    detail: str
    retry_after: timedelta | None = None
    fault: Failure | None = None


def own_replicas(
    tavus: Tavus, account: str, patience: timedelta, is_wanted: Callable[[Replica], bool] | None = None
) -> Scanned[Replica] | Unread:
    """Every replica of the account's own, each with its name: one that is not shown cannot be said not to be a mark. Their documents are left out.

    `is_wanted`: of a list of a hundred thousand, which of them are kept, where most are not.
    """

    def ask(page: int) -> Reply:
        return tavus.list_replicas(account, page=page, replica_type="user")

    return scan(ask, _named_replica, lambda row: row.id, patience, tavus.wait, is_wanted)


def active_conversations(tavus: Tavus, account: str, patience: timedelta) -> Scanned[RemoteConversation] | Unread:
    """Every active conversation of the account."""

    def ask(page: int) -> Reply:
        return tavus.list_conversations(account, page=page, status="active")

    return scan(ask, conversation_of, lambda row: row.id, patience, tavus.wait)


def _named_replica(document: Document) -> Replica | None:
    replica = replica_of(document)
    # Of a list of ten thousand the documents are some thirty megabytes, and nobody who reads the whole list asks for them.
    return replace(replica, document={}) if replica is not None and replica.name is not None else None


def scan(
    ask: Callable[[int], Reply],
    read: Callable[[Document], Row | None],
    key: Callable[[Row], str],
    patience: timedelta,
    wait: Callable[[float], None] = time.sleep,
    is_wanted: Callable[[Row], bool] | None = None,
) -> Scanned[Row] | Unread:
    """Ask for page after page until all of `total_count` are there, and keep those that are wanted; no page is asked for once `patience` is over.

    A list that only grows is read on: what is new pushes rows from one page to the next, and stands at an end that is then read again. One that
    shrinks is read anew.
    """
    deadline = time.monotonic() + patience.total_seconds()
    reading, begun_anew = _Reading(read, key, is_wanted), 0
    while not reading.is_whole:
        if time.monotonic() > deadline:
            return Unread(f"the list of {reading.total} is too long, or changes too fast, to be read in {patience.total_seconds():.0f} s")
        reply = _asked(ask, reading.next_page, deadline, wait)
        page = _page_in(reply)
        if page is None:
            return Unread(words_of(reply), retry_after_of(reply), fault_of(reply))
        if (flaw := reading.add(page)) is None:
            continue
        if not (reading.has_shrunk and begun_anew < _ANEW):
            return Unread(flaw)
        reading, begun_anew = _Reading(read, key, is_wanted), begun_anew + 1
    return Scanned(tuple([row for row in reading.rows.values() if row is not None]))


class _Reading(Generic[Row]):
    """What was read so far of one list, and whether it can still be one list."""

    def __init__(
        self, read: Callable[[Document], Row | None], key: Callable[[Row], str], is_wanted: Callable[[Row], bool] | None = None
    ) -> None:
        self._read, self._key, self._is_wanted = read, key, is_wanted
        self.rows: dict[str, Row | None] = {}
        """By key; None: it was there, and is not wanted."""
        self.total: int | None = None
        self.next_page = 1
        self.has_shrunk = False
        self._grown = 0

    @property
    def is_whole(self) -> bool:
        """Whether as many different rows were seen as the list has now."""
        return self.total is not None and len(self.rows) >= self.total

    def add(self, page: Page) -> str | None:
        """Take a page in. What is wrong with the list, if it can no longer prove that nothing was missed."""
        number = self.next_page
        is_past_the_end = not page.items and number > 1 and self._grown > 0
        if (flaw := self._count(page) or (None if is_past_the_end else self._take(page))) is not None:
            return f"page {number}: {flaw}"
        self.next_page = 1 if is_past_the_end else number + 1
        return None

    def _count(self, page: Page) -> str | None:
        """Growth is allowed: rows are pushed on, and none is passed over. With anything taken away one could be."""
        self.has_shrunk = self.total is not None and page.total_count < self.total
        if self.has_shrunk:
            return f"the list changed from {self.total} to {page.total_count} while it was read"
        self._grown += page.total_count - (page.total_count if self.total is None else self.total)
        self.total = page.total_count
        return None

    def _take(self, page: Page) -> str | None:
        if page.total_count and not page.items:
            return f"it is empty, though the list has {page.total_count}"
        repeated = 0
        for item in page.items:
            row = self._read(item)
            if row is None:
                return "a row without an id or a name"
            repeated += self._key(row) in self.rows
            self.rows[self._key(row)] = row if self._is_wanted is None or self._is_wanted(row) else None
        if repeated and not self._grown:
            return f"{repeated} of its rows came before"
        if len(self.rows) > (self.total or 0):
            return f"the list has {len(self.rows)} rows or more, not {self.total}"  # a count that is too low would end the scan too early
        return None


def _asked(ask: Callable[[int], Reply], number: int, deadline: float, wait: Callable[[float], None]) -> Reply:
    """The answer to one page. A question is free, so one that failed is put again: of twenty pages one nearly always fails, and all are needed."""
    for pause in _PAUSES:
        reply = ask(number)
        if _page_in(reply) is not None or fault_of(reply) is not None:
            return reply
        seconds = max(pause, (retry_after_of(reply) or timedelta(0)).total_seconds())
        if time.monotonic() + seconds > deadline:
            return reply
        wait(seconds)
    return ask(number)


def _page_in(reply: Reply) -> Page | None:
    return page_of(reply.document) if isinstance(reply, Answer) and reply.ok else None
