"""A network stream on which every step asks how much time is left. It may not decide how much that is, nor what is sent.

httpcore's own timeouts begin anew with every byte: a server that drips would keep a worker past its lease.
"""

from collections.abc import Callable
from ssl import SSLContext
from typing import Any

import httpcore
from typing_extensions import override  # typing's own from Python 3.12 on

Left = Callable[[float | None, type[httpcore.TimeoutException]], float]
"""The step's own timeout in, the seconds that it may take out; raises the given error when none are left."""


class TimedStream(httpcore.NetworkStream):
    """A stream that ends in time."""

    def __init__(self, stream: httpcore.NetworkStream, left: Left) -> None:
        self._stream, self._left = stream, left

    @override
    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._stream.read(max_bytes, self._left(timeout, httpcore.ReadTimeout))

    @override
    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._stream.write(buffer, self._left(timeout, httpcore.WriteTimeout))

    @override
    def close(self) -> None:
        self._stream.close()

    @override
    def start_tls(
        self, ssl_context: SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        left = self._left(timeout, httpcore.ConnectTimeout)  # CPython bounds the whole handshake by it
        return TimedStream(self._stream.start_tls(ssl_context, server_hostname, left), self._left)

    @override
    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)
