"""The network under the client: one request, one answer, and an end to both in time. It may not know what is sent, nor send anything again.

httpx reads the environment (proxies, certificates) and makes the connections; requests go straight to these. What its client does for each call
beside that, for redirects, cookies, other ways to log in and addresses in any spelling, took a third of the call, and none of it is wanted here.

Its own timeouts begin anew with every piece: a server that drips its answer would keep a worker past its lease.
"""

import math
import ssl
import threading
import time
import zlib
from base64 import b64encode
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import httpcore
import httpx
from typing_extensions import override  # typing's own from Python 3.12 on

from worker.timed import TimedStream

NEVER_SENT = (httpcore.ConnectError, httpcore.ConnectTimeout, httpcore.PoolTimeout, httpcore.ProxyError, httpcore.UnsupportedProtocol)
"""Raised before a byte of the request was written, so it was certainly not sent. ProxyError: the proxy refused us its tunnel."""
BROKEN = (httpcore.NetworkError, httpcore.TimeoutException, httpcore.ProtocolError, zlib.error)
"""Raised when it may have been sent, and there is no whole answer."""
_LARGEST = 8 * 1024 * 1024  # bytes of an answer that are read: a page of 100 replicas is some 60 kB
_LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})
_ALWAYS = [(b"User-Agent", b"replica-worker"), (b"Accept", b"application/json"), (b"Accept-Encoding", b"gzip")]
_HAS_BODY = frozenset({"POST", "PATCH"})
_PACKED = frozenset({b"gzip", b"x-gzip", b"deflate"})
_GZIP_OR_ZLIB = 32 + zlib.MAX_WBITS  # which of them zlib sees for itself


@dataclass(frozen=True, slots=True)
class Said:
    """An answer, unpacked. `headers`: by their names in lower case. `body` None: it was too long."""

    status: int
    headers: Mapping[bytes, bytes]
    body: bytes | None


class Deadline(threading.local):
    """When the call that this thread makes must be over."""

    _at = math.inf

    def begin(self, seconds: float) -> None:
        """A call begins: it and everything done for it ends in time."""
        self._at = time.monotonic() + seconds

    def left(self, timeout: float | None, too_late: type[httpcore.TimeoutException]) -> float:
        """How long the next step may take: `timeout`, or what is left. Raises `too_late` when nothing is."""
        left = self._at - time.monotonic()
        if left <= 0:
            raise too_late("the time for the whole call is over")
        return left if timeout is None else min(left, timeout)


class Line:
    """The connections to one server. One a process, used from any number of threads."""

    def __init__(self, base: str, seconds: float, threads: int) -> None:
        """`base`: what every path comes after; `seconds` for a whole call; `threads` that may call at once."""
        self._base, self._seconds, self._threads, self._deadline = httpx.URL(base.rstrip("/")), seconds, threads, Deadline()
        self._always = [(b"Host", self._base.netloc), *_ALWAYS, *_credentials(self._base)]
        self._before = self._base.raw_path.rstrip(b"/")
        self._timeouts = {"timeout": httpx.Timeout(seconds).as_dict()}
        self._laying = threading.Lock()
        self._pool: httpcore.ConnectionPool | None = None

    def close(self) -> None:
        """Close the connections."""
        if self._pool is not None:
            self._pool.close()

    def call(self, method: str, path: str, headers: Mapping[str, str], content: bytes | None = None) -> Said:
        """One request, and its answer. `path`: with its query, percent-encoded. Raises one of `NEVER_SENT`, or of `BROKEN`.

        The first may also raise what httpx does for an environment that it cannot use, such as a file of certificates that is not there.
        """
        self._deadline.begin(self._seconds)
        response = self._laid().handle_request(
            httpcore.Request(
                method,
                httpcore.URL(
                    scheme=self._base.raw_scheme, host=self._base.raw_host, port=self._base.port, target=self._before + path.encode()
                ),
                headers=[*self._always, *_encoded(headers), *_length(method, content)],
                content=content,
                extensions=self._timeouts,
            )
        )
        try:
            return _read(response)
        finally:
            response.close()

    def _laid(self) -> httpcore.ConnectionPool:
        """Laid when first used: the certificates of the world take 20 ms to read, and most commands and many processes never ask Tavus."""
        with self._laying:
            if self._pool is None:
                self._pool = self._lay()
            return self._pool

    def _lay(self) -> httpcore.ConnectionPool:
        client = httpx.Client(
            limits=httpx.Limits(max_connections=self._threads, max_keepalive_connections=self._threads),
            # The sandbox speaks no TLS: an empty store trusts nobody.
            verify=True if self._base.scheme == "https" else ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT),
            trust_env=self._base.host not in _LOOPBACK,  # a company's proxy is for the internet
        )
        pool: httpcore.ConnectionPool = client._transport_for_url(self._base)._pool  # type: ignore[attr-defined] # noqa: SLF001 - httpx alone reads the environment's proxies
        pool._network_backend = _Network(pool._network_backend, self._deadline)  # noqa: SLF001 - and has no word for their network; a test drips, to see that this holds
        return pool


def _credentials(base: httpx.URL) -> list[tuple[bytes, bytes]]:
    """Of a gateway of one's own, where its address has them."""
    words = f"{base.username}:{base.password}".encode()
    return [(b"Authorization", b"Basic " + b64encode(words))] if base.userinfo else []


def _encoded(headers: Mapping[str, str]) -> list[tuple[bytes, bytes]]:
    return [(name.encode("ascii"), value.encode("ascii")) for name, value in headers.items()]


def _length(method: str, content: bytes | None) -> list[tuple[bytes, bytes]]:
    """Said of an empty body too, where one is expected (RFC 9110, 8.6)."""
    return [] if content is None and method not in _HAS_BODY else [(b"Content-Length", b"%d" % len(content or b""))]


def _read(response: httpcore.Response) -> Said:
    headers = {name.lower(): value for name, value in response.headers}
    packed = zlib.decompressobj(_GZIP_OR_ZLIB) if headers.get(b"content-encoding", b"").strip().lower() in _PACKED else None
    body, is_empty = bytearray(), True
    for piece in response.iter_stream():
        is_empty = is_empty and not piece
        body += piece if packed is None else packed.decompress(piece)
        if len(body) > _LARGEST:
            return Said(response.status, headers, None)
    if packed is not None and not is_empty and not packed.eof:
        raise zlib.error("the packed body is not whole")
    return Said(response.status, headers, bytes(body))


class _Network(httpcore.NetworkBackend):
    def __init__(self, network: httpcore.NetworkBackend, deadline: Deadline) -> None:
        self._network, self._deadline = network, deadline

    @override
    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.NetworkStream:
        left = self._deadline.left(timeout, httpcore.ConnectTimeout)
        stream = self._network.connect_tcp(host, port, left, local_address, socket_options)
        try:
            # The resolver knows no timeout, and each address of the host had the whole of it: what is too late now is not sent at all.
            self._deadline.left(None, httpcore.ConnectTimeout)
        except httpcore.ConnectTimeout:
            stream.close()
            raise
        return TimedStream(stream, self._deadline.left)
