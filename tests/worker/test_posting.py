"""Nothing is sent but to the address that was checked, over TLS for its own name, in time; whatever is answered, nobody is followed.

Where it may not go at all: `tests.worker.test_ssrf`.
"""

import socket
import ssl
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import timedelta

import httpcore
import pytest
from typing_extensions import override

from tests.receiver import Receiver, receiving
from tests.worker.preflight.hostile import resolve
from tests.worker.preflight.served import MOMENT, PUBLIC, Internet, ok
from worker.addresses import Resolve
from worker.guarded import CallError, Guard
from worker.posting import Poster

BODY = b'{"type":"job.done"}'
SECRET = "S3CRETs3cret0123"  # noqa: S105 - it opens nothing
PATIENT = timedelta(seconds=10)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """A caller's server."""
    with receiving() as one:
        yield one


def near(within: timedelta = PATIENT) -> Poster:
    """A poster that may call loopback."""
    return Poster(Guard(allow_http=True, allow_private=True), within)


def guarded(network: httpcore.NetworkBackend, resolve: Resolve = resolve, *, allow_http: bool = True) -> Poster:
    """A poster that may not, in another internet."""
    return Poster(Guard(allow_http=allow_http, resolve=resolve, network=network), PATIENT)


def silence(poster: Poster, address: str) -> str:
    with pytest.raises(CallError) as error:
        poster.post(address, {}, BODY)
    assert SECRET not in str(error.value)
    return error.value.problem


def test_a_request_arrives_as_it_was_given_and_its_status_comes_back(receiver: Receiver) -> None:
    receiver.decide = lambda number, _id: 200 + number
    assert [near().post(receiver.url, {"webhook-id": "one"}, BODY) for _ in range(2)] == [201, 202]
    [one, _] = receiver.told
    assert one.body == BODY
    assert (one.headers["webhook-id"], one.headers["content-type"]) == ("one", "application/json")
    assert one.headers["host"] == receiver.url.removeprefix("http://").partition("/")[0]


def test_a_name_that_rebinds_is_dialled_where_it_was_checked_and_checked_anew_the_next_time(receiver: Receiver) -> None:
    answers = iter([[PUBLIC], ["169.254.169.254"]])
    internet = Internet(receiver.server_port)
    poster = guarded(internet, resolve=lambda *_: next(answers))
    address = f"http://caller.example/told?token={SECRET}"
    assert poster.post(address, {}, BODY) == 204
    assert "not public" in silence(poster, address)
    assert internet.dialled == [PUBLIC]


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_an_answer_and_nobody_follows_it(receiver: Receiver, status: int) -> None:
    receiver.decide = lambda _number, _id: status
    receiver.headers["Location"] = "http://169.254.169.254/latest/meta-data/"
    internet = Internet(receiver.server_port)
    assert guarded(internet).post("http://pictures.example/told", {}, BODY) == status
    assert internet.dialled == [PUBLIC]
    assert len(receiver.told) == 1


class Secured(httpcore.MockBackend):
    """An internet that answers 200 and remembers what TLS it was asked for."""

    asked: list[tuple[str, str | None, bool, ssl.VerifyMode]]

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
                asked.append((host, server_hostname, ssl_context.check_hostname, ssl_context.verify_mode))
                return self

        return Stream([ok(b"")])


def test_the_checked_address_is_dialled_and_the_certificate_is_asked_for_the_name() -> None:
    network = Secured([])
    assert guarded(network, allow_http=False).post("https://pictures.example/told", {}, BODY) == 200
    assert network.asked == [(PUBLIC, "pictures.example", True, ssl.CERT_REQUIRED)]


def test_plain_http_is_refused_unless_the_settings_allow_it(receiver: Receiver) -> None:
    silence(guarded(Internet(receiver.server_port), allow_http=False), "http://pictures.example/told")
    assert receiver.told == []


@contextmanager
def dripping(piece: bytes) -> Iterator[str]:
    """A server that sends a piece again and again and never ends; its address."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        over = threading.Event()

        def serve() -> None:
            line, _ = server.accept()
            with line:
                while not over.wait(0.02):
                    try:
                        line.sendall(piece)
                    except OSError:
                        return

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}/told?token={SECRET}"
        over.set()
        thread.join(5)


def test_a_server_that_drips_its_headers_is_hung_up_on_in_time() -> None:
    with dripping(b"X") as address:
        began = time.monotonic()
        assert silence(near(MOMENT), address) == "was not answered in time"
        assert time.monotonic() - began < 20


def test_of_an_endless_body_nothing_is_read() -> None:
    with dripping(b"HTTP/1.1 200 OK\r\nContent-Length: 999999999999\r\n\r\n" + b"x" * 1000) as address:
        assert near().post(address, {}, BODY) == 200


def test_a_port_where_nobody_listens_is_no_answer() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        assert silence(near(), f"http://127.0.0.1:{free.getsockname()[1]}/told") == "could not be read: the connection failed"
