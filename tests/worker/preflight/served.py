"""Pictures, a server on loopback, and the internet of a test. Nothing of preflight is replaced; only DNS and the internet behind it are ours."""

from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO
from struct import pack
from zlib import crc32

import httpcore
from PIL import Image
from typing_extensions import override

from worker.core.events import InputPassed, InputRejected, InputUnread
from worker.core.failures import Failure
from worker.core.request import Request
from worker.preflight import Limits, Preflight

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
PUBLIC = "93.184.216.34"
MOMENT = timedelta(seconds=0.25)  # enough for loopback, short enough to wait for
LOOPBACK = Limits(timeout=timedelta(seconds=5), allow_http=True, allow_private=True)
STRICT = Limits(timeout=timedelta(seconds=5), allow_http=True)
Verdict = InputPassed | InputRejected | InputUnread
Serve = Callable[[BaseHTTPRequestHandler], None]
Put = Callable[[Serve], str]
Make = Callable[[], bytes]
"""Makes a body. Tests are given that and not the body, which each of the processes that share the tests would make when it reads their files."""
HTML = b"\n <!doctype html><title>Sign in</title>" * 99


@cache
def picture(kind: str = "JPEG", size: tuple[int, int] = (640, 700), mode: str = "RGB", **how: bool) -> bytes:
    """A noisy picture, so that its bytes go on to the last row."""
    file = BytesIO()
    image = Image.effect_noise(size, 60).convert(mode)
    image.save(file, kind, append_images=[image] if kind == "MPO" else [], save_all=kind == "MPO", **how)
    return file.getvalue()


def ok(body: bytes) -> bytes:
    return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body


def png_header(width: int, height: int) -> bytes:
    chunk = b"IHDR" + pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + pack(">I", 13) + chunk + pack(">I", crc32(chunk)) + b"\0\0\0\0IEND\xaeB`\x82"


class Server(ThreadingHTTPServer):
    """A server on loopback; what it serves is put in by path. It remembers what it was asked."""

    daemon_threads = True
    request_queue_size = 64

    def __init__(self) -> None:
        self.serves: dict[str, Serve] = {}
        self.asked: list[tuple[str, Mapping[str, str]]] = []
        super().__init__(("127.0.0.1", 0), Handler)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    @override
    def handle_error(self, request: object, client_address: object) -> None:
        """A caller that hangs up is what many of these tests want."""


class Handler(BaseHTTPRequestHandler):
    """Hands the caller to what is served at the path."""

    server: Server

    def do_GET(self) -> None:
        self.server.asked.append((self.path, dict(self.headers)))
        self.server.serves[self.path.partition("?")[0]](self)

    @override
    def log_message(self, format: str, *args: object) -> None:
        """Silent."""


def answer(body: bytes = b"", status: int = 200, **headers: str) -> Serve:
    def serve(handler: BaseHTTPRequestHandler) -> None:
        lines = {"Content-Length": str(len(body)), "Connection": "close"} | {k.replace("_", "-"): v for k, v in headers.items()}
        head = f"HTTP/1.1 {status} Status\r\n" + "".join(f"{k}: {v}\r\n" for k, v in lines.items() if v)
        handler.wfile.write(head.encode() + b"\r\n" + body)
        handler.close_connection = True

    return serve


def redirect(location: str, status: int = 302) -> Serve:
    return answer(status=status, Location=location)


class Internet(httpcore.NetworkBackend):
    """The internet of a test: remembers who was dialled, and everybody in it is the one server on loopback."""

    def __init__(self, port: int = 0) -> None:
        self.dialled: list[str] = []
        self._port = port

    @override
    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.NetworkStream:
        self.dialled.append(host)
        return httpcore.SyncBackend().connect_tcp("127.0.0.1", self._port, timeout)


def check(url: str, limits: Limits = LOOPBACK, field: str = "train_image_url") -> Verdict:
    return Preflight(limits).check(Request(replica={field: url}), NOW)


def rejection(verdict: Verdict) -> Failure:
    assert isinstance(verdict, InputRejected), verdict
    assert verdict.detail.endswith("."), "what to do is a sentence"
    return verdict.failure


def detail(verdict: Verdict) -> str:
    assert not isinstance(verdict, InputPassed)
    return verdict.detail
