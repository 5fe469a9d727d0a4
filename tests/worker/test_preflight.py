"""Preflight's promises, kept over real HTTP on loopback. It may not replace any part of preflight; only DNS and the internet behind it are ours."""

import gc
import ssl
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO
from socket import gaierror
from struct import pack
from zlib import crc32

import httpcore
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from typing_extensions import override

from worker.addresses import system_addresses
from worker.core.events import InputPassed, InputRejected, InputUnread
from worker.core.failures import Failure
from worker.core.job import Request
from worker.preflight import Limits, Preflight

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
PUBLIC = "93.184.216.34"
MOMENT = timedelta(seconds=0.25)  # enough for loopback, short enough to wait for
LOOPBACK = Limits(timeout=timedelta(seconds=5), allow_http=True, allow_private=True)
STRICT = Limits(timeout=timedelta(seconds=5), allow_http=True)
Verdict = InputPassed | InputRejected | InputUnread
Serve = Callable[[BaseHTTPRequestHandler], None]


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


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with Server() as served:
        threading.Thread(target=served.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        yield served
        served.shutdown()


@pytest.fixture
def serve(server: Server) -> Callable[[Serve], str]:
    """Puts something at an address of its own, and says where."""

    def put(what: Serve) -> str:
        path = f"/{len(server.serves)}/head.jpg"
        server.serves[path] = what
        return server.url + path

    return put


Put = Callable[[Serve], str]


def check(url: str, limits: Limits = LOOPBACK, field: str = "train_image_url") -> Verdict:
    return Preflight(limits).check(Request(replica={field: url}), NOW)


def rejection(verdict: Verdict) -> Failure:
    assert isinstance(verdict, InputRejected), verdict
    assert verdict.detail.endswith("."), "what to do is a sentence"
    return verdict.failure


def detail(verdict: Verdict) -> str:
    assert not isinstance(verdict, InputPassed)
    return verdict.detail


# What passes


@pytest.mark.parametrize(
    "body",
    [
        picture(),
        picture(mode="L"),
        picture(mode="CMYK"),
        picture(progressive=True),
        picture(mode="CMYK", progressive=True),
        picture("MPO"),
        picture("PNG"),
        picture("PNG", mode="P"),
        picture("PNG", mode="RGBA"),
        picture("PNG", mode="I;16"),
        picture(size=(512, 512)),
        picture() + b"\xff\xda\0\2" * 50_000,
    ],
    ids=[
        "jpeg",
        "grey",
        "cmyk",
        "progressive",
        "cmyk progressive",
        "two pictures",
        "png",
        "palette",
        "alpha",
        "16 bit",
        "smallest",
        "tail",
    ],
)
def test_a_jpg_or_png_of_any_make_passes(serve: Put, body: bytes) -> None:
    assert check(serve(answer(body, Content_Type="application/octet-stream"))) == InputPassed()


def test_it_is_the_bytes_that_count_and_not_what_the_server_calls_them(serve: Put) -> None:
    assert check(serve(answer(picture("PNG"), Content_Type="image/webp"))) == InputPassed()


def test_a_body_without_a_length_passes(serve: Put) -> None:
    chunks = b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in (picture()[:1000], picture()[1000:])) + b"0\r\n\r\n"
    assert check(serve(answer(chunks, Content_Length="", Transfer_Encoding="chunked"))) == InputPassed()
    assert check(serve(answer(picture(), Content_Length=""))) == InputPassed()


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirects_are_followed(serve: Put, status: int) -> None:
    url = serve(answer(picture()))
    for _ in range(3):
        url = serve(redirect(url, status))
    assert check(url) == InputPassed()


def test_a_relative_redirect_is_followed(serve: Put) -> None:
    path = serve(answer(picture())).partition("/")[2].partition("/")[2].partition("/")[2]
    assert check(serve(redirect(f"/{path}?size=large"))) == InputPassed()


def test_the_picture_is_fetched_once_by_a_plain_get_that_says_who_asks(server: Server, serve: Put) -> None:
    url = serve(answer(picture()))
    server.asked.clear()
    assert check(f"{url}?a=%2F+b~%20&b#fragment") == InputPassed()
    ((path, headers),) = server.asked
    assert server.url + path == f"{url}?a=%2F+b~%20&b"
    assert set(headers) == {"Host", "Accept", "Accept-Encoding", "User-Agent"}
    assert headers["Host"] == server.url.removeprefix("http://")
    assert headers["Accept-Encoding"] == "identity"
    assert "webp" not in headers["Accept"]
    assert "replica-worker" in headers["User-Agent"]


def test_an_ipv6_address_is_named_in_brackets(server: Server, serve: Put) -> None:
    path = serve(answer(picture())).removeprefix(server.url)
    server.asked.clear()
    preflight = Preflight(STRICT, network=Internet(server.server_port))
    assert preflight.check(Request(replica={"train_image_url": f"http://[2606:4700::1111]:81{path}"}), NOW) == InputPassed()
    assert server.asked[0][1]["Host"] == "[2606:4700::1111]:81"


def test_no_proxy_of_the_environment_is_used(serve: Put, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    assert check(serve(answer(picture()))) == InputPassed()


def test_one_preflight_serves_many_threads(serve: Put) -> None:
    good, gone, small = serve(answer(picture())), serve(answer(status=404)), serve(answer(picture(size=(100, 100))))
    expected = {good: None, gone: Failure.IMAGE_NOT_FOUND, small: Failure.IMAGE_TOO_SMALL}
    preflight = Preflight(LOOPBACK)

    def look(url: str) -> bool:
        verdict = preflight.check(Request(replica={"train_image_url": url}), NOW)
        return getattr(verdict, "failure", None) == expected[url] and not isinstance(verdict, InputUnread)

    with ThreadPoolExecutor(12) as pool:
        assert all(pool.map(look, [good, gone, small] * 20))
    preflight.close()


def test_a_closed_preflight_holds_nothing_and_can_be_closed_again() -> None:
    preflight = Preflight(LOOPBACK)
    preflight.close()
    preflight.close()


# What is refused


def test_there_must_be_something_to_look_at() -> None:
    assert rejection(Preflight(LOOPBACK).check(Request(replica={"voice_id": "v"}), NOW)) is Failure.URL_NOT_ALLOWED


@pytest.mark.parametrize("status", [300, 304, 400, 401, 403, 404, 410, 418, 451, 499])
def test_an_answer_that_will_not_change_is_not_found(serve: Put, status: int) -> None:
    verdict = check(serve(answer(picture(), status)))
    assert rejection(verdict) is Failure.IMAGE_NOT_FOUND
    assert f"answers {status}" in detail(verdict)


@pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503, 504, 599, 999])
def test_an_answer_that_may_change_teaches_nothing(serve: Put, status: int) -> None:
    assert isinstance(check(serve(answer(picture(), status))), InputUnread)


HTML = b"\n <!doctype html><title>Sign in</title>" * 99
FORMATS = {
    "a GIF": picture("GIF", mode="P"),
    "a WebP": picture("WEBP"),
    "a HEIC": b"\0\0\0\x18ftypheic" + bytes(999),
    "an AVIF": b"\0\0\0\x18ftypavif" + bytes(999),
    "a video": b"\0\0\0\x18ftypisom" + bytes(999),
    "a web page": HTML,
    "a PDF": b"%PDF-1.7\n" + bytes(999),
    "gzip": b"\x1f\x8b\x08" + bytes(999),
    "empty": b"",
    "something else": picture("BMP"),
}


@pytest.mark.parametrize(("name", "body"), FORMATS.items(), ids=FORMATS)
def test_what_is_neither_jpg_nor_png_is_refused_by_name_whatever_it_is_called(serve: Put, name: str, body: bytes) -> None:
    verdict = check(serve(answer(body, Content_Type="image/jpeg")))
    assert rejection(verdict) is Failure.IMAGE_FORMAT
    assert name in detail(verdict)


@pytest.mark.parametrize("size", [(511, 512), (512, 511), (1, 1), (900, 511), (100, 100)])
@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
def test_a_picture_under_512_pixels_on_either_side_is_too_small(serve: Put, kind: str, size: tuple[int, int]) -> None:
    verdict = check(serve(answer(picture(kind, size))))
    assert rejection(verdict) is Failure.IMAGE_TOO_SMALL
    assert f"{size[0]}x{size[1]}" in detail(verdict)


@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
@pytest.mark.parametrize("size", [(60_000, 60_000), (12_000, 12_000), (8161, 6372), (2**31 - 1, 2**31 - 1)])
def test_a_small_file_of_a_huge_picture_is_refused_before_a_pixel_is_decoded(serve: Put, size: tuple[int, int]) -> None:
    assert rejection(check(serve(answer(png_header(*size))))) is Failure.IMAGE_TOO_LARGE


@pytest.mark.filterwarnings("error")
def test_a_bomb_is_refused_where_warnings_are_errors_too(serve: Put) -> None:
    assert rejection(check(serve(answer(png_header(12_000, 12_000))))) is Failure.IMAGE_TOO_LARGE
    gc.collect()  # and nothing is left open: a ResourceWarning would be an error here


def test_the_largest_picture_of_a_phone_is_not_a_bomb(serve: Put) -> None:
    assert rejection(check(serve(answer(png_header(8160, 6144))))) is Failure.IMAGE_DAMAGED  # it has no pixels: its size was accepted


def test_a_jpeg_that_would_wear_the_decoder_out_is_refused_at_once(serve: Put) -> None:
    body = picture(size=(900, 900), mode="L", progressive=True)
    scan = body[body.rfind(b"\xff\xda") : -2]
    hidden = b"\xff\x01\xff\x00\xff\xd0" + scan[:12] + b"\0"  # behind markers that have no length
    for bomb in (body[:-2] + scan[:64] * 5000 + b"\xff\xd9", body[:-2] + hidden * 5000 + b"\xff\xd9"):
        begun = time.monotonic()
        verdict = check(serve(answer(bomb)))
        assert rejection(verdict) is Failure.IMAGE_DAMAGED
        assert "scans" in detail(verdict)
        assert time.monotonic() - begun < 1


JPEG, PNG = picture(), picture("PNG")
PADDED = {
    "jpeg of comments": JPEG[:2] + b"\xff\xfe\0\2" * 2_000_000 + JPEG[2:],
    "jpeg of fill bytes": JPEG[:2] + b"\xff" * 8_000_000 + JPEG[2:],
    "png of chunks": PNG[:33] + (b"\0\0\0\0prIv" + pack(">I", crc32(b"prIv"))) * 1_000_000 + PNG[33:],
}


@pytest.mark.parametrize("body", PADDED.values(), ids=PADDED)
def test_a_picture_that_is_nothing_but_headers_is_left_in_time(body: bytes) -> None:
    preflight = Preflight(Limits(timeout=MOMENT, allow_http=True), resolve=lambda *_: [PUBLIC], network=httpcore.MockBackend([ok(body)]))
    begun = time.monotonic()
    verdict = preflight.check(Request(replica={"train_image_url": "http://a.example/"}), NOW)
    assert isinstance(verdict, InputUnread)
    assert "to decode" in verdict.detail
    assert time.monotonic() - begun < 1.5


@pytest.mark.parametrize("part", [0.01, 0.3, 0.9, 0.99])
@pytest.mark.parametrize("body", [picture(), picture(progressive=True), picture("PNG")], ids=["jpeg", "progressive", "png"])
def test_a_truncated_picture_is_damaged(serve: Put, body: bytes, part: float) -> None:
    assert rejection(check(serve(answer(body[: int(len(body) * part)])))) is Failure.IMAGE_DAMAGED


@pytest.mark.parametrize("body", [JPEG[:20], PNG[:20]], ids=["jpeg", "png"])
def test_a_picture_cut_in_its_header_is_damaged_and_not_of_another_format(serve: Put, body: bytes) -> None:
    assert rejection(check(serve(answer(body)))) is Failure.IMAGE_DAMAGED


def test_a_length_that_promises_less_than_the_picture_leaves_it_damaged(serve: Put) -> None:
    assert rejection(check(serve(answer(picture(), Content_Length="9999")))) is Failure.IMAGE_DAMAGED


def test_a_transfer_that_is_cut_teaches_nothing(serve: Put) -> None:
    assert isinstance(check(serve(answer(picture(), Content_Length=str(len(picture()) + 1)))), InputUnread)


SMALL = Limits(timeout=timedelta(seconds=5), max_bytes=len(picture()), allow_http=True, allow_private=True)


def test_a_file_is_as_large_as_it_may_be(serve: Put) -> None:
    assert check(serve(answer(picture())), SMALL) == InputPassed()
    for body in (answer(picture() + b"\0"), answer(picture() + b"\0", Content_Length="")):
        assert rejection(check(serve(body), SMALL)) is Failure.IMAGE_TOO_LARGE


@pytest.mark.parametrize("length", ["26214401", "9" * 18, "9" * 20])
def test_a_file_that_says_it_is_too_large_is_not_downloaded(serve: Put, length: str) -> None:
    assert rejection(check(serve(answer(b"only the beginning", Content_Length=length)))) is Failure.IMAGE_TOO_LARGE


def test_a_file_that_never_ends_is_left(serve: Put) -> None:
    def pour(handler: BaseHTTPRequestHandler) -> None:
        handler.wfile.write(b"HTTP/1.1 200 OK\r\n\r\n" + picture())
        while True:
            handler.wfile.write(bytes(65536))

    assert rejection(check(serve(pour))) is Failure.IMAGE_TOO_LARGE


# Time


def drip(handler: BaseHTTPRequestHandler) -> None:
    handler.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 9999999\r\n\r\n")
    for byte in picture():
        handler.wfile.write(bytes([byte]))
        time.sleep(0.02)


def hang(_handler: BaseHTTPRequestHandler) -> None:
    time.sleep(5)


@pytest.mark.parametrize("what", [drip, hang])
def test_a_server_that_drips_or_hangs_teaches_nothing_and_costs_no_more_than_the_timeout(serve: Put, what: Serve) -> None:
    begun = time.monotonic()
    verdict = check(serve(what), Limits(timeout=MOMENT, allow_http=True, allow_private=True))
    assert isinstance(verdict, InputUnread)
    assert "in time" in verdict.detail
    assert 0.2 < time.monotonic() - begun < 2


def test_the_timeout_is_for_all_redirects_together(serve: Put) -> None:
    def slowly(then: Serve) -> Serve:
        def wait(handler: BaseHTTPRequestHandler) -> None:
            time.sleep(0.1)
            then(handler)

        return wait

    url = serve(slowly(redirect(serve(slowly(redirect(serve(slowly(answer(picture())))))))))
    assert isinstance(check(url, Limits(timeout=MOMENT, allow_http=True, allow_private=True)), InputUnread)
    assert check(url) == InputPassed()


def test_a_server_that_is_not_there_or_talks_nonsense_teaches_nothing(serve: Put) -> None:
    def nonsense(handler: BaseHTTPRequestHandler) -> None:
        handler.wfile.write(b"220 smtp.example ESMTP\r\n")

    def silence(handler: BaseHTTPRequestHandler) -> None:
        handler.close_connection = True

    assert isinstance(check("http://127.0.0.1:1/head.jpg"), InputUnread)
    assert isinstance(check(serve(nonsense)), InputUnread)
    assert isinstance(check(serve(silence)), InputUnread)
    assert isinstance(check(serve(answer(picture(), Content_Length="many"))), InputUnread)


def test_a_server_without_tls_behind_an_https_address_teaches_nothing(serve: Put) -> None:
    assert isinstance(check(serve(answer(picture())).replace("http:", "https:")), InputUnread)


def test_a_name_that_does_not_resolve_teaches_nothing() -> None:
    def unknown(_host: str, _port: int) -> list[str]:
        raise gaierror

    verdict = Preflight(STRICT, resolve=unknown).check(Request(replica={"train_image_url": "https://nobody.example/a.jpg"}), NOW)
    assert isinstance(verdict, InputUnread)


# Redirects


def test_a_redirect_loop_ends(server: Server, serve: Put) -> None:
    path = f"/{len(server.serves)}/head.jpg"
    url = serve(redirect(path))
    server.asked.clear()
    assert rejection(check(url)) is Failure.IMAGE_NOT_FOUND
    assert len(server.asked) == 1 + LOOPBACK.max_redirects


def test_a_redirect_without_a_target_is_not_found(serve: Put) -> None:
    verdict = check(serve(answer(status=302)))
    assert rejection(verdict) is Failure.IMAGE_NOT_FOUND
    assert "answers 302" in detail(verdict)


@pytest.mark.parametrize(
    "target", ["ftp://a.example/x", "file:///etc/passwd", "javascript:alert(1)", "http://[::1", "http://ann:pw@a.example/"]
)
def test_a_redirect_to_what_is_no_plain_address_is_refused(serve: Put, target: str) -> None:
    assert rejection(check(serve(redirect(target)))) is Failure.URL_NOT_ALLOWED


class Secured(httpcore.MockBackend):
    """An internet that answers by a script and remembers what TLS it was asked for."""

    asked: list[tuple[str | None, bool, ssl.VerifyMode]]

    @override
    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.NetworkStream:
        asked = self.asked = []

        class Stream(httpcore.MockStream):
            @override
            def start_tls(
                self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
            ) -> httpcore.NetworkStream:
                asked.append((server_hostname, ssl_context.check_hostname, ssl_context.verify_mode))
                return self

        return Stream(list(self._buffer))


def over_tls(raw: bytes) -> tuple[Verdict, Secured]:
    network = Secured([raw])
    preflight = Preflight(Limits(), resolve=lambda *_: [PUBLIC], network=network)
    return preflight.check(Request(replica={"train_image_url": "https://pictures.example/a.jpg"}), NOW), network


def test_the_certificate_must_be_valid_and_for_the_name_in_the_address() -> None:
    verdict, network = over_tls(ok(picture()))
    assert verdict == InputPassed()
    assert network.asked == [("pictures.example", True, ssl.CERT_REQUIRED)]


def test_a_redirect_out_of_https_is_refused_and_not_followed(server: Server, serve: Put) -> None:
    target = serve(answer(picture()))
    server.asked.clear()
    verdict, _ = over_tls(f"HTTP/1.1 302 Found\r\nLocation: {target}\r\nContent-Length: 0\r\n\r\n".encode())
    assert rejection(verdict) is Failure.URL_NOT_ALLOWED
    assert server.asked == []


# Presigned addresses


@pytest.mark.parametrize("life", [timedelta(hours=24), timedelta(days=7)])
def test_a_presigned_address_that_lives_long_enough_passes(serve: Put, life: timedelta) -> None:
    assert check(f"{serve(answer(picture()))}?Expires={int((NOW + life).timestamp())}&Signature=s3cr3t") == InputPassed()


@pytest.mark.parametrize("life", [timedelta(hours=24, seconds=-1), timedelta(0), timedelta(days=-1)])
def test_a_presigned_address_that_dies_too_soon_is_refused_before_it_is_fetched(server: Server, serve: Put, life: timedelta) -> None:
    url = serve(answer(picture()))
    server.asked.clear()
    assert rejection(check(f"{url}?Expires={int((NOW + life).timestamp())}&Signature=s3cr3t")) is Failure.URL_EXPIRES_TOO_SOON
    assert server.asked == []


def test_a_presigned_address_whose_expiry_cannot_be_read_is_refused(serve: Put) -> None:
    assert rejection(check(f"{serve(answer(picture()))}?Expires=soon&Signature=s3cr3t")) is Failure.URL_EXPIRES_TOO_SOON


def test_a_lasting_address_may_redirect_to_one_that_is_signed_anew_for_each_visitor(serve: Put) -> None:
    target = f"{serve(answer(picture()))}?Expires={int(NOW.timestamp()) + 300}&Signature=ab"
    assert check(serve(redirect(target))) == InputPassed()


# Videos


@pytest.mark.parametrize("field", ["train_video_url", "consent_video_url"])
def test_a_video_is_asked_for_but_not_downloaded(serve: Put, field: str) -> None:
    def endless(handler: BaseHTTPRequestHandler) -> None:
        handler.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 999999999999\r\n\r\n")
        time.sleep(5)

    begun = time.monotonic()
    assert check(serve(endless), field=field) == InputPassed()
    assert time.monotonic() - begun < 2


def test_each_video_is_held_to_the_same_rules_as_a_picture(serve: Put) -> None:
    good = serve(answer(b"video"))
    bad = {
        serve(answer(status=404)): Failure.IMAGE_NOT_FOUND,
        f"{good}?Expires=1&Signature=ab": Failure.URL_EXPIRES_TOO_SOON,
        "ftp://videos.example/a.mp4": Failure.URL_NOT_ALLOWED,
    }
    for url, failure in bad.items():
        for request in ({"train_video_url": url}, {"train_video_url": good, "consent_video_url": url}):
            assert rejection(Preflight(LOOPBACK).check(Request(replica=request), NOW)) is failure
    assert rejection(check(good, Limits(allow_http=True), "train_video_url")) is Failure.ADDRESS_NOT_ALLOWED


# Hostile addresses

URL, ADDRESS = Failure.URL_NOT_ALLOWED, Failure.ADDRESS_NOT_ALLOWED
NAMES = {
    "pictures.example": [PUBLIC],
    "localhost": ["::1", "127.0.0.1"],
    "localhost.": ["127.0.0.1"],
    "metadata.google.internal": ["169.254.169.254"],
    "kubernetes.default.svc": ["10.96.0.1"],
    "redis": ["172.18.0.2"],
    "127.0.0.1.nip.io": ["127.0.0.1"],
    "half.example": [PUBLIC, "192.168.1.1"],
    "mapped.example": ["::ffff:169.254.169.254"],
    "zoned.example": ["fe80::1%eth0"],
    "xn--bcher-kva.example": ["10.0.0.1"],
}
HOSTILE = {
    # Numbers in every notation
    "http://127.0.0.1/": ADDRESS,
    "http://127.0.0.1:6379/": ADDRESS,
    "http://127.1/": ADDRESS,
    "http://127.0.1/": ADDRESS,
    "http://2130706433/": ADDRESS,
    "http://2852039166/latest/meta-data/": ADDRESS,
    "http://017700000001/": ADDRESS,
    "http://0x7f000001/": ADDRESS,
    "http://0x7f.0x0.0x0.0x1/": ADDRESS,
    "http://0x7F.1/": ADDRESS,
    "http://0177.0.0.01/": URL,
    "http://0/": ADDRESS,
    "http://0.0.0.0/": ADDRESS,
    "http://169.254.169.254/latest/meta-data/iam/": ADDRESS,
    "http://0xa9fea9fe/": ADDRESS,
    "http://168.63.129.16/metadata": ADDRESS,
    "http://192.0.0.192/opc/v2/": ADDRESS,
    "http://100.100.100.200/": ADDRESS,
    "http://10.0.0.1/": ADDRESS,
    "http://172.16.0.1/": ADDRESS,
    "http://192.168.0.1/": ADDRESS,
    "http://224.0.0.1/": ADDRESS,
    "http://255.255.255.255/": ADDRESS,
    "http://127。0。0。1/": ADDRESS,
    "http://①②⑦.⓪.⓪.①/": URL,
    "http://127%2e0%2e0%2e1/": URL,
    "http://127.0.0.1%00.pictures.example/": URL,
    # IPv6
    "http://[::1]/": ADDRESS,
    "http://[::]/": ADDRESS,
    "http://[0:0:0:0:0:0:0:1]:8080/": ADDRESS,
    "http://[::ffff:127.0.0.1]/": ADDRESS,
    "http://[::ffff:a9fe:a9fe]/": ADDRESS,
    "http://[::127.0.0.1]/": ADDRESS,
    "http://[64:ff9b::169.254.169.254]/": ADDRESS,
    "http://[2002:7f00:1::]/": ADDRESS,
    "http://[2001:0:4136:e378:8000:63bf:3fff:fdd2]/": ADDRESS,
    "http://[fd00:ec2::254]/": ADDRESS,
    "http://[fe80::1]/": ADDRESS,
    "http://[fe80::1%25eth0]/": URL,
    "http://[ff02::1]/": ADDRESS,
    "http://[::1": URL,
    # Names
    "http://localhost/": ADDRESS,
    "http://LOCALHOST/": ADDRESS,
    "http://localhost./": ADDRESS,
    "http://metadata.google.internal/computeMetadata/v1/": ADDRESS,
    "http://kubernetes.default.svc/": ADDRESS,
    "http://redis:6379/": ADDRESS,
    "http://127.0.0.1.nip.io/": ADDRESS,
    "http://half.example/": ADDRESS,
    "http://mapped.example/": ADDRESS,
    "http://zoned.example/": ADDRESS,
    "http://bücher.example/": ADDRESS,
    # Who is the host?
    "http://pictures.example@127.0.0.1/": URL,
    "http://pictures.example:80@127.0.0.1/": URL,
    "http://127.0.0.1@pictures.example/": URL,
    "http://ann:pw@pictures.example/": URL,
    "http://pictures.example%40127.0.0.1/": URL,
    "http://127.0.0.1#@pictures.example/": ADDRESS,
    "http://127.0.0.1?@pictures.example/": ADDRESS,
    "http://127.0.0.1/@pictures.example/": ADDRESS,
    "http://127.0.0.1;pictures.example/": URL,
    "http://pictures.example\\@127.0.0.1/": URL,
    "http://./": URL,
    "http://a..example/": URL,
    "http://pictures.example:0/": URL,
    "http://pictures.example:99999/": URL,
    "http://pictures.example:22x/": URL,
    f"http://{'a' * 64}.example/": URL,
    # Other schemes
    "gopher://127.0.0.1:6379/_FLUSHALL": URL,
    "file:///etc/passwd": URL,
    "file://pictures.example/etc/passwd": URL,
    "ftp://pictures.example/a.jpg": URL,
    "dict://127.0.0.1:11211/stats": URL,
    "ldap://127.0.0.1/": URL,
    "jar:http://127.0.0.1!/": URL,
    "data:image/png;base64,iVBORw0KGgo=": URL,
    "unix:///run/docker.sock": URL,
    "http+unix://%2Frun%2Fdocker.sock/": URL,
    "ws://pictures.example/": URL,
}
NOT_AFTER_A_REDIRECT = {  # what can be said in a field of ours only: in a header it is no address, or another one
    "": URL,
    "http://": URL,
    "http:///127.0.0.1/": URL,
    "head.jpg": URL,
    "//127.0.0.1/": URL,
    "http:127.0.0.1/": URL,
    "\\\\127.0.0.1\\share": URL,
    "http:\\\\127.0.0.1\\": URL,
    " http://127.0.0.1/": URL,
    "http://127.0.0.1/ ": URL,
    "http://pictures.example/\r\nHost: 127.0.0.1": URL,
    "http://pictures.example/\tx": URL,
    "http://pictures.example\0.evil.example/": URL,
    "http://pictures.example/\u202egpj.exe": URL,
    "http://pictures.example/\\..\\x": URL,
    f"http://pictures.example/{'a' * 8192}": URL,
}


def resolve(host: str, port: int) -> list[str]:
    return NAMES[host] if host in NAMES else list(system_addresses(host, port))


@pytest.mark.parametrize(("url", "failure"), [*HOSTILE.items(), *NOT_AFTER_A_REDIRECT.items()], ids=ascii)
def test_a_hostile_address_is_refused_and_nobody_is_dialled(url: str, failure: Failure) -> None:
    internet = Internet()
    preflight = Preflight(STRICT, resolve=resolve, network=internet)
    assert rejection(preflight.check(Request(replica={"train_image_url": url}), NOW)) is failure
    assert internet.dialled == []


@pytest.mark.parametrize(("url", "failure"), HOSTILE.items(), ids=ascii)
def test_a_redirect_to_a_hostile_address_is_refused_and_nobody_is_dialled(server: Server, serve: Put, url: str, failure: Failure) -> None:
    path = serve(redirect(url)).removeprefix(server.url)
    internet = Internet(server.server_port)
    preflight = Preflight(STRICT, resolve=resolve, network=internet)
    assert rejection(preflight.check(Request(replica={"train_image_url": f"http://pictures.example{path}"}), NOW)) is failure
    assert internet.dialled == [PUBLIC]


def test_the_table_of_hostile_addresses_is_long_enough() -> None:
    assert len(HOSTILE) >= 40


def test_plain_http_is_refused_unless_it_is_allowed() -> None:
    assert rejection(check("http://pictures.example/a.jpg", Limits())) is Failure.URL_NOT_ALLOWED


def test_a_name_that_rebinds_between_check_and_use_is_dialled_where_it_was_checked(server: Server, serve: Put) -> None:
    path = serve(answer(picture())).removeprefix(server.url)
    answers = iter([[PUBLIC], ["169.254.169.254"]])
    internet = Internet(server.server_port)
    preflight = Preflight(STRICT, resolve=lambda *_: next(answers), network=internet)
    request = Request(replica={"train_image_url": f"http://pictures.example{path}"})
    assert preflight.check(request, NOW) == InputPassed()
    assert rejection(preflight.check(request, NOW)) is Failure.ADDRESS_NOT_ALLOWED
    assert internet.dialled == [PUBLIC]


def test_a_name_that_rebinds_behind_its_own_redirect_is_refused(server: Server, serve: Put) -> None:
    def stay(handler: BaseHTTPRequestHandler) -> None:
        answer(status=302, Location="/next.jpg", Connection="")(handler)
        handler.close_connection = False  # the old connection would be there to be used again

    path = serve(stay).removeprefix(server.url)
    answers = iter([[PUBLIC], ["169.254.169.254"]])
    internet = Internet(server.server_port)
    preflight = Preflight(STRICT, resolve=lambda *_: next(answers), network=internet)
    assert rejection(preflight.check(Request(replica={"train_image_url": f"http://pictures.example{path}"}), NOW)) is ADDRESS
    assert internet.dialled == [PUBLIC]


# Secrets


def test_no_verdict_shows_a_query_a_password_or_an_address_inside(server: Server, serve: Put) -> None:
    signed = f"?Expires={int(NOW.timestamp()) + 10**6}&Signature=s3cr3t"
    gone = serve(answer(status=404))
    fresh = [answer(status=503), answer(HTML), answer(picture(size=(9, 9))), answer(picture()[:999]), redirect(f"{gone}{signed}")]
    fresh += [
        redirect(f"http://ann:s3cr3t@a.example/{signed}"),
        redirect(f"gopher://a.example/{signed}"),
        redirect(f"http://[::1/{signed}"),
    ]
    urls = [serve(what) + signed for what in fresh]
    urls += [f"http://ann:s3cr3t@pictures.example/{signed}", f"http://ann:s3/cr3t@{server.url}/{signed}", f"http://[::1/{signed}"]
    urls += [f"http://127.0.0.1:1/{signed}", f"{gone}?Expires=s3cr3t&Signature=s3cr3t", f"{gone}%3FSignature=s3cr3t"]
    urls += [f"{gone}?X-Amz-Expires=s3cr3t&X-Amz-Date=s3cr3t"]
    for url in urls:
        verdict = check(url)
        assert isinstance(verdict, InputRejected | InputUnread), url
        assert "s3cr3t" not in verdict.detail
        assert "cr3t" not in verdict.detail
    inside = Preflight(STRICT, resolve=resolve).check(Request(replica={"train_image_url": f"http://kubernetes.default.svc/{signed}"}), NOW)
    assert rejection(inside) is Failure.ADDRESS_NOT_ALLOWED
    assert "10.96" not in detail(inside)


# Nothing is raised


def deaf(_host: str, _port: int) -> list[str]:
    raise gaierror


@given(st.text() | st.text().map("https://{}".format) | st.text().map("https://pictures.example/{}".format))
def test_any_text_for_an_address_gets_a_verdict(url: str) -> None:
    verdict = Preflight(LOOPBACK, resolve=deaf).check(Request(replica={"train_image_url": url}), NOW)
    assert isinstance(verdict, InputRejected | InputUnread)


def heard(raw: bytes) -> Verdict:
    network = httpcore.MockBackend([raw])
    return Preflight(STRICT, resolve=lambda *_: [PUBLIC], network=network).check(
        Request(replica={"train_image_url": "http://a.example/"}), NOW
    )


@given(st.binary(), st.binary(), st.sampled_from([200, 204, 206, 301, 302, 404, 500]))
def test_whatever_a_server_says_gets_a_verdict(noise: bytes, more: bytes, status: int) -> None:
    assert isinstance(heard(noise), InputRejected | InputUnread)
    line = b"HTTP/1.1 %d X\r\n" % status
    assert isinstance(heard(line + b"Location: " + noise + b"\r\n\r\n" + more), InputRejected | InputUnread)
    assert isinstance(heard(line + b"Content-Length: " + noise + b"\r\n\r\n" + more), InputRejected | InputUnread)


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from([picture(), picture(progressive=True), picture(mode="CMYK"), picture("PNG"), picture("PNG", mode="P"), picture("MPO")]),
    st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.integers(0, 255)), max_size=8),
    st.lists(st.tuples(st.integers(0, 700), st.integers(0, 255)), max_size=8),
)
def test_a_picture_with_any_byte_changed_gets_a_verdict(
    body: bytes, anywhere: list[tuple[float, int]], ahead: list[tuple[int, int]]
) -> None:
    changed = bytearray(body)
    for at, byte in [(int(part * len(body)), byte) for part, byte in anywhere] + ahead:
        changed[at] = byte
    verdict = heard(ok(bytes(changed)))
    assert isinstance(verdict, InputPassed | InputRejected)
