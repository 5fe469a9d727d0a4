"""Sends the webhooks when they fall due. It keeps the only timer, tries each once, and never asks whether it was understood."""

import asyncio
import json
from datetime import datetime

from tornado.httpclient import AsyncHTTPClient

from tests.sandbox.callback import Callback
from tests.sandbox.host import Host

# A receiver that takes longer has failed; what the vendor's own patience is, is not known.
_PATIENCE_SECONDS = 5.0
# A receiver on one machine is not asked to take more than this at once.
_AT_ONCE = 20


class Courier:
    """A timer that sleeps until the world's next appointment, so that an idle sandbox costs nothing."""

    def __init__(self, host: Host) -> None:
        """Begin with nothing to do; to be made on the running loop."""
        self._host = host
        self._loop = asyncio.get_running_loop()
        self._client = AsyncHTTPClient(force_instance=True, max_clients=_AT_ONCE)
        self._timer: asyncio.TimerHandle | None = None
        self._armed_for: datetime | None = None
        self._on_the_way: set[asyncio.Task[None]] = set()
        host.on_jump = self.jumped

    def look(self) -> None:
        """Send what is due and set the timer for what comes next. Cheap when neither has changed."""
        world = self._host.world
        if world.outbox:
            for callback in world.take_callbacks():
                task = self._loop.create_task(self._send(callback))
                self._on_the_way.add(task)
                task.add_done_callback(self._on_the_way.discard)
        if world.agenda.next_at != self._armed_for:
            self._arm()

    def jumped(self) -> None:
        """Look again after the clock has been moved or the world replaced: the timer that was set means nothing now."""
        self._armed_for = None
        self._arm()
        self.look()

    def close(self) -> None:
        """Send nothing more."""
        if self._timer is not None:
            self._timer.cancel()
        for task in self._on_the_way:
            task.cancel()
        self._client.close()

    def _arm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        next_at = self._host.world.agenda.next_at
        self._armed_for = next_at
        self._timer = self._loop.call_later(self._host.clock.real_seconds_until(next_at), self._wake) if next_at is not None else None

    def _wake(self) -> None:
        self._armed_for = None
        self._host.settled()
        self.look()

    async def _send(self, callback: Callback) -> None:
        ledger = self._host.world.ledger
        ledger.callbacks["sent"] += 1
        try:
            await self._client.fetch(
                callback.url,
                method="POST",
                headers={"Content-Type": "application/json"},
                body=json.dumps(dict(callback.body)),
                request_timeout=_PATIENCE_SECONDS,
                connect_timeout=_PATIENCE_SECONDS,
            )
        except Exception:  # noqa: BLE001 - whatever a receiver does wrong, down to a URL that is none, is only counted
            ledger.callbacks["undelivered"] += 1
