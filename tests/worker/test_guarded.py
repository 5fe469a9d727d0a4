"""The guarded client's promises, over real sockets. Where it may not go at all: `tests.worker.test_ssrf`."""

import ssl
import threading
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from http.server import BaseHTTPRequestHandler

import httpcore
import pytest

from tests.worker.preflight.served import MOMENT, PUBLIC, Internet, Serve, Server, answer, redirect
from tests.worker.preflight.test_redirects import Secured
from worker.guarded import CallError, Guard, NotAllowedError, TooLongError, UnansweredError

WITHIN = timedelta(seconds=5)
OPEN = Guard(allow_http=True, allow_private=True)
Put = Callable[[Serve], str]


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with Server() as served:
        threading.Thread(target=served.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        yield served
        served.shutdown()


@pytest.fixture
def put(server: Server) -> Put:
    def at(what: Serve) -> str:
        path = f"/{len(server.serves)}"
        server.serves[path] = what
        return server.url + path

    return at


def test_a_redirect_is_an_answer_and_not_followed(server: Server, put: Put) -> None:
    url = put(redirect("http://169.254.169.254/latest/meta-data/"))
    server.asked.clear()
    told = OPEN.call("GET", url, within=WITHIN, most=9)
    assert (told.status, told.succeeded, told.body) == (302, False, b"")
    assert told.headers["location"] == "http://169.254.169.254/latest/meta-data/"
    assert len(server.asked) == 1


def test_in_one_session_too_each_call_is_checked_anew(server: Server, put: Put) -> None:
    path = put(answer(b"there")).removeprefix(server.url)
    answers = iter([[PUBLIC], ["127.0.0.1"]])
    internet = Internet(server.server_port)
    guard = Guard(allow_http=True, resolve=lambda *_: next(answers), network=internet)
    with guard.session(WITHIN) as session:
        assert session.call("GET", f"http://pictures.example{path}").status == 200
        with pytest.raises(NotAllowedError):
            session.call("GET", f"http://pictures.example{path}")
    assert internet.dialled == [PUBLIC]


def test_the_host_header_and_tls_keep_the_name() -> None:
    secured = Secured([b"HTTP/1.1 204 No Content\r\n\r\n"])
    guard = Guard(resolve=lambda *_: [PUBLIC], network=secured)
    assert guard.call("POST", "https://told.example:8443/hook?a=b", within=WITHIN, body=b"{}").status == 204
    assert secured.asked == [("told.example", True, ssl.CERT_REQUIRED)]


def test_what_is_sent_arrives_as_it_was_given() -> None:
    sent = bytearray()

    class Line(httpcore.MockBackend):
        def connect_tcp(self, *_: object, **__: object) -> httpcore.NetworkStream:
            class Stream(httpcore.MockStream):
                def write(self, buffer: bytes, timeout: float | None = None) -> None:
                    del timeout
                    sent.extend(buffer)

            return Stream([b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"])

    guard = Guard(allow_http=True, agent="a test", resolve=lambda *_: [PUBLIC], network=Line([]))
    guard.call("POST", "http://told.example:81/hook?a=%2F", within=WITHIN, headers={"webhook-id": "m1"}, body=b'{"a":1}')
    head, _, body = bytes(sent).partition(b"\r\n\r\n")
    lines = head.decode().split("\r\n")
    assert lines[0] == "POST /hook?a=%2F HTTP/1.1"
    assert sorted(lines[1:]) == [
        "Accept-Encoding: identity",
        "Content-Length: 7",
        "Host: told.example:81",
        "User-Agent: a test",
        "webhook-id: m1",
    ]
    assert body == b'{"a":1}'


def test_of_a_success_no_more_is_read_than_was_asked_for_and_of_a_failure_nothing(put: Put) -> None:
    ten, unsized, gone = put(answer(b"0123456789")), put(answer(b"0123456789", Content_Length="")), put(answer(b"secret", status=404))
    assert OPEN.call("GET", ten, within=WITHIN, most=10).body == b"0123456789"
    assert OPEN.call("GET", ten, within=WITHIN).body == b""
    assert OPEN.call("GET", gone, within=WITHIN, most=99).body == b""
    for url in (ten, unsized):
        with pytest.raises(TooLongError, match="9 bytes"):
            OPEN.call("GET", url, within=WITHIN, most=9)


def test_a_server_that_drips_is_hung_up_on_in_time(put: Put) -> None:
    over = threading.Event()

    def drip(handler: BaseHTTPRequestHandler) -> None:
        handler.wfile.write(b"HTTP/1.1 200 OK\r\n\r\n")
        while not over.wait(0.02):
            handler.wfile.write(b"x")

    begun = time.monotonic()
    with pytest.raises(UnansweredError, match="in time"):
        OPEN.call("GET", put(drip), within=MOMENT, most=10**9)
    over.set()
    assert time.monotonic() - begun < WITHIN.total_seconds()


def test_a_dead_host_is_unanswered_and_plain_http_needs_leave() -> None:
    with pytest.raises(UnansweredError, match="connection failed"):
        OPEN.call("GET", "http://127.0.0.1:9/", within=WITHIN)
    with pytest.raises(NotAllowedError, match="does not start with https://"):
        Guard().call("GET", "http://told.example/", within=WITHIN)


@pytest.mark.parametrize("url", ["https://ann:pass-word@a.example/?s3cr3t", "gopher://a.example/?s3cr3t", "http://127.0.0.1:9/?s3cr3t"])
def test_no_error_repeats_the_address_it_is_about(url: str) -> None:
    with pytest.raises(CallError) as told:
        OPEN.call("GET", url, within=WITHIN)
    assert "s3cr3t" not in str(told.value)
    assert "pass-word" not in str(told.value)
    assert str(told.value).endswith("."), "what to do is a sentence"
