"""A caller's own server on loopback: verifies what it is told as Standard Webhooks' library does, and remembers it. It asserts nothing."""

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from standardwebhooks import Webhook, WebhookVerificationError
from typing_extensions import override

Decide = Callable[[int, str], int]
"""The number of the request, from 1, and its `webhook-id` in; the status that it is answered with out."""


@dataclass(frozen=True)
class Told:
    """A request that came in. `document` None: the verifier refused it, for the reason in `refused`."""

    headers: Mapping[str, str]
    body: bytes
    status: int
    document: Any
    refused: str | None = None

    @property
    def id(self) -> str:
        """Its `webhook-id`."""
        return self.headers.get("webhook-id", "")


class Receiver(ThreadingHTTPServer):
    """What it is told is in `told`. `again`: ids that it had accepted before, by its memory. `decide`: how it answers what is verified."""

    daemon_threads = True
    request_queue_size = 64

    def __init__(self) -> None:
        self.secret: str | None = None
        self.decide: Decide = lambda _number, _id: 204
        self.headers: dict[str, str] = {}
        self.told: list[Told] = []
        self.accepted: set[str] = set()
        self.again: list[str] = []
        self.lock = threading.Lock()
        super().__init__(("127.0.0.1", 0), _Handler)

    @property
    def url(self) -> str:
        """Where notifications go, with a query that nobody else may see."""
        return f"http://127.0.0.1:{self.server_port}/told?token=S3CRETs3cret0123"

    def hear(self, headers: Mapping[str, str], body: bytes) -> int:
        """Take one in; the status that it is answered with."""
        document, refused = self._verified(headers, body)
        with self.lock:
            status = 401 if refused else self.decide(len(self.told) + 1, headers.get("webhook-id", ""))
            told = Told(headers, body, status, document, refused)
            self.told.append(told)
            if 200 <= status < 300:
                if told.id in self.accepted:
                    self.again.append(told.id)
                self.accepted.add(told.id)
        return status

    def _verified(self, headers: Mapping[str, str], body: bytes) -> tuple[Any, str | None]:
        if self.secret is None:
            return None, None
        try:
            return Webhook(self.secret).verify(body, dict(headers)), None
        except WebhookVerificationError as error:
            return None, str(error)

    @override
    def handle_error(self, request: object, client_address: object) -> None:
        """A caller that hangs up is what some of these tests want."""


class _Handler(BaseHTTPRequestHandler):
    server: Receiver

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        status = self.server.hear({name.lower(): value for name, value in self.headers.items()}, body)
        self.send_response(status)
        for name, value in self.server.headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", "0")
        self.end_headers()

    @override
    def log_message(self, format: str, *args: object) -> None:
        """Silent."""


@contextmanager
def receiving() -> Iterator[Receiver]:
    """A receiver, for as long as a `with` lasts."""
    with Receiver() as one:
        threading.Thread(target=one.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        yield one
        one.shutdown()
