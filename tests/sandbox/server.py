"""Starts and stops the sandbox: on a loop of its own for the command, in a thread of its own for tests. It knows no rule of the vendor."""

import asyncio
import socket
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from datetime import datetime, timedelta
from types import TracebackType
from typing import Any, Self, TypeVar

from tornado.httpserver import HTTPServer

from tests.sandbox.clock import Clock
from tests.sandbox.courier import Courier
from tests.sandbox.host import Host, Settings
from tests.sandbox.rules import Rules
from tests.sandbox.shell import Shell
from tests.sandbox.world import World

# A start or a question takes milliseconds; past this the thread is dead, and a test should say so instead of hanging.
_PATIENCE_SECONDS = 20.0
# A burst of new connections waits here; a load test opens a few hundred at once.
_BACKLOG = 1024

Given = TypeVar("Given")


async def serve(host: Host, address: str, port: int, ready: Callable[[int], None], stop: asyncio.Event) -> None:
    """Serve until `stop` is set; `ready` is told the port once connections are taken."""
    courier = Courier(host)
    shell = Shell(host, courier)
    server = HTTPServer(shell)
    # Not tornado's bind_sockets: it leaves a socket open when the port is taken.
    listener = socket.create_server((address, port), family=socket.AF_INET6 if ":" in address else socket.AF_INET, backlog=_BACKLOG)
    listener.settimeout(0)  # tornado wants it non-blocking
    server.add_socket(listener)
    ready(listener.getsockname()[1])
    try:
        await stop.wait()
    finally:
        server.stop()
        shell.close()
        courier.close()
        await server.close_all_connections()


class Sandbox:
    """A sandbox in a thread, for as long as a `with` lasts: `with Sandbox(Rules(seed=7), speed=3600) as tavus: ...`."""

    def __init__(
        self,
        rules: Rules | None = None,
        *,
        speed: float = 1.0,
        epoch: datetime | None = None,
        keys: Mapping[str, Settings] | None = None,
        faults: Sequence[Settings] = (),
        address: str = "127.0.0.1",
        port: int = 0,
    ) -> None:
        """Take the rules, the clock, the accounts (any named key shuts strangers out) and a first fault script."""
        self._host = Host(rules or Rules(), Clock(speed, epoch), keys or {}, faults)
        self._address, self._port = address, port
        self._loop = asyncio.new_event_loop()
        self._stop = asyncio.Event()
        self._ready: Future[int] = Future()
        self._thread = threading.Thread(target=self._run, name="sandbox", daemon=True)

    def __enter__(self) -> Self:
        """Start, and return when connections are taken."""
        self._thread.start()
        self._port = self._ready.result(_PATIENCE_SECONDS)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """Stop, cut every connection, and wait for the thread."""
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(_PATIENCE_SECONDS)

    @property
    def origin(self) -> str:
        """`http://127.0.0.1:PORT`."""
        return f"http://{self._address}:{self._port}"

    @property
    def url(self) -> str:
        """The API's base URL, with /v2."""
        return f"{self.origin}/v2"

    @property
    def world(self) -> World:
        """The world itself. The server's thread changes it: read through `ask` whatever must agree with itself."""
        return self._host.world

    def picture(self, query: str = "") -> str:
        """The URL of a good headshot; the query makes it one of its own and may script the training (`sandbox_outcome=...`)."""
        return f"{self.origin}/headshot.jpg" + (f"?{query}" if query else "")

    def ledger(self) -> dict[str, Any]:
        """The ledger, as GET /_sandbox/ledger gives it."""
        return self._call(self._host.ledger)

    def ask(self, question: Callable[[World, datetime], Given]) -> Given:
        """Put a question to the settled world, on the server's own thread."""
        return self._call(lambda: question(*self._host.settled()))

    def set_faults(self, *lines: Settings) -> None:
        """Replace the fault script; none clears it."""
        self._call(lambda: self._host.set_faults(lines))

    def account(self, key: str, **settings: object) -> None:
        """Change an account: `training_credits`, `max_conversations`, `revoked`, ..."""
        self._call(lambda: self._host.world.accounts.change(key, settings))

    def advance(self, by: timedelta) -> None:
        """Let virtual time pass at once; what falls due happens, webhooks included."""
        self._call(lambda: self._host.clock.advance(by))

    def now(self) -> datetime:
        """The virtual time."""
        return self._call(self._host.clock.now)

    def reset(self) -> None:
        """Forget everything."""
        self._call(self._host.reset)

    def _call(self, act: Callable[[], Given]) -> Given:
        async def there() -> Given:
            given = act()
            self._host.settled()
            self._host.on_jump()
            return given

        return asyncio.run_coroutine_threadsafe(there(), self._loop).result(_PATIENCE_SECONDS)

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        try:
            self._loop.run_until_complete(serve(self._host, self._address, self._port, self._ready.set_result, self._stop))
        except BaseException as error:  # noqa: BLE001 - handed to the thread that waits for the start
            if not self._ready.done():
                self._ready.set_exception(error)
        finally:
            self._loop.close()
