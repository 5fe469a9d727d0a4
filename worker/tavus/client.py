"""The HTTP client: one method for each operation of Tavus' API that we use. It may not retry, judge an answer, or let a key out of its header.

Paths and bodies: Tavus, API reference, 2026-06. Only this file opens a connection to Tavus.
"""

import json
import re
import ssl
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from threading import Lock
from typing import Any
from urllib.parse import urlencode

import httpx
from pydantic import SecretStr
from typing_extensions import override  # typing's own from Python 3.12 on

from worker.core.job import ConversationId, ReplicaId
from worker.tavus.line import Deadline, bind
from worker.tavus.wire import parsed, said, shown

PAGE = 100  # items a page: what Tavus' own command line asks for, and the documented most for voices
_LARGEST = 8 * 1024 * 1024  # bytes of an answer that are read: a page of 100 replicas is some 60 kB
_LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})
_AGENT = "replica-worker"
_KEY = re.compile(r"[!-~]+")  # what a header may hold; httpx raises for all else, and repeats it in its words
# Raised before a byte of the request was written, so it was certainly not sent. ProxyError: the proxy refused us its tunnel.
_NEVER_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.ProxyError, httpx.UnsupportedProtocol)


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


class _NoCookies(httpx.Cookies):
    """None are kept: one account's would go with another's key. To look for them takes a tenth of a call."""

    @override
    def extract_cookies(self, response: httpx.Response) -> None:
        """See the class."""


class Tavus:
    """One a process, used from any number of threads. No method raises for what the network or Tavus does: that is the reply."""

    def __init__(self, url: str, keys: Mapping[str, SecretStr], timeout: timedelta, threads: int) -> None:
        """`url` with /v2; `keys` by account; `timeout` for a whole call; `threads` that may call at once."""
        self._keys, self._seconds, self._deadline = keys, timeout.total_seconds(), Deadline()
        self._base, self._threads = url.rstrip("/"), threads
        self._opening = Lock()
        self._opened: httpx.Client | None = None

    @property
    def _http(self) -> httpx.Client:
        """Opened when it is first used: the certificates of the world take 20 ms to read, and most commands and many processes never ask Tavus."""
        with self._opening:
            if self._opened is None:
                self._opened = self._open(httpx.URL(self._base))
            return self._opened

    def _open(self, base: httpx.URL) -> httpx.Client:
        client = httpx.Client(
            timeout=self._seconds,
            limits=httpx.Limits(max_connections=self._threads, max_keepalive_connections=self._threads),
            headers={"user-agent": _AGENT, "accept": "application/json"},
            # The sandbox speaks no TLS: an empty store trusts nobody.
            verify=True if base.scheme == "https" else ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT),
            follow_redirects=False,  # a redirected POST would be sent twice
            trust_env=base.host not in _LOOPBACK,  # a company's proxy is for the internet
        )
        client._cookies = _NoCookies()  # noqa: SLF001 - httpx makes a jar of its own of whatever it is given
        bind(client, self._deadline)
        return client

    def close(self) -> None:
        """Close the connections."""
        if self._opened is not None:
            self._opened.close()

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
        headers = {"x-api-key": key.get_secret_value()} | ({} if body is None else {"content-type": "application/json"})
        # Not httpx' own JSON: it cannot write half a surrogate pair, which JSON can.
        content = None if body is None else json.dumps(dict(body)).encode()
        try:
            self._deadline.begin(self._seconds)
            with self._http.stream(method, self._address(path, params), headers=headers, content=content) as response:
                return _read(response)
        except _NEVER_SENT as error:
            return NotSent(_words(error))
        except (httpx.HTTPError, httpx.StreamError) as error:
            return Cut(_words(error))

    def _address(self, path: str, params: Mapping[str, str] | None) -> httpx.URL:
        """Put together here: httpx reads an address anew for its base and for its query, and a hundred ids make it long."""
        query = f"?{urlencode(params, safe=',')}" if params else ""
        return httpx.URL(f"{self._base}{path}{query}")


def _read(response: httpx.Response) -> Reply:
    content = bytearray()
    for piece in response.iter_bytes():
        content += piece
        if len(content) > _LARGEST:
            return Cut(f"answered {response.status_code}, but the body was too long")
    whole = bytes(content)
    return Answer(response.status_code, parsed(whole), whole, _retry_after(response))


def _words(error: Exception) -> str:
    return shown(f"{type(error).__name__}: {error}")


def _retry_after(response: httpx.Response) -> timedelta | None:
    """Seconds or a date (RFC 9110, 10.2.3), at most a day: a broken clock must not park a job for years."""
    value = response.headers.get("retry-after", "").strip()
    try:
        seconds = float(value) if value.isdigit() else (parsedate_to_datetime(value) - datetime.now(UTC)).total_seconds()
    except (ValueError, TypeError, OverflowError):
        return None
    return timedelta(seconds=min(max(seconds, 0.0), 86_400.0))
