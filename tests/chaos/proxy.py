"""A TCP proxy whose line can be cut, refused, hung and slowed while a program talks over it. It never looks at what passes.

A hung line delivers late what was sent into it, as a network does: a request may arrive after its sender has given up.
"""

import asyncio
import socket
import struct
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import Future
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

_PATIENCE_SECONDS = 20.0
_PIECE = 65_536
_BACKLOG = 1024
_RESET = struct.pack("ii", 1, 0)  # linger for no time: the other side gets a reset and not an orderly end

Upstream = Path | tuple[str, int]
Given = TypeVar("Given")


class Proxy:
    """A line to `upstream`, for as long as a `with` lasts; it has a thread and a port of its own. A fault lasts until `heal`."""

    def __init__(self, upstream: Upstream) -> None:
        """`upstream`: a unix socket, or a host and a port. Nobody needs to listen there yet."""
        self._upstream = upstream
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name="proxy", daemon=True)
        self._open: Future[asyncio.Event] = Future()
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._delay = 0.0
        # Bound and never listening: while the line refuses, the port answers as a closed one and is still nobody else's.
        self._place = _bound(0)
        self.port: int = self._place.getsockname()[1]

    def __enter__(self) -> Self:
        """Start, and return when connections are taken."""
        self._thread.start()
        self._passing = self._open.result(_PATIENCE_SECONDS)
        self._call(self._listen)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """Cut every connection, and wait for the thread."""
        self._call(self._end)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(_PATIENCE_SECONDS)
        self._place.close()

    @property
    def connections(self) -> int:
        """Connections that pass through now."""
        return len(self._writers) // 2

    def cut(self) -> None:
        """Reset every connection, both ways. New ones are taken."""
        self._call(self._cut)

    def refuse(self) -> None:
        """Reset every connection and refuse new ones: what a server that is gone looks like."""
        self._call(self._refuse)

    def hang(self) -> None:
        """Take connections and bytes, and pass nothing on."""
        self._call(self._hang)

    def slow(self, seconds: float) -> None:
        """Pass every piece on so much later."""
        self._call(lambda: self._slow(seconds))

    def heal(self) -> None:
        """A good line again. What hung is delivered now."""
        self._call(self._heal)

    async def _listen(self) -> None:
        if self._server is None:
            listener = _bound(self.port)
            self._server = await asyncio.start_server(self._connect, sock=listener, backlog=_BACKLOG)

    async def _cut(self) -> None:
        for writer in list(self._writers):
            _reset(writer)

    async def _refuse(self) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None
        await self._cut()

    async def _hang(self) -> None:
        self._passing.clear()

    async def _slow(self, seconds: float) -> None:
        self._delay = seconds

    async def _heal(self) -> None:
        self._delay = 0.0
        self._passing.set()
        await self._listen()

    async def _end(self) -> None:
        await self._refuse()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = self._loop.create_task(self._serve(reader, writer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        there: asyncio.StreamWriter | None = None
        try:
            back, there = await self._dial()
            self._writers.add(there)
            await asyncio.gather(self._pump(reader, there), self._pump(back, writer))
        except OSError:
            _reset(writer)
            if there is not None:
                _reset(there)
        finally:
            for end in (writer, there):
                if end is not None:
                    self._writers.discard(end)
                    end.close()

    async def _dial(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        if isinstance(self._upstream, Path):
            return await asyncio.open_unix_connection(self._upstream)
        return await asyncio.open_connection(*self._upstream)

    async def _pump(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        while piece := await source.read(_PIECE):
            await asyncio.sleep(self._delay)
            await self._passing.wait()
            sink.write(piece)
            await sink.drain()
        await self._passing.wait()
        if sink.can_write_eof():
            sink.write_eof()

    def _call(self, act: Callable[[], Coroutine[Any, Any, Given]]) -> Given:
        return asyncio.run_coroutine_threadsafe(act(), self._loop).result(_PATIENCE_SECONDS)

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        passing = asyncio.Event()
        passing.set()
        self._loop.call_soon(self._open.set_result, passing)
        try:
            self._loop.run_forever()
        finally:
            self._loop.close()


def _bound(port: int) -> socket.socket:
    one = socket.socket()
    one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    one.bind(("127.0.0.1", port))
    return one


def _reset(writer: asyncio.StreamWriter) -> None:
    line = writer.get_extra_info("socket")
    if line is not None and line.family != socket.AF_UNIX:
        with suppress(OSError):  # it is closed already
            line.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
    writer.transport.abort()
