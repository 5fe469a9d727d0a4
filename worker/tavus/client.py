"""The HTTP client: one method for each operation of Tavus' API that we use. It may not retry, judge an answer, or let a key out of its header.

Paths and bodies: Tavus, API reference, 2026-06.
"""

import json
import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import quote, urlencode

from pydantic import SecretStr

from worker.core.job import ConversationId, ReplicaId
from worker.tavus.line import BROKEN, NEVER_SENT, Line
from worker.tavus.wire import parsed, said, shown

PAGE = 100  # items a page: what Tavus' own command line asks for, and the documented most for voices
_KEY = re.compile(r"[!-~]+")  # what a header may hold; all else raises, and is repeated in the error's words


@dataclass(frozen=True, slots=True)
class Answer:
    """A complete HTTP answer. `document` None: the body, of which `content` is what was sent, was no JSON."""

    status: int
    document: object = field(repr=False)  # it may repeat what was sent, presigned addresses and all
    content: bytes = field(default=b"", repr=False)
    retry_after: timedelta | None = None

    @property
    def said(self) -> str:
        """Its words, fit to be shown. Put together when somebody asks: most answers say nothing that is ever shown."""
        return said(self.document, self.content)

    @property
    def ok(self) -> bool:
        """2xx."""
        return 200 <= self.status < 300  # noqa: PLR2004 - the protocol's own numbers


@dataclass(frozen=True, slots=True)
class NotSent:
    """The request certainly never reached Tavus. `keyless`: because we have no key for the account, or none that can be sent.

    `retry_after`: because the account's pace held it back for so long.
    """

    detail: str
    keyless: bool = False
    retry_after: timedelta | None = None


@dataclass(frozen=True, slots=True)
class Cut:
    """The request may have reached Tavus; there is no complete answer."""

    detail: str


Reply = Answer | NotSent | Cut


class Tavus:
    """One a process, used from any number of threads. No method raises for what the network or Tavus does: that is the reply."""

    def __init__(self, url: str, keys: Mapping[str, SecretStr], timeout: timedelta, threads: int) -> None:
        """`url` with /v2; `keys` by account; `timeout` for a whole call; `threads` that may call at once."""
        self._keys, self._line = keys, Line(url, timeout.total_seconds(), threads)

    def close(self) -> None:
        """Close the connections."""
        self._line.close()

    def wait(self, seconds: float) -> None:
        """Let time pass between two calls of one effect."""
        time.sleep(seconds)

    def create_replica(self, account: str, body: Mapping[str, Any]) -> Reply:
        """POST /replicas: pays for a training."""
        return self._call(account, "POST", "/replicas", body)

    def get_replica(self, account: str, replica_id: ReplicaId) -> Reply:
        """GET /replicas/{id}, with everything it shows."""
        return self._call(account, "GET", f"/replicas/{replica_id}", params={"verbose": "true"})

    def list_replicas(
        self, account: str, *, page: int = 1, replica_ids: Sequence[ReplicaId] = (), replica_type: str | None = None
    ) -> Reply:
        """GET /replicas: one page of at most `PAGE`, of these ids or of this type (`user` or `system`), with everything it shows."""
        params = {"limit": str(PAGE), "page": str(page), "verbose": "true"}
        params |= {"replica_ids": ",".join(replica_ids)} if replica_ids else {}
        params |= {"replica_type": replica_type} if replica_type else {}
        return self._call(account, "GET", "/replicas", params=params)

    def rename_replica(self, account: str, replica_id: ReplicaId, name: str) -> Reply:
        """PATCH /replicas/{id}/name."""
        return self._call(account, "PATCH", f"/replicas/{replica_id}/name", {"replica_name": name})

    def delete_replica(self, account: str, replica_id: ReplicaId, *, hard: bool) -> Reply:
        """DELETE /replicas/{id}; `hard` also erases its assets, for ever. Only the door of deletion may lead here."""
        return self._call(account, "DELETE", f"/replicas/{replica_id}", params={"hard": "true"} if hard else {})

    def list_voices(self, account: str, *, page: int = 1) -> Reply:
        """GET /voices: one page of the stock voices."""
        return self._call(account, "GET", "/voices", params={"limit": str(PAGE), "page": str(page)})

    def create_conversation(self, account: str, body: Mapping[str, Any]) -> Reply:
        """POST /conversations: bills from now on."""
        return self._call(account, "POST", "/conversations", body)

    def get_conversation(self, account: str, conversation_id: ConversationId) -> Reply:
        """GET /conversations/{id}."""
        return self._call(account, "GET", f"/conversations/{conversation_id}", params={"verbose": "true"})

    def list_conversations(self, account: str, *, page: int = 1, status: str | None = None) -> Reply:
        """GET /conversations: one page, of this status (`active` or `ended`)."""
        params = {"limit": str(PAGE), "page": str(page)} | ({"status": status} if status else {})
        return self._call(account, "GET", "/conversations", params=params)

    def end_conversation(self, account: str, conversation_id: ConversationId) -> Reply:
        """POST /conversations/{id}/end: stops the bill."""
        return self._call(account, "POST", f"/conversations/{conversation_id}/end")

    def _call(
        self, account: str, method: str, path: str, body: Mapping[str, Any] | None = None, params: Mapping[str, str] | None = None
    ) -> Reply:
        key = self._keys.get(account)
        if key is None or not _KEY.fullmatch(key.get_secret_value()):
            return NotSent(f"there is no {'key' if key is None else 'usable key'} for the account {account!r}", keyless=True)
        headers = {"X-Api-Key": key.get_secret_value()} | ({} if body is None else {"Content-Type": "application/json"})
        query = f"?{urlencode(params, safe=',')}" if params else ""
        content = None if body is None else json.dumps(dict(body)).encode()  # half a surrogate pair too: JSON can write it, UTF-8 cannot
        try:
            said = self._line.call(method, f"{quote(path)}{query}", headers, content)
        except NEVER_SENT as error:
            return NotSent(_words(error))
        except BROKEN as error:
            return Cut(_words(error))
        if said.body is None:
            return Cut(f"answered {said.status}, but the body was too long")
        return Answer(said.status, parsed(said.body), said.body, _retry_after(said.headers.get(b"retry-after", b"")))


def _words(error: Exception) -> str:
    return shown(f"{type(error).__name__}: {error}")


def _retry_after(header: bytes) -> timedelta | None:
    """Seconds or a date (RFC 9110, 10.2.3), at most a day: a broken clock must not park a job for years."""
    value = header.decode("latin-1").strip()
    try:
        seconds = float(value) if value.isdigit() else (parsedate_to_datetime(value) - datetime.now(UTC)).total_seconds()
    except (ValueError, TypeError, OverflowError):
        return None
    return timedelta(seconds=min(max(seconds, 0.0), 86_400.0))
