"""Reads a whole list, page by page, and vouches that it was whole. It may not look for anything in it.

Absence from a list proves something only if nothing was missed: the count must stand still, no row may come twice, and every row must be readable.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Generic, TypeVar

from worker.core.failures import Failure
from worker.tavus.client import Answer, Reply, Tavus
from worker.tavus.refusals import fault_of, retry_after_of, words_of
from worker.tavus.wire import Document, Page, RemoteConversation, Replica, conversation_of, page_of, replica_of

Row = TypeVar("Row")


@dataclass(frozen=True, slots=True)
class Scanned(Generic[Row]):
    """Every row of the list."""

    rows: tuple[Row, ...]


@dataclass(frozen=True, slots=True)
class Unread:
    """The list was not read to its end, or not as one list: nothing was learned."""

    detail: str
    retry_after: timedelta | None = None
    fault: Failure | None = None


def own_replicas(tavus: Tavus, account: str, patience: timedelta) -> Scanned[Replica] | Unread:
    """Every replica of the account's own, each with its name: one that is not shown cannot be said not to be a mark."""
    return scan(lambda page: tavus.list_replicas(account, page=page, replica_type="user"), _named_replica, lambda row: row.id, patience)


def active_conversations(tavus: Tavus, account: str, patience: timedelta) -> Scanned[RemoteConversation] | Unread:
    """Every active conversation of the account."""
    return scan(lambda page: tavus.list_conversations(account, page=page, status="active"), conversation_of, lambda row: row.id, patience)


def _named_replica(document: Document) -> Replica | None:
    replica = replica_of(document)
    return replica if replica is not None and replica.name is not None else None


def scan(
    ask: Callable[[int], Reply], read: Callable[[Document], Row | None], key: Callable[[Row], str], patience: timedelta
) -> Scanned[Row] | Unread:
    """Ask for pages 1, 2, ... until all of `total_count` are there; no new page is asked for once `patience` is over."""
    deadline = time.monotonic() + patience.total_seconds()
    rows: dict[str, Row] = {}
    total: int | None = None
    number = 0
    while total is None or len(rows) < total:
        if time.monotonic() > deadline:
            return Unread(f"the list of {total} is too long to be read in {patience.total_seconds():.0f} s")
        number += 1
        reply = ask(number)
        page = page_of(reply.document) if isinstance(reply, Answer) and reply.ok else None
        if page is None:
            return Unread(words_of(reply), retry_after_of(reply), fault_of(reply))
        flaw = _flaw(page, total) or _add(page, read, key, rows) or _excess(page, len(rows))
        if flaw:
            return Unread(f"page {number}: {flaw}")
        total = page.total_count
    return Scanned(tuple(rows.values()))


def _flaw(page: Page, total: int | None) -> str | None:
    if total is not None and page.total_count != total:
        return f"the list changed from {total} to {page.total_count} while it was read"
    if page.total_count and not page.items:
        return f"it is empty, though the list has {page.total_count}"
    return None


def _excess(page: Page, count: int) -> str | None:
    """A count that is too low would end the scan too early."""
    return f"the list has {count} rows or more, not {page.total_count}" if count > page.total_count else None


def _add(page: Page, read: Callable[[Document], Row | None], key: Callable[[Row], str], rows: dict[str, Row]) -> str | None:
    for item in page.items:
        row = read(item)
        if row is None:
            return "a row without an id or a name"
        if key(row) in rows:
            return f"{key(row)} came twice"
        rows[key(row)] = row
    return None
