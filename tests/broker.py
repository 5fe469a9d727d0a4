"""A real Valkey for whoever tests with one: the server that `replicas run` starts, emptied for each who asks."""

import base64
import json
import shutil
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any, Self

from redis import Redis
from redis.exceptions import RedisError

from scheduler.stack.broker import Embedded
from scheduler.stack.ports import free_port

_PATIENCE_SECONDS = 20.0  # a busy host; it answers within a tenth of a second otherwise


class Broker:
    """A server of this test session on a loopback port, from its start to `stop`."""

    def __init__(self) -> None:
        """Start nothing yet."""
        self._folder = Path(tempfile.mkdtemp(prefix="broker-"))
        self.port = free_port()
        self.url = f"redis://127.0.0.1:{self.port}/0"
        # Bounded: a broker that hangs is to be a failed test and not a silent one.
        self.client = Redis(port=self.port, socket_timeout=_PATIENCE_SECONDS)

    def start(self) -> Self:
        """Start it, or start it again on what it kept. Returns when it answers."""
        command = Embedded.under(self._folder).program.command.replace("--port 0", f"--port {self.port} --bind 127.0.0.1")
        self._process = subprocess.Popen(["sh", "-c", command], stdout=subprocess.DEVNULL)
        until = time.monotonic() + _PATIENCE_SECONDS
        while not self._answers():
            if time.monotonic() > until:
                raise TimeoutError
            time.sleep(0.01)
        return self

    def halt(self) -> None:
        """End the server; `start` brings it back."""
        self._process.kill()
        self._process.wait()

    def stop(self) -> None:
        """End it, and leave nothing behind."""
        self.client.close()
        self.halt()
        shutil.rmtree(self._folder, ignore_errors=True)

    @property
    def process_id(self) -> int:
        """The server's own: the shell that started it has become it."""
        return self._process.pid

    def waiting(self, queue: str) -> int:
        """Messages in the queue."""
        return int(self.client.llen(queue))

    def names(self) -> list[str]:
        """Everything that it holds, by name."""
        return [str(key, "utf-8") for key in self.client.scan_iter()]

    def messages(self, queue: str) -> list[dict[str, Any]]:
        """The messages in the queue, oldest first; `arguments` holds what stands in the body."""
        raw = [json.loads(message) for message in reversed(self.client.lrange(queue, 0, -1))]
        return [message | {"arguments": json.loads(base64.b64decode(message["body"]))[:2]} for message in raw]

    def _answers(self) -> bool:
        try:
            return bool(self.client.ping())
        except RedisError:
            return False
