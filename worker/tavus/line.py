"""The network under the client: everything that one call does on it ends at one deadline. It may not know what is sent, nor send anything again.

httpx' own timeouts begin anew with every piece: a server that drips its answer would keep a worker past its lease.
"""

import math
import threading
import time
from collections.abc import Iterable

import httpcore
import httpx
from typing_extensions import override  # typing's own from Python 3.12 on

from worker.timed import TimedStream


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


def bind(client: httpx.Client, deadline: Deadline) -> None:
    """Lay the client, and whatever proxies it found in the environment, on this line."""
    for transport in (client._transport, *client._mounts.values()):  # noqa: SLF001 - a transport of our own would lose the proxies
        if isinstance(transport, httpx.HTTPTransport):
            pool = transport._pool  # noqa: SLF001 - httpx has no word for its pool's network; a test drips, to see that this holds
            pool._network_backend = _Line(pool._network_backend, deadline)  # noqa: SLF001 - the same


class _Line(httpcore.NetworkBackend):
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
