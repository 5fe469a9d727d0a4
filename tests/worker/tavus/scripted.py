"""A server on loopback that answers by script, for what the sandbox never says. It knows nothing of Tavus; it remembers what it was asked."""

import json
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qsl, urlsplit

from typing_extensions import override

Line = Callable[[BaseHTTPRequestHandler], None]


@dataclass(frozen=True)
class Asked:
    """One request, as it arrived."""

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def path(self) -> str:
        return urlsplit(self.target).path

    @property
    def query(self) -> dict[str, str]:
        return dict(parse_qsl(urlsplit(self.target).query))

    @property
    def json(self) -> Any:  # noqa: ANN401 - JSON
        return json.loads(self.body)


@dataclass(frozen=True)
class Said:
    """One answer. `line`: writes what it likes on the connection instead, which is closed after that."""

    status: int = 200
    body: object = None
    headers: Mapping[str, str] = field(default_factory=dict)
    line: Line | None = None


Script = Callable[[Asked], Said]


def in_turn(*answers: Said) -> Script:
    """The answers one after another; the last one for ever."""
    left = list(answers)
    return lambda _: left.pop(0) if len(left) > 1 else left[0]


class Scripted:
    """The server, for as long as a `with` lasts. `asked`: every request that arrived, whether or not it was answered."""

    def __init__(self, script: Script | Said) -> None:
        self.asked: list[Asked] = []
        answer: Script = (lambda _: script) if isinstance(script, Said) else script
        self._server = _Server(("127.0.0.1", 0), _handler(answer, self.asked))
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)

    def __enter__(self) -> Self:
        """Start."""
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """Stop."""
        self._server.shutdown()
        self._server.server_close()

    @property
    def origin(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    @property
    def url(self) -> str:
        return f"{self.origin}/v2"


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    @override
    def handle_error(self, request: object, client_address: object) -> None:
        """Whoever hangs up in the middle is what is tested here."""


def _handler(script: Script, asked: list[Asked]) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True  # or the body waits 40 ms for the head's acknowledgement

        def _serve(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length", 0)))
            one = Asked(self.command, self.path, {name.lower(): value for name, value in self.headers.items()}, body)
            asked.append(one)
            said = script(one)
            if said.line is not None:
                self.close_connection = True
                said.line(self)
                return
            content = said.body if isinstance(said.body, bytes) else b"" if said.body is None else json.dumps(said.body).encode()
            self.send_response(said.status)
            for name, value in said.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = do_PATCH = do_DELETE = do_CONNECT = _serve  # noqa: N815 - http.server's own names

        @override
        def log_message(self, format: str, *args: object) -> None:
            """Say nothing."""

    return Handler
